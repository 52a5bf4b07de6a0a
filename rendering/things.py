"""Plain things that stand beside a road, as meshes: boxes, poles, trees. Metres."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np


@dataclass(frozen=True)
class Surface:
    """A mesh of the surroundings: vertices float32 [V, 3], faces uint32 [F, 3].

    Coloured by `texture` (uint8 sRGB [H, W, 3], with uv float32 [V, 2], v upwards) or `colour`
    (linear RGB).
    """

    vertices: np.ndarray
    faces: np.ndarray
    colour: tuple[float, float, float] = (0.5, 0.5, 0.5)
    texture: np.ndarray | None = field(default=None, repr=False)
    uv: np.ndarray | None = None


def quad(corners, texture=None, colour=(0.5, 0.5, 0.5), metres=(6.0, 6.0), offset=(0.0, 0.0)):
    """A rectangle from 4 corners (left below, right below, right above, left above)."""
    p = np.asarray(corners, np.float32)
    wide, high = np.linalg.norm(p[1] - p[0]) / metres[0], np.linalg.norm(p[3] - p[0]) / metres[1]
    uv = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], np.float32) + offset
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.uint32)
    return Surface(p, faces, colour, texture, uv.astype(np.float32))


def box(low, high, colour) -> Surface:
    """An upright box between two corners."""
    x, y, z = np.array([low, high]).T
    vertices = np.array([(x[i], y[j], z[k]) for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    faces = [t for a, b, c, d in sides for t in ((a, b, c), (a, c, d))]
    return Surface(vertices.astype(np.float32), np.array(faces, np.uint32), colour)


def pole(x: float, y: float, radius: float, height: float, colour) -> Surface:
    """An upright eight-sided pole."""
    angle = np.arange(8) * np.pi / 4
    ring = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], 1)
    low, high = (np.column_stack([ring, np.full(8, z)]) for z in (0.0, height))
    faces = []
    for i in range(8):
        j = (i + 1) % 8
        faces += [(i, j, 8 + j), (i, 8 + j, 8 + i)]
    vertices = np.concatenate([low, high]).astype(np.float32)
    return Surface(vertices, np.array(faces, np.uint32), colour)


@lru_cache(maxsize=16)
def leaves_of(variant: int, wide: float, deep: float, tall: float, count: int, size=0.14):
    """Leaf sprays filling a cluster of blobs: float32 [count, 3, 3], middle at the origin."""
    rng = np.random.default_rng([53, variant])
    blobs = rng.normal(0, 0.27, (9, 3))
    middle = blobs[rng.integers(9, size=count)]
    direction = rng.normal(0, 1, (count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centre = (middle + direction * rng.uniform(0.12, 0.3, (count, 1)))[:, None]
    spray = rng.normal(0, 1, (count, 3, 3))
    leaf = centre * (wide, deep, tall) + spray * size * rng.uniform(0.6, 1.4, (count, 1, 1))
    return leaf.astype(np.float32)


def foliage(leaves: np.ndarray, place, turn: float, green) -> list[Surface]:
    """Leaf sprays in two shades, turned about the vertical and put in place."""
    c, s = np.cos(turn), np.sin(turn)
    points = leaves @ np.array([(c, s, 0), (-s, c, 0), (0, 0, 1)], np.float32) + place
    half = len(points) // 2
    surfaces = []
    for part, shade in ((points[:half], 0.75), (points[half:], 1.2)):
        faces = np.arange(part.shape[0] * 3, dtype=np.uint32).reshape(-1, 3)
        colour = tuple(float(shade * g) for g in green)
        surfaces.append(Surface(part.reshape(-1, 3).astype(np.float32), faces, colour))
    return surfaces


def tree(x: float, y: float, rng: np.random.Generator) -> list[Surface]:
    """A street tree with a trunk of about 2.5 m."""
    trunk, size = rng.uniform(1.9, 3.0), rng.uniform(2.6, 4.2)
    leaves = leaves_of(int(rng.integers(4)), 1.0, 1.0, 0.9, 1300) * np.float32(size)
    green = np.array([0.075, 0.115, 0.035]) * rng.uniform(0.7, 1.4) + rng.uniform(0, 0.02, 3)
    bark = tuple(np.array([0.14, 0.11, 0.085]) * rng.uniform(0.7, 1.3))
    place = np.array([x, y, trunk + 0.3 * size], np.float32)
    crown = foliage(leaves, place, rng.uniform(0, 2 * np.pi), green)
    return [*crown, pole(x, y, rng.uniform(0.09, 0.2), trunk + 0.3 * size, bark)]


def branch(place, rng: np.random.Generator) -> list[Surface]:
    """The leafy end of a branch, about a metre across."""
    leaves = leaves_of(int(rng.integers(12, 16)), 1.0, 1.0, 0.6, 700, 0.045) * np.float32(
        rng.uniform(0.8, 1.3)
    )
    green = np.array([0.075, 0.115, 0.035]) * rng.uniform(0.7, 1.4)
    return foliage(leaves, np.asarray(place, np.float32), rng.uniform(0, 6), green)


def merge(surfaces: list[Surface]) -> list[Surface]:
    """Plain-coloured surfaces of equal colour made one, to keep the scene's objects few."""
    groups: dict = {}
    for surface in surfaces:
        groups.setdefault(surface.colour, []).append(surface)
    merged = []
    for colour, group in groups.items():
        starts = np.cumsum([0] + [len(s.vertices) for s in group[:-1]])
        vertices = np.concatenate([s.vertices for s in group])
        faces = np.concatenate([s.faces + np.uint32(k) for s, k in zip(group, starts, strict=True)])
        merged.append(Surface(vertices, faces, colour))
    return merged
