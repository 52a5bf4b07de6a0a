"""Triangles that carry attributes, and cutting them along smooth curves.

A *sheet* is a float64 array ``[F, 3, 8]``: F triangles, their three corners, and per corner
the position (0:3), the unit normal (3:6), the station along the vehicle before the ends were
bent (6, metres behind the front) and the half-width of the body side at that height (7, metres).
Every feature of a vehicle (a window, a lamp, a door seam, a decal) is cut out of the sheet of
the body by a signed field that is negative inside the feature, so it follows the curvature.
"""

from collections.abc import Callable

import numpy as np

Sheet = np.ndarray
Field = Callable[[Sheet], np.ndarray]
EMPTY = np.zeros((0, 3, 8))


def grid_sheet(points: np.ndarray, station: np.ndarray, side: np.ndarray) -> Sheet:
    """A sheet from a grid of points ``[n, m, 3]``, with normals smoothed over the grid."""
    along = np.gradient(points, axis=0)
    across = np.gradient(points, axis=1)
    normals = np.cross(along, across)
    length = np.linalg.norm(normals, axis=-1, keepdims=True)
    normals = np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [1.0, 0.0, 0.0])
    corner = np.concatenate([points, normals, station[..., None], side[..., None]], axis=-1)
    a, b, c, d = corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]
    sheet = np.stack([np.stack([a, c, b], -2), np.stack([a, d, c], -2)]).reshape(-1, 3, 8)
    return sheet[areas(sheet) > 1e-10]


def areas(sheet: Sheet) -> np.ndarray:
    """Triangle areas in square metres, ``[F]``."""
    p = sheet[..., :3]
    return 0.5 * np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=-1)


def split(sheet: Sheet, field: np.ndarray) -> tuple[Sheet, Sheet]:
    """Cut along field = 0 (``[F, 3]``, linear in each triangle): (negative side, positive)."""
    negative = field < 0
    count = negative.sum(axis=1)
    inside, outside = [sheet[count == 3]], [sheet[count == 0]]
    for n, tips, rests in ((1, inside, outside), (2, outside, inside)):
        chosen = np.flatnonzero(count == n)
        lone = np.argmax(negative[chosen] == (n == 1), axis=1)
        order = (lone[:, None] + np.arange(3)) % 3
        corners = sheet[chosen[:, None], order]
        values = field[chosen[:, None], order]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        ab = a + (b - a) * (values[:, 0] / (values[:, 0] - values[:, 1]))[:, None]
        ac = a + (c - a) * (values[:, 0] / (values[:, 0] - values[:, 2]))[:, None]
        tips.append(np.stack([a, ab, ac], axis=1))
        rests += [np.stack([ab, b, c], axis=1), np.stack([ab, c, ac], axis=1)]
    return np.concatenate(inside), np.concatenate(outside)


