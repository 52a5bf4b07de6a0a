"""Decoded images on disk: the same pixels as in the files, whatever happens to either."""

import errno
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

import tiny_sets
from rnnha.files import DataError
from rnnha.images.batches import batches
from rnnha.images.cache import Images, content_hash
from rnnha.paths import ROOT, alone


def everything(images):
    order = np.arange(len(images))
    return torch.cat([batch for batch, _ in batches(images, order, 3)])


def kept(folder, stem="c"):
    """The file of the one cache of this stem."""
    (file,) = folder.glob(f"{stem}-*.npy")
    return file


def test_cached_and_plain_reading_give_the_same_numbers(tmp_path, paths):
    plain, cached = Images(paths, 24), Images(paths, 24, cache=tmp_path / "c.npy")
    expected = torch.stack([plain[k] for k in range(len(plain))])
    for found in (
        torch.stack([cached[k] for k in range(len(cached))]),
        everything(plain),
        everything(cached),
    ):
        assert torch.equal(found, expected)
        assert found.is_contiguous()
    stored = np.load(kept(tmp_path), mmap_mode="r")  # a plain array for anybody else
    np.testing.assert_array_equal(stored, expected.permute(0, 2, 3, 1))


def test_all_unreadable_images_are_counted_and_ten_listed(tmp_path, paths):
    bad = [tmp_path / f"bad{k:02d}.jpg" for k in range(12)]
    for file in bad:
        file.write_bytes(b"")
    with pytest.raises(DataError) as error:
        Images([*paths, *bad], 16, cache=tmp_path / "cache.npy")
    message = str(error.value)
    assert message.startswith("12 unreadable images")
    assert "bad09.jpg" in message and "bad10.jpg" not in message and "2 more" in message
    left = [file.name for file in tmp_path.glob("*cache*")]  # nothing half-built, but the lock
    assert left == [".cache.lock"]


def test_the_content_hash_follows_bytes_and_order_not_places(paths):
    key = content_hash(paths)
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in paths]
    assert content_hash(moved) == key
    assert content_hash(moved[::-1]) != key
    assert content_hash(moved, "64") != key
    with pytest.raises(DataError, match="0.jpg: .*No such file"):
        content_hash(paths[:1])


# --- which file ---


def test_the_cache_is_kept_while_nothing_changed_and_another_after(tmp_path, paths):
    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    first, written = kept(tmp_path), kept(tmp_path).stat()
    Images(paths, 16, cache)
    assert kept(tmp_path).stat() == written

    assert Images(paths, 20, cache)[0].shape == (3, 20, 20)
    assert kept(tmp_path) != first  # and no other is left
    assert torch.equal(Images(paths[::-1], 20, cache)[0], Images(paths[::-1], 20)[0])
    before = Images(paths, 20, cache)[1].clone()
    paths[1].write_bytes(tiny_sets.jpeg(seed=99))
    after = Images(paths, 20, cache)[1]
    assert not torch.equal(after, before) and torch.equal(after, Images(paths, 20)[1])


def test_others_of_the_same_name_never_change_pixels_that_are_open(tmp_path, paths):
    cache = tmp_path / "c.npy"
    open_already, expected = Images(paths, 16, cache), everything(Images(paths, 16))
    other = everything(Images(paths[::-1], 16, cache))
    assert not torch.equal(other, expected)
    assert torch.equal(everything(open_already), expected)


def test_only_older_files_of_the_same_cache_go(tmp_path, paths):
    stale = [tmp_path / name for name in ("c.npy", "c.npy.sha256", "c-0123456789ab.npy")]
    others = [tmp_path / name for name in ("c-notes.npy", "d-0123456789ab.npy", "cc.npy")]
    for file in (*stale, *others):
        file.write_bytes(b"older")
    Images(paths, 16, tmp_path / "c.npy")
    assert not any(file.exists() for file in stale) and all(file.exists() for file in others)


def test_several_that_want_one_cache_build_it_once(tmp_path, paths, monkeypatch):
    decoded, decode = [], Images._decoded
    monkeypatch.setattr(Images, "_decoded", lambda *args: (decoded.append(1), decode(*args))[1])
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: Images(paths, 16, tmp_path / "c.npy"), range(4)))
    assert decoded == [1]
    assert all(torch.equal(everything(images), everything(made[0])) for images in made)


# --- damage ---


def flipped(place):
    def flip(content):
        content[place] ^= 1

    return flip


