"""Road, verges, walls, trees and street furniture around one pass of a vehicle.

A site is a kind of place; everything in it that could be recognised (markings, cracks,
trees, house fronts, posts) is drawn afresh for every pass, never per vehicle, so that the
surroundings cannot name the vehicle. Metres, coordinates as in `camera`.
"""

from dataclasses import dataclass

import numpy as np

from rendering import textures
from rendering.camera import Camera, Pose
from rendering.things import Surface, box, foliage, leaves_of, merge, pole, quad, tree

REACH = 90.0  # metres of road and verge to either side of the vehicle


@dataclass(frozen=True)
class Site:
    """A kind of place.

    lanes and left: lanes of the carriageway and how many of them lie left of y = 0.
    right_side, left_side: strips outwards from the carriageway, each (width, step up, ground).
    right_back, left_back: what stands behind the strips.
    trees, posts: mean numbers in sight.
    """

    lanes: int
    left: int
    right_side: tuple
    left_side: tuple
    right_back: str
    left_back: str
    trees: float
    posts: float


_KERB = (0.0, 0.14, "concrete"), (0.16, 0.0, "concrete")
_BARRIER = (
    (0.35, 0.0, "concrete"),
    (0.0, 0.08, "concrete"),
    (0.2, 0.25, "concrete"),
    (0.08, 0.55, "concrete"),
    (0.16, 0.0, "concrete"),
    (0.08, -0.55, "concrete"),
    (0.2, -0.25, "concrete"),
    (0.0, -0.08, "concrete"),
)
_ROAD = (8.0, 0.0, "asphalt")

SITES = {
    "motorway": Site(
        3,
        0,
        ((0.9, 0.0, "gravel"), (3.0, -0.2, "grass"), (12.0, 1.5, "grass")),
        (*_BARRIER, (0.3, 0.0, "concrete"), _ROAD, (3.0, 0.0, "grass"), (14.0, 3.5, "grass")),
        "rail",
        "trees",
        5,
        2,
    ),
    "street": Site(
        4, 2, (*_KERB, (3.2, 0.0, "slabs")), (*_KERB, (3.4, 0.0, "slabs")), "houses", "houses", 4, 5
    ),
    "avenue": Site(
        2,
        0,
        (*_KERB, (2.0, 0.0, "grass"), (2.6, 0.0, "slabs"), (9.0, 0.0, "grass")),
        (
            *_KERB,
            (2.2, 0.02, "grass"),
            (0.16, -0.16, "concrete"),
            _ROAD,
            *_KERB,
            (3.0, 0.0, "slabs"),
        ),
        "hedge",
        "houses",
        8,
        3,
    ),
    "industrial": Site(
        4,
        2,
        (*_KERB, (1.8, 0.0, "gravel"), (5.0, 0.0, "grass")),
        (*_KERB, (2.5, 0.0, "grass"), (4.0, 0.0, "concrete")),
        "wall",
        "fence",
        2,
        3,
    ),
    "crossing": Site(
        4,
        2,
        (*_KERB, (2.4, 0.0, "slabs"), (3.0, 0.0, "grass")),
        (*_KERB, (4.5, 0.0, "slabs"), (4.0, 0.0, "grass")),
        "hedge",
        "houses",
        4,
        5,
    ),
}


def hedge(x0: float, x1: float, y: float, base: float, sight, rng) -> list[Surface]:
    """A clipped or ragged hedge along the road, about 1.1 m high."""
    green = np.array([0.06, 0.1, 0.03]) * rng.uniform(0.8, 1.5)
    height = rng.uniform(0.7, 1.4)
    surfaces = [box((x0, y - 0.3, base), (x1, y + 0.3, base + 0.8 * height), tuple(0.7 * green))]
    for x in np.arange(x0, x1, 3.0):
        leaves = leaves_of(int(rng.integers(4, 8)), 3.6, 1.1, 1.4 * height, 420)
        place = np.array([x + 1.5, y, base + 0.55 * height], np.float32)
        if not sight.matters(*place[:2]):
            continue
        surfaces += foliage(leaves, place, np.pi * rng.integers(2), green)
    return merge(surfaces)


