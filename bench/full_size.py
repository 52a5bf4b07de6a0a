"""Loading, checking and scoring at the size of the real sets, without their pictures.

    PYTHONPATH=. python bench/full_size.py [--folder FOLDER] [--threads 2] [--write]

Builds folders with the files and lists of VeRi-776 (51,035 images) and VehicleID (221,567), see
`folders.py`, in a temporary place or in FOLDER, where they stay and are used again. Each task has
a process of its own. Seconds of loading and checking are those of the whole process, Python's
start included, median of the repeats; seconds of scoring are one draw's, of random embeddings
with 1,024 numbers each. CPU seconds (of the whole process, per draw) tell whether the machine was
busy with something else: they are then not much more than on a quiet one. MB is the peak of all
memory, libraries and embeddings included. `--write` keeps the table in results/bench.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from machine import cores, keep

from rnnha.paths import ROOT

# Nothing large is imported here: a process counts the memory of the one that started it as its own.
HERE = Path(__file__).resolve().parent
FOLDERS = {"veri": "VeRi", "vehicleid": "VehicleID_V1.0"}
LOAD = "import sys; from rnnha.data.sets import load; load(*sys.argv[1:])"
LISTS = ((2400, 10), (13164, 1))  # vehicles in the test list, draws
LIMITS = {"load": (60, 1000), "check": (60, 1000), "score a draw": (30, 2000)}  # seconds, MB
COLUMNS = ["case", "task", "seconds", "cpu_seconds", "peak_mb", "goal_seconds", "goal_mb"]


def build(root: Path) -> None:
    """Folders of both sets below `root`, where they are not there yet."""
    for dataset, name in FOLDERS.items():
        if not (root / name).exists():
            print(f"building {root / name}", flush=True)
            half = root / f"{name}.part"
            shutil.rmtree(half, ignore_errors=True)
            measure([HERE / "folders.py", dataset, half], threads=1)
            half.rename(root / name)


def measure(arguments: list, threads: int) -> dict:
    """Run Python with these arguments: its output, seconds, CPU seconds and peak MB.

    Raises SystemExit with the output of a process that fails.
    """
    environment = os.environ | {
        name: str(threads)
        for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    }
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, *map(str, arguments)]
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE)
    output = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{output}\nended with {process.returncode}: {' '.join(command)}")
    unit = 2**20 if sys.platform == "darwin" else 2**10  # bytes there, kilobytes elsewhere
    return {
        "output": output,
        "seconds": seconds,
        "peak_mb": usage.ru_maxrss / unit,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
    }


def reading(root: Path, repeats: int, threads: int) -> list[dict]:
    """Rows of loading and of checking each set."""
    rows = []
    for dataset, name in FOLDERS.items():
        for task, command in (
            ("load", ["-c", LOAD, dataset, root / name]),
            ("check", ["-m", "rnnha", "check", root / name]),
        ):
            runs = [measure(command, threads) for _ in range(repeats)]
            row = {
                key: median(run[key] for run in runs)
                for key in ("seconds", "cpu_seconds", "peak_mb")
            }
            rows.append({"case": dataset, "task": task, **row})
            show(rows[-1])
    return rows


def scoring(root: Path, lists: tuple, threads: int) -> list[dict]:
    """Rows of scoring test lists of VehicleID: (vehicles, draws)."""
    rows = []
    for vehicles, draws in lists:
        script = [HERE / "full_size_scoring.py", root / FOLDERS["vehicleid"], vehicles]
        run = measure([*script, "--draws", draws], threads)
        told = json.loads(run["output"])
        rows.append(
            {
                "case": f"vehicleid {told['queries']} x {told['gallery']}, {draws} draws",
                "task": "score a draw",
                "seconds": told["seconds"],
                "cpu_seconds": run["cpu_seconds"] / draws,
                "peak_mb": run["peak_mb"],
            }
        )
        show(rows[-1])
    return rows


def show(row: dict) -> None:
    seconds, memory = LIMITS[row["task"]]
    print(
        f"{row['case']:36}{row['task']:14}{row['seconds']:7.1f} s (goal {seconds})"
        f"{row['cpu_seconds']:8.1f} CPU s{row['peak_mb']:7.0f} MB (goal {memory})",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the folders are kept, or are already")
    parser.add_argument("--threads", type=int, default=min(2, cores()))
    parser.add_argument("--repeats", type=int, default=3, help="of loading and checking")
    parser.add_argument("--write", action="store_true", help="keep results/bench/full_size.csv")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        root = arguments.folder or Path(temporary)
        root.mkdir(parents=True, exist_ok=True)
        build(root)
        rows = reading(root, arguments.repeats, arguments.threads)
        rows += scoring(root, LISTS, arguments.threads)
    for row in rows:
        row |= dict(zip(("goal_seconds", "goal_mb"), LIMITS[row["task"]], strict=True))
    if arguments.write:
        keep(rows, COLUMNS, "full_size.csv", arguments.threads)


if __name__ == "__main__":
    main()
