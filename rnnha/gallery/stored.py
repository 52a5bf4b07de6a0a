"""The three files of an index on disk, and whether they are what `build` writes.

An index may be handed on, cut off, or made by another program. So all of it is held against its
description before anything is searched, and FAISS is given no file before its type is known: some
types name other files, which FAISS would open.
"""

import json
import os
import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from rnnha.files import DataError, read_bytes

KINDS = ("exact", "ivf-pq")
NPROBE = 64
QUERIES = 1000  # of the report
VECTORS, IMAGES, ABOUT = "vectors.faiss", "images.sqlite", "about.json"
TABLE = "images (number integer primary key, path text, vehicle_id text, camera_id text)"
ANEW = "make the index anew with `rnnha index`"
_METRICS = {0: "inner product", 1: "Euclidean distance"}  # FAISS's numbers
_TYPES = {"exact": "IxF2", "ivf-pq": "IwPQ"}  # FAISS's names for IndexFlatL2 and IndexIVFPQ
_CODES = 256  # that a byte can name


@dataclass(frozen=True)
class Report:
    """How an index was built and, of "ivf-pq", what it finds.

    lists, code_bytes and trained_on are 0 for "exact". seconds: of training, adding, measuring.
    recall: (lists probed, recall@1, recall@10), 0..1, against exact search, of `QUERIES` images
    of the gallery, each searched among the others.
    """

    kind: str
    count: int
    width: int
    seed: int
    lists: int = 0
    code_bytes: int = 0
    trained_on: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    recall: list[tuple[int, float, float]] = field(default_factory=list)

    @property
    def text(self) -> str:
        """For people to read; the sizes of the parts with their reasons."""
        lines = [f"{self.kind} index of {self.count:,} embeddings of width {self.width:,}"]
        if self.kind == "ivf-pq":
            lines += [
                f"{self.lists:,} lists (4 sqrt(N), but 39 images or more to a list)",
                f"{self.code_bytes} bytes a code ({4 * self.width / self.code_bytes:.0f} times "
                f"less than float32; one for {self.width // self.code_bytes} numbers), 8 an id",
                f"trained on {self.trained_on:,} of the images, drawn with seed {self.seed}",
            ]
        lines.append(
            ", ".join(
                f"{part} {taken:.1f} s" for part, taken in self.seconds.items() if taken >= 0.05
            )
            or "under 0.1 s"
        )
        if self.recall:
            lines += [
                f"against exact search, {min(QUERIES, self.count):,} of its own images as queries:",
                "  lists probed  recall@1  recall@10",
                *(f"{n:14,}{one:10.3f}{ten:11.3f}" for n, one, ten in self.recall),
                f"a search probes {NPROBE}; more with --nprobe",
            ]
        return "\n".join(lines)


def read_report(folder: Path) -> Report:
    """The description of an index.

    Raises DataError where a file of the index is missing, or this one describes no index.
    """
    missing = [n for n in (ABOUT, VECTORS, IMAGES) if not os.path.isfile(folder / n)]
    if missing:
        raise DataError(f"{folder}: not a whole index, without {', '.join(missing)}; {ANEW}")
    path = folder / ABOUT
    try:
        about = Report(**json.loads(read_bytes(path)))
    except (ValueError, TypeError, RecursionError) as error:
        raise DataError(f"{path}: describes no index ({error}); {ANEW}") from error
    for name, expected, fits in _shape(about):
        if not fits:
            found = f"{getattr(about, name)!r:.60}"
            raise DataError(f"{path}: {name} is {found}; expected {expected}; {ANEW}")
    return about


def _shape(about: Report) -> Iterator[tuple[str, str, bool]]:
    """(field, what is expected of it, whether it is so); each check may build on those before."""
    yield "kind", " or ".join(KINDS), about.kind in KINDS
    for name in ("count", "width"):
        yield name, "a whole number from 1", _whole(getattr(about, name), 1)
    for name in ("seed", "trained_on"):
        yield name, "a whole number from 0", _whole(getattr(about, name), 0)
    lists, parts = about.lists, about.code_bytes
    if about.kind == "exact":
        yield "lists", "0 for exact", lists == 0
        yield "code_bytes", "0 for exact", parts == 0
    else:
        yield "lists", "a whole number from 1", _whole(lists, 1)
        fits = _whole(parts, 1) and about.width % parts == 0
        yield "code_bytes", f"a part of the width {about.width}", fits
    seconds = about.seconds
    fits = isinstance(seconds, dict) and all(_number(taken) for taken in seconds.values())
    yield "seconds", "numbers by name", fits
    fits = isinstance(about.recall, list) and all(
        isinstance(row, list) and len(row) == 3 and all(_number(n) for n in row)
        for row in about.recall
    )
    yield "recall", "rows of three numbers", fits


def _whole(value, least: int) -> bool:
    return type(value) is int and value >= least  # True is an int, too


def _number(value) -> bool:
    return type(value) in (int, float)


class _Bytes:
    """A file read in order; numbers are only asked for where the file is long enough for them."""

    def __init__(self, path: Path, stream: BinaryIO):
        self.path, self.stream = path, stream
        self.left = os.fstat(stream.fileno()).st_size

    def take(self, layout: str) -> tuple:
        """The next values, in this machine's byte order and without gaps, as FAISS writes them."""
        layout = "=" + layout
        return struct.unpack(layout, self._read(struct.calcsize(layout)))

    def numbers(self, count: int, dtype: str) -> NDArray:
        return np.frombuffer(self._read(count * np.dtype(dtype).itemsize), dtype)

    def _read(self, size: int) -> bytes:
        self.left -= size
        data = self.stream.read(size) if self.left >= 0 else b""
        if len(data) < size:
            raise DataError(f"{self.path}: cut off; {ANEW}")
        return data

    def expect(self, what: str, found, expected) -> None:
        if found != expected:
            raise DataError(
                f"{self.path}: {what}: found {found}; after {ABOUT} expected {expected}; {ANEW}"
            )


