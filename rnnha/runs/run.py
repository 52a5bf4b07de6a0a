"""One run, from its names to `metrics.csv`.

A run is complete when `metrics.csv` is there: it is written last. `run` returns at once when
the run is complete, and goes on from the last epoch when it is not.
"""

import time
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from rnnha import experiments, methods, profiles
from rnnha.data.manifest import Benchmark
from rnnha.data.sets import load
from rnnha.data.subset import fewer_vehicles, hold_out, test_images
from rnnha.experiments import Row
from rnnha.files import printable
from rnnha.methods import Method
from rnnha.paths import alone, sha256
from rnnha.profiles import Profile, Scale
from rnnha.runs import folder, keys
from rnnha.runs.expect import expect_same, expect_trainable
from rnnha.runs.folder import RunFolder

FROM_SCRATCH = "from scratch"
FROM_CHECKPOINT = "from a checkpoint"  # which one, `checkpoint` tells


@dataclass(frozen=True)
class Run:
    """A row at a profile, on a data set, with a seed.

    benchmark: as the profile uses it, see `prepared`. precision: what was asked for.
    imported: the backbone's first weights, where the profile wants them and they are found.
    checkpoint: what a row goes on from that starts from one; None: the shipped checkpoint.
    """

    row: Row
    profile: Profile
    benchmark: Benchmark
    seed: int
    precision: str = "float32"
    imported: Path | None = None
    checkpoint: Path | None = None

    @property
    def method(self) -> type[Method]:
        return methods.of(self.row)

    @cached_property
    def scale(self) -> Scale:
        return self.profile.scale(self.row, self.method.images_for(self))

    @property
    def folder(self) -> RunFolder:
        return folder.locate(self.benchmark.name, self.row.slug, self.seed)

    @cached_property
    def stage0(self) -> "Run | None":
        """The run whose weights this one starts from."""
        start = methods.stage0_of(self.row)
        return start and replace(self, row=start)

    @property
    def start(self) -> Path | None:
        """The checkpoint that it goes on from; None for a row that starts from none."""
        if not self.method.starts_from_checkpoint:
            return None
        from rnnha.methods import finetuned

        return self.checkpoint or finetuned.SHIPPED

    @property
    def given(self) -> Path | None:
        """Weights from elsewhere that it takes in place of training."""
        return self.method.given(self.benchmark.of)

    @property
    def taken(self) -> list["Run"]:
        """The runs that it takes something from, beside stage 0."""
        return [replace(self, row=row) for row in self.method.takes(self.row)]

    @property
    def pretrained(self) -> dict | str:
        """What the backbone began from: stage 0's word for it, where there is a stage 0."""
        if self.start is not None or self.given is not None:
            return FROM_CHECKPOINT
        if self.stage0 is not None:
            return self.stage0.folder.config()["pretrained"]
        if self.imported is None:
            return FROM_SCRATCH
        from rnnha.models.pretrained import weights

        return weights.describe(self.imported)

    def config(self, pretrained: dict | str = FROM_SCRATCH) -> dict:
        """All that decides the run's numbers except data and sources.

        pretrained: see the property. Stage 0, where it is there, is part of it by its key.
        """
        config = {
            "experiment": self.row.slug,
            "dataset": self.benchmark.name,
            "synthetic": self.benchmark.synthetic,
            "seed": self.seed,
            "profile": self.profile.name,
            "method": self.row.method,
            "image_size": self.scale.image_size,
            **self.method.settings(self),
        }
        if self.method.has_weights:
            start = self.stage0 and self.stage0.folder
            known = start is not None and start.complete
            config["stage0"] = start.config()["settings_key"] if known else None
            config["pretrained"] = pretrained
        if taken := self.taken:
            config["takes"] = {
                run.row.slug: run.folder.config()["settings_key"] if run.folder.complete else None
                for run in taken
            }
        if self.precision != "float32":
            config["precision"] = self.precision
        return config

    @cached_property
    def recorded(self) -> dict:
        """`config` with the keys of its parts, as `config.json` has it; stage 0 is finished."""
        config = self.config(self.pretrained if self.method.has_weights else FROM_SCRATCH)
        parts = keys.key_parts(config, self.benchmark)
        settings = f"{parts['configuration']}-{parts['data']}"
        return config | {"key_parts": parts, "settings_key": settings}

    @property
    def key(self) -> str:
        """What a checkpoint of this training must be of, to be gone on with."""
        return f"{self.recorded['settings_key']}-{self.recorded['key_parts']['sources']}"


