"""A set of painted "vehicles" for the hand-made descriptors: each is striped in two colours."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from rnnha import experiments, profiles
from rnnha.data.sets import load
from rnnha.methods import Method
from rnnha.runs.run import Run

SIDE = 96
VEHICLES, IMAGES = 8, 4  # the first half of the vehicles is for training


def paint(folder: Path, *, same_colors: bool = False, same_pattern: bool = False) -> Path:
    """Write the set; return its CSV. Its images differ by light, place in the picture and noise."""
    rng = np.random.default_rng(0)
    colors = rng.integers(20, 230, (VEHICLES, 2, 3))
    slopes = np.pi * np.arange(VEHICLES) / VEHICLES
    if same_colors:
        colors[:] = (30, 60, 90), (220, 200, 180)
    if same_pattern:
        slopes[:] = 0
    with open(folder / "painted.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "vehicle_id", "coarse_id", "camera_id", "split"])
        for vehicle in range(VEHICLES):
            body = colors[vehicle][_stripes(slopes[vehicle])]
            for image in range(IMAGES):
                name = f"{vehicle:04d}_{image}.png"
                Image.fromarray(_picture(body, rng)).save(folder / name)
                split = "train" if vehicle < VEHICLES // 2 else ("query" if image else "gallery")
                writer.writerow([name, vehicle, 0, image, split])
    return folder / "painted.csv"


def _stripes(slope: float) -> np.ndarray:
    """0 and 1, int [72, 72]: stripes, 6 pixels wide."""
    y, x = np.mgrid[:72, :72]
    return ((x * np.cos(slope) + y * np.sin(slope)) // 6 % 2).astype(int)


def _picture(body: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    picture = np.full((SIDE, SIDE, 3), 110.0)
    top, left = rng.integers(10, 15, 2)
    picture[top : top + len(body), left : left + len(body)] = body
    picture = picture * rng.uniform(0.9, 1.1) + rng.normal(0, 4, picture.shape)
    return picture.clip(0, 255).astype(np.uint8)


def method(csv_file: Path, name: str, variant: str = "paper", seed: int = 0) -> Method:
    """The method of this name, not fitted, as a run on the set has it."""
    row = replace(experiments.row("color-histogram"), slug=name, method=name, variant=variant)
    run = Run(row, profiles.profile("smoke"), load(str(csv_file)), seed)
    return run.method(run)


def embedded(made: Method) -> np.ndarray:
    """What a method makes of the set's test images, after learning from the others."""
    made.fit(made.run.benchmark.train)
    return made.embed(made.run.benchmark.manifest.query("split != 'train'"))["o2"]


def shares_of_same(vectors: np.ndarray) -> float:
    """In which share of the test images the nearest other one is of the same vehicle."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    distances = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    np.fill_diagonal(distances, np.inf)
    vehicles = np.arange(len(vectors)) // IMAGES
    return float((vehicles[distances.argmin(axis=1)] == vehicles).mean())
