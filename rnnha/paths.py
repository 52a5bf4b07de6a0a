"""Every path of the project, from this file's place and two environment variables.

`RNNHA_DATA` moves the data sets, `RNNHA_RESULTS` moves the runs (a smoke run
sets it to `build/smoke`).
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
