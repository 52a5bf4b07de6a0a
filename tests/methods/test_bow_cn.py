"""BOW-CN against a slow version from its description, worked cases and its published dimension."""

import math

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from painted_set import embedded, method, paint, shares_of_same
from rnnha.methods import bow_cn, color_names, words
from rnnha.methods.color_names import NAMES


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """All vehicles have one pattern, so that only their colours tell them apart."""
    return paint(tmp_path_factory.mktemp("painted"), same_pattern=True)


@pytest.fixture(scope="module")
def fitted(painted):
    made = method(painted, "bow-cn")
    made.fit(made.run.benchmark.train)
    return made


def test_cells_are_mean_probabilities_of_names():
    picture = np.random.default_rng(0).integers(0, 256, (128, 64, 3), dtype=np.uint8)
    picture[:4, 4:8] = (255, 0, 0)
    found = bow_cn.cells(picture, color_names.open_table())
    assert found.shape == (32, 16, 11) and found.dtype == np.float32
    red = color_names.open_table()[31]
    assert red[NAMES.index("red")] > 0.5
    np.testing.assert_allclose(found[0, 1], red, rtol=1e-5)
    total = np.zeros(11)
    for y in range(40, 44):
        for x in range(12, 16):
            r, g, b = (int(c) // 8 for c in picture[y, x])
            total += color_names.open_table()[r + 32 * g + 1024 * b]
    np.testing.assert_allclose(found[10, 3], total / 16, rtol=1e-5)


def slow_histogram(cells, codebook, nearest):
    """Cell by cell and word by word."""
    bag = [[0.0] * len(codebook) for _ in range(16)]
    cells_of_word = [0] * len(codebook)
    for i in range(32):
        for j in range(16):
            y, x = 2 * i / 31 - 1, 2 * j / 15 - 1
            distances = [math.dist(cells[i][j], word) for word in codebook]
            for word in sorted(range(len(codebook)), key=distances.__getitem__)[:nearest]:
                weight = math.exp(-distances[word] / 9) * math.exp(-x * x - y * y)
                bag[i // 2][word] += weight
                cells_of_word[word] += 1
    return [
        b / math.sqrt(n or 1) for stripe in bag for b, n in zip(stripe, cells_of_word, strict=True)
    ]


def test_a_histogram_is_what_the_description_says():
    rng = np.random.default_rng(1)
    cells, codebook = rng.dirichlet(np.ones(11), (32, 16)), rng.dirichlet(np.ones(11), 40)
    codebook[7] = 5  # far from all: a word of no cell
    found = bow_cn.histogram(cells, words.index(codebook, 10))
    expected = slow_histogram(cells.tolist(), codebook.tolist(), 10)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    assert not found[7::40].any()


def test_the_middle_counts_most():
    corner, edge = math.exp(-2), math.exp(-1)
    expected = [[corner, edge, corner], [edge, 1, edge], [corner, edge, corner]]
    np.testing.assert_allclose(bow_cn.mask(3, 3), expected)


def test_a_stripe_is_two_rows_of_cells():
    """A red band, 8 pixels high, in a black picture: red is in the second stripe alone."""
    picture = np.zeros((128, 64, 3), np.uint8)
    picture[8:16] = (255, 0, 0)
    codebook = color_names.open_table()[[0, 31]]  # black, red
    cells = bow_cn.cells(picture, color_names.open_table())
    bag = bow_cn.histogram(cells, words.index(codebook, 1)).reshape(16, 2)
    assert np.flatnonzero(bag[:, 1]).tolist() == [1]
    assert np.flatnonzero(bag[:, 0] == 0).tolist() == [1]


def test_mean_and_idf_of_worked_histograms():
    bags = np.array([[2, 0, 1, 0], [4, 0, 0, 0], [3, 0, 1, 0], [3, 6, 0, 0]], np.float32)
    mean, idf = bow_cn.statistics(bags)
    np.testing.assert_allclose(mean, [3, 1.5, 0.5, 0])
    # Of 4 images have it 4 (less than nothing: 0), 1, 2 and none.
    np.testing.assert_allclose(idf, [0, math.log(4 / 2), math.log(4 / 3), math.log(4)])
    found = bow_cn.weighted(np.array([[9, 3.5, 0.5, 1]], np.float32), bow_cn.Statistics(mean, idf))
    expected = [0, 2 * math.sqrt(math.log(2)), 0, math.sqrt(math.log(4))]
    np.testing.assert_allclose(found[0], np.array(expected) / math.hypot(*expected), rtol=1e-6)


def test_the_same_vehicle_is_nearest(painted, fitted):
    vectors = embedded(fitted)
    assert vectors.dtype == np.float32 and vectors.shape == (16, 5_600)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert shares_of_same(vectors) == 1
    assert fitted.learns and not fitted.needs_coarse


def test_it_is_blind_where_all_vehicles_have_the_same_colours(tmp_path):
    """The other side of the test before: it is the colours that told them apart."""
    vectors = embedded(method(paint(tmp_path, same_colors=True, same_pattern=True), "bow-cn"))
    assert shares_of_same(vectors) < 0.7


def test_training_histograms_have_no_mean_and_test_images_do_not_change_what_was_learned(fitted):
    run, known = fitted.run, fitted.statistics
    trained = fitted.embed(run.benchmark.train)["o2"]
    assert np.isfinite(trained).all()
    pictures = words.pictures(list(run.benchmark.train.path), 128, 64)
    bags = [bow_cn.histogram(bow_cn.cells(p, fitted.table), fitted.words) for p in pictures]
    np.testing.assert_allclose(known.mean, np.mean(bags, axis=0), rtol=1e-4, atol=1e-7)
    assert fitted.words.n_neighbors == 10
    np.testing.assert_array_equal(fitted.embed(run.benchmark.train.head(2))["o2"], trained[:2])


def test_the_seed_decides_the_words(painted, fitted):
    again, other = (method(painted, "bow-cn", seed=seed) for seed in (0, 1))
    assert other.seeded
    np.testing.assert_allclose(embedded(again), embedded(fitted), atol=1e-4)
    assert abs(embedded(other) - embedded(fitted)).max() > 0.01


def test_the_users_own_colour_names_are_used_and_recorded(painted, tmp_path, monkeypatch):
    made = method(painted, "bow-cn")
    assert made.run.config()["color_names"] == "xkcd"
    assert (made.run.config()["words"], made.run.config()["image_size"]) == (350, [128, 64])
    own = np.random.default_rng(0).dirichlet(np.ones(11), 32_768)
    savemat(tmp_path / "w2c.mat", {"w2c": own})
    monkeypatch.setenv("RNNHA_W2C", str(tmp_path / "w2c.mat"))
    made.fit(made.run.benchmark.train)
    np.testing.assert_allclose(made.table, own, rtol=1e-6)
    assert made.run.config()["color_names"].startswith("w2c ")


def test_pictures_are_resized_to_height_and_width(tmp_path):
    wide = np.zeros((50, 300, 3), np.uint8)
    wide[:, 150:] = 200
    Image.fromarray(wide).save(tmp_path / "wide.png")
    (picture,) = words.pictures([str(tmp_path / "wide.png")], 128, 64)
    assert picture.shape == (128, 64, 3) and picture.dtype == np.uint8
    assert (picture[:, :31] == 0).all() and (picture[:, 33:] == 200).all()


def test_a_large_training_set_is_sampled(monkeypatch):
    monkeypatch.setattr(words, "MOST_IMAGES", 5)
    paths = [f"{i:02d}.png" for i in range(40)]
    found = words.some(paths, 0)
    assert len(set(found)) == 5 and found == sorted(found) and set(found) <= set(paths)
    assert found != words.some(paths, 1) and found == words.some(paths, 0)
    assert words.some(paths[:3], 0) == paths[:3]


def test_words_are_the_centres_of_what_lies_together():
    rng = np.random.default_rng(0)
    centres = np.array([[0, 0, 9], [5, 0, 0], [0, 7, 0]])
    points = centres[rng.integers(0, 3, 900)] + rng.normal(0, 0.1, (900, 3))
    found = words.learn(points, 3, 0)
    assert found.dtype == np.float32
    order = np.linalg.norm(found[:, None] - centres, axis=2).argmin(axis=0)
    np.testing.assert_allclose(found[order], centres, atol=0.05)


def test_pictures_of_one_colour_can_be_learned_from():
    """Fewer different descriptors than words."""
    same = np.repeat(color_names.open_table()[[0, 31]], 400, axis=0)
    assert np.isfinite(words.learn(same, 350, 0)).all()
