"""What is added to a skin: wheels, arches, mirrors, handles, rails, interior, loads, plates."""

import numpy as np

from rendering import styles
from rendering.features import ARCH
from rendering.mesh import Sheet, blob, box, lathe, place, refine, tube
from rendering.templates import Model


def fittings(model: Model, skin: Sheet) -> list[tuple[str, Sheet]]:
    """(material, sheet) of everything that is not cut from the skin."""
    return [
        *wheels(model),
        *mirrors(model),
        *handles(model, skin),
        *interior(model),
        *roof(model),
        *load(model),
        *bed(model),
        ("trim", floor(model)),
    ]


def floor(model: Model) -> Sheet:
    if model.load:
        return box((0, 0, 0.55), (model.length - 1.2, 0.7, 0.2))
    z = model.shape.bottom + 0.02
    return box((0, 0, z), (model.length - 0.5, model.width * 0.55, 0.02))


def wheels(model: Model) -> list[tuple[str, Sheet]]:
    r, w = model.radius, 0.20 if model.radius < 0.42 else 0.26
    tyre, lip, disc, hub = _wheel(r, w, model.rim)
    result = []
    for s in model.axles:
        for side in (1, -1):
            center = np.array([model.length / 2 - s, side * (model.width / 2 - w / 2 - 0.025), r])
            for material, sheet in ((("tyre", tyre)), lip, disc, hub):
                moved = sheet.copy()
                if side < 0:
                    moved = moved[:, ::-1].copy()
                    moved[..., 1] *= -1
                    moved[..., 4] *= -1
                moved[..., :3] += center
                result.append((material, moved))
            ra = ARCH * r + 0.015
            well = lathe([(0.03, ra), (-0.42, ra), (-0.42, 0.0)], 24)
            well[..., 1] *= side
            well[..., :3] += [center[0], side * (model.width / 2 - 0.05), r]
            result.append(("well", well[well[..., 2].mean(axis=1) > r * 0.75]))
    return result


def _wheel(r: float, w: float, rim: str):
    """Tyre, rim lip, spokes and the dark disc behind them; y outward, centred on the hub."""
    h, inner = w / 2, 0.70 * r
    tyre = lathe(
        [
            (-h, inner),
            (-h, 0.88 * r),
            (-0.8 * h, 0.97 * r),
            (-0.5 * h, r),
            (0.5 * h, r),
            (0.8 * h, 0.97 * r),
            (h, 0.88 * r),
            (h, inner),
        ],
        28,
    )
    lip = lathe([(h, inner + 0.012), (0.9 * h, inner - 0.02), (0.3 * h, inner - 0.03)], 28)
    disc = lathe([(0.35 * h, inner), (0.3 * h, 0.0)], 24)
    spokes, share, twist, finish = styles.RIM[rim]
    sheets = []
    for k in range(spokes):
        a = 2 * np.pi * k / spokes
        wide = np.pi / spokes * share
        q = []
        for radius, angle, half in ((0.12 * inner, a, 2.0 * wide), (inner, a + twist, wide)):
            q += [(radius, angle - half), (radius, angle + half)]
        points = np.array([(rr * np.cos(t), 0.75 * h, rr * np.sin(t)) for rr, t in q])
        points[2:, 1] += 0.12 * h
        normals = np.repeat([[0.0, 1.0, 0.0]], 4, axis=0)
        sheets.append(place(points, normals, np.array([[0, 3, 1], [0, 2, 3]])))
    cap = lathe([(0.85 * h, 0.22 * inner), (0.95 * h, 0.0)], 12)
    return tyre, (finish, lip), ("well", disc), (finish, np.concatenate([*sheets, cap]))


def mirrors(model: Model) -> list[tuple[str, Sheet]]:
    return [(model.mirrors, mirror(model, side)) for side in (1, -1)]


def mirror_center(model: Model, side: int) -> np.ndarray:
    s = model.windows[0][0] + (0.1 if model.height < 2.2 else -0.15)
    belt = float(model.shape.belt_at(s))
    tall = model.height > 2.2
    y = float(model.shape.half_width(s) * model.shape.lean(s, np.asarray(belt + 0.1)))
    return np.array([model.length / 2 - s, side * (y + 0.13), belt + (0.35 if tall else 0.09)])


