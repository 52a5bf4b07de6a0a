"""Batches: in the order given, normalised, and chance that depends on the image alone."""

import numpy as np
import pytest
import torch

from rnnha.images.batches import augment, batches, evaluation_batch, normalise
from rnnha.images.cache import Images


def test_large_images_are_embedded_a_few_at_a_time():
    # No more pixels at once than 64 images of 224 have.
    assert [evaluation_batch(size) for size in (64, 96, 224, 672)] == [64, 64, 64, 7]


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
