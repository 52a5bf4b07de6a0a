"""Decoded images in one file that can be trusted: named by content, its sum checked when opened.

A cache `train-96.npy` is the file `train-96-<the key's first 12 digits>.npy`: other images or
another size are another file, so nobody changes the pixels of a process that has them open. It is a
plain .npy, followed by the SHA-256 sum over its key and its bytes.
"""

import errno
import hashlib
import math
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from filelock import FileLock, Timeout

from rnnha.files import DataError
from rnnha.paths import alone, atomic

_SUM = hashlib.sha256().digest_size
_BLOCK = 1 << 24
_FULL = (errno.ENOSPC, errno.EDQUOT)


def stored(
    cache: Path, key: str, shape: tuple[int, ...], decode: Callable[[], Iterable[np.ndarray]]
) -> np.ndarray:
    """The pixels under `key`: a read-only memory map, uint8 of `shape`.

    key: hexadecimal; it stands for all that decides the pixels. decode: yields them in order; it
    is called where they are not stored yet, or are damaged. Then older ones of this cache go.
    Raises DataError that names file and folder when they cannot be written or read.
    """
    file = cache.with_name(f"{cache.stem}-{key[:12]}.npy")
    try:
        pixels = _open(file, key, shape)
        if pixels is not None:
            _sweep(cache)
            return pixels
        with alone(cache, cache.name) as locked:
            pixels = _open(file, key, shape)
            if pixels is not None:  # another process wrote them meanwhile
                return pixels
            if file.exists():
                print(f"{file}: damaged; the images are decoded again", file=sys.stderr)
                file.unlink()
            if locked:
                _remove(_left(cache))
            _write(file, key, shape, decode)
            _remove(_older(cache, file))
            pixels = _open(file, key, shape)
    except OSError as error:
        raise _unusable(file, _size(shape), error) from error
    if pixels is None:
        raise DataError(f"{file}: reads back otherwise than it was written; check the disk")
    return pixels


def _open(file: Path, key: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """None where the file is absent or damaged: every byte of it is checked."""
    header, size = _header(shape), _size(shape)
    if not file.is_file():
        return None
    with file.open("rb") as stream:
        if os.fstat(stream.fileno()).st_size != size:
            return None
        content = np.asarray(np.memmap(stream, np.uint8, "r"))
    body, end = content[:-_SUM], content[-_SUM:]
    if body[: len(header)].tobytes() != header or end.tobytes() != _digest(body, key):
        return None
    return body[len(header) :].reshape(shape)


def _write(file: Path, key: str, shape: tuple[int, ...], decode: Callable) -> None:
    size, free = _size(shape), shutil.disk_usage(file.parent).free
    if size > free:  # told before an hour of decoding
        raise DataError(
            f"{file}: decoded images take {size / 1e6:,.1f} MB and {free / 1e6:,.1f} MB are "
            "free there; make room, or move the data and let RNNHA_DATA point to them"
        )
    with atomic(file) as temporary, temporary.open("w+b") as out:
        _reserve(out, size)
        out.write(_header(shape))
        # Written, not filled in through a memory map: there a full disk kills the process.
        for pixels in decode():
            out.write(np.ascontiguousarray(pixels))
        out.flush()
        digest = _digest(np.asarray(np.memmap(out, np.uint8, "r", shape=size - _SUM)), key)
        out.seek(size - _SUM)  # mapping moved it
        out.write(digest)


def _reserve(out: BinaryIO, size: int) -> None:
    """Claim the space now, where the system can, so that nobody else takes it meanwhile."""
    if hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(out.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP, errno.ENOSYS):
                raise


def _header(shape: tuple[int, ...]) -> bytes:
    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
    header = BytesIO()
    np.lib.format.write_array_header_1_0(header, description)
    return header.getvalue()


def _size(shape: tuple[int, ...]) -> int:
    return len(_header(shape)) + math.prod(shape) + _SUM


def _digest(body: np.ndarray, key: str) -> bytes:
    """SHA-256 over the key and each block's own sum: blocks are summed at the same time."""
    blocks = [body[start : start + _BLOCK] for start in range(0, len(body), _BLOCK)]
    total = hashlib.sha256(key.encode())
    with ThreadPoolExecutor(max_workers=4) as pool:
        for found in pool.map(lambda block: hashlib.sha256(block).digest(), blocks):
            total.update(found)
    return total.digest()


def _left(cache: Path) -> list[Path]:
    """What killed processes left half-written, and what another writes at this moment."""
    return _named(cache.parent, rf"\.{re.escape(cache.stem)}-[0-9a-f]{{12}}\.[^.]+\.tmp\.npy")


def _older(cache: Path, file: Path) -> list[Path]:
    """Other pixels of this cache, and those of versions that named the file by the cache alone.

    A process that has one of them open keeps it until it ends.
    """
    stem = re.escape(cache.stem)
    found = _named(cache.parent, rf"{stem}-[0-9a-f]{{12}}\.npy|{stem}\.npy(\.sha256)?")
    return [other for other in found if other != file]


def _named(folder: Path, pattern: str) -> list[Path]:
    with os.scandir(folder) as entries:
        return [folder / entry.name for entry in entries if re.fullmatch(pattern, entry.name)]


def _remove(files: list[Path]) -> None:
    for file in files:
        with suppress(OSError):  # a system may refuse while another process has it open
            file.unlink()


def _sweep(cache: Path) -> None:
    """Remove what is left, unless somebody writes just now: `alone` holds this lock."""
    if left := _left(cache):
        lock = FileLock(cache.with_name(f".{cache.stem}.lock"), blocking=False)
        with suppress(Timeout, OSError, NotImplementedError), lock:
            _remove(left)


def _unusable(file: Path, size: int, error: OSError) -> DataError:
    # `atomic` says in words of its own that the disk is full.
    cause = error.__cause__ if isinstance(error.__cause__, OSError) else error
    reason = "disk full" if cause.errno in _FULL else cause.strerror or str(cause)
    return DataError(
        f"{file}: {size:,} bytes of decoded images cannot be kept there ({reason}); make room and "
        "allow writing, or let RNNHA_DATA point to a folder where both are given"
    )
