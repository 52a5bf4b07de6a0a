"""Distances, ranks, average precision and CMC over arrays: knows nothing of data sets.

The gallery is ranked for each query by Euclidean distance between L2-normalised
embeddings, or by any distances given. A gallery item of the query's identity is *good*;
seen by the query's own camera it is *junk* instead and takes no rank, as in the VeRi-776
and Market-1501 protocols.

Ties are broken by a seeded permutation keyed by image name: neither the order of the
gallery nor luck with an unstable sort can move a score, and constant embeddings score
like chance instead of 0 or 100 %.
"""

from collections.abc import Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from rnnha.scoring.places import places

# Distances held at a time: 16 MB of float32. Much smaller blocks slow the matrix product.
BLOCK = 2**22

DistanceBlock = Callable[[slice], NDArray[np.float32]]


class Scores(NamedTuple):
    """What each query scored; a query without a good match has AP NaN and first rank 0."""

    ap: NDArray[np.float64]
    """[Q] average precision by the rectangle rule, (1/N) sum i/r_i, in 0..1."""
    ap_trapezoid: NDArray[np.float64]
    """[Q] by the trapezoid rule of the VeRi authors' script, in 0..1."""
    first_rank: NDArray[np.int64]
    """[Q] 1-based rank of the first good match; junk takes no rank."""


def evaluate(
    query: ArrayLike | None,
    gallery: ArrayLike | None,
    query_ids: ArrayLike,
    gallery_ids: ArrayLike,
    query_cameras: ArrayLike | None = None,
    gallery_cameras: ArrayLike | None = None,
    *,
    distances: ArrayLike | DistanceBlock | None = None,
    query_names: Sequence[str] | None = None,
    gallery_names: Sequence[str] | None = None,
    ties: str = "seeded",
    seed: int = 0,
) -> Scores:
    """Rank the gallery for every query and score the ranking.

    query, gallery: embeddings, float32 [Q, D] and [G, D]; None when `distances` is given.
    query_ids, gallery_ids: identities [Q], [G].
    query_cameras, gallery_cameras: cameras [Q], [G]; without them there is no junk.
    distances: [Q, G], smaller is more alike, compared as float32; or a function that
        returns the rows of a slice of queries, for matrices too large to hold at once.
    query_names, gallery_names: image names, for messages and as keys of the tie order;
        without gallery names the order is keyed by position in the gallery.
    ties: "seeded" for the permutation keyed by name and `seed`, "gallery" for gallery
        order, which is what a stable sort (the VeRi authors' script) gives.

    Raises ValueError when shapes disagree or an embedding or distance is not finite.
    """
    query_ids, gallery_ids = np.asarray(query_ids), np.asarray(gallery_ids)
    cameras = _cameras(query_cameras, gallery_cameras, len(query_ids), len(gallery_ids))
    order = _tie_order(gallery_names, len(gallery_ids), ties, seed)
    if distances is None:
        # With the gallery itself in tie order the matrix product, too, sees the same
        # numbers in the same places however the caller ordered them.
        block = _negative_cosines(query, gallery, len(query_ids), order, query_names, gallery_names)
        gallery_ids = gallery_ids[order]
        cameras = cameras and (cameras[0], cameras[1][order])
        tie = np.arange(len(order), dtype=np.uint64)
    else:
        block = _given(distances, len(query_ids), len(gallery_ids))
        tie = np.empty(len(order), np.uint64)
        tie[order] = np.arange(len(order), dtype=np.uint64)

    matches = _Matches(query_ids, gallery_ids, cameras)
    step = _rows_at_a_time(len(gallery_ids))
    parts = []
    for start in range(0, len(query_ids), step):
        rows = slice(start, min(start + step, len(query_ids)))
        parts.append(_score(block(rows), tie, *matches.pairs(rows)))
    if not parts:
        return Scores(np.empty(0), np.empty(0), np.empty(0, np.int64))
    return Scores(*map(np.concatenate, zip(*parts, strict=True)))


