"""Finished runs, a row of a table at a time: per-query values, histories, configurations.

A source is a folder of runs, see `rnnha.runs.folder`. Reading needs no images, no weights and no
torch.
"""

import json
from pathlib import Path

import pandas as pd

from rnnha import methods, paths
from rnnha.data import sets
from rnnha.experiments import ROWS, VARIANTS, row, rows_of
from rnnha.runs.folder import RunFolder, finished
from rnnha.scoring.protocols import METRICS, values

Shown = tuple[str, str, str]  # slug, title and kind of a row


class ResultsError(ValueError):
    """Runs that cannot be put into one table; the message says which and why."""


def configurations(source: Path, dataset: str, slug: str) -> list[dict]:
    """config.json of the finished runs, by seed in ascending order; `precision` is the one used."""
    return [
        folder.config() | {"precision": folder.environment().get("precision")}
        for folder in finished(source, dataset, slug).values()
    ]


def table_rows(dataset: str) -> list[Shown]:
    """The rows of a data set's table, in the poster's order; KeyError where it has no table."""
    found = sets.with_table(dataset)
    return [(r.slug, r.title, r.kind) for r in rows_of(found.poster.name, found.synthetic)]


def crossed(slug: str, trained_on: str) -> str:
    """What a row is called where its weights come from another data set."""
    return f"{slug}-from-{trained_on}"


def cross_rows(source: Path, dataset: str) -> list[Shown]:
    """The rows trained on another data set and scored on this one, kind "cross", as far as there
    are finished runs of them; in the table's order."""
    found = []
    for r in (*ROWS, *VARIANTS):
        for folder in sorted((Path(source) / dataset).glob(crossed(r.slug, "*"))):
            if finished(source, dataset, folder.name):
                other = sets.title(folder.name.removeprefix(crossed(r.slug, "")))
                found.append((folder.name, f"{r.title}, trained on {other}", "cross"))
    return found


class Results:
    """The finished runs of one data set; every run is read once."""

    def __init__(self, source: Path, dataset: str):
        self.source, self.dataset = Path(source), dataset
        self._tables: dict[str, dict[tuple[str, str], pd.DataFrame]] = {}

    @property
    def data_set(self) -> sets.DataSet:
        """The set's record; DataError for one's own, which has none."""
        return sets.known(self.dataset)

    @property
    def poster(self) -> sets.Poster | None:
        return self.data_set.poster

    @property
    def rows(self) -> list[Shown]:
        """All rows of the table: the poster's, and those trained on another data set."""
        return [*table_rows(self.dataset), *cross_rows(self.source, self.dataset)]

    def pairs(self, experiment: str) -> list[tuple[str, str]]:
        """(protocol, test size) pairs that a row was scored with, smaller test sizes first."""
        return sorted(self._of(experiment), key=lambda pair: (pair[0], len(pair[1]), pair[1]))

    def by_seed(
        self, experiment: str, protocol: str, test_size: str, value: str
    ) -> pd.DataFrame | None:
        """Values [queries x seeds], or None where the row has no such number.

        value: a metric (percent), "first_rank" or "n_gallery". The index is (vehicle_id, trial,
        query): a gallery draw of VehicleID is a trial, and a query's value in another trial is a
        value of its own. Queries without a good match are left out. Raises ResultsError where the
        seeds of a row were not scored on the same queries.
        """
        table = self._of(experiment).get((protocol, test_size))
        return None if table is None else table[value]

    def _of(self, experiment: str) -> dict[tuple[str, str], pd.DataFrame]:
        if experiment not in self._tables:
            self._expect_one_kind(experiment)
            parts = [
                _read(folder, seed)
                for seed, folder in finished(self.source, self.dataset, experiment).items()
            ]
            groups = pd.concat(parts).groupby(["protocol", "test_size"]) if parts else ()
            self._tables[experiment] = {
                pair: self._table(experiment, pair, rows) for pair, rows in groups
            }
        return self._tables[experiment]

    def _expect_one_kind(self, experiment: str) -> None:
        """ResultsError unless all seeds are of one profile, image size, backbone and training."""
        kinds: dict[str, list[str]] = {}
        for seed, run in finished(self.source, self.dataset, experiment).items():
            config = run.config()
            parts = {name: config.get(name) for name in ("profile", "image_size", "backbone")}
            kind = json.dumps([parts, config.get("phases")])
            kinds.setdefault(kind, []).append(f"seed {seed} of profile {parts['profile']}")
        if len(kinds) > 1:
            raise ResultsError(
                f"{self.source / self.dataset / experiment}: the seeds were not trained alike "
                f"({'; '.join(', '.join(seeds) for seeds in kinds.values())}); train the others "
                "again (`rnnha run ... --force`), or keep them in another RNNHA_RESULTS"
            )

    def _table(self, experiment: str, pair: tuple[str, str], rows: pd.DataFrame) -> pd.DataFrame:
        table = rows.pivot(
            index=["vehicle_id", "trial", "query"],
            columns="seed",
            values=[*METRICS, "first_rank", "n_gallery"],
        )
        if table.isna().any(axis=None):
            raise ResultsError(
                f"{self.source / self.dataset / experiment}: the seeds were not scored on the "
                f"same queries ({pair[0]}, test size {pair[1]}). Run the stale seeds again "
                f"(`make status` names them)."
            )
        return table


