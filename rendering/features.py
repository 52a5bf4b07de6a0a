"""What is cut out of a body's skin: windows, lamps, grille, seams, cladding."""

import numpy as np

from rendering import styles
from rendering.loft import loft
from rendering.mesh import Sheet, band, box_field, carve, polygon_field, smooth_max
from rendering.templates import Model

ARCH = 1.16  # radius of a wheel arch over the wheel's


def skin(model: Model) -> Sheet:
    """The lofted surface, the wheel arches and the bed of a pickup cut away."""
    arches = tuple((s, ARCH * model.radius) for s in model.axles)
    sheet = loft(model.shape, arches, model.radius)
    sheet[..., 0] += (model.length - model.shape.length) / 2
    for s, radius in arches:

        def arch(p, s=s, radius=radius):
            x = model.length / 2 - s
            round_ = np.hypot(p[..., 0] - x, p[..., 2] - model.radius) - radius
            return np.maximum(round_, 0.6 * model.width / 2 - np.abs(p[..., 1]))

        _, sheet = carve(sheet, arch)
    if model.bed:

        def bed(p):
            return np.max(
                [
                    model.bed[0] - p[..., 6],
                    p[..., 6] - model.bed[1],
                    np.abs(p[..., 1]) - model.width / 2 + 0.13,
                    0.6 - p[..., 5],
                ],
                axis=0,
            )

        _, sheet = carve(sheet, bed)
    return sheet


def front_plane(model: Model, p: Sheet, facing: float = 0.0):
    """(q, z, gate): unrolled around the front corner; gate is positive on other surfaces."""
    q = (np.abs(p[..., 1]) + 0.75 * p[..., 6]) / (model.width / 2)
    return q, p[..., 2], np.maximum(p[..., 6] - 0.25 * model.shape.length, facing - p[..., 3])


def rear_plane(model: Model, p: Sheet, facing: float = 0.0):
    """Like `front_plane`, around the rear."""
    behind = model.shape.length - p[..., 6]
    q = (np.abs(p[..., 1]) + 0.75 * behind) / (model.width / 2)
    return q, p[..., 2], np.maximum(behind - 0.3 * model.shape.length, facing + p[..., 3])


def face_layers(model: Model) -> list:
    """(material, field) of lamps, grille and bumpers, from below upwards."""
    anchors = [
        (styles.LOWER[model.lower], model.lower_z, front_plane),
        (styles.GRILLE[model.grille], model.grille_z, front_plane),
        (styles.HEAD[model.head], model.head_z, front_plane),
        (styles.REAR_BUMPER[model.bumper], model.bumper_z, rear_plane),
        (styles.TAIL[model.tail], model.tail_z, rear_plane),
    ]
    half = model.width / 2
    result = []
    for style, anchor, plane in anchors:
        for material, points, rounding in style:
            scaled = [(q * half, anchor + t) for q, t in points]

            def shape(p, scaled=scaled, rounding=rounding, plane=plane):
                q, z, gate = plane(model, p, -0.35)
                gate = np.maximum(gate, 0.3 * (p[..., 5] - 0.8))  # not up onto the bonnet
                return np.maximum(polygon_field(q * half, z, scaled, rounding), gate)

            result.append((material, shape))
    return result


def screen_field(model: Model, front: bool):
    """The windscreen or the rear window."""
    low, high, pillar = model.screen if front else model.back

    def shape(p):
        gate = p[..., 6] - 0.55 * model.shape.length
        facing = (0.12 - p[..., 3]) if front else (0.12 + p[..., 3])
        inside = smooth_max(
            np.abs(p[..., 1]) - p[..., 7] + pillar, low - p[..., 2], p[..., 2] - high, radius=0.12
        )
        return np.maximum(np.maximum(inside, gate if front else -gate), facing)

    return shape


def side_window_field(model: Model, start: float, stop: float, inset: float = 0.0):
    """The side glass between two stations (at the belt line), both sides."""
    shape = model.shape
    lo, hi = model.windows[0][0], model.windows[-1][1]

    def region(p):
        s, z = p[..., 6], p[..., 2]
        above = z - shape.belt_at(s)
        lean0 = model.lean[0] if start == lo else 0.04
        lean1 = model.lean[1] if stop == hi else -0.04
        roof = shape.edge(np.linspace(0, shape.length, 300))[1]
        grid = np.linspace(0, shape.length, 300)
        slope = np.clip(np.abs(np.gradient(roof, grid)), 0, 2)
        ceiling = np.minimum(roof - model.rail * np.sqrt(1 + slope**2), model.window_top)
        inside = smooth_max(
            start + lean0 * above - s + inset,
            s - stop + lean1 * above + inset,
            0.015 + inset - above,
            z - np.interp(s, grid, ceiling) + inset,
            radius=0.07,
        )
        return np.maximum(inside, 0.3 - np.abs(p[..., 4]))

    return region