def _rows_at_a_time(n_gallery: int) -> int:
    return max(1, BLOCK // max(1, n_gallery))


def cmc(first_rank: ArrayLike, top: int) -> NDArray[np.float64]:
    """Cumulated match curve [top]: share of queries (0..1) with a good match within rank k.

    Queries without any good match (first rank 0) are left out; NaN when none is left.
    """
    ranks = np.asarray(first_rank)
    ranks = ranks[ranks > 0]
    if not len(ranks):
        return np.full(top, np.nan)
    return np.bincount(np.minimum(ranks, top + 1), minlength=top + 2)[1:-1].cumsum() / len(ranks)


def unit(vectors: ArrayLike, names: Sequence[str] | None = None, what: str = "") -> NDArray:
    """L2-normalised copy, float32 [N, D]; zero vectors stay zero.

    Raises ValueError, naming the first row that holds NaN or infinity.
    """
    return _normalise(np.array(vectors, dtype=np.float32), names, what)


def euclidean(query: NDArray, gallery: NDArray) -> NDArray[np.float32]:
    """Euclidean distances, float32 [Q, G], between vectors of length one (see `unit`)."""
    squared = query @ gallery.T
    squared *= -2
    squared += 2
    return np.sqrt(np.maximum(squared, 0, out=squared), out=squared)


def name_keys(names: Sequence[str], seed: int | str) -> NDArray[np.uint64]:
    """A pseudo-random number for each name, the same whatever the other names are."""
    return np.array(
        [
            int.from_bytes(blake2b(f"{seed}|{name}".encode(), digest_size=8).digest())
            for name in names
        ],
        dtype=np.uint64,
    )


def _tie_order(names: Sequence[str] | None, size: int, ties: str, seed: int) -> NDArray[np.int64]:
    if ties == "gallery":
        return np.arange(size)
    if ties != "seeded":
        raise ValueError(f'ties is {ties!r}; expected "seeded" or "gallery"')
    if names is None:
        return np.random.default_rng(seed).permutation(size)
    _expect(len(names) == size, "gallery names", len(names), size)
    return np.argsort(name_keys(names, seed), kind="stable")


def _cameras(query, gallery, n_query: int, n_gallery: int):
    if query is None and gallery is None:
        return None
    if query is None or gallery is None:
        raise ValueError("cameras are given for one side only; give both, or none for no junk")
    _expect(len(query) == n_query, "query cameras", len(query), n_query)
    _expect(len(gallery) == n_gallery, "gallery cameras", len(gallery), n_gallery)
    return np.asarray(query), np.asarray(gallery)


def _expect(holds: bool, what: str, found: object, expected: object) -> None:
    if not holds:
        raise ValueError(f"{what}: found {found}, expected {expected}")


def _negative_cosines(
    query, gallery, n_query: int, order: NDArray, query_names, gallery_names
) -> DistanceBlock:
    """Distances of normalised vectors but for a monotone map, which no rank can tell.

    Columns are the gallery in `order`.
    """
    if query is None or gallery is None:
        raise ValueError("give embeddings of query and gallery, or distances")
    query, gallery = np.asarray(query), np.asarray(gallery)
    _expect(len(query) == n_query, "query embeddings", len(query), n_query)
    _expect(len(gallery) == len(order), "gallery embeddings", len(gallery), len(order))
    names = None if gallery_names is None else np.asarray(gallery_names)[order]
    gallery = _normalise(gallery[order].astype(np.float32, copy=False), names, "gallery")
    _expect(
        query.ndim == 2 and query.shape[1] == gallery.shape[1],
        "shape of the query embeddings",
        query.shape,
        f"[Q, {gallery.shape[1]}]",
    )
    gallery *= -1
    # One block's place for all: fresh memory would cost a page fault every 1,024 distances.
    place = np.empty((min(_rows_at_a_time(len(order)), n_query), len(order)), np.float32)

    def block(rows: slice) -> NDArray[np.float32]:
        names = None if query_names is None else query_names[rows]
        vectors = unit(query[rows], names, "query")
        return np.matmul(vectors, gallery.T, out=place[: rows.stop - rows.start])

    return block


def _normalise(vectors: NDArray, names: Sequence[str] | None, what: str) -> NDArray:
    """`unit` in place."""
    if vectors.ndim != 2:
        raise ValueError(f"{what} embeddings have shape {vectors.shape}; expected [N, D]")
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))
    if not np.isfinite(norms).all():
        row = int(np.flatnonzero(~np.isfinite(norms))[0])
        name = f" ({names[row]})" if names is not None else ""
        raise ValueError(
            f"{what} embedding {row}{name} holds NaN or infinity; "
            "a network that diverged gives these: look at its training loss"
        )
    norms[norms == 0] = 1
    vectors /= norms.astype(np.float32)[:, None]
    return vectors


