"""Where the fine step looks, whether the true cues are there, and whether it matters.

Three questions to a trained network, in the order of their strength:

1. *Maps.* The attention a_ij of step 2, and beside it Grad-CAM of the fine head, which asks the
   same of any network after the fact.
2. *Localisation.* The rendered sets know where the cues that tell a vehicle from its twins are
   visible. Each map is scored against those masks.
3. *Swap test.* A map may lie on the cues and yet change nothing. So the trained network is scored
   with its own map, a uniform one, another image's, the inverse of its own, and the true cues.

Maps are float32 [N, h, w] on the network's own grid; nothing is enlarged before it is scored.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from torch import nn

from rnnha.data.manifest import MASKS, Benchmark
from rnnha.images.cache import Images
from rnnha.images.decode import read_mask
from rnnha.scoring.cams import cam_maps
from rnnha.scoring.swap import SWAP, retrieval, swap_test

# A cell counts as positive from this share of mask: cues are specks, vehicles fill cells.
POSITIVE = {"cues": 0.05, "vehicle": 0.5}


# --- localisation: is the map where the cues are? -----------------------------------------------


def mask_grid(mask_files: Sequence[Path], h: int, w: int) -> np.ndarray:
    """Share of each grid cell that a mask covers, float32 [N, h, w] in [0, 1].

    Masks are images of any size in which non-zero is inside. Like the images they are taken as
    square, so a cell is 1/h of the height and 1/w of the width, and a pixel on the border of two
    cells counts for both in proportion. FileNotFoundError names the first mask that is missing.
    """
    grid = np.empty((len(mask_files), h, w), np.float32)
    for i, file in enumerate(mask_files):
        if not Path(file).is_file():
            raise FileNotFoundError(f"no mask {file}: unpack the rendered sets anew (make data)")
        mask = read_mask(file)
        grid[i] = _cell_shares(h, mask.shape[0]) @ mask @ _cell_shares(w, mask.shape[1]).T
    return grid


def _cell_shares(cells: int, length: int) -> np.ndarray:
    """[cells, length]: the share that each pixel has in the average of each cell."""
    edges = np.arange(cells + 1) * length / cells
    pixel = np.arange(length)
    overlap = np.minimum(edges[1:, None], pixel + 1) - np.maximum(edges[:-1, None], pixel)
    return np.clip(overlap, 0, None) * cells / length


def localisation(maps: np.ndarray, grid: np.ndarray, positive: float = 0.05) -> pd.DataFrame:
    """Score each map against the share of mask in its cells; one row an image.

    maps, grid: float [N, h, w]; a cell is positive when at least `positive` of it is masked.

    mass_ratio       the map's mass inside the mask, divided by what a uniform map has there
    pointing         1 if the highest cell is positive; several highest cells share the 1
    pointing_chance  share of positive cells: what a random cell scores
    auc              probability that a positive cell is higher than another one; ties count half
    flat             the map is the same everywhere: it points nowhere and scores 1, chance, 0.5

    Images without a positive cell, or without any other, cannot be scored: their row is NaN.
    Raises ValueError for maps that are negative, not finite or of another shape than the grid.
    """
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or maps.shape != grid.shape:
        raise ValueError(f"maps {maps.shape} and mask grid {grid.shape} must both be [N, h, w]")
    if not np.isfinite(maps).all() or (maps < 0).any():
        raise ValueError("maps must be finite and not negative")
    maps, grid = maps.reshape(len(maps), -1), np.asarray(grid, np.float64).reshape(len(grid), -1)
    hit = grid >= positive
    n_hit, cells = hit.sum(1), maps.shape[1]
    scored = (n_hit > 0) & (n_hit < cells)

    flat = maps.max(1) == maps.min(1)
    weights = np.where(flat[:, None], 1.0, maps)  # a map of zeros has no mass to share out
    weights /= weights.sum(1, keepdims=True)
    highest = maps == maps.max(1, keepdims=True)
    ranks = rankdata(maps, axis=1)  # equal values share their mean rank
    with np.errstate(invalid="ignore", divide="ignore"):
        rows = pd.DataFrame(
            {
                "mass_ratio": (weights * grid).sum(1) / grid.mean(1),
                "pointing": (highest & hit).sum(1) / highest.sum(1),
                "pointing_chance": n_hit / cells,
                # Mann-Whitney: pairs (positive, other) in the right order, out of all such pairs
                "auc": ((ranks * hit).sum(1) - n_hit * (n_hit + 1) / 2) / (n_hit * (cells - n_hit)),
                "flat": flat.astype(float),
            }
        )
    rows.loc[~scored] = np.nan
    return rows


def summarise(rows: pd.DataFrame) -> dict[str, float]:
    """Means of `localisation` over the images that could be scored, and the counts."""
    scored = rows.dropna()
    means = scored[["mass_ratio", "pointing", "pointing_chance", "auc"]].mean().to_dict()
    return {
        **means,
        "n_images": len(scored),
        "n_left_out": len(rows) - len(scored),
        "n_flat": int(scored["flat"].sum()),
    }


# --- all of it, for one trained network ---------------------------------------------------------


class Analysis(NamedTuple):
    """What the maps of a trained network are worth.

    table: tidy, (map, reference, test_size, metric, value):
    - reference "cues" and "vehicle" (rendered sets): `summarise` for the maps "attention",
      "gradcam" and "uniform"; test_size "all", for every test image is scored.
    - reference "retrieval" (networks with attention): mAP and top1 in percent by the set's
      primary protocol, with the map "own" or one of `swap.replacements` in query and gallery alike;
      for "cues" also n_without_cue, the images that got a uniform map for want of a cue.
    gradcam: float32 [N, h, w].
    swap: the queries behind "retrieval", a row each with its map and what `protocols.score` says
    of it (SWAP); None for networks without attention.
    """

    table: pd.DataFrame
    gradcam: np.ndarray
    swap: pd.DataFrame | None


def analyse(
    model: nn.Module,
    benchmark: Benchmark,
    pixels: Images,
    outputs: dict[str, np.ndarray],
    seed: int = 0,
) -> Analysis:
    """Every number on the maps of a trained network, and its Grad-CAM maps.

    pixels: the test images, each once. outputs: what embedding them gave, in the same order: o2
    float32 [N, H] and, where the network has it, attention float32 [N, h, w].
    """
    maps = {"attention": outputs["attention"]} if "attention" in outputs else {}
    maps["gradcam"] = cam_maps(model, pixels)
    maps["uniform"] = np.ones_like(maps["gradcam"])
    h, w = maps["gradcam"].shape[1:]
    rows, grids = [], {}
    for reference in MASKS if benchmark.synthetic else ():
        files = [benchmark.mask(path, reference) for path in pixels.paths]
        grids[reference] = mask_grid(files, h, w)
        for name, values in maps.items():
            found = summarise(localisation(values, grids[reference], POSITIVE[reference]))
            rows += [(name, reference, "all", metric, value) for metric, value in found.items()]
    swapped = None
    if "attention" in maps:
        cues = grids.get("cues")
        swapped = swap_test(model, benchmark, pixels, outputs, cues, seed)
        rows += retrieval(swapped)
        if cues is not None:
            without = int((cues.sum((1, 2)) == 0).sum())
            rows.append(("cues", "retrieval", "all", "n_without_cue", without))
    table = pd.DataFrame(rows, columns=["map", "reference", "test_size", "metric", "value"])
    return Analysis(table, maps["gradcam"], None if swapped is None else swapped[SWAP])