def gate_field(model: Model, p: Sheet, center: float, width: float, inset: float):
    """A bus door's rectangle on the right side."""
    low, high = model.shape.bottom + 0.12 + inset, model.window_top - inset / 3
    inside = box_field(p[..., 6] - center, p[..., 2] - (low + high) / 2, width, high - low, 0.04)
    return np.maximum(inside, 0.5 + p[..., 4])


def layers(model: Model, sheet: Sheet) -> dict[str, list[Sheet]]:
    """Cut the skin into materials."""
    out: dict[str, list[Sheet]] = {}

    def take(material, field, levels=1):
        nonlocal sheet
        piece, sheet = carve(sheet, field, levels, 0.035 if levels > 1 else 0.06)
        out.setdefault(material, []).append(piece)

    take("trim", lambda p: np.maximum(0.4 + p[..., 5], p[..., 2] - 0.45), 0)
    windscreen, rear_window = screen_field(model, True), model.back and screen_field(model, False)
    take("glass", windscreen)
    take("seam", lambda p: windscreen(p) - 0.022, 0)
    if model.back:
        take("privacy" if model.privacy else "glass", rear_window)
        take("seam", lambda p: rear_window(p) - 0.02, 0)
    for s in model.gates:
        for offset in (-0.31, 0.31):
            take("glass", lambda p, c=s + offset: gate_field(model, p, c, 0.5, 0.12))
        take("black", lambda p, s=s: gate_field(model, p, s, 1.3, 0.0))
    if model.windows:
        for i, (a, b) in enumerate(model.windows):
            pane = "privacy" if model.privacy and i else "glass"
            take(pane, side_window_field(model, a, b))
        whole = side_window_field(model, model.windows[0][0], model.windows[-1][1])
        take("black", lambda p: whole(p) - 0.012, 0)
        if model.bright:
            take("chrome", lambda p: whole(p) - 0.035, 0)
    for material, shape in reversed(face_layers(model)):
        take(material, shape, 2)
    for seam in seams(model):
        strip, sheet = band(sheet, seam, 0.014)
        out.setdefault("seam", []).append(strip)
    if model.cladding:
        take(
            "trim",
            lambda p: np.maximum(p[..., 2] - model.shape.bottom - 0.13, 0.3 - np.abs(p[..., 4])),
        )
        for s in model.axles:
            x = model.length / 2 - s
            take(
                "trim",
                lambda p, x=x: np.maximum(
                    np.hypot(p[..., 0] - x, p[..., 2] - model.radius) - ARCH * model.radius - 0.06,
                    0.3 - np.abs(p[..., 4]),
                ),
            )
    if model.skirt:
        take(model.skirt[1], lambda p: p[..., 2] - model.skirt[0])
    if model.type == "bus":
        take(
            "black",
            lambda p: smooth_max(
                np.maximum(model.screen[1] - 0.1 - p[..., 2], p[..., 2] - model.height + 0.17),
                np.abs(p[..., 1]) - 0.37 * model.width,
                0.35 - p[..., 3],
            ),
        )
    if model.black_roof:
        take("black", lambda p: np.maximum(model.height - 0.16 - p[..., 2], 0.5 - p[..., 5]))
    out.setdefault("paint", []).append(sheet)
    return out


def seams(model: Model) -> list:
    """Fields whose zero line is a door or bonnet seam (large elsewhere)."""
    shape = model.shape
    result = []
    for s in model.doors:

        def door(p, s=s):
            low = shape.bottom + 0.12
            outside = np.maximum(low - p[..., 2], 0.45 - np.abs(p[..., 4]))
            outside = np.maximum(outside, p[..., 2] - shape.belt_at(p[..., 6]) - 0.02)
            return np.where(outside > 0, 1.0, p[..., 6] - s)

        result.append(door)
    if model.screen[0] < 1.25 and model.shape.profile[1][0] > 0.2:

        def bonnet(p):
            outside = np.maximum(p[..., 2] - model.screen[0] + 0.02, 0.5 - p[..., 5])
            gap = np.abs(p[..., 1]) - p[..., 7] + 0.14
            return np.where((outside > 0) | (p[..., 6] > 0.4 * model.length), 1.0, gap)

        result.append(bonnet)
    return result