class _Sight:
    """What lies in the picture, and what would stand in the line of sight."""

    def __init__(self, camera: Camera, pose: Pose):
        self.eye, self.car = np.array(camera.position[:2]), np.array([pose.x, pose.y])

    def free(self, x: float, y: float, room: float) -> bool:
        """Whether a thing of radius `room` at x, y leaves vehicle and line of sight alone."""
        line = self.car - self.eye
        place = np.array([x, y]) - self.eye
        t = np.clip(place @ line / (line @ line), 0, 1)
        return np.linalg.norm(place - t * line) > room + 2.8

    def matters(self, x: float, y: float) -> bool:
        """Whether a tree there is in the picture or may throw its shadow on the vehicle."""
        line, place = self.car - self.eye, np.array([x, y]) - self.eye
        cosine = line @ place / (np.linalg.norm(line) * np.linalg.norm(place) + 1e-9)
        return cosine > 0.82 or np.hypot(*(self.car - (x, y))) < 9


def _side(strips, back, edge: float, sign: int, camera: Camera, pose: Pose, rng):
    """One side of the road, from the carriageway's edge outwards (sign -1 right, +1 left)."""
    surfaces, y, z = [], edge, 0.0
    x0, x1 = pose.x - REACH, pose.x + REACH
    for width, step, kind in strips:
        if kind == "asphalt":
            texture, metres = textures.road(rng, 2, False, rng.uniform(0.42, 0.54)), (45.0, 8.0)
        else:
            texture, metres = textures.ground(kind, int(rng.integers(6))), (6.0, 6.0)
        outer, upper = y + sign * width, z + step
        corners = [(x0, y, z), (x1, y, z), (x1, outer, upper), (x0, outer, upper)]
        surfaces.append(quad(corners, texture, metres=metres, offset=rng.random(2)))
        y, z = outer, upper
    behind = sign * max(abs(y), sign * camera.position[1] + 1.5)  # never before the camera
    corners = [(x0, y, z - 0.01), (x1, y, z - 0.01), (x1, sign * 150, z), (x0, sign * 150, z)]
    surfaces.append(quad(corners, textures.ground("grass", int(rng.integers(6)))))
    return surfaces + _back(back, behind, y, z, sign, _Sight(camera, pose), rng)


def _back(kind: str, y: float, inner: float, z: float, sign: int, sight: _Sight, rng) -> list:
    """What stands along the road behind its strips, low things at `inner`, tall ones from `y`."""
    near, far = sight.car[0] - 55, sight.car[0] + 55
    if kind == "houses":
        surfaces, x = [], near
        while x < far:
            wide, back = rng.uniform(9, 20), y + sign * rng.choice([0, 0, 1.5, 4])
            texture = textures.facade(int(rng.integers(12)))
            corners = [(x, back, z), (x + wide, back, z), (x + wide, back, z + 9), (x, back, z + 9)]
            offset = (rng.random(), 0)
            surfaces.append(quad(corners, texture, metres=(12.0, 9.0), offset=offset))
            deep = back + sign * 9
            side = [(x, back, z), (x, deep, z), (x, deep, z + 9), (x, back, z + 9)]
            surfaces.append(quad(side, colour=(0.35, 0.33, 0.3)))
            x += wide + rng.choice([0, 0, 3.0])
        return surfaces
    if kind == "wall":
        grey = textures.ground("concrete", int(rng.integers(6)))
        corners = [(near, inner, z), (far, inner, z), (far, inner, z + 2.1), (near, inner, z + 2.1)]
        piers = [
            box((x, inner - 0.15, z), (x + 0.3, inner + 0.15, z + 2.3), (0.3, 0.29, 0.27))
            for x in np.arange(near, far, 3.5)
        ]
        return [quad(corners, grey), *merge(piers)]
    if kind == "fence":
        paint = tuple(np.array([0.1, 0.14, 0.12]) * rng.uniform(0.6, 3))
        bars = [
            box((x, inner - 0.02, z), (x + 0.035, inner + 0.02, z + 1.25), paint)
            for x in np.arange(near, far, 0.22)
        ]
        rails = [
            box((near, inner - 0.02, z + h), (far, inner + 0.02, z + h + 0.05), paint)
            for h in (0.15, 1.15)
        ]
        return merge(bars + rails) + _back("houses", y + sign * 9, inner, z, sign, sight, rng)
    if kind == "hedge":
        trees = _back("trees", y + sign * 6, inner, z, sign, sight, rng)
        return hedge(near, far, inner, z, sight, rng) + trees
    if kind == "rail":
        return _rail(near, far, sign * (abs(inner) - 15.3), rng)
    surfaces = []
    for x in np.arange(near, far, 5.0):
        place = np.array([x + rng.uniform(-2, 2), y + sign * rng.uniform(0, 4), z + 2], np.float32)
        if not sight.matters(*place[:2]):
            continue
        leaves = leaves_of(int(rng.integers(8, 12)), 6.0, 4.0, 5.5, 900)
        green = np.array([0.07, 0.1, 0.04]) * rng.choice([0.8, 1.0, 1.25])
        surfaces += foliage(leaves, place, rng.uniform(0, 6), green)
    return merge(surfaces)


