"""What a vehicle has about it on one day: it varies from pass to pass and tells nobody's identity.

Mud, people, a sunshade, papers and parcels stand where cues stand and look like some of them, so
that attention has something to ignore. They are drawn from the model and the pass alone. Sheets
come with mitsuba BSDF dictionaries, as in `panels`.
"""

import numpy as np

from rendering.features import screen_field
from rendering.materials import gloss, matte
from rendering.mesh import Sheet, blob, box, lift
from rendering.panels import LIFT, belt, both, region, side_limits, station
from rendering.templates import Model

MUD = ((0.20, 0.15, 0.10), (0.13, 0.11, 0.09), (0.30, 0.27, 0.22))
CLOTHES = (
    (0.50, 0.50, 0.48),
    (0.03, 0.03, 0.04),
    (0.35, 0.05, 0.05),
    (0.06, 0.10, 0.30),
    (0.10, 0.25, 0.14),
    (0.55, 0.40, 0.12),
    (0.30, 0.30, 0.32),
)
SKIN, HAIR = ((0.42, 0.26, 0.18), (0.24, 0.14, 0.09)), (0.03, 0.025, 0.02)
SHADES = ((0.62, 0.63, 0.64), (0.62, 0.63, 0.64), (0.10, 0.22, 0.42), (0.45, 0.10, 0.08))
Pieces = list[tuple[Sheet, dict]]


def today(model: Model, rng: np.random.Generator) -> Pieces:
    """All that one pass of a vehicle of this model has about it; may be empty."""
    pieces = people(model, rng)
    if rng.random() < 0.55:
        pieces += film(model, rng)
    for _ in range(rng.choice(4, p=(0.4, 0.3, 0.2, 0.1))):
        pieces += splash(model, rng)
    if rng.random() < 0.15:
        pieces += sunshade(model, rng)
    if rng.random() < 0.35:
        pieces += papers(model, rng)
    if model.back and rng.random() < 0.35:
        pieces += parcel(model, rng)
    return [(sheet, material) for sheet, material in pieces if len(sheet)]


def _one_of(rng: np.random.Generator, values):
    return values[rng.integers(len(values))]


def _through(color, opacity: float) -> dict:
    return {"type": "mask", "opacity": opacity, "bsdf": matte(color)}


def _waves(rng: np.random.Generator, count: int = 5):
    """A smooth random field over a sheet, about -1 to 1, some decimetres from hill to hill."""
    waves = rng.normal(0, 7.0, (count, 3))
    phases = rng.uniform(0, 2 * np.pi, count)
    return lambda p: np.sin(p[..., :3] @ waves.T + phases).mean(-1) * 2.0


def film(model: Model, rng: np.random.Generator) -> Pieces:
    """Dust and road dirt on the lower body, all around, with an uneven upper edge."""
    edge = model.shape.bottom + rng.uniform(0.15, 0.45)
    waves = _waves(rng)
    dirt = region(model, lambda p: both(p[..., 2] - edge - 0.10 * waves(p), p[..., 5] - 0.5), 1)
    return [(dirt, _through(_one_of(rng, MUD), rng.uniform(0.3, 0.65)))]


def splash(model: Model, rng: np.random.Generator) -> Pieces:
    """A spot of mud or lime on a flank, the tail or the bonnet."""
    s0, s1, z0, z1 = side_limits(model)
    waves, size = _waves(rng), rng.uniform(0.10, 0.24)
    place = rng.choice(["left", "right", "rear", "front"])
    if place in ("left", "right"):
        side = 1 if place == "left" else -1
        s, z = rng.uniform(s0, s1), rng.uniform(z0, z1)

        def field(p):
            apart = np.hypot(station(model, p) - s, p[..., 2] - z)
            return both(apart - size * (1 + 0.5 * waves(p)), 0.35 - side * p[..., 4])
    else:
        sign = 1 if place == "front" else -1
        y = rng.uniform(-0.7, 0.7) * model.width / 2
        z = rng.uniform(model.shape.bottom + 0.1, belt(model))

        def field(p):
            apart = np.hypot(p[..., 1] - y, p[..., 2] - z)
            return both(apart - size * (1 + 0.5 * waves(p)), 0.3 - sign * p[..., 3])

    color = _one_of(rng, (*MUD, (0.5, 0.5, 0.47)))
    return [(region(model, field, 2), matte(color))]


def people(model: Model, rng: np.random.Generator) -> Pieces:
    """The driver, and now and then others, on the seats of `fittings.interior`."""
    first, shape = model.windows[0][0], model.shape
    sill = float(shape.belt_at(first))
    across = (-0.36, 0.36) if shape.width < 2.2 else (-0.75, 0.75)
    rows = [first + 0.95] + ([first + 1.85] if model.windows[-1][1] > first + 2.1 else [])
    pieces = []
    for number, (s, y) in enumerate((s, y) for s in rows for y in across[::-1]):
        if number and rng.random() > 0.3:  # the first is the driver, on the left
            continue
        x, tall = model.length / 2 - s + 0.16, rng.uniform(0.94, 1.06)
        body = blob((x, y, sill + 0.02), (0.24, 0.44, 0.5 * tall), 0.6, 10)
        head = blob((x + 0.02, y, sill + 0.38 * tall), (0.19, 0.16, 0.23), 0.9, 10)
        hair = blob((x - 0.02, y, sill + 0.43 * tall), (0.2, 0.175, 0.2), 0.9, 10)
        clothes, skin = _one_of(rng, CLOTHES), _one_of(rng, SKIN)
        pieces += [(body, matte(clothes)), (head, matte(skin)), (hair, matte(HAIR))]
    return pieces


def sunshade(model: Model, rng: np.random.Generator) -> Pieces:
    """A sheet of foil behind the lower part of the windscreen."""
    screen, (low, high, _) = screen_field(model, True), model.screen
    top = low + rng.uniform(0.55, 0.8) * (high - low)
    foil = region(model, lambda p: both(screen(p), p[..., 2] - top))
    return [(lift(foil, -0.04), gloss(_one_of(rng, SHADES), 0.4))]


def papers(model: Model, rng: np.random.Generator) -> Pieces:
    """A sheet of paper or a card behind the windscreen, or under a wiper."""
    screen, (low, high, _) = screen_field(model, True), model.screen
    y = rng.uniform(-0.7, 0.7) * model.width / 2
    wide, tall = rng.uniform(0.07, 0.16), rng.uniform(0.08, 0.2)
    z = low + 0.1 * (high - low) + tall / 2

    def field(p):
        return both(screen(p), np.abs(p[..., 1] - y) - wide / 2, np.abs(p[..., 2] - z) - tall / 2)

    outside = rng.random() < 0.4
    color = _one_of(rng, ((0.7, 0.7, 0.68), (0.6, 0.5, 0.2), (0.55, 0.2, 0.18), (0.2, 0.35, 0.5)))
    return [(lift(region(model, field), LIFT if outside else -0.02), matte(color))]


def parcel(model: Model, rng: np.random.Generator) -> Pieces:
    """A bag or a box behind the rear window."""
    low = model.back[0]
    x = -model.length / 2 + (model.length - model.windows[-1][1]) + rng.uniform(0.0, 0.25)
    y = rng.uniform(-0.45, 0.45) * model.width / 2
    size = (0.3, rng.uniform(0.25, 0.5), rng.uniform(0.16, 0.3))
    shape = box if rng.random() < 0.5 else blob
    sheet = shape((x, y, low + size[2] / 2 - 0.02), size)
    return [(sheet, matte(_one_of(rng, CLOTHES)))]
