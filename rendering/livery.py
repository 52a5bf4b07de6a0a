"""The identity cues: large, of everyday kinds, on every side of a vehicle.

Each vehicle has two accent colours that stand out from its paint and return in most of its cues,
as on the vehicles of a firm, so that pictures from different sides have something in common. Two
vehicles of one model and paint differ on every side by the kinds of their cues or their colours.
(A slant of one bar shows the first of its two colours alone; what that leaves alike, docs/data.md
says. The sets are frozen.)
"""

import numpy as np

from rendering.identity import Cue
from rendering.materials import BOARDS, PAINTS
from rendering.panels import COLORS, has_bonnet
from rendering.templates import Model

CONTRAST = 0.28  # least difference of a channel, in the picture's own scale of 0 to 1
LOYALTY = 0.85  # share of colours that are one of the vehicle's two accents


def draw_cues(model: Model, paint: str, rng: np.random.Generator) -> tuple[Cue, ...]:
    """Five to eight cues: two on the front, two on the rear, one or two on each side, often one
    above."""
    free = free_colors(model, paint)
    accents = [free[i] for i in rng.choice(len(free), 2, replace=False)]

    def colors(count: int) -> tuple[str, ...]:
        loyal = rng.random(count) < LOYALTY
        return tuple(
            accents[rng.choice(2, p=(0.6, 0.4))] if mine else free[rng.integers(len(free))]
            for mine in loyal
        )

    def add(kind: str, *faces: str) -> None:
        cues.append(place(kind, faces, colors(2), rng))

    cues: list[Cue] = []
    nose = ["bonnet", "bonnet"] if has_bonnet(model) else ["brow", "brow"]
    for kind in _some(rng, ["sun strip", "bumper corners", "stickers", *nose], 2):
        add(kind, "front")
    for kind in _some(rng, ["tailgate", "tailgate", "rear strip", "bumper corners", "stickers"], 2):
        add(kind, "rear")
    flanks = ["door", "band", "slant", "tail half"]
    if rng.random() < 0.6:
        add(_some(rng, flanks, 1)[0], "left", "right")
    else:
        for face in ("left", "right"):
            add(_some(rng, flanks, 1)[0], face)
    if rng.random() < 0.4:
        add("wheel covers", "left", "right")
    above = ["roof", "roof"] + ([] if model.load or model.bed else ["luggage", "flags"])
    if rng.random() < 0.6:
        add(_some(rng, above, 1)[0])
    return tuple(cues)


def free_colors(model: Model, paint: str) -> list[str]:
    """The colours that stand out from all of the vehicle's grounds."""
    grounds = [PAINTS[paint][0]]
    if model.load and model.load.kind in BOARDS:
        grounds.append(BOARDS[model.load.kind])
    return [n for n in COLORS if all(contrast(COLORS[n], g) >= CONTRAST for g in grounds)]


def _some(rng: np.random.Generator, kinds: list[str], count: int) -> list[str]:
    """`count` different kinds; one that is listed twice is twice as likely to come first."""
    shuffled = [kinds[i] for i in rng.permutation(len(kinds))]
    return list(dict.fromkeys(shuffled))[:count]


def place(
    kind: str, faces: tuple[str, ...], colors: tuple[str, ...], rng: np.random.Generator
) -> Cue:
    """One cue of a kind on these faces, in the first of `colors` or both, its details drawn."""

    def pick(*values):
        return values[rng.integers(len(values))]

    where: dict[str, object] = {"faces": faces, "colors": colors}
    if kind == "sun strip":
        where |= {"size": pick(0.22, 0.30), "colors": colors[:1]}
    elif kind == "bonnet":
        where |= {"shape": pick("whole", "stripes", "middle"), "colors": colors[:1]}
    elif kind in ("brow", "bumper corners", "door", "tailgate"):
        where["colors"] = colors[:1]
        if kind == "door":
            where["which"] = int(rng.integers(3))
    elif kind == "stickers":
        places = [(-1, 0), (-1, 1), (0, 0), (0, 1), (1, 0), (1, 1)]
        chosen = rng.choice(len(places), int(rng.integers(2, 4)), replace=False)
        where |= {"size": pick(0.17, 0.21), "places": tuple(places[i] for i in sorted(chosen))}
    elif kind == "band":
        where |= {"size": pick(0.28, 0.38), "place": pick(0.0, 0.5, 1.0), "colors": colors[:1]}
    elif kind == "slant":
        where |= {
            "size": pick(0.08, 0.12),
            "place": pick(0.3, 0.5, 0.7),
            "count": pick(1, 2),
            "lean": pick("forward", "backward"),
        }
    elif kind == "tail half":
        where |= {"place": pick(0.45, 0.6), "colors": colors[:1]}
    elif kind == "wheel covers":
        where["colors"] = colors[:1]
    elif kind == "rear strip":
        where |= {"size": pick(0.28, 0.4), "place": pick("top", "bottom"), "colors": colors[:1]}
    elif kind == "roof":
        where |= {"shape": pick("whole", "whole", "stripe"), "colors": colors[:1]}
    elif kind == "luggage":
        where["y"] = pick(-0.15, 0.0, 0.15)
        where["colors"] = colors[: int(rng.integers(1, 3))]
    elif kind == "flags":
        where["at"] = pick(0.5, 1.0)
    return Cue(kind, tuple(sorted(where.items())))


def contrast(a: tuple[float, float, float], b: tuple[float, float, float]) -> float:
    """The largest difference of two linear colours in a channel, on the picture's scale."""
    encoded = np.array([a, b]) ** (1 / 2.2)
    return float(np.abs(encoded[0] - encoded[1]).max())
