"""Pictures, masks and cameras of the rendered sets."""

import io
import os

import numpy as np
import pytest

pytest.importorskip("mitsuba", reason="the optional extra that renders is not installed")

from PIL import Image
from scipy.spatial import cKDTree

from rendering import (
    bodies,
    camera,
    cues,
    dataset,
    develop,
    identity,
    livery,
    panels,
    plan,
    scene,
    shot,
    things,
    world,
)
from rendering.camera import CAMERAS, Camera, Pose, crop_around, project, view
from rendering.recipes import recipe
from rnnha.data.archives import unpack
from rnnha.data.sets import SETS
from rnnha.files import DataError

GREY = {"type": "twosided", "bsdf": {"type": "diffuse"}}
ORIGIN = Pose(0.0, 0.0, 0.0)


def watcher(x: float, y: float, z: float) -> Camera:
    return Camera(0, (x, y, z), 1500, (1, 1, 1), 1, 1, 0.5, 0.01, "street")


def block(low, high, role="body", cue="", material=GREY) -> bodies.Part:
    solid = things.box(low, high, (0.5, 0.5, 0.5))
    cue = identity.Cue(cue) if role == "cue" else None
    return bodies.Part("block", solid.vertices, solid.faces, None, None, material, role, cue)


def crop_of(body, viewer, pose=ORIGIN):
    return crop_around(viewer, pose.apply(body.outline), 192, np.random.default_rng(0))


LIGHT = scene.draw_light("overcast", np.random.default_rng(0))


def masks_of(body, crop, others=(), surfaces=(), pose=ORIGIN):
    """(cues, vehicle) of a vehicle among other things."""
    built = scene.build([(body, pose), *others], list(surfaces), LIGHT, crop)
    cues, vehicle = scene.masks(built, body, pose, crop)
    return cues.any(0), vehicle


def wall(viewer: Camera, share: float):
    """A wide wall across the line of sight, `share` of the way to the vehicle."""
    eye = np.array(viewer.position, float)
    middle, across = eye * (1 - share), np.cross(eye, (0, 0, 1))
    across *= 20 / np.linalg.norm(across)
    corners = [middle - across, middle + across, middle + across, middle - across]
    corners = np.array(corners) + [(0, 0, -9), (0, 0, -9), (0, 0, 9), (0, 0, 9)]
    faces = np.array([(0, 1, 2), (0, 2, 3)], np.uint32)
    return scene.surface(things.Surface(corners.astype(np.float32), faces))


@pytest.mark.parametrize(
    ("place", "heading", "side"),
    [
        ((10, 0), 0, "front"),
        ((-10, 0), 0, "rear"),
        ((0, 10), 0, "left"),
        ((0, -10), 0, "right"),
        ((7, 7), 0, "front-left"),
        ((-7, -7), 0, "rear-right"),
        ((0, 10), 90, "front"),
        ((10, 0), 90, "right"),
        ((-10, 1), 180, "front"),
        ((10, 10), 180, "rear-right"),
    ],
)
def test_view_names_the_side_that_faces_the_camera(place, heading, side):
    assert view(watcher(*place, 5), Pose(0, 0, np.deg2rad(heading))) == side


def test_a_point_on_the_line_of_sight_projects_to_the_middle():
    flat = project(watcher(10, 0, 0), (0, 0, 0), np.array([(0, 0, 0), (0, 1, 0), (0, 0, 1)]))
    # seen from +x, y runs to the right and z upwards; 1 m at 10 m is a tenth
    assert np.allclose(flat, [(0, 0), (0.1, 0), (0, -0.1)])


def test_projection_agrees_with_the_renderer():
    body = scene.Body([block((-2, -0.8, 0.0), (2, 0.8, 1.5))])
    pose, viewer = Pose(1.0, -2.0, 0.4), watcher(11, 7, 5)
    crop = crop_of(body, viewer, pose)
    _, mask = masks_of(body, crop, pose=pose)
    flat = project(viewer, crop.target, pose.apply(body.outline))
    scale = crop.size[0] / (crop.right - crop.left)
    low = (flat.min(0) - (crop.left, crop.top)) * scale
    high = (flat.max(0) - (crop.left, crop.top)) * scale
    rows, columns = np.nonzero(mask)
    found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    expected = np.clip([*low, *high], 0, [*crop.size, *crop.size])
    assert np.abs(np.array(found) - expected).max() <= 1.5
    assert max(crop.size) == 192


