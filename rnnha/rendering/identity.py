"""Which vehicles exist: their model, their paint and the cues that tell them apart."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from rnnha.rendering.materials import PAINTS
from rnnha.rendering.templates import Model


@dataclass(frozen=True)
class Cue:
    """One identity cue: its kind and where and how it is drawn (sorted name-value pairs)."""

    kind: str
    where: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Vehicle:
    """One vehicle: nothing but its cues tells it from others of its model and paint."""

    vehicle_id: int
    model: str
    paint: str
    cues: tuple[Cue, ...]


def fleet(models: tuple[Model, ...], vehicles_per_model: Mapping[str, int] | int,
          seed: int) -> tuple[Vehicle, ...]:
    """The vehicles of a set, ids from 1 in the order of the models."""
    vehicles = []
    for model in models:
        count = vehicles_per_model if isinstance(vehicles_per_model, int) else (
            vehicles_per_model[model.name])
        for k in range(count):
            rng = np.random.default_rng((seed, len(vehicles)))
            others = [name for name in PAINTS if name != model.paint]
            paint = model.paint if k % 4 < 3 else others[rng.integers(len(others))]
            vehicles.append(Vehicle(len(vehicles) + 1, model.name, paint, ()))
    return tuple(vehicles)
