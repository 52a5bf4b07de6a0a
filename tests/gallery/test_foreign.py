"""Indexes that are damaged or another program's, disks that fail, and answers of any size."""

import csv
import io
import json
import os
import shutil
import sqlite3

import numpy as np
import pandas as pd
import pytest

from rnnha.files import DataError
from rnnha.paths import atomic

faiss = pytest.importorskip("faiss")

from rnnha.gallery import index, search, stored  # noqa: E402

COUNT, WIDTH = 600, 8


def directions(count, seed, width=WIDTH):
    values = np.random.default_rng(seed).standard_normal((count, width)).astype("f4")
    return values / np.linalg.norm(values, axis=1, keepdims=True)


def write(folder, name, values):
    files = folder / f"{name}.npy", folder / f"{name}.csv"
    np.save(files[0], values)
    pd.DataFrame({"path": [f"{name}{i}.jpg" for i in range(len(values))]}).to_csv(
        files[1], index=False
    )
    return files


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """Both kinds of index of the same 600 images."""
    folder = tmp_path_factory.mktemp("built")
    files = write(folder, "g", directions(COUNT, 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(index, "FEWEST", COUNT)
        for kind in index.KINDS:
            index.build(*files, folder / kind, kind)
    return folder


@pytest.fixture
def copied(built, tmp_path):
    def copy(kind):
        return shutil.copytree(built / kind, tmp_path / kind)

    return copy


# --- vectors of another kind ---


def flat(values, metric=faiss.METRIC_L2):
    made = faiss.IndexFlat(values.shape[1], metric)
    made.add(values)
    return made


def inner_product(values):
    made = faiss.IndexFlatIP(WIDTH)
    made.add(values)
    return made


def factory(description, metric=faiss.METRIC_L2):
    def make(values):
        made = faiss.index_factory(WIDTH, description, metric)
        if isinstance(made, faiss.IndexIVFPQ):
            made.do_polysemous_training = False  # which takes seconds
        made.train(values)
        made.add(values)
        return made

    return make


def with_a_nan(values):
    values = values.copy()
    values[7, 3] = np.nan
    return flat(values)


def with_other_ids(values):
    made = faiss.index_factory(WIDTH, "IVF15,PQ2")
    made.do_polysemous_training = False
    made.train(values)
    made.add_with_ids(values, np.arange(COUNT) + 10**6)
    return made


FOREIGN = {
    "inner product": ("exact", inner_product, "found IxFI, inner product"),
    "another metric": ("exact", lambda v: flat(v, faiss.METRIC_L1), "another metric"),
    "wider": ("exact", lambda _: flat(directions(COUNT, 0, 9)), "width: found 9.* expected 8"),
    "fewer": ("exact", lambda v: flat(v[:-1]), "count: found 599.* expected 600"),
    "a graph": ("exact", factory("HNSW8"), "found IHN"),
    "any length": ("exact", lambda v: flat(v * 3), "vector 0 is not of length one"),
    "NaN": ("exact", with_a_nan, "vector 7 is not of length one"),
    "ivf, inner product": ("ivf-pq", factory("IVF15,PQ2", 0), "found IwPQ, inner product"),
    "ivf, no codes": ("ivf-pq", factory("IVF15,Flat"), "found IwFl"),
    "ivf, more lists": ("ivf-pq", factory("IVF14,PQ2"), "lists: found 14"),
    "ivf, longer codes": ("ivf-pq", factory("IVF15,PQ4"), "bytes a code: found"),
    "ivf, codes of four bits": ("ivf-pq", factory("IVF15,PQ4x4"), "bits of a code: found"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", FOREIGN)
def test_vectors_that_are_not_those_described_are_not_searched(copied, case):
    kind, make, message = FOREIGN[case]
    folder = copied(kind)
    faiss.write_index(make(directions(COUNT, 0)), str(folder / index.VECTORS))
    with pytest.raises(DataError, match=f"vectors.faiss: .*{message}.*rnnha index"):
        search.Gallery(folder)


@pytest.mark.parametrize("kind", index.KINDS)
def test_vectors_cut_off_anywhere_are_refused_and_so_is_a_tail(copied, kind):
    folder = copied(kind)
    path = folder / index.VECTORS
    whole = path.read_bytes()
    for length in (0, 3, 20, 40, 60, 150, 3000, len(whole) - 1):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match=r"vectors\.faiss.*rnnha index"):
            search.Gallery(folder)
    path.write_bytes(whole + b"x")
    with pytest.raises(DataError, match=r"vectors\.faiss"):
        search.Gallery(folder)
    path.write_bytes(whole)
    assert search.Gallery(folder).index.ntotal == COUNT


def test_a_file_that_vectors_name_is_not_opened(copied, tmp_path, monkeypatch):
    folder = copied("ivf-pq")
    made = faiss.read_index(str(folder / index.VECTORS))
    lists = faiss.OnDiskInvertedLists(made.nlist, made.code_size, str(tmp_path / "elsewhere"))
    lists.merge_from(made.invlists, 0)
    made.replace_invlists(lists)
    faiss.write_index(made, str(folder / index.VECTORS))
    assert faiss.read_index(str(folder / index.VECTORS)).ntotal == COUNT  # FAISS opens it
    monkeypatch.setattr(search.faiss, "read_index", lambda *_: pytest.fail("given to FAISS"))
    with pytest.raises(DataError, match="found ilod.* expected ilar"):
        search.Gallery(folder)


def test_lists_that_are_mostly_empty_are_stored_otherwise_and_read(tmp_path, monkeypatch):
    monkeypatch.setattr(index, "FEWEST", COUNT)
    values = directions(2, 0).repeat(COUNT // 2, axis=0)
    index.build(*write(tmp_path, "g", values), tmp_path / "g.index", "ivf-pq")
    assert b"sprs" in (tmp_path / "g.index" / index.VECTORS).read_bytes()
    found = search.search(tmp_path / "g.index", *write(tmp_path, "q", values[:1]), k=COUNT // 2)
    assert set(found["name"]) == {f"g{i}.jpg" for i in range(COUNT // 2)}


# --- names and description ---


def replaced(content):
    return lambda path: path.write_bytes(content)


def edited(*statements):
    def edit(path):
        images = sqlite3.connect(path)
        for statement in statements:
            images.execute(statement)
        images.commit()
        images.close()

    return edit


NAMES = {
    "no SQLite": (replaced(b"path\na.jpg\n" * 100), "not a database"),
    "empty": (replaced(b""), "no table"),
    "no table": (edited("drop table images"), "no table"),
    "another table": (edited("alter table images add column x"), "no table"),
    "a view": (
        edited(
            "alter table images rename to other",
            "create view images as select * from other",
        ),
        "no table",
    ),
    "no rows": (edited("delete from images"), "found 0 images.* expected 600"),
    "fewer rows": (edited("delete from images where number = 599"), "found 599 images"),
    "a hole": (edited("delete from images where number = 7"), "found 599 images"),
    "other numbers": (edited("update images set number = 1000 where number = 7"), "from 0 to 1000"),
    "bytes": (edited("update images set path = x'80'"), "as text"),
    "no path": (edited("update images set path = null"), "as text"),
    "ids of bytes": (edited("update images set camera_id = x'00'"), "as text"),
    "no UTF-8": (edited("update images set path = cast(x'ff' as text)"), "UTF-8"),
}


@pytest.mark.parametrize("case", NAMES)
def test_a_table_of_names_that_is_not_one_is_refused(copied, tmp_path, case):
    spoil, message = NAMES[case]
    folder = copied("exact")
    spoil(folder / index.IMAGES)
    with pytest.raises(DataError, match=f"images.sqlite: .*{message}.*rnnha index"):
        search.search(folder, *write(tmp_path, "q", directions(2, 1)))


def test_numbers_that_no_image_has_are_refused(copied, tmp_path):
    folder = copied("ivf-pq")
    made = with_other_ids(directions(COUNT, 0))
    faiss.write_index(made, str(folder / index.VECTORS))
    with pytest.raises(DataError, match="images.sqlite: has 0 of"):
        search.search(folder, *write(tmp_path, "q", directions(2, 1)))


ABOUT = {
    "no JSON": "{",
    "a list": "[1]",
    "deep": "[" * 10**5,
    "unknown": {"colour": "red"},
    "kind of a list": {"kind": ["exact"]},
    "another kind": {"kind": "hnsw"},
    "count of text": {"count": "600"},
    "count of a decimal": {"count": 600.0},
    "count true": {"count": True},
    "count of 0": {"count": 0},
    "no width": {"width": None},
    "lists of exact": {"lists": 4},
    "seconds of text": {"seconds": {"adding": "1"}},
    "recall of text": {"recall": ["high"]},
    "ivf without lists": {"kind": "ivf-pq"},
    "ivf, odd codes": {"kind": "ivf-pq", "lists": 15, "code_bytes": 3},
}


@pytest.mark.parametrize("case", ABOUT)
def test_a_description_of_other_types_is_refused(copied, case):
    folder = copied("exact")
    path, change = folder / index.ABOUT, ABOUT[case]
    if isinstance(change, dict):
        change = json.dumps(json.loads(path.read_text()) | change)
    path.write_text(change)
    with pytest.raises(DataError, match=r"about\.json.*rnnha index"):
        search.Gallery(folder)


def test_an_index_opens_wherever_it_lies_and_is_not_written_to(built, tmp_path):
    folder = shutil.copytree(built / "exact", tmp_path / "50% of a #1? städte")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert len(search.search(folder, *write(tmp_path, "q", directions(2, 1)))) == 20
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


# --- answers of any size ---


@pytest.mark.parametrize("kind", index.KINDS)
def test_a_k_beyond_all_bounds_gives_each_image_once_in_bounded_parts(
    built, tmp_path, monkeypatch, kind
):
    files = write(tmp_path, "q", directions(5, 1))
    usual = search.search(built / kind, *files, k=COUNT, nprobe=15)
    monkeypatch.setattr(search, "HITS", 2 * COUNT)
    monkeypatch.setattr(search, "ROWS", 700)
    asked, statements = [], []

    def nearest(made, vectors, k, nprobe):
        asked.append(len(vectors) * max(k, nprobe))
        return index.nearest_of(made, vectors, k, nprobe)

    def connect(*args, opened=sqlite3.connect, **options):
        connection = opened(*args, **options)
        connection.set_trace_callback(statements.append)
        return connection

    monkeypatch.setattr(search, "nearest_of", nearest)
    monkeypatch.setattr(stored.sqlite3, "connect", connect)
    parts = list(search.search_in_parts(built / kind, *files, k=10**30, nprobe=10**30))
    assert max(asked) <= 2 * COUNT and max(map(len, parts)) <= 700
    assert len(statements) < 20  # 3000 hits
    found = pd.concat(parts, ignore_index=True)
    assert found.groupby("query")["name"].nunique().tolist() == [COUNT] * 5
    pd.testing.assert_series_equal(
        found.groupby("query")["distance"].sum(), usual.groupby("query")["distance"].sum()
    )
    assert (found.groupby("query")["distance"].diff().dropna() >= 0).all()


def test_queries_of_another_width_are_refused_by_an_opened_index(built):
    with pytest.raises(DataError, match="width 8"):
        search.Gallery(built / "exact").nearest(directions(2, 1, width=9), 3)


# --- CSV ---


def test_no_cell_is_a_formula_and_one_apostrophe_less_is_what_was_found():
    names = ["=1+1", "-x.jpg", "+a", "@SUM(A1)", "\t=1", "\r=1", "'=x", "''-1.jpg", "'a", "a\r=1"]
    plain = ["-1", "+2.5", "7", "'a", "a-b", "", "a", "007", "x", "y"]
    table = pd.DataFrame(
        {
            "query": names,
            "rank": range(10),
            "name": names,
            "vehicle_id": plain,
            "camera_id": None,
            "distance": 0.5,
        }
    )
    text = io.StringIO(newline="")
    search.to_csv([table[:4], table[4:]], text)
    text.seek(0)
    rows = list(csv.DictReader(text))
    assert len(rows) == 10 and rows[0]["distance"] == "0.50000"
    for column in ("query", "name"):
        cells = [row[column] for row in rows]
        assert not any(cell.startswith(tuple("=+-@\t\r")) for cell in cells)
        again = pd.Series(cells).str.replace(r"^'(?='*[=+\-@\t\r])", "", regex=True)
        assert again.tolist() == names
    assert [row["vehicle_id"] for row in rows] == plain
    assert {row["camera_id"] for row in rows} == {""}


def test_a_csv_in_parts_is_that_of_the_whole(built, tmp_path):
    files = write(tmp_path, "q", directions(3, 1))
    whole = search.search(built / "exact", *files, k=20)
    with atomic(tmp_path / "found.csv") as temporary:
        temporary.write_text("left by another")
        search.to_csv((whole[i : i + 7] for i in range(0, 60, 7)), temporary)
    expected = whole.to_csv(index=False, float_format="%.5f")
    assert (tmp_path / "found.csv").read_text() == expected


# --- building ---


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_changes_while_an_index_is_built_ends_it(tmp_path, monkeypatch, which):
    files = write(tmp_path, "g", directions(20, 0))
    others = write(tmp_path, "h", directions(20, 1))
    fill = index._fill

    def late(*arguments):
        os.replace(others[which], files[which])
        fill(*arguments)

    monkeypatch.setattr(index, "_fill", late)
    with pytest.raises(DataError, match=f"{files[which].name}: changed while"):
        index.build(*files, tmp_path / "g.index")
    assert not list(tmp_path.glob("*.index"))


def test_a_file_that_shrinks_while_an_index_is_built_is_told_as_that(tmp_path, monkeypatch):
    files = write(tmp_path, "g", directions(20, 0))
    shorter = write(tmp_path, "h", directions(3, 1))
    empty = index._empty

    def early(*arguments):
        os.replace(shorter[0], files[0])
        return empty(*arguments)

    monkeypatch.setattr(index, "_empty", early)
    with pytest.raises(DataError, match=r"g\.npy: changed while"):
        index.build(*files, tmp_path / "g.index")


@pytest.mark.parametrize("name", ["file/g.index", "x" * 300])
def test_a_place_that_cannot_be_written_is_told_before_anything_is_read(tmp_path, name):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(DataError, match="cannot be written .* --out"):
        index.build(tmp_path / "no.npy", tmp_path / "no.csv", tmp_path / name)


def test_an_interrupted_build_leaves_no_index_and_the_next_takes_its_place(tmp_path, monkeypatch):
    files = write(tmp_path, "g", directions(20, 0))
    left = tmp_path / ".g.1234567.tmp.index"  # as a killed process does
    left.mkdir()

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(index.faiss, "write_index", interrupt)
        index.build(*files, tmp_path / "g.index")
    assert not list(tmp_path.glob("*.index")) and not left.exists()
    index.build(*files, tmp_path / "g.index")
    assert search.Gallery(tmp_path / "g.index").about.count == 20


def test_vectors_that_faiss_did_not_write_whole_are_no_index(tmp_path, monkeypatch):
    files = write(tmp_path, "g", directions(20, 0))
    whole = faiss.write_index

    def short(made, path):
        whole(made, path)
        os.truncate(path, os.path.getsize(path) - 10)

    monkeypatch.setattr(index.faiss, "write_index", short)
    with pytest.raises(DataError, match="bytes after its head"):
        index.build(*files, tmp_path / "g.index")
    assert not list(tmp_path.glob("*.index"))


def test_names_that_cannot_be_written_are_one_error(tmp_path, monkeypatch):
    files = write(tmp_path, "g", directions(20, 0))

    def full(*_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(index.sqlite3, "connect", full)
    with pytest.raises(OSError, match="disk is full"):
        index.build(*files, tmp_path / "g.index")
    assert not list(tmp_path.glob("*.index"))
