"""Images with maps and masks laid over them, from arrays: nothing here knows of files or runs.

Images are uint8 [H, W, 3]; attention and Grad-CAM maps are float [h, w] on the network's own grid,
not negative, and are drawn bilinearly enlarged.
"""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from rnnha.figures.plots import GREY, PALETTE, Drawing, style

RIGHT, WRONG, CUE = PALETTE[2], PALETTE[3], PALETTE[3]


def overlay(image: np.ndarray, heat: np.ndarray, strength: float = 0.75) -> np.ndarray:
    """Lay a map over an image: (1 - s·t) · image + s·t · colour(t).

    image uint8 [H, W, 3], heat float [h, w] ≥ 0 of any size, strength s in [0, 1]; returns uint8
    [H, W, 3]. t = heat / its maximum, or / twice its mean where that is more: two maps compare in
    shape, not in height, and a uniform one covers all alike at half the scale, t = 1/2. Where
    the map is 0 the image stays as it is. Raises ValueError for other shapes or values.
    """
    _check_image(image)
    heat = np.asarray(heat, dtype=np.float32)
    if heat.ndim != 2 or not np.isfinite(heat).all() or (heat < 0).any():
        raise ValueError(f"a map must be finite, not negative and [h, w]; found {heat.shape}")
    if not 0 <= strength <= 1:
        raise ValueError(f"strength must lie in [0, 1]; found {strength}")
    height, width = image.shape[:2]
    large = np.asarray(Image.fromarray(heat).resize((width, height), Image.Resampling.BILINEAR))
    top = max(heat.max(), 2 * heat.mean(), np.finfo(np.float32).tiny)
    share = np.clip(large / top, 0, 1)
    colour = mpl.colormaps["inferno"](share)[..., :3] * 255
    alpha = strength * share[..., None]
    return np.rint((1 - alpha) * image + alpha * colour).astype(np.uint8)


def mask_overlay(image: np.ndarray, mask: np.ndarray, strength: float = 0.85) -> np.ndarray:
    """Tint the masked pixels and grey the rest; image uint8 [H, W, 3], mask bool [H, W]."""
    _check_image(image)
    mask = np.asarray(mask, dtype=bool)
    if mask.shape != image.shape[:2]:
        raise ValueError(f"mask {mask.shape} does not fit the image {image.shape[:2]}")
    grey = np.repeat(image.mean(axis=2, keepdims=True), 3, axis=2)
    tinted = (1 - strength) * image + strength * 255 * np.asarray(CUE)
    return np.rint(np.where(mask[..., None], tinted, grey)).astype(np.uint8)


def attention_grid(
    images: Sequence[np.ndarray],
    maps: Sequence[np.ndarray],
    title: str = "",
    *,
    cams: Sequence[np.ndarray] | None = None,
    masks: Sequence[np.ndarray] | None = None,
    titles: Sequence[str] | None = None,
    strength: float = 0.75,
    columns: int = 6,
) -> Figure:
    """Images with the map of step 2 over them; below, if given, Grad-CAM and the cue masks.

    All sequences have one entry an image; more than `columns` images go on in further blocks of
    rows. Raises ValueError where the lengths differ.
    """
    rows = {
        "image": list(images),
        "attention": [overlay(i, m, strength) for i, m in zip(images, maps, strict=True)],
    }
    if cams is not None:
        rows["Grad-CAM"] = [overlay(i, c, strength) for i, c in zip(images, cams, strict=True)]
    if masks is not None:
        rows["cue mask"] = [mask_overlay(i, m) for i, m in zip(images, masks, strict=True)]
    if not images:
        raise ValueError("attention_grid needs at least one image")
    columns = min(columns, len(images))
    blocks = -(-len(images) // columns)
    with style(grid=False):
        size = (1.75 * columns + 0.6, 1.75 * len(rows) * blocks + 0.5 * blocks + 0.4)
        figure = Drawing(figsize=size, layout="constrained")
        grid = figure.subplots(blocks * len(rows), columns, squeeze=False)
        for ax in grid.flat:
            ax.set_axis_off()
        for r, (name, pictures) in enumerate(rows.items()):
            for i, picture in enumerate(pictures):
                ax = grid[i // columns * len(rows) + r, i % columns]
                _show(ax, picture)
                if r == 0 and titles is not None:
                    ax.set_title(titles[i], fontsize=9)
                if i % columns == 0:
                    ax.set_ylabel(name, fontsize=11)
        figure.suptitle(title, fontsize=12, wrap=True)
    return figure


class Search(NamedTuple):
    """What a search found, the nearest first: its name, pictures uint8 [H, W, 3], whether each is
    of the right vehicle, and a caption each."""

    name: str
    gallery: Sequence[np.ndarray]
    right: Sequence[bool]
    captions: Sequence[str]


def retrieval(query: np.ndarray, searches: Sequence[Search], title: str = "") -> Figure:
    """A query and its nearest gallery images, framed, a row a search: ✓ right vehicle, ✗ another
    one. All searches have found equally many."""
    with style(grid=False):
        count = len(searches[0].gallery) + 1
        lines = max(caption.count("\n") for search in searches for caption in search.captions)
        size = (1.9 * count, 0.5 + len(searches) * (2.1 + 0.15 * lines))
        figure = Drawing(figsize=size, layout="constrained")
        for axes, search in zip(
            figure.subplots(len(searches), count, squeeze=False), searches, strict=True
        ):
            _show(axes[0], query, frame=GREY)
            axes[0].set_title("query", fontsize=11)
            axes[0].set_ylabel(search.name, fontsize=11)
            found = zip(axes[1:], search.gallery, search.right, search.captions, strict=True)
            for rank, (ax, picture, good, caption) in enumerate(found, start=1):
                colour, sign = (RIGHT, "✓") if good else (WRONG, "✗")
                _show(ax, picture, frame=colour)
                ax.set_title(f"{rank} {sign}", color=colour, fontsize=12, fontweight="bold")
                ax.set_xlabel(caption, fontsize=9)
        figure.suptitle(title, fontsize=12, wrap=True)
    return figure


def pair_figure(
    image_a: np.ndarray,
    map_a: np.ndarray,
    image_b: np.ndarray,
    map_b: np.ndarray,
    text: str,
    strength: float = 0.75,
) -> Figure:
    """Two pictures side by side, their attention maps below, and what the comparison says."""
    with style(grid=False):
        figure = Drawing(figsize=(8, 7.4), layout="constrained")
        grid = figure.subplots(2, 2)
        for column, image, heat in ((0, image_a, map_a), (1, image_b, map_b)):
            _show(grid[0, column], image)
            _show(grid[1, column], overlay(image, heat, strength))
            grid[0, column].set_title("AB"[column])
        grid[0, 0].set_ylabel("image")
        grid[1, 0].set_ylabel("attention")
        figure.suptitle(text, fontsize=10)
    return figure


def _show(ax: Axes, picture: np.ndarray, frame: object = None) -> None:
    _check_image(picture)
    ax.set_axis_on()
    ax.imshow(picture)
    ax.set(xticks=[], yticks=[])
    for spine in ax.spines.values():
        spine.set(visible=frame is not None, color=frame or "none", linewidth=4)


def _check_image(image: np.ndarray) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"an image must be uint8 [H, W, 3]; found {image.dtype} {image.shape}")
