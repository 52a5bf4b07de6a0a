"""At which place of its ranking each match of a query stands: the inner loop of scoring."""

import numpy as np
from numpy.typing import NDArray


def places(distances, tie, column, start, stop) -> NDArray[np.int64]:
    """How many gallery items, junk among them, come before the item of each pair.

    Row q has the pairs start[q]:stop[q]. One sort of plain numbers and a binary search do
    where a pair's distance is unlike all others; only rows with a tie need the slower keys.
    A row with one pair needs no sort: what is nearer is counted.
    """
    if len(column) and (stop - start == 1).all():
        return _places_of_one(distances, tie, column)
    size = distances.shape[1]
    line = np.full(size + 1, np.nan, np.float32)  # the NaN at the end equals nothing
    nearest = line[:size]
    before = np.empty(len(column), np.int64)
    for row, a, b in zip(distances, start, stop, strict=True):
        if a == b:
            continue
        nearest[:] = row
        nearest.sort()
        value = row[column[a:b]]
        place = nearest.searchsorted(value)
        if (line[place + 1] == value).any():
            keys = _sort_keys(row, tie)
            value = keys[column[a:b]]
            keys.sort()
            place = keys.searchsorted(value)
        before[a:b] = place
    return before


def _places_of_one(distances, tie, column) -> NDArray[np.int64]:
    """`places` where each row has exactly one pair, as in a gallery of one image a vehicle."""
    before = np.empty(len(column), np.int64)
    for q, (row, c) in enumerate(zip(distances, column, strict=True)):
        value = row[c]
        before[q] = np.count_nonzero(row < value)
        equal = row == value
        if np.count_nonzero(equal) > 1:
            before[q] += np.count_nonzero(tie[equal] < tie[c])
    return before


def _sort_keys(distances: NDArray[np.float32], tie: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """One integer [G] per distance whose order is that of (distance, tie order).

    The bits of a float32, flipped so that they sort as integers, stand above the place
    in the tie order. No two keys are equal, so any sort gives the same ranking.
    """
    bits = (distances + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0: they must tie
    flip = (bits.view(np.int32) >> 31).view(np.uint32) | np.uint32(1 << 31)
    return (bits ^ flip).astype(np.uint64) << np.uint64(32) | tie
