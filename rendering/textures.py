"""Pictures of road, ground and walls, drawn with NumPy and Pillow: uint8 sRGB [H, W, 3].

Row 0 is the top of the picture. Where a picture is repeated, its edges meet.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from scipy.ndimage import gaussian_filter

ROAD_LENGTH = 45.0  # metres along the road that one road picture covers
ROAD_PIXEL = 0.03  # metres


def _clouds(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]):
    """Smooth noise that repeats at its edges: float32 of `shape`, about -1..1."""
    grid = rng.normal(0, 1, cells).astype(np.float32)
    pad = np.pad(grid, 3, mode="wrap")
    zoom = shape[0] / cells[0], shape[1] / cells[1]
    size = round(pad.shape[1] * zoom[1]), round(pad.shape[0] * zoom[0])
    big = np.asarray(Image.fromarray(pad).resize(size, Image.Resampling.BICUBIC))
    top, left = round(3 * zoom[0]), round(3 * zoom[1])
    return big[top : top + shape[0], left : left + shape[1]] * 0.6


@lru_cache(maxsize=4)
def _grain(variant: int, size: int = 512) -> np.ndarray:
    """The stones of an asphalt: float32 [size, size], standard deviation about 1."""
    rng = np.random.default_rng([41, variant])
    stones = rng.normal(0, 1, (size, size)).astype(np.float32)
    coarse = gaussian_filter(rng.normal(0, 1, (size, size)), 1.2, mode="wrap")
    pits = (rng.random((size, size)) < 0.012) * -2.5
    grain = 0.6 * stones + 2.2 * coarse + gaussian_filter(pits, 0.6, mode="wrap")
    return (grain / grain.std()).astype(np.float32)


def _to_bytes(picture: np.ndarray) -> np.ndarray:
    return (np.clip(picture, 0, 1) * 255 + 0.5).astype(np.uint8)


def _line(canvas: np.ndarray, y: float, width: float, dash: float, gap: float, start: float):
    """Paint coverage of a marking along the road at `y` metres from the picture's top."""
    x = (np.arange(canvas.shape[1]) * ROAD_PIXEL + start) % (dash + gap)
    row = np.arange(canvas.shape[0]) * ROAD_PIXEL
    across = np.clip((width / 2 - np.abs(row - y)) / ROAD_PIXEL + 0.5, 0, 1)
    canvas[:] = np.maximum(canvas, across[:, None] * (x < dash)[None])


def _arrow(canvas: np.ndarray, x: float, y: float, forward: bool):
    """A straight-on arrow, 4.5 m long, middle at x, y metres."""
    shape = np.array(
        [(-2.2, -0.08), (0.6, -0.08), (0.6, -0.4), (2.3, 0), (0.6, 0.4), (0.6, 0.08), (-2.2, 0.08)]
    )
    points = (shape * (1 if forward else -1, 1) + (x, y)) / ROAD_PIXEL
    layer = Image.new("L", canvas.shape[::-1])
    ImageDraw.Draw(layer).polygon([tuple(p) for p in points], fill=255)
    canvas[:] = np.maximum(canvas, np.asarray(layer, np.float32) / 255)


def _cracks(rng: np.random.Generator, shape: tuple[int, int], count: int) -> np.ndarray:
    """Wandering dark lines, some of them sealed with tar: float32 0..1."""
    layer = Image.new("L", shape[::-1])
    draw = ImageDraw.Draw(layer)
    for _ in range(count):
        angle = rng.choice([0, np.pi / 2]) + rng.normal(0, 0.15)
        steps = np.cumsum(rng.normal(0, 0.25, 40)) * 0.3 + angle
        path = np.cumsum(np.stack([np.cos(steps), np.sin(steps)], 1), 0) * rng.uniform(3, 9)
        path += rng.random(2) * shape[::-1]
        sealed = rng.random() < 0.35
        points = [tuple(p) for p in path]
        draw.line(points, fill=255 if sealed else 150, width=3 if sealed else 1)
    return np.asarray(layer, np.float32) / 255