def refine(sheet: Sheet) -> Sheet:
    """Each triangle into four."""
    a, b, c = sheet[:, 0], sheet[:, 1], sheet[:, 2]
    ab, bc, ca = (a + b) / 2, (b + c) / 2, (c + a) / 2
    return np.concatenate(
        [np.stack(t, axis=1) for t in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    )


def carve(sheet: Sheet, field: Field, levels: int = 1, finest: float = 0.03) -> tuple[Sheet, Sheet]:
    """Cut a feature out: (feature, rest). Triangles near its outline are first refined."""
    for _ in range(levels):
        values = field(sheet)
        edge = np.linalg.norm(sheet[..., :3] - np.roll(sheet[..., :3], 1, axis=1), axis=-1)
        edge = edge.max(axis=1)
        near = (np.abs(values).min(axis=1) < 0.5 * edge) | (np.ptp(np.sign(values), axis=1) > 0)
        near &= edge > finest
        sheet = np.concatenate([sheet[~near], refine(sheet[near])])
    return split(sheet, field(sheet))


def band(sheet: Sheet, field: Field, width: float) -> tuple[Sheet, Sheet]:
    """Cut out the strip of the given width (metres) around field = 0: (strip, rest)."""
    values = field(sheet)
    near = np.abs(values).min(axis=1) < 0.3
    keep, work = sheet[~near], sheet[near]
    inner, outer = split(work, field(work) - width / 2)
    core, strip = split(inner, field(inner) + width / 2)
    return strip, np.concatenate([keep, outer, core])


def lift(sheet: Sheet, distance: float) -> Sheet:
    """The sheet moved outward along its normals by a distance in metres."""
    lifted = sheet.copy()
    lifted[..., :3] += distance * lifted[..., 3:6]
    return lifted


def polygon_field(u: np.ndarray, v: np.ndarray, points, rounding: float = 0.0) -> np.ndarray:
    """Signed distance to a polygon in the plane (negative inside), its corners rounded."""
    points = np.asarray(points, float)
    distance = np.full(u.shape, np.inf)
    inside = np.zeros(u.shape, bool)
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        ex, ey = x1 - x0, y1 - y0
        t = np.clip(((u - x0) * ex + (v - y0) * ey) / max(ex * ex + ey * ey, 1e-12), 0, 1)
        distance = np.minimum(distance, np.hypot(u - x0 - t * ex, v - y0 - t * ey))
        if ey != 0:
            crosses = ((y0 > v) != (y1 > v)) & (u < x0 + (v - y0) * ex / ey)
            inside ^= crosses
    return np.where(inside, -distance, distance) - rounding


def box_field(u, v, width: float, height: float, rounding: float = 0.0) -> np.ndarray:
    """Signed distance to a rounded rectangle around the origin (negative inside)."""
    du = np.abs(u) - width / 2 + rounding
    dv = np.abs(v) - height / 2 + rounding
    outside = np.hypot(np.maximum(du, 0), np.maximum(dv, 0))
    return outside + np.minimum(np.maximum(du, dv), 0) - rounding


def smooth_max(*fields: np.ndarray, radius: float = 0.05) -> np.ndarray:
    """Intersection of regions with corners rounded by about the radius (metres)."""
    result = fields[0]
    for field in fields[1:]:
        blend = np.maximum(radius - np.abs(result - field), 0)
        result = np.maximum(result, field) + blend**2 / (4 * radius)
    return result


def place(points: np.ndarray, normals: np.ndarray, faces: np.ndarray) -> Sheet:
    """A sheet from indexed vertices ``[V, 3]`` and faces ``[F, 3]``."""
    extra = np.zeros((len(points), 2))
    return np.concatenate([points, normals, extra], axis=1)[faces]


def box(center, size) -> Sheet:
    """An axis-aligned box (flat normals)."""
    sheets = []
    for axis in range(3):
        for sign in (-1.0, 1.0):
            u, v = (axis + 1) % 3, (axis + 2) % 3
            corners = np.zeros((4, 3))
            corners[:, axis] = sign
            corners[:, u] = [-1, 1, 1, -1]
            corners[:, v] = [-1, -1, 1, 1]
            if sign < 0:
                corners = corners[::-1]
            normal = np.zeros((4, 3))
            normal[:, axis] = sign
            sheets.append(
                place(corners * np.asarray(size) / 2, normal, np.array([[0, 1, 2], [0, 2, 3]]))
            )
    sheet = np.concatenate(sheets)
    sheet[..., :3] += np.asarray(center)
    return sheet


def blob(center, size, power: float = 0.6, n: int = 12) -> Sheet:
    """A superellipsoid: a rounded box (power near 0.3) to an ellipsoid (power 1)."""
    theta = np.linspace(-np.pi / 2, np.pi / 2, n // 2 + 1)[:, None]
    phi = np.linspace(-np.pi, np.pi, n + 1)[None, :]

    def bend(value):
        return np.sign(value) * np.abs(value) ** power

    ones = np.ones_like(phi)
    unit = np.stack(
        [
            bend(np.cos(theta)) * bend(np.cos(phi)),
            bend(np.cos(theta)) * bend(np.sin(phi)),
            bend(np.sin(theta)) * ones,
        ],
        axis=-1,
    )
    points = unit * np.asarray(size) / 2
    normals = np.sign(unit) * np.abs(unit) ** (2 / power - 1) / np.asarray(size)
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-9)
    index = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    sheet = place(points.reshape(-1, 3) + np.asarray(center), normals.reshape(-1, 3), faces)
    return sheet[areas(sheet) > 1e-10]


def tube(path: np.ndarray, radius: float, n: int = 6) -> Sheet:
    """A round bar along a path ``[N, 3]``."""
    path = np.asarray(path, float)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=-1, keepdims=True)
    up = np.where(np.abs(along[:, 2:]) > 0.9, [1.0, 0, 0], [0, 0, 1.0])
    u = np.cross(along, up)
    u /= np.linalg.norm(u, axis=-1, keepdims=True)
    v = np.cross(u, along)
    angle = np.linspace(0, 2 * np.pi, n + 1)
    ring = np.cos(angle)[None, :, None] * u[:, None] + np.sin(angle)[None, :, None] * v[:, None]
    points = path[:, None] + radius * ring
    return oriented(
        grid_sheet(points, np.zeros(points.shape[:2]), np.zeros(points.shape[:2])), path
    )