def test_two_renders_are_equal_bit_for_bit():
    body = scene.Body([block((-2, -0.8, 0.2), (2, 0.8, 1.5))])
    light = scene.draw_light("sun", np.random.default_rng(1))
    crop = crop_of(body, watcher(12, 5, 5))
    first, again, other = (
        scene.radiance(scene.build([(body, ORIGIN)], [], light, crop), light, seed)
        for seed in (3, 3, 9)
    )
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_white_plane_is_about_one_in_sun_and_overcast():
    floor = things.quad([(-9, -9, 0), (9, -9, 0), (9, 9, 0), (-9, 9, 0)], colour=(1.0, 1.0, 1.0))
    body = scene.Body([block((-0.1, -0.1, 0), (0.1, 0.1, 0.2))])
    box = scene.Body([block((-2, -2, 0), (2, 2, 0.1))])
    for name in ("sun", "overcast"):
        light = scene.draw_light(name, np.random.default_rng(2))
        crop = crop_of(box, watcher(6, 1, 9))
        built = scene.build([(body, ORIGIN)], [scene.surface(floor)], light, crop)
        image = scene.radiance(built, light, 0)
        assert 0.8 < np.median(image) < 1.2, name


def test_denoising_takes_grain_off_and_keeps_an_edge():
    rng = np.random.default_rng(0)
    truth = np.full((60, 60, 3), 0.2, np.float32)
    truth[:, 30:] = 0.7
    noisy = [truth + rng.normal(0, 0.05, truth.shape).astype(np.float32) for _ in range(2)]
    clean = scene.denoise(*noisy)
    plain = (noisy[0] + noisy[1]) / 2
    inner = np.s_[5:-5, 5:-5]
    assert np.abs(clean - truth)[inner].mean() < 0.5 * np.abs(plain - truth)[inner].mean()
    assert clean[10:50, 31].mean() - clean[10:50, 28].mean() > 0.45


def test_glass_counts_for_the_vehicle_but_does_not_hide_a_cue():
    pane = block((1.0, -1, 0), (1.02, 1, 1), "glass", material={"type": "thindielectric"})
    sticker = block((0.8, -0.2, 0.4), (0.82, 0.2, 0.6), "cue", "sticker")
    body, viewer = scene.Body([pane, sticker]), watcher(9, 0.5, 1.5)
    crop = crop_of(body, viewer)
    cue, vehicle = masks_of(body, crop)
    assert cue.sum() > 100 and vehicle.mean() > 0.7
    opaque = scene.Body([block((1.0, -1, 0), (1.02, 1, 1)), sticker])
    assert not masks_of(opaque, crop)[0].any()


def test_each_cue_has_a_layer_of_its_own_on_each_side():
    """Two slabs on the flanks are one cue, a box on the roof another; seen from the left."""
    stripe = identity.Cue("band", (("colors", ("red",)), ("faces", ("left", "right"))))
    lamp = identity.Cue("roof", (("colors", ("blue",)),))
    parts = [block((-2, -0.8, 0), (2, 0.8, 1.5))]
    for y in (0.8, -0.82):
        slab = things.box((-1, y, 0.4), (1, y + 0.02, 0.8), (0.5, 0.5, 0.5))
        parts.append(
            bodies.Part("slab", slab.vertices, slab.faces, None, None, GREY, "cue", stripe)
        )
    top = things.box((-0.2, -0.2, 1.5), (0.2, 0.2, 1.8), (0.5, 0.5, 0.5))
    parts.append(bodies.Part("top", top.vertices, top.faces, None, None, GREY, "cue", lamp))
    body = scene.Body(parts)
    assert body.marks == [(stripe, "left"), (stripe, "right"), (lamp, "above")]
    viewer = watcher(1, 12, 3)
    crop = crop_of(body, viewer)
    built = scene.build([(body, ORIGIN)], [], LIGHT, crop)
    layers, vehicle = scene.masks(built, body, ORIGIN, crop)
    left, right, above = (int(layer.sum()) for layer in layers)
    assert right == 0 and left > 4 * above > 100
    assert not (layers[0] & layers[2]).any()
    image = np.where(layers[0][..., None], (200, 20, 20), (90, 100, 110)).astype(np.uint8)
    assert shot.in_sight(image, layers, vehicle, body.marks) == (
        ("band red", "left", left, 110),
        ("roof blue", "above", above, 0),
    )


def test_mud_in_front_hides_a_cue_and_is_part_of_the_vehicle():
    body = scene.Body(
        [block((-1, -1, 0), (1, 1, 1)), block((1, -0.2, 0.4), (1.02, 0.2, 0.6), "cue", "sticker")]
    )
    mud = scene.Body([block((1.03, -0.5, 0.2), (1.04, 0.5, 0.8))])
    crop = crop_of(body, watcher(9, 0.5, 1.5))
    built = scene.build([(body, ORIGIN), (mud, ORIGIN)], [], LIGHT, crop)
    layers, vehicle = scene.masks(built, body, ORIGIN, crop, mud)
    assert not layers.any() and vehicle.mean() > 0.5
    without = scene.build([(body, ORIGIN)], [], LIGHT, crop)
    layers, alone = scene.masks(without, body, ORIGIN, crop)
    assert layers.any() and np.mean(alone != vehicle) < 0.02


