"""Bodies, catalogue and identities of the rendered vehicles (no renderer needed)."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

pytest.importorskip("scipy")

from rendering import bodies, cues, features, identity  # noqa: E402
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


@pytest.mark.parametrize("kind", cues.KINDS)
def test_every_kind_of_cue_lies_at_the_surface(kind):
    rng = np.random.default_rng(5)
    face = {"rear sticker": "rear", "windshield sticker": "front", "bumper patch": "front"}
    cue = identity.place_cue(CAR, CAR.paint, kind, face.get(kind, "left"), rng)
    drawn = [p for p in bodies.parts(CAR, vehicle(CAR, cue)) if p.role == "cue"]
    assert drawn and all(p.cue.kind == kind for p in drawn)
    points = np.concatenate([p.vertices for p in drawn])
    assert np.isfinite(points).all()
    samples = surface(CAR)[..., :3]
    samples = np.concatenate([samples.reshape(-1, 3), samples.mean(axis=1)])
    distance = cKDTree(samples).query(points)[0]
    solid = {
        "dashboard object": 0.5,
        "ornament": 0.45,
        "roof rack": 0.35,
        "roof box": 0.5,
        "taxi sign": 0.25,
        "mirror cover": 0.35,
    }
    assert distance.max() < solid.get(kind, 0.12)  # vertices of the skin are up to 10 cm apart


def test_patches_lie_outside_by_millimetres():
    at = anchor(CAR, "left", 2.4, 0.6)
    sheet = cues.rectangle(CAR, at, 0.3, 0.3)
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


@pytest.mark.parametrize(("side", "forward"), [("left", 1), ("right", -1)])
def test_lettering_reads_from_left_to_right(side, forward):
    """An L has its stem on the reader's left: forward on a left side, backward on a right one."""
    at = anchor(CAR, side, 2.4, 0.6)
    sheet = cues.lettering_sheet(CAR, at, "L", 0.3, 1.0)
    upper = sheet[sheet[..., 2].mean(axis=1) > np.median(sheet[..., 2])]
    middle = (sheet[..., 0].max() + sheet[..., 0].min()) / 2
    assert (upper[..., 0].mean() - middle) * forward > 0.02
    outward = 1 if side == "left" else -1
    assert np.sign(sheet[..., 1]).mean() == outward and (sheet[..., 4] * outward > 0).all()


def test_fleet_is_deterministic_and_shares_the_paint():
    fleet = identity.fleet(VERI_MODELS, 8, seed=3)
    assert fleet == identity.fleet(VERI_MODELS, 8, seed=3)
    assert fleet != identity.fleet(VERI_MODELS, 8, seed=4)
    assert [v.vehicle_id for v in fleet] == list(range(1, 8 * len(VERI_MODELS) + 1))
    for model in VERI_MODELS:
        own = [v for v in fleet if v.model == model.name]
        assert sum(v.paint == model.paint for v in own) == 6
        looks = [(v.paint, v.cues) for v in own]
        assert len(set(looks)) == len(looks)
    assert all(3 <= len(v.cues) <= 6 for v in fleet)
    assert {c.kind for v in fleet for c in v.cues} == set(cues.KINDS)
    counted = identity.fleet(VERI_MODELS[:2], {m.name: 2 for m in VERI_MODELS[:2]}, seed=3)
    assert len(counted) == 4


def test_nothing_but_cues_separates_vehicles_of_a_model_and_paint():
    first, second = [v for v in identity.fleet((CAR,), 8, seed=0) if v.paint == CAR.paint][:2]
    plain, other = bodies.parts(CAR, first, ()), bodies.parts(CAR, second, ())
    assert [p.name for p in plain] == [p.name for p in other]
    for a, b in zip(plain, other, strict=True):
        assert np.array_equal(a.vertices, b.vertices) and a.material == b.material
        assert a.role != "cue"
    # and the cues themselves leave the body as it is, the plates aside
    dressed = {p.name: p for p in bodies.parts(CAR, first) if p.role != "cue"}
    for part in plain:
        if not part.name.startswith("plate"):
            assert np.array_equal(dressed[part.name].vertices, part.vertices)
    repainted = bodies.parts(CAR, replace(first, paint="red"), ())
    changed = {a.name for a, b in zip(plain, repainted, strict=True) if a.material != b.material}
    assert changed == {"paint"}
