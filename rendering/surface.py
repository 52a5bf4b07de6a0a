"""Points of a vehicle's outer surface and the tangent planes that cues are drawn in."""

from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np

from rendering import features, fittings
from rendering.mesh import Sheet, areas
from rendering.templates import Model

OUTWARD = {"front": (1.0, 0, 0), "rear": (-1.0, 0, 0), "left": (0, 1.0, 0), "right": (0, -1.0, 0)}


@cache
def skin(model: Model) -> Sheet:
    """The lofted surface that features are cut from, wheel arches open."""
    return features.skin(model)


@cache
def surface(model: Model) -> Sheet:
    """All that a sticker may stick to: the skin and what a lorry carries."""
    loads = [sheet for _, sheet in fittings.load(model)]
    return np.concatenate([skin(model), *loads])


@dataclass(frozen=True)
class Anchor:
    """A point of the surface with the outward normal and, as seen from outside, the directions
    to the right and upwards: lettering in (right, up) is never mirrored."""

    point: np.ndarray
    normal: np.ndarray
    right: np.ndarray
    up: np.ndarray

    def plane(self, p: Sheet) -> tuple[np.ndarray, np.ndarray]:
        d = p[..., :3] - self.point
        return d @ self.right, d @ self.up

    def height(self, p: Sheet) -> np.ndarray:
        return (p[..., :3] - self.point) @ self.normal

    def facing(self, p: Sheet) -> np.ndarray:
        return p[..., 3:6] @ self.normal

    def near(self, p: Sheet, reach: float) -> Sheet:
        """The triangles within reach (metres) in the tangent plane, not far above or below it,
        facing as the anchor does."""
        u, v = self.plane(p)
        spread = np.maximum(np.ptp(u, axis=1), np.ptp(v, axis=1))
        keep = (np.abs(self.height(p)).min(axis=1) < 0.3) & (self.facing(p).max(axis=1) > 0.3)
        return p[keep & (np.hypot(u, v).min(axis=1) < reach + spread)]


@lru_cache(maxsize=4096)
def anchor(model: Model, face: str, a: float, z: float, upright: bool = False) -> Anchor:
    """The point of a face at height z and, for the sides, station a; front and rear: lateral a.

    Of all surfaces met there it is the outermost. upright: the normal is made horizontal.
    """
    sheet = surface(model)
    outward = np.array(OUTWARD[face])
    sheet = sheet[(sheet[..., 3:6] @ outward).mean(axis=1) > 0.2]
    sheet = sheet[areas(sheet) > 1e-7]
    if face in ("left", "right"):
        across, target = 0, np.array([model.length / 2 - a, z])
    else:
        across, target = 1, np.array([a, z])
    plane = sheet[..., [across, 2]]
    a, b, c = plane[:, 0], plane[:, 1], plane[:, 2]
    v0, v1, v2 = b - a, c - a, target - a
    det = v0[:, 0] * v1[:, 1] - v0[:, 1] * v1[:, 0]
    det = np.where(np.abs(det) < 1e-12, 1e-12, det)
    l1 = (v2[:, 0] * v1[:, 1] - v2[:, 1] * v1[:, 0]) / det
    l2 = (v0[:, 0] * v2[:, 1] - v0[:, 1] * v2[:, 0]) / det
    weights = np.stack([1 - l1 - l2, l1, l2], axis=-1)
    inside = np.flatnonzero(weights.min(axis=1) > -1e-6)
    if not len(inside):  # past an edge (an arch, the gap behind a cab): the nearest triangle
        gap = ((plane.mean(axis=1) - target) ** 2).sum(axis=1)
        inside = np.array([np.argmin(gap)])
        weights[inside] = 1 / 3
    hits = np.einsum("nk,nkd->nd", weights[inside], sheet[inside])
    best = hits[np.argmax(hits[:, :3] @ outward)]
    normal = best[3:6].copy()
    if upright:
        normal = outward.copy()
    normal /= np.linalg.norm(normal)
    up = np.array([0, 0, 1.0]) - normal[2] * normal
    up /= np.linalg.norm(up)
    return Anchor(best[:3].copy(), normal, np.cross(up, normal), up)
