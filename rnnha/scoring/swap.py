"""The swap test: does the map of the fine step matter?

A map may lie on the cues and yet change nothing. So a trained network is scored with its own map,
a uniform one, another image's, the inverse of its own, and the true cues.
"""

import copy
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from rnnha.images.batches import batches, evaluation_batch, normalise
from rnnha.images.cache import Images
from rnnha.scoring import protocols

# What is kept of the swap test's queries: enough for mAP, top-k and their intervals.
SWAP = ["map", "test_size", "protocol", "trial", "query", "vehicle_id", "ap", "first_rank"]


def replacements(own: np.ndarray, cues: np.ndarray | None, seed: int) -> dict[str, np.ndarray]:
    """The maps that replace the network's own in the swap test, each float32 [N, h, w].

    own: the network's maps, each with sum 1. cues: share of cue in each cell, or None.

    uniform        1/hw everywhere, as in RNN-H w/o attention
    another image  each image gets the map of another one, by one seeded cycle through all
    inverse        (max_kl a_kl - a_ij), divided by its sum; uniform where the map was uniform
    cues           share of cue in each cell, divided by its sum; uniform where no cue is visible
    """
    n, h, w = own.shape
    if n < 2:
        raise ValueError("the swap test needs at least two images")
    cycle = np.random.default_rng(seed).permutation(n)
    donor = np.empty(n, int)
    donor[cycle] = np.roll(cycle, 1)
    maps = {
        "uniform": np.full_like(own, 1 / (h * w)),
        "another image": own[donor],
        "inverse": distribution(own.max((1, 2), keepdims=True) - own),
    }
    return maps if cues is None else maps | {"cues": distribution(cues)}


def distribution(grid: np.ndarray) -> np.ndarray:
    """Each image's cells divided by their sum; uniform where all are zero. float32 [N, h, w]."""
    total = grid.sum((1, 2), keepdims=True)
    uniform = np.full_like(grid, 1 / grid[0].size)
    return np.divide(grid, total, out=uniform, where=total > 0).astype(np.float32)


@torch.inference_mode()
def swap(
    model: nn.Module,
    pixels: Images,
    maps: Mapping[str, np.ndarray],
    batch_size: int | None = None,
) -> dict[str, np.ndarray]:
    """Embeddings o2, float32 [N, H], of all images with each of `maps` in place of the own.

    maps: name -> float32 [N, h, w]. Raises ValueError for a number of maps other than of images.
    """
    for name, values in maps.items():
        if len(values) != len(pixels):
            raise ValueError(f"{name}: {len(values)} maps for {len(pixels)} images")
    head = copy.deepcopy(model).eval()
    backbone, head.backbone = head.backbone, nn.Identity()  # features are the same for all maps
    device = next(model.parameters()).device
    batch_size = batch_size or evaluation_batch(pixels.size)
    parts: dict[str, list[np.ndarray]] = {name: [] for name in maps}
    for batch, indices in batches(pixels, np.arange(len(pixels)), batch_size):
        X = backbone(normalise(batch.to(device)))
        for name, values in maps.items():
            given = torch.from_numpy(values[indices.numpy()]).float().to(device)
            parts[name].append(head(X, attention=given).o2.float().cpu().numpy())
    return {name: np.concatenate(part) for name, part in parts.items()}


def swap_test(model, benchmark, pixels, outputs, cues, seed) -> pd.DataFrame:
    """`protocols.score` by the primary protocol with each map in turn, in a column `map`."""
    names = [Path(path).name for path in pixels.paths]
    maps = replacements(outputs["attention"], cues, seed)
    embeddings = {"own": outputs["o2"]} | swap(model, pixels, maps)
    frames = []
    for name, o2 in embeddings.items():
        frame = protocols.score(benchmark, embed=protocols.by_name(names, o2))
        frames.append(frame.assign(map=name))
    frame = pd.concat(frames, ignore_index=True)
    return frame[~frame["protocol"].str.startswith("image-to-track")]


def retrieval(swapped: pd.DataFrame) -> list[tuple]:
    """mAP and top1 in percent with each map: rows of `attention.Analysis.table`."""
    rows = []
    for name, per_query in swapped.groupby("map", sort=False):
        metrics = protocols.summarise(per_query)
        chosen = metrics[metrics["metric"].isin(["mAP", "top1"])]
        means = chosen.groupby(["test_size", "metric"], sort=False)["value"].mean()
        rows += [(name, "retrieval", size, metric, v) for (size, metric), v in means.items()]
    return rows
