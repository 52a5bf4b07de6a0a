"""LOMO against a slow version from its description, worked cases and its published dimensions."""

import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from painted_set import embedded, method, paint, shares_of_same
from rnnha.images.cache import Images
from rnnha.methods.lomo import Lomo, hsv_bins, lomo, retinex, siltp


def hsv_of(red, green, blue):
    """Hue, saturation and value of a pixel by the textbook, as fractions of 0..1."""
    high, low = max(red, green, blue), min(red, green, blue)
    if high == low:
        return Fraction(0), Fraction(0), Fraction(high, 255)
    if high == red:
        sixths = Fraction(green - blue, high - low) % 6
    elif high == green:
        sixths = 2 + Fraction(blue - red, high - low)
    else:
        sixths = 4 + Fraction(red - green, high - low)
    return sixths / 6, Fraction(high - low, high), Fraction(high, 255)


def ternary(grey, y, x, radius):
    height, width = len(grey), len(grey[0])
    code = 0
    for weight, (dy, dx) in ((1, (0, 1)), (3, (-1, 0)), (9, (0, -1)), (27, (1, 0))):
        row = min(max(y + dy * radius, 0), height - 1)
        column = min(max(x + dx * radius, 0), width - 1)
        if grey[row][column] < Fraction(7, 10) * grey[y][x]:
            code += weight
        elif grey[row][column] > Fraction(13, 10) * grey[y][x]:
            code += 2 * weight
    return code


def blocks_of(codes, count):
    """For each row of blocks, for each code, its largest number in one of the row's blocks."""
    found, height, width = [], len(codes), len(codes[0])
    for top in range(0, height - 9, 5):
        most = Counter()
        for left in range(0, width - 9, 5):
            block = Counter(codes[top + y][left + x] for y in range(10) for x in range(10))
            most |= block
        found += [most[code] for code in range(count)]
    return found


def halved(values, mean):
    height, width = len(values) // 2, len(values[0]) // 2
    return [
        [
            mean(values[2 * y + dy][2 * x + dx] for dy in (0, 1) for dx in (0, 1))
            for x in range(width)
        ]
        for y in range(height)
    ]


def unit(counts):
    logs = [math.log(1 + count) for count in counts]
    return [v / math.sqrt(sum(w * w for w in logs)) for v in logs]


