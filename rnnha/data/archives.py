"""The shipped data sets: tar archives in the repository, unpacked where the data are kept."""

import re
import shutil
import tarfile
from pathlib import Path

from rnnha import paths
from rnnha.data.sets import DataSet
from rnnha.files import DataError
from rnnha.paths import alone, atomic, sha256

SUMS = "SHA256SUMS"


def read_sums(path: Path) -> dict[str, str]:
    """File name to sum of a SHA256SUMS file; empty where there is none."""
    if not Path(path).is_file():
        return {}
    sums = {}
    for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), start=1):
        if line.strip():
            found = re.fullmatch(r"([0-9a-f]{64}) [ *](\S+)", line.rstrip())
            if found is None:
                raise DataError(f"{path}, line {number}: expected a SHA-256 sum and a file name")
            sums[found[2]] = found[1]
    return sums


def unpack(data_set: DataSet, data: Path | None = None, source: Path | None = None) -> Path:
    """Verify the archive of a set and unpack it to `<data>/<name>`; returns that folder.

    A folder that holds the set is left alone; it appears under its name only when it is complete,
    and a second process waits for the first. data: by default the data folder. source: folder of
    the archives, by default the repository's. Raises DataError where archive or sum is absent,
    damaged, or no archive, and where something else is in the way.
    """
    folder = Path(data or paths.DATA) / data_set.name
    with alone(folder, folder.name):
        if (folder / "images.csv").is_file():
            return folder
        if folder.exists():
            try:
                folder.rmdir()
            except OSError as error:
                raise DataError(
                    f"{folder}: holds something else than the whole set (no images.csv); "
                    "move it away, then unpack again"
                ) from error
        archive = Path(source or paths.ROOT / "data") / data_set.archive
        _expect_whole(archive)
        with atomic(folder) as temporary:
            temporary.mkdir()
            try:
                with tarfile.open(archive) as tar:
                    tar.extractall(temporary / "archive", filter="data")
                (temporary / "archive" / data_set.name / "images.csv").stat()
            except (tarfile.TarError, OSError, EOFError) as error:
                raise DataError(f"{archive}: cannot be unpacked to {folder} ({error})") from error
            _move_up(temporary / "archive" / data_set.name, temporary)
    return folder


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


def _move_up(inner: Path, outer: Path) -> None:
    """The archive's root folder becomes the unpacked folder itself."""
    for child in list(inner.iterdir()):
        child.rename(outer / child.name)
    shutil.rmtree(inner.parent)