def _read(folder: RunFolder, seed: int) -> pd.DataFrame:
    frame = folder.per_query()
    frame = frame[frame["first_rank"] > 0]
    return frame.assign(seed=seed, **{metric: values(frame, metric) for metric in METRICS})


def describe(folder: RunFolder) -> tuple[str, str]:
    """(key of configuration and data, hardware) of a run."""
    return folder.config()["settings_key"], folder.environment()["hardware"]


def history(source: Path, dataset: str, titles: dict[str, str]) -> pd.DataFrame:
    """Training histories of the rows `titles` (slug -> title) as `plots.training_curves` wants.

    Rows that start from a stage 0, a run of its own, go on at the epoch after its last, where it
    is among the rows.
    """
    frames = []
    for slug, title in titles.items():
        for seed, folder in finished(source, dataset, slug).items():
            frame = folder.history()
            if frame.empty:
                continue  # nothing was trained: oracles, colour histogram, untrained network
            frame[["coarse_accuracy", "fine_accuracy"]] *= 100
            frames.append(frame.assign(slug=slug, method=title, seed=seed))
    if not frames:
        return pd.DataFrame()
    whole = pd.concat(frames, ignore_index=True)
    epochs = whole.groupby("slug")["epoch"].max()
    before = {
        slug: epochs.get(stage0.slug, 0)
        for slug in epochs.index
        if (stage0 := methods.stage0_of(row(slug)))
    }
    whole["step"] = whole["epoch"] + whole["slug"].map(before).fillna(0).astype(int)
    return whole.drop(columns="slug")


def adversary_history(source: Path, dataset: str) -> pd.DataFrame:
    """VAMI's histories with how its adversaries stand (see `training.losses`), shares in percent
    and with a column seed; of runs that kept it, so it may be empty."""
    frames = [
        frame.assign(seed=seed)
        for seed, folder in finished(source, dataset, "vami").items()
        if "source_loss" in (frame := folder.history())
    ]
    if not frames:
        return pd.DataFrame()
    whole = pd.concat(frames, ignore_index=True)
    shares = [f"{kind}_{share}" for kind in ("real", "generated") for share in ("told", "accuracy")]
    whole[shares] *= 100
    return whole


def vehicles(dataset: str, source: Path) -> pd.DataFrame | None:
    """vehicle_id, type, model, paint of the test vehicles; None for sets that do not tell.

    Read from the source or the reference, else from the side-car of the unpacked set.
    """
    for folder in (Path(source), paths.REFERENCE):
        if (file := folder / dataset / "vehicles.csv").exists():
            return pd.read_csv(file)
    return side_car_vehicles(paths.DATA / dataset / "images.csv")


def side_car_vehicles(side_car: Path) -> pd.DataFrame | None:
    """One row a test vehicle of a rendered set's images.csv; None where there is no such file."""
    if not side_car.exists():
        return None
    images = pd.read_csv(side_car, keep_default_na=False)
    test = images.loc[images["split"] != "train", ["vehicle_id", "type", "model", "paint"]]
    return test.drop_duplicates().sort_values("vehicle_id", ignore_index=True)
