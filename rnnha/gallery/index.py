"""Galleries too large to compare with every time from the start: an index of embeddings, on FAISS.

    rnnha index --embeddings a.npy --manifest m.csv --kind ivf-pq --out city.index
    rnnha search --index city.index --embeddings q.npy --manifest q.csv --k 10

An index is a folder: `vectors.faiss`, what FAISS wrote; `images.sqlite`, which image each vector
is, in SQLite, so that a search need not read a hundred million names; `about.json`, how it was
built. Both kinds search L2-normalised embeddings by Euclidean distance, as `retrieval` does:

"exact" keeps the numbers as they are and compares with all of them.
"ivf-pq" (Jégou, Douze, Schmid: Product quantization for nearest neighbor search, TPAMI 2011,
sections II and IV) puts each vector into the list of its nearest centroid, keeps of its difference
from that centroid a short code, and compares with the codes of the few lists nearest to a query.
What that misses is measured when the index is built: `Report.recall`.
"""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from math import sqrt
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnha.files import DataError
from rnnha.paths import atomic
from rnnha.scoring.embeddings import blocks, load_embeddings
from rnnha.scoring.ranking import unit

try:
    import faiss
except ImportError as error:
    raise RuntimeError(
        "an index of a large gallery needs FAISS; in the project's folder: "
        ".venv/bin/python -m pip install --no-build-isolation -e '.[index]'"
    ) from error

KINDS = ("exact", "ivf-pq")
FEWEST = 39 * 256  # FAISS asks for 39 training points a centroid, and a code has 256 centroids
TRAINED_ON = 64  # points a list; FAISS's guidelines: 30 to 256
NPROBE = 64
PROBES = (1, 4, 16, NPROBE, 256)  # of the report
QUERIES = 1000  # of the report
VECTORS, IMAGES, ABOUT = "vectors.faiss", "images.sqlite", "about.json"


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
                f"{self.lists:,} lists (4 sqrt(N), at most one to 39 images)",
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


def build(
    embeddings: Path, manifest: Path, out: Path, kind: str = "exact", seed: int = 0
) -> Report:
    """Build the index `out`, a folder that appears when it is whole.

    embeddings: .npy [N, D], a row for each row of the manifest; read in blocks, so that memory
        holds the index, the training points and 8 bytes an image.
    manifest: CSV as `rnnha score` takes it; with a split, its gallery or test rows are indexed.
        Only path is required here, and ids stay as they are written.

    Raises DataError for input that cannot be used, an `out` that exists, and a gallery too small
    for "ivf-pq" (under 9,984 images) or a width that it cannot cut into parts.
    """
    embeddings, manifest, out = Path(embeddings), Path(manifest), Path(out)
    if kind not in KINDS:
        raise DataError(f"no kind of index {kind!r}; expected one of {', '.join(KINDS)}")
    if out.exists():
        raise DataError(f"{out} exists; remove it, or give another name with --out")
    # Everything is looked at before hours of training, which a late NaN would waste.
    places = np.concatenate([b.rows.index for b in blocks(embeddings, manifest, "gallery")])
    source = load_embeddings(embeddings)
    count, width = len(places), source.shape[1]
    lists, code_bytes = choose(count, width) if kind == "ivf-pq" else (0, 0)
    trained_on = min(count, max(TRAINED_ON * lists, 256 * 256)) if lists else 0
    report = Report(kind, count, width, seed, lists, code_bytes, trained_on)
    with atomic(out) as folder:
        folder.mkdir()
        clock = [time.perf_counter()]
        index = _empty(report, source, places)
        clock.append(time.perf_counter())
        _fill(index, folder / IMAGES, embeddings, manifest)
        clock.append(time.perf_counter())
        if lists:
            sample = _sample(source, places, QUERIES, seed + 1)
            report = replace(report, recall=_measure(index, *sample, embeddings, manifest))
        clock.append(time.perf_counter())
        parts = ("training", "adding", "measuring recall")
        report = replace(report, seconds=dict(zip(parts, np.diff(clock), strict=True)))
        faiss.write_index(index, str(folder / VECTORS))
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
    with closing(sqlite3.connect(names)) as images, images:
        images.execute(
            "create table images (number integer primary key, "
            "path text, vehicle_id text, camera_id text)"
        )
        for block in blocks(embeddings, manifest, "gallery"):
            known = block.rows.astype(object).where(block.rows.notna(), None)
            numbers = range(index.ntotal, index.ntotal + len(known))
            images.executemany(
                "insert into images values (?, ?, ?, ?)",
                zip(numbers, *known.to_numpy().T, strict=True),
            )
            index.add(block.vectors)


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
