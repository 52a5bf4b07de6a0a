"""BOW-SIFT by what is known of gradients, and its words and weights counted by hand."""

import math

import numpy as np
import pytest

from painted_set import embedded, method, paint, shares_of_same
from rnnha.methods import bow_sift, words
from rnnha.methods.bow_sift import bags, how_many, sift


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """All vehicles have the same two colours, so that only their patterns tell them apart."""
    return paint(tmp_path_factory.mktemp("painted"), same_colors=True)


@pytest.fixture(scope="module")
def fitted(painted):
    made = method(painted, "bow-sift")
    made.fit(made.run.benchmark.train)
    return made


def grey(image):
    return np.repeat(np.asarray(image).clip(0, 255).astype(np.uint8)[..., None], 3, axis=2)


@pytest.mark.parametrize(("turns", "orientation"), [(0, 0), (1, 2), (2, 4), (3, 6)])
def test_the_eight_orientations_are_those_of_the_gradient(turns, orientation):
    """Brighter to the right, upwards, to the left, downwards: 0, 90, 180 and 270 degrees."""
    ramp = np.rot90(np.tile(np.linspace(0, 255, 128), (128, 1)), turns)
    middle = sift(grey(ramp)).reshape(15, 15, 16, 8)[7, 7].astype(float)
    energy = (middle**2).sum(axis=0)
    assert energy.argmax() == orientation and energy.max() > 0.95 * energy.sum()


def test_a_descriptor_sees_16_pixels_around_its_place_on_the_grid():
    """A spot at (x 48, y 96) is seen by the descriptors around it alone."""
    image = np.full((128, 128), 100.0)
    image[95:98, 47:50] = 200
    found = sift(grey(image)).reshape(15, 15, 128).astype(int).sum(axis=2)
    rows, columns = np.nonzero(found)
    assert found.argmax() // 15 in range(10, 13)
    assert set(rows) <= {9, 10, 11, 12, 13} and set(columns) <= {3, 4, 5, 6, 7}
    assert found[11, 5] > 0  # its centre: 8 + 8 x 11 = 96, 8 + 8 x 5 = 48


def test_brighter_light_and_more_contrast_change_little():
    rng = np.random.default_rng(0)
    image = 100 + 40 * rng.standard_normal((32, 32)).repeat(4, axis=0).repeat(4, axis=1).clip(-1, 1)
    one, other = sift(grey(image)).astype(float), sift(grey(image * 1.4 + 20)).astype(float)
    cosine = (one * other).sum(axis=1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    assert one.shape == (225, 128) and cosine.min() > 0.99


@pytest.mark.parametrize(
    ("images", "count"), [(37_778, 10_000), (113_346, 10_000), (18_889, 5_000), (16, 200)]
)
def test_smaller_sets_have_fewer_words(images, count):
    assert how_many(images) == count


def test_a_bag_counts_the_nearest_words():
    codebook = np.eye(128, dtype=np.float32)[:4] * 200
    spoken = np.array([[0, 0, 3, 0], [2, 2, 1, 1]])
    descriptors = codebook[spoken] + np.random.default_rng(0).integers(0, 9, (2, 4, 128))
    found = bags(descriptors.astype(np.uint8), words.index(codebook, 1)).toarray()
    np.testing.assert_array_equal(found, [[3, 0, 0, 1], [0, 2, 2, 0]])


def test_the_embedding_is_tf_idf_counted_by_hand(fitted):
    """scikit-learn's idf: log((1 + images) / (1 + images with the word)) + 1."""
    pictures = words.pictures(list(fitted.run.benchmark.train.path), 128, 128)
    seen = np.concatenate([sift(picture) for picture in pictures])
    with words.one_thread():
        codebook = words.learn(seen, 200, fitted.run.seed).astype(float)

    def counted(manifest):
        for picture in words.pictures(list(manifest.path), 128, 128):
            nearest = [
                ((codebook - d) ** 2).sum(axis=1).argmin() for d in sift(picture).astype(float)
            ]
            yield np.bincount(nearest, minlength=len(codebook))

    train = np.array(list(counted(fitted.run.benchmark.train)))
    idf = [math.log((1 + len(train)) / (1 + np.count_nonzero(column))) + 1 for column in train.T]
    test = fitted.run.benchmark.manifest.query("split != 'train'").head(3)
    expected = np.array(list(counted(test))) * idf
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(fitted.embed(test)["o2"], expected, atol=1e-5)


def test_the_same_vehicle_is_nearest(painted, fitted):
    vectors = embedded(fitted)
    assert vectors.dtype == np.float32 and vectors.shape == (16, 200)
    assert shares_of_same(vectors) > 0.9
    assert fitted.learns and not fitted.needs_coarse
    config = fitted.run.config()
    assert (config["words"], config["image_size"], config["train_images"]) == (200, 128, 16)


def test_it_is_blind_to_colours(tmp_path):
    """The same pattern for all: what is left is noise, and little of the colours' contrast."""
    vectors = embedded(method(paint(tmp_path, same_colors=True, same_pattern=True), "bow-sift"))
    assert shares_of_same(vectors) < 0.7


def test_the_seed_decides_the_words(painted, fitted):
    again, other = (method(painted, "bow-sift", seed=seed) for seed in (0, 1))
    assert bow_sift.BowSift.seeded
    np.testing.assert_allclose(embedded(again), embedded(fitted), atol=1e-4)
    assert abs(embedded(other) - embedded(fitted)).max() > 0.01
