"""From meshes, light and camera to a picture, and to the masks of the same shot (mitsuba 3)."""

from dataclasses import dataclass, replace
from functools import cached_property

import mitsuba as mi
import numpy as np
from scipy.ndimage import uniform_filter
from scipy.spatial import ConvexHull

from rendering.camera import Crop, Pose
from rendering.identity import Cue
from rendering.textures import sky

mi.set_variant("scalar_rgb")

SAMPLES = 4  # paths a pixel, twice
STRENGTH = 0.5  # of the denoiser


@dataclass(frozen=True)
class Light:
    """Sun and sky: direction of travel of the sun's rays, its irradiance, the sky's radiance."""

    direction: np.ndarray
    sun: np.ndarray
    sky: np.ndarray

    @property
    def level(self) -> float:
        """Irradiance of a horizontal plane."""
        rows = self.sky[:32].mean((1, 2))
        elevation = np.pi / 2 - (np.arange(32) + 0.5) / 64 * np.pi
        weight = np.sin(elevation) * np.cos(elevation) * np.pi / 64
        return float(2 * np.pi * (rows * weight).sum() - self.sun.mean() * self.direction[2])


def draw_light(name: str, rng: np.random.Generator) -> Light:
    """The named light with the sun somewhere: see `plan.LIGHTS`."""
    low, high, strength, colour = {
        "sun": (35, 65, 9.0, (1.05, 1.0, 0.92)),
        "low sun": (16, 28, 8.0, (1.2, 0.98, 0.72)),
        "hazy": (35, 65, 3.0, (1.03, 1.0, 0.95)),
        "overcast": (45, 60, 0.0, (1.0, 1.0, 1.0)),
    }[name]
    elevation, azimuth = np.deg2rad(rng.uniform(low, high)), rng.uniform(0, 2 * np.pi)
    flat = np.cos(elevation)
    direction = -np.array([np.cos(azimuth) * flat, np.sin(azimuth) * flat, np.sin(elevation)])
    sun = np.array(colour) * strength * rng.uniform(0.85, 1.15)
    return Light(direction, sun, sky(rng, name))


def _mesh(vertices, faces, bsdf, uv=None, normals=None) -> mi.Mesh:
    props = mi.Properties()
    props["bsdf"] = bsdf
    mesh = mi.Mesh(
        "mesh",
        len(vertices),
        len(faces),
        props=props,
        has_vertex_normals=normals is not None,
        has_vertex_texcoords=uv is not None,
    )
    buffers = mi.traverse(mesh)
    buffers["vertex_positions"] = np.ravel(vertices).astype(np.float32)
    buffers["faces"] = np.ravel(faces).astype(np.uint32)
    if normals is not None:
        buffers["vertex_normals"] = np.ravel(normals).astype(np.float32)
    if uv is not None:
        buffers["vertex_texcoords"] = np.ravel(uv).astype(np.float32)
    buffers.update()
    return mesh


def _flat(colour):
    return {
        "type": "twosided",
        "bsdf": {"type": "diffuse", "reflectance": {"type": "rgb", "value": list(colour)}},
    }


def surface(surface) -> mi.Mesh:
    """A mesh of the surroundings (`things.Surface`)."""
    material, uv = _flat(surface.colour), surface.uv
    if surface.texture is not None:
        uv = uv * (1, -1)  # mitsuba's rows run the other way
        material["bsdf"]["reflectance"] = {"type": "bitmap", "bitmap": mi.Bitmap(surface.texture)}
    return _mesh(surface.vertices, surface.faces, mi.load_dict(material), uv)


