"""Vehicles among their look-alikes, by plain loops and by hand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnha.data.manifest import Benchmark, names_of
from rnnha.methods.oracle import agreement, disagreement
from rnnha.scoring import look_alikes
from rnnha.scoring.protocols import summarise
from small_benchmarks import benchmark, vehicleid, veri

PAINTS = ("red", "red", "blue")


def rendered(small, looks):
    """The benchmark with a side-car; looks: vehicle -> (model, paint)."""
    rows = pd.DataFrame({"image": names_of(small.manifest), "v": small.manifest["vehicle_id"]})
    table = rows.assign(
        model=[looks(v)[0] for v in rows["v"]],
        paint=[looks(v)[1] for v in rows["v"]],
        visible_cues="",
    )

    class Rendered(Benchmark):
        side_car = table

    return Rendered(
        small.name, Path("/images"), small.manifest, small.protocol, small.test_lists, True
    )


def test_veri_by_plain_loops():
    small, embed = veri(seed=2, vehicles=9)

    def looks(vehicle):  # groups of vehicles: 0 3 6, 1 4 7, 2 5, 8 alone
        return f"m{vehicle % 3}", "white" if vehicle == 8 else PAINTS[vehicle % 3]

    found = look_alikes.score(rendered(small, looks), embed=embed)
    assert set(found["protocol"]) == {"image-to-image (look-alikes)"}
    assert set(found["vehicle_id"]) == set(range(8))  # 8 has nobody who looks like it
    query, gallery = (rows.assign(name=names_of(rows)) for rows in (small.query, small.gallery))
    by_query = found.set_index("query")
    for row in query[query["vehicle_id"] != 8].itertuples():
        alike = gallery[[looks(v) == looks(row.vehicle_id) for v in gallery["vehicle_id"]]]
        junk = (alike["vehicle_id"] == row.vehicle_id) & (alike["camera_id"] == row.camera_id)
        asked, found = embed(query[query["name"] == row.name]), embed(alike[~junk])
        asked, found = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (asked, found))
        order = np.argsort(np.linalg.norm(found - asked, axis=1))
        right = (alike[~junk]["vehicle_id"] == row.vehicle_id).to_numpy()[order]
        ranks = np.flatnonzero(right) + 1
        ap = np.mean(np.arange(1, len(ranks) + 1) / ranks)
        assert by_query.loc[row.name, "ap"] == pytest.approx(ap)
        assert by_query.loc[row.name, "first_rank"] == ranks[0]
        assert by_query.loc[row.name, "n_gallery"] == len(alike)


def test_within_a_view_only_what_is_seen_from_there_is_ranked():
    small, embed = veri(seed=4, vehicles=12)
    own = rendered(small, lambda v: (f"m{v % 3}", "red"))
    chance = np.random.default_rng(6)
    sides = ["front", "front-left", "side", "rear"]
    own.side_car["view"] = chance.choice(sides, len(own.side_car))
    seen = set(own.side_car.loc[own.side_car["view"].str.startswith("front"), "image"])
    found = look_alikes.score(own, embed=embed, view="front")
    assert set(found["protocol"]) == {"image-to-image (look-alikes) (front)"}
    # As if no other picture had been taken.
    kept = small.manifest[names_of(small.manifest).isin(seen)].reset_index(drop=True)
    alone = rendered(replace(small, manifest=kept), lambda v: (f"m{v % 3}", "red"))
    expected = look_alikes.score(alone, embed=embed)
    columns = ["query", "ap", "first_rank", "n_gallery"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    assert 0 < len(found) < len(look_alikes.score(own, embed=embed))


def test_who_knows_the_looks_alone_has_a_random_order():
    small, _ = veri(vehicles=40)
    own = rendered(small, lambda v: (f"m{v % 10}", "red"))  # four of a kind
    labels = own.side_car.drop_duplicates("image").set_index("image")

    def distance(query, gallery):
        asked, found = (rows[["name"]].join(labels, on="name") for rows in (query, gallery))
        return agreement(asked, found, ["model", "paint"])

    metrics = summarise(look_alikes.score(own, distance=distance)).set_index("metric")
    # 9 right ones among 45 in a random order: the first is right in a fifth of the cases
    assert metrics.loc["top1", "value"] == pytest.approx(20, abs=6)
    assert metrics.loc["top1", "n_gallery"] == 48


def test_vehicleid_galleries_are_one_image_of_each_look_alike():
    small, embed = vehicleid(vehicles=12)
    own = rendered(small, lambda v: ("m", "red" if v % 2 else "blue"))
    found = look_alikes.score(own, embed=embed, draws=None)
    sizes = found.groupby("test_size")["n_gallery"].agg(["min", "max"])
    assert sizes.loc["5"].tolist() == [2, 3] and sizes.loc["12"].tolist() == [6, 6]
    assert (found["first_rank"] <= found["n_gallery"]).all() and found["trial"].nunique() == 10


def test_a_set_that_does_not_tell_the_looks_has_no_such_score():
    rows = [(f"q{i}.jpg", i, "query") for i in range(4)]
    rows += [(f"g{i}.jpg", i, "gallery") for i in range(4)]
    small = benchmark(rows, "cross-camera")

    def distance(query, gallery):
        return np.ones((len(query), len(gallery)))

    assert look_alikes.score(small, distance=distance) is None
    small.manifest["coarse_id"], small.manifest["color"] = 1, "red"  # real sets have these two
    found = look_alikes.score(small, distance=distance)
    assert len(found) == 4 and (found["n_gallery"] == 4).all()


def test_one_type_by_plain_loops_for_sets_scored_cross_camera_alone():
    chance = np.random.default_rng(3)
    rows = [(f"{side}{i}.jpg", i, side) for side in ("query", "gallery") for i in range(9)]
    small = benchmark(rows, "cross-camera")
    vehicles = small.manifest["vehicle_id"]
    small.manifest["type"] = [("car", "truck", "bus")[min(v // 4, 2)] for v in vehicles]
    distances = chance.random((9, 9))  # vehicles 0 to 3 are cars, 4 to 7 trucks, 8 is the one bus

    def distance(query, gallery):
        return distances[np.ix_(query["vehicle_id"], gallery["vehicle_id"])]

    found = look_alikes.of_one_type(small, distance=distance)
    assert set(found["protocol"]) == {"cross-camera (same type)"}
    assert sorted(found["vehicle_id"]) == list(range(8)) and (found["n_gallery"] == 4).all()
    for row in found.itertuples():
        own = range(4) if row.vehicle_id < 4 else range(4, 8)
        of_query = distances[row.vehicle_id]
        assert row.first_rank == 1 + sum(of_query[v] < of_query[row.vehicle_id] for v in own)
    assert look_alikes.of_one_type(veri()[0], distance=distance) is None


def test_disagreement_of_cues_by_hand():
    query = ["band red:left:50:60;roof blue:above:40:50", "door red:left:50:60", ""]
    gallery = [
        "band red:left:50:60;roof blue:above:40:50",  # both shared; against the door: 2 differ
        "band red:left:30:20;door green 0.2:left:10:90",  # the door differs; nothing above to see
        "door red:left:9:60;band red:left:50:19",  # too small, too faint: not seen
        "door red:right:50:60",  # another side
    ]
    assert disagreement(query, gallery) == pytest.approx(
        np.array([[1 / 4, 2 / 4, 1 / 2, 1 / 2], [3 / 4, 4 / 5, 1 / 2, 1 / 2], [1 / 2] * 4])
    )
