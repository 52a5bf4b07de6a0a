"""Can the cues be seen? Test shots rendered twice, with and without them, and compared.

The seeds are the same, so that two pictures differ by the cues and by what they shade or mirror.
"""

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import label

from rendering import dataset

LEVELS = 20  # grey levels of 255 that count as a difference
PIXELS, SPOT = 10, 4  # differing pixels of an image, and of a spot, that count


def differing(image: np.ndarray, bare: np.ndarray, size: int) -> tuple[int, int]:
    """Pixels that differ by LEVELS or more in some channel at size x size, and their spots.

    image, bare: uint8 [H, W, 3], the same shot with and without cues. A spot is a connected group
    of SPOT or more such pixels, corners included.
    """
    small = [
        np.asarray(Image.fromarray(i).resize((size, size), Image.Resampling.BILINEAR), int)
        for i in (image, bare)
    ]
    differs = np.abs(small[0] - small[1]).max(-1) >= LEVELS
    spots, _ = label(differs, np.ones((3, 3)))
    sizes = np.bincount(spots.ravel())[1:]
    return int(differs.sum()), int((sizes >= SPOT).sum())


def _both(job: tuple[str, int, int, int]) -> tuple[int, int]:
    name, vehicle, shot, size = job
    image = dataset.render_one(name, vehicle, shot, masks=False).image
    bare = dataset.render_one(name, vehicle, shot, cues=(), masks=False).image
    return differing(image, bare, size)


def seen(name: str, count: int = 200, size: int = 96, workers: int = 2) -> pd.DataFrame:
    """One row each of `count` test shots, drawn by chance: image, model, view, pixels, spots."""
    shots = dataset.plan(name).query("split == 'test'")
    shots = shots.sample(min(count, len(shots)), random_state=0)
    jobs = [(name, int(s.vehicle_id), int(s.shot), size) for s in shots.itertuples()]
    start = get_context("spawn")
    with ProcessPoolExecutor(workers, start, initializer=dataset._start_worker) as pool:
        found = list(pool.map(_both, jobs, chunksize=4))
    table = shots[["image", "model", "view"]].reset_index(drop=True)
    return table.assign(pixels=[p for p, _ in found], spots=[s for _, s in found])


def told(table: pd.DataFrame) -> str:
    """The two shares that the data card asks for."""
    many = 100 * (table["pixels"] >= PIXELS).mean()
    two = 100 * (table["spots"] >= 2).mean()
    return (
        f"{len(table)} test shots: {many:.0f} % have {PIXELS} or more differing pixels, "
        f"{two:.0f} % two or more spots; median {table['pixels'].median():.0f} pixels"
    )
