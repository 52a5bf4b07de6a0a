"""Can the cues be seen? Test shots rendered twice, with and without them, and compared.

The seeds are the same, so that two pictures differ by the cues and by what they shade or mirror.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import label

from rendering import dataset

LEVELS = 20  # grey levels of 255 that count as a difference
PIXELS, SPOT = 10, 4  # differing pixels of an image, and of a spot, that count
Job = tuple[str, int, int]  # set, vehicle, shot


def differing(image: np.ndarray, bare: np.ndarray, size: int) -> tuple[int, int]:
    """Pixels that differ by LEVELS or more in some channel at size x size, and their spots.

    image, bare: uint8 [H, W, 3], the same shot with and without cues. A spot is a connected group
    of SPOT or more such pixels, corners included.
    """
    small, other = (np.asarray(_small(i, size), int) for i in (image, bare))
    differs = np.abs(small - other).max(-1) >= LEVELS
    spots, _ = label(differs, np.ones((3, 3)))
    sizes = np.bincount(spots.ravel())[1:]
    return int(differs.sum()), int((sizes >= SPOT).sum())


def _small(image: np.ndarray, size: int) -> Image.Image:
    return Image.fromarray(image).resize((size, size), Image.Resampling.BILINEAR)


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
    found = _side_by_side(_both, jobs, workers)
    table = shots[["image", "model", "view"]].reset_index(drop=True)
    return table.assign(pixels=[p for p, _ in found], spots=[s for _, s in found])


def _side_by_side(work: Callable, jobs: Sequence, workers: int) -> list:
    with dataset.renderers(workers) as pool:
        return list(pool.map(work, jobs, chunksize=4))


def pairs(name: str, count: int = 30) -> list[tuple[Job, Job]]:
    """Test shots (set, vehicle, shot), drawn by chance: two vehicles of one model and paint each,
    from the same side."""
    shots = dataset.plan(name).query("split == 'test'").sample(frac=1, random_state=0)
    found = []
    for _, group in shots.groupby(["model", "paint", "view"], sort=False):
        two = group.drop_duplicates("vehicle_id").head(2)
        if len(two) == 2:
            found.append(tuple((name, int(s.vehicle_id), int(s.shot)) for s in two.itertuples()))
    return found[:count]


def sheet(name: str, count: int = 30, size: int = 96, workers: int = 2) -> Image.Image:
    """`pairs` at size x size pixels, side by side, six pairs a row: can you tell them apart?"""
    jobs = [job for pair in pairs(name, count) for job in pair]
    images = [_small(image, size) for image in _side_by_side(_shot, jobs, workers)]
    rows = -(-len(images) // 12)
    page = Image.new("RGB", (6 * (2 * size + 28), rows * (size + 14)), "white")
    for k, image in enumerate(images):
        pair, second = divmod(k, 2)
        across, down = pair % 6 * (2 * size + 28), pair // 6 * (size + 14)
        page.paste(image, (across + second * (size + 4), down))
    return page


def _shot(job: Job) -> np.ndarray:
    return dataset.render_one(*job, masks=False).image


def told(table: pd.DataFrame) -> str:
    """The two shares that the data card asks for."""
    many = 100 * (table["pixels"] >= PIXELS).mean()
    two = 100 * (table["spots"] >= 2).mean()
    return (
        f"{len(table)} test shots: {many:.0f} % have {PIXELS} or more differing pixels, "
        f"{two:.0f} % two or more spots; median {table['pixels'].median():.0f} pixels"
    )