def road(rng: np.random.Generator, lanes: int, two_way: bool, tone: float) -> np.ndarray:
    """An asphalt carriageway of `lanes` lanes (3.5 m each), seen from above, traffic to +x.

    Rows run from the left edge (large y) to the right edge; `tone` is its mean sRGB grey.
    """
    width = lanes * 3.5 + 1.0
    shape = round(width / ROAD_PIXEL), round(ROAD_LENGTH / ROAD_PIXEL)
    tile = np.roll(_grain(int(rng.integers(4))), rng.integers(512, size=2), (0, 1))
    repeats = -(-shape[0] // 512), -(-shape[1] // 512)
    grain = np.tile(tile, repeats)[: shape[0], : shape[1]]
    grey = tone + 0.028 * grain + 0.022 * _clouds(rng, shape, (6, 12))
    grey += 0.015 * _clouds(rng, shape, (24, 60))
    y = np.arange(shape[0])[:, None] * ROAD_PIXEL - 0.5
    in_lane = (y % 3.5) - 1.75
    worn = np.exp(-(((np.abs(in_lane) - 0.8) / 0.3) ** 2)).astype(np.float32)
    oil = np.exp(-((in_lane / 0.35) ** 2)).astype(np.float32)
    strength = rng.uniform(0.2, 1)
    grey += strength * (0.022 * worn - 0.03 * oil * (1 + 0.5 * _clouds(rng, shape, (3, 20))))
    for _ in range(rng.integers(0, 4)):  # patches of newer asphalt
        top, left = rng.integers(0, shape[0]), rng.integers(0, shape[1])
        high, wide = rng.integers(25, 120), rng.integers(60, 400)
        grey[top : top + high, left : left + wide] += rng.choice([-0.05, -0.03, 0.02])
    grey -= 0.13 * _cracks(rng, shape, int(rng.integers(0, 14)))
    paint = np.zeros(shape, np.float32)
    yellow = np.zeros(shape, np.float32)
    dash, gap = [(6.0, 9.0), (4.0, 5.0), (3.0, 4.5)][rng.integers(3)]
    start = rng.uniform(0, dash + gap)
    for k in range(1, lanes):
        if two_way and 2 * k == lanes:
            for side in (-0.14, 0.14):
                _line(yellow, 0.5 + k * 3.5 + side, 0.13, 99, 0, 0)
        else:
            _line(paint, 0.5 + k * 3.5, 0.14, dash, gap, start)
    _line(paint, 0.42, 0.15, 99, 0, 0)
    _line(paint, width - 0.42, 0.15, 99, 0, 0)
    if rng.random() < 0.5:
        for k in range(lanes):
            forward = not two_way or 2 * k >= lanes
            _arrow(paint, rng.uniform(5, 40), 0.5 + (k + 0.5) * 3.5, forward)
    if rng.random() < 0.25:  # a zebra crossing
        left = int(rng.uniform(0, shape[1] - 140))
        stripes = ((np.arange(shape[0]) * ROAD_PIXEL) % 1.0 < 0.45).astype(np.float32)
        paint[:, left : left + 120] = np.maximum(paint[:, left : left + 120], stripes[:, None])
    wear = np.clip(0.85 + 0.35 * _clouds(rng, shape, (30, 90)) - 0.12 * np.maximum(-grain, 0), 0, 1)
    wear *= rng.uniform(0.55, 0.95)
    picture = grey[..., None] * np.array([1.0, 0.995, 0.98], np.float32)
    for cover, colour in ((paint, (0.86, 0.86, 0.83)), (yellow, (0.82, 0.66, 0.22))):
        cover = (cover * wear)[..., None]
        picture = picture * (1 - cover) + cover * (np.array(colour, np.float32) + 0.02)
    return _to_bytes(picture)


@lru_cache(maxsize=32)
def ground(kind: str, variant: int) -> np.ndarray:
    """A square of 6 m: "grass", "slabs", "concrete" or "gravel"."""
    rng = np.random.default_rng([43, variant, len(kind)])
    shape = (320, 320)
    fine = gaussian_filter(rng.normal(0, 1, shape), 0.7, mode="wrap")
    fine /= fine.std()
    broad = _clouds(rng, shape, (8, 8))
    if kind == "grass":
        dry = np.array([0.12, 0.05, 0.02]) * (variant % 3) / 2
        shade = (0.055 * fine + 0.04 * broad)[..., None]
        patch = np.clip(_clouds(rng, shape, (12, 12)), 0, 1)[..., None] * (0.12, 0.08, 0.03)
        return _to_bytes(np.array((0.36, 0.41, 0.22)) + dry + shade + patch)
    tone = {"slabs": 0.6, "concrete": 0.62, "gravel": 0.55}[kind] + 0.03 * (variant % 3 - 1)
    grey = tone + 0.03 * fine + 0.04 * broad
    if kind == "slabs":
        size = (32, 40, 64)[variant % 3]
        grey += 0.03 * np.kron(rng.normal(0, 1, (320 // size, 320 // size)), np.ones((size, size)))
        joint = (np.arange(320) % size < 2)[:, None] | (np.arange(320) % size < 2)[None]
        grey = grey - 0.14 * joint
    warm = np.array([1.0, 0.97, 0.93]) if variant % 2 else np.array([1.0, 0.99, 0.97])
    return _to_bytes(grey[..., None] * warm)


@lru_cache(maxsize=32)
def facade(variant: int) -> np.ndarray:
    """A house front 12 m wide and 9 m high, shops or plinth below and windows above."""
    rng = np.random.default_rng([47, variant])
    scale = 28  # pixels a metre
    wide, high = 12 * scale, 9 * scale
    wall = np.array(
        [
            (0.72, 0.68, 0.6),
            (0.62, 0.45, 0.38),
            (0.75, 0.74, 0.72),
            (0.56, 0.58, 0.6),
            (0.68, 0.6, 0.47),
            (0.8, 0.78, 0.7),
        ][variant % 6]
    )
    image = Image.new("RGB", (wide, high), tuple(int(255 * c) for c in wall))
    draw = ImageDraw.Draw(image)
    if variant % 6 == 1:  # bricks
        for row in range(0, high, 3):
            draw.line([(0, row), (wide, row)], fill=tuple(int(225 * c) for c in wall))
    bay = int(scale * rng.choice([1.5, 2.0, 2.4, 3.0]))
    for top in (int(0.6 * scale), int(3.4 * scale)):
        tall = int(scale * rng.uniform(1.3, 1.9))
        for left in range(int(0.25 * bay), wide - bay // 2, bay):
            box = [left, top, left + int(bay * 0.6), top + tall]
            dark = rng.uniform(0.12, 0.35)
            glass = tuple(int(255 * dark * k) for k in (0.9, 1.0, 1.12))
            draw.rectangle([box[0] - 2, box[1] - 2, box[2] + 2, box[3] + 3], fill=(205, 203, 198))
            draw.rectangle(box, fill=glass)
            if rng.random() < 0.4:  # a curtain or blind
                drop = box[1] + int(tall * rng.uniform(0.2, 0.7))
                draw.rectangle([box[0], box[1], box[2], drop], fill=(168, 164, 152))
            middle = (box[0] + box[2]) // 2
            draw.line([(middle, box[1]), (middle, box[3])], fill=(190, 188, 182))
    shop = int(5.9 * scale)
    if rng.random() < 0.6:
        left = 0
        while left < wide:
            right = left + int(scale * rng.uniform(2.5, 5))
            muted = tuple(int(v) for v in rng.uniform(50, 170, 3))
            draw.rectangle([left, shop, right - 4, shop + int(0.6 * scale)], fill=muted)
            draw.rectangle([left + 4, shop + 20, right - 8, high - 10], fill=(58, 62, 66))
            for _ in range(int(rng.integers(2, 6))):
                x, y = rng.uniform(left, right - 12), rng.uniform(shop + 22, high - 30)
                tone = tuple(int(v) for v in rng.uniform(60, 180, 3))
                draw.rectangle([x, y, x + rng.uniform(6, 20), y + rng.uniform(6, 16)], fill=tone)
            left = right
    else:
        draw.rectangle([0, high - int(0.8 * scale), wide, high], fill=(118, 114, 108))
        for left in range(int(0.3 * bay), wide - bay // 2, bay):
            box = [left, shop + 10, left + int(bay * 0.55), high - int(1.1 * scale)]
            draw.rectangle(box, fill=(60, 66, 72))
    picture = np.asarray(image, np.float32) / 255
    picture = gaussian_filter(picture, (0.8, 0.8, 0))
    stains = _clouds(rng, (high, wide), (5, 14)) * 0.035 + rng.normal(0, 0.012, (high, wide))
    return _to_bytes(picture + stains[..., None])


def sky(rng: np.random.Generator, light: str) -> np.ndarray:
    """Radiance of the sky above and of the far surroundings at the horizon, float32 [64, 128, 3].

    Rows run from the zenith to straight below; the mean over the upper half is about 1.
    """
    elevation = np.pi / 2 - (np.arange(64) + 0.5) / 64 * np.pi
    up = np.clip(np.sin(elevation), 0, 1)[:, None]
    clouds = gaussian_filter(rng.normal(0, 1, (64, 128)), (2, 5), mode=("nearest", "wrap"))
    clouds = np.clip(clouds / clouds.std(), -2, 2)
    zenith, horizon, cover = {
        "sun": ((0.42, 0.68, 1.25), (1.15, 1.25, 1.35), 0.22),
        "low sun": ((0.5, 0.66, 1.05), (1.45, 1.2, 0.95), 0.2),
        "hazy": ((0.95, 1.0, 1.08), (1.2, 1.2, 1.18), 0.1),
        "overcast": ((1.3, 1.33, 1.4), (0.75, 0.77, 0.8), 0.16),
    }[light]
    blend = (up**0.55)[..., None]
    image = np.array(zenith) * blend + np.array(horizon) * (1 - blend)
    image = image * (1 + cover * clouds[..., None]) * np.ones((64, 128, 1))
    skyline = gaussian_filter(np.repeat(rng.uniform(0.02, 0.2, 32), 4), 0.8, mode="wrap")
    below = 1 / (1 + np.exp((elevation[:, None] - skyline[None]) / 0.02))
    silhouette = np.array([0.24, 0.26, 0.25]) * rng.uniform(0.8, 1.3, (1, 128, 1))
    image = image * (1 - below[..., None]) + silhouette * below[..., None]
    return image.astype(np.float32)
