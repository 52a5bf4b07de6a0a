"""Unpacking the shipped sets: whole or not at all, whatever the archive, the sums or the folder."""

import errno
import io
import os
import subprocess
import sys
import tarfile
from dataclasses import replace

import pytest

import tiny_sets
from rnnha import paths
from rnnha.data import archives
from rnnha.data.sets import SETS
from rnnha.files import DataError
from rnnha.paths import sha256

SET = SETS["rendered-veri"]
NAME = SET.name
PICTURES, TRUTH = SET.archives
CONTENT = {
    "VeRi/image_test/a.jpg": b"picture",
    "images.csv": b"image\na.jpg\n",
    "x.txt": b"x" * 900,
}
MASK = {"masks/cues/a.png": b"mask"}


def member(name, kind=tarfile.REGTYPE, link="", size=0):
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, link, size
    return info


def write(source, *further, content=CONTENT, root=NAME, archive=TRUTH):
    """An archive and its sum; further: members after those of `content`."""
    source.mkdir(exist_ok=True)
    with tarfile.open(source / archive, "w") as tar:
        for name, data in content.items():
            tar.addfile(member(f"{root}/{name}", size=len(data)), io.BytesIO(data))
        for info in further:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return seal(source)


def seal(source):
    """Sums of what is there."""
    lines = [f"{sha256(path)}  {path.name}\n" for path in sorted(source.glob("*.tar"))]
    (source / archives.SUMS).write_text("".join(lines), encoding="utf-8")


@pytest.fixture
def places(tmp_path):
    """Folder of two whole archives and their sums, and an absent data folder."""
    write(tmp_path / "source", content=MASK, archive=PICTURES)
    write(tmp_path / "source")
    return tmp_path / "source", tmp_path / "data"


def refused(places, said):
    """The one error, and nothing is left under any name but the lock's."""
    source, data = places
    before = set(data.rglob("*")) if data.exists() else set()
    with pytest.raises(DataError, match=said):
        archives.unpack(SET, data, source)
    left = set(data.rglob("*")) - before if data.exists() else set()
    assert {path.name for path in left} <= {f".{NAME}.lock"}


def test_whole_archives(places):
    source, data = places
    folder = archives.unpack(SET, data, source)
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert {path: p.read_bytes() for path, p in found.items()} == CONTENT | MASK
    assert {path.name for path in data.iterdir()} <= {NAME, f".{NAME}.lock"}


@pytest.mark.parametrize(
    ("sums", "said"),
    [
        (b"", "has no sum for"),
        (b"0" * 64 + b"  other.tar\n", "has no sum for"),
        (b"0" * 64 + b"  %s\n", "damaged; SHA-256 is [0-9a-f]{64}, expected 0{64}"),
        (b"0" * 63 + b"  %s\n", "line 1: expected a SHA-256 sum"),
        (b"\n" + b"0" * 64 + b"\n", "line 2: expected a SHA-256 sum"),
        (b"0" * 64 + b"  %s\n" + b"1" * 64 + b"  %s\n", "line 2: another sum of"),
        (b"\xff\xfe\x00\x81" * 20, "SHA256SUMS"),
        (b"\x00" * 100, "NUL bytes"),
    ],
)
def test_damaged_sums(places, sums, said):
    path = places[0] / archives.SUMS
    path.write_bytes(sums.replace(b"%s", PICTURES.encode()))
    refused(places, said)


def test_absent_sums_and_archives_folders_and_pipes(places):
    sums, archive = places[0] / archives.SUMS, places[0] / PICTURES
    sums.unlink()
    refused(places, "has no sum for")
    sums.mkdir()
    refused(places, "SHA256SUMS: expected a file, found a folder")
    sums.rmdir()
    os.mkfifo(sums)
    with tiny_sets.seconds(5):
        refused(places, "SHA256SUMS: expected a file, found a pipe")
    archive.unlink()
    refused(places, "not found; it is part of the repository")
    os.mkfifo(archive)
    with tiny_sets.seconds(5):
        refused(places, "not found; it is part of the repository")


def test_every_cut_of_an_archive_with_a_matching_sum(places):
    archive = places[0] / TRUTH
    content = archive.read_bytes()
    used = content.rstrip(b"\0")  # the end of the last file
    assert len(content) - len(used) > 2 * tarfile.BLOCKSIZE
    for size in (0, 1, 100, 511, 512, 600, 1024, 1100, 1536, 2048, 2100, 2560, len(used)):
        archive.write_bytes(content[:size])
        seal(places[0])
        refused(places, f"{TRUTH}: (cut off|no whole archive)")


@pytest.mark.parametrize("place", [0, 100, 124, 136, 148, 156, 257, 1024, 1124, 1160, 1172])
def test_damaged_headers_with_a_matching_sum(places, place):
    """Names, sizes, times, check sums and kinds of the first and the second member."""
    archive = places[0] / TRUTH
    content = bytearray(archive.read_bytes())
    for junk in (b"\xff" * 12, b"\0" * 12, b"~" * 12):
        content[place : place + 12] = junk
        archive.write_bytes(content)
        seal(places[0])
        refused(places, f"{TRUTH}")


@pytest.mark.parametrize("kind", ["gz", "text", "zeros"])
def test_what_is_no_tar_archive(places, kind):
    archive = places[0] / TRUTH
    if kind == "gz":
        with tarfile.open(archive, "w:gz") as tar:
            tar.addfile(member(f"{NAME}/images.csv"))
    else:
        archive.write_bytes(
            {"text": b"version https://git-lfs\n" * 90, "zeros": bytes(10240)}[kind]
        )
    seal(places[0])
    refused(places, "no whole archive of a data set|have no rendered-veri/images.csv")


