"""The fine question by itself, which one of them?

Each query is ranked among the gallery's images of its own model and paint. What tells a
vehicle of another model or paint does not help here, so a system that has learned the coarse step
alone scores as a random order does. Real sets tell less: there it is the images of its own coarse
class and colour, where both are labelled, and on photographs those of its own type.
"""

from collections.abc import Callable, Iterable
from pathlib import Path

import pandas as pd

from rnnha.data.manifest import Benchmark
from rnnha.data.subset import known_labels
from rnnha.scoring.protocols import Distance, Embed, frame, kept_draws, rank_images, trials

SUFFIX = " (look-alikes)"
SAME_TYPE = " (same type)"


def score(
    benchmark: Benchmark,
    *,
    embed: Embed | None = None,
    distance: Distance | None = None,
    view: str | None = None,
    draws: Path | None | Callable[[], Path] = kept_draws,
) -> pd.DataFrame | None:
    """`protocols.score`, image to image, within groups of one model and paint, or what
    stands for them on real sets (`known_labels`).

    A query whose group is one vehicle in the gallery is not asked. Protocols carry SUFFIX, and the
    view where one is given; a query's n_gallery is its group's. None where no query is asked: the
    set does not tell model and paint, or has no look-alikes.
    """
    labels, folder = known_labels(benchmark), draws() if callable(draws) else draws
    sides = (
        (*place, *(side.join(labels, on="name") for side in (query, gallery)))
        for *place, query, gallery in trials(benchmark, view, folder)
    )
    suffix = SUFFIX + (f" ({view})" if view else "")
    return _within(["model", "paint"], suffix, sides, benchmark, embed=embed, distance=distance)


def of_one_type(benchmark: Benchmark, **how: Embed | Distance) -> pd.DataFrame | None:
    """The same within groups of one type, with SAME_TYPE for the suffix, for sets scored
    cross-camera; how: `embed` or `distance`. None for other sets, and where no query is asked."""
    if benchmark.protocol != "cross-camera":
        return None
    return _within(["type"], SAME_TYPE, trials(benchmark, None, None), benchmark, **how)


def _within(
    columns: list[str],
    suffix: str,
    sides: Iterable[tuple],
    benchmark: Benchmark,
    embed: Embed | None = None,
    distance: Distance | None = None,
) -> pd.DataFrame | None:
    """Rank what `trials` gives, within groups that are equal in `columns` of its rows."""
    parts = []
    for test_size, protocol, trial, query, gallery in sides:
        alike = dict(list(gallery.groupby(columns)))
        for looks, asked in query.groupby(columns):
            own = alike.get(looks, gallery.head(0))
            if own["vehicle_id"].nunique() > 1:
                scores = rank_images(asked, own, embed, distance, benchmark.protocol == "veri")
                parts.append(frame(test_size, protocol + suffix, trial, asked, len(own), scores))
    return pd.concat(parts, ignore_index=True) if parts else None
