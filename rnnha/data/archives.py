"""The shipped data sets: tar archives in the repository, unpacked where the data are kept."""

import re
import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from rnnha import paths
from rnnha.data.sets import DataSet
from rnnha.files import DataError, read_lines
from rnnha.paths import alone, sha256

SUMS = "SHA256SUMS"
END = bytes(2 * tarfile.BLOCKSIZE)  # what every whole tar archive ends with


def read_sums(path: Path) -> dict[str, str]:
    """File name to sum of a SHA256SUMS file; empty where there is none. Raises DataError."""
    if not Path(path).exists():
        return {}
    sums: dict[str, str] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        found = re.fullmatch(r"([0-9a-f]{64}) [ *](\S+)", line)
        if found is None:
            raise DataError(f"{path}, line {number}: expected a SHA-256 sum and a file name")
        if sums.setdefault(found[2], found[1]) != found[1]:
            raise DataError(f"{path}, line {number}: another sum of {found[2]} than above")
    return sums


def unpack(data_set: DataSet, data: Path | None = None, source: Path | None = None) -> Path:
    """Verify the archives of a set and unpack them to `<data>/<name>`; returns that folder.

    A folder that holds the set is left alone; it appears under its name only when it is complete,
    and a second process waits for the first. data: by default the data folder. source: folder of
    the archives, by default the repository's. Raises DataError where archive or sum is absent,
    damaged, or no archive, where something else is in the way, and where nothing can be written.
    """
    folder = Path(data or paths.DATA) / data_set.name
    source = Path(source or paths.ROOT / "data")
    try:
        if not _is_unpacked(folder):  # else nothing is to be written, not even a lock
            with alone(folder, folder.name):
                if not _is_unpacked(folder):
                    _unpack([source / name for name in data_set.archives], folder)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be unpacked from {source} ({error}). Its folder must be writable "
            "and have room; RNNHA_DATA names another"
        ) from error
    return folder


def _is_unpacked(folder: Path) -> bool:
    return (folder / "images.csv").is_file()


def _unpack(archives: Sequence[Path], folder: Path) -> None:
    if folder.exists():
        try:
            folder.rmdir()
        except OSError as error:
            raise DataError(
                f"{folder}: holds something else than the whole set (no images.csv); "
                "move it away, then unpack again"
            ) from error
    for archive in archives:
        _expect_whole(archive)
    # Only one process is here, so one name does, and what a killed one left behind is found.
    temporary = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        for archive in archives:
            _extract(archive, temporary)
        inner = temporary / folder.name
        if not _is_unpacked(inner):
            names = " and ".join(map(str, archives))
            raise DataError(f"{names}: have no {folder.name}/images.csv: other archives")
        inner.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _extract(archive: Path, folder: Path) -> None:
    try:
        with tarfile.open(archive, "r:") as tar:
            tar.extractall(folder, filter="data")
    except OSError:
        raise
    except Exception as error:  # tarfile passes on what its parts raise for damaged headers
        raise DataError(
            f"{archive}: no whole archive of a data set ({type(error).__name__}: {error}). "
            "Get it from git again"
        ) from error
    with archive.open("rb") as stream:  # tarfile takes a cut between two files for the end
        stream.seek(max(0, archive.stat().st_size - len(END)))
        if stream.read() != END:
            raise DataError(f"{archive}: cut off; get it from git again")


def _expect_whole(archive: Path) -> None:
    if not archive.is_file():
        raise DataError(f"{archive}: not found; it is part of the repository, get it back")
    expected = read_sums(archive.with_name(SUMS)).get(archive.name)
    if expected is None:
        raise DataError(f"{archive.with_name(SUMS)}: has no sum for {archive.name}")
    if (found := sha256(archive)) != expected:
        raise DataError(
            f"{archive}: damaged; SHA-256 is {found}, expected {expected}. Get it from git again"
        )