def slow(image):
    pixels = [[tuple(int(c) for c in pixel) for pixel in row] for row in image]
    channels = [
        [[min(math.floor(8 * hsv_of(*p)[c]), 7) for p in row] for row in pixels] for c in range(3)
    ]
    counts = []
    for _ in range(3):
        codes = [
            [h + 8 * s + 64 * v for h, s, v in zip(*rows, strict=True)]
            for rows in zip(*channels, strict=True)
        ]
        counts += blocks_of(codes, 512)
        channels = [halved(channel, lambda four: sum(four) // 4) for channel in channels]
    parts = unit(counts)
    for radius in (3, 5):
        grey = [
            [Fraction(round(0.2989 * r + 0.5870 * g + 0.1140 * b), 255) for r, g, b in row]
            for row in pixels
        ]
        counts = []
        for _ in range(3):
            if len(grey[0]) < 2 * radius + 1:
                break
            size = range(len(grey)), range(len(grey[0]))
            counts += blocks_of(
                [[ternary(grey, y, x, radius) for x in size[1]] for y in size[0]], 81
            )
            grey = halved(grey, lambda four: sum(four) / 4)
        parts += unit(counts)
    return parts


def test_it_is_what_the_description_says():
    """Three scales of odd sides; the smallest is too narrow for SILTP of radius 5."""
    rng = np.random.default_rng(1)
    image = rng.integers(0, 256, (47, 42, 3), dtype=np.uint8)
    image[10:30, 5:30] //= 64  # dark and few values: many ties
    image[20:40, 20:40] = image[20:40, 20:40] // 50 * 50
    found, expected = lomo(image, with_retinex=False), slow(image)
    scales = len(range(0, 38, 5)), len(range(0, 14, 5)), len(range(0, 2, 5))
    assert len(expected) == 512 * sum(scales) + 81 * sum(scales) + 81 * sum(scales[:2])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    # Retinex is for the colours alone.
    colors = 512 * sum(scales)
    np.testing.assert_allclose(lomo(image)[:colors], slow(retinex(image))[:colors], atol=1e-6)
    np.testing.assert_allclose(lomo(image)[colors:], expected[colors:], atol=1e-6)


@pytest.mark.parametrize(("height", "dimension"), [(128, 26_960), (96, 19_546), (192, 42_462)])
def test_the_height_alone_decides_the_dimension(height, dimension):
    for width in (48, 128):
        image = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        assert lomo(image).shape == (dimension,)


def test_each_of_its_three_parts_has_length_1():
    image = np.random.default_rng(0).integers(0, 256, (128, 60, 3), dtype=np.uint8)
    parts = np.split(lomo(image), [40 * 512, 40 * (512 + 81)])
    assert [np.linalg.norm(part) for part in parts] == pytest.approx([1, 1, 1])


def test_siltp_of_a_worked_neighbourhood():
    grey = np.array([[0, 69, 0], [70, 100, 131], [0, 130, 0]])
    # Right is above 130: 2. Above is below 70: 1 x 3. 70 and 130 are neither.
    assert siltp(grey, 1)[1, 1] == 2 + 3
    # The corner: right 69 and down 70 are above 0; upwards and left the border repeats it.
    assert siltp(grey, 1)[0, 0] == 2 + 2 * 27


@pytest.mark.parametrize(
    ("color", "bins"),
    [
        ((255, 0, 0), (0, 7, 7)),
        ((0, 255, 255), (4, 7, 7)),  # hue 1/2
        ((128, 128, 128), (0, 0, 4)),
        ((200, 100, 100), (0, 4, 6)),  # saturation 1/2 exactly
        ((31, 31, 31), (0, 0, 0)),
        ((32, 32, 32), (0, 0, 1)),  # 8 x 32 / 255 is just above 1
    ],
)
def test_the_bins_of_worked_colours(color, bins):
    assert tuple(hsv_bins(np.array([[color]], dtype=np.uint8))[0, 0]) == bins


def test_retinex_is_the_logarithm_against_its_surroundings():
    image = np.random.default_rng(3).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    light = image.astype(float) + 1
    around = [gaussian_filter(light, (width, width, 0), mode="nearest") for width in (5, 20)]
    contrast = np.log(light) - (np.log(around[0]) + np.log(around[1])) / 2
    stretched = 255 * (contrast - contrast.mean() + 2 * contrast.std()) / (4 * contrast.std())
    assert abs(retinex(image) - stretched.clip(0, 255)).max() < 1


def test_retinex_takes_the_light_away():
    """The left half in the shade: brighter by a factor 3 to the right."""
    rng = np.random.default_rng(0)
    scene = rng.uniform(40, 80, (128, 128, 3))
    shaded = (scene * np.linspace(1, 3, 128)[:, None]).astype(np.uint8)
    left, right = np.split(retinex(shaded).astype(float), 2, axis=1)
    assert shaded[:, 64:].mean() > 1.6 * shaded[:, :64].mean()
    assert right.mean() == pytest.approx(left.mean(), rel=0.15)
    assert (abs(retinex(np.full((20, 20, 3), 90, np.uint8)) - 127.5) < 1).all()  # middle grey


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    return paint(tmp_path_factory.mktemp("painted"))


@pytest.mark.parametrize("variant", ["paper", "plain"])
def test_the_same_vehicle_is_nearest(painted, variant):
    vectors = embedded(method(painted, "lomo", variant))
    assert vectors.dtype == np.float32 and vectors.shape == (16, 26_960)
    assert shares_of_same(vectors) == 1


def test_the_row_decides_on_retinex_and_the_size_is_the_same_at_any_profile(painted):
    plain, paper = (method(painted, "lomo", variant) for variant in ("plain", "paper"))
    test = plain.run.benchmark.manifest.tail(1)
    image = Images(test.path, 128)[0].permute(1, 2, 0).numpy()
    for made, retinexed in ((plain, False), (paper, True)):
        assert np.array_equal(made.embed(test)["o2"][0], lomo(image, retinexed))
        config = made.run.config()
        assert (config["image_size"], config["retinex"]) == (128, retinexed)
    assert not Lomo.learns and not Lomo.seeded
