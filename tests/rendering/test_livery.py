"""The identity cues (no renderer needed)."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy.spatial import cKDTree

from rendering import bodies, cues, identity, livery, panels, plan, seen
from rendering.catalogue import VERI_MODELS
from rendering.materials import PAINTS
from rendering.recipes import recipe
from rendering.surface import surface

NAME = "rendered-veri-dev"
SIDES = ("front", "rear", "left", "right")
FACES = {
    **dict.fromkeys(("sun strip", "bonnet", "brow", "bumper corners", "stickers"), ("front",)),
    **dict.fromkeys(("tailgate", "rear strip"), ("rear",)),
    **dict.fromkeys(("roof", "luggage", "flags"), ()),
}
STAND_OUT = {"luggage": 0.5, "flags": 0.6, "wheel covers": 0.6}  # metres from the body


@pytest.fixture(scope="module")
def fleet():
    return list(plan.vehicles(NAME).values())


def on(vehicle, face, details=False):
    """What a picture of that side shows: kinds and colours, and how they are placed."""
    placed = [(cue.kind, dict(cue.where)) for cue in vehicle.cues]
    found = []
    for kind, where in placed:
        if face in where["faces"]:
            # One bar has one colour, though two are drawn for it.
            shown = where["colors"][: where["count"]] if kind == "slant" else where["colors"]
            rest = {k: v for k, v in where.items() if k not in ("colors", "faces")}
            found.append((kind, shown, str(rest) if details else ""))
    return sorted(found)


def test_every_vehicle_has_cues_on_every_side(fleet):
    assert len(fleet) >= 810
    for vehicle in fleet:
        assert all(on(vehicle, face) for face in SIDES), vehicle
        assert len(on(vehicle, "front")) == len(on(vehicle, "rear")) == 2
    assert {cue.kind for vehicle in fleet for cue in vehicle.cues} == set(cues.DRAW)


@pytest.mark.parametrize(
    ("name", "sides", "alike"),
    [("rendered-veri", 9, []), ("rendered-vehicleid", 7, [("right", 494, 509)])],
)
def test_two_of_a_model_and_paint_differ_on_every_side_but_where_it_is_told(name, sides, alike):
    """As docs/data.md tells it: by kinds and seen colours, and by what else a side shows."""
    of_the_set = set(plan.plan(name)["vehicle_id"])
    shared = {False: {}, True: {}}
    for vehicle in plan.vehicles(name).values():
        for face in SIDES if vehicle.vehicle_id in of_the_set else ():
            for details, groups in shared.items():
                key = vehicle.model, vehicle.paint, face, str(on(vehicle, face, details))
                groups.setdefault(key, []).append(vehicle.vehicle_id)
    several = {
        details: [(key[2], *group) for key, group in groups.items() if len(group) > 1]
        for details, groups in shared.items()
    }
    assert len(several[False]) == sides and several[True] == alike


def test_no_cue_has_nearly_the_colour_of_what_it_is_on(fleet):
    boxes = {model.name for model in VERI_MODELS if model.load and model.load.kind == "box"}
    for vehicle in fleet:
        grounds = [PAINTS[vehicle.paint][0]]
        if vehicle.model in boxes:
            grounds.append((0.66, 0.66, 0.64))  # whatever the cab's paint, the box is nearly white
        for cue in vehicle.cues:
            for color in dict(cue.where)["colors"]:
                for ground in grounds:
                    one, other = (np.array(c) ** (1 / 2.2) for c in (panels.COLORS[color], ground))
                    assert 255 * np.abs(one - other).max() > 70, (vehicle.model, color)
    assert boxes


def test_the_same_vehicles_are_drawn_again(fleet):
    made = recipe(NAME)
    again = identity.fleet(made.models, made.per_model, 211, livery.draw_cues)
    assert [(v.model, v.paint, v.cues) for v in again] == [
        (v.model, v.paint, v.cues) for v in fleet
    ]


def skin(model):
    """Points of the body's surface, a few centimetres apart."""
    corners, rng = surface(model)[..., :3], np.random.default_rng(0)
    edges = corners[:, 1:] - corners[:, :1]
    areas = np.linalg.norm(np.cross(edges[:, 0], edges[:, 1]), axis=1)
    chosen = rng.choice(len(corners), 200_000, p=areas / areas.sum())
    u, v = rng.random((2, len(chosen), 1))
    u, v = np.where(u + v > 1, (1 - u, 1 - v), (u, v))
    return corners[chosen, 0] + u * edges[chosen, 0] + v * edges[chosen, 1]


@pytest.mark.parametrize("kind", cues.DRAW)
def test_every_kind_of_cue_is_drawn_at_the_surface(kind):
    rng = np.random.default_rng(5)
    cue = livery.place(kind, FACES.get(kind, ("left", "right")), ("red", "white"), rng)
    drawn = 0
    for model in (VERI_MODELS[i] for i in (0, 3, 13, 16)):  # sedan, SUV, bus, box lorry
        if kind in ("luggage", "flags") and (model.load or model.bed):
            continue
        if kind == ("brow" if panels.has_bonnet(model) else "bonnet"):
            continue
        vehicle = identity.Vehicle(1, model.name, model.paint, (cue,))
        parts = [p for p in bodies.parts(model, vehicle) if p.role == "cue"]
        assert parts and all(p.cue.kind == kind for p in parts), model.name
        points = np.concatenate([p.vertices for p in parts])
        assert np.isfinite(points).all()
        far = cKDTree(skin(model)).query(points)[0].max()
        assert far < STAND_OUT.get(kind, 0.06), model.name
        drawn += 1
    assert drawn


def test_the_set_is_as_its_recipe_says():
    shots = plan.plan(NAME)
    per_vehicle = shots.groupby("vehicle_id").agg(split=("split", "nunique"), n=("image", "size"))
    assert (per_vehicle["split"] == 1).all() and (per_vehicle["n"] == 8).all()
    assert shots.groupby("split")["vehicle_id"].nunique().to_dict() == {"test": 210, "train": 600}
    test = shots[shots["split"] == "test"]
    assert (test.groupby(["vehicle_id", "camera"]).size() == 2).all()
    assert (test.groupby("vehicle_id")["query"].sum() == 4).all()  # one of each camera
    assert shots["image"].is_unique


def test_look_alikes_are_two_vehicles_of_one_model_paint_and_side():
    shots = plan.plan(NAME).set_index(["vehicle_id", "shot"])
    pairs = seen.pairs(NAME, 30)
    assert len(set(pairs)) == 30
    for (_, *one), (_, *other) in pairs:
        assert one[0] != other[0]
        alike = shots.loc[[tuple(one), tuple(other)]]
        assert alike[["model", "paint", "view"]].drop_duplicates().shape[0] == 1
        assert (alike["split"] == "test").all()


def test_what_differs_is_counted_in_pixels_and_spots():
    bare = np.full((40, 40, 3), 100, np.uint8)
    image = bare.copy()
    image[2:6, 2:6, 1] = 150  # a spot of 16
    image[20:22, 20:22] = 80  # one of 4, by just as much as counts
    image[30, 30:33] = 255  # 3 are no spot
    image[10, 10] = 119  # too little
    assert seen.differing(image, bare, 40) == (16 + 4 + 3, 2)
    assert seen.differing(bare, bare, 40) == (0, 0)
