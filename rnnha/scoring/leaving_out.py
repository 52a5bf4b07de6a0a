"""Insertion and deletion: what a search is worth when cells of the query are left out.

A map says that some cells count. Then the query's few highest cells alone should already find its
vehicle (insertion), and without them the search should soon fail (deletion): the curves of RISE
(Petsiuk et al. 2018), with the average precision of the search in place of a class's probability.

Cells are left out of the backbone's map X, not of the picture: both poolings and the attention run
over the cells that are left, as if the others were not there. Nothing is imputed, so the network
sees nothing that it does not know; but neighbouring cells have seen a part of a left-out one.
The gallery stays whole.
"""

import copy
from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnha.data.manifest import Benchmark
from rnnha.images.batches import batches, evaluation_batch, normalise
from rnnha.images.cache import Images
from rnnha.models.rnn_ha import CoarseToFine
from rnnha.scoring import ranking
from rnnha.scoring.protocols import Distance, kept_draws, rank_images, trials

# How many of the cells are inserted or deleted; the whole and the intact query close the curves.
SHARES = (1 / 36, 1 / 12, 1 / 6, 1 / 3, 1 / 2, 3 / 4)
CURVES = ("insertion", "deletion")


@torch.no_grad()
def features(model: nn.Module, pixels: Images) -> Tensor:
    """The backbone's maps X of all images, float32 [N, d, h, w], in evaluation mode."""
    device = next(model.parameters()).device
    parts = batches(pixels, np.arange(len(pixels)), evaluation_batch(pixels.size))
    return torch.cat([model.backbone(normalise(batch.to(device))).cpu() for batch, _ in parts])


def on_features(model: nn.Module) -> nn.Module:
    """The network behind its backbone: what it does with X."""
    backbone, model.backbone = model.backbone, nn.Identity()
    try:
        return copy.deepcopy(model).cpu().eval()
    finally:
        model.backbone = backbone


@torch.no_grad()
def with_cells(head: nn.Module, X: Tensor, kept: Tensor) -> Tensor:
    """o2 [B, H] of maps X [B, d, h, w] as if only the cells `kept`, bool [B, h, w], were there."""
    even = kept / kept.sum(dim=(1, 2), keepdim=True)
    x1 = torch.einsum("bhw,bdhw->bd", even, X)
    if not isinstance(head, CoarseToFine):
        return x1
    o1 = head.steps.first(x1)
    a = head.attention(X, o1) * kept
    x2 = head.attended(X, a / a.sum(dim=(1, 2), keepdim=True))
    return head.steps.second(x2, head.before_second(x1, o1))


def highest(maps: NDArray, cells: int, seed: int = 0) -> NDArray[np.bool_]:
    """The so many highest cells of each map [N, h, w]; among equal cells chance decides."""
    flat = maps.reshape(len(maps), -1)
    chance = np.random.default_rng(seed).random(flat.shape)
    ranks = np.lexsort((chance, -flat)).argsort(1)
    return (ranks < cells).reshape(maps.shape)


def curves(
    head: nn.Module, benchmark: Benchmark, names: NDArray, X: Tensor, maps: Mapping[str, NDArray]
) -> pd.DataFrame:
    """The average precision of every query along both curves of every map.

    head: see `on_features`; names [N], X [N, d, h, w]: the test images; maps: name ->
    [N, h, w]. Columns map, curve, share (of the cells that are there), query, vehicle_id, ap. By
    the set's primary protocol; of VehicleID's galleries the first draw of the largest list.
    """
    place, cells = pd.Index(names), X[0, 0].numel()
    *_, (_, _, _, query, gallery) = (t for t in trials(benchmark, None, kept_draws()) if t[2] == 0)
    asked = place.get_indexer(query["name"])
    queries = X[asked]
    whole = np.ones(queries[:, 0].shape, bool)
    known = ranking.unit(with_cells(head, X, torch.ones(X[:, 0].shape)).numpy())

    def precision(kept: NDArray[np.bool_]) -> NDArray[np.float64]:
        vectors = ranking.unit(with_cells(head, queries, torch.from_numpy(kept)).numpy())
        found = _distance(pd.Index(query["name"]), vectors, place, known)
        return rank_images(query, gallery, None, found, benchmark.protocol == "veri").ap

    def line(name: str, curve: str, share: float, ap: NDArray) -> pd.DataFrame:
        columns = {"map": name, "curve": curve, "share": share, "query": query["name"].to_numpy()}
        return pd.DataFrame(columns | {"vehicle_id": query["vehicle_id"].to_numpy(), "ap": ap})

    intact, lines = precision(whole), []
    for name, values in maps.items():
        lines += [line(name, curve, 1.0, intact) for curve in CURVES]
        for count in _counts(cells):
            top = highest(values[asked], count)
            lines.append(line(name, "insertion", count / cells, precision(top)))
            lines.append(line(name, "deletion", 1 - count / cells, precision(~top)))
    return pd.concat(lines, ignore_index=True)


def _counts(cells: int) -> Iterator[int]:
    """How many cells SHARES are, each number once, one at least and never all."""
    yield from sorted({min(cells - 1, max(1, round(share * cells))) for share in SHARES})


def _distance(queries: pd.Index, vectors: NDArray, place: pd.Index, known: NDArray) -> Distance:
    """Distances of queries whose vectors are not those that they have as gallery images."""

    def distance(query: pd.DataFrame, gallery: pd.DataFrame) -> NDArray:
        rows, columns = queries.get_indexer(query["name"]), place.get_indexer(gallery["name"])
        return ranking.euclidean(vectors[rows], known[columns])

    return distance


def heights(found: pd.DataFrame) -> pd.DataFrame:
    """The curves themselves, in points of mAP (0..100): map, curve, share, value, the mean over
    vehicles of the mean over a vehicle's queries."""
    known = found.assign(value=100 * found["ap"])
    by_vehicle = known.groupby(["map", "curve", "share", "vehicle_id"])["value"].mean()
    return by_vehicle.groupby(level=["map", "curve", "share"]).mean().reset_index()


def areas(found: pd.DataFrame) -> pd.DataFrame:
    """The mean height of each query's curves in points of mAP (0..100): map, curve, query,
    vehicle_id, area. A good map has a high insertion and a low deletion."""
    wide = found.set_index(["map", "curve", "vehicle_id", "query", "share"])["ap"]
    wide = wide.unstack("share").sort_index(axis=1)
    rows = []
    for (name, curve), part in wide.groupby(level=["map", "curve"]):
        part = part.dropna(axis=1, how="all")
        shares = part.columns.to_numpy(float)
        area = 100 * np.trapezoid(part.to_numpy(), shares, axis=1) / (shares[-1] - shares[0])
        ids = part.index.droplevel(["map", "curve"]).to_frame(index=False)
        rows.append(ids.assign(map=name, curve=curve, area=area))
    return pd.concat(rows, ignore_index=True)