DAMAGES = {
    "a pixel": flipped(1000),
    "the header": flipped(20),
    "the sum": flipped(-1),
    "cut off": lambda content: content.__delitem__(slice(3000, None)),
    "empty": lambda content: content.clear(),
    "longer": lambda content: content.extend(b"more"),
    "garbage": lambda content: content.__setitem__(slice(None), b"?" * len(content)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_told_and_built_again(tmp_path, paths, capsys, damage):
    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    file, content = kept(tmp_path), bytearray(kept(tmp_path).read_bytes())
    DAMAGES[damage](content)
    file.write_bytes(content)
    capsys.readouterr()
    assert torch.equal(everything(Images(paths, 16, cache)), everything(Images(paths, 16)))
    assert f"{file}: damaged" in capsys.readouterr().err
    Images(paths, 16, cache)
    assert "damaged" not in capsys.readouterr().err


def test_pixels_of_other_images_under_this_name_are_not_believed(tmp_path, paths):
    Images(paths[::-1], 16, tmp_path / "other.npy")
    Images(paths, 16, tmp_path / "c.npy")
    file = kept(tmp_path)
    shutil.copy(kept(tmp_path, "other"), file)
    assert torch.equal(Images(paths, 16, tmp_path / "c.npy")[0], Images(paths, 16)[0])


KILLED = """
import os, signal, sys
from rnnha.images import cache
read, seen = cache.read_image, []
def die(path):
    seen.append(path)
    if len(seen) == 5:
        os.kill(os.getpid(), signal.SIGKILL)
    return read(path)
cache.read_image = die
cache.Images(sys.argv[2:], 16, sys.argv[1])
"""


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )


def test_after_a_kill_nothing_stays_behind_at_the_next_call(tmp_path, paths):
    cache = tmp_path / "cache" / "c.npy"
    assert run(KILLED, cache, *paths).returncode == -signal.SIGKILL
    assert len(list(cache.parent.glob(".c-*.tmp.npy"))) == 1
    Images(paths, 16, cache)
    kept(cache.parent)
    assert len(list(cache.parent.iterdir())) == 2  # with the lock


def test_what_was_left_goes_though_the_cache_is_whole_but_not_while_one_writes(tmp_path, paths):
    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    left = tmp_path / ".c-0123456789ab.12345@host.tmp.npy"  # as `paths.atomic` names it
    left.write_bytes(b"half")
    with alone(cache, "another process"):
        Images(paths, 16, cache)
        assert left.exists()
    Images(paths, 16, cache)
    assert not left.exists() and kept(tmp_path)


# --- a folder that cannot keep it ---


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(tmp_path, paths, monkeypatch):
    space = shutil.disk_usage(tmp_path)._replace(free=7 * 16 * 16 * 3 - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: space)
    with pytest.raises(DataError, match=r"c-.*\.npy: decoded images take .* MB are free there"):
        Images(paths, 16, tmp_path / "c.npy")
    assert not list(tmp_path.glob("*c*.npy"))


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves no space")
def test_a_disk_that_others_filled_is_told_before_an_image_is_decoded(tmp_path, paths, monkeypatch):
    def full(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    monkeypatch.setattr(Images, "_decoded", lambda *_: pytest.fail("decoded"))
    size = 128 + 7 * 16 * 16 * 3 + 32  # .npy's header, pixels, the sum
    with pytest.raises(DataError, match=rf"c-.*\.npy: {size:,} bytes .*\(disk full\).*RNNHA_DATA"):
        Images(paths, 16, tmp_path / "c.npy")
    assert not list(tmp_path.glob("*c-*.npy"))


LIMITED = """
import os, resource, sys
from rnnha.images.cache import Images
if sys.argv[1] == "late":  # a file system that cannot reserve
    del os.posix_fallocate
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
try:
    Images(sys.argv[3:], 16, sys.argv[2])
except ValueError as error:
    print(error)
"""


@pytest.mark.parametrize("when", ["early", "late"])
@pytest.mark.skipif(os.name == "nt", reason="this system has no such limit")
def test_a_write_that_fails_ends_in_one_error_and_leaves_nothing(tmp_path, paths, when):
    cache = tmp_path / "cache" / "c.npy"
    ended = run(LIMITED, when, cache, *paths)
    assert ended.returncode == 0, ended.stderr
    assert "5,536 bytes of decoded images cannot be kept there (File too large)" in ended.stdout
    assert [file.name for file in cache.parent.iterdir()] == [".c.lock"]


def test_a_folder_that_cannot_be_written_is_named_with_what_to_change(tmp_path, paths):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.raises(DataError, match=r"cache/c-.*\.npy: .* cannot be kept there.*RNNHA_DATA"):
        Images(paths, 16, tmp_path / "cache" / "c.npy")


def test_a_whole_cache_is_used_where_no_lock_can_be_had(tmp_path, paths, monkeypatch):
    def refuse(self, *arguments, **options):
        raise PermissionError(errno.EROFS, "Read-only file system")

    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    (tmp_path / ".c-0123456789ab.12345.tmp.npy").write_bytes(b"half")
    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert torch.equal(Images(paths, 16, cache)[0], Images(paths, 16)[0])
    with pytest.raises(DataError, match=r"\(Read-only file system\).*RNNHA_DATA"):
        Images(paths, 20, cache)


def test_without_locks_the_cache_is_built_with_a_warning(tmp_path, paths, monkeypatch, capsys):
    def refuse(self, *arguments, **options):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("filelock.FileLock.acquire", refuse)
    assert torch.equal(Images(paths, 16, tmp_path / "c.npy")[0], Images(paths, 16)[0])
    assert "no locks in" in capsys.readouterr().err and kept(tmp_path)
