"""What a vehicle has about it on one day (no renderer needed)."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy.spatial import cKDTree

from rendering import bodies, plan, today
from rendering.catalogue import VERI_MODELS
from rendering.mesh import refine
from rendering.panels import colored
from rendering.surface import surface

NAME = "rendered-veri-dev"


def drawn(model, seed):
    return today.today(model, np.random.default_rng(seed))


def corners(pieces):
    return np.concatenate([sheet[..., :3].reshape(-1, 3) for sheet, _ in pieces])


def test_it_varies_from_pass_to_pass_and_repeats_with_the_seed():
    model = VERI_MODELS[0]
    first, again, other = drawn(model, 1), drawn(model, 1), drawn(model, 2)
    assert np.array_equal(corners(first), corners(again))
    assert corners(first).shape != corners(other).shape


def test_every_pass_has_a_driver_and_most_have_more():
    for model in VERI_MODELS:
        counts = [len(drawn(model, seed)) for seed in range(12)]
        assert min(counts) >= 3, model.name  # body, head and hair of the driver
        assert np.mean(counts) > 4, model.name


@pytest.mark.parametrize("model", VERI_MODELS, ids=lambda model: model.name)
def test_nothing_floats_or_stands_out(model):
    """All is inside the vehicle, or lies on it like mud and papers."""
    skin = refine(refine(refine(surface(model))))[..., :3].reshape(-1, 3)  # a box has large faces
    low, high, tree = skin.min(0) - 0.1, skin.max(0) + 0.1, cKDTree(skin)
    for seed in range(6):
        points = corners(drawn(model, seed))
        assert (points > low).all() and (points < high).all()
    for part in (today.film, today.splash):
        found = [part(model, np.random.default_rng(seed)) for seed in range(4)]
        for pieces in found:
            points = corners(pieces)
            assert not len(points) or tree.query(points)[0].max() < 0.5


def test_paint_has_the_shade_of_model_and_colour_and_plates_differ():
    fleet = list(plan.vehicles(NAME).values())
    shades = {}
    for vehicle in fleet:
        shades.setdefault((vehicle.model, vehicle.paint), set()).add(vehicle.shade)
    assert all(len(found) == 1 for found in shades.values())
    assert len({next(iter(found)) for found in shades.values()}) == len(shades)
    assert len({vehicle.plate for vehicle in fleet}) > 0.95 * len(fleet)


def test_a_vehicle_without_cues_keeps_plate_and_paint():
    vehicle = next(iter(plan.vehicles(NAME).values()))
    model = plan.models(NAME)[vehicle.model]
    whole = {part.name: part for part in bodies.parts(model, vehicle)}
    bare = {part.name: part for part in bodies.parts(model, vehicle, cues=())}
    assert not any(part.role == "cue" for part in bare.values())
    assert bare["paint"].material == whole["paint"].material
    assert sum(name.startswith("plate") for name in bare) == sum(
        name.startswith("plate") for name in whole
    )
    assert colored("red") not in [part.material for part in bare.values()]
