"""Every path of the project, and files that are written whole or not at all.

`RNNHA_DATA` moves the data sets, `RNNHA_RESULTS` moves the runs (a smoke run sets it to
`build/smoke`). Read `paths.DATA` and `paths.RESULTS` when they are needed, not on import.
"""

import errno
import glob
import hashlib
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
from filelock import FileLock, Timeout

PACKAGE = Path(__file__).resolve().parent
# A checkout holds data, notebooks and the reference; an installed wheel works in its user's folder.
ROOT = PACKAGE.parent if (PACKAGE.parent / "pyproject.toml").is_file() else Path.cwd()
# An empty variable counts as none: it would name the current folder.
DATA = Path(os.environ.get("RNNHA_DATA") or ROOT / "data").expanduser().resolve()
RESULTS = Path(os.environ.get("RNNHA_RESULTS") or ROOT / "results").expanduser().resolve()
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
        pattern = f".{glob.escape(out.stem)}.*.tmp{glob.escape(out.suffix)}"
        for leftover in out.parent.glob(pattern) if lock.is_locked else ():
            _remove(leftover)
        yield lock.is_locked
    finally:
        lock.release()


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; rename it to `path` only if the block succeeds.

    A killed or failed writer therefore never leaves half a file under the final name, and what a
    killed one left under its own goes when `path` is written again.
    The temporary name keeps the suffix, because many writers choose their format by it.
    Raises OSError that says so where the disk is full.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    # With the machine: on a shared disk another one's process may have the same number.
    here = "".join(c for c in platform.node() if c.isalnum() or c == "-")
    temporary = path.with_name(f".{path.stem}.{os.getpid()}@{here}.tmp{path.suffix}")
    for left in path.parent.glob(glob.escape(f".{path.stem}.") + f"*@{here}.tmp{path.suffix}"):
        writer = left.name.removeprefix(f".{path.stem}.").partition("@")[0]
        if writer.isdigit() and not psutil.pid_exists(int(writer)):
            _remove(left)
    try:
        yield temporary
        os.replace(temporary, path)
    except Exception as error:
        if _no_room(error, path.parent):
            raise OSError(f"{path}: the disk is full; make room and start again") from error
        raise
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _no_room(error: Exception, folder: Path) -> bool:
    """Writers say it in their own ways; torch's only says that it could not write."""
    if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or "No space" in str(error):
        return True
    return isinstance(error, RuntimeError) and shutil.disk_usage(folder).free < 2**16
