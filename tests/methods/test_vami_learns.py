"""VAMI learns from a tiny set what vehicles are, and nothing from shuffled labels."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from rnnha import experiments, methods, paths
from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.methods.vami import VAMI
from rnnha.profiles import PROFILES, Phase, Scale
from rnnha.runs.run import Run
from tiny_sets import write_side_car

SIDES = ("front", "rear", "left", "front-right", "rear-left")
TRAINED, TESTED, SIZE = 24, 12, 32
PHASE = Phase(8, 20, "sgd", 0.05, one_cycle=True, weight_decay=5e-4, clip=20.0, per_vehicle=4)


def picture(colour: np.ndarray, side: int, chance: np.random.Generator) -> Image.Image:
    """A vehicle is its green and blue; the red is any; a white bar lies where the side has it."""
    pixels = np.empty((SIZE, SIZE, 3))
    pixels[:] = (chance.uniform(0, 255), *colour)
    pixels += chance.normal(0, 25, pixels.shape)
    pixels[6 * side : 6 * side + 4] = 255
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(autouse=True)
def one_thread():
    """Steps this small wait longer for a second thread than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> Benchmark:
    root = tmp_path_factory.mktemp("vami") / "rendered-veri" / "VeRi"
    root.mkdir(parents=True)
    chance, rows, side_car = np.random.default_rng(0), [], []
    for vehicle in range(TRAINED + TESTED):
        colour = chance.uniform(50, 205, 2)
        split = "train" if vehicle < TRAINED else "gallery"
        for side in range(len(SIDES)):
            name = f"{vehicle:04d}_c{side + 1:03d}_00000001_0.png"
            picture(colour, side, chance).save(root / name)
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


@pytest.fixture
def run(benchmark, tmp_path, monkeypatch) -> Run:
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    row = replace(experiments.row("vami"), method="vami")
    scale = Scale(SIZE, "tiny-vgg-m", 32, whole=(PHASE,))
    profile = replace(PROFILES["smoke"], pixels=(SIZE, 64), vgg_m=scale, own={})
    return Run(row, profile, benchmark, seed=0)


def hits(method: VAMI, test: pd.DataFrame) -> float:
    """How often the nearest other image shows the same vehicle; by chance 4 of 59."""
    o2 = method.embed(test)["o2"]
    o2 = o2 / np.linalg.norm(o2, axis=1, keepdims=True)
    near = o2 @ o2.T - 9 * np.eye(len(o2))
    vehicle = test.vehicle_id.to_numpy()
    return float((vehicle[near.argmax(1)] == vehicle).mean())


def untrained(run: Run) -> VAMI:
    method = VAMI(run)
    torch.manual_seed(0)
    method.model = VAMI.build(run.row, run.scale, 2, TRAINED)
    return method


def test_it_learns_vehicles_and_viewpoints(run, benchmark):
    before = hits(untrained(run), benchmark.gallery)
    method = VAMI(run)
    history = method.fit(benchmark.train)
    after = hits(method, benchmark.gallery)
    assert after > before + 0.3, (before, after)
    assert history[-1]["loss"] < history[0]["loss"] and len(history) == PHASE.epochs
    assert method.model.occurring.all()
    images = method.images(benchmark.gallery)
    with torch.no_grad():
        view = method.model(normalise(images.stack(range(len(images))))).view.argmax(1)
    told = (view == torch.arange(len(images)) % len(SIDES)).float().mean()
    assert told > 0.8  # of vehicles never seen, with no label


def test_shuffled_vehicles_teach_nothing(run, benchmark):
    before = hits(untrained(run), benchmark.gallery)
    train, chance = benchmark.train, np.random.default_rng(0)
    for column in ("vehicle_id", "coarse_id", "color"):
        train[column] = chance.permutation(train[column].to_numpy())
    method = VAMI(run)
    method.fit(train)
    after = hits(method, benchmark.gallery)
    assert after < before + 0.15, (before, after)


def test_what_it_says_of_itself(run, benchmark):
    said = VAMI.settings(run)
    assert said["images_by_viewpoint"] == dict.fromkeys(
        ("front", "rear", "side", "front-side", "rear-side"), TRAINED
    ) | {"unknown": 0}
    assert VAMI.needs_coarse and not VAMI.starts_from_stage0 and not VAMI.has_steps
    assert methods.of(run.row) is VAMI
    other = replace(run, benchmark=replace(benchmark, name="mine", synthetic=False))
    with pytest.raises(DataError, match="no viewpoints"):
        VAMI.settings(other)