def test_other_vehicles_hide_cues_and_vehicle():
    decal = block((1, -0.2, 0.4), (1.02, 0.2, 0.6), "cue")
    body = scene.Body([block((-1, -1, 0), (1, 1, 1)), decal])
    before = scene.Body([block((3, -3, 0), (3.5, 3, 3))])
    crop = crop_of(body, watcher(12, 0, 1))
    assert masks_of(body, crop)[0].any()
    cue, vehicle = masks_of(body, crop, others=[(before, ORIGIN)])
    assert not cue.any() and not vehicle.any()


@pytest.mark.parametrize("kind", cues.DRAW)
def test_each_kind_of_cue_alone_has_a_mask_unless_something_is_in_front(kind):
    """A brow stands where there is no bonnet, all else on the first model that has one."""
    models = recipe("rendered-veri").models
    model = next(m for m in models if panels.has_bonnet(m) == (kind != "brow"))
    face = {
        **dict.fromkeys(("door", "band", "slant", "tail half", "wheel covers"), "left"),
        **dict.fromkeys(("tailgate", "rear strip"), "rear"),
    }.get(kind, "front")
    cue = livery.place(kind, (face,), ("red", "white"), np.random.default_rng(5))
    vehicle = identity.Vehicle(1, model.name, model.paint, (cue,))
    body = scene.Body(bodies.parts(model, vehicle))
    x, y = {"front": (11, 2), "rear": (-11, 2), "left": (3, 11)}[face]
    viewer = watcher(x, y, 5)
    crop = crop_of(body, viewer)
    assert masks_of(body, crop)[0].any()
    assert not masks_of(body, crop, surfaces=[wall(viewer, 0.4)])[0].any()
    without = scene.Body(bodies.parts(model, vehicle, ()))
    assert not masks_of(without, crop)[0].any()


def test_nothing_but_a_chosen_occluder_stands_in_the_line_of_sight():
    for viewer in CAMERAS:
        rng = np.random.default_rng([3, viewer.number])
        pose = camera.first_pose(viewer, rng)
        eye, car = np.array(viewer.position), np.array([pose.x, pose.y, 0.9])
        ray = np.linspace(0.05, 0.9, 40)[:, None] * (car - eye) + eye
        # boxes, poles and leaves have a plain colour; grounds and fronts are textured quads
        plain = [s for s in world.surroundings(viewer, pose, rng) if s.texture is None]
        things = cKDTree(np.concatenate([s.vertices for s in plain]))
        assert things.query(ray)[0].min() > 0.5


def test_the_day_does_not_look_at_the_vehicle(monkeypatch):
    """Two vehicles of one model that draw the same day have the same about them."""
    name = "rendered-veri-dev"
    one, other = list(plan.vehicles(name).values())[:2]
    assert one.model == other.model and one.cues != other.cues

    def day(vehicle, seed):
        monkeypatch.setattr(dataset, "generator", lambda *key: np.random.default_rng(seed))
        return dataset._day(name, vehicle.vehicle_id, 1).outline

    assert np.array_equal(day(one, 3), day(other, 3))
    assert not np.array_equal(day(one, 3), day(one, 4))


def test_without_its_cues_a_vehicle_stands_in_the_same_frame():
    """Luggage stands above the roof; without it a frame of its own would be lower, and every edge
    would be taken for a cue."""
    name = "rendered-veri"
    shots = plan.plan(name).query("split == 'test'")
    high = next(
        vehicle
        for vehicle in shots["vehicle_id"].unique()
        if any(cue.kind == "luggage" for cue in plan.vehicles(name)[vehicle].cues)
    )
    chosen = shots[shots["vehicle_id"] == high].iloc[0]
    own, bare = (
        dataset.render_one(name, high, int(chosen.shot), cues=cues, masks=False).image
        for cues in (None, ())
    )
    assert own.shape == bare.shape
    top, bottom = own[: len(own) // 4].astype(int), own[-len(own) // 8 :].astype(int)
    assert np.abs(top - bare[: len(own) // 4]).max() > 40  # the luggage
    assert np.median(np.abs(bottom - bare[-len(own) // 8 :])) <= 3  # the road below it


def test_a_shot_can_be_made_again_and_matches_the_shipped_one():
    name = "rendered-veri"
    try:
        folder = unpack(SETS[name])
    except DataError as error:
        (pytest.fail if "RNNHA_REQUIRE_RENDER" in os.environ else pytest.skip)(str(error))
    chosen = plan.plan(name).query("split == 'test'").iloc[5]
    made = dataset.render_one(name, int(chosen.vehicle_id), int(chosen.shot))
    with Image.open(folder / dataset.image_path(name, chosen)) as image:
        shipped = np.asarray(image).astype(int)
    with Image.open(folder / dataset.mask_path("cues", chosen)) as image:
        mask = np.asarray(image)
    assert made.image.shape == shipped.shape
    develop.save_jpeg(made.image, fresh := io.BytesIO())
    with Image.open(fresh) as image:
        assert np.abs(np.asarray(image).astype(int) - shipped).mean() < 1
    assert (made.cues != mask).mean() < 0.002
