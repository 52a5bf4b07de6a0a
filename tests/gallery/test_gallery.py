"""The index of a large gallery: exact against NumPy, IVF-PQ on clusters, recall by hand."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from rnnha.cli import main
from rnnha.files import DataError
from rnnha.paths import ROOT

pytest.importorskip("faiss")

from rnnha.gallery import index, search  # noqa: E402
from rnnha.scoring import embeddings  # noqa: E402

WIDTH = 16


def write(folder, name, vectors, **columns):
    """An .npy file and its manifest; the paths are name-0.jpg, name-1.jpg, ..."""
    stored, manifest = folder / f"{name}.npy", folder / f"{name}.csv"
    np.save(stored, vectors)
    rows = {"path": [f"cam1/{name}-{i}.jpg" for i in range(len(vectors))], **columns}
    pd.DataFrame(rows).to_csv(manifest, index=False)
    return stored, manifest


def vectors(count, seed, scale=7.0):
    """Of any length: they have to be made unit vectors to be compared."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((count, WIDTH)) * rng.uniform(0.1, scale, (count, 1))).astype("f4")


def clusters(vehicles, images, seed, at=0):
    """Images of each vehicle, near its own direction, which is the same whatever `at` is."""
    centres = np.random.default_rng(seed).standard_normal((vehicles, WIDTH))
    noise = np.random.default_rng([seed, at]).standard_normal((vehicles * images, WIDTH))
    return (centres.repeat(images, axis=0) + 0.5 * noise).astype("f4"), np.arange(vehicles).repeat(
        images
    )


@pytest.fixture(scope="module")
def city(tmp_path_factory):
    """An IVF-PQ index of 10,000 images of 500 vehicles, its folder and its report."""
    folder = tmp_path_factory.mktemp("city")
    values, ids = clusters(500, 20, seed=1)
    report = index.build(
        *write(folder, "gallery", values, vehicle_id=ids), folder / "city.index", "ivf-pq"
    )
    return folder, report


def test_exact_search_is_brute_force_whatever_the_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(embeddings, "BLOCK", 7)
    gallery, queries = vectors(60, 0), vectors(9, 1)
    index.build(*write(tmp_path, "g", gallery), tmp_path / "g.index")
    found = search.search(tmp_path / "g.index", *write(tmp_path, "q", queries), k=5)

    def unit(values):
        values = values.astype("f8")
        return values / np.linalg.norm(values, axis=1, keepdims=True)

    distances = np.linalg.norm(unit(queries)[:, None] - unit(gallery)[None], axis=2)
    nearest = distances.argsort(axis=1)[:, :5]
    assert found["name"].tolist() == [f"cam1/g-{i}.jpg" for i in nearest.ravel()]
    assert found["query"].tolist() == [f"cam1/q-{i}.jpg" for i in range(9) for _ in range(5)]
    assert found["rank"].tolist() == [1, 2, 3, 4, 5] * 9
    expected = np.take_along_axis(distances, nearest, axis=1).ravel()
    np.testing.assert_allclose(found["distance"], expected, atol=1e-5)


def test_one_manifest_serves_as_for_score_and_ids_come_back_as_written(tmp_path):
    values = np.eye(4, WIDTH, dtype="f4") + 0.1
    values[3] = values[0] + 0.01  # the query is nearest to the first gallery image
    stored, manifest = write(
        tmp_path,
        "m",
        values,
        vehicle_id=["KA-7", "007", "8", "KA-7"],
        split=["gallery", "train", "gallery", "query"],
        camera_id=["north", 1, "", "south"],
    )
    assert index.build(stored, manifest, tmp_path / "m.index").count == 2
    found = search.search(tmp_path / "m.index", stored, manifest, k=10)
    assert found["query"].tolist() == ["cam1/m-3.jpg"] * 2
    assert found["name"].tolist() == ["cam1/m-0.jpg", "cam1/m-2.jpg"]
    assert found["vehicle_id"].tolist() == ["KA-7", "8"]
    assert found["camera_id"][0] == "north" and pd.isna(found["camera_id"][1])


