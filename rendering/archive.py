"""The rendered sets packed as uncompressed tar archives with SHA-256 sums. Needs no renderer."""

import tarfile
from collections.abc import Iterable
from pathlib import Path

from rnnha.data.archives import SUMS, read_sums
from rnnha.data.sets import SETS
from rnnha.paths import DATA, atomic, sha256


def pack(name: str, data: Path = DATA) -> tuple[Path, Path]:
    """Write both archives of a set from the folder `<data>/<name>` and note their sums.

    The first holds the pictures and label files in the layout of the real set, the second the
    truth that only a rendered set has: masks and images.csv. The same files give the same bytes:
    members in order of their names, time, owner and group 0. Query images equal gallery images
    and are stored as hard links. Raises FileNotFoundError where the folder or its images.csv
    (written last) is absent.
    """
    data = Path(data)
    folder = data / name
    if not (folder / "images.csv").is_file():
        raise FileNotFoundError(f"{folder}: no finished set here (images.csv is absent); render it")
    files = {p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")}
    layout = data / SETS[name].folder
    in_layout = {p for p in files if p.is_relative_to(layout)}
    pictures, truth = (data / archive for archive in SETS[name].archives)
    _write(pictures, in_layout, data)
    _write(truth, files - in_layout, data)
    return pictures, truth


def _write(archive: Path, files: Iterable[Path], data: Path) -> None:
    with atomic(archive) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            # queries last: a link must follow what it names
            for path in sorted(files, key=lambda p: (p.parent.name == "image_query", p.as_posix())):
                _add(tar, path, data)
    _note_sum(archive)


def _add(tar: tarfile.TarFile, path: Path, data: Path) -> None:
    info = tarfile.TarInfo(path.relative_to(data).as_posix())
    info.mode, info.mtime, info.size = 0o644, 0, path.stat().st_size
    twin = path.parent.with_name("image_test") / path.name
    if path.parent.name == "image_query" and twin.read_bytes() == path.read_bytes():
        info.type, info.size = tarfile.LNKTYPE, 0
        info.linkname = twin.relative_to(data).as_posix()
        tar.addfile(info)
        return
    with path.open("rb") as stream:
        tar.addfile(info, stream)


def _note_sum(archive: Path) -> None:
    sums = read_sums(archive.with_name(SUMS)) | {archive.name: sha256(archive)}
    with atomic(archive.with_name(SUMS)) as temporary:
        temporary.write_text(
            "".join(f"{sums[name]}  {name}\n" for name in sorted(sums)), encoding="utf-8"
        )
