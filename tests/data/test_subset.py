"""Held-out training vehicles and smaller parts of a benchmark."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.data.subset import fewer_vehicles, hold_out
from rnnha.files import DataError
from rnnha.scoring.protocols import score

VEHICLES, CAMERAS = 10, 3
HELD = {6, 7}  # two of ten, of a seed that must not change


def benchmark(tmp_path, protocol: str, cameras: bool) -> Benchmark:
    """Ten training and ten test vehicles, two images in each of three cameras."""
    rows = [
        {
            "path": f"{tmp_path}/{v:02}_{c}_{k}.jpg",
            "vehicle_id": v,
            "coarse_id": v % 3,
            "camera_id": c if cameras else None,
            "split": "train" if v < VEHICLES else "test",
        }
        for v in range(2 * VEHICLES)
        for c in range(CAMERAS)
        for k in range(2)
    ]
    names = {
        s: tuple(r["path"].rsplit("/", 1)[1] for r in rows if 10 <= r["vehicle_id"] < 10 + s)
        for s in (2, 5)
    }
    manifest = make_manifest(pd.DataFrame(rows), tmp_path)
    return Benchmark("set", tmp_path, manifest, protocol, test_lists=names)


@pytest.mark.parametrize("protocol", ["veri", "cross-camera"])
def test_a_held_out_query_never_finds_itself(tmp_path, protocol):
    part = hold_out(benchmark(tmp_path, protocol, cameras=True))
    assert part.name == "set-holdout" and part.test_lists == {}
    assert part.train["vehicle_id"].nunique() == 8 and part.query["vehicle_id"].nunique() == 2
    assert len(part.query) == 2 * CAMERAS and len(part.gallery) == 2 * CAMERAS * 2

    def itself(query, gallery):
        """0 between an image and itself, 1 else: nothing is known of any other image."""
        same = query["name"].to_numpy()[:, None] == gallery["name"].to_numpy()
        return (~same).astype("float32")

    def nothing(query, gallery):
        return np.ones((len(query), len(gallery)), np.float32)

    known, unknown = (score(part, distance=distance) for distance in (itself, nothing))
    assert known["ap"].tolist() == unknown["ap"].tolist()


def test_held_out_vehicles_are_always_the_same(tmp_path):
    """Settings are chosen on them, so two computers must hold out the same ones."""
    for cameras in (True, False):
        part = hold_out(benchmark(tmp_path, "veri", cameras=cameras))
        held = part.manifest.loc[part.manifest["split"] != "train", "vehicle_id"]
        assert set(held) == HELD


def test_pictures_of_one_name_cannot_be_held_out(tmp_path):
    """A folder a vehicle: training never looks at names, scoring tells images apart by them."""
    whole = benchmark(tmp_path, "veri", cameras=True)
    paths = [
        f"{tmp_path}/{v}/{c}.jpg"
        for v, c in zip(whole.manifest["vehicle_id"], whole.manifest["camera_id"], strict=True)
    ]
    with pytest.raises(DataError, match=r"\.jpg and .*\.jpg would be held out .* rename one"):
        hold_out(replace(whole, manifest=whole.manifest.assign(path=paths)))


def test_without_cameras_the_held_out_vehicles_are_a_test_list(tmp_path):
    part = hold_out(benchmark(tmp_path, "vehicleid", cameras=False))
    assert part.protocol == "vehicleid" and list(part.test_lists) == [2]
    assert set(part.test["vehicle_id"]).isdisjoint(part.train["vehicle_id"])
    assert set(part.test["vehicle_id"]) <= set(range(VEHICLES)), "no test vehicle is looked at"


@pytest.mark.parametrize(("vehicles", "share"), [(1, 0.2), (VEHICLES, 1.0), (0, 0.2)])
def test_some_training_vehicles_must_be_left(tmp_path, vehicles, share):
    whole = benchmark(tmp_path, "veri", cameras=True)
    trained = (whole.manifest["split"] == "train") & (whole.manifest["vehicle_id"] < vehicles)
    part = replace(whole, manifest=whole.manifest[trained | (whole.manifest["split"] != "train")])
    with pytest.raises(DataError, match=f"{vehicles} training vehicles, of which"):
        hold_out(part, share)


def test_fewer_vehicles_keep_the_smallest_test_list_whole(tmp_path):
    part = fewer_vehicles(benchmark(tmp_path, "vehicleid", cameras=False), 4, 3)
    assert part.train["vehicle_id"].nunique() == 4 and list(part.test_lists) == [2]
    assert set(part.test["vehicle_id"]) == {10, 11}
    assert part.notes == ("only 4 training and 2 test vehicles are used",)


def test_without_lists_as_many_test_vehicles_stay_as_are_asked_for(tmp_path):
    whole = replace(benchmark(tmp_path, "veri", cameras=True), test_lists={})
    part = fewer_vehicles(whole, None, 3)
    assert set(part.test["vehicle_id"]) == {10, 14, 19} and part.train["vehicle_id"].nunique() == 10
    assert part.notes == ("only all training and 3 test vehicles are used",)
