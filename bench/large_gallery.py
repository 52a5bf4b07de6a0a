"""Exact and IVF-PQ search of a million embeddings: building, memory, time and recall.

    PYTHONPATH=. python bench/large_gallery.py [--count 20000] [--width 1024] [--write]

Seeded synthetic embeddings, 20 a vehicle: model + vehicle + image, each Gaussian with variances
that fall as 1/j and are rotated at random, so that a few dozen directions carry most of it, as in
embeddings that a network learned; not equal numbers in all directions, where nearest neighbours
mean little. 1,000 new images of vehicles in the gallery are the queries. Both indexes are built as
`rnnha index` does, on all cores, and searched without reading names, each in a process of its own,
whose memory is read from Linux (private memory: without the file of embeddings, which is mapped).

`--write` keeps the rows in results/bench and in the table of docs/large-galleries.md; rows of
another count or width stay. A million takes 2.4 GB of disk for a while, of width 1,024 8.6 GB.
"""

import argparse
import multiprocessing
import re
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rnnha import markdown
from rnnha.gallery import index
from rnnha.gallery.search import Gallery
from rnnha.paths import ROOT, atomic
from rnnha.scoring.ranking import unit

PER_VEHICLE = 20
MODELS = 250
SPREAD = {"model": 1.0, "vehicle": 0.5, "image": 0.35}
QUERIES = 1000
PROBES = (1, 4, 16, 64, 256)
TABLE = ROOT / "results" / "bench" / "large_gallery.csv"
PAGE = ROOT / "docs" / "large-galleries.md"
SHOWN = {  # columns of the page
    "width": "width",
    "kind": "index",
    "nprobe": "lists probed",
    "build_seconds": "build, s",
    "build_mb": "build, MB",
    "file_mb": "file, MB",
    "ram_mb": "search, MB",
    "ms_1_thread": "ms a query, 1 thread",
    "ms_2_threads": "2 threads",
    "ms_alone": "ms, one by one",
    "recall@1": "recall@1",
    "recall@10": "recall@10",
    "right": "right vehicle first, %",
}


