"""Every path of the project, from this file's place and two environment variables.

`RNNHA_DATA` moves the data sets, `RNNHA_RESULTS` moves the runs (a smoke run
sets it to `build/smoke`).
"""

import fcntl
import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("RNNHA_DATA", ROOT / "data")).expanduser().resolve()
RESULTS = Path(os.environ.get("RNNHA_RESULTS", ROOT / "results")).expanduser().resolve()
REFERENCE = ROOT / "results" / "reference"
ASSETS = Path(__file__).resolve().parent / "assets"

_FOLDERS = {
    "veri": "VeRi",
    "vehicleid": "VehicleID_V1.0",
    "photographs": "photographs",
    "rendered-veri": "rendered-veri/VeRi",
    "rendered-vehicleid": "rendered-vehicleid/VehicleID_V1.0",
}


def sha256(path: Path) -> str:
    """A file's SHA-256 sum, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def dataset_dir(name: str) -> Path:
    """Folder where the named data set is expected; raises KeyError for an unknown name."""
    return DATA / _FOLDERS[name]


def run_dir(dataset: str, experiment: str, seed: int) -> Path:
    """Folder of one run: complete when it holds `metrics.csv`, else unfinished."""
    return RESULTS / "runs" / dataset / experiment / f"seed{seed}"


def locked(path: Path, wait: bool) -> TextIO | None:
    """The open file `path`, ours alone until it is closed; None where it is another's."""
    file = open(path, "w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        file.close()
        return None
    return file


@contextmanager
def alone(out: Path, label: str) -> Iterator[None]:
    """Keep other processes from writing `out`; what a killed one left behind goes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    path = out.with_name(f".{out.stem}.lock")
    lock = locked(path, wait=False)
    if lock is None:
        print(f"{label} | another process is at it; waiting", file=sys.stderr)
        lock = locked(path, wait=True)
    with lock:
        for leftover in out.parent.glob(f".{out.stem}.*.tmp{out.suffix}"):
            leftover.unlink()
        yield


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    A killed or failed writer therefore never leaves half a file under the final name.
    The temporary name keeps the suffix, because many writers choose their format by it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)
