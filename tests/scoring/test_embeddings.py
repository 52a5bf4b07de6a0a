"""Stored embeddings that cannot be compared are refused with row and image, by both readers."""

import csv

import numpy as np
import pytest

from rnnha.files import DataError
from rnnha.scoring import embeddings
from rnnha.scoring.files import score_files

ROWS = [
    ("train.jpg", 9, "train", 1),
    ("q.jpg", 1, "query", 1),
    ("near.jpg", 1, "gallery", 2),
    ("far.jpg", 2, "gallery", 2),
]


@pytest.fixture
def stored(tmp_path):
    """The two files of a small set that scores."""
    with open(tmp_path / "m.csv", "w", newline="") as file:
        csv.writer(file).writerows([("path", "vehicle_id", "split", "camera_id"), *ROWS])
    np.save(tmp_path / "e.npy", good())
    return tmp_path / "e.npy", tmp_path / "m.csv"


def good(dtype="float64"):
    return np.array([[1, 1], [1, 0], [1, 0.5], [0, 1]], dtype)


def read_gallery(*files):
    return list(embeddings.blocks(*files, "gallery"))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
def test_numbers_of_any_precision_are_read(stored, dtype):
    np.save(stored[0], good(dtype))
    assert score_files(*stored)["first_rank"].tolist() == [1]
    (block,) = read_gallery(*stored)
    np.testing.assert_allclose(block.vectors, [[0.8**0.5, 0.2**0.5], [0, 1]], atol=1e-3)


@pytest.mark.parametrize("reader", [score_files, read_gallery])
@pytest.mark.parametrize(
    ("row", "found"),
    [
        ([np.nan, 1], "NaN or infinity"),
        ([1, -np.inf], "NaN or infinity"),
        ([0, 0], "only zeros"),
        ([1, -1e39], r"1e\+39, which float32 cannot hold"),
        ([1e-50, -2e-50], "2e-50, which float32 cannot hold"),
    ],
)
def test_a_row_without_a_direction_is_named(stored, reader, row, found):
    values = good()
    values[3] = row
    np.save(stored[0], values)
    with pytest.raises(DataError, match=rf"e.npy: row 3 \(.*far.jpg\) holds .*{found} \(1 such"):
        reader(*stored)


def test_rows_that_nothing_is_scored_by_may_hold_anything(stored):
    values = good()
    values[0] = np.nan
    np.save(stored[0], values)
    assert score_files(*stored)["first_rank"].tolist() == [1]


@pytest.mark.parametrize("reader", [score_files, read_gallery])
@pytest.mark.parametrize(
    ("array", "found"),
    [
        (np.ones((4, 2), int), "found int64"),
        (np.ones((4, 2), np.uint8), "found uint8"),
        (np.ones((4, 2), bool), "found bool"),
        (np.ones((4, 2), complex), "found complex128"),
        (np.ones(4), r"found float64 \(4,\)"),
        (np.ones((4, 2, 1)), r"found float64 \(4, 2, 1\)"),
        (np.ones((4, 0)), r"found \(4, 0\), which holds no number"),
        (np.ones((0, 2)), r"found \(0, 2\), which holds no number"),
        (np.array([[1, "a"]] * 4, object), "objects"),
    ],
)
def test_arrays_of_other_kinds_are_refused(stored, reader, array, found):
    np.save(stored[0], array)
    with pytest.raises(DataError, match=f"e.npy: .*{found}.*expected an .npy of numbers"):
        reader(*stored)


@pytest.mark.parametrize("reader", [score_files, read_gallery])
@pytest.mark.parametrize("length", [0, 3, 20, 100, 128, 150])
def test_a_file_that_is_cut_off_is_refused(stored, reader, length):
    content = stored[0].read_bytes()
    assert len(content) == 128 + 64  # head and numbers
    stored[0].write_bytes(content[:length])
    with pytest.raises(DataError, match="e.npy: not readable as .npy"):
        reader(*stored)


def test_archives_are_no_arrays(stored):
    with open(stored[0], "wb") as file:
        np.savez(file, good())
    with pytest.raises(DataError, match="e.npy: found an .npz"):
        score_files(*stored)
    stored[0].write_bytes(stored[0].read_bytes()[:100])
    with pytest.raises(DataError, match="e.npy: not readable as .npy"):
        score_files(*stored)


@pytest.mark.parametrize("reader", [score_files, read_gallery])
def test_a_blank_line_would_shift_the_rows(stored, reader):
    lines = stored[1].read_text().splitlines()
    stored[1].write_text("\n".join([*lines[:2], "", *lines[2:]]))
    with pytest.raises(DataError, match="m.csv, line 3: blank"):
        reader(*stored)


def test_lines_are_counted_through_the_blocks(stored, monkeypatch):
    monkeypatch.setattr(embeddings, "BLOCK", 1)
    assert [len(block.rows) for block in read_gallery(*stored)] == [1, 1]
    stored[1].write_text(stored[1].read_text().replace("far.jpg", '"new\nline",1,query,1\n'))
    with pytest.raises(DataError, match="m.csv: .*no path, .*on lines 7"):
        read_gallery(*stored)
