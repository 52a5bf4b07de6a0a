"""Cues that are parts of the body in another colour, and strips on its windows.

Regions are cut from the surface by signed fields, so they follow the body and end at its windows
and edges. Each function turns a model and a cue's placing into (sheet, material) pairs.
"""

import numpy as np

from rendering.features import front_plane, rear_plane, screen_field
from rendering.materials import gloss
from rendering.mesh import Sheet, carve, lift
from rendering.surface import surface
from rendering.templates import Model

LIFT = 0.004  # metres between the surface and what is laid on it; further layers lie above
COLORS = {  # linear RGB of painted panels, foils and covers, as one sees them on roads
    "white": (0.74, 0.74, 0.72),
    "black": (0.014, 0.014, 0.016),
    "silver": (0.44, 0.45, 0.47),
    "red": (0.44, 0.025, 0.025),
    "maroon": (0.16, 0.012, 0.02),
    "orange": (0.66, 0.19, 0.02),
    "yellow": (0.74, 0.48, 0.03),
    "cream": (0.64, 0.56, 0.38),
    "green": (0.03, 0.26, 0.08),
    "teal": (0.02, 0.22, 0.26),
    "sky": (0.16, 0.40, 0.66),
    "blue": (0.025, 0.08, 0.36),
}


def colored(name: str) -> dict:
    return gloss(COLORS[name], 0.4, coat=0.3)


def region(model: Model, field, layer: int = 0) -> Sheet:
    """The part of the surface where `field` is negative, laid a little outside."""
    inside, _ = carve(surface(model), field, 6, 0.05)  # a lorry's box has very large triangles
    return lift(inside, LIFT * (1 + 0.6 * layer))


def both(*fields: np.ndarray) -> np.ndarray:
    """Negative where all of `fields` are."""
    return np.maximum.reduce(np.broadcast_arrays(*fields))


def between(value, low: float, high: float) -> np.ndarray:
    return np.maximum(low - value, value - high)


def station(model: Model, p: Sheet) -> np.ndarray:
    """Metres from the front; a load's sheets have no stations of their own."""
    return model.length / 2 - p[..., 0]


def has_bonnet(model: Model) -> bool:
    return model.screen[0] < 1.25 and model.shape.profile[1][0] > 0.2


def belt(model: Model) -> float:
    return float(model.shape.belt_at((model.axles[0] + model.axles[-1]) / 2))


def side_limits(model: Model) -> tuple[float, float, float, float]:
    """Stations and heights (s0, s1, z0, z1) of the flank below the windows, or of the load."""
    if model.load:
        low, high = model.load.z0 + 0.06, model.load.z1 - 0.06
        return model.load.s0 + 0.1, model.load.s1 - 0.1, low, high
    low = model.shape.bottom + 0.10
    return 0.06 * model.length, 0.94 * model.length, low, belt(model) - 0.04


def _flank(p, sides) -> np.ndarray:
    """Negative on the sides named: "left", "right"."""
    if len(sides) == 2:
        return 0.35 - np.abs(p[..., 4])
    return 0.35 - p[..., 4] * (1 if sides[0] == "left" else -1)


def _paint(model, fields, w, layer: int = 0) -> list:
    """One region a field, in the colours of the placing in turn."""
    colors = w["colors"]
    pieces = [
        (region(model, f, layer), colored(colors[i % len(colors)])) for i, f in enumerate(fields)
    ]
    return [(sheet, material) for sheet, material in pieces if len(sheet)]


# --- front ---


def sun_strip(model, w):
    """A coloured strip along the upper edge of the windscreen."""
    screen, high = screen_field(model, True), model.screen[1]
    depth = w["size"] * (high - model.screen[0])
    return _paint(model, [lambda p: both(screen(p), high - depth - p[..., 2])], w, 1)


def bonnet(model, w):
    """The bonnet in another colour, or two broad stripes along it."""
    half = model.width / 2

    def whole(p):
        return both(
            0.42 - p[..., 5],
            p[..., 2] - model.screen[0] + 0.01,
            station(model, p) - 0.42 * model.length,
            np.abs(p[..., 1]) - p[..., 7] + 0.13,
        )

    if w["shape"] == "whole":
        return _paint(model, [whole], w)
    if w["shape"] == "middle":
        return _paint(model, [lambda p: both(whole(p), np.abs(p[..., 1]) - 0.30 * half)], w)
    return _paint(
        model, [lambda p: both(whole(p), np.abs(np.abs(p[..., 1]) - 0.34 * half) - 0.15 * half)], w
    )


def brow(model, w):
    """The front between windscreen and lamps, of a van, bus or lorry."""
    top = model.screen[0] - 0.05
    low = max(model.grille_z + 0.14, model.head_z + 0.12)
    if top - low < 0.12:
        low = top - 0.2
    return _paint(
        model,
        [
            lambda p: both(
                0.3 - p[..., 3],
                between(p[..., 2], low, top),
                np.abs(p[..., 1]) - 0.86 * model.width / 2,
                station(model, p) - 0.3 * model.length,
            )
        ],
        w,
    )


