"""The fine step alone: each query among the gallery's images of its own model and paint.

What tells a vehicle of another model or paint does not help here, so a system that has learned
the coarse step alone scores as a random order does.
"""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from rnnha.data.manifest import Benchmark
from rnnha.data.subset import known_labels
from rnnha.scoring.protocols import Distance, Embed, frame, kept_draws, rank_images, trials

SUFFIX = " (look-alikes)"


def score(
    benchmark: Benchmark,
    *,
    embed: Embed | None = None,
    distance: Distance | None = None,
    draws: Path | None | Callable[[], Path] = kept_draws,
) -> pd.DataFrame | None:
    """`protocols.score`, image to image, within groups of one model and paint (`known_labels`).

    A query whose group is one vehicle in the gallery is not asked. Protocols carry SUFFIX; a
    query's n_gallery is its group's. None where no query is asked: the set does not tell model and
    paint, or has no look-alikes.
    """
    labels, folder, parts = known_labels(benchmark), draws() if callable(draws) else draws, []
    for test_size, protocol, trial, *sides in trials(benchmark, None, folder):
        query, gallery = (side.join(labels, on="name") for side in sides)
        alike = dict(list(gallery.groupby(["model", "paint"])))
        for looks, asked in query.groupby(["model", "paint"]):
            own = alike.get(looks, gallery.head(0))
            if own["vehicle_id"].nunique() > 1:
                scores = rank_images(asked, own, embed, distance, benchmark.protocol == "veri")
                parts.append(frame(test_size, protocol + SUFFIX, trial, asked, len(own), scores))
    return pd.concat(parts, ignore_index=True) if parts else None
