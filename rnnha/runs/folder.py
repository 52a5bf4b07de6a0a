"""The folder of a run: which files it holds, and how they are found, read and written.

    <source>/<data set>/<row>/seed<k>/
        config.json        what decides the numbers          env.json     what it ran on
        history.csv        one line an epoch                 attention.csv    scores of its maps
        per_query.csv.gz   AP and first rank of each query   swap.csv.gz  the same, by swapped map
        metrics.csv        the numbers; written last     maps.csv.gz, curves.csv  see `runs.maps`
        weights.safetensors, embeddings.npz, checkpoint<phase>.pt, 02_train.ipynb   (local)

A source is `results/runs` (one's own) or `results/reference` (the committed small files). A run is
complete when its `metrics.csv` is there, and counts only then. No other module names these files.
Reading needs no images, no weights and no torch.
"""

import re
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import paths
from rnnha.files import DataError
from rnnha.paths import atomic, sha256
from rnnha.runs.small_files import (
    read_csv,
    read_json,
    read_packed,
    read_per_query,
    write_csv,
    write_json,
    write_packed,
    write_per_query,
)

# Ends the name of a kind of map in `maps.csv.gz`: its mean over training images, see `runs.maps`.
MEAN = " (mean)"
HISTORY = (
    "stage",
    "epoch",
    "loss",
    "coarse_loss",
    "fine_loss",
    "coarse_accuracy",
    "fine_accuracy",
    "learning_rate",
    "seconds",
)
_CONFIG, _ENVIRONMENT, _HISTORY = "config.json", "env.json", "history.csv"
_PER_QUERY, _ATTENTION, _METRICS = "per_query.csv.gz", "attention.csv", "metrics.csv"
_SWAP, _MAPS, _CURVES = "swap.csv.gz", "maps.csv.gz", "curves.csv"
_WEIGHTS, _EMBEDDINGS, _NOTEBOOK = "weights.safetensors", "embeddings.npz", "02_train.ipynb"
# What the reference keeps of a run; metrics.csv comes last, as everywhere.
_TRAINED = (_CONFIG, _ENVIRONMENT, _HISTORY, _PER_QUERY, _ATTENTION, _SWAP)
_MEASURED = (_CURVES, _MAPS)  # of a finished run's weights, on request
_SMALL = (*_TRAINED, *_MEASURED, _METRICS)


