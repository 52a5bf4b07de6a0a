"""Fixtures that more than one test file uses."""

import csv
import os
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import smoke_run
from rnnha import paths
from rnnha.data.archives import unpack
from rnnha.data.sets import SETS
from rnnha.paths import ROOT

# .ci/run sets them: the tests that need what is optional elsewhere must not be skipped there.
for variable, module in (("RNNHA_REQUIRE_RENDER", "mitsuba"), ("RNNHA_REQUIRE_INDEX", "faiss")):
    if variable in os.environ and find_spec(module) is None:
        raise pytest.UsageError(f"{variable} is set, but {module} is not installed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real label files and photographs; the tests that need it skip without it."""
    folder = Path(os.environ.get("RNNHA_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("no real label files and photographs here (RNNHA_TEST_DATA names their folder)")
    return folder


@pytest.fixture(scope="session")
def smoke() -> Path:
    """The results folder of `make smoke`, which is run once."""
    return smoke_run.make()


VEHICLES, CAMERAS = 24, 4


@pytest.fixture(scope="session")
def tiny(tmp_path_factory) -> Path:
    """A CSV set of 24 "vehicles", faint colours under noise; the first 16 are for training."""
    folder = tmp_path_factory.mktemp("tiny")
    rng = np.random.default_rng(0)
    with open(folder / "tiny.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["path", "vehicle_id", "coarse_id", "camera_id", "split"])
        for vehicle in range(VEHICLES):
            colour = 128 + rng.normal(0, 12, 3)
            for camera in range(CAMERAS):
                noise = rng.normal(0, 60, (40, 50, 3)) + rng.normal(0, 5, 3)
                name = f"{vehicle:04d}_{camera}.png"
                picture = np.clip(colour + noise, 0, 255).astype(np.uint8)
                Image.fromarray(picture).save(folder / name)
                split = "train" if vehicle < 16 else "query" if camera == 0 else "gallery"
                writer.writerow([name, vehicle, vehicle % 4, camera, split])
    return folder / "tiny.csv"


@pytest.fixture(scope="session")
def rendered() -> Path:
    """The folder of the shipped rendered sets, unpacked."""
    for data_set in SETS.values():
        if data_set.archives:
            unpack(data_set)
    return paths.DATA
