"""Viewpoints of rendered sets, and of fake label files in the manner of VAMI's authors."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

from rnnha.data import vehicleid, veri, viewpoints
from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.data.viewpoints import FILES, UNKNOWN_VIEW
from rnnha.files import DataError
from tiny_sets import (
    VEHICLEID_TRAIN,
    VERI_TRAIN,
    write_side_car,
    write_vehicleid,
    write_veri,
)

# Rows in the order of the names: rank of the vehicle, type, colour, viewpoint.
RANKS = [0, 0, 1, 2, 2, 3, 4, 5, 6]
CODES = [0, 1, 2, 3, 4, 0, 1, 2, 3]


@pytest.fixture
def real(tmp_path):
    return veri.read(write_veri(tmp_path / "VeRi"))


def write_codes(benchmark, codes=CODES, ids=RANKS, file=FILES["veri"], **others):
    zeros = np.zeros(len(codes))
    table = np.stack([ids, zeros, zeros, codes], axis=1)
    savemat(benchmark.root / file, {"any_name": table} | others)


def test_the_eight_sides_become_five(tmp_path):
    sides = {
        "front": "front",
        "rear": "rear",
        "left": "side",
        "right": "side",
        "front-left": "front-side",
        "front-right": "front-side",
        "rear-left": "rear-side",
        "rear-right": "rear-side",
    }
    root = tmp_path / "rendered-veri" / "VeRi"
    root.mkdir(parents=True)
    names = [f"{number}.jpg" for number in range(8)]
    write_side_car(root, [(name, 1, "train") for name in names] + [("t.jpg", 2, "query")])
    table = pd.read_csv(root.parent / "images.csv")
    table["view"] = [*sides, "front"]
    table.to_csv(root.parent / "images.csv", index=False)
    rows = pd.DataFrame({"path": [str(root / n) for n in names], "vehicle_id": 1, "split": "train"})
    benchmark = Benchmark("any", root, make_manifest(rows, root), "veri", synthetic=True)
    found = viewpoints.viewpoints_of(benchmark, benchmark.train[::-1])
    assert found.dtype == np.int64
    assert [viewpoints.VIEWS[code] for code in found] == list(sides.values())[::-1]
    table.loc[0, "view"] = "above"
    table.to_csv(root.parent / "images.csv", index=False)
    with pytest.raises(DataError, match=r"images\.csv.*above.*make data"):
        viewpoints.viewpoints_of(benchmark, benchmark.train)


def test_veri_rows_are_in_the_order_of_the_names(real):
    """Whatever the order of the list; an array of another length beside it does not matter."""
    assert list(VERI_TRAIN) == sorted(VERI_TRAIN)
    write_codes(real, other=np.ones((3, 4)), text="a note")
    part = real.train.iloc[[4, 0]]
    assert viewpoints.viewpoints_of(real, part).tolist() == [CODES[4], CODES[0]]
    assert viewpoints.viewpoints_of(real, real.train).tolist() == CODES


@pytest.mark.parametrize(
    ("how", "told"),
    [
        (dict(codes=[c + 1 for c in CODES]), "codes 5.*expected 0 to 4.*count from 1"),
        (dict(codes=[*CODES[:8], np.nan]), "codes nan"),
        (dict(ids=RANKS[::-1][:4] + RANKS[:5]), "does not follow the vehicles"),
        (dict(codes=CODES[:8], ids=RANKS[:8]), "any_name 8 x 4.*each of the 9"),
        (dict(second=np.ones((9, 2))), "second 9 x 2"),
    ],
)
def test_veri_files_that_are_refused(real, how, told):
    write_codes(real, **how)
    with pytest.raises(DataError, match=f"{FILES['veri']}.*{told}.*csyizhou/Vehicle-Re-ID"):
        viewpoints.viewpoints_of(real, real.train)


def test_a_broken_file(real):
    (real.root / FILES["veri"]).write_bytes(b"no MATLAB file")
    with pytest.raises(DataError, match="not a MATLAB file"):
        viewpoints.viewpoints_of(real, real.train)


@pytest.mark.parametrize("by_name", [True, False])
def test_vehicleid_has_two_sides_and_images_without(tmp_path, by_name):
    """Its rows may be in either order: the vehicles in the first column tell which it is."""
    root = write_vehicleid(tmp_path / "VehicleID")
    pairs = list(VEHICLEID_TRAIN.items())
    listed = [pairs[k] for k in (4, 0, 2, 3, 1)]
    lines = "".join(f"{image} {vehicle}\n" for image, vehicle in listed)
    (root / vehicleid.TRAIN_LIST).write_text(lines)
    benchmark = vehicleid.read(root)
    order = sorted(listed) if by_name else listed
    view = {"0000001": 0, "0000002": 1, "0000003": -1, "0000004": 1, "0000005": 9}
    codes, ids = [view[image] for image, _ in order], [vehicle - 10 for _, vehicle in order]
    write_codes(benchmark, codes, ids, FILES["vehicleid"])
    found = viewpoints.viewpoints_of(benchmark, benchmark.train)
    expected = [view[path[-11:-4]] for path in benchmark.train.path]
    assert found.tolist() == [code if code in (0, 1) else UNKNOWN_VIEW for code in expected]
    write_codes(benchmark, [2] * 5, ids, FILES["vehicleid"])
    with pytest.raises(DataError, match="found viewpoint codes 2.*expected 0 and 1"):
        viewpoints.viewpoints_of(benchmark, benchmark.train)
    (root / vehicleid.TRAIN_LIST).unlink()  # the authors' list may stand in for it
    with pytest.raises(DataError, match="train_list.txt: not found; .* tells viewpoints in its"):
        viewpoints.viewpoints_of(benchmark, benchmark.train)


def test_which_sets_have_labels(real, tmp_path):
    """Rendered ones, and real ones where the file of VAMI's authors lies."""
    assert not viewpoints.labelled(real)
    write_codes(real)
    assert viewpoints.labelled(real)
    own = Benchmark("mine", tmp_path / "mine.csv", real.manifest, "veri")
    assert not viewpoints.labelled(own)
    assert viewpoints.labelled(replace(own, synthetic=True))


def test_colours():
    colour = pd.Series(["red", pd.NA, "blue", "red"], dtype="string")
    found = viewpoints.colours_of(pd.DataFrame({"color": colour}))
    assert found.tolist() == [1, viewpoints.UNKNOWN_COLOUR, 0, 1]
    many = pd.DataFrame({"color": [f"c{n:02d}" for n in range(17)]})
    with pytest.raises(DataError, match="17 colours.*at most 16"):
        viewpoints.colours_of(many)
