"""Cues that are put on a vehicle: stickers, wheel covers, luggage, flags.

Each function turns a model and a cue's placing into (sheet, material) pairs.
"""

import numpy as np

from rendering.mesh import blob, box, carve, lathe, lift
from rendering.panels import LIFT, colored
from rendering.surface import anchor, surface


def stickers(model, w):
    """A pattern of stickers, of the size of a hand, on the windscreen or the rear window."""
    face = w["faces"][0]
    if face == "front" or model.back:
        low, high, _ = model.screen if face == "front" else model.back
    else:
        low, high = model.tail_z + 0.2, model.tail_z + 0.8
    size, half = w["size"], model.width / 2
    pieces = []
    for k, (y, up) in enumerate(w["places"]):
        at = anchor(model, face, y * 0.66 * half, low + (0.25 + 0.6 * up) * (high - low))
        near = at.near(surface(model), size)
        u_v = at.plane
        inside, _ = carve(
            near,
            lambda p, at=at, u_v=u_v: np.maximum(
                np.maximum(np.abs(u_v(p)[0]), np.abs(u_v(p)[1])) - size / 2, 0.3 - at.facing(p)
            ),
            4,
            0.03,
        )
        if len(inside):
            pieces.append((lift(inside, 2.2 * LIFT), colored(w["colors"][k % len(w["colors"])])))
    return pieces


def wheel_covers(model, w):
    """Plain wheel covers in a colour of their own."""
    r = model.radius
    depth = 0.20 if r < 0.42 else 0.26
    cover = lathe([(0.5 * depth + 0.012, 0.0), (0.5 * depth + 0.004, 0.70 * r)][::-1], 28)
    pieces = []
    for s in model.axles:
        for side in (1, -1):
            if ("left" if side > 0 else "right") not in w["faces"]:
                continue
            moved = cover.copy()
            if side < 0:
                moved = moved[:, ::-1].copy()
                moved[..., 1] *= -1
                moved[..., 4] *= -1
            moved[..., :3] += [
                model.length / 2 - s,
                side * (model.width / 2 - depth / 2 - 0.025),
                r,
            ]
            pieces.append(moved)
    return [(np.concatenate(pieces), colored(w["colors"][0]))]


def luggage(model, w):
    """Boxes on the roof, one behind the other, each in a colour of its own."""
    start = model.windows[0][0] + 0.7
    pieces = []
    for k, color in enumerate(w["colors"]):
        s = start + 0.62 * k
        top = float(model.shape.top(np.array([s]))[0])
        x = model.length / 2 - s
        body = blob((x, w["y"], top + 0.17), (0.56, 0.86, 0.26), 0.35, 16)
        feet = box((x, w["y"], top + 0.03), (0.40, 0.7, 0.08))
        pieces.append((np.concatenate([body, feet]), colored(color)))
    return pieces


def flags(model, w):
    """Two small flags at the edges of the roof."""
    s = model.windows[0][0] + w["at"]
    y, z = (float(a[0]) for a in model.shape.edge(np.array([s])))
    x = model.length / 2 - s
    pieces = []
    for k, side in enumerate((1, -1)):
        pole = box((x, side * (y - 0.03), z + 0.22), (0.02, 0.02, 0.46))
        cloth = box((x - 0.19, side * (y - 0.03), z + 0.33), (0.36, 0.015, 0.24))
        color = colored(w["colors"][k % len(w["colors"])])
        pieces += [(pole, colored("silver")), (cloth, color)]
    return pieces
