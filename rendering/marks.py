"""The simple cues of the study (docs/study.md): square marks that are a vehicle's own, the same on
all its sides, and discs that stand beside them for one pass and tell nobody's identity.

Each side has a grid of cells; a mark or a disc stands in the middle of one. Where it reaches into
the next cell, it lies above or below what is there, discs below all marks.
"""

from dataclasses import dataclass

import numpy as np

from rendering.identity import Cue
from rendering.livery import free_colors
from rendering.mesh import Sheet, carve, lift
from rendering.panels import LIFT, belt, colored, side_limits
from rendering.surface import anchor, surface
from rendering.templates import Model

SIDES = ("front", "rear", "left", "right")
COLUMNS, ROWS = 4, 2
CELLS = COLUMNS * ROWS


@dataclass(frozen=True)
class Marks:
    """What a vehicle of a study's set has on each side: own marks, and discs of the day.

    size: of both, metres.
    """

    size: float = 0.30
    own: int = 2
    passing: int = 1

    def draw(self, model: Model, paint: str, rng: np.random.Generator) -> tuple[Cue, ...]:
        """The vehicle's own marks: cells and colours, the same on every side."""
        free = free_colors(model, paint)
        cells = sorted(rng.choice(CELLS, self.own, replace=False).tolist())
        own = [(cell, free[rng.integers(len(free))]) for cell in cells]
        return tuple(
            Cue("mark", tuple(sorted(where.items())))
            for side in SIDES
            for cell, color in own
            for where in [{"faces": (side,), "colors": (color,), "cell": cell, "size": self.size}]
        )

    def today(
        self, model: Model, paint: str, own: tuple[Cue, ...], rng: np.random.Generator
    ) -> list[tuple[Sheet, dict]]:
        """The discs of a pass, where the vehicle has no mark of its own; (sheet, material)."""
        free, taken, pieces = free_colors(model, paint), {}, []
        for cue in own:
            where = dict(cue.where)
            taken.setdefault(where["faces"][0], set()).add(where["cell"])
        for side in SIDES:
            left = [k for k in range(CELLS) if k not in taken.get(side, ())]
            for cell in rng.choice(left, self.passing, replace=False).tolist():
                color = free[rng.integers(len(free))]
                disc = patch(model, side, cell, self.size, np.hypot, below=True)
                pieces.append((disc, colored(color)))
        return [(sheet, material) for sheet, material in pieces if len(sheet)]


def mark(model: Model, w: dict) -> list[tuple[Sheet, dict]]:
    """A vehicle's own square."""
    sheet = patch(model, w["faces"][0], w["cell"], w["size"], _square)
    return [(sheet, colored(w["colors"][0]))] if len(sheet) else []


def _square(u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.maximum(np.abs(u), np.abs(v))


def patch(model: Model, side: str, cell: int, size: float, norm, below: bool = False) -> Sheet:
    """The surface within size / 2 of the middle of a cell, by a norm of the tangent plane.

    It lies a little higher than that of any cell that it can reach, and than all that are `below`.
    """
    row, column = divmod(cell, COLUMNS)
    across, up = (column + 0.5) / COLUMNS, (row + 0.5) / ROWS
    if side in ("left", "right"):
        s0, s1, z0, z1 = side_limits(model)
        a, z = s0 + across * (s1 - s0), z0 + up * (z1 - z0)
    else:
        z0 = model.shape.bottom + 0.15
        z1 = model.load.z1 if side == "rear" and model.load else belt(model) + 0.25
        a, z = (across - 0.5) * 0.86 * model.width, z0 + up * (z1 - z0)
    at = anchor(model, side, a, z)
    near = at.near(surface(model), size)
    inside, _ = carve(
        near, lambda p: np.maximum(norm(*at.plane(p)) - size / 2, 0.3 - at.facing(p)), 4, 0.03
    )
    layer = 2 * (row % 2) + column % 2 + (0 if below else 4)
    return lift(inside, (2.2 + 0.3 * layer) * LIFT)
