"""Score a VehicleID test list with random embeddings: what `full_size.py` runs by itself.

    PYTHONPATH=. python bench/full_size_scoring.py FOLDER 2400 --draws 10

The way is that of a run: embeddings looked up by image name, one image a vehicle drawn as the
gallery, `protocols.score`. Prints one line of JSON; `seconds` are those of one draw.
"""

import argparse
import json
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data import vehicleid
from rnnha.data.manifest import Benchmark, names_of
from rnnha.scoring import draws, protocols

WIDTH = 1024


def listed(benchmark: Benchmark, vehicles: int) -> pd.DataFrame:
    """The test images of one list, with their `name`."""
    test = benchmark.split("test")
    test = test.assign(name=names_of(test))
    return test[test["name"].isin(set(benchmark.test_lists[vehicles]))].reset_index(drop=True)


def embeddings(images: pd.DataFrame) -> np.ndarray:
    """float32 [N, WIDTH]: a centre a vehicle, and thrice as much noise for each image."""
    rng = np.random.default_rng(0)
    codes, vehicles = pd.factorize(images["vehicle_id"])
    centres = rng.standard_normal((len(vehicles), WIDTH), dtype=np.float32)
    vectors = rng.standard_normal((len(images), WIDTH), dtype=np.float32)
    for start in range(0, len(images), 4096):  # the centres of all images would need as much again
        part = slice(start, start + 4096)
        vectors[part] += np.float32(1 / 3) * centres[codes[part]]
    return vectors


def one_draw(benchmark: Benchmark, images: pd.DataFrame) -> Benchmark:
    """The first draw as a benchmark of its own: query against gallery."""
    gallery = images["name"].isin(draws.draw(images, 0))
    manifest = images.drop(columns="name").assign(split=np.where(gallery, "gallery", "query"))
    return replace(benchmark, manifest=manifest, protocol="cross-camera", test_lists={})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("vehicles", type=int, help="which test list")
    parser.add_argument("--draws", type=int, choices=(1, draws.TRIALS), default=1)
    arguments = parser.parse_args()
    benchmark = vehicleid.read(arguments.folder)
    images = listed(benchmark, arguments.vehicles)
    embed = protocols.by_name(images["name"], embeddings(images))
    start = time.perf_counter()
    if arguments.draws == 1:
        part = one_draw(benchmark, images)
    else:
        chosen = {arguments.vehicles: benchmark.test_lists[arguments.vehicles]}
        part = replace(benchmark, test_lists=chosen)
    scores = protocols.score(part, embed=embed, draws=None)
    seconds = (time.perf_counter() - start) / arguments.draws
    print(
        json.dumps(
            {
                "seconds": seconds,
                "queries": len(scores) // arguments.draws,
                "gallery": int(scores["n_gallery"].iloc[0]),
                "mAP": 100 * float(scores["ap"].mean()),
            }
        )
    )


if __name__ == "__main__":
    main()