def mirror(model: Model, side: int) -> Sheet:
    center = mirror_center(model, side)
    size = (0.12, 0.2, 0.36) if model.height > 2.2 else (0.13, 0.21, 0.14)
    stalk = box(center - [0, side * 0.1, 0.04], (0.05, 0.12, 0.03))
    return np.concatenate([blob(center, size, 0.6), stalk])


def surface_y(model: Model, skin: Sheet, s: float, z: float) -> float:
    """Half-width of the skin near a point of the side."""
    x = model.length / 2 - s
    p = skin[..., :3].reshape(-1, 3)
    near = np.argsort((p[:, 0] - x) ** 2 + (p[:, 2] - z) ** 2 + 9.0 * (p[:, 1] < 0))[:4]
    return float(p[near, 1].mean())


def handles(model: Model, skin: Sheet) -> list[tuple[str, Sheet]]:
    if model.type == "bus":
        return []
    material = "chrome" if model.bright else "trim" if model.type in ("truck", "van") else "paint"
    result = []
    for s in model.doors[1:]:
        z = float(model.shape.belt_at(s)) - 0.09
        y = surface_y(model, skin, s - 0.14, z)
        for side in (1, -1):
            result.append(
                (
                    material,
                    blob(
                        (model.length / 2 - s + 0.14, side * (y + 0.01), z),
                        (0.2, 0.05, 0.035),
                        0.5,
                        8,
                    ),
                )
            )
    return result


def interior(model: Model) -> list[tuple[str, Sheet]]:
    """Dashboard, seats, steering wheel and a dark tub below the windows."""
    shape, half = model.shape, model.length / 2
    first, last = model.windows[0][0], model.windows[-1][1]
    belt = float(shape.belt_at(first))
    width = shape.width - 0.26
    end = min(last + 0.2, shape.length - 0.2)
    result = [
        ("interior", box((half - (first + end) / 2, 0, belt - 0.34), (end - first, width, 0.02)))
    ]
    x = half - first
    flat = model.type == "bus" or (model.load and model.shape.profile[1][0] < 0.2)
    size = (0.3, 0.72 * width, 0.24) if flat else (0.66, width, 0.26)
    result.append(("interior", blob((x - (0.28 if flat else 0.05), 0, belt - 0.12), size, 0.35)))
    rows = [first + 0.95]
    while rows[-1] + 0.95 < last - 0.1:
        rows.append(rows[-1] + 0.9)
    for row in rows:
        if row > shape.length - 0.3:
            break
        for y in (-0.36, 0.36) if shape.width < 2.2 else (-0.75, -0.3, 0.3, 0.75):
            result.append(("seat", blob((half - row, y, belt - 0.02), (0.14, 0.46, 0.56), 0.4, 8)))
            result.append(
                ("seat", blob((half - row - 0.03, y, belt + 0.30), (0.1, 0.26, 0.17), 0.5, 8))
            )
    return result


def roof(model: Model) -> list[tuple[str, Sheet]]:
    """Rails, spoiler, shark-fin aerial; a bus's air conditioning."""
    result = []
    shape, half = model.shape, model.length / 2
    if model.unit:
        result.append(
            (
                "cargo",
                blob(
                    (half - model.unit[0], 0, model.height + 0.06), (model.unit[1], 1.5, 0.26), 0.35
                ),
            )
        )
    if model.rails:
        s = np.linspace(model.windows[0][0] + 0.7, model.windows[-1][1] - 0.15, 12)
        y, z = shape.edge(s)
        rise = 0.055 * np.clip(np.minimum(s - s[0], s[-1] - s) / 0.15, 0, 1)
        for side in (1, -1):
            path = np.stack([half - s, side * (y - 0.10), z + rise], -1)
            result.append(("silver" if model.bright else "trim", tube(path, 0.018)))
    if model.spoiler:
        top = float(model.back[1])
        s = float(
            np.interp(
                -top,
                -shape.top(np.linspace(shape.length * 0.6, shape.length, 200)),
                np.linspace(shape.length * 0.6, shape.length, 200),
            )
        )
        width = 2 * float(shape.edge(np.array([s - 0.2]))[0][0]) - 0.12
        result.append(("paint", blob((half - s, 0, top + 0.05), (0.34, width, 0.06), 0.35)))
    if model.type in ("sedan", "suv", "hatchback", "mpv", "estate"):
        s = model.windows[-1][1] - 0.45
        z = float(shape.top(np.array([s]))[0])
        result.append(("trim", blob((half - s, 0, z + 0.02), (0.16, 0.03, 0.09), 0.8, 8)))
    return result