def expect_vectors(path: Path, about: Report) -> None:
    """Raise DataError unless `path` is the FAISS index that `about` describes, to its last byte.

    Type, metric, width, count and lists are read here, from the file's own bytes.
    """
    count, width = about.count, about.width
    try:
        with open(path, "rb") as stream:
            data = _Bytes(path, stream)
            _expect_head(data, _TYPES[about.kind], width, count)
            if about.kind == "exact":
                data.expect("numbers", data.take("Q")[0], count * width)
                size = 4 * count * width
            else:
                _expect_lists(data, about)
                size = count * (about.code_bytes + 8)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); {ANEW}") from error
    data.expect("bytes after its head", data.left, size)


def _expect_head(data: _Bytes, code: str, width: int, count: int) -> None:
    """What each FAISS index begins with."""
    found_code, found_width, found_count, _, _, trained, metric = data.take("4siqqqBi")
    found = f"{found_code.decode('latin-1')}, {_METRICS.get(metric, 'another metric')}"
    data.expect("FAISS type and metric", found, f"{code}, {_METRICS[1]}")
    data.expect("width", found_width, width)
    data.expect("count", found_count, count)
    data.expect("trained", trained, 1)


def _expect_lists(data: _Bytes, about: Report) -> None:
    """The parts of an IndexIVFPQ up to its codes: centroids, the centroids of a code, lists."""
    lists, parts, width = about.lists, about.code_bytes, about.width
    data.expect("lists", data.take("QQ")[0], lists)  # and an nprobe, which no search here uses
    _expect_head(data, "IxF2", width, lists)
    _expect_centroids(data, lists * width)
    data.expect("direct map", data.take("BQ"), (0, 0))
    data.expect("residual codes, bytes a code", data.take("BQ"), (1, parts))
    data.expect("width, parts and bits of a code", data.take("QQQ"), (width, parts, 8))
    _expect_centroids(data, _CODES * width)
    # "ilod" would be lists in another file, whose name stands here.
    data.expect("storage of the lists", data.take("4s")[0].decode("latin-1"), "ilar")
    data.expect("lists, bytes a code", data.take("QQ"), (lists, parts))
    layout, length = data.take("4sQ")
    sizes = data.numbers(length, "u8")
    if layout == b"sprs":  # number of a list and its size, of the lists that hold anything
        data.expect("sizes without a list", length % 2, 0)
        named, sizes = sizes[::2].tolist(), sizes[1::2]
        fits = named == sorted(set(named)) and max(named, default=0) < lists
        data.expect("numbers of lists in order", fits, True)
    else:
        data.expect("sizes of lists", (layout.decode("latin-1"), length), ("full", lists))
    data.expect("vectors in the lists", sum(sizes.tolist()), about.count)


def _expect_centroids(data: _Bytes, length: int) -> None:
    data.expect("numbers of centroids", data.take("Q")[0], length)
    data.expect("centroids without NaN", bool(np.isfinite(data.numbers(length, "f4")).all()), True)


@contextmanager
def open_names(path: Path) -> Iterator[sqlite3.Connection]:
    """The table of names, to read only; DataError where SQLite cannot."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"  # no lock, no journal beside it
    try:
        with closing(sqlite3.connect(uri, uri=True)) as images:
            yield images
    except sqlite3.Error as error:
        raise DataError(f"{path}: no readable table of names ({error}); {ANEW}") from error


def expect_names(path: Path, count: int) -> None:
    """Raise DataError unless `path` holds the table that `build` makes, with images 0..count-1."""
    wanted = "select type, sql from sqlite_master where name = 'images'"
    with open_names(path) as images:
        # Word for word: a view or a virtual table of that name would compute something.
        if images.execute(wanted).fetchall() != [("table", f"CREATE TABLE {TABLE}")]:
            raise DataError(f"{path}: holds no table {TABLE}; {ANEW}")
        found = images.execute(
            "select count(*), (select min(number) from images), (select max(number) from images) "
            "from images"
        ).fetchone()
    if found != (count, 0, count - 1):
        number, first, last = found
        raise DataError(
            f"{path}: found {number:,} images, with numbers from {first} to {last}; expected "
            f"{count:,} as in {ABOUT}, from 0; {ANEW}"
        )


def names_of(path: Path, numbers: NDArray[np.int64]) -> list[tuple[str, str | None, str | None]]:
    """(path, vehicle_id, camera_id) of images by their numbers [n], asked for at once.

    Raises DataError where the table lacks one of them, or holds something other than text.
    """
    asked, places = np.unique(numbers, return_inverse=True)
    wanted = (
        "select path, vehicle_id, camera_id from images "
        "where number in (select value from json_each(?)) order by number"
    )
    with open_names(path) as images:
        rows = images.execute(wanted, (json.dumps(asked.tolist()),)).fetchall()
    if len(rows) != len(asked):
        raise DataError(
            f"{path}: has {len(rows):,} of {len(asked):,} images that {VECTORS} finds; {ANEW}"
        )
    for row in rows:
        if not (isinstance(row[0], str) and all(id_ is None or type(id_) is str for id_ in row)):
            raise DataError(f"{path}: found {row!r:.80}, expected path and ids as text; {ANEW}")
    return [rows[place] for place in places]
