"""The open table of colour names by what is known of colours, and the reading of a user's own."""

import math

import numpy as np
import pytest
from matplotlib.colors import XKCD_COLORS
from scipy.io import savemat

from rnnha.files import DataError
from rnnha.methods import color_names
from rnnha.methods.color_names import NAMES

PURE = {
    "black": (0, 0, 0),
    "blue": (0, 0, 255),
    "brown": (139, 69, 19),
    "grey": (128, 128, 128),
    "green": (0, 160, 0),
    "orange": (255, 128, 0),
    "pink": (255, 150, 180),
    "purple": (128, 0, 128),
    "red": (255, 0, 0),
    "white": (255, 255, 255),
    "yellow": (255, 255, 0),
}


def row_of(red, green, blue):
    return red // 8 + 32 * (green // 8) + 1024 * (blue // 8)


@pytest.mark.parametrize("name", NAMES)
def test_pure_colours_get_their_names(name):
    assert NAMES[color_names.open_table()[row_of(*PURE[name])].argmax()] == name


def test_greys_go_from_black_over_grey_to_white():
    names = [NAMES[color_names.open_table()[row_of(g, g, g)].argmax()] for g in range(0, 256, 8)]
    assert list(dict.fromkeys(names)) == ["black", "grey", "white"]
    assert names.index("grey") in range(4, 10) and names.index("white") in range(22, 28)


def test_the_rows_are_probabilities():
    table = color_names.open_table()
    assert table.shape == (32_768, 11) and table.dtype == np.float32
    assert (table >= 0).all()
    np.testing.assert_allclose(table.sum(axis=1), 1, rtol=1e-5)


def test_red_runs_fastest():
    image = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    found = color_names.cells(image)
    assert found[2, 3] == row_of(*map(int, image[2, 3]))
    assert list(color_names.cells(np.array([[8, 0, 0], [0, 8, 0], [0, 0, 8]], np.uint8))) == [
        1,
        32,
        1024,
    ]


def exact_lab(color):
    """CIE Lab of sRGB 0..255 under D65, from the standards' formulas."""
    r, g, b = (
        c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color
    )
    x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047
    y = 0.2126729 * r + 0.7151522 * g + 0.0721750 * b
    z = (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883
    f = [t ** (1 / 3) if t > (6 / 29) ** 3 else t * 841 / 108 + 4 / 29 for t in (x, y, z)]
    return 116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])


@pytest.mark.parametrize("cell", [(3, 20, 9), (28, 27, 26), (1, 1, 2), (25, 10, 5)])
def test_a_row_is_the_vote_of_the_named_colours_around_its_centre(cell):
    votes = dict.fromkeys(NAMES, 0.0)
    centre = exact_lab([8 * c + 3.5 for c in cell])
    named = [
        ([int(code[i : i + 2], 16) for i in (1, 3, 5)], name) for name, code in XKCD_COLORS.items()
    ]
    named = [(color, name[5:].replace("/", " ").split()) for color, name in named]
    named = [(color, [w for w in words if w in NAMES]) for color, words in named]
    assert sum(bool(words) for _, words in named) == 577
    named += [([grey] * 3, ["black"]) for grey in range(0, 37, 4)]
    named += [([grey] * 3, ["white"]) for grey in range(255, 218, -4)]
    for color, words in named:
        for word in words:
            near = math.exp(-(math.dist(centre, exact_lab(color)) ** 2) / (2 * 15**2))
            votes[word] += near / len(words)
    expected = np.array([votes[name] for name in NAMES]) / sum(votes.values())
    row = cell[0] + 32 * cell[1] + 1024 * cell[2]
    np.testing.assert_allclose(color_names.open_table()[row], expected, atol=0.005)


@pytest.fixture
def own():
    """A table that is as little like the open one as can be."""
    return np.random.default_rng(0).dirichlet(np.ones(11), 32_768)


@pytest.mark.parametrize("rgb", [False, True])
def test_a_w2c_of_the_users_own_is_taken(own, rgb, tmp_path, monkeypatch):
    file = tmp_path / "w2c.mat"
    savemat(file, {"w2c": np.hstack([np.full((32_768, 3), 99.0), own]) if rgb else own})
    monkeypatch.setenv("RNNHA_W2C", str(file))
    np.testing.assert_allclose(color_names.table(), own, rtol=1e-6)
    assert color_names.table().dtype == np.float32
    first = color_names.source()
    savemat(file, {"w2c": own[::-1]})
    assert first.startswith("w2c ") and color_names.source() not in (first, "xkcd")
    monkeypatch.delenv("RNNHA_W2C")
    assert color_names.source() == "xkcd"
    assert color_names.table() is color_names.open_table()


@pytest.mark.parametrize(
    ("arrays", "found"),
    [
        ({"w2c": np.ones((100, 11)) / 11}, "100 x 11"),
        ({"w2c": np.ones((32_768, 10)) / 10}, "32768 x 10"),
        ({"w2c": np.ones((32_768, 11))}, "no probabilities"),
        ({"w2c": np.full((32_768, 11), np.nan)}, "no probabilities"),
        ({"other": np.ones(3)}, "no array `w2c`"),
        (b"no MATLAB at all", "no array `w2c`"),
        (None, "no file that can be read"),
    ],
)
def test_a_bad_w2c_is_refused_in_one_sentence(arrays, found, tmp_path, monkeypatch):
    file = tmp_path / "w2c.mat"
    if isinstance(arrays, dict):
        savemat(file, arrays)
    elif arrays:
        file.write_bytes(arrays)
    monkeypatch.setenv("RNNHA_W2C", str(file))
    with pytest.raises(DataError) as caught:
        color_names.table()
    told = str(caught.value)
    assert told.startswith(f"{file}: found ") and found in told and "\n" not in told
    assert "32768 rows of 11 or 14 columns" in told and "RNNHA_W2C" in told
