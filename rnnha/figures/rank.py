"""A ranking as a contact sheet: one picture, and one page that opens without a network."""

import base64
import html
import textwrap
from io import BytesIO
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from rnnha.figures import maps, plots
from rnnha.images.decode import pixels
from rnnha.paths import atomic
from rnnha.runs.rank import Ranking

COLUMNS = 5
LETTERS = 21  # of a line above a picture in the sheet
SIDE = 320  # pixels of a picture's longer side on the page


def figure(ranked: Ranking) -> Figure:
    """The query with its map, then those found, five a row, each above its map."""
    pairs = _pairs(ranked)
    rows = 1 + -(-(len(pairs) - 1) // COLUMNS)
    with plots.style(grid=False):
        sheet = plots.Drawing(figsize=(2.2 * COLUMNS, 4.6 * rows + 0.5), layout="constrained")
        axes = sheet.subplots(2 * rows, COLUMNS, squeeze=False)
        for ax in axes.flat:
            ax.set_axis_off()
        places = [(0, 0), *((2 + 2 * (i // COLUMNS), i % COLUMNS) for i in range(len(pairs) - 1))]
        for (row, column), (caption, image, looked) in zip(places, pairs, strict=True):
            axes[row, column].imshow(image)
            axes[row, column].set_title("\n".join(textwrap.wrap(caption, LETTERS)), fontsize=9)
            axes[row + 1, column].imshow(looked)
        sheet.suptitle("\n".join(filter(None, [f"Nearest to {ranked.query.name}", ranked.note])))
    return sheet


def page(ranked: Ranking) -> str:
    """The same as HTML with the pictures inside; it scrolls, and follows light and dark."""
    items = "\n".join(
        f"<figure><figcaption>{caption}</figcaption>"
        f'<img alt="{caption}" src="{_data(image)}">'
        f'<img alt="where the network looks: {caption}" src="{_data(looked)}"></figure>'
        for caption, image, looked in ((html.escape(c), *two) for c, *two in _pairs(ranked))
    )
    title = html.escape(f"Nearest to {ranked.query.name}")
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8"><title>{title}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>\n{_STYLE}\n</style></head>\n<body>\n<main>\n<h1>{title}</h1>\n"
        f"<p>{html.escape(ranked.note)}</p>\n<section>\n{items}\n</section>\n</main>\n</body>\n</html>\n"
    )


def save(ranked: Ranking, folder: Path) -> list[Path]:
    """Write rank.png and rank.html into a folder; return their paths."""
    png, site = Path(folder) / "rank.png", Path(folder) / "rank.html"
    with atomic(png) as temporary:
        figure(ranked).savefig(temporary, dpi=120)
    with atomic(site) as temporary:
        temporary.write_text(page(ranked), encoding="utf-8")
    return [png, site]


def _pairs(ranked: Ranking) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Caption, picture, and picture with its map, of the query and of those found."""
    captions = [f"query: {ranked.query.name}"]
    captions += [
        f"{r.rank}: {r.path.name}, distance {r.distance:.3f}" for r in ranked.found.itertuples()
    ]
    images = [pixels(path) for path in (ranked.query, *ranked.found["path"])]
    heats = [ranked.own, *ranked.maps]
    looked = [maps.overlay(image, heat) for image, heat in zip(images, heats, strict=True)]
    return list(zip(captions, images, looked, strict=True))


def _data(image: np.ndarray) -> str:
    small = Image.fromarray(image)
    small.thumbnail((SIDE, SIDE))
    small.save(file := BytesIO(), "JPEG", quality=88)
    return "data:image/jpeg;base64," + base64.b64encode(file.getvalue()).decode()


_STYLE = """:root { color-scheme: light dark; }
body { font: 15px/1.45 system-ui, sans-serif; margin: 1rem; }
h1 { font-size: 1.3rem; overflow-wrap: anywhere; }
section { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; width: min(15rem, 100%); }
figure:first-child { width: 100%; }
figcaption { overflow-wrap: anywhere; }
img { width: min(15rem, 100%); height: auto; }"""
