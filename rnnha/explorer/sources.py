"""The networks that can be looked into: the shipped one, and one's own finished runs."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from torch import nn

from rnnha import experiments, methods, paths
from rnnha.data import sets
from rnnha.methods.network import load_checkpoint
from rnnha.runs import compare, folder, outcome, release
from rnnha.runs.outcome import Outcome

NOTHING = "no rendered set is unpacked and no run is finished: `make data`"


@dataclass(frozen=True)
class Source:
    """A network on a data set: the shipped checkpoint where slug is "", else a finished run."""

    dataset: str
    slug: str = ""
    seed: int = 0

    @property
    def key(self) -> str:
        return f"{self.dataset}/{self.slug}/seed{self.seed}" if self.slug else self.dataset

    @property
    def weights(self) -> str:
        """What names its weights: the shipped network is the same on every set."""
        return self.key if self.slug else "shipped"

    @property
    def title(self) -> str:
        if self.slug:
            return f"{experiments.row(self.slug).title}, seed {self.seed}"
        return f"{experiments.row(release.ROW).title}, seed {release.SEED} (shipped)"

    @property
    def learned_from(self) -> list[str]:
        """The data sets that it has seen, in order; none for a system that does not learn."""
        if not self.slug:
            return [release.DATASET]
        config = folder.locate(self.dataset, self.slug, self.seed).config()
        if "outside" in config:
            return [config["outside"]]
        before = [each["dataset"] for each in config.get("checkpoint", {}).get("seen", ())]
        learns = config.get("phases", methods.of(experiments.row(self.slug)).learns)
        return [*before, self.dataset] if learns else before

    @property
    def room(self) -> Path:
        """Where the scores of the run that it is, or was, are kept: one's own or the reference."""
        return folder.own() if self.slug else paths.REFERENCE

    @property
    def attends(self) -> bool:
        """Whether it has an attention of its own, and so can be asked about another."""
        row = experiments.row(self.slug or release.ROW)
        return methods.of(row).has_steps and row.attention != "uniform"


RELEASED = Source(release.DATASET, release.ROW, release.SEED)  # what the shipped network was


def every() -> list[Source]:
    """What can be opened: the shipped network on the rendered sets, then the finished runs.

    Where the run that the shipped network comes from is finished, that run stands for it.
    """
    runs = [
        Source(dataset, slug, seed)
        for dataset, found in outcome.finished().items()
        if dataset in sets.SETS
        for slug, seed in found
    ]
    shipped = [
        Source(data_set.name)
        for data_set in sets.SETS.values()
        if data_set.archives and data_set.path.is_dir()
        if data_set.name != RELEASED.dataset or RELEASED not in runs
    ]
    return shipped + runs


def find(dataset: str, experiment: str, seed: int) -> Source:
    """A finished run, or the shipped network where it is the one that is asked for.

    Raises as `outcome.of_run` where neither is there.
    """
    source = Source(dataset, experiment, seed)
    if source == RELEASED and source not in every():
        return Source(dataset)
    outcome.of_run(dataset, experiment, seed)
    return source


def seen(source: Source) -> Outcome:
    """What the network made of the test images; see `outcome` for what it raises."""
    if source.slug:
        return outcome.of_run(source.dataset, source.slug, source.seed)
    return outcome.shipped(source.dataset)


@lru_cache(maxsize=8)
def network(source: Source) -> tuple[nn.Module, int]:
    """The network of a source that attends, in evaluation mode, and its image size.

    Raises as `load_checkpoint`, and DataError for weights that have changed or are gone.
    """
    file = compare.CHECKPOINT
    if source.slug:
        file = folder.locate(source.dataset, source.slug, source.seed).whole_weights()
    model, info = load_checkpoint(file)
    return model, info["image_size"]
