"""All that is measured of one run: its tables, from what its method made of the test images."""

from typing import NamedTuple

import numpy as np
import pandas as pd

from rnnha.data.manifest import Benchmark, names_of
from rnnha.data.subset import test_images
from rnnha.scoring import look_alikes, protocols, ranking


class Measured(NamedTuple):
    """What a run is worth.

    per_query: see `protocols.score`. attention, swap: see `attention.Analysis`, or None.
    names [N]: of the test images; arrays: what there is of them, N rows each.
    """

    per_query: pd.DataFrame
    attention: pd.DataFrame | None
    swap: pd.DataFrame | None
    names: np.ndarray
    arrays: dict[str, np.ndarray]


def measure(method, benchmark: Benchmark, outputs: dict[str, np.ndarray]) -> Measured:
    """Per-query scores by every protocol of the set, and what the attention's maps are worth.

    method: a fitted `methods.Method`; outputs: what it embedded, a row for each of `test_images`.
    """
    test = test_images(benchmark)
    names = names_of(test).to_numpy(str)
    how = (
        {"distance": method.distance}
        if method.distance is not None
        else {"embed": protocols.by_name(names, outputs["o2"])}
    )
    frames = [scores(benchmark, **how)]
    table = swap = None
    if method.has_steps:
        frames += _explore(benchmark, names, outputs)
        # Maps are not what settings are chosen by, and held-out images have no masks.
        if method.run.row.attention != "uniform" and not benchmark.held_out:
            # Grad-CAM brings OpenCV along: seconds that the other rows need not wait.
            from rnnha.scoring import attention

            table, cams, swap = attention.analyse(
                method.model, benchmark, method.images(test), outputs
            )
            outputs = outputs | {"gradcam": cams}
    return Measured(pd.concat(frames, ignore_index=True), table, swap, names, outputs)


def scores(benchmark: Benchmark, **how) -> pd.DataFrame:
    """Per-query scores by every protocol of the set, and among look-alikes, or vehicles of one
    type, where these are known.

    how: `embed` or `distance`, as for `protocols.score`.
    """
    alike = (look_alikes.score, look_alikes.of_one_type)
    return pd.concat([protocols.score(benchmark, **how), *(of(benchmark, **how) for of in alike)])


def _explore(benchmark: Benchmark, names: np.ndarray, outputs: dict) -> list[pd.DataFrame]:
    """The exploratory scores: the other embeddings, and views from one side only."""
    embeddings = {
        "o1": outputs["o1"],
        "o1,o2": np.hstack([ranking.unit(outputs["o1"]), ranking.unit(outputs["o2"])]),
    }
    frames = [
        protocols.score(benchmark, embed=protocols.by_name(names, vectors), label=label)
        for label, vectors in embeddings.items()
    ]
    if benchmark.synthetic:
        own = protocols.by_name(names, outputs["o2"])
        frames += [protocols.score(benchmark, embed=own, view=v) for v in protocols.VIEWS]
    return frames