def load(model: Model) -> list[tuple[str, Sheet]]:
    """What a lorry carries, its frame and its rear lamps."""
    if not model.load:
        return []
    cargo, half = model.load, model.length / 2
    middle, length = half - (cargo.s0 + cargo.s1) / 2, cargo.s1 - cargo.s0
    result = [
        ("trim", box((middle + 0.3, side * 0.38, 0.72), (length + 0.5, 0.09, 0.2)))
        for side in (1, -1)
    ]
    for side in (1, -1):
        y = side * (cargo.width / 2 - 0.18)
        result += [
            ("red", box((half - cargo.s1 + 0.015, y, 0.66), (0.07, 0.26, 0.11))),
            ("amber", box((half - cargo.s1 + 0.01, y - side * 0.03, 0.68), (0.075, 0.08, 0.09))),
            ("silver", box((middle - 0.05, y + side * 0.14, 0.62), (0.40 * length, 0.03, 0.16))),
        ]
    guard = box((half - cargo.s1 + 0.06, 0, 0.62), (0.08, cargo.width - 0.1, 0.16))
    result.append(("steel", guard))
    z, tall = (cargo.z0 + cargo.z1) / 2, cargo.z1 - cargo.z0
    if cargo.kind == "box":
        body = box((middle, 0, z), (length, cargo.width, tall))
        result.append(("cargo", refine(refine(refine(body)))))
        for s, y in ((s, y) for s in (cargo.s0, cargo.s1) for y in (0.5, -0.5)):
            result.append(("silver", box((half - s, y * cargo.width, z), (0.07, 0.05, tall))))
        for top in (cargo.z0, cargo.z1):
            rim = (length + 0.03, cargo.width + 0.03, 0.06)
            result.append(("silver", box((middle, 0, top), rim)))
        back = half - cargo.s1 - 0.015
        result += [
            ("seam", box((back + 0.01, 0, z), (0.02, 0.025, tall - 0.1))),
            *(("steel", box((back, y, z), (0.02, 0.03, tall - 0.3))) for y in (-0.3, 0.3)),
        ]
        return result
    deck = cargo.z0 + 0.06
    board = "paint" if cargo.kind == "tipper" else "steel"
    result.append(("steel", box((middle, 0, deck), (length, cargo.width, 0.12))))
    for side in (1, -1):
        y = side * (cargo.width / 2 - 0.02)
        result.append((board, refine(refine(box((middle, y, z + 0.06), (length, 0.04, tall))))))
        for s in np.arange(cargo.s0 + 0.1, cargo.s1, 0.62 if cargo.kind == "tipper" else 1.2):
            result.append(
                (
                    board,
                    box((half - s, side * (cargo.width / 2 + 0.015), z + 0.05), (0.07, 0.05, tall)),
                )
            )
    extra = 0.35 if cargo.kind == "flat" else 0.15
    tail = box((half - cargo.s1 + 0.02, 0, z + 0.06), (0.04, cargo.width, tall))
    result += [
        (board, refine(tail)),
        (
            board,
            box(
                (half - cargo.s0 - 0.02, 0, z + 0.06 + extra / 2), (0.04, cargo.width, tall + extra)
            ),
        ),
    ]
    if cargo.kind == "tipper":
        result.append(
            ("interior", box((middle, 0, cargo.z1 - 0.16), (length - 0.1, cargo.width - 0.1, 0.05)))
        )
    return result


def bed(model: Model) -> list[tuple[str, Sheet]]:
    """The tub of a pickup."""
    if not model.bed:
        return []
    a, b = model.bed
    half = model.length / 2
    z = model.shape.bottom + 0.35
    top = float(model.shape.top(np.array([(a + b) / 2]))[0]) - 0.03
    w = model.width - 0.26
    return [
        ("trim", box((half - (a + b) / 2, 0, z), (b - a, w, 0.02))),
        ("trim", box((half - a, 0, (z + top) / 2), (0.02, w, top - z))),
        ("trim", box((half - b, 0, (z + top) / 2), (0.02, w, top - z))),
        ("trim", box((half - (a + b) / 2, w / 2, (z + top) / 2), (b - a, 0.02, top - z))),
        ("trim", box((half - (a + b) / 2, -w / 2, (z + top) / 2), (b - a, 0.02, top - z))),
    ]
