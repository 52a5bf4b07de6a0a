"""Galleries too large to compare with every time from the start: an index of embeddings, on FAISS.

    rnnha index --embeddings a.npy --manifest m.csv --kind ivf-pq --out city.index
    rnnha search --index city.index --embeddings q.npy --manifest q.csv --k 10

An index is a folder: `vectors.faiss`, what FAISS wrote; `images.sqlite`, which image each vector
is, in SQLite, so that a search need not read a hundred million names; `about.json`, how it was
built. Both kinds search L2-normalised embeddings by Euclidean distance, as `scoring.ranking` does:

"exact" keeps the numbers as they are and compares with all of them.
"ivf-pq" (Jégou, Douze, Schmid: Product quantization for nearest neighbor search, TPAMI 2011,
sections II and IV) puts each vector into the list of its nearest centroid, keeps of its difference
from that centroid a short code, and compares with the codes of the few lists nearest to a query.
What that misses is measured when the index is built: `Report.recall`.
"""

import json
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import asdict, replace
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnha.files import DataError
from rnnha.gallery.stored import (
    ABOUT,
    IMAGES,
    KINDS,
    NPROBE,
    QUERIES,
    TABLE,
    VECTORS,
    Report,
    expect_vectors,
)
from rnnha.paths import alone, atomic
from rnnha.scoring.embeddings import blocks, load_embeddings
from rnnha.scoring.ranking import unit

try:
    import faiss
except ImportError as error:
    raise RuntimeError(
        "an index of a large gallery needs FAISS; in the project's folder: "
        ".venv/bin/python -m pip install --no-build-isolation -e '.[index]'"
    ) from error

FEWEST = 39 * 256  # FAISS asks for 39 training points a centroid, and a code has 256 centroids
TRAINED_ON = 64  # points a list; FAISS's guidelines: 30 to 256
PROBES = (1, 4, 16, NPROBE, 256)  # of the report


def build(
    embeddings: Path, manifest: Path, out: Path, kind: str = "exact", seed: int = 0
) -> Report:
    """Build the index `out`, a folder that appears when it is whole.

    embeddings: .npy [N, D], a row for each row of the manifest; read in blocks, so that memory
        holds the index, the training points and 8 bytes an image.
    manifest: CSV as `rnnha score` takes it; with a split, its gallery or test rows are indexed.
        Only path is required here, and ids stay as they are written.

    Raises DataError for input that cannot be used or changes meanwhile, an `out` that exists or
    cannot be written, and a gallery too small for "ivf-pq" (under 9,984 images) or a width that it
    cannot cut into parts; OSError where the disk is full.
    """
    embeddings, manifest, out = Path(embeddings), Path(manifest), Path(out)
    if kind not in KINDS:
        raise DataError(f"no kind of index {kind!r}; expected one of {', '.join(KINDS)}")
    if seed < 0:
        raise DataError(f"seed is {seed}; expected 0 or more")
    _expect_room(out)
    seen = _stamps(embeddings, manifest)
    # Everything is looked at before hours of training, which a late NaN would waste.
    places = np.concatenate([b.rows.index for b in blocks(embeddings, manifest, "gallery")])
    source = load_embeddings(embeddings)
    count, width = len(places), source.shape[1]
    lists, code_bytes = choose(count, width) if kind == "ivf-pq" else (0, 0)
    trained_on = min(count, max(TRAINED_ON * lists, 256 * 256)) if lists else 0
    report = Report(kind, count, width, seed, lists, code_bytes, trained_on)
    with alone(out, str(out)), _unchanged(seen), atomic(out) as folder:
        _expect_room(out)  # another process may have been at it
        folder.mkdir()
        report = _write(report, folder, source, places, embeddings, manifest)
        _expect_same(seen)
    return report


def _expect_room(out: Path) -> None:
    """Raise DataError unless `out` is free, and a folder can be made beside it."""
    try:
        taken = os.path.lexists(out)
        if not taken:
            out.parent.mkdir(parents=True, exist_ok=True)
            parts = {"prefix": f".{out.stem}.", "suffix": f".tmp{out.suffix}", "dir": out.parent}
            tempfile.TemporaryDirectory(**parts).cleanup()
    except OSError as error:
        raise DataError(
            f"{out}: cannot be written ({error.strerror}); name a place that can with --out"
        ) from error
    if taken:
        raise DataError(f"{out} exists; remove it, or give another name with --out")


def _stamps(*files: Path) -> dict[Path, tuple[int, int, int]]:
    """What changes when a file does; none of a file that cannot be read, which its reader tells."""
    found = {}
    for file in files:
        with suppress(OSError):
            now = file.stat()
            found[file] = now.st_ino, now.st_size, now.st_mtime_ns
    return found


def _expect_same(seen: dict[Path, tuple[int, int, int]]) -> None:
    """Raise DataError where a file is not what it was: it is read once for each part of an index,
    and the parts of two files would make one that is wrong in silence."""
    now = _stamps(*seen)
    for file, stamp in seen.items():
        if now.get(file) != stamp:
            raise DataError(f"{file}: changed while the index was built; build it again")


@contextmanager
def _unchanged(seen: dict[Path, tuple[int, int, int]]) -> Iterator[None]:
    """Errors that come of a changed file are told as that."""
    try:
        yield
    except Exception:
        _expect_same(seen)
        raise