def run(
    experiment: str,
    dataset: str,
    seed: int = 0,
    profile: str = "rendered",
    *,
    holdout: bool = False,
    force: bool = False,
    precision: str = "float32",
    checkpoint: Path | None = None,
) -> Path:
    """Train and score one row on one data set with one seed; return the run's folder.

    experiment: a slug of `rnnha.experiments`. dataset: a name, or the path of a CSV manifest.
    holdout: train on four fifths of the training vehicles and test on the rest. force: start
    again although the run is complete. precision: of `profiles.PRECISIONS`. checkpoint: as in
    `Run`. Raises KeyError for unknown names, ValueError for an unknown precision or seed and for a
    finished run of other settings, and DataError where the data set is absent or broken, or a
    checkpoint is not of the row's network.
    """
    if precision not in profiles.PRECISIONS:
        known = ", ".join(profiles.PRECISIONS)
        raise ValueError(f"unknown precision {precision!r}; known: {known}")
    if not 0 <= seed < 2**32:
        raise ValueError(f"seed {seed}: expected a whole number from 0 to 2^32 - 1")
    row, size = experiments.row(experiment), profiles.profile(profile)
    methods.of(row)
    benchmark = prepared(load(dataset), size, holdout)
    return carry_out(Run(row, size, benchmark, seed, precision, checkpoint=checkpoint), force).path


def carry_out(wanted: Run, force: bool = False) -> RunFolder:
    """Bring a run, and the stage 0 that it starts from, to its `metrics.csv`.

    A second process that wants the same run waits for the first, and then finds it done.
    """
    from rnnha.training import processes

    place = wanted.folder
    if not force and processes.from_writer(lambda: place.complete):
        expect_same(wanted)
        return place
    matches = expect_trainable(wanted)
    if processes.is_writer() and wanted.row.kind != "stage":  # the row that it serves has said it
        print(printable("\n".join([*wanted.benchmark.notes, matches.text])))
    label = f"{place.dataset}/{place.slug}/seed{place.seed}"
    with alone(place.path / "run", label) if processes.is_writer() else nullcontext() as locked:
        if not force and processes.from_writer(lambda: place.complete):
            expect_same(wanted)
            return place
        for first in filter(None, [wanted.stage0, *wanted.taken]):
            carry_out(first)
        imported = processes.first_the_writer(
            lambda: None if wanted.given else first_weights(wanted.row, wanted.profile)
        )
        if processes.is_writer():  # not before all that it needs is there
            place.tidy(force, locked)
        _train_and_score(replace(wanted, imported=imported))
        processes.wait()  # the others may not read a run that is not complete
    return place


def _train_and_score(run: Run) -> None:
    from rnnha.runs.environment import environment
    from rnnha.scoring.measure import measure
    from rnnha.scoring.protocols import summarise
    from rnnha.training import processes

    method, began = run.method(run), time.perf_counter()
    history = method.fit(run.benchmark.train)
    outputs = method.embed(test_images(run.benchmark))
    spent = time.perf_counter() - began
    if not processes.is_writer():
        return
    measured = measure(method, run.benchmark, outputs)
    if measured.arrays:
        run.folder.write_embeddings(measured.names, measured.arrays)
    ran_on = environment() | {"precision": method.precision}
    if not history:  # which tells the seconds of each epoch
        ran_on["seconds"] = round(spent, 1)
    if processes.world_size() > 1:
        ran_on["processes"] = processes.world_size()
    metrics, recorded = summarise(measured.per_query), run.recorded
    if run.method.has_weights:
        recorded = recorded | {"weights_sha256": sha256(run.folder.weights)}
    run.folder.write(
        recorded,
        ran_on,
        history,
        measured.per_query,
        metrics,
        measured.attention,
        measured.swap,
    )


def prepared(benchmark: Benchmark, profile: Profile, holdout: bool = False) -> Benchmark:
    """The benchmark as this profile uses it: held out, or with fewer vehicles."""
    if holdout:
        benchmark = hold_out(benchmark)
    if profile.train_vehicles or profile.test_vehicles:
        benchmark = fewer_vehicles(benchmark, profile.train_vehicles, profile.test_vehicles)
    return benchmark


def _begins(row: Row, profile: Profile) -> bool:
    """Whether a row trains a network, and no stage 0 has been before it."""
    method = methods.of(row)
    trains = method.has_weights and bool(method.phases(row, profile.scale(row)))
    return trains and methods.stage0_of(row) is None and not method.starts_from_checkpoint


def first_weights(row: Row, profile: Profile) -> Path | None:
    """ImageNet weights for a backbone's first training where the profile wants them, else None.

    The released variant feeds raw colours into them, although they expect normalised ones: that
    is what the authors ran. Raises FileNotFoundError with what to fetch and where to put it.
    """
    if not profile.pretrained or not _begins(row, profile):
        return None
    from rnnha.models.pretrained import weights

    return weights.find_weights(profile.scale(row).backbone)
