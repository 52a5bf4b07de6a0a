"""Identity cues as parts: patches cut from a vehicle's surface, lettering draped over it, objects.

A cue is described by its kind and its placing (`identity.Cue`); nothing here is random.
"""

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator

from rendering import fittings, panels
from rendering.materials import gloss, matte, paint
from rendering.mesh import Sheet, blob, box, box_field, carve, lift, place, tube
from rendering.surface import Anchor, anchor, surface
from rendering.templates import Model

LIFT = 0.004  # metres between the surface and what is laid on it
COLORS = {  # linear RGB of stickers, lettering and decals: muted, as weather leaves them
    "white": (0.62, 0.62, 0.60),
    "red": (0.34, 0.045, 0.04),
    "green": (0.05, 0.20, 0.10),
    "blue": (0.05, 0.12, 0.34),
    "black": (0.02, 0.02, 0.022),
    "yellow": (0.56, 0.40, 0.06),
    "gray": (0.26, 0.26, 0.27),
    "orange": (0.50, 0.17, 0.04),
    "cream": (0.52, 0.46, 0.33),
    "brown": (0.14, 0.08, 0.045),
    "teal": (0.06, 0.24, 0.26),
    "pink": (0.52, 0.24, 0.26),
}
PLATES = {
    "blue": ("blue", "white"),
    "yellow": ("yellow", "black"),
    "white": ("white", "black"),
    "green": ("green", "white"),
}


@lru_cache(maxsize=256)
def cue_sheets(
    model: Model, paint_name: str, cues: tuple, plates: tuple[str, str] = ("blue", "88888")
) -> list[tuple[object, Sheet, dict]]:
    """(cue, sheet, material) of the cues; cue None for the plates, if no cue has them."""
    result = []
    for cue in cues:
        pieces = DRAW[cue.kind](model, paint_name, dict(cue.where))
        result += [(cue, sheet, material) for sheet, material in pieces if len(sheet)]
    if not any(cue.kind == "plate" for cue in cues):
        own = {"color": plates[0], "text": plates[1], "y": 0.0, "dz": 0.0}
        result += [(None, sheet, material) for sheet, material in plate(model, paint_name, own)]
    return result


def colored(name: str) -> dict:
    return gloss(COLORS[name], 0.4)


def patch(
    model: Model, at: Anchor, field, reach: float, levels: int = 4, above: float = LIFT
) -> Sheet:
    """The surface within reach of an anchor where field(u, v) < 0, laid a little outside."""
    near = at.near(surface(model), reach)
    inside, _ = carve(
        near, lambda p: np.maximum(field(*at.plane(p)), 0.35 - at.facing(p)), levels, 0.04
    )
    return lift(inside, above)


def rectangle(model, at, width, height, rounding=0.01, above=LIFT) -> Sheet:
    return patch(
        model, at, lambda u, v: box_field(u, v, width, height, rounding), width, above=above
    )


