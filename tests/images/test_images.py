"""From files to batches: decoding, the cache, and chance that depends on the image alone."""

import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

import tiny_sets
from rnnha.files import DataError
from rnnha.images.batches import augment, batches, evaluation_batch, normalise
from rnnha.images.cache import Images, content_hash
from rnnha.images.decode import read_image, unreadable


@pytest.fixture
def paths(tmp_path):
    files = [tmp_path / f"{k}.jpg" for k in range(7)]
    for k, file in enumerate(files):
        file.write_bytes(tiny_sets.jpeg(size=(20 + k, 30 - k), seed=k))
    return files


def everything(images):
    order = np.arange(len(images))
    return torch.cat([batch for batch, _ in batches(images, order, 3)])


def test_large_images_are_embedded_a_few_at_a_time():
    # No more pixels at once than 64 images of 224 have.
    assert [evaluation_batch(size) for size in (64, 96, 224, 672)] == [64, 64, 64, 7]


# --- decoding ---


def test_decoding_and_resizing_agree_with_pillow(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.png")  # noise: without antialias it would differ
    ours = Images([tmp_path / "a.png"], 32)[0]
    assert ours.shape == (3, 32, 32) and ours.dtype == torch.uint8
    theirs = np.asarray(Image.open(tmp_path / "a.png").resize((32, 32), Image.Resampling.BILINEAR))
    assert np.abs(ours.permute(1, 2, 0).numpy().astype(int) - theirs).max() <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_become_rgb(tmp_path, mode):
    path = tmp_path / "a.jpg"
    path.write_bytes(tiny_sets.jpeg(size=(40, 40), mode=mode))
    theirs = np.asarray(Image.open(path).convert("RGB")).astype(int)
    ours = read_image(path).permute(1, 2, 0).numpy().astype(int)
    assert ours.shape == theirs.shape
    assert np.abs(ours - theirs).max() <= 2


def test_a_photograph_held_sideways_is_turned(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn by 90 degrees
    Image.new("RGB", (30, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert read_image(tmp_path / "a.jpg").shape == (3, 30, 20)


@pytest.mark.parametrize("content", [b"", b"no image", tiny_sets.jpeg(size=(64, 64))[:900]])
def test_unreadable_images_are_reported_by_name(tmp_path, paths, content):
    paths[4].write_bytes(content)
    with pytest.raises(DataError, match=r"4\.jpg: unreadable"):
        Images(paths, 16)[4]
    assert [message.split(":")[0] for message in unreadable(paths)] == [str(paths[4])]


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


# --- the memory-mapped copy ---


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


def test_the_cache_is_kept_while_nothing_changed_and_rebuilt_after(tmp_path, paths):
    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    np.load(cache, mmap_mode="r+")[0] = 77  # a mark that a rebuild would wipe out
    assert (Images(paths, 16, cache)[0] == 77).all()
    assert Images(paths, 20, cache)[0].shape == (3, 20, 20)
    assert torch.equal(Images(paths[::-1], 20, cache)[0], Images(paths[::-1], 20)[0])
    before = Images(paths, 20, cache)[1].clone()
    paths[1].write_bytes(tiny_sets.jpeg(seed=99))
    after = Images(paths, 20, cache)[1]
    assert not torch.equal(after, before) and torch.equal(after, Images(paths, 20)[1])


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(tmp_path, paths, monkeypatch):
    space = shutil.disk_usage(tmp_path)._replace(free=7 * 16 * 16 * 3 - 1)
    monkeypatch.setattr("shutil.disk_usage", lambda path: space)
    with pytest.raises(DataError, match=r"c\.npy: decoded images take .* GB are free there"):
        Images(paths, 16, tmp_path / "c.npy")
    assert not (tmp_path / "c.npy").exists()


def test_what_a_killed_build_left_goes_with_the_next(tmp_path, paths):
    left = tmp_path / ".c.12345.tmp.npy"  # as `paths.atomic` names it
    left.write_bytes(b"half")
    Images(paths, 16, tmp_path / "c.npy")
    assert not left.exists() and (tmp_path / "c.npy").exists()


def test_two_processes_that_want_one_cache_build_it_once(tmp_path, paths, monkeypatch):
    built, build = [], Images._build
    monkeypatch.setattr(Images, "_build", lambda *args: (built.append(1), build(*args)))
    with ThreadPoolExecutor() as pool:
        made = list(pool.map(lambda _: Images(paths, 16, tmp_path / "c.npy"), range(4)))
    assert built == [1]
    assert all((np.asarray(images.pixels) == np.asarray(made[0].pixels)).all() for images in made)


def test_an_interrupted_build_is_not_taken_for_a_cache(tmp_path, paths):
    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    (tmp_path / "c.npy.sha256").unlink()  # as between the two renames
    np.load(cache, mmap_mode="r+")[:] = 0
    assert torch.equal(Images(paths, 16, cache)[3], Images(paths, 16)[3])


def test_a_build_killed_before_its_hash_does_not_pass_for_the_older_cache(
    tmp_path, paths, monkeypatch
):
    def interrupt(*_):
        raise KeyboardInterrupt

    cache = tmp_path / "c.npy"
    Images(paths, 16, cache)
    with monkeypatch.context() as patch:
        patch.setattr("pathlib.Path.write_text", interrupt)
        with pytest.raises(KeyboardInterrupt):
            Images(paths[::-1], 16, cache)
    assert torch.equal(Images(paths, 16, cache)[0], Images(paths, 16)[0])


def test_the_content_hash_follows_bytes_and_order_not_places(tmp_path, paths):
    key = content_hash(paths)
    moved = [path.rename(path.with_name(f"moved-{path.name}")) for path in paths]
    assert content_hash(moved) == key
    assert content_hash(moved[::-1]) != key
    assert content_hash(moved, "64") != key
    with pytest.raises(DataError, match="0.jpg: No such file"):
        content_hash(paths[:1])


# --- batches ---


def test_batches_follow_the_order_given(paths):
    images = Images(paths, 16)
    order = np.array([6, 0, 3, 3, 1])
    found = list(batches(images, order, 2))
    assert [indices.tolist() for _, indices in found] == [[6, 0], [3, 3], [1]]
    assert torch.equal(found[1][0][0], images[3])
    assert found[0][1].dtype == torch.int64


def test_normalise_is_imagenet_s():
    batch = torch.tensor([0, 128, 255], dtype=torch.uint8).view(1, 3, 1, 1).expand(2, 3, 4, 4)
    values = normalise(batch)
    assert values.dtype == torch.float32 and values.shape == (2, 3, 4, 4)
    worked = [-0.485 / 0.229, (128 / 255 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert values[1, :, 2, 2].tolist() == pytest.approx(worked, abs=1e-6)


# --- augmentation ---


@pytest.fixture
def pixels():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (400, 3, 12, 12), np.uint8))


KINDS = {"flip": dict(), "shift": dict(shift=3), "all": dict(shift=2, jitter=0.3)}


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_s_augmentation_does_not_depend_on_its_batch(pixels, kind):
    whole = augment(pixels, torch.arange(400), 5, 2, **KINDS[kind])
    assert whole.dtype == torch.uint8 and whole.shape == pixels.shape
    order = torch.randperm(400, generator=torch.Generator().manual_seed(1))
    for part in order.split(7):
        assert torch.equal(augment(pixels[part], part, 5, 2, **KINDS[kind]), whole[part])


def test_an_index_far_up_does_not_change_the_others(pixels):
    alone = augment(pixels[:1], torch.tensor([3]), 0, 0, shift=3)
    beside = augment(pixels[:2], torch.tensor([3, 250_000]), 0, 0, shift=3)
    assert torch.equal(alone[0], beside[0])


def test_seed_epoch_and_index_each_matter(pixels):
    same = pixels[:1].expand(400, -1, -1, -1)
    indices = torch.arange(400)
    base = augment(same, indices, 0, 0, shift=4)
    assert len(base.flatten(1).unique(dim=0)) > 100
    assert not torch.equal(base, augment(same, indices, 1, 0, shift=4))
    assert not torch.equal(base, augment(same, indices, 0, 1, shift=4))


def test_half_of_the_images_are_mirrored_and_the_rest_untouched(pixels):
    flipped = augment(pixels, torch.arange(400), 0, 0)
    mirrored = (flipped == pixels.flip(-1)).flatten(1).all(1)
    same = (flipped == pixels).flatten(1).all(1)
    assert (mirrored ^ same).all()
    assert 150 < mirrored.sum() < 250  # 200 expected, standard deviation 10


def test_a_shift_repeats_edges_and_reaches_every_offset(pixels):
    shifted = augment(pixels, torch.arange(400), 0, 0, flip=False, shift=2)
    seen = set()
    for image, moved in zip(pixels.numpy(), shifted.numpy(), strict=True):
        padded = np.pad(image, ((0, 0), (2, 2), (2, 2)), mode="edge")
        offsets = [
            (y, x)
            for y in range(5)
            for x in range(5)
            if np.array_equal(moved, padded[:, y : y + 12, x : x + 12])
        ]
        assert len(offsets) == 1
        seen.update(offsets)
    assert len(seen) == 25


def test_jitter_keeps_the_mean_near_and_within_its_bounds():
    batch = torch.full((400, 3, 4, 4), 100, dtype=torch.uint8)  # no contrast: brightness only
    values = augment(batch, torch.arange(400), 0, 0, flip=False, jitter=0.2)[:, 0, 0, 0].float()
    assert values.min() >= 80 and values.max() <= 120
    assert values.min() < 83 and values.max() > 117
    assert abs(values.mean() - 100) < 2


def test_nothing_asked_nothing_done(pixels):
    assert torch.equal(augment(pixels, torch.arange(400), 0, 0, flip=False), pixels)
