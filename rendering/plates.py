"""Number plates, front and rear: too small in any picture to be read."""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rendering.materials import gloss
from rendering.mesh import Sheet, box, place
from rendering.surface import anchor
from rendering.templates import Model

PLATES = {  # colour of the plate: linear RGB of its ground and of its letters
    "blue": ((0.05, 0.12, 0.34), (0.62, 0.62, 0.60)),
    "yellow": ((0.56, 0.40, 0.06), (0.02, 0.02, 0.022)),
}


@lru_cache(maxsize=512)
def glyph_runs(text: str, rows: int = 17) -> np.ndarray:
    """The ink of a text as rectangles ``[n, 4]`` in units of its height, centred."""
    font = ImageFont.load_default(size=rows)
    left, top, right, bottom = font.getbbox(text)
    image = Image.new("L", (right - left + 2, bottom - top + 2))
    ImageDraw.Draw(image).text((1 - left, 1 - top), text, fill=255, font=font)
    ink = np.asarray(image) > 110
    ink = ink[ink.any(axis=1)][:, ink.any(axis=0)]
    n, m = ink.shape
    runs = []
    for i, row in enumerate(np.pad(ink, ((0, 0), (1, 1))).astype(int)):
        starts, stops = np.flatnonzero(np.diff(row) == 1), np.flatnonzero(np.diff(row) == -1)
        runs += [
            (a - m / 2, n / 2 - i - 1, b - m / 2, n / 2 - i)
            for a, b in zip(starts, stops, strict=True)
        ]
    return np.array(runs, float) / n


def plates(model: Model, color: str, text: str) -> list[tuple[Sheet, dict]]:
    """(sheet, material) of both plates' grounds, and of their letters."""
    ground, ink = (gloss(rgb, 0.4) for rgb in PLATES[color])
    flat, letters = [], []
    for face, z in zip(("front", "rear"), model.plate_z, strict=True):
        at = anchor(model, face, 0.0, z, upright=True)
        center = at.point + at.normal * 0.02
        turn = np.stack([at.right, at.up, at.normal])
        slab = box((0, 0, 0), (0.44, 0.14, 0.016))
        slab[..., :3] = slab[..., :3] @ turn + center
        slab[..., 3:6] = slab[..., 3:6] @ turn
        flat.append(slab)
        runs = glyph_runs(text) * 0.085
        corners = runs[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
        points = center + at.normal * 0.0105 + corners @ turn[:2]
        index = np.arange(4 * len(runs)).reshape(-1, 4)
        letters.append(
            place(
                points.reshape(-1, 3),
                np.repeat(at.normal[None], 4 * len(runs), 0),
                np.concatenate([index[:, [0, 1, 2]], index[:, [0, 2, 3]]]),
            )
        )
    return [(np.concatenate(flat), ground), (np.concatenate(letters), ink)]
