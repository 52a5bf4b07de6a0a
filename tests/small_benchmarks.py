"""Benchmarks of a few vehicles, without images: a manifest, and embeddings by the images' names."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.scoring.protocols import by_name


def benchmark(rows, protocol, test_lists=None, name="small"):
    """rows: (file name, vehicle, split) with camera and track if the set has them."""
    frame = pd.DataFrame(
        rows, columns=["path", "vehicle_id", "split", "camera_id", "track_id"][: len(rows[0])]
    )
    frame["path"] = "/images/" + frame["split"] + "/" + frame["path"]
    return Benchmark(
        name, Path("/images"), make_manifest(frame, Path("test")), protocol, test_lists or {}
    )


def veri(seed=0, vehicles=8, cameras=4, images=3):
    """Each vehicle in each camera, a track of `images` there; the first is a query as well."""
    rows = []
    for vehicle in range(vehicles):
        for camera in range(cameras):
            track = [f"{vehicle:04}_c{camera:03}_{i}.jpg" for i in range(images)]
            rows.append((track[0], vehicle, "query", camera, pd.NA))
            rows += [(image, vehicle, "gallery", camera, track[0][:9]) for image in track]
    rng = np.random.default_rng(seed)
    names = sorted({row[0] for row in rows})
    centre = rng.normal(size=(vehicles, 6))
    vectors = np.array([centre[int(name[:4])] + rng.normal(size=6) for name in names])
    return benchmark(rows, "veri"), by_name(names, vectors.astype(np.float32))


def vehicleid(vehicles=12, seed=0):
    rng = np.random.default_rng(seed)
    rows = [
        (f"{vehicle}_{i}.jpg", vehicle, "test")
        for vehicle in range(vehicles)
        for i in range(rng.integers(2, 6))
    ]
    lists = {size: tuple(row[0] for row in rows if row[1] < size) for size in (5, vehicles)}
    names = [row[0] for row in rows]
    vectors = rng.normal(size=(len(rows), 4)) + 3 * np.array([row[1] % 3 for row in rows])[:, None]
    return benchmark(rows, "vehicleid", lists), by_name(names, vectors)
