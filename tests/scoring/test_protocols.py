"""Protocols on small sets whose scores can be worked out by hand or by plain loops."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnha.data.manifest import Benchmark, names_of
from rnnha.files import DataError
from rnnha.methods.oracle import agreement
from rnnha.runs.small_files import read_per_query, write_per_query
from rnnha.scoring import protocols
from rnnha.scoring.files import score_files
from rnnha.scoring.protocols import by_name, score, summarise
from small_benchmarks import benchmark, vehicleid, veri


def table(per_query, protocol, metric):
    metrics = summarise(per_query)
    return metrics[(metrics["protocol"] == protocol) & (metrics["metric"] == metric)]


def test_veri_scores_images_and_tracks():
    small, embed = veri()
    found = score(small, embed=embed)
    assert list(found.columns) == [
        "test_size",
        "protocol",
        "trial",
        "query",
        "vehicle_id",
        "ap",
        "ap_trapezoid",
        "first_rank",
        "n_gallery",
    ]
    assert found.groupby("protocol")["n_gallery"].unique().map(list).to_dict() == {
        "image-to-image": [96],
        "image-to-track-min": [32],
        "image-to-track-mean": [32],
    }
    parts = {protocol: frame.set_index("query") for protocol, frame in found.groupby("protocol")}
    # The nearest image decides the nearest track.
    images, tracks = parts["image-to-image"], parts["image-to-track-min"]
    assert ((images["first_rank"] == 1) == (tracks["first_rank"] == 1)).all()
    assert 0 < (images["first_rank"] == 1).mean() < 1


@pytest.mark.parametrize("how", ["min", "mean"])
def test_track_distances_by_plain_loops(how):
    small, embed = veri(seed=1)
    found = score(small, embed=embed)
    found = found[found["protocol"] == f"image-to-track-{how}"].set_index("query")["ap"]
    query, gallery = (
        frame.assign(name=frame["path"].map(lambda path: Path(path).name))
        for frame in (small.query, small.gallery)
    )

    def unit(rows):
        vectors = embed(rows).astype(np.float64)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    gallery_vectors = unit(gallery)
    for row, vector in zip(query.itertuples(), unit(query), strict=True):
        distance = np.linalg.norm(gallery_vectors - vector, axis=1)
        tracks = []
        for track, part in gallery.groupby("track_id"):
            good = part["vehicle_id"].iloc[0] == row.vehicle_id
            if not (good and part["camera_id"].iloc[0] == row.camera_id):
                tracks.append((getattr(distance[part.index], how)(), good, track))
        hits = np.array([good for _, good, _ in sorted(tracks)])
        precision = hits.cumsum() / np.arange(1, len(hits) + 1)
        assert found[row.name] == pytest.approx(precision[hits].mean(), rel=1e-6)


def test_an_image_without_a_track_is_a_track_of_its_own():
    rows = [
        ("q.jpg", 1, "query", 1, pd.NA),
        ("far.jpg", 1, "gallery", 2, "t"),
        ("near.jpg", 2, "gallery", 2, pd.NA),
    ]
    vectors = by_name(["q.jpg", "near.jpg", "far.jpg"], [[1, 0], [1, 0.1], [0, 1]])
    found = score(benchmark(rows, "veri"), embed=vectors).set_index("protocol")
    assert found.loc["image-to-track-min", ["first_rank", "n_gallery"]].tolist() == [2, 2]


def test_a_distance_of_ones_own_scores_as_the_embedding_it_is_made_of():
    small, embed = veri(seed=2)

    def distance(query, gallery):
        a, b = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in map(embed, (query, gallery)))
        return np.linalg.norm(a[:, None] - b[None], axis=2)

    pd.testing.assert_frame_equal(score(small, embed=embed), score(small, distance=distance))


def test_same_camera_is_junk_only_in_the_veri_protocol():
    rows = [
        ("q.jpg", 1, "query", 1),
        ("near.jpg", 1, "gallery", 1),
        ("far.jpg", 1, "gallery", 2),
        ("other.jpg", 2, "gallery", 2),
    ]
    vectors = by_name(
        ["q.jpg", "near.jpg", "other.jpg", "far.jpg"], [[1, 0], [1, 0.1], [1, 1], [0, 1]]
    )
    assert score(benchmark(rows, "veri"), embed=vectors)["first_rank"].tolist() == [2]
    found = score(benchmark(rows, "cross-camera"), embed=vectors)
    assert found["first_rank"].tolist() == [1]
    assert found["protocol"].tolist() == ["cross-camera"]
    unknown = [(*row[:3], pd.NA) for row in rows]  # cameras that nobody knows are not the same
    assert score(benchmark(unknown, "veri"), embed=vectors)["first_rank"].tolist() == [1]


def test_vehicleid_draws_one_gallery_image_a_vehicle(tmp_path):
    small, embed = vehicleid()
    found = score(small, embed=embed, draws=tmp_path)
    draws = pd.read_csv(tmp_path / "small.csv")
    vehicle = draws["image"].str.split("_").str[0].astype(int)
    for size, names in small.test_lists.items():
        of_size = found[found["test_size"] == str(size)]
        assert (of_size["n_gallery"] == size).all()
        for trial in range(10):
            gallery = draws[(draws["test_size"] == size) & (draws["trial"] == trial)]
            assert sorted(vehicle[gallery.index]) == list(range(size))
            queries = of_size[of_size["trial"] == trial]["query"]
            assert set(queries) == set(names) - set(gallery["image"])
            assert len(queries) == len(names) - size
    galleries = draws[draws["test_size"] == 12].groupby("trial")["image"].agg(frozenset)
    assert galleries.nunique() == 10
    # One good match a query: AP is 1 / rank.
    np.testing.assert_allclose(found["ap"], 1 / found["first_rank"])


def test_each_image_is_drawn_about_as_often_as_its_neighbours():
    images = pd.DataFrame(
        {"name": [f"{i}.jpg" for i in range(4000)], "vehicle_id": np.repeat(np.arange(1000), 4)}
    )
    drawn = protocols.gallery_draws({1000: images}, None)[1000]
    place = images.index[images["name"].isin(drawn[0])] % 4
    assert np.bincount(place).min() > 200  # 250 expected, sd 14


def test_draws_of_one_list_on_disk_do_not_stand_in_the_way_of_the_others(tmp_path):
    small, embed = vehicleid()
    whole = score(small, embed=embed, draws=tmp_path / "whole")
    size = min(small.test_lists)
    one = Benchmark(
        small.name, small.root, small.manifest, "vehicleid", {size: small.test_lists[size]}
    )
    score(one, embed=embed, draws=tmp_path)
    assert set(pd.read_csv(tmp_path / "small.csv")["test_size"]) == {size}
    pd.testing.assert_frame_equal(score(small, embed=embed, draws=tmp_path), whole)
    assert (tmp_path / "small.csv").read_text() == (tmp_path / "whole/small.csv").read_text()


def test_draws_on_disk_decide_and_must_fit_the_list(tmp_path):
    small, embed = vehicleid()
    before = score(small, embed=embed, draws=tmp_path)
    file = tmp_path / "small.csv"
    shuffled = Benchmark(
        small.name,
        small.root,
        small.manifest.sample(frac=1, random_state=1),
        "vehicleid",
        {k: v[::-1] for k, v in small.test_lists.items()},
    )
    text = file.read_text()
    file.unlink()
    again = score(shuffled, embed=embed, draws=tmp_path)
    assert file.read_text() == text  # drawn again, in another order: the same draws
    keys = ["test_size", "trial", "query"]
    pd.testing.assert_frame_equal(
        again.sort_values(keys, ignore_index=True), before.sort_values(keys, ignore_index=True)
    )

    draws = pd.read_csv(file)
    row = draws[(draws["test_size"] == 12) & (draws["trial"] == 3)].index[0]
    vehicle = draws.loc[row, "image"].split("_")[0]
    draws.loc[row, "image"] = next(
        name
        for name in small.test_lists[12]
        if name not in set(draws["image"][row : row + 12]) and name.startswith(f"{vehicle}_")
    )
    draws.to_csv(file, index=False)
    found = score(small, embed=embed, draws=tmp_path)
    part = found[(found["test_size"] == "12") & (found["trial"] == 3)]
    assert draws.loc[row, "image"] not in set(part["query"])  # the file is followed

    draws.loc[row, "image"] = "absent.jpg"
    draws.to_csv(file, index=False)
    with pytest.raises(DataError, match="draw 3 of test list 12 .*1 of them not in the list"):
        score(small, embed=embed, draws=tmp_path)


def test_views_keep_both_sides_of_the_search_to_one_side_of_the_car(tmp_path):
    small, embed = veri()
    names = sorted(small.gallery["path"].map(lambda path: Path(path).name))
    views = ["front-left", "rear", "left", "front"]

    class Rendered(Benchmark):
        @property
        def side_car(self):
            return pd.DataFrame({"image": names, "view": [views[int(n[6:9])] for n in names]})

    rendered = Rendered(small.name, small.root, small.manifest, "veri")
    found = score(rendered, embed=embed, view="front", label="o1")
    assert set(found["protocol"]) == {
        f"image-to-{what} [o1] (front)" for what in ("image", "track-min", "track-mean")
    }
    images = found[found["protocol"] == "image-to-image [o1] (front)"]
    assert {name[5:9] for name in images["query"]} == {"c000", "c003"}
    assert (images["n_gallery"] == 48).all()
    with pytest.raises(DataError, match="only rendered sets"):
        score(small, embed=embed, view="front")
    with pytest.raises(ValueError, match="front, rear"):
        score(rendered, embed=embed, view="above")


def test_views_of_vehicleid_are_drawn_as_if_no_other_picture_had_been_taken():
    small, embed = vehicleid(vehicles=30)
    names = names_of(small.manifest)
    sides = np.random.default_rng(2).choice(["front", "front-right", "left", "rear"], len(names))
    seen = set(names[pd.Series(sides).str.startswith("front")])

    class Rendered(Benchmark):
        side_car = pd.DataFrame({"image": names, "view": sides})

    rendered = Rendered(small.name, small.root, small.manifest, "vehicleid", small.test_lists)
    found = score(rendered, embed=embed, view="front", draws=None)
    assert set(found["protocol"]) == {"vehicleid-10-draws (front)"} and set(found["query"]) < seen
    kept = small.manifest[names.isin(seen)].reset_index(drop=True)
    expected = score(replace(small, manifest=kept), embed=embed, draws=None)
    columns = ["test_size", "trial", "query", "ap", "first_rank", "n_gallery"]
    pd.testing.assert_frame_equal(found[columns], expected[columns])
    assert 0 < len(found) < len(score(small, embed=embed, draws=None))


def test_oracle_knows_its_columns_and_nothing_else():
    # Model known: 3 of the 4 gallery vehicles share the query's, one of them is right.
    n = 120
    rows = [(f"q{i}.jpg", i, "query") for i in range(n)]
    rows += [(f"g{i}.jpg", i, "gallery") for i in range(n)]
    small = benchmark(rows, "cross-camera")
    small.manifest["type"] = [str(i % 40) for i in range(n)] * 2
    found = score(small, distance=partial(agreement, columns=["type"]))
    assert set(found["first_rank"]) == {1, 2, 3}  # among the three of its model, none further
    assert (found["first_rank"].value_counts() == 40).all()
    with pytest.raises(DataError, match="paint"):
        score(small, distance=partial(agreement, columns=["type", "paint"]))


def test_summary_leaves_queries_without_match_out_and_counts_them():
    per_query = pd.DataFrame(
        {
            "test_size": "test",
            "protocol": "image-to-image",
            "trial": 0,
            "query": list("abcd"),
            "vehicle_id": [1, 1, 2, 3],
            "ap": [1, 0.5, 0.1, np.nan],
            "ap_trapezoid": [1, 0.25, 0.05, np.nan],
            "first_rank": [1, 2, 10, 0],
            "n_gallery": 50,
        }
    )
    metrics = summarise(per_query).set_index("metric")
    assert (metrics["n_query"] == 3).all() and (metrics["n_gallery"] == 50).all()
    expected = {
        "mAP": 160 / 3,
        "mAP-trapezoid": 130 / 3,
        "top1": 100 / 3,
        "top5": 200 / 3,
        "top10": 100,
        "queries without match": 1,
    }
    assert metrics["value"].to_dict() == pytest.approx(expected)
    with pytest.raises(ValueError, match="top10"):
        protocols.values(per_query, "top2")


def test_equal_numbers_give_equal_bytes(tmp_path):
    small, embed = veri()
    found = score(small, embed=embed)
    found.loc[0, "ap"] = np.nan
    first, second = tmp_path / "one" / "first.csv.gz", tmp_path / "second.csv.gz"
    write_per_query(found, first)
    write_per_query(found.copy(), second)
    assert first.read_bytes() == second.read_bytes()
    assert first.read_bytes()[4:8] == bytes(4)  # gzip's time stamp
    back = read_per_query(first)
    pd.testing.assert_frame_equal(back, found, check_dtype=False, rtol=1e-8)
    pd.testing.assert_frame_equal(pd.read_csv(first, dtype={"test_size": str}), back)
    first.write_bytes(first.read_bytes()[:-20])
    with pytest.raises(DataError, match="first.csv.gz"):
        read_per_query(first)


def test_by_name_says_which_image_has_no_embedding():
    small, _ = veri()
    with pytest.raises(ValueError, match="no embedding for .* the first 0000_c001_0.jpg"):
        score(small, embed=by_name(["0000_c000_0.jpg"], np.ones((1, 2))))
    with pytest.raises(ValueError, match="two embeddings are named a"):
        by_name(["a", "a"], np.ones((2, 2)))
    with pytest.raises(ValueError, match="either embed or distance"):
        score(small)


def test_a_track_of_two_cameras_is_refused():
    rows = [
        ("q.jpg", 1, "query", 1, pd.NA),
        ("a.jpg", 1, "gallery", 2, "t"),
        ("b.jpg", 1, "gallery", 3, "t"),
    ]
    with pytest.raises(DataError, match="track t "):
        score(benchmark(rows, "veri"), embed=lambda rows: np.ones((len(rows), 2)))


def write_own_set(folder, rows, vectors):
    pd.DataFrame(rows, columns=["path", "vehicle_id", "split", "camera_id"]).to_csv(
        folder / "m.csv", index=False
    )
    np.save(folder / "a.npy", np.array(vectors, np.float32))
    return folder / "a.npy", folder / "m.csv"


OWN = [
    ("x/0.jpg", 9, "train", 1),
    ("x/1.jpg", 1, "query", 1),
    ("y/1.jpg", 1, "gallery", 2),
    ("y/2.jpg", 2, "gallery", 2),
    ("x/2.jpg", 2, "query", 1),
    ("x/2.jpg", 2, "gallery", 1),
]
VECTORS = [[9, 9], [1, 0], [1, 0.2], [0, 1], [0.9, 0.1], [0.9, 0.1]]


def test_score_files_takes_row_i_for_line_i(tmp_path):
    found = score_files(*write_own_set(tmp_path, OWN, VECTORS)).set_index("query")
    # Equal file names in two folders are two images. 1.jpg: nearest is x/2.jpg (vehicle 2), then
    # y/1.jpg; 2.jpg: x/2.jpg itself is junk, then y/1.jpg, then y/2.jpg.
    assert found["first_rank"].to_dict() == {"1.jpg": 2, "2.jpg": 2}


def test_score_files_refuses_what_does_not_fit(tmp_path):
    embeddings, manifest = write_own_set(tmp_path, OWN, VECTORS[:-1])
    with pytest.raises(DataError, match="a.npy: 5 embeddings, but .*m.csv has 6 images"):
        score_files(embeddings, manifest)
    np.save(embeddings, np.ones(6))
    with pytest.raises(DataError, match=r"found float64 \(6,\)"):
        score_files(embeddings, manifest)
    embeddings.write_text("no array")
    with pytest.raises(DataError, match="not readable as .npy"):
        score_files(embeddings, manifest)
    files = write_own_set(tmp_path, [(*row[:3], pd.NA) for row in OWN], VECTORS)
    with pytest.raises(DataError, match="would find themselves, such as .*x/2.jpg"):
        score_files(*files)


def test_photographs_score_across_cameras(shared):
    from rnnha.data.sets import load

    real = load("photographs", shared / "data" / "photographs")
    found = score(real, distance=lambda query, gallery: np.ones((len(query), len(gallery))))
    assert set(found["protocol"]) == {"cross-camera"}
    top = table(found, "cross-camera", "top1").iloc[0]
    assert top["value"] == pytest.approx(100 / top["n_gallery"])  # constant distance: chance
    assert top["n_gallery"] > 0 and (found["first_rank"] > 0).all()