class City:
    """Embeddings of vehicles that do not exist; the same for each seed, whatever the block."""

    def __init__(self, count: int, width: int):
        rng = np.random.default_rng(0)
        self.vehicles = max(1, count // PER_VEHICLE)
        self.scale = np.arange(1, width + 1, dtype=np.float32) ** -0.5
        self.turn = np.linalg.qr(rng.standard_normal((width, width)))[0].astype(np.float32)
        self.model = self._normal(rng, MODELS, "model")
        self.vehicle = self._normal(rng, self.vehicles, "vehicle")

    def _normal(self, rng, count: int, part: str) -> NDArray[np.float32]:
        values = rng.standard_normal((count, len(self.scale)), dtype=np.float32)
        return values * (SPREAD[part] * self.scale)

    def images(self, vehicles: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
        """A new image of each of `vehicles`, [n, width]."""
        noise = self._normal(np.random.default_rng([1, seed]), len(vehicles), "image")
        return (self.model[vehicles % MODELS] + self.vehicle[vehicles] + noise) @ self.turn


def write_gallery(city: City, count: int, folder: Path) -> tuple[Path, Path]:
    stored, manifest = folder / "gallery.npy", folder / "gallery.csv"
    width = len(city.scale)
    values = np.lib.format.open_memmap(stored, "w+", np.float32, (count, width))
    vehicles = np.arange(count) % city.vehicles
    for start in range(0, count, 2**14):
        rows = slice(start, min(start + 2**14, count))
        values[rows] = city.images(vehicles[rows], seed=start)
    values.flush()
    names = [f"{vehicle:07d}/{image:09d}.jpg" for image, vehicle in enumerate(vehicles)]
    pd.DataFrame({"path": names, "vehicle_id": vehicles}).to_csv(manifest, index=False)
    return stored, manifest


def private_mb() -> float:
    """Memory of this process that no file backs."""
    status = Path("/proc/self/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024 / 1e6


def build(kind: str, files: tuple[Path, Path], out: Path) -> dict:
    """Build an index; seconds without the measuring of recall, and memory at its peak."""
    before, peak, done = private_mb(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.02):
            peak = max(peak, private_mb())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    report = index.build(*files, out, kind)
    done.set()
    watcher.join()
    size = (out / index.VECTORS).stat().st_size / 1e6
    return {
        "kind": kind,
        "count": report.count,
        "width": report.width,
        "lists": report.lists,
        "code_bytes": report.code_bytes,
        "trained_on": report.trained_on,
        "train_seconds": report.seconds["training"],
        "add_seconds": report.seconds["adding"],
        "build_seconds": report.seconds["training"] + report.seconds["adding"],
        "build_mb": peak - before,
        "file_mb": size,
        "names_mb": (out / index.IMAGES).stat().st_size / 1e6,
    }


def search(folder: Path, queries: NDArray, exact: NDArray | None) -> tuple[list[dict], NDArray]:
    """Time and recall of an opened index, a row for each nprobe; and what it found last."""
    before = private_mb()
    gallery = Gallery(folder)
    gallery.nearest(queries[:1], 10)
    ram = private_mb() - before
    probes = [n for n in PROBES if n <= gallery.about.lists] or [0]  # exact has no lists
    rows = []
    for nprobe in probes:

        def find(vectors: NDArray, nprobe: int = nprobe) -> NDArray:
            return gallery.nearest(vectors, 10, max(nprobe, 1))[1]

        row = {"nprobe": nprobe or "", "ram_mb": ram}
        for threads, name in ((1, "ms_1_thread"), (2, "ms_2_threads")):
            with threadpool_limits(threads):
                row[name] = milliseconds(find, queries, len(queries))
        with threadpool_limits(1):
            row["ms_alone"] = median(milliseconds(find, queries[i : i + 1]) for i in range(50))
        found = find(queries)
        truth = found if exact is None else exact
        row |= {f"recall@{k}": index.recall(found, truth, k) for k in (1, 10)}
        rows.append(row | {"first": found[:, 0]})
    return rows, found


def milliseconds(find: Callable, queries: NDArray, count: int = 1) -> float:
    """Wall time a query, the median of three goes where there is a batch."""
    taken = []
    for _ in range(3 if count > 1 else 1):
        start = time.perf_counter()
        find(queries)
        taken.append(time.perf_counter() - start)
    return 1000 * median(taken) / count


def alone(function: Callable, *arguments):
    """Call in a new process, so that no memory of another part is counted."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(function, arguments)


def measure(count: int, width: int, folder: Path) -> pd.DataFrame:
    city = City(count, width)
    files = write_gallery(city, count, folder)
    wanted = np.random.default_rng(2).integers(0, city.vehicles, QUERIES)
    queries = unit(city.images(wanted, seed=count))
    vehicles, rows, exact = city.vehicles, [], None
    del city
    for kind in index.KINDS:
        print(f"building {kind} ...", flush=True)
        built = alone(build, kind, files, folder / kind)
        found, numbers = alone(search, folder / kind, queries, exact)
        exact = numbers if exact is None else exact
        for row in found:
            right = 100 * float(np.mean(row.pop("first") % vehicles == wanted))
            rows.append(built | row | {"right": right})
    return pd.DataFrame(rows)


def page_table(rows: pd.DataFrame) -> str:
    def cell(column: str, value) -> str:
        if isinstance(value, str) or pd.isna(value):
            return "" if pd.isna(value) else value
        if column.startswith(("recall", "ms")):
            return f"{value:.3f}" if column.startswith("recall") else f"{value:.3g}"
        return f"{value:.1f}" if column == "right" else f"{value:,.0f}"

    lines = [[cell(c, row[c]) for c in SHOWN] for _, row in rows.iterrows()]
    return markdown.table(list(SHOWN.values()), lines) + "\n"


def keep(rows: pd.DataFrame) -> None:
    """Put the rows into the table file, in place of those of the same size, and into the page."""
    if TABLE.exists():
        old = pd.read_csv(TABLE)
        same = (old["count"] == rows["count"][0]) & (old["width"] == rows["width"][0])
        rows = pd.concat([old[~same], rows]).sort_values(["count", "width"], kind="stable")
    rows = rows.assign(nprobe=pd.to_numeric(rows["nprobe"]).astype("Int64"))
    with atomic(TABLE) as temporary:
        rows.to_csv(temporary, index=False, float_format="%.5g", lineterminator="\n")
    shown = rows[rows["count"] == 1_000_000]
    text = PAGE.read_text(encoding="utf-8")
    block = re.compile(r"(<!-- measured -->\n).*?(<!-- end -->)", re.DOTALL)
    with atomic(PAGE) as temporary:
        temporary.write_text(
            block.sub(lambda b: b[1] + page_table(shown) + b[2], text), encoding="utf-8"
        )
    print(f"written: {TABLE.relative_to(ROOT)}, {PAGE.relative_to(ROOT)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000, help="images (1,000,000)")
    parser.add_argument("--width", type=int, default=256, help="of the embeddings (256)")
    parser.add_argument("--folder", type=Path, help="where to put the files for a while")
    parser.add_argument("--write", action="store_true", help="keep the result")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        rows = measure(arguments.count, arguments.width, Path(folder))
    print(rows.T.to_string(header=False, float_format="{:.4g}".format))
    if arguments.write:
        keep(rows)


if __name__ == "__main__":
    main()
