"""The networks that can be looked into: the shipped ones, and one's own finished runs."""

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

from torch import nn

from rnnha import experiments, methods, paths
from rnnha.data import sets
from rnnha.methods.network import load_checkpoint
from rnnha.runs import folder, outcome, release
from rnnha.runs.outcome import Outcome

NOTHING = "no rendered set is unpacked and no run is finished: `make data`"


@dataclass(frozen=True)
class Source:
    """A network on a data set: a finished run there, or shipped, which may be of another set."""

    dataset: str
    slug: str = release.ROW
    seed: int = release.SEED
    shipped: bool = False

    @property
    def key(self) -> str:
        name = f"{self.dataset}/{self.slug}/seed{self.seed}"
        return f"{name}/shipped" if self.shipped else name

    @property
    def weights(self) -> str:
        """What names its weights: a shipped network is the same on every set."""
        return f"shipped/{self.slug}/seed{self.seed}" if self.shipped else self.key

    @property
    def title(self) -> str:
        title = f"{experiments.row(self.slug).title}, seed {self.seed}"
        return f"{title} (shipped)" if self.shipped else title

    @property
    def learned_from(self) -> list[str]:
        """The data sets that it has seen, in order; none for a system that does not learn."""
        if self.shipped:
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
        return paths.REFERENCE if self.shipped else folder.own()

    @property
    def attends(self) -> bool:
        """Whether it has an attention of its own, and so can be asked about another."""
        row = experiments.row(self.slug)
        return methods.of(row).has_steps and row.attention != "uniform"


def every() -> list[Source]:
    """What can be opened: the shipped networks, then the finished runs.

    The one that everything reads is there on all rendered sets, the others on their own alone.
    Where the run that a shipped network comes from is finished, that run stands for it.
    """
    runs = [
        Source(dataset, slug, seed)
        for dataset, found in outcome.finished().items()
        if dataset in sets.SETS
        for slug, seed in found
    ]
    unpacked = [s.name for s in sets.SETS.values() if s.archives and s.path.is_dir()]
    shipped = [Source(dataset, shipped=True) for dataset in unpacked]
    if release.DATASET in unpacked:
        shipped += [Source(release.DATASET, *network, shipped=True) for network in release.FURTHER]
    return [source for source in shipped if _trained(source) not in runs] + runs


def _trained(source: Source) -> Source | None:
    """The run that a shipped network was, on the set that it was trained on."""
    return replace(source, shipped=False) if source.dataset == release.DATASET else None


def find(dataset: str, experiment: str, seed: int) -> Source:
    """A finished run, or the shipped network that comes from this run where that is not there.

    Raises as `outcome.of_run` where neither is there.
    """
    source = Source(dataset, experiment, seed)
    for offered in every():
        if offered.shipped and _trained(offered) == source:
            return offered
    outcome.of_run(dataset, experiment, seed)
    return source


def seen(source: Source) -> Outcome:
    """What the network made of the test images; see `outcome` for what it raises."""
    if source.shipped:
        return outcome.shipped(source.dataset, release.NETWORKS[source.slug, source.seed])
    return outcome.of_run(source.dataset, source.slug, source.seed)


@lru_cache(maxsize=8)
def network(source: Source) -> tuple[nn.Module, int]:
    """The network of a source that attends, in evaluation mode, and its image size.

    Raises as `load_checkpoint`, and DataError for weights that have changed or are gone.
    """
    if source.shipped:
        file = release.NETWORKS[source.slug, source.seed]
    else:
        file = folder.locate(source.dataset, source.slug, source.seed).whole_weights()
    model, info = load_checkpoint(file)
    return model, info["image_size"]
