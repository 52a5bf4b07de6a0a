"""The study's marks and discs (no renderer needed)."""

import numpy as np
import pytest

pytest.importorskip("scipy")

from scipy.spatial import cKDTree

from rendering import plan
from rendering.catalogue import VERI_MODELS
from rendering.marks import CELLS, COLUMNS, SIDES, Marks, mark, patch
from rendering.mesh import refine
from rendering.surface import OUTWARD, surface


def where(cue) -> dict:
    return dict(cue.where)


def test_every_side_has_as_many_marks_as_asked_in_cells_of_their_own():
    for own in (1, 2, 4):
        cues = Marks(own=own).draw(VERI_MODELS[0], "white", np.random.default_rng(own))
        for side in SIDES:
            cells = [where(cue)["cell"] for cue in cues if where(cue)["faces"] == (side,)]
            assert len(cells) == own == len(set(cells)) and max(cells) < CELLS
        looks = {(where(cue)["cell"], where(cue)["colors"]) for cue in cues}
        assert len(looks) == own  # the same on every side


@pytest.mark.parametrize("model", VERI_MODELS, ids=lambda model: model.name)
def test_marks_lie_on_their_side_and_are_as_large_as_said(model):
    skin = cKDTree(refine(refine(surface(model)))[..., :3].reshape(-1, 3))
    for side in SIDES:
        for cell in range(0, CELLS, 3):
            sheet = patch(model, side, cell, 0.3, np.hypot)
            points, normals = sheet[..., :3].reshape(-1, 3), sheet[..., 3:6].mean((0, 1))
            assert len(points) and normals @ np.array(OUTWARD[side]) > 0
            assert np.ptp(points, axis=0).max() < 0.3 + 0.1
            assert skin.query(points)[0].max() < 0.25


def test_a_square_is_larger_than_the_disc_inside_it():
    model = VERI_MODELS[0]
    square = mark(model, {"faces": ("left",), "cell": 1, "size": 0.3, "colors": ("red",)})[0][0]
    disc = patch(model, "left", 1, 0.3, np.hypot)

    def area(sheet):
        a, b, c = np.moveaxis(sheet[..., :3], 1, 0)
        return np.linalg.norm(np.cross(b - a, c - a), axis=1).sum() / 2

    assert area(square) == pytest.approx(0.09, rel=0.15)
    assert area(disc) / area(square) == pytest.approx(np.pi / 4, rel=0.1)


@pytest.mark.parametrize("one, other", [(0, 1), (0, COLUMNS), (0, COLUMNS + 1), (1, COLUMNS)])
def test_what_reaches_into_the_next_cell_lies_in_a_layer_of_its_own(one, other):
    """On one surface the renderer would mix the two. Discs lie below every mark."""
    model = VERI_MODELS[0]

    def above(cell, of, below=False, of_below=False) -> float:
        """How much higher a piece is than another where they overlap, metres."""
        first, second = (
            refine(refine(patch(model, "left", c, 1.5, np.hypot, low)))
            for c, low in ((cell, below), (of, of_below))
        )
        middles, others = first[..., :3].mean(1), second[..., :3].mean(1)
        apart, near = cKDTree(others).query(middles)
        kept = apart < 0.02
        assert kept.sum() > 20
        rise = (middles - others[near]) * first[..., 3:6].mean(1)
        return float(np.median(rise.sum(1)[kept]))

    assert abs(above(one, other)) > 0.0008
    assert above(one, other, of_below=True) > 0.0008
    assert above(one, other, below=True) < -0.0008


def test_discs_change_from_pass_to_pass_and_keep_clear_of_the_marks():
    model, rules = VERI_MODELS[0], Marks(own=4, passing=4)
    own = rules.draw(model, "white", np.random.default_rng(0))
    passes = [rules.today(model, "white", own, np.random.default_rng(seed)) for seed in range(4)]
    squares = [mark(model, where(cue))[0][0][..., :3].mean((0, 1)) for cue in own]
    centres = [np.array([sheet[..., :3].mean((0, 1)) for sheet, _ in found]) for found in passes]
    for found in centres:
        assert len(found) == 16
        assert cKDTree(squares).query(found)[0].min() > 0.1
    assert not np.allclose(centres[0], centres[1])
    assert Marks(passing=0).today(model, "white", own, np.random.default_rng(0)) == []


def test_vehicles_of_one_model_and_paint_differ_on_every_side():
    for name in ("study-marks-low", "study-paint-high"):
        known: dict[tuple, int] = {}
        for vehicle in plan.vehicles(name).values():
            for side in SIDES:
                marks = sorted(
                    (where(c)["cell"], where(c)["colors"])
                    for c in vehicle.cues
                    if where(c)["faces"] == (side,)
                )
                key = (vehicle.model, vehicle.paint, side, tuple(marks))
                known[key] = known.get(key, 0) + 1
        assert max(known.values()) == 1


def test_how_many_wear_the_main_paint():
    share = {}
    for name in ("study-paint-low", "study-base", "study-paint-high"):
        fleet = list(plan.vehicles(name).values())
        main = {model.name: model.paint for model in VERI_MODELS}
        share[name] = np.mean([v.paint == main[v.model] for v in fleet])
    assert share["study-paint-high"] == 1
    assert share["study-base"] == pytest.approx(3 / 4, abs=0.05)
    assert share["study-paint-low"] == pytest.approx(1 / 4, abs=0.05)