class Body:
    """A vehicle's parts (`bodies.Part`) made ready to be put into scenes, again and again.

    outline: the corners of its convex hull, float32 [N, 3], which bound it in any projection.
    """

    def __init__(self, parts):
        self.parts = parts
        vertices = np.concatenate([part.vertices for part in parts])
        self.outline = vertices[ConvexHull(vertices).vertices]

    @cached_property
    def whole(self):
        """All of it."""
        return _group(self.parts)

    @cached_property
    def bare(self):
        """Without glass and without identity cues."""
        return _group([part for part in self.parts if part.role == "body"])

    @cached_property
    def marks(self) -> list[tuple[Cue, str]]:
        """The identity cues, each once a side: "left", "right" where it is on both, else all
        that it names, or "above"."""
        own = dict.fromkeys(part.cue for part in self.parts if part.role == "cue")
        return [(cue, side) for cue in own for side in cue.sides]

    @cached_property
    def cues(self):
        """The identity cues alone, numbered by `marks` in the first texture coordinate; None
        where there are none."""
        parts = []
        for part in self.parts:
            if part.role == "cue":
                left, right = (self.marks.index((part.cue, part.cue.sides[k])) for k in (0, -1))
                uv = np.zeros((len(part.vertices), 2), np.float32)
                uv[:, 0] = np.where(part.vertices[:, 1] > 0, left, right)
                parts.append(replace(part, uv=uv))
        return _group(parts) if parts else None


def _group(parts):
    group = {"type": "shapegroup"}
    for i, part in enumerate(parts):
        material = mi.load_dict(part.material)
        group[f"part{i}"] = _mesh(part.vertices, part.faces, material, part.uv, part.normals)
    return mi.load_dict(group)


def _instances(placed) -> list:
    """Shapes that put groups at poses; a group itself must be a child of the scene too."""
    groups = {id(group): group for group, _ in placed}
    return [*groups.values(), *(_instance(group, pose) for group, pose in placed)]


def _instance(group, pose: Pose):
    turn = mi.ScalarTransform4f().rotate([0, 0, 1], float(np.rad2deg(pose.heading)))
    move = mi.ScalarTransform4f().translate([pose.x, pose.y, 0])
    return mi.load_dict({"type": "instance", "group": group, "to_world": move @ turn})


def _sensor(crop: Crop, samples: int, zoom: int = 1) -> dict:
    """The camera that sees exactly the crop: an oblique frustum, so that perspective is right."""
    width, height = crop.size
    span = crop.right - crop.left
    return {
        "type": "perspective",
        "fov": float(np.rad2deg(2 * np.arctan(span / 2))),
        "fov_axis": "x",
        "principal_point_offset_x": float((crop.left + crop.right) / 2 / span),
        "principal_point_offset_y": float((crop.top + crop.bottom) / 2 / (crop.bottom - crop.top)),
        "near_clip": 0.5,
        "to_world": mi.ScalarTransform4f().look_at(crop.camera.position, crop.target, [0, 0, 1]),
        "film": {
            "type": "hdrfilm",
            "width": zoom * width,
            "height": zoom * height,
            "pixel_format": "rgb",
            "component_format": "float32",
            "rfilter": {"type": "box"},
        },
        "sampler": {"type": "multijitter", "sample_count": samples},
    }


def _load(shapes: list, crop: Crop, samples: int, extra: dict) -> mi.Scene:
    scene = {"type": "scene", "sensor": _sensor(crop, samples), **extra}
    scene |= {f"shape{i}": shape for i, shape in enumerate(shapes)}
    return mi.load_dict(scene)


def build(vehicles, surfaces, light: Light, crop: Crop) -> mi.Scene:
    """The scene of a shot. vehicles: pairs of Body and pose; surfaces: from `surface`."""
    upright = mi.ScalarTransform4f().rotate([1, 0, 0], 90)
    extra = {
        "integrator": {"type": "path", "max_depth": 6, "rr_depth": 2},
        "sky": {"type": "envmap", "bitmap": mi.Bitmap(light.sky), "to_world": upright},
    }
    if light.sun.any():
        extra["sun"] = {
            "type": "directional",
            "direction": light.direction.tolist(),
            "irradiance": {"type": "rgb", "value": light.sun.tolist()},
        }
    shapes = surfaces + _instances([(body.whole, pose) for body, pose in vehicles])
    return _load(shapes, crop, SAMPLES, extra)


def radiance(scene: mi.Scene, light: Light, seed: int) -> np.ndarray:
    """The crop in linear light, float32 [H, W, 3]; a white horizontal plane is about 1.

    scene: from `build`, with the same light. Equal arguments give equal bits.
    """
    scale = np.float32(np.pi / light.level)
    halves = [np.array(mi.render(scene, seed=seed + i)) * scale for i in range(2)]
    return denoise(*halves)


