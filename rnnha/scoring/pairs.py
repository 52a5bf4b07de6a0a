"""How well a similarity tells pairs of one vehicle from pairs of two."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from rnnha.scoring import ranking


class Separation(NamedTuple):
    """How well the similarity tells pairs of one vehicle from pairs of two.

    auc: probability that a pair of one vehicle is more alike than a pair of two; 0.5 is chance.
    same, other: the 0th to 100th percentile of the cosine in either kind of pair.
    """

    auc: float
    n_same: int
    n_other: int
    same: list[float]
    other: list[float]


def separation(
    embeddings: NDArray,
    vehicles: ArrayLike,
    cameras: ArrayLike | None = None,
    alike: ArrayLike | None = None,
) -> Separation:
    """Pairs of one vehicle against pairs of two, by the cosine of their embeddings.

    embeddings float [N, D]; vehicles [N]. With cameras [N], only pairs across two cameras count.
    With alike [N] (model and paint, say), pairs of two vehicles count only within one such group:
    the pairs that are hard. Raises ValueError where there is no pair of either kind.
    """
    unit = ranking.unit(embeddings)
    first, second = np.triu_indices(len(unit), k=1)

    def equal(labels: ArrayLike) -> NDArray[np.bool_]:
        codes = np.unique(np.asarray(labels), return_inverse=True)[1]
        return codes[first] == codes[second]

    same = equal(vehicles)
    counts = np.ones(len(same), bool) if cameras is None else ~equal(cameras)
    if alike is not None:
        counts &= same | equal(alike)
    same, first, second = same[counts], first[counts], second[counts]
    if same.all() or not same.any():
        raise ValueError(
            f"{same.sum()} pairs of one vehicle and {(~same).sum()} of two: both are needed"
        )
    cosine = (unit @ unit.T)[first, second]
    percentiles = np.arange(101)
    return Separation(
        float(roc_auc_score(same, cosine)),
        int(same.sum()),
        int((~same).sum()),
        np.percentile(cosine[same], percentiles).round(4).tolist(),
        np.percentile(cosine[~same], percentiles).round(4).tolist(),
    )
