"""RNN-HA, coarse-to-fine vehicle re-identification: to run, to trust, to look into.

The door for Python; each function imports what it needs when it is called.

    from rnnha import attention, embed, load, score

    benchmark = load("rendered-veri")            # images, labels and how they are scored
    seen = embed(benchmark)                      # by the shipped checkpoint, or your own
    print(score(seen).to_string(index=False))    # mAP and top-k by the set's protocols
    picture = attention(seen, seen.images.index[0])   # where the fine step looks
    picture.savefig("attention.png")
"""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from rnnha.data.manifest import Benchmark
    from rnnha.runs.compare import Pair
    from rnnha.runs.outcome import Outcome

__version__ = "0.1.0"
__all__ = ["attention", "compare", "embed", "load", "run", "score"]


def load(dataset: str | Path) -> "Benchmark":
    """A data set by its name, or by the path of a CSV manifest; see `data.sets.load`."""
    from rnnha.data.sets import load

    return load(dataset)


def run(
    row: str, dataset: str = "rendered-veri", seed: int = 0, profile: str = "rendered"
) -> "Outcome":
    """Train and score a row of the tables, unless that is done; see `runs.run.run`.

    Raises ValueError, and trains nothing, for a system that compares images without embeddings.
    """
    from rnnha.runs.outcome import expect_embeddings, of_run
    from rnnha.runs.run import run

    expect_embeddings(row)
    run(row, dataset, seed, profile)
    of_run.cache_clear()  # the run may be a new one
    return of_run(dataset, row, seed)


def embed(benchmark: "Benchmark", checkpoint: Path | str | None = None) -> "Outcome":
    """What a trained network makes of all test images: embeddings and maps.

    checkpoint: a file that `rnnha run`, `export` or `accept` wrote; None takes the shipped one.
    """
    from rnnha.runs.compare import CHECKPOINT
    from rnnha.runs.outcome import of_checkpoint

    return of_checkpoint(benchmark, Path(checkpoint or CHECKPOINT))


def score(seen: "Outcome") -> "pd.DataFrame":
    """Percent by every protocol of the set, tidy; see `scoring.protocols.summarise`."""
    from rnnha.scoring import protocols

    find = protocols.by_name(seen.images.index, seen.vectors["o2"])
    return protocols.summarise(protocols.score(seen.benchmark, embed=find))


def attention(seen: "Outcome", image: str) -> "Figure":
    """One test image, its maps and the nearest images of the gallery; `image` is a file's name."""
    from rnnha.figures.of_outcome import closely

    return closely(seen, image)


def compare(a: Path | str, b: Path | str, checkpoint: Path | str | None = None) -> "Pair":
    """How alike two pictures of vehicles are; see `runs.compare.compare`."""
    from rnnha.runs.compare import CHECKPOINT, compare

    return compare(a, b, Path(checkpoint or CHECKPOINT))