def drape(model: Model, at: Anchor, quads: np.ndarray, above: float = LIFT) -> Sheet:
    """Rectangles ``[n, 4]`` (u0, v0, u1, v1) in an anchor's plane, laid over the surface."""
    near = at.near(surface(model), np.abs(quads).max())
    near = near[at.facing(near).mean(axis=1) > 0.35]
    u, v = (a.ravel() for a in at.plane(near))
    height = at.height(near).ravel()
    uv = np.stack([u, v], -1)
    nearest = NearestNDInterpolator(uv, height)
    linear = LinearNDInterpolator(uv, height)
    corners = quads[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
    h = linear(corners)
    h = np.where(np.isnan(h), nearest(corners), h)[..., None] + above
    points = at.point + corners[..., :1] * at.right + corners[..., 1:] * at.up + h * at.normal
    normals = np.broadcast_to(at.normal, points.shape).reshape(-1, 3)
    index = np.arange(4 * len(quads)).reshape(-1, 4)
    faces = np.concatenate([index[:, [0, 1, 2]], index[:, [0, 2, 3]]])
    return place(points.reshape(-1, 3), normals, faces)


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


def lettering_sheet(model: Model, at: Anchor, text: str, height: float, width: float) -> Sheet:
    """A text, at most `width` metres wide, draped around an anchor."""
    runs = glyph_runs(text)
    scale = min(height, width / np.ptp(runs[:, [0, 2]]))
    return drape(model, at, runs * scale, above=LIFT + 0.001)


# Each kind: (model, name of the vehicle's paint, placing) -> [(sheet, material), ...]


def windshield_sticker(model, paint_name, w):
    """One to three stickers in an upper corner of the windscreen."""
    low, high, _ = model.screen
    pieces = []
    for k in range(w["count"]):
        at = anchor(model, "front", w["y"] - np.sign(w["y"]) * 0.13 * k, high - w["down"])
        field = (
            (lambda u, v: np.hypot(u, v) - w["size"] / 2)
            if w["round"]
            else (lambda u, v: box_field(u, v, w["size"], w["size"] * w["aspect"], 0.012))
        )
        pieces.append((patch(model, at, field, w["size"]), colored(w["colors"][k])))
    return pieces


def dashboard_object(model, paint_name, w):
    """A box, a toy or a sheet of paper on the dashboard, behind the windscreen."""
    low = model.screen[0]
    at = anchor(model, "front", w["y"], low + 0.07)
    inward = np.array([-0.16, 0, 0.0])
    material = matte(np.minimum(np.array(COLORS[w["color"]]) * 1.6, 0.8))
    base = at.point + inward
    if w["object"] == "tissue box":
        return [(box(base, (0.13, 0.26, 0.10)), material)]
    if w["object"] == "paper":
        return [(box(base, (0.24, 0.32, 0.01), pitch=0.35), material)]
    body = blob(base, (0.12, 0.13, 0.12), 0.9)
    head = blob(base + [0, 0, 0.09], (0.09, 0.10, 0.09), 1.0)
    return [(np.concatenate([body, head]), material)]


def ornament(model, paint_name, w):
    """Something hanging from the inner mirror."""
    at = anchor(model, "front", 0.0, model.screen[1] - 0.10)
    top = at.point + [-0.12, w["y"], 0.0]
    cord = tube(np.array([top, top - [0, 0, w["length"]]]), 0.012)
    bead = blob(top - [0, 0, w["length"]], (0.08, w["size"], w["size"]), 0.8)
    return [(np.concatenate([cord, bead]), matte(np.array(COLORS[w["color"]]) * 1.3))]


def rear_sticker(model, paint_name, w):
    """A sticker on the rear window, or on the tail where there is none."""
    z = (model.back[0] + 0.13) if model.back else model.tail_z + 0.5
    at = anchor(model, "rear", w["y"], z + w["dz"])
    if w["text"]:
        return [(lettering_sheet(model, at, w["text"], w["size"] * 0.7, 0.6), colored(w["color"]))]
    field = (
        (lambda u, v: np.hypot(u, v) - w["size"] / 2)
        if w["round"]
        else (lambda u, v: box_field(u, v, w["size"] * 1.3, w["size"], 0.02))
    )
    inner = (
        (lambda u, v: np.hypot(u, v) - w["size"] / 4)
        if w["round"]
        else (lambda u, v: box_field(u, v, w["size"], w["size"] * 0.3, 0.005))
    )
    return [
        (patch(model, at, field, w["size"]), colored(w["color"])),
        (patch(model, at, inner, w["size"], above=LIFT + 0.002), colored(w["second"])),
    ]


def door_decal(model, paint_name, w):
    """A badge on a door: disc, square or diamond with a smaller shape inside."""
    at = anchor(model, w["side"], w["s"], w["z"])
    r = w["size"] / 2
    shapes = {
        "disc": lambda u, v, k: np.hypot(u, v) - k * r,
        "square": lambda u, v, k: box_field(u, v, 2 * k * r, 1.5 * k * r, 0.02),
        "diamond": lambda u, v, k: (np.abs(u) + np.abs(v)) * 0.75 - k * r,
        "chevron": lambda u, v, k: np.maximum(
            np.abs(v - 0.6 * np.abs(u)) - 0.35 * k * r, np.abs(u) - k * r
        ),
    }
    shape = shapes[w["shape"]]
    return [
        (patch(model, at, lambda u, v: shape(u, v, 1.0), 1.5 * r), colored(w["color"])),
        (
            patch(model, at, lambda u, v: shape(u, v, 0.5), 1.5 * r, above=LIFT + 0.002),
            colored(w["second"]),
        ),
    ]


def lettering(model, paint_name, w):
    """A company's name, with a telephone number below it, on one side or both."""
    pieces = []
    sides = ("left", "right") if w["side"] == "both" else (w["side"],)
    for side in sides:
        for text, dz, scale in ((w["text"], 0.0, 1.0), (w["number"], -1.05, 0.6)):
            if text:
                at = anchor(model, side, w["s"], w["z"] + dz * w["size"])
                pieces.append(
                    (
                        lettering_sheet(model, at, text, w["size"] * scale, w["width"]),
                        colored(w["color"]),
                    )
                )
    return pieces


def stripe(model, paint_name, w):
    """A long thin stripe along one side or both."""
    pieces = []
    for side in ("left", "right") if w["side"] == "both" else (w["side"],):
        at = anchor(model, side, w["s"], w["z"])
        for k in range(w["count"]):
            pieces.append(
                (
                    patch(
                        model,
                        at,
                        lambda u, v, k=k: box_field(
                            u, v - 1.8 * k * w["width"], w["length"], w["width"], 0.0
                        ),
                        w["length"] / 2 + 0.1,
                    ),
                    colored(w["color"]),
                )
            )
    return pieces


def dent(model, paint_name, w):
    """A pushed-in patch of the body's own paint: an outline of the surface, bent normals."""
    at = anchor(model, w["side"], w["s"], w["z"])
    a, b = w["size"] / 2, w["size"] / 2 * w["aspect"]
    sheet = patch(model, at, lambda u, v: (np.hypot(u / a, v / b) - 1) * min(a, b), a, levels=3)
    u, v = at.plane(sheet)
    r2 = np.clip((u / a) ** 2 + (v / b) ** 2, 0, 1)
    slope = 4 * w["depth"] * (1 - r2)
    bent = sheet.copy()
    bent[..., 3:6] -= (slope * u / a**2)[..., None] * at.right
    bent[..., 3:6] -= (slope * v / b**2)[..., None] * at.up
    bent[..., :3] -= (w["depth"] * 0.1 * (1 - r2) ** 2)[..., None] * at.normal
    return [(bent, paint(paint_name))]


def scratch(model, paint_name, w):
    """Thin light lines."""
    at = anchor(model, w["side"], w["s"], w["z"])
    pieces = []
    for k in range(w["count"]):
        c, s = np.cos(w["angle"] + 0.12 * k), np.sin(w["angle"] + 0.12 * k)
        pieces.append(
            patch(
                model,
                at,
                lambda u, v, k=k, c=c, s=s: box_field(
                    c * u + s * v - 0.05 * k,
                    c * v - s * u - 0.035 * k,
                    w["length"] * (1 - 0.2 * k),
                    0.014,
                    0.0,
                ),
                w["length"] / 2 + 0.1,
                levels=3,
            )
        )
    color = (0.50, 0.50, 0.49) if paint_name not in ("white", "golden") else (0.10, 0.10, 0.10)
    return [(np.concatenate(pieces), gloss(color, 0.6))]


def plate(model, paint_name, w):
    """Number plates, front and rear, of a colour and a little out of the middle."""
    ground, ink = PLATES[w["color"]]
    flat, text = [], []
    for face, z in zip(("front", "rear"), model.plate_z, strict=True):
        at = anchor(model, face, w["y"], z + w["dz"], upright=True)
        size = (0.44, 0.14)
        center = at.point + at.normal * 0.02
        turn = np.stack([at.right, at.up, at.normal])
        slab = box((0, 0, 0), (*size, 0.016))
        slab[..., :3] = slab[..., :3] @ turn + center
        slab[..., 3:6] = slab[..., 3:6] @ turn
        flat.append(slab)
        runs = glyph_runs(w["text"]) * 0.085
        corners = runs[:, [[0, 1], [2, 1], [2, 3], [0, 3]]]
        points = center + at.normal * 0.0105 + corners @ turn[:2]
        index = np.arange(4 * len(runs)).reshape(-1, 4)
        text.append(
            place(
                points.reshape(-1, 3),
                np.repeat(at.normal[None], 4 * len(runs), 0),
                np.concatenate([index[:, [0, 1, 2]], index[:, [0, 2, 3]]]),
            )
        )
    return [(np.concatenate(flat), colored(ground)), (np.concatenate(text), colored(ink))]


def roof_rack(model, paint_name, w):
    """Two or three bars across the roof, with a basket's rim where `basket` says so."""
    bars = []
    for s in w["stations"]:
        y, z = (float(a[0]) for a in model.shape.edge(np.array([s])))
        x, top = model.length / 2 - s, float(model.shape.top(np.array([s]))[0]) + 0.07
        bars.append(box((x, 0, top), (0.06, 2 * y - 0.05, 0.035)))
        bars += [
            box((x, side * (y - 0.08), (top + z) / 2), (0.06, 0.04, top - z + 0.05))
            for side in (1, -1)
        ]
    if w["basket"]:
        a, b = model.length / 2 - w["stations"][0], model.length / 2 - w["stations"][-1]
        y -= 0.1
        bars.append(
            tube(
                np.array(
                    [
                        [a, y, top + 0.1],
                        [b, y, top + 0.1],
                        [b, -y, top + 0.1],
                        [a, -y, top + 0.1],
                        [a, y, top + 0.1],
                    ]
                ),
                0.02,
            )
        )
    return [(np.concatenate(bars), colored(w["color"]))]


def roof_box(model, paint_name, w):
    top = float(model.shape.top(np.array([w["s"]]))[0])
    x = model.length / 2 - w["s"]
    return [
        (
            np.concatenate(
                [
                    blob((x, w["y"], top + 0.20), (w["length"], 0.62, 0.28), 0.4, 20),
                    box((x + 0.3, w["y"], top + 0.04), (0.05, 0.7, 0.08)),
                    box((x - 0.3, w["y"], top + 0.04), (0.05, 0.7, 0.08)),
                ]
            ),
            colored(w["color"]),
        )
    ]


def taxi_sign(model, paint_name, w):
    top = float(model.shape.top(np.array([w["s"]]))[0])
    x = model.length / 2 - w["s"]
    return [(blob((x, 0, top + 0.06), (0.16, w["width"], 0.15), 0.4), colored(w["color"]))]


def mirror_cover(model, paint_name, w):
    sides = {"left": (1,), "right": (-1,), "both": (1, -1)}[w["side"]]
    pieces = []
    for side in sides:
        cover = fittings.mirror(model, side)
        cover[..., :3] = cover[..., :3] + LIFT * cover[..., 3:6]
        pieces.append(cover)
    return [(np.concatenate(pieces), colored(w["color"]))]


def bumper_patch(model, paint_name, w):
    """A part of a bumper that was painted anew, in a colour that does not match."""
    at = anchor(model, w["face"], w["y"], w["z"])
    return [(rectangle(model, at, w["width"], w["height"], 0.03), colored(w["color"]))]


SMALL = {
    "windshield sticker": windshield_sticker,
    "dashboard object": dashboard_object,
    "ornament": ornament,
    "rear sticker": rear_sticker,
    "door decal": door_decal,
    "lettering": lettering,
    "stripe": stripe,
    "dent": dent,
    "scratch": scratch,
    "plate": plate,
    "roof rack": roof_rack,
    "roof box": roof_box,
    "taxi sign": taxi_sign,
    "mirror cover": mirror_cover,
    "bumper patch": bumper_patch,
}
KINDS = tuple(SMALL)  # of set version 1
DRAW = SMALL | panels.DRAW
