"""Bodies, catalogue and identities of the rendered vehicles (no renderer needed)."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy")

from rendering import bodies, features, identity, livery, panels, plates  # noqa: E402
from rendering.catalogue import VEHICLEID_MODELS, VERI_MODELS  # noqa: E402
from rendering.mesh import box, carve, split  # noqa: E402
from rendering.surface import anchor, surface  # noqa: E402

CAR = VERI_MODELS[0]
SAMPLE = [VERI_MODELS[i] for i in (0, 3, 13, 16)]  # sedan, SUV, bus, box lorry
TYPES = {"sedan", "suv", "van", "hatchback", "mpv", "pickup", "bus", "truck", "estate"}


def vehicle(model, *drawn, paint=None):
    return identity.Vehicle(1, model.name, paint or model.paint, tuple(drawn))


def test_catalogue_covers_the_types_and_no_model_twice():
    counts = Counter(model.type for model in VERI_MODELS)
    assert set(counts) == TYPES and min(counts.values()) >= 2
    assert len(VEHICLEID_MODELS) >= 24
    models = VERI_MODELS + VEHICLEID_MODELS
    assert len({m.name for m in models}) == len(models)
    faces = {(m.type, m.head, m.grille, m.tail) for m in VEHICLEID_MODELS}
    assert len(faces) == len(VEHICLEID_MODELS)


@pytest.mark.parametrize("model", VERI_MODELS + VEHICLEID_MODELS, ids=lambda m: m.name)
def test_loft_has_the_stated_size_and_looks_outward(model):
    shape = model.shape
    sheet = features.loft(shape)
    points = sheet[..., :3]
    assert np.isfinite(sheet).all()
    assert np.allclose(np.ptp(points.reshape(-1, 3), axis=0)[:2], [shape.length, shape.width])
    assert points[..., 2].max() == pytest.approx(shape.height, abs=0.02)
    # the divergence theorem: a closed surface with outward winding encloses its volume
    flux = np.einsum("fi,fi->f", points[:, 0], np.cross(points[:, 1], points[:, 2])).sum() / 6
    assert 0.45 < flux / (shape.length * shape.width * (shape.height - shape.bottom)) < 1.0
    area_vector = np.cross(points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]) / 2
    assert np.abs(area_vector.sum(axis=0)).max() < 0.02  # zero where nothing is open
    assert (np.einsum("fi,fi->f", area_vector, sheet[..., 3:6].mean(axis=1)) > 0).mean() > 0.97


@pytest.mark.parametrize("model", SAMPLE, ids=lambda m: m.name)
def test_parts_are_sound_meshes_standing_on_the_ground(model):
    parts = bodies.parts(model, vehicle(model))
    assert {p.role for p in parts} == {"body", "glass"}
    for part in parts:
        assert part.vertices.dtype == np.float32 and part.faces.dtype == np.uint32
        assert np.isfinite(part.vertices).all() and part.faces.max() < len(part.vertices)
        assert np.allclose(np.linalg.norm(part.normals, axis=1), 1, atol=1e-3)
    everything = np.concatenate([p.vertices for p in parts])
    assert everything[:, 2].min() == pytest.approx(0, abs=0.01)
    assert np.ptp(everything[:, 0]) == pytest.approx(model.length, abs=0.12)
    assert sum(len(p.faces) for p in parts) < 90_000


def test_cutting_keeps_the_area_and_finds_a_disc():
    sheet = box((0, 0, 0), (2, 2, 2))
    top = sheet[(sheet[..., 5] > 0.5).all(axis=1)]

    def disc(p):
        return np.hypot(p[..., 0], p[..., 1]) - 0.5

    inside, outside = carve(top, disc, levels=6, finest=0.02)
    assert _area(inside) == pytest.approx(np.pi / 4, rel=0.01)
    assert _area(inside) + _area(outside) == pytest.approx(4.0)
    left, right = split(top, top[..., 0] - 0.25)
    assert _area(left) == pytest.approx(2.5) and _area(right) == pytest.approx(1.5)


def _area(sheet):
    p = sheet[..., :3]
    return np.linalg.norm(np.cross(p[:, 1] - p[:, 0], p[:, 2] - p[:, 0]), axis=1).sum() / 2


def test_patches_lie_outside_by_millimetres():
    at = anchor(CAR, "left", 2.4, 0.6)

    def square(p):
        u, v = at.plane(p)
        return np.maximum(np.maximum(np.abs(u), np.abs(v)) - 0.15, 0.5 - at.facing(p))

    sheet = panels.region(CAR, square)
    assert np.ptp(sheet[..., 0]) == pytest.approx(0.3, abs=0.03)
    near = at.near(surface(CAR), 0.6)
    u, v = at.plane(near)
    for corner in sheet[::7, 0]:
        offset = corner[:3] - at.point
        height = _height_at(u - offset @ at.right, v - offset @ at.up, at.height(near))
        gap = offset @ at.normal - height
        assert 0.001 < gap < 0.008


def _height_at(u, v, height):
    """Height of the triangles (corners relative to the sought point) at the origin."""
    det = (v[:, 1] - v[:, 2]) * (u[:, 0] - u[:, 2]) + (u[:, 2] - u[:, 1]) * (v[:, 0] - v[:, 2])
    det = np.where(np.abs(det) < 1e-12, 1e-12, det)
    a = ((v[:, 1] - v[:, 2]) * -u[:, 2] + (u[:, 2] - u[:, 1]) * -v[:, 2]) / det
    b = ((v[:, 2] - v[:, 0]) * -u[:, 2] + (u[:, 0] - u[:, 2]) * -v[:, 2]) / det
    c = 1 - a - b
    best = np.argmax(np.minimum(np.minimum(a, b), c))
    return a[best] * height[best, 0] + b[best] * height[best, 1] + c[best] * height[best, 2]


def test_a_plate_reads_from_left_to_right():
    """An L has its stem on the reader's left: who faces a car's front has its right there."""
    letters = plates.plates(CAR, "blue", "L")[1][0]
    for end in (1, -1):
        letter = letters[letters[:, 0, 0] * end > 0]
        upper = letter[letter[..., 2].mean(axis=1) > np.median(letter[..., 2])]
        middle = (letter[..., 1].max() + letter[..., 1].min()) / 2
        assert (upper[..., 1].mean() - middle) * end < -0.01
        assert (letter[..., 3] * end > 0).all()  # it looks outward


def fleet(seed, models=VERI_MODELS):
    return identity.fleet(models, 8, seed, livery.draw_cues)


def test_fleet_is_deterministic_and_shares_the_paint():
    vehicles = fleet(3)
    assert vehicles == fleet(3) and vehicles != fleet(4)
    assert [v.vehicle_id for v in vehicles] == list(range(1, 8 * len(VERI_MODELS) + 1))
    for model in VERI_MODELS:
        own = [v for v in vehicles if v.model == model.name]
        assert sum(v.paint == model.paint for v in own) == 6
        looks = [(v.paint, v.cues) for v in own]
        assert len(set(looks)) == len(looks)
    assert all(5 <= len(v.cues) <= 8 for v in vehicles)


def test_nothing_but_cues_separates_vehicles_of_a_model_and_paint():
    first, second = [v for v in fleet(0, (CAR,)) if v.paint == CAR.paint][:2]
    plain, other = bodies.parts(CAR, first, ()), bodies.parts(CAR, second, ())
    assert [p.name for p in plain] == [p.name for p in other]
    for a, b in zip(plain, other, strict=True):
        assert np.array_equal(a.vertices, b.vertices) and a.material == b.material
        assert a.role != "cue"
    # and the cues themselves leave the body as it is
    dressed = {p.name: p for p in bodies.parts(CAR, first) if p.role != "cue"}
    for part in plain:
        assert np.array_equal(dressed[part.name].vertices, part.vertices)
    repainted = bodies.parts(CAR, replace(first, paint="red"), ())
    changed = {a.name for a, b in zip(plain, repainted, strict=True) if a.material != b.material}
    assert changed == {"paint"}