def masks(
    scene: mi.Scene, body: Body, pose: Pose, crop: Crop, day: Body | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Which identity cues the crop shows, and where the vehicle.

    day: what is about the vehicle that day, part of it and no cue. Cues are bool [M, H, W], one
    layer for each of `body.marks`; the vehicle is bool [H, W].

    A label render, 9 rays a pixel: each ray is asked for its distance to the first thing in the
    scene and to the vehicle alone. Where both agree it sees the vehicle, glass included. If it
    then meets a cue before the body with the glass taken out, it sees that cue. A quarter of a
    pixel is enough for cues, since the edges of many are as thin, half of it for the vehicle.
    """
    other = [] if day is None else [day.whole]
    whole = _distances(_alone([body.whole, *other], pose, crop), crop)
    hit = (whole > 0) & (_distances(scene, crop) == whole)
    if body.cues is None:
        return np.zeros((0, *crop.size[::-1]), bool), _share(hit) >= 0.5
    alone = _alone([body.cues], pose, crop)
    cue, bare = (_distances(s, crop) for s in (alone, _alone([body.bare, *other], pose, crop)))
    marked = hit & (cue > 0) & ((cue < bare) | (bare == 0))
    number = _rays(alone, crop, {"type": "aov", "aovs": "mark:uv"})
    layers = [_share(marked & (number == i)) for i in range(len(body.marks))]
    # an edge that two cues share is seen, though a quarter of the pixel be no single one's
    seen = np.stack(layers)
    return (seen.sum(0) >= 0.25) & (seen == seen.max(0)) & (seen > 0), _share(hit) >= 0.5


def _alone(groups: list, pose: Pose, crop: Crop) -> mi.Scene:
    return _load(_instances([(group, pose) for group in groups]), crop, 1, {})


def _distances(scene: mi.Scene, crop: Crop) -> np.ndarray:
    """Distance to what each of 3 x 3 rays a pixel meets, 0 for nothing, float32 [3 H, 3 W]."""
    return _rays(scene, crop, {"type": "depth"})


def _rays(scene: mi.Scene, crop: Crop, integrator: dict) -> np.ndarray:
    """The first number that an integrator has for each of 3 x 3 rays a pixel."""
    sensor, integrator = mi.load_dict(_sensor(crop, 1, zoom=3)), mi.load_dict(integrator)
    # equal seeds give equal rays in every scene
    return np.array(mi.render(scene, sensor=sensor, integrator=integrator, seed=0))[..., 0]


def _share(rays: np.ndarray) -> np.ndarray:
    height, width = rays.shape
    return rays.reshape(height // 3, 3, width // 3, 3).mean((1, 3))


def denoise(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Two independent renders of one shot, float32 [H, W, 3], to one with less grain.

    Non-local means, each half weighted by patches of the other (Rousselle et al. 2012, "Adaptive
    rendering with non-local means filtering"), on square-root values, where grain is even.
    """
    halves = [np.sqrt(np.clip(half, 0, 4)).astype(np.float32) for half in (first, second)]
    noise = uniform_filter(((halves[0] - halves[1]) ** 2).mean(-1) / 2, 7) + np.float32(2e-5)
    total = np.zeros((2, *first.shape), np.float32)
    weights = np.zeros((2, *noise.shape), np.float32)
    for dy in range(-2, 3):
        for dx in range(-2, 3):
            moved = [np.roll(half, (dy, dx), (0, 1)) for half in halves]
            there = np.roll(noise, (dy, dx), (0, 1))
            for k in range(2):
                apart = ((halves[1 - k] - moved[1 - k]) ** 2).mean(-1)
                apart -= noise + np.minimum(noise, there)
                patch = uniform_filter(apart / (STRENGTH * (noise + there)), 3)
                weight = np.exp(-np.clip(patch, 0, 30))
                total[k] += weight[..., None] * moved[k]
                weights[k] += weight
    return ((total / weights[..., None]).mean(0)) ** 2
