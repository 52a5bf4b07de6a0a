"""One pass of a vehicle in front of a camera: what stands around it, and its pictures."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import binary_dilation

from rendering import scene, things, world
from rendering.camera import LANE, Camera, Pose, crop_around, project
from rendering.develop import develop

OCCLUDED = 0.14  # share of passes in which something stands partly before the vehicle


@dataclass(frozen=True)
class Setting:
    """What the frames of one pass share.

    pose: the vehicle's in the first frame; surfaces: of the surroundings, as
    meshes; traffic: pairs of another vehicle and its pose; long_side: of its pictures, in pixels;
    day: what the vehicle has about it in this pass (`today`).
    """

    camera: Camera
    pose: Pose
    light: scene.Light
    surfaces: list
    traffic: list
    long_side: int
    day: scene.Body | None


@dataclass(frozen=True)
class Pictures:
    """image uint8 [H, W, 3]; cues and vehicle bool [H, W], or None where not asked for.

    visible: of each identity cue in sight, for each side it is on: look, side, pixels, and the
    contrast to what is around it on the vehicle (levels of 255, in the channel that differs most).
    """

    image: np.ndarray
    cues: np.ndarray | None = None
    vehicle: np.ndarray | None = None
    visible: tuple[tuple[str, str, int, int], ...] = ()


def stage(
    camera: Camera,
    pose: Pose,
    light: str,
    body: scene.Body,
    neighbour: Callable[[np.random.Generator], scene.Body],
    rng: np.random.Generator,
    long_side: int,
    day: scene.Body | None = None,
) -> Setting:
    """Draw the surroundings of a pass; `neighbour` draws another vehicle."""
    surfaces = world.surroundings(camera, pose, rng)
    occluder = rng.choice(["pole", "vehicle", "branch"]) if rng.random() < OCCLUDED else ""
    traffic = []
    for wanted in ["vehicle"] * (occluder == "vehicle") + [""] * rng.choice(3, p=[0.5, 0.35, 0.15]):
        other = neighbour(rng)
        placed = [(pose, body.outline)] + [(p, q.outline) for q, p in traffic]
        where = _lane_place(camera, placed, other.outline, rng, hides=wanted == "vehicle")
        if where is not None:
            traffic.append((other, where))
    if occluder in ("pole", "branch"):
        surfaces = surfaces + _before(camera, pose.apply(body.outline), occluder, rng)
    meshes = [scene.surface(surface) for surface in surfaces]
    return Setting(camera, pose, scene.draw_light(light, rng), meshes, traffic, long_side, day)


def take(
    setting: Setting, body: scene.Body, advance: float, rng: np.random.Generator, masks: bool
) -> Pictures:
    """One frame, the vehicle `advance` metres after the first; the traffic moves along."""
    radiance, crop, built = expose(setting, body, advance, rng)
    image = develop(radiance, setting.camera, crop.native, rng)
    if not masks:
        return Pictures(image)
    layers, vehicle = scene.masks(built, body, setting.pose.ahead(advance), crop, setting.day)
    visible = in_sight(image, layers, vehicle, body.marks)
    return Pictures(image, layers.any(0), vehicle, visible)


def in_sight(image: np.ndarray, layers: np.ndarray, vehicle: np.ndarray, marks) -> tuple:
    """`Pictures.visible` from the layers of `scene.masks`."""
    plain = vehicle & ~layers.any(0)
    found = []
    for layer, (cue, side) in zip(layers, marks, strict=True):
        around = binary_dilation(layer, iterations=3) & plain
        if layer.any():
            own, other = image[layer].mean(0), image[around if around.any() else plain].mean(0)
            contrast = np.abs(own - other).max() if plain.any() else 0.0
            found.append((cue.look, side, int(layer.sum()), int(round(contrast))))
    return tuple(found)


def expose(setting: Setting, body: scene.Body, advance: float, rng: np.random.Generator):
    """The frame in linear light, float32 [H, W, 3], before the camera adds anything; its crop
    and its scene."""
    pose = setting.pose.ahead(advance)
    crop = crop_around(setting.camera, pose.apply(body.outline), setting.long_side, rng)
    own = [body] if setting.day is None else [body, setting.day]
    vehicles = [(b, pose) for b in own] + [(q, p.ahead(advance)) for q, p in setting.traffic]
    built = scene.build(vehicles, setting.surfaces, setting.light, crop)
    return scene.radiance(built, setting.light, int(rng.integers(2**31))), crop, built


def _flat_box(camera: Camera, target, points: np.ndarray) -> np.ndarray:
    flat = project(camera, target, points)
    return np.concatenate([flat.min(0), flat.max(0)])


def _covered(a: np.ndarray, b: np.ndarray) -> float:
    """Share of box a (left, top, right, bottom) that box b covers."""
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    return float(size.prod() / (a[2:] - a[:2]).prod())


def _lane_place(camera: Camera, placed: list, points: np.ndarray, rng, hides: bool) -> Pose | None:
    """A pose in some lane that touches nobody and hides the vehicle a little or not at all."""
    site, (pose, own) = world.SITES[camera.site], placed[0]
    world_own = pose.apply(own)
    target = (world_own.min(0) + world_own.max(0)) / 2
    frame = _flat_box(camera, target, world_own)
    eye = np.array(camera.position[:2])
    distance = np.hypot(*(eye - target[:2]))
    for _ in range(30):
        lane = rng.integers(-(site.lanes - site.left), site.left)
        y = (lane + 0.5) * LANE + rng.normal(0, 0.2)
        candidate = Pose(pose.x + rng.uniform(-14, 14), y, np.pi if lane >= 0 else 0.0)
        if any(_touch(candidate, points, *other) for other in placed):
            continue
        box = _flat_box(camera, target, candidate.apply(points))
        nearer = np.hypot(*(eye - (candidate.x, candidate.y))) < distance + 1
        share = _covered(frame, box) if nearer else 0.0
        too_near = np.hypot(*(eye - (candidate.x, candidate.y))) < 6
        if not too_near and (0.05 < share < 0.22 if hides else share < 0.03):
            return candidate
    return None


def _touch(a: Pose, points_a: np.ndarray, b: Pose, points_b: np.ndarray) -> bool:
    size_a, size_b = np.ptp(a.apply(points_a), axis=0), np.ptp(b.apply(points_b), axis=0)
    room = (size_a + size_b) / 2 + (1.5, 0.35, 0)
    return abs(a.x - b.x) < room[0] and abs(a.y - b.y) < room[1]


def _before(camera: Camera, points: np.ndarray, kind: str, rng: np.random.Generator) -> list:
    """A pole or a branch on the line of sight to one side of the vehicle."""
    eye = np.array(camera.position)
    low, high = points.min(0), points.max(0)
    across = np.cross([0, 0, 1], high + low - 2 * eye)
    across /= np.linalg.norm(across)
    half = np.abs((points - (low + high) / 2) @ across).max()
    side = rng.choice([-1, 1]) * rng.uniform(0.35, 0.85) * half
    share = rng.uniform(0.62, 0.78)
    if kind == "pole":
        spot = eye + share * ((low + high) / 2 + side * across - eye)
        grey = tuple(np.array([0.3, 0.3, 0.29]) * rng.uniform(0.3, 1.6))
        return [things.pole(spot[0], spot[1], rng.uniform(0.03, 0.07), 8.0, grey)]
    aim = (low + high) / 2 + (side + np.sign(side) * 0.25 * half) * across
    aim[2] = high[2] + 0.1
    return things.branch(eye + share * (aim - eye), rng)