@pytest.mark.parametrize(
    "info",
    [
        member("../climbed.txt", size=3),
        member(f"{NAME}/../../climbed.txt", size=3),
        member(f"{NAME}/link", tarfile.SYMTYPE, "/etc"),
        member(f"{NAME}/link", tarfile.SYMTYPE, "../../climbed.txt"),
        member(f"{NAME}/link", tarfile.LNKTYPE, "../../climbed.txt"),
        member(f"{NAME}/link", tarfile.LNKTYPE, f"{NAME}/absent"),
        member(f"{NAME}/pipe", tarfile.FIFOTYPE),
        member(f"{NAME}/device", tarfile.CHRTYPE),
    ],
    ids=lambda info: f"{info.type.decode()} {info.name} {info.linkname}",
)
def test_members_that_lead_outside_or_are_no_files(places, tmp_path, info):
    write(places[0], info)
    before = {path.name for path in tmp_path.iterdir()} | {"data"}
    refused(places, f"{TRUTH}: no whole archive")
    assert {path.name for path in tmp_path.iterdir()} <= before


def test_an_absolute_name_stays_inside(places, tmp_path):
    """tarfile's filter takes the leading slash away."""
    write(places[0], member(f"{tmp_path}/absolute.txt", size=3))
    archives.unpack(SET, places[1], places[0])
    assert not (tmp_path / "absolute.txt").exists()


def test_an_archive_of_something_else(places):
    write(places[0], content={"readme.txt": b"x"})
    refused(places, "have no rendered-veri/images.csv")
    write(places[0], root="rendered-vehicleid")
    refused(places, "have no rendered-veri/images.csv")
    write(places[0], member(f"{NAME}/images.csv", tarfile.DIRTYPE), content={})
    refused(places, "have no rendered-veri/images.csv")


def test_a_member_of_any_name_goes_along(places):
    """One called as a folder that unpacking might use for itself, too."""
    content = CONTENT | {"archive/a.txt": b"a", ".unpacking": b"b"}
    write(places[0], content=content)
    folder = archives.unpack(SET, places[1], places[0])
    assert {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()} == set(
        content | MASK
    )


def test_an_empty_folder_is_filled_and_another_kept(places):
    source, data = places
    (data / NAME).mkdir(parents=True)
    assert (archives.unpack(SET, data, source) / "x.txt").is_file()
    (data / NAME / "images.csv").unlink()
    refused(places, f"{NAME}: holds something else than the whole set")
    assert (data / NAME / "x.txt").is_file()
    other = data.with_name("other")
    other.mkdir()
    (other / NAME).write_bytes(b"a file")
    refused((source, other), f"{NAME}: holds something else than the whole set")


def test_what_a_killed_one_left_behind_goes(places):
    source, data = places
    left = data / f".{NAME}.unpacking" / NAME
    left.mkdir(parents=True)
    (left / "old.txt").write_bytes(b"old")
    folder = archives.unpack(SET, data, source)
    assert not (folder / "old.txt").exists() and not left.parent.exists()


def test_processes_at_once_all_succeed(places):
    """The size of the archive gives them time to meet."""
    source, data = places
    write(source, *(member(f"{NAME}/image_{k}.jpg", size=20_000) for k in range(500)))
    code = (
        "import sys; from pathlib import Path; from rnnha.data import archives, sets; "
        f"archives.unpack(sets.SETS[{NAME!r}], Path(sys.argv[1]), Path(sys.argv[2]))"
    )
    call = [sys.executable, "-c", code, str(data), str(source)]
    started = [subprocess.Popen(call, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    said = [process.communicate(timeout=60)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert len(list((data / NAME).rglob("*.jpg"))) == 501
    assert {path.name for path in data.iterdir()} <= {NAME, f".{NAME}.lock"}


def test_a_data_folder_that_cannot_be_written(places, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    refused((places[0], tmp_path / "file"), "cannot be unpacked.*must be writable.*RNNHA_DATA")

    def read_only(out, label):
        raise PermissionError(errno.EACCES, "Permission denied")

    archives.unpack(SET, places[1], places[0])
    monkeypatch.setattr(archives, "alone", read_only)
    assert archives.unpack(SET, places[1], places[0]) == places[1] / NAME  # it is there: no lock
    refused((places[0], tmp_path / "new"), "Permission denied.*must be writable")


def test_a_full_disk(places, monkeypatch):
    def full(self, source, target):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tarfile.TarFile, "makefile", full)
    refused(places, "No space left on device.*have room")


def test_another_version_of_the_archives_is_asked_for_by_name(places):
    with pytest.raises(DataError, match="rendered-veri-v9.tar: not found"):
        archives.unpack(replace(SET, archives=(PICTURES, "rendered-veri-v9.tar")), *places[::-1])


@pytest.mark.parametrize("archive", SET.archives)
def test_each_of_the_two_must_be_whole(places, archive):
    path = places[0] / archive
    content = path.read_bytes()
    path.unlink()
    refused(places, f"{archive}: not found")
    path.write_bytes(content[:600] + b"?" + content[601:])
    refused(places, f"{archive}: damaged")
    path.write_bytes(content[:700])
    seal(places[0])
    refused(places, f"{archive}: (cut off|no whole archive)")


def test_what_git_ships_is_what_the_sets_name():
    """In two, because no file is to be larger than 35 MB."""
    found = {path.name: path for path in (paths.ROOT / "data").glob("*.tar")}
    assert set(found) == {name for data_set in SETS.values() for name in data_set.archives or ()}
    assert max(path.stat().st_size for path in found.values()) < 35_000_000
