"""The rendered sets as uncompressed tar archives with SHA-256 sums. Needs no renderer."""

import tarfile
from pathlib import Path

from rnnha.paths import DATA, atomic, sha256
from rnnha.rendering.plan import VERSION

SUMS = "SHA256SUMS"


def archive_name(name: str) -> str:
    """File name of a set's archive."""
    return f"{name}-v{VERSION}.tar"


def pack(name: str, data: Path = DATA) -> Path:
    """Write `<data>/<name>-v1.tar` from the folder `<data>/<name>` and note its sum.

    The same files give the same bytes: members in order of their names, time, owner and group 0.
    Query images equal gallery images and are stored as hard links. Raises FileNotFoundError
    where the folder or its images.csv (written last) is absent.
    """
    data = Path(data)
    folder, archive = data / name, data / archive_name(name)
    if not (folder / "images.csv").is_file():
        raise FileNotFoundError(f"{folder}: no finished set here (images.csv is absent); render it")
    files = [p for p in folder.rglob("*") if p.is_file() and not p.name.startswith(".")]
    with atomic(archive) as temporary:
        with tarfile.open(temporary, "w", format=tarfile.USTAR_FORMAT) as tar:
            # queries last: a link must follow what it names
            for path in sorted(files, key=lambda p: (p.parent.name == "image_query", p.as_posix())):
                _add(tar, path, data)
    _note_sum(archive)
    return archive


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


def read_sums(path: Path) -> dict[str, str]:
    """File name to sum of a SHA256SUMS file; empty where there is none."""
    if not Path(path).is_file():
        return {}
    lines = (line.split() for line in Path(path).read_text().splitlines() if line.strip())
    return {name.lstrip("*"): digest for digest, name in lines}


def _note_sum(archive: Path) -> None:
    sums = read_sums(archive.with_name(SUMS)) | {archive.name: sha256(archive)}
    with atomic(archive.with_name(SUMS)) as temporary:
        temporary.write_text("".join(f"{sums[name]}  {name}\n" for name in sorted(sums)))


def unpack(name: str, data: Path = DATA, source: Path | None = None) -> Path:
    """Verify the archive of a set and unpack it to `<data>/<name>`; returns that folder.

    A folder that is already there is left alone. The folder appears under its name only when it
    is complete. Raises FileNotFoundError where archive or sum is absent, ValueError where the sum
    differs. source: folder of the archives, by default `data`.
    """
    data = Path(data)
    folder = data / name
    archive = Path(source or data) / archive_name(name)
    if folder.exists():
        return folder
    if not archive.is_file():
        raise FileNotFoundError(f"{archive}: not found; it is part of the repository, get it back")
    expected = read_sums(archive.with_name(SUMS)).get(archive.name)
    if expected is None:
        raise FileNotFoundError(f"{archive.with_name(SUMS)}: has no sum for {archive.name}")
    found = sha256(archive)
    if found != expected:
        raise ValueError(
            f"{archive}: damaged; SHA-256 is {found}, expected {expected}. Get it from git again"
        )
    with atomic(folder) as temporary:
        temporary.mkdir()
        with tarfile.open(archive) as tar:
            tar.extractall(temporary, filter="data")
        (temporary / name).rename(temporary / "whole")
        _move_up(temporary)
    return folder


def _move_up(temporary: Path) -> None:
    """The archive's root folder becomes the unpacked folder itself."""
    whole = temporary / "whole"
    for child in list(whole.iterdir()):
        child.rename(temporary / child.name)
    whole.rmdir()
