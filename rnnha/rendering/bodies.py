"""Vehicles as triangle meshes: lofted bodies with every feature cut out of their skin."""

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from rnnha.rendering import features, fittings
from rnnha.rendering.materials import MATERIALS, paint
from rnnha.rendering.mesh import EMPTY, Sheet, split
from rnnha.rendering.templates import Model


@dataclass(frozen=True)
class Part:
    """A mesh with one material.

    vertices float32 ``[V, 3]`` in metres (x forward, y left, z up, origin on the ground below
    the middle), faces uint32 ``[F, 3]``, normals float32 ``[V, 3]``, uv float32 ``[V, 2]`` or
    None (v counts upwards), material a mitsuba BSDF dictionary (textures as ``mi.Bitmap`` need a
    variant to be set), role "body", "glass" or "cue", cue the kind of cue."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray | None
    uv: np.ndarray | None
    material: dict = field(repr=False)
    role: str = "body"
    cue: str = ""


def part(name: str, sheet: Sheet, material: dict, role: str = "body", cue: str = "",
         uv: np.ndarray | None = None) -> Part:
    """A Part from a sheet ``[F, 3, 8]``; uv ``[F, 3, 2]``."""
    vertices = sheet[..., :3].reshape(-1, 3).astype(np.float32)
    normals = sheet[..., 3:6].reshape(-1, 3)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    return Part(name, vertices, np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3),
                normals.astype(np.float32),
                None if uv is None else uv.reshape(-1, 2).astype(np.float32), material, role, cue)


@lru_cache(maxsize=None)
def skin(model: Model) -> Sheet:
    """The outer surface that features and cues are cut from, wheel arches open."""
    return features.skin(model)


@lru_cache(maxsize=None)
def _model_sheets(model: Model) -> dict[str, Sheet]:
    """Every material of a model and its sheet, without the plates."""
    layers = features.layers(model, skin(model))
    for material, sheet in fittings.fittings(model, skin(model)):
        layers.setdefault(material, []).append(sheet)
    return {name: np.concatenate(sheets) for name, sheets in layers.items()}


def parts(model: Model, vehicle, cues=None) -> list[Part]:
    """The parts of a vehicle. cues: None for its own, () for the vehicle without any."""
    from rnnha.rendering.cues import cue_parts

    cues = vehicle.cues if cues is None else cues
    result = []
    for name, sheet in _model_sheets(model).items():
        material = paint(vehicle.paint) if name == "paint" else MATERIALS[name]
        if len(sheet):
            role = "glass" if name in ("glass", "privacy") else "body"
            result.append(part(name, sheet, material, role))
    return result + cue_parts(model, vehicle.paint, cues)