def _given(distances, n_query: int, n_gallery: int) -> DistanceBlock:
    """Check the distances given, whole or block by block."""
    if not callable(distances):
        whole = np.asarray(distances)
        _expect(
            whole.shape == (n_query, n_gallery),
            "shape of the distances",
            whole.shape,
            (n_query, n_gallery),
        )
        distances = whole.__getitem__

    def block(rows: slice) -> NDArray[np.float32]:
        values = np.asarray(distances(rows), dtype=np.float32)
        shape = (rows.stop - rows.start, n_gallery)
        _expect(values.shape == shape, "shape of a block of distances", values.shape, shape)
        if values.size and np.isnan(values.min()):
            row = rows.start + int(np.flatnonzero(np.isnan(values).any(axis=1))[0])
            raise ValueError(f"the distances of query {row} hold NaN; expected numbers")
        return values

    return block


class _Matches:
    """The pairs (query, gallery item) of one identity, good and junk, found by sorted ids."""

    def __init__(self, query_ids, gallery_ids, cameras):
        self.cameras = cameras
        self.by_id = np.argsort(gallery_ids, kind="stable")
        ids = gallery_ids[self.by_id]
        self.start = np.searchsorted(ids, query_ids, "left")
        self.count = np.searchsorted(ids, query_ids, "right") - self.start

    def pairs(self, rows: slice):
        """Row in the block, gallery column and whether junk, of every pair; pairs per row."""
        start, count = self.start[rows], self.count[rows]
        row = np.repeat(np.arange(len(count)), count)
        within = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
        column = self.by_id[np.repeat(start, count) + within]
        if self.cameras is None:
            return row, column, np.zeros(len(row), bool), count
        query_cameras, gallery_cameras = self.cameras
        return row, column, query_cameras[rows][row] == gallery_cameras[column], count


def _score(distances, tie, row, column, junk, count):
    """AP (rectangle, trapezoid) and first rank of a block of queries."""
    stop = np.cumsum(count)
    start = stop - count
    before = places(distances, tie, column, start, stop)
    nearest_first = np.lexsort((before, row))  # `row` itself stays as it was: it is sorted
    before, junk = before[nearest_first], junk[nearest_first]
    junk_total = np.concatenate([[0], np.cumsum(junk)])
    before -= junk_total[:-1] - junk_total[start][row]  # junk takes no rank

    good = ~junk
    row, rank = row[good], before[good] + 1
    found = np.bincount(row, minlength=len(count))
    i = np.arange(len(row)) - (np.cumsum(found) - found)[row] + 1  # i-th good match of its query
    precision = i / rank
    earlier = np.divide(i - 1, rank - 1, out=np.ones(len(rank)), where=rank > 1)
    first_rank = np.zeros(len(count), np.int64)
    first_rank[row[i == 1]] = rank[i == 1]
    with np.errstate(invalid="ignore"):  # 0 / 0 is the NaN of a query without a good match
        ap = np.bincount(row, precision, len(count)) / found
        trapezoid = np.bincount(row, (precision + earlier) / 2, len(count)) / found
    return ap, trapezoid, first_rank