def test_ivf_pq_finds_the_vehicle_and_its_codes_are_small(city):
    folder, report = city
    queries, ids = clusters(500, 1, seed=1, at=1)
    stored, manifest = write(folder, "query", queries, vehicle_id=ids)
    found = search.search(folder / "city.index", stored, manifest, k=1, nprobe=10**6)
    right = found["vehicle_id"].astype(int).to_numpy() == ids
    assert len(found) == 500 and right.mean() > 0.85  # exact search: 0.96; chance: 0.002
    # 10,000 x 16 float32 would be 640 kB; codes of 4 bytes and ids of 8 are 120 kB.
    size = (folder / "city.index" / index.VECTORS).stat().st_size
    assert report.code_bytes == 4 and 120_000 < size < 250_000


def test_the_recall_that_is_reported_is_that_of_a_brute_force(city):
    folder, report = city
    values = np.load(folder / "gallery.npy").astype("f8")
    values /= np.linalg.norm(values, axis=1, keepdims=True)
    gallery = search.Gallery(folder / "city.index")
    hits = []
    for query in range(0, 10_000, 50):
        distances = np.linalg.norm(values - values[query], axis=1)
        distances[query] = np.inf
        numbers = gallery.nearest(values[[query]].astype("f4"), 11, 64)[1][0]
        others = [number for number in numbers if number != query][:10]
        hits.append(len(set(others) & set(distances.argsort()[:10])) / 10)
    reported = {probed: ten for probed, _, ten in report.recall}
    assert reported[64] == pytest.approx(np.mean(hits), abs=0.04)  # other queries
    assert sorted(reported) == [1, 4, 16, 64, 256]
    assert reported[1] < reported[64] <= reported[256] + 0.01


def test_equal_seeds_report_equal_recall(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "FEWEST", 500)
    monkeypatch.setattr(index, "QUERIES", 100)
    files = write(tmp_path, "g", clusters(50, 20, seed=2)[0])
    first, again, other = (
        index.build(*files, tmp_path / f"{name}.index", "ivf-pq", seed).recall
        for name, seed in (("first", 0), ("again", 0), ("other", 5))
    )
    assert first == again != other


def test_recall_by_hand():
    found = np.array([[1, 2, 3], [9, 4, -1]])
    exact = np.array([[1, 3, 5], [4, 9, 7]])
    assert index.recall(found, exact, 1) == 1 / 2  # 1 is 1; 9 is not 4
    assert index.recall(found, exact, 2) == 3 / 4  # {1}, {4, 9}
    assert index.recall(found, exact, 3) == 4 / 6  # {1, 3}, {4, 9}
    missing = np.array([[1, -1, -1]])
    assert index.recall(missing, missing, 3) == 1  # none is no image to find


@pytest.mark.parametrize(
    "count, width, lists, code_bytes",
    [
        (1_000_000, 256, 4000, 64),
        (100_000_000, 1024, 40_000, 64),
        (10_000, 32, 256, 8),
        (50_000, 100, 894, 25),
        (1_000_000, 2048, 4000, 64),
    ],
)
def test_sizes_are_those_of_the_guidelines(count, width, lists, code_bytes):
    assert index.choose(count, width) == (lists, code_bytes)


@pytest.mark.parametrize("count, width", [(9_983, 256), (20_000, 127), (20_000, 3)])
def test_what_ivf_pq_cannot_take_names_exact(count, width):
    with pytest.raises(DataError, match="--kind exact"):
        index.choose(count, width)


def test_an_index_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    stored, manifest = write(tmp_path, "g", vectors(20, 0))

    def full(*_):
        raise OSError("no space left on device")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no space"):
        patch.setattr(index.faiss, "write_index", full)
        index.build(stored, manifest, tmp_path / "g.index")
    assert sorted(file.name for file in tmp_path.glob("[!.]*")) == ["g.csv", "g.npy"]
    assert not list(tmp_path.glob(".*.tmp*"))
    index.build(stored, manifest, tmp_path / "g.index")
    with pytest.raises(DataError, match="g.index exists"):
        index.build(stored, manifest, tmp_path / "g.index")