def _rail(x0: float, x1: float, y: float, rng) -> list[Surface]:
    """A steel crash barrier: a beam with two waves on posts."""
    steel = tuple(np.array([0.36, 0.37, 0.38]) * rng.uniform(0.7, 1.1))
    wave = list(zip((0, 0.07, 0.07, 0, 0.07, 0.07, 0), np.arange(9, 16) * 0.05, strict=True))
    beam = []
    for (a, low), (b, high) in zip(wave[:-1], wave[1:], strict=True):
        corners = [(x0, y + a, low), (x1, y + a, low), (x1, y + b, high), (x0, y + b, high)]
        beam.append(quad(corners, colour=steel))
    posts = [
        box((x, y - 0.16, 0), (x + 0.1, y - 0.06, 0.72), steel) for x in np.arange(x0, x1, 2.0)
    ]
    return merge(beam + posts)


def _furniture(site: Site, edges, camera: Camera, pose: Pose, rng) -> list[Surface]:
    """Trees, lamp posts, signs and bollards that leave the line of sight free."""
    clear, surfaces = _Sight(camera, pose), []
    for _ in range(rng.poisson(site.trees)):
        sign = rng.choice([0, 1])
        y = edges[sign] + (2 * sign - 1) * rng.uniform(1.0, 4.5)
        x = pose.x + rng.uniform(-30, 30)
        if clear.free(x, y, 2.2) and clear.matters(x, y):
            surfaces += tree(x, y, rng)
    for _ in range(rng.poisson(site.posts)):
        sign = rng.choice([0, 1])
        y = edges[sign] + (2 * sign - 1) * rng.uniform(0.4, 1.2)
        x = pose.x + rng.uniform(-25, 25)
        if clear.free(x, y, 0.3):
            surfaces += post(x, y, rng)
    return surfaces


def post(x: float, y: float, rng: np.random.Generator) -> list[Surface]:
    """A lamp post, a sign on a pole, a bollard or a traffic-signal post."""
    kind = rng.integers(4)
    grey = tuple(np.array([0.3, 0.3, 0.3]) * rng.uniform(0.4, 1.6))
    if kind == 0:
        return [pole(x, y, 0.1, 9.0, grey)]
    if kind == 1:
        colour = [(0.02, 0.09, 0.4), (0.5, 0.04, 0.04), (0.6, 0.6, 0.58), (0.6, 0.42, 0.02)]
        plate = colour[rng.integers(4)]
        tall = rng.uniform(2.0, 2.8)
        board = box((x - 0.03, y - 0.35, tall - 0.6), (x, y + 0.35, tall + 0.1), plate)
        return [pole(x, y, 0.04, tall, grey), board]
    if kind == 2:
        return [pole(x, y, 0.07, 0.9, (0.45, 0.44, 0.42))]
    light = box((x - 0.15, y - 0.15, 3.2), (x + 0.15, y + 0.15, 4.1), (0.03, 0.03, 0.03))
    return [pole(x, y, 0.07, 4.0, grey), light]


def surroundings(camera: Camera, pose: Pose, rng: np.random.Generator) -> list[Surface]:
    """Everything around a pass whose middle is `pose`, seen by `camera`."""
    site = SITES[camera.site]
    right, left = -(site.lanes - site.left) * 3.5 - 0.5, site.left * 3.5 + 0.5
    shift = rng.uniform(0, textures.ROAD_LENGTH)
    picture = textures.road(rng, site.lanes, site.left > 0, rng.uniform(0.42, 0.56))
    x0, x1 = pose.x - REACH, pose.x + REACH
    corners = [(x0, right, 0), (x1, right, 0), (x1, left, 0), (x0, left, 0)]
    metres = (textures.ROAD_LENGTH, left - right)
    carriageway = quad(corners, picture, metres=metres, offset=(shift / metres[0], 0))
    return [
        carriageway,
        *_side(site.right_side, site.right_back, right, -1, camera, pose, rng),
        *_side(site.left_side, site.left_back, left, 1, camera, pose, rng),
        *_furniture(site, (right, left), camera, pose, rng),
    ]
