"""Scoring speed and memory beside the scorers of fast-reid and torchreid, in one run.

    make bench                                  (or, by hand:)
    python bench/peers.py
    PYTHONPATH=. .venv-bench/bin/python bench/scoring.py [--threads 1] [--write]

Random embeddings with the sizes of VeRi-776 (1,678 x 11,579, 200 vehicles, 20 cameras) and
of VehicleID's largest usual list (17,377 x 2,400, one gallery image a vehicle). Scorers take
turns, so that a busy machine slows all of them; the ratio of the medians is the result.
"From embeddings" lends fast-reid NumPy's matrix product in place of PyTorch's, so that the
scorers differ in nothing else. MB is the peak of arrays beyond the embeddings. `--write` keeps
the table in results/bench.
"""

import argparse
import sys
import time
import tracemalloc
from collections.abc import Callable
from statistics import median

import numpy as np
from machine import keep
from threadpoolctl import threadpool_limits

from rnnha.paths import ROOT
from rnnha.scoring.ranking import evaluate

sys.path.insert(0, str(ROOT / ".venv-bench" / "peers"))
from rank_cy import evaluate_cy  # noqa: E402

WIDTH = 1024
COLUMNS = ["case", "task", "scorer", "seconds", "times_slower", "extra_mb", "mAP"]


def veri_like() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return _images(rng, rng.integers(0, 200, 1678), rng.integers(0, 200, 11579), cameras=20)


def vehicleid_like() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    case = _images(rng, rng.integers(0, 2400, 17377), np.arange(2400), cameras=1)
    case["gallery_cameras"] += 1  # no cameras: nothing is junk
    return case


def _images(rng, query_ids, gallery_ids, cameras: int) -> dict[str, np.ndarray]:
    centres = rng.standard_normal((gallery_ids.max() + 1, WIDTH), dtype=np.float32)
    case = {"query_ids": query_ids, "gallery_ids": gallery_ids}
    for side, ids in (("query", query_ids), ("gallery", gallery_ids)):
        noise = rng.standard_normal((len(ids), WIDTH), dtype=np.float32)
        case[side] = 0.3 * centres[ids] + noise
        case[f"{side}_cameras"] = rng.integers(0, cameras, len(ids))
    return case


def ours(case) -> float:
    return float(np.nanmean(evaluate(**case).ap))


def ours_ranking(case, distances) -> float:
    return float(
        np.nanmean(evaluate(**{**case, "query": None, "gallery": None}, distances=distances).ap)
    )


def fastreid_ranking(case, distances) -> float:
    return float(np.mean(evaluate_cy(distances, *_labels(case), 50)[1]))


def fastreid(case) -> float:
    return fastreid_ranking(case, cosine_distances(case))


def torchreid_ranking(case, distances) -> float:
    from torchreid_rank import evaluate_rank

    return float(np.mean(evaluate_rank(distances, *_labels(case), 50, use_cython=False)[1]))


def _labels(case):
    return (case[key] for key in ("query_ids", "gallery_ids", "query_cameras", "gallery_cameras"))


def cosine_distances(case) -> np.ndarray:
    query, gallery = (
        case[side] / np.linalg.norm(case[side], axis=1, keepdims=True)
        for side in ("query", "gallery")
    )
    return 1 - query @ gallery.T


def compare(name: str, case, repeats: int, python_scorer: bool) -> list[dict]:
    given = (case, cosine_distances(case))
    rows = race(
        name,
        "ranking, given distances",
        repeats,
        given,
        {"rnnha": ours_ranking, "fast-reid (Cython)": fastreid_ranking},
    )
    if python_scorer:
        rows += race(
            name,
            "ranking, given distances",
            1,
            given,
            {"torchreid (Python)": torchreid_ranking},
            rows[0]["seconds"],
        )
    end_to_end = race(
        name, "from embeddings", repeats, (case,), {"rnnha": ours, "fast-reid (Cython)": fastreid}
    )
    for row, scorer in zip(end_to_end, (ours, fastreid), strict=True):
        row["extra_mb"] = peak_memory(scorer, case)
    return rows + end_to_end


def race(
    name: str,
    task: str,
    repeats: int,
    given: tuple,
    scorers: dict[str, Callable[..., float]],
    reference: float | None = None,
) -> list[dict]:
    """Time the scorers by turns; `times_slower` compares with the first of them."""
    seconds = {scorer: [] for scorer in scorers}
    value = {}
    for _ in range(repeats):
        for scorer, run in scorers.items():
            start = time.perf_counter()
            value[scorer] = run(*given)
            seconds[scorer].append(time.perf_counter() - start)
    reference = reference or median(next(iter(seconds.values())))
    return [
        {
            "case": name,
            "task": task,
            "scorer": scorer,
            "seconds": median(taken),
            "times_slower": median(taken) / reference,
            "mAP": 100 * value[scorer],
        }
        for scorer, taken in seconds.items()
    ]


def peak_memory(score: Callable[[dict], float], case) -> float:
    """Megabytes of arrays that scoring holds at its peak, beyond the embeddings."""
    tracemalloc.start()
    score(case)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1, help="BLAS threads of every scorer")
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--write", action="store_true", help="keep results/bench/scoring.csv")
    arguments = parser.parse_args()
    with threadpool_limits(arguments.threads):
        rows = compare("VeRi 1678 x 11579", veri_like(), arguments.repeats, python_scorer=True)
        rows += compare("VehicleID 17377 x 2400", vehicleid_like(), arguments.repeats, False)
    show(rows)
    if arguments.write:
        keep(rows, COLUMNS, "scoring.csv", arguments.threads)


def show(rows: list[dict]) -> None:
    print(f"{'case':24}{'task':26}{'scorer':20}{'seconds':>9}{'slower':>9}{'MB':>7}{'mAP':>10}")
    for row in rows:
        memory = f"{row['extra_mb']:.0f}" if "extra_mb" in row else ""
        print(
            f"{row['case']:24}{row['task']:26}{row['scorer']:20}{row['seconds']:9.3f}"
            f"{row['times_slower']:8.1f}x{memory:>7}{row['mAP']:10.5f}"
        )


if __name__ == "__main__":
    main()