def _write(report: Report, folder: Path, source, places, embeddings: Path, manifest: Path):
    """The files of an index, and its report with what was measured."""
    clock = [time.perf_counter()]
    index = _empty(report, source, places)
    clock.append(time.perf_counter())
    _fill(index, folder / IMAGES, embeddings, manifest)
    clock.append(time.perf_counter())
    if report.lists:
        sample = _sample(source, places, QUERIES, report.seed + 1)
        report = replace(report, recall=_measure(index, *sample, embeddings, manifest))
    clock.append(time.perf_counter())
    parts = ("training", "adding", "measuring recall")
    report = replace(report, seconds=dict(zip(parts, np.diff(clock), strict=True)))
    faiss.write_index(index, str(folder / VECTORS))
    expect_vectors(folder / VECTORS, report)  # FAISS is silent where closing a file fails
    (folder / ABOUT).write_text(json.dumps(asdict(report), indent=1) + "\n")
    return report


def choose(count: int, width: int) -> tuple[int, int]:
    """Lists and bytes a code of an IVF-PQ index of `count` vectors of `width` numbers.

    Lists: 4 sqrt(N), the lower end of FAISS's "Guidelines to choose an index", and never more
    than leave 39 vectors to a list. Above a million these guidelines advise 65,536 and more,
    which take a GPU or many cores to train; this goes on with 4 sqrt(N).
    Bytes: the most up to 64, where the guidelines end, that cut the width into equal parts of at
    least four numbers. Raises DataError where there are too few vectors or no such parts.
    """
    if count < FEWEST:
        raise DataError(
            f"{count:,} images are too few to train ivf-pq, which needs {FEWEST:,}; "
            "use --kind exact: it takes milliseconds there"
        )
    parts = [m for m in range(1, 65) if width % m == 0 and width // m >= 4]
    if not parts or width > 64 * parts[-1]:
        raise DataError(
            f"embeddings of width {width:,} cannot be cut into at most 64 equal parts "
            "of 4 to 64 numbers; use --kind exact, or append columns of zeros, which "
            "change no distance, up to a multiple of 64"
        )
    return min(round(4 * sqrt(count)), count // 39), parts[-1]


def recall(found: NDArray[np.int64], exact: NDArray[np.int64], k: int) -> float:
    """recall@k, 0..1: how many of the k nearest by exact search are among the k found.

    found, exact: numbers of images, nearest first, [Q, k or more]; -1 is none.
    """
    found, exact = found[:, :k], exact[:, :k]
    hit = (found[:, :, None] == exact[:, None, :]).any(axis=1) & (exact >= 0)
    return float(hit.sum() / (exact >= 0).sum())


def _sample(
    vectors: NDArray, places: NDArray[np.int64], size: int, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Numbers of some images of the gallery, ascending, and their embeddings of length one."""
    rng = np.random.default_rng(seed)
    numbers = np.sort(rng.choice(len(places), min(size, len(places)), replace=False))
    return numbers, unit(vectors[places[numbers]])


def _empty(report: Report, source: NDArray, places: NDArray[np.int64]):
    """A FAISS index, trained where its kind needs it."""
    if report.kind == "exact":
        index = faiss.IndexFlatL2(report.width)
        # Room for all at once: grown step by step, it would be copied, and twice there.
        index.codes.resize(report.count * report.width * 4)
        index.codes.resize(0)
        return index
    index = faiss.index_factory(report.width, f"IVF{report.lists},PQ{report.code_bytes}")
    index.do_polysemous_training = False  # seconds a byte, for a filter that no search here uses
    index.train(_sample(source, places, report.trained_on, report.seed)[1])
    return index


def _fill(index, names: Path, embeddings: Path, manifest: Path) -> None:
    """Add the gallery to an index, and write which image each number is."""
    try:
        with closing(sqlite3.connect(names)) as images, images:
            images.execute(f"create table {TABLE}")
            for block in blocks(embeddings, manifest, "gallery"):
                known = block.rows.astype(object).where(block.rows.notna(), None)
                numbers = range(index.ntotal, index.ntotal + len(known))
                images.executemany(
                    "insert into images values (?, ?, ?, ?)",
                    zip(numbers, *known.to_numpy().T, strict=True),
                )
                index.add(block.vectors)
    except sqlite3.Error as error:
        raise OSError(f"{names}: cannot be written ({error}); is the disk full?") from error


def nearest_of(index, vectors: NDArray, k: int, nprobe: int) -> tuple[NDArray, NDArray]:
    """Squared distances and numbers, as FAISS gives them."""
    if not hasattr(index, "nprobe"):
        return index.search(vectors, k)
    return index.search(vectors, k, params=faiss.SearchParametersIVF(nprobe=nprobe))


def _measure(index, own, queries, embeddings: Path, manifest: Path) -> list[tuple]:
    """`Report.recall`. A query is in the gallery; it counts as no find of itself."""
    best = np.full((len(queries), 11), np.inf, np.float32)
    exact = np.full(best.shape, -1, np.int64)
    start = 0
    for block in blocks(embeddings, manifest, "gallery"):
        near, numbers = faiss.knn(queries, block.vectors, min(11, len(block.vectors)))
        best, exact = np.hstack([best, near]), np.hstack([exact, numbers + start])
        order = np.argsort(best, axis=1, kind="stable")[:, :11]
        best, exact = (np.take_along_axis(a, order, axis=1) for a in (best, exact))
        start += len(block.vectors)
    exact = _without(exact, own)
    found = {
        n: _without(nearest_of(index, queries, 11, n)[1], own) for n in PROBES if n <= index.nlist
    }
    return [(n, recall(ids, exact, 1), recall(ids, exact, 10)) for n, ids in found.items()]


def _without(found: NDArray[np.int64], own: NDArray[np.int64]) -> NDArray[np.int64]:
    """Drop from each row its own number or, where it is missing, the last."""
    keep = found != own[:, None]
    keep[keep.all(axis=1), -1] = False
    return found[keep].reshape(len(found), -1)