@dataclass(frozen=True)
class RunFolder:
    """One run's folder, whether it is there or not."""

    path: Path

    @property
    def dataset(self) -> str:
        return self.path.parents[1].name

    @property
    def slug(self) -> str:
        return self.path.parent.name

    @property
    def seed(self) -> int:
        return int(self.path.name.removeprefix("seed"))

    @property
    def complete(self) -> bool:
        """Whether the run is finished: an empty metrics.csv is what a full disk leaves."""
        file = self.path / _METRICS
        return file.is_file() and file.stat().st_size > 0

    @property
    def started(self) -> bool:
        """Whether a training was begun here that can go on."""
        return any(self.path.glob("checkpoint*.pt"))

    @property
    def has_embeddings(self) -> bool:
        return (self.path / _EMBEDDINGS).exists()

    @property
    def metrics_file(self) -> Path:
        """For people and make: the file that says that the run is complete."""
        return self.path / _METRICS

    @property
    def weights(self) -> Path:
        return self.path / _WEIGHTS

    def whole_weights(self) -> Path:
        """The file of the weights; DataError unless it is what the run recorded of it."""
        if not self.weights.is_file():
            raise DataError(f"{self.weights} is gone; train the run again with --force")
        recorded = self.config().get("weights_sha256")
        if recorded is not None and sha256(self.weights) != recorded:
            raise DataError(
                f"{self.weights}: changed since the run was finished (its SHA-256 is not that in "
                f"{_CONFIG}); train the run again with --force"
            )
        return self.weights

    @property
    def notebook(self) -> Path:
        """Notebook 02 as it was executed for this run."""
        return self.path / _NOTEBOOK

    def checkpoint(self, phase: int | str) -> Path:
        """The state of a training in its phase, counted from 0, or of one that it needs first."""
        return self.path / f"checkpoint{phase}.pt"

    # --- reading; each raises DataError that names the file ---

    def config(self) -> dict:
        return read_json(self.path / _CONFIG)

    def environment(self) -> dict:
        return read_json(self.path / _ENVIRONMENT)

    def metrics(self) -> pd.DataFrame:
        """Tidy: experiment, seed, dataset, test_size, protocol, trial, metric, value, n_query,
        n_gallery."""
        return read_csv(self.path / _METRICS, ["test_size", "protocol", "metric", "value"])

    def history(self) -> pd.DataFrame:
        """One row an epoch, columns HISTORY, then what the row's loss tells besides; empty where
        nothing was trained."""
        file = self.path / _HISTORY
        if file.is_file() and not file.read_text(encoding="utf-8").strip():
            return pd.DataFrame(columns=list(HISTORY))
        return read_csv(file, HISTORY[:7])

    def attention(self) -> pd.DataFrame | None:
        """See `scoring.attention.Analysis`; None for a run whose maps were not scored."""
        file = self.path / _ATTENTION
        return read_csv(file, ["map", "reference", "metric", "value"]) if file.exists() else None

    def per_query(self) -> pd.DataFrame:
        """See `scoring.protocols.score`."""
        return read_per_query(self.path / _PER_QUERY)

    def swap(self) -> pd.DataFrame | None:
        """The swap test query by query, see `scoring.attention.Analysis`; None for a run that has
        no such test, or is older than this file."""
        file = self.path / _SWAP
        return read_per_query(file) if file.exists() else None

    @property
    def maps_file(self) -> Path:
        return self.path / _MAPS

    def maps(self) -> pd.DataFrame | None:
        """See `runs.maps.Measured.values`; None for a run whose maps were not measured."""
        return read_packed(self.maps_file) if self.maps_file.exists() else None

    def curves(self) -> pd.DataFrame | None:
        """See `runs.maps.Measured.curves`; None for a run whose maps were not measured, or before
        there was this file."""
        file = self.path / _CURVES
        return read_csv(file, ["map", "curve", "share", "value"]) if file.exists() else None

    def write_maps(self, values: pd.DataFrame, curves: pd.DataFrame) -> None:
        """What was measured of the maps; `maps` is there last."""
        write_csv(self.path / _CURVES, curves)
        write_packed(values, self.maps_file, "%.6g")

    def embeddings(self) -> dict[str, np.ndarray] | None:
        """names [N] and what the network made of these test images; None where it is not kept."""
        file = self.path / _EMBEDDINGS
        if not file.exists():
            return None
        try:
            with np.load(file, allow_pickle=False) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise DataError(f"{file}: damaged ({error}); train again with --force") from error

    # --- writing: each file by rename, metrics.csv last ---

    def write_embeddings(self, names: np.ndarray, arrays: dict[str, np.ndarray]) -> None:
        with atomic(self.path / _EMBEDDINGS) as temporary:
            np.savez(temporary, names=names, **arrays)

    def write(
        self,
        config: dict,
        environment: dict,
        history: list[dict],
        per_query: pd.DataFrame,
        metrics: pd.DataFrame,
        attention: pd.DataFrame | None = None,
        swap: pd.DataFrame | None = None,
    ) -> None:
        """All small files of a run; it is complete afterwards, and absent until then."""
        write_json(self.path / _CONFIG, config)
        write_json(self.path / _ENVIRONMENT, environment)
        told = pd.DataFrame(history)
        columns = list(dict.fromkeys((*HISTORY, *told)))
        write_csv(self.path / _HISTORY, told.reindex(columns=columns))
        if attention is not None:
            write_csv(self.path / _ATTENTION, attention)
        if swap is not None:
            write_per_query(swap, self.path / _SWAP)
        write_per_query(per_query, self.path / _PER_QUERY)
        named = {"experiment": self.slug, "seed": self.seed, "dataset": self.dataset}
        metrics = metrics.assign(**named)[[*named, *metrics.columns]]
        write_csv(self.path / _METRICS, metrics)
        self.forget_checkpoints()

    def forget(self) -> None:
        """Nothing of a finished or begun run shall be taken for the next one's."""
        for name in (_METRICS, *_SMALL, _EMBEDDINGS):
            (self.path / name).unlink(missing_ok=True)
        self.forget_checkpoints()

    def tidy(self, force: bool, locked: bool) -> None:
        """Take away what a killed writer left; force: what a finished or begun run left, too.

        locked: the run's lock is ours; without it what lies there may be another's work. A notebook
        being executed is another's anyway.
        """
        for leftover in self.path.glob(".*.tmp*") if locked else ():
            if leftover.suffix != ".ipynb":
                leftover.unlink(missing_ok=True)
        if force:
            self.forget()

    def forget_checkpoints(self) -> None:
        for file in self.path.glob("checkpoint*.pt"):
            file.unlink(missing_ok=True)

    def copy_small_files(self, target: "RunFolder") -> None:
        """Copy what the reference keeps: the old metrics.csv goes first, the new one comes last.

        Measured maps that the target has stay where they are of the same weights.
        """
        own = self._weights_sha256()
        if own is None or own != target._weights_sha256():
            for name in _MEASURED:
                (target.path / name).unlink(missing_ok=True)
        (target.path / _METRICS).unlink(missing_ok=True)
        for name in _SMALL:
            if (self.path / name).exists():
                with atomic(target.path / name) as temporary:
                    shutil.copyfile(self.path / name, temporary)
            elif name not in _MEASURED:
                (target.path / name).unlink(missing_ok=True)

    def _weights_sha256(self) -> str | None:
        """Of the weights, as the run recorded it; None where it did not, or cannot be read."""
        try:
            return self.config().get("weights_sha256")
        except DataError:
            return None


def own() -> Path:
    """The source of one's own runs."""
    return paths.RESULTS / "runs"


def source(name: str) -> Path:
    """The source of this name: "reference", the committed runs, or "runs", one's own; KeyError."""
    known = {"reference": paths.REFERENCE, "runs": own()}
    if name not in known:
        raise KeyError(f"unknown source {name!r}; known: {', '.join(known)}")
    return known[name]


def locate(dataset: str, slug: str, seed: int, source: Path | None = None) -> RunFolder:
    """The folder of one run; dataset: as `data.sets.name_of` gives it."""
    return RunFolder((source or own()) / dataset / slug / f"seed{seed}")


def finished(source: Path, dataset: str, slug: str) -> dict[int, RunFolder]:
    """The finished runs of a row, by seed, in ascending order."""
    found = _runs((Path(source) / dataset / slug).glob("seed*"))
    return dict(sorted((folder.seed, folder) for folder in found))


def every(source: Path) -> Iterator[RunFolder]:
    """All finished runs of a source, sorted by data set, row and seed."""
    yield from _runs(sorted(Path(source).glob("*/*/seed*")))


def _runs(paths: Iterable[Path]) -> Iterator[RunFolder]:
    """The finished runs among these folders; a copy called "seed0 old" is none."""
    for path in paths:
        if re.fullmatch(r"seed\d+", path.name) and (folder := RunFolder(path)).complete:
            yield folder
