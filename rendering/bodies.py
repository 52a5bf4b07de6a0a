"""Vehicles as triangle meshes: lofted bodies with every feature cut out of their skin."""

from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np

from rendering import features, fittings
from rendering.cues import cue_sheets
from rendering.identity import Cue
from rendering.materials import MATERIALS, paint
from rendering.mesh import Sheet
from rendering.plates import plates
from rendering.surface import skin
from rendering.templates import Model


@dataclass(frozen=True)
class Part:
    """A mesh with one material.

    vertices float32 ``[V, 3]`` in metres (x forward, y left, z up, origin on the ground below
    the middle), faces uint32 ``[F, 3]``, normals float32 ``[V, 3]``, uv float32 ``[V, 2]`` or
    None, material a mitsuba BSDF dictionary, role "body", "glass" or "cue", cue the cue that it
    belongs to."""

    name: str
    vertices: np.ndarray
    faces: np.ndarray
    normals: np.ndarray | None
    uv: np.ndarray | None
    material: dict = field(repr=False)
    role: str = "body"
    cue: Cue | None = None


def part(
    name: str, sheet: Sheet, material: dict, role: str = "body", cue: Cue | None = None
) -> Part:
    """A Part from a sheet ``[F, 3, 8]``."""
    vertices = sheet[..., :3].reshape(-1, 3).astype(np.float32)
    normals = sheet[..., 3:6].reshape(-1, 3)
    normals = normals / np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-9)
    faces = np.arange(len(vertices), dtype=np.uint32).reshape(-1, 3)
    return Part(name, vertices, faces, normals.astype(np.float32), None, material, role, cue)


@cache
def model_parts(model: Model) -> tuple[Part, ...]:
    """A part a material, in the model's main paint and without plates."""
    layers = features.layers(model, skin(model))
    for material, sheet in fittings.fittings(model, skin(model)):
        layers.setdefault(material, []).append(sheet)
    result = []
    for name, sheets in layers.items():
        sheet = np.concatenate(sheets)
        material = paint(model.paint) if name == "paint" else MATERIALS[name]
        role = "glass" if name in ("glass", "privacy") else "body"
        if len(sheet):
            result.append(part(name, sheet, material, role))
    return tuple(result)


def parts(model: Model, vehicle, cues=None) -> list[Part]:
    """The parts of a vehicle. cues: None for its own, () for the vehicle without any."""
    own_paint = paint(vehicle.paint, vehicle.shade)
    body = [replace(p, material=own_paint) if p.name == "paint" else p for p in model_parts(model)]
    own = vehicle.cues if cues is None else cues
    drawn = [
        part(f"{cue.kind} {i}", sheet, material, "cue", cue)
        for i, (cue, sheet, material) in enumerate(cue_sheets(model, tuple(own)))
    ]
    plated = plates(model, *vehicle.plate)
    return body + drawn + [part(f"plate {i}", *piece) for i, piece in enumerate(plated)]