def oriented(sheet: Sheet, path: np.ndarray) -> Sheet:
    """The sheet with winding and normals away from the nearest point of a path."""
    middle = sheet[..., :3].mean(axis=1)
    nearest = path[np.argmin(((middle[:, None] - path[None]) ** 2).sum(-1), axis=1)]
    p = sheet[..., :3]
    outward = (np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) * (middle - nearest)).sum(-1)
    sheet = sheet.copy()
    sheet[outward < 0] = sheet[outward < 0][:, ::-1]
    wrong = (sheet[..., 3:6] * (sheet[..., :3] - nearest[:, None])).sum(-1) < 0
    sheet[..., 3:6] = np.where(wrong[..., None], -sheet[..., 3:6], sheet[..., 3:6])
    return sheet


def lathe(profile: np.ndarray, n: int = 28) -> Sheet:
    """A profile ``[N, 2]`` of (axial y, radius) turned about the y axis; normals as the profile
    turns: its left-hand side, seen with y to the right and the radius up, faces outward."""
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, n + 1)
    points = np.stack(
        [
            profile[:, None, 1] * np.cos(angle),
            np.repeat(profile[:, :1], n + 1, axis=1),
            profile[:, None, 1] * np.sin(angle),
        ],
        axis=-1,
    )
    step = np.gradient(profile, axis=0)
    ny, nr = -step[:, 1], step[:, 0]
    normals = np.stack(
        [
            nr[:, None] * np.cos(angle),
            np.repeat(ny[:, None], n + 1, axis=1),
            nr[:, None] * np.sin(angle),
        ],
        axis=-1,
    )
    normals /= np.maximum(np.linalg.norm(normals, axis=-1, keepdims=True), 1e-12)
    index = np.arange(points.shape[0] * points.shape[1]).reshape(points.shape[:2])
    a, b, c, d = index[:-1, :-1], index[:-1, 1:], index[1:, 1:], index[1:, :-1]
    faces = np.concatenate([np.stack([a, b, c], -1), np.stack([a, c, d], -1)]).reshape(-1, 3)
    sheet = place(points.reshape(-1, 3), normals.reshape(-1, 3), faces)
    p = sheet[..., :3]
    flip = (np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]) * sheet[..., 3:6].mean(1)).sum(-1) < 0
    sheet[flip] = sheet[flip][:, ::-1]
    return sheet[areas(sheet) > 1e-10]
