"""How likely each of the eleven basic colour names is for a colour.

The table that the published systems use (van de Weijer, Schmid, Verbeek and Larlus, "Learning
color names for real-world applications", IEEE Transactions on Image Processing, 2009) may not be
shipped. An open one stands for it, made from the names that visitors of xkcd.com gave to colours
(CC0), which matplotlib has. Who has the published one, `w2c.mat`, says where in RNNHA_W2C.
"""

import hashlib
import os
import re
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np

from rnnha.files import DataError, read_bytes

NAMES = (
    "black",
    "blue",
    "brown",
    "grey",
    "green",
    "orange",
    "pink",
    "purple",
    "red",
    "white",
    "yellow",
)
CELLS = 32  # a channel
VARIABLE = "RNNHA_W2C"

# Ours, as the whole open table is.
KERNEL = 15.0  # standard deviation in CIE Lab
# Few names have "black" or "white" in them, and hundreds the others: dark and light greys besides.
BLACKS = tuple(range(0, 40, 4))
WHITES = tuple(range(255, 215, -4))


def cells(image: np.ndarray) -> np.ndarray:
    """The table's rows, int [...], for the pixels of uint8 [..., 3], RGB: red runs fastest."""
    return (image // (256 // CELLS)).astype(np.intp) @ np.array([1, CELLS, CELLS**2])


def table() -> np.ndarray:
    """Probabilities of `NAMES`, float32 [32,768, 11]: the user's own, else the open ones.

    Raises DataError where the user's file is no such table.
    """
    own = _own()
    return read_w2c(own) if own else open_table()


def source() -> str:
    """Which table it is: "xkcd", or "w2c" and the beginning of the file's SHA-256."""
    own = _own()
    return f"w2c {hashlib.sha256(_content(own)).hexdigest()[:12]}" if own else "xkcd"


def _own() -> Path | None:
    own = os.environ.get(VARIABLE)
    return Path(own).expanduser() if own else None


def read_w2c(path: Path) -> np.ndarray:
    """The published table of `w2c.mat`, float32 [32,768, 11].

    Its array `w2c` has the probabilities alone, or three columns of RGB before them.
    """
    from scipy.io import loadmat

    content = _content(path)
    try:
        values = np.asarray(loadmat(BytesIO(content))["w2c"], dtype=np.float64)
    except Exception as error:  # scipy raises its own, zlib's, struct's and others' exceptions
        raise _unusable(path, f"no array `w2c` that can be read ({error!r:.100})") from error
    if values.ndim != 2 or len(values) != CELLS**3 or values.shape[1] not in (11, 14):
        raise _unusable(path, f"`w2c` of {' x '.join(map(str, values.shape))}")
    values = values[:, -len(NAMES) :]
    # NaN passes neither comparison.
    if not ((values >= 0).all() and (abs(values.sum(axis=1) - 1) < 0.05).all()):
        raise _unusable(path, "rows that are no probabilities")
    return values.astype(np.float32)


def _content(path: Path) -> bytes:
    try:
        return read_bytes(path)
    except DataError as error:
        raise _unusable(path, "no file that can be read") from error


def _unusable(path: Path, found: str) -> DataError:
    return DataError(
        f"{path}: found {found}, expected probabilities of {len(NAMES)} colour names in {CELLS**3} "
        f"rows of 11 or 14 columns; let {VARIABLE} name another w2c.mat, or unset it for the open "
        "table"
    )


@lru_cache(maxsize=1)
def open_table() -> np.ndarray:
    """float32 [32,768, 11]: the shares of the named colours around a cell's centre, near ones most.

    A name with two terms, as "green blue", counts half for each.
    """
    from scipy.spatial.distance import cdist

    colors, terms = named_colors()
    number = np.arange(CELLS**3)
    centres = np.stack([number % CELLS, number // CELLS % CELLS, number // CELLS**2], axis=1)
    side = 256 // CELLS
    squared = cdist(lab((centres * side + (side - 1) / 2) / 255), lab(colors), "sqeuclidean")
    votes = np.exp(-squared / (2 * KERNEL**2)) @ terms
    return (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)


def named_colors() -> tuple[np.ndarray, np.ndarray]:
    """Colours that carry a basic term: RGB of 0..1 [N, 3], and the terms' shares in each [N, 11].

    577 names of the survey, and the dark and light greys.
    """
    from matplotlib.colors import XKCD_COLORS, to_rgb

    colors, terms = [], []
    for name, code in XKCD_COLORS.items():
        words = re.findall("[a-z]+", name.removeprefix("xkcd:"))
        found = np.array([term in words for term in NAMES])
        if found.any():
            colors.append(to_rgb(code))
            terms.append(found / found.sum())
    for term, greys in (("black", BLACKS), ("white", WHITES)):
        colors += [(grey / 255,) * 3 for grey in greys]
        terms += [np.eye(len(NAMES))[NAMES.index(term)]] * len(greys)
    return np.array(colors), np.array(terms)


def lab(rgb: np.ndarray) -> np.ndarray:
    """sRGB of 0..1 [N, 3] to CIE Lab under D65, float32 [N, 3]."""
    import cv2

    return cv2.cvtColor(rgb.astype(np.float32)[None], cv2.COLOR_RGB2Lab)[0]
