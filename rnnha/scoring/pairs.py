"""How well a similarity tells pairs of one vehicle from pairs of two.

Measured twice, it can be read twice: nearly all pairs of two vehicles differ in model or paint, so
"more alike than 98 % of them" is also true of most pairs of look-alikes. What is kept of a
checkpoint is therefore a `Separation` for each kind of pair, `ALL` and the look-alikes:

    {"all pairs": {"auc": 0.96, "n_same": 4896, "n_other": 1159468, "same": [...], "other": [...]},
     "same model and paint": {"auc": 0.51, "n_same": 4896, "n_other": 29204, ...}}
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from rnnha.files import DataError
from rnnha.paths import atomic
from rnnha.scoring import ranking

ALL = "all pairs"
PERCENTILES = np.arange(101)


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
    return Separation(
        float(roc_auc_score(same, cosine)),
        int(same.sum()),
        int((~same).sum()),
        np.percentile(cosine[same], PERCENTILES).round(4).tolist(),
        np.percentile(cosine[~same], PERCENTILES).round(4).tolist(),
    )


def write(measured: Mapping[str, Separation], file: Path) -> None:
    """Keep what was measured, by the kind of pair: `ALL`, and what the look-alikes share."""
    kept = {kind: found._asdict() for kind, found in measured.items()}
    with atomic(file) as temporary:
        temporary.write_text(json.dumps(kept) + "\n", encoding="utf-8")


def read(file: Path) -> dict[str, Separation]:
    """What `write` kept; a file of one `Separation` alone, as once was written, is that of `ALL`.

    Raises DataError, naming `file`, for one that is unreadable or holds anything else.
    """
    try:
        kept = json.loads(Path(file).read_text(encoding="utf-8"))
        if "auc" in kept:
            kept = {ALL: kept}
        measured = {kind: _checked(**found) for kind, found in kept.items()}
        if ALL not in measured:
            raise ValueError(f"nothing of {ALL}")
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{file}: damaged pair statistics ({error}); take the file from the archive again, or "
            "remove it to compare without them"
        ) from error
    return measured


def _checked(auc, n_same, n_other, same, other) -> Separation:
    """A Separation of values read from a file; TypeError or ValueError for what is none."""
    for name, count in (("n_same", n_same), ("n_other", n_other)):
        if type(count) is not int or count < 1:
            raise ValueError(f"{name} is {count!r}, no count of pairs")
    if type(auc) not in (int, float) or not 0 <= auc <= 1:
        raise ValueError(f"auc is {auc!r}, not in 0..1")
    for name, found in (("same", same), ("other", other)):
        values = np.array(found, dtype=np.float64)
        if values.shape != PERCENTILES.shape or not (np.diff(values) >= 0).all():
            raise ValueError(f"{name}: expected the 0th to 100th percentile, ascending")
        if not np.isfinite(values).all():
            raise ValueError(f"{name} holds infinity")
    return Separation(auc, n_same, n_other, same, other)


def told(cosine: float, measured: Mapping[str, Separation]) -> str:
    """A cosine read against what was measured: a line each for all pairs of two vehicles, for
    those that look alike, and for the pairs of one vehicle.
    """
    lines = [
        f"than {_below(found.other, cosine)} of the {found.n_other:,} pairs of two vehicles"
        + ("" if kind == ALL else f" of the {kind}")
        for kind, found in measured.items()
    ]
    one = measured[ALL]
    lines.append(f"than {_below(one.same, cosine)} of the {one.n_same:,} pairs of one vehicle")
    return "more alike " + "\nand ".join(lines) + ", on rendered vehicles never trained on"


def _below(percentiles: list[float], cosine: float) -> str:
    return f"{np.mean(np.array(percentiles) < cosine):.0%}"
