"""Whether a set can be scored: counted by a plain loop over what the protocols call a match."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.data.matches import expect_matches, matches
from rnnha.files import DataError
from rnnha.scoring.protocols import score


def benchmark(rows, protocol="veri", lists=None):
    """rows: (vehicle, split, camera)."""
    frame = pd.DataFrame(rows, columns=["vehicle_id", "split", "camera_id"])
    frame["path"] = [f"/images/{i}.jpg" for i in range(len(frame))]
    manifest = make_manifest(frame, Path("test"))
    return Benchmark("own", Path("/own.csv"), manifest, protocol, lists or {})


def drawn(vehicles):
    names = tuple(f"{i}.jpg" for i in range(len(vehicles)))
    rows = [(vehicle, "test", pd.NA) for vehicle in vehicles]
    return benchmark(rows, "vehicleid", {len(set(vehicles)): names})


@pytest.mark.parametrize("seed", range(5))
def test_queries_with_a_match_are_counted_as_a_loop_would(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (int(rng.integers(20)), str(rng.choice(["query", "gallery"])), int(rng.integers(2)))
        for _ in range(40)
    ]
    rows += [(3, "query", pd.NA), (4, "gallery", pd.NA)]  # an unknown camera equals no other
    small = benchmark(rows)
    expected = {"veri": 0, "cross-camera": 0}
    for vehicle, split, camera in rows:
        if split == "query":
            same = [c for v, s, c in rows if v == vehicle and s == "gallery"]
            expected["cross-camera"] += bool(same)
            expected["veri"] += any(c is pd.NA or camera is pd.NA or c != camera for c in same)
    for protocol, count in expected.items():
        part = replace(small, protocol=protocol)
        found = matches(part)
        assert (found.queries, found.matched) == (len(small.query), count)
        scores = score(part, distance=lambda q, g: np.ones((len(q), len(g))))
        assert (scores["first_rank"] > 0).sum() == count
    assert 0 < expected["veri"] <= expected["cross-camera"] < len(small.query)


ONE_CAMERA = [(1, "query", 1), (1, "gallery", 1), (2, "gallery", 1), (3, "query", 1)]


@pytest.mark.parametrize(
    ("small", "message"),
    [
        (
            benchmark(ONE_CAMERA),
            "0 of 2 queries have a match: 1 have no gallery image of their vehicle; "
            "1 have gallery images from their own camera only.* from other cameras",
        ),
        (
            benchmark([(1, "query", 1), (2, "gallery", 1)], "cross-camera"),
            "0 of 1 queries have a match: 1 have no gallery image",
        ),
        (drawn([1, 2, 3]), "no test vehicle has two images.* two images or more"),
    ],
)
def test_where_no_query_has_a_match_neither_check_nor_score_goes_on(small, message):
    assert not matches(small).matched
    for check in (
        expect_matches,
        lambda small: score(small, embed=lambda rows: np.eye(len(rows), 4), draws=None),
    ):
        with pytest.raises(DataError, match=f"/own.csv: nothing can be scored: {message}"):
            check(small)


def test_the_queries_of_a_draw_are_what_a_gallery_of_one_image_a_vehicle_leaves():
    found = matches(drawn([1, 1, 1, 2, 2, 3]))
    assert (found.queries, found.matched) == (3, 3)
    assert "3 of 3 vehicles" in found.text
