"""LOMO, local maximal occurrence: a descriptor of colour and texture made by hand for persons.

Liao, Hu, Zhu and Li, "Person re-identification by local maximal occurrence representation and
metric learning", CVPR 2015. Plain Euclidean distance, as in the tables of vehicles; their metric
learning (XQDA) is not part of it.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.methods.base import Method

if TYPE_CHECKING:
    from rnnha.runs.run import Run

SCALES = 3  # each half of the one before
STEP = 5  # of the blocks, which are twice as wide: 10 x 10 pixels
HSV_BINS = 8  # a channel: 512 colours
RADII = (3, 5)  # of SILTP's four neighbours
TENTHS = 3  # SILTP's tau is 0.3
SILTP_CODES = 3**4

# The images have to be of one height, which alone decides the dimension. The authors' persons were
# 128 x 48; vehicles are wider, and 128 x 128 is ours.
SIZE = 128
DIMENSION = 26_960  # at 128 pixels high

# The authors released their Retinex as a binary. Ours: the two widths, which they are said to have
# used, with equal weights; a common stretch of all channels, by mean and standard deviation.
RETINEX_WIDTHS = (5, 20)  # pixels, standard deviations of the Gaussians
RETINEX_STRETCH = 2  # mean - 2 sd becomes 0, mean + 2 sd becomes 255
LEAST_CONTRAST = 1e-3  # of an image of one colour there is nothing to stretch

RETINEX = {"paper": True, "plain": False}  # a row's variant


class Lomo(Method, name="lomo"):
    """26,960 numbers, no training: of images of 128 x 128 pixels, whatever the profile.

    There is no training budget that a smaller size would have to keep equal. The row's variant:
    "paper", with Retinex before the colours are counted, or "plain", without.
    """

    seeded = learns = False

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return {"image_size": SIZE, "retinex": RETINEX[run.row.variant]}

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        from rnnha.images.cache import Images

        images, with_retinex = Images(manifest.path, SIZE), RETINEX[self.run.row.variant]
        rows = (lomo(images[i].permute(1, 2, 0).numpy(), with_retinex) for i in range(len(images)))
        return {"o2": np.fromiter(rows, (np.float32, DIMENSION), len(images))}


def lomo(image: np.ndarray, with_retinex: bool = True) -> np.ndarray:
    """uint8 [H, W, 3] to float32 [D]: colours, and SILTP of either radius, each of length 1.

    SILTP sees the image itself: it does not mind how bright the light is.
    """
    # As MATLAB's rgb2gray, rounded to whole numbers.
    grey = np.rint(image @ np.array([0.2989, 0.5870, 0.1140])).astype(np.int32)
    colors = color_part(retinex(image) if with_retinex else image)
    return np.concatenate([colors, *(siltp_part(grey, radius) for radius in RADII)])


def color_part(image: np.ndarray) -> np.ndarray:
    """Of uint8 [H, W, 3], float32, length 1: 512 numbers for each row of blocks, at all scales.

    What is averaged from scale to scale are the numbers of the channels' bins, rounded down.
    """
    bins, found = hsv_bins(image), []
    for _ in range(SCALES):
        codes = bins @ np.array([1, HSV_BINS, HSV_BINS**2])
        found.append(maxima(codes, HSV_BINS**3))
        bins = sums_of_four(bins) // 4
    return _unit(found)


def hsv_bins(image: np.ndarray) -> np.ndarray:
    """The pixels' bins of hue, saturation and value, int [H, W, 3] of 0..7, of uint8 [H, W, 3]."""
    from matplotlib.colors import rgb_to_hsv

    # The bins are those of x / 255, and the quotients of x / 256 are exact where two bins meet.
    return np.minimum((rgb_to_hsv(image / 256) * HSV_BINS).astype(np.int32), HSV_BINS - 1)