def corners(model, w):
    """The corners of a bumper, painted anew in a colour that does not match."""
    front = w["faces"] == ("front",)
    plane = front_plane if front else rear_plane
    top = (model.lower_z if front else model.bumper_z) + 0.20

    def field(p):
        q, z, gate = plane(model, p, -0.6)
        return both(0.62 - q, q - 1.5, between(z, model.shape.bottom + 0.02, top), gate)

    return _paint(model, [field], w, 1)


# --- sides ---


def door(model, w):
    """A door, or a stretch of the flank as long as one, in another colour."""
    s0, s1, z0, z1 = side_limits(model)
    stations = [s for s in model.doors if s0 < s < s1]
    if len(stations) < 2:
        stations = np.linspace(s0, s1, 4).tolist()
    k = w["which"] % (len(stations) - 1)
    a, b = stations[k] + 0.02, stations[k + 1] - 0.02
    return _paint(
        model,
        [
            lambda p: both(
                between(station(model, p), a, b), between(p[..., 2], z0, z1), _flank(p, w["faces"])
            )
        ],
        w,
    )


def band(model, w):
    """A broad band along the flank, low, in the middle or high."""
    s0, s1, z0, z1 = side_limits(model)
    height = w["size"] * (z1 - z0)
    low = z0 + w["place"] * (z1 - z0 - height)
    return _paint(
        model,
        [
            lambda p: both(
                between(station(model, p), s0, s1),
                between(p[..., 2], low, low + height),
                _flank(p, w["faces"]),
            )
        ],
        w,
    )


def slant(model, w):
    """One or two slanting bars across the flank."""
    s0, s1, z0, z1 = side_limits(model)
    lean = 0.9 if w["lean"] == "forward" else -0.9
    middle, width = s0 + w["place"] * (s1 - s0), w["size"] * (s1 - s0)

    def bar(offset):
        return lambda p: both(
            between(
                station(model, p) - middle - offset + lean * (p[..., 2] - z0), -width / 2, width / 2
            ),
            between(station(model, p), s0, s1),
            between(p[..., 2], z0, z1),
            _flank(p, w["faces"]),
        )

    return _paint(model, [bar(1.5 * width * k) for k in range(w["count"])], w)


def tail_half(model, w):
    """The flank from a station to the rear, as a fleet's vans have it."""
    s0, s1, z0, z1 = side_limits(model)
    start = s0 + w["place"] * (s1 - s0)
    return _paint(
        model,
        [
            lambda p: both(
                between(station(model, p) + 0.5 * (p[..., 2] - z0), start, s1 + 1.0),
                station(model, p) - s1,
                between(p[..., 2], z0, z1),
                _flank(p, w["faces"]),
            )
        ],
        w,
    )


# --- rear ---


def tailgate(model, w):
    """The middle of the tail, between bumper and window, in another colour."""
    low = model.bumper_z + 0.22
    high = (model.back[0] - 0.06) if model.back else model.height - 0.5
    if model.load and model.load.kind == "box":
        low, high = model.load.z0 + 0.3, model.load.z0 + 0.3 + 0.5 * (model.load.z1 - model.load.z0)
    if high - low < 0.15:
        low, high = low - 0.15, low + 0.12
    reach = 0.56 * model.width / 2
    return _paint(
        model,
        [
            lambda p: both(
                0.35 + p[..., 3], between(p[..., 2], low, high), np.abs(p[..., 1]) - reach
            )
        ],
        w,
    )


def rear_strip(model, w):
    """A banner across the rear window, or across the tail where there is none."""
    if model.back:
        window, (low, high, _) = screen_field(model, False), model.back
        depth = w["size"] * (high - low)
        if w["place"] == "top":
            return _paint(model, [lambda p: both(window(p), high - depth - p[..., 2])], w, 1)
        return _paint(model, [lambda p: both(window(p), p[..., 2] - low - depth)], w, 1)
    low = model.tail_z + (0.55 if w["place"] == "top" else 0.2)
    return _paint(
        model,
        [
            lambda p: both(
                0.35 + p[..., 3],
                between(p[..., 2], low, low + 0.22),
                np.abs(p[..., 1]) - 0.8 * model.width / 2,
            )
        ],
        w,
        1,
    )


# --- above ---


def roof(model, w):
    """The roof, or a broad stripe along it, in another colour."""
    limit = model.height - (0.20 if model.height < 2.2 else 0.12)
    reach = {"whole": 1.0, "stripe": 0.32}[w["shape"]] * model.width / 2
    panes = [screen_field(model, True)] + ([screen_field(model, False)] if model.back else [])

    def field(p):
        outside = [0.03 - pane(p) for pane in panes]
        flat = both(limit - p[..., 2], 0.5 - p[..., 5], np.abs(p[..., 1]) - reach)
        return both(flat, *outside)

    return _paint(model, [field], w)
