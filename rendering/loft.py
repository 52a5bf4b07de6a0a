"""Bodies lofted from cross-sections along the vehicle.

A section is a flat-topped curve: sill, side with a shoulder and, above the belt line, tumblehome,
then a rounded edge into a crowned top. The top follows the side profile (bonnet, windscreen,
roof, boot) and the half-width the plan; both ends are rounded off and bent to a nose or a tail.
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from rendering.mesh import Sheet, grid_sheet


@dataclass(frozen=True)
class End:
    """How an end is bent, in metres: `bow` is how far the corners stand behind the middle,
    `taper` how much narrower (as a fraction) the end is, `corner` the radius in plan, `low` and
    `high` how far the lower and the upper edge stand behind `bulge` (height of the foremost
    line)."""

    bow: float = 0.16
    taper: float = 0.08
    corner: float = 0.16
    low: float = 0.05
    high: float = 0.08
    bulge: float = 0.5


@dataclass(frozen=True)
class Shape:
    """A loft. Lengths in metres; stations s count from the front bumper backwards.

    profile: (s, z) of the middle line of the top; belt: height of the belt line at the front and
    the rear; tumble: tangent of the inward lean above the belt; crown and fillet: height of the
    top's arch and radius of its edge, at bonnet and at roof; line: height at front and rear and
    depth of the crease along the side; flare: how far the wheel arches stand out.
    """

    length: float
    width: float
    height: float
    profile: tuple[tuple[float, float], ...]
    belt: tuple[float, float]
    bottom: float = 0.2
    tumble: float = 0.34
    crown: tuple[float, float] = (0.05, 0.04)
    fillet: tuple[float, float] = (0.09, 0.09)
    line: tuple[float, float, float] = (0.7, 0.75, 0.015)
    flare: float = 0.018
    front: End = field(default_factory=End)
    rear: End = field(default_factory=lambda: End(bow=0.1, taper=0.06, high=0.03))

    def top(self, s: np.ndarray) -> np.ndarray:
        """Height of the middle line at stations s."""
        fine = np.linspace(0, self.length, 400)
        points = np.array(self.profile)
        heights = PchipInterpolator(points[:, 0], points[:, 1])(np.clip(fine, *points[[0, -1], 0]))
        return np.interp(s, fine, gaussian_filter1d(heights, 0.035 / (fine[1] - fine[0])))

    def belt_at(self, s: np.ndarray) -> np.ndarray:
        return self.belt[0] + (self.belt[1] - self.belt[0]) * np.asarray(s) / self.length

    def half_width(self, s: np.ndarray) -> np.ndarray:
        """Half-width in plan, without the rounding of the corners."""
        a, b = 0.3 * self.length, 0.28 * self.length
        front = np.clip((a - s) / a, 0, 1) ** 2.2 * self.front.taper
        rear = np.clip((s - self.length + b) / b, 0, 1) ** 2.2 * self.rear.taper
        return self.width / 2 * (1 - front - rear)

    def lean(self, s: np.ndarray, z: np.ndarray) -> np.ndarray:
        """Half-width as a fraction of the plan at height z: 1 at the shoulder."""
        belt = self.belt_at(s)
        shoulder = self.bottom + 0.62 * (belt - self.bottom)
        below = np.clip((shoulder - z) / (shoulder - self.bottom), 0, 1.5)
        between = np.clip((z - shoulder) / (belt - shoulder), 0, 1)
        above = np.maximum(z - belt, 0)
        return 1 - 0.045 * below**2 - 0.03 * between**2 - self.tumble * above / (self.width / 2)

    def edge(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(y, z) of the corner between side and top, before rounding."""
        roof = self._roofness(s)
        crown = self.crown[0] + (self.crown[1] - self.crown[0]) * roof
        z = self.top(s) - crown
        return self.half_width(s) * self.lean(s, z), z

    def _roofness(self, s):
        top, belt = self.top(s), self.belt_at(s)
        return np.clip((top - belt) / max(self.height - max(self.belt), 0.1), 0, 1)

    def stations(self, n: int) -> np.ndarray:
        """Stations, denser where the profile is steep or bends."""
        fine = np.linspace(0, self.length, 1200)
        slope = np.gradient(self.top(fine), fine)
        density = np.sqrt(1 + 2.5 * slope**2) + 0.12 * np.abs(np.gradient(slope, fine))
        total = np.cumsum(density)
        body = np.interp(np.linspace(total[0], total[-1], n), total, fine)
        phi = np.linspace(0, np.pi / 2, 7)
        ends = [
            self.front.corner * (1 - np.cos(phi)),
            self.length - self.rear.corner * (1 - np.cos(phi)),
        ]
        inner = body[(body > self.front.corner) & (body < self.length - self.rear.corner)]
        return np.unique(np.concatenate([ends[0], inner, ends[1]]).round(4))

    def sections(self, s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(points ``[n, m, 2]`` as (y, z), side half-width ``[n, m]``) of the sections at s."""
        column = s[:, None]
        yc, zc = (v[:, None] for v in self.edge(s))
        top = self.top(column)
        roof = self._roofness(column)
        r = self.fillet[0] + (self.fillet[1] - self.fillet[0]) * roof
        r = np.minimum(r, 0.45 * (zc - self.bottom))
        r0 = 0.07
        z_low, z_high = self.bottom + r0, zc - r
        share = np.clip((self.belt_at(column) - z_low) / (z_high - z_low), 0.3, 0.9)
        t = np.concatenate(
            [
                np.linspace(0, 1, 9)[None] * share,
                share + (1 - share) * np.linspace(0, 1, 6)[None, 1:],
            ],
            axis=1,
        )
        z_side = z_low + (z_high - z_low) * t
        w = self.half_width(column)
        y_side = w * self.lean(column, z_side)
        y_low = w * self.lean(column, np.full_like(column, self.bottom))
        bottom_y = np.concatenate([0 * y_low, y_low * 0.5, y_low - r0, y_low - 0.3 * r0], axis=1)
        lift = np.array([0, 0, 0, 0.3 * r0])
        bottom_z = np.full_like(bottom_y, self.bottom) + lift
        a = np.linspace(0, 1, 7)[None, 1:]
        y_in = np.maximum(yc - r * 1.1, 0.3 * yc)
        z_in = top - (top - zc) * (y_in / yc) ** 2
        ease = [(1 - a) ** 2, 2 * a * (1 - a), a**2]
        y_fillet = ease[0] * y_side[:, -1:] + ease[1] * yc + ease[2] * y_in
        z_fillet = ease[0] * z_side[:, -1:] + ease[1] * zc + ease[2] * z_in
        y_top = y_in * np.linspace(1, 0, 8)[None, 1:]
        z_top = top - (top - zc) * (y_top / yc) ** 2
        y = np.concatenate([bottom_y, y_side, y_fillet, y_top], axis=1)
        z = np.concatenate([bottom_z, z_side, z_fillet, z_top], axis=1)
        side = w * self.lean(column, z)
        y = np.concatenate([y, -y[:, -2::-1]], axis=1)
        z = np.concatenate([z, z[:, -2::-1]], axis=1)
        return np.stack([y, z], -1), np.concatenate([side, side[:, -2::-1]], axis=1)


def loft(
    shape: Shape, arches: tuple[tuple[float, float], ...] = (), hub: float = 0.0, n: int = 60
) -> Sheet:
    """The closed skin of a shape; arches are (station, radius) around the hub height."""
    s = shape.stations(n)
    yz, side = shape.sections(s)
    y, z = yz[..., 0], yz[..., 1]
    column = np.repeat(s[:, None], y.shape[1], axis=1)
    y = y + np.sign(y) * side_relief(shape, column, y, z, side, arches, hub)
    for end, distance in ((shape.front, column), (shape.rear, shape.length - column)):
        t = 1 - np.clip(distance / end.corner, 0, 1)
        inset = end.corner * (1 - np.sqrt(np.maximum(1 - t**2, 0)))
        half = shape.half_width(column)
        y = y * (1 - inset / half)
        middle = (shape.bottom + shape.top(column)) / 2
        z = middle + (z - middle) * (1 - 0.28 * inset / (shape.top(column) - shape.bottom))
    rings = [np.sin(np.linspace(0, 1, 11)[1:-1] * np.pi / 2), [0.9995]]
    shrink = 1 - np.concatenate(rings)
    caps = []
    for row in (0, -1):
        middle = (z[row].max() + z[row].min()) / 2
        caps.append((shrink[:, None] * y[row], middle + shrink[:, None] * (z[row] - middle)))
    y = np.concatenate([caps[0][0][::-1], y, caps[1][0]])
    z = np.concatenate([caps[0][1][::-1], z, caps[1][1]])
    k = len(shrink)
    column = np.concatenate([np.repeat(column[:1], k, 0), column, np.repeat(column[-1:], k, 0)])
    side = shape.half_width(column) * shape.lean(column, z)
    x = shape.length / 2 - column
    for end, sign, distance in ((shape.front, -1, column), (shape.rear, 1, shape.length - column)):
        x = x + sign * bend(end, shape, distance, y, z)
    x = (x - x.min()) / np.ptp(x) * shape.length - shape.length / 2
    y = y / np.abs(y).max() * shape.width / 2
    above = z > shape.belt_at(column)
    peak = z.max()
    base = shape.belt_at(column)
    z = np.where(above, base + (z - base) * (shape.height - base) / (peak - base), z)
    return grid_sheet(np.stack([x, y, z], -1), column, side)


def bend(end: End, shape: Shape, distance, y, z) -> np.ndarray:
    """How far points stand back from a flat end, metres."""
    ramp = np.clip(1 - distance / (0.22 * shape.length), 0, 1)
    ramp = ramp**2 * (3 - 2 * ramp)
    low = np.clip((end.bulge - z) / max(end.bulge - shape.bottom, 0.05), 0, 1)
    high = np.clip((z - end.bulge) / 0.4, 0, None) ** 1.6
    bow = end.bow * np.abs(y / (shape.width / 2)) ** 2.2
    near = np.clip(1 - distance / 0.5, 0, 1)
    return bow * ramp + (end.low * low**2 + end.high * np.minimum(high, 4)) * near


def side_relief(shape: Shape, s, y, z, side, arches, hub) -> np.ndarray:
    """How far the side stands out from the smooth loft: wheel-arch flares and the crease."""
    on_side = np.clip((np.abs(y) / np.maximum(side, 1e-6) - 0.85) / 0.12, 0, 1)
    on_side = on_side * np.clip((shape.belt_at(s) - z) / 0.06, 0, 1)
    relief = np.zeros_like(y)
    for station, radius in arches:
        gap = np.hypot(s - station, z - hub) - radius
        relief += shape.flare * np.exp(-np.maximum(gap, 0) / 0.07)
    z_line = shape.line[0] + (shape.line[1] - shape.line[0]) * s / shape.length
    depth = shape.line[2] * np.clip(np.minimum(s, shape.length - s) / 0.6, 0, 1)
    relief += depth * np.exp(-np.abs(z - z_line) / 0.07)
    return relief * on_side
