"""What a run is scored by besides its embedding: the other states, and views from one side."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from masked_set import tiny_veri
from rnnha.data.manifest import names_of
from rnnha.data.subset import test_images as images_of  # pytest would collect it
from rnnha.scoring.measure import measure

STUB = SimpleNamespace(
    distance=None, has_steps=True, run=SimpleNamespace(row=SimpleNamespace(attention="uniform"))
)


@pytest.fixture
def benchmark(tmp_path):
    """Cameras 1 and 2 see fronts, camera 3 rears; every gallery image is a query, too."""
    found = tiny_veri(tmp_path)
    file = found.root.parent / "images.csv"
    table = pd.read_csv(file)
    table["view"] = np.where(table["camera"] < 3, "front", "rear")
    table.to_csv(file, index=False)
    gallery = found.gallery
    both = pd.concat([gallery, gallery.assign(split="query")], ignore_index=True)
    return type(found)(found.name, found.root, both, "veri", synthetic=True)


def outputs(benchmark):
    """o1 knows the vehicle; o2 is noise."""
    test = images_of(benchmark)
    test = test.assign(name=names_of(test))
    o1 = np.eye(6, dtype=np.float32)[test["vehicle_id"]]
    o2 = np.random.default_rng(3).normal(size=(len(test), 4)).astype(np.float32)
    return test.reset_index(drop=True), {"o1": o1, "o2": o2}


def scored(benchmark, found):
    frame = measure(STUB, benchmark, found).per_query
    return {protocol: part.set_index("query") for protocol, part in frame.groupby("protocol")}


def test_o1_is_scored_as_o1_and_both_with_equal_weight(benchmark):
    _, found = outputs(benchmark)
    parts = scored(benchmark, found)
    assert (parts["image-to-image [o1]"]["first_rank"] == 1).all()
    assert (parts["image-to-image"]["first_rank"] != 1).any()
    both = parts["image-to-image [o1,o2]"]
    assert both["ap"].mean() > parts["image-to-image"]["ap"].mean()
    longer = scored(benchmark, found | {"o1": 100 * found["o1"]})["image-to-image [o1,o2]"]
    pd.testing.assert_frame_equal(longer, both)  # each of length 1 before they stand together


def test_a_view_ranks_its_own_images_by_o2_as_a_plain_loop_does(benchmark):
    test, found = outputs(benchmark)
    part = scored(benchmark, found)["image-to-image (front)"]
    front = test[test["camera_id"] < 3]
    unit = found["o2"] / np.linalg.norm(found["o2"], axis=1, keepdims=True)
    assert len(part) == len(front) == 10
    for place, name, vehicle, camera in front[["name", "vehicle_id", "camera_id"]].itertuples():
        junk = (front["vehicle_id"] == vehicle) & (front["camera_id"] == camera)
        others = front[~junk]
        order = others.index[np.argsort(-(unit[others.index] @ unit[place]))]
        rank = 1 + [test["vehicle_id"][i] for i in order].index(vehicle)
        assert part.loc[name, "first_rank"] == rank
        assert part.loc[name, "ap"] == pytest.approx(1 / rank)  # one right image: the other camera
