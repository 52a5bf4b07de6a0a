"""Which vehicles exist: their model, their paint and the cues that tell them apart."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rendering.materials import PAINTS
from rendering.templates import Model

FOUR = 4  # of so many vehicles of a model some wear another paint than its main one


@dataclass(frozen=True)
class Cue:
    """One identity cue: its kind and its placing (name-value pairs, lengths in metres)."""

    kind: str
    where: tuple[tuple[str, object], ...] = ()

    @property
    def sides(self) -> tuple[str, ...]:
        """The sides that it is on, left before right; "above" where it names none."""
        return dict(self.where).get("faces", ()) or ("above",)

    @property
    def look(self) -> str:
        """Its kind, colours and details in words, alike for cues that look alike."""
        where = dict(self.where)
        colors = where.pop("colors", ())
        details = [v for k, v in sorted(where.items()) if k not in ("faces", "y")]
        return " ".join(map(str, [self.kind, *colors, *_flat(details)]))


def _flat(values) -> list:
    return [w for v in values for w in (_flat(v) if isinstance(v, tuple) else [v])]


@dataclass(frozen=True)
class Vehicle:
    """One vehicle: nothing but its cues tells it from others of its model and paint, and a plate
    that is too small to be read. shade: of the paint, the same for all of one model and paint."""

    vehicle_id: int
    model: str
    paint: str
    cues: tuple[Cue, ...]
    shade: tuple[float, float, float] = (1.0, 1.0, 1.0)
    plate: tuple[str, str] = ("blue", "88888")  # colour and text


def fleet(
    models: tuple[Model, ...],
    per_model: int,
    seed: int,
    draw: Callable[[Model, str, np.random.Generator], tuple[Cue, ...]],
    other_paint: int = 1,
) -> tuple[Vehicle, ...]:
    """The vehicles of a set, ids from 1 in the order of the models.

    Each is drawn by a generator of its own, keyed by (seed, index). Cues that another vehicle of
    the same model and paint already has on some side are drawn again, see `looks`. draw: the cues
    of a vehicle of this model and paint. other_paint: of FOUR, how many do not wear the main one.
    """
    vehicles: list[Vehicle] = []
    seen = set()
    for model in models:
        for k in range(per_model):
            rng = np.random.default_rng((seed, len(vehicles)))
            others = [name for name in PAINTS if name != model.paint]
            other = others[rng.integers(len(others))]
            paint = other if k % FOUR >= FOUR - other_paint else model.paint
            cues = draw(model, paint, rng)
            while seen & (own := {(model.name, paint, look) for look in looks(cues)}):
                cues = draw(model, paint, rng)
            seen |= own
            vehicles.append(Vehicle(len(vehicles) + 1, model.name, paint, cues))
    return tuple(vehicles)


def looks(cues: tuple[Cue, ...]) -> set[tuple]:
    """What no other vehicle of the same model and paint may have: the kinds and colours of each
    side that some cue's `faces` names, and the cells of a study's marks."""
    faces = {face for cue in cues for face in dict(cue.where)["faces"]}
    seen = [(dict(cue.where), cue.kind) for cue in cues]
    return {
        (
            face,
            *sorted(
                (kind, w["colors"], w.get("cell", -1)) for w, kind in seen if face in w["faces"]
            ),
        )
        for face in faces
    }
