"""Every path of the project, and files that are written whole or not at all.

`RNNHA_DATA` moves the data sets, `RNNHA_RESULTS` moves the runs (a smoke run sets it to
`build/smoke`). Read `paths.DATA` and `paths.RESULTS` when they are needed, not on import.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PACKAGE = Path(__file__).resolve().parent
# A checkout holds data, notebooks and the reference; an installed wheel works in its user's folder.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else Path.cwd()
DATA = Path(os.environ.get("RNNHA_DATA", ROOT / "data")).expanduser().resolve()
RESULTS = Path(os.environ.get("RNNHA_RESULTS", ROOT / "results")).expanduser().resolve()
REFERENCE = ROOT / "results" / "reference"
ASSETS = PACKAGE / "assets"


def sha256(path: Path) -> str:
    """A file's SHA-256 sum, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def alone(out: Path, label: str) -> Iterator[None]:
    """Keep other processes from writing `out`; what a killed one left behind goes."""
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out.with_name(f".{out.stem}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"{label} | another process is at it; waiting", file=sys.stderr)
        lock.acquire()
    try:
        for leftover in out.parent.glob(f".{out.stem}.*.tmp*"):
            leftover.unlink()
        yield
    finally:
        lock.release()


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