def siltp_part(grey: np.ndarray, radius: int) -> np.ndarray:
    """Of int [H, W], float32, length 1: 81 numbers for each row of blocks, at all scales.

    From scale to scale brightness is averaged; SILTP compares by ratios, so that sums do as well,
    and stay whole numbers.
    """
    found = []
    for _ in range(SCALES):
        if grey.shape[1] < 2 * radius + 1:
            break
        found.append(maxima(siltp(grey, radius), SILTP_CODES))
        grey = sums_of_four(grey)
    return _unit(found)


def siltp(grey: np.ndarray, radius: int) -> np.ndarray:
    """Scale-invariant local ternary patterns, int [H, W] of 0..80, of the pixels of int [H, W].

    A digit for each neighbour at `radius`, right, up, left and down, the last the highest: 1 where
    it is below 0.7 times the pixel, 2 where it is above 1.3 times. The border is repeated outwards.
    """
    height, width = grey.shape
    padded = np.pad(grey, radius, mode="edge")
    rows, columns = slice(radius, radius + height), slice(radius, radius + width)
    neighbours = (
        padded[rows, 2 * radius :],
        padded[:height, columns],
        padded[rows, :width],
        padded[2 * radius :, columns],
    )
    # In tenths, and so exact: 7 is not below 0.7 x 10.
    low, high = (10 - TENTHS) * grey, (10 + TENTHS) * grey
    codes = np.zeros_like(grey)
    for place, neighbour in enumerate(10 * n for n in neighbours):
        codes += 3**place * ((neighbour < low) + 2 * (neighbour > high))
    return codes


def maxima(codes: np.ndarray, count: int) -> np.ndarray:
    """How often each code occurs in the block that has most of it, uint8 [rows of blocks, count].

    codes: int [H, W] of 0..count-1. Blocks of 10 x 10 pixels at step 5: four cells of 5 x 5 each.
    """
    down, right = (side // STEP for side in codes.shape)
    if min(down, right) < 2:
        return np.empty((0, count), np.uint8)
    cells = np.arange(down)[:, None] * right + np.arange(right)
    cells = cells.repeat(STEP, axis=0).repeat(STEP, axis=1)
    codes = codes[: down * STEP, : right * STEP] + cells * count
    counts = np.bincount(codes.ravel(), minlength=down * right * count)
    counts = counts.astype(np.uint8).reshape(down, right, count)  # at most 100 in a block
    counts = counts[:-1] + counts[1:]
    return (counts[:, :-1] + counts[:, 1:]).max(axis=1)


def sums_of_four(values: np.ndarray) -> np.ndarray:
    """[H, W, ...] to [H // 2, W // 2, ...]: sums over 2 x 2 pixels; an odd last one is dropped."""
    height, width = (side // 2 * 2 for side in values.shape[:2])
    values = values[:height, :width]
    rows = values[::2] + values[1::2]
    return rows[:, ::2] + rows[:, 1::2]


def retinex(image: np.ndarray) -> np.ndarray:
    """Multi-scale Retinex of uint8 [H, W, 3]: each channel against its surroundings; uint8.

    Jobson, Rahman and Woodell, IEEE Transactions on Image Processing, 1997, without their colour
    restoration: the logarithm less that of the blurred channel, averaged over the widths.
    """
    import cv2

    light = image.astype(np.float32) + 1
    blurred = [
        cv2.GaussianBlur(light, (0, 0), width, borderType=cv2.BORDER_REPLICATE)
        for width in RETINEX_WIDTHS
    ]
    contrast = np.log(light) - np.mean(np.log(blurred), axis=0)
    reach = max(RETINEX_STRETCH * contrast.std(), LEAST_CONTRAST)
    stretched = (contrast - contrast.mean() + reach) * (255 / (2 * reach))
    return np.rint(stretched.clip(0, 255)).astype(np.uint8)


def _unit(counts: list[np.ndarray]) -> np.ndarray:
    """log(1 + count) of all scales as one float32 vector of length 1."""
    logs = np.log1p(np.concatenate([c.ravel() for c in counts]), dtype=np.float32)
    return logs / max(np.linalg.norm(logs), np.finfo(np.float32).tiny)