def bad(folder, values=None, text=None, edit=lambda table: table):
    stored, manifest = write(folder, "g", vectors(3, 0) if values is None else values)
    edit(pd.read_csv(manifest)).to_csv(manifest, index=False)
    if text is not None:
        manifest.write_text(text)
    return stored, manifest


HOLE = vectors(3, 0)
HOLE[1, 5] = np.nan
ZERO = vectors(3, 0)
ZERO[2] = 0


@pytest.mark.parametrize(
    "change, message",
    [
        ({"values": HOLE}, r"g\.npy: row 1 \(cam1/g-1\.jpg\) holds NaN"),
        ({"values": ZERO}, r"row 2 .* only zeros"),
        ({"values": HOLE[:, 0]}, r"expected an \.npy of numbers \[N, D\]"),
        ({"edit": lambda t: t.iloc[:2]}, "3 embeddings, but .* has 2 images"),
        ({"edit": lambda t: pd.concat([t, t])}, "3 embeddings, but .* has 6 images"),
        ({"edit": lambda t: t.assign(split="query")}, "no gallery images"),
        ({"edit": lambda t: t.assign(split=["gallery", "galery", "query"])}, "split .* on lines 3"),
        ({"edit": lambda t: t.assign(camera=1)}, "columns path, camera; expected path and"),
        ({"text": 'path\na.jpg\n""\nb.jpg\n'}, "line 3: blank"),
        ({"text": ""}, "not usable as a manifest"),
    ],
)
def test_bad_input_is_one_clear_error_and_nothing_is_left(tmp_path, change, message):
    files = bad(tmp_path, **change)
    with pytest.raises(DataError, match=message):
        index.build(*files, tmp_path / "g.index")
    assert not list(tmp_path.glob("*.index"))


def test_a_search_says_what_does_not_fit_the_index(tmp_path):
    index.build(*write(tmp_path, "g", vectors(20, 0)), tmp_path / "g.index")
    narrow = write(tmp_path, "q", vectors(2, 1)[:, :8])
    with pytest.raises(DataError, match=r"q\.npy: .* width 8; .*g\.index .* width 16"):
        search.search(tmp_path / "g.index", *narrow)
    queries = write(tmp_path, "q", vectors(2, 1))
    with pytest.raises(DataError, match="not a whole index"):
        search.search(tmp_path / "g.npy", *queries)
    with pytest.raises(DataError, match="k is 0"):
        search.search(tmp_path / "g.index", *queries, k=0)
    (tmp_path / "g.index" / index.IMAGES).unlink()
    with pytest.raises(DataError, match="not a whole index"):
        search.search(tmp_path / "g.index", *queries)


def test_the_commands(tmp_path, capsys):
    stored, manifest = map(str, write(tmp_path, "g", vectors(20, 0)))
    index, out = str(tmp_path / "g.index"), tmp_path / "found.csv"
    common = ["--embeddings", stored, "--manifest", manifest]
    assert main(["index", *common, "--out", index]) == 0
    assert "20 embeddings of width 16" in capsys.readouterr().out
    assert main(["search", "--index", index, *common, "--k", "2", "--out", str(out)]) == 0
    table = pd.read_csv(out)
    assert list(table) == ["query", "rank", "name", "vehicle_id", "camera_id", "distance"]
    nearest = table[table["rank"] == 1]
    assert (nearest["query"] == nearest["name"]).all() and (nearest["distance"] < 1e-3).all()
    capsys.readouterr()
    assert main(["search", "--index", index, *common, "--k", "2"]) == 0
    assert capsys.readouterr().out == out.read_text()
    assert main(["index", *common, "--out", index]) == 1
    assert "exists" in capsys.readouterr().err


def test_without_faiss_the_message_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['faiss'] = None; from rnnha.cli import main; "
        "sys.exit(main(['index', '--embeddings', 'a.npy', '--manifest', 'm.csv', "
        "'--out', 'x.index']))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "pip install --no-build-isolation -e '.[index]'" in done.stderr


def test_about_can_be_read_by_others(city):
    folder, report = city
    about = json.loads((folder / "city.index" / "about.json").read_text())
    assert (about["kind"], about["count"], about["lists"]) == ("ivf-pq", 10_000, 256)
    assert f"{report.recall[0][2]:.3f}" in report.text
