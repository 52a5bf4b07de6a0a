"""A tiny set that networks learn in seconds: a vehicle is its green and blue, seen from five sides.

The red of a picture is any, so that colour alone is not it, and a white bar tells the side.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from PIL import Image

from rnnha import experiments, methods
from rnnha.data.manifest import Benchmark, make_manifest, names_of
from rnnha.methods import Method
from rnnha.profiles import PROFILES, Phase, Scale
from rnnha.runs.run import Run
from tiny_sets import write_side_car

SIDES = ("front", "rear", "left", "front-right", "rear-left")
TRAINED, TESTED, SIZE = 24, 12, 32
PHASE = Phase(8, 20, "sgd", 0.05, one_cycle=True, weight_decay=5e-4, clip=20.0, per_vehicle=4)


def _picture(colour: np.ndarray, side: int, chance: np.random.Generator) -> Image.Image:
    pixels = np.empty((SIZE, SIZE, 3))
    pixels[:] = (chance.uniform(0, 255), *colour)
    pixels += chance.normal(0, 25, pixels.shape)
    pixels[6 * side : 6 * side + 4] = 255
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def coloured(folder: Path) -> Benchmark:
    """TRAINED vehicles to learn from and TESTED others as a gallery, five images each."""
    root = folder / "rendered-veri" / "VeRi"
    root.mkdir(parents=True)
    chance, rows, side_car = np.random.default_rng(0), [], []
    for vehicle in range(TRAINED + TESTED):
        colour = chance.uniform(50, 205, 2)
        split = "train" if vehicle < TRAINED else "gallery"
        for side in range(len(SIDES)):
            name = f"{vehicle:04d}_c{side + 1:03d}_00000001_0.png"
            _picture(colour, side, chance).save(root / name)
            rows.append(
                {
                    "path": str(root / name),
                    "vehicle_id": vehicle,
                    "coarse_id": int(colour[0] > colour[1]),
                    "split": split,
                    "color": ("dark", "light")[int(colour.sum() > 255)],
                }
            )
            side_car.append((name, vehicle, split))
    write_side_car(root, side_car)
    table = pd.read_csv(root.parent / "images.csv")
    table["view"] = [SIDES[int(name[7:9]) - 1] for name in table["image"]]
    table.to_csv(root.parent / "images.csv", index=False)
    manifest = make_manifest(pd.DataFrame(rows), root)
    return Benchmark("rendered-veri", root, manifest, "veri", synthetic=True)


def searched(folder: Path) -> Benchmark:
    """The same, where the first side's images of the vehicles to test with are queries."""
    benchmark = coloured(folder)
    rows = benchmark.manifest.assign(camera_id=list(range(1, 6)) * (TRAINED + TESTED))
    asked = (rows["split"] == "gallery") & (rows["camera_id"] == 1)
    rows = rows.assign(split=rows["split"].mask(asked, "query"))
    return replace(benchmark, manifest=make_manifest(rows, benchmark.root))


def run_of(slug: str, benchmark: Benchmark, phase: Phase = PHASE) -> Run:
    """A run of a row on the set, with a network of its size."""
    scale = Scale(SIZE, "tiny-vgg-m", 32, whole=(phase,))
    profile = replace(PROFILES["smoke"], pixels=(SIZE, 64), vgg_m=scale, own={})
    row = replace(experiments.row(slug), backbone="vgg-m")
    return Run(row, profile, benchmark, seed=0)


def untrained(run: Run) -> Method:
    """The method with its initial weights."""
    method = methods.of(run.row)(run)
    torch.manual_seed(0)
    method.model = method.build(run.row, run.scale, 2, TRAINED)
    return method


def shuffled(train: pd.DataFrame) -> pd.DataFrame:
    """The training images with the labels of others."""
    train, chance = train.copy(), np.random.default_rng(0)
    for column in ("vehicle_id", "coarse_id", "color"):
        train[column] = chance.permutation(train[column].to_numpy())
    return train


def hits(method: Method, test: pd.DataFrame, of: str = "vehicle_id") -> float:
    """How often the nearest other image has the same label; a vehicle by chance 4 of 59."""
    outputs = method.embed(test)
    if method.distance is None:
        vectors = outputs["o2"]
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        distance = -unit @ unit.T
    else:
        named = test.assign(name=names_of(test))
        distance = method.distance(named, named)
    np.fill_diagonal(distance, np.inf)
    label = test[of].to_numpy()
    return float((label[distance.argmin(1)] == label).mean())
