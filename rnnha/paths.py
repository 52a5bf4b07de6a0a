"""Every path of the project, and files that are written whole or not at all.

`RNNHA_DATA` moves the data sets, `RNNHA_RESULTS` moves the runs (a smoke run sets it to
`build/smoke`). Read `paths.DATA` and `paths.RESULTS` when they are needed, not on import.
"""

import errno
import glob
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
_NO_LOCKS = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP)


def report_of(results: Path) -> Path:
    """The folder of a results folder's report: build/report for the checkout's, else inside it."""
    return (ROOT / "build" if results == ROOT / "results" else results) / "report"


def sha256(path: Path) -> str:
    """A file's SHA-256 sum, in hexadecimal."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def alone(out: Path, label: str) -> Iterator[bool]:
    """Keep other processes from writing `out`; what a killed one left behind goes.

    Yields whether that is certain: where the file system has no locks, as some network ones, a
    warning is all that can be done.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(out.with_name(f".{out.stem}.lock"))
    try:
        lock.acquire(blocking=False)
    except Timeout:
        print(f"{label} | another process is at it; waiting", file=sys.stderr)
        lock.acquire()
    except (NotImplementedError, OSError) as error:
        if getattr(error, "errno", errno.ENOSYS) not in _NO_LOCKS:
            raise
        print(f"{label} | no locks in {out.parent}: start one process at a time", file=sys.stderr)
    try:
        # Without a lock, what lies there may be another process's work.
        pattern = f".{glob.escape(out.stem)}.*.tmp*"
        for leftover in out.parent.glob(pattern) if lock.is_locked else ():
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink(missing_ok=True)
        yield lock.is_locked
    finally:
        lock.release()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    A killed or failed writer therefore never leaves half a file under the final name.
    The temporary name keeps the suffix, because many writers choose their format by it.
    Raises OSError that says so where the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{os.getpid()}.tmp{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    except Exception as error:
        if _no_room(error, path.parent):
            raise OSError(f"{path}: the disk is full; make room and start again") from error
        raise
    finally:
        if temporary.is_dir():
            shutil.rmtree(temporary)
        else:
            temporary.unlink(missing_ok=True)


def _no_room(error: Exception, folder: Path) -> bool:
    """Writers say it in their own ways; torch's only says that it could not write."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return True
    return isinstance(error, RuntimeError) and shutil.disk_usage(folder).free < 2**16
