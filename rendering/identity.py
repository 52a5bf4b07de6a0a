"""Which vehicles exist: their model, their paint and the cues that tell them apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from rendering.cues import COLORS, PLATES
from rendering.materials import PAINTS
from rendering.templates import Model

SHARE = 4  # of so many vehicles of a model all but one wear its main paint


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
        details = [v for k, v in sorted(where.items()) if k not in ("faces", "s", "y", "z")]
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
    vehicles_per_model: Mapping[str, int] | int,
    seed: int,
    draw: Callable[[Model, str, np.random.Generator], tuple[Cue, ...]] | None = None,
) -> tuple[Vehicle, ...]:
    """The vehicles of a set, ids from 1 in the order of the models.

    Each is drawn by a generator of its own, keyed by (seed, index). Cues that another vehicle of
    the same model and paint already has on some side are drawn again, see `looks`. draw: the cues
    of a vehicle; None: `draw_cues`.
    """
    draw = draw or draw_cues
    vehicles: list[Vehicle] = []
    seen = set()
    for model in models:
        count = (
            vehicles_per_model
            if isinstance(vehicles_per_model, int)
            else (vehicles_per_model[model.name])
        )
        for k in range(count):
            rng = np.random.default_rng((seed, len(vehicles)))
            others = [name for name in PAINTS if name != model.paint]
            other = others[rng.integers(len(others))]
            paint = other if k % SHARE == SHARE - 1 else model.paint
            cues = draw(model, paint, rng)
            while seen & (own := {(model.name, paint, look) for look in looks(cues)}):
                cues = draw(model, paint, rng)
            seen |= own
            vehicles.append(Vehicle(len(vehicles) + 1, model.name, paint, cues))
    return tuple(vehicles)


def looks(cues: tuple[Cue, ...]) -> set[tuple]:
    """What no other vehicle of the same model and paint may have: the cues of each side, where
    they say by `faces` which sides they are on (version 2), else all of them together."""
    faces = {face for cue in cues for face in dict(cue.where).get("faces", ())}
    if not faces:
        return {cues}
    seen = [(dict(cue.where), cue.kind) for cue in cues]
    return {
        (face, *sorted((kind, w["colors"]) for w, kind in seen if face in w["faces"]))
        for face in faces
    }


def draw_cues(model: Model, paint: str, rng: np.random.Generator) -> tuple[Cue, ...]:
    """Three to six cues, so that most sides carry at least one."""
    car = model.type not in ("bus", "truck", "pickup")
    front = ["windshield sticker"] * 4 + ["dashboard object"] * 3 + ["ornament"] * 2
    front += ["bumper patch", "plate"] + (["taxi sign", "roof box", "roof rack"] if car else [])
    side = ["door decal", "door decal", "lettering", "lettering", "stripe", "dent", "scratch"]
    rear = ["rear sticker"] * 3 + ["rear bumper patch", "plate"]
    chosen = [(front[rng.integers(len(front))], "front")]
    if rng.random() < 0.35:
        chosen.append((("lettering", "stripe", "mirror cover")[rng.integers(3)], "both"))
    else:
        for name in ("left", "right"):
            chosen.append((side[rng.integers(len(side))], name))
    if rng.random() < 0.9:
        chosen.append((rear[rng.integers(len(rear))], "rear"))
    extra = [
        ("windshield sticker", "front"),
        ("dent", "left"),
        ("dent", "right"),
        ("scratch", "left"),
        ("scratch", "right"),
        ("mirror cover", "left"),
        ("plate", "front"),
        ("rear sticker", "rear"),
        ("door decal", "left"),
        ("dashboard object", "front"),
    ]
    wanted = max(3, len(chosen) + int(rng.integers(0, 3)))
    taken, kept = set(), []
    for kind, face in chosen + [extra[i] for i in rng.permutation(len(extra))]:
        name = kind.replace("rear bumper", "bumper")
        key = (name, face if name not in ("plate", "mirror cover") else "")
        if key not in taken and len(kept) < wanted:
            taken.add(key)
            kept.append(place_cue(model, paint, name, face, rng))
    return tuple(sorted(kept, key=lambda cue: (cue.kind, repr(cue.where))))


def place_cue(model: Model, paint: str, kind: str, face: str, rng: np.random.Generator) -> Cue:
    """One cue of a kind on a face, its details drawn."""

    def pick(*values):
        return values[rng.integers(len(values))]

    def between(low, high):
        return round(float(rng.uniform(low, high)), 3)

    def color(*avoid):
        return pick(*[c for c in COLORS if c not in (paint, *avoid)])

    shape = model.shape
    half = model.width / 2
    middle = (model.axles[0] + model.axles[-1]) / 2
    gap = model.axles[-1] - model.axles[0] - 2.6 * model.radius
    belt = float(shape.belt_at(middle))
    panel = shape.bottom + 0.62 * (belt - shape.bottom)
    if model.load and model.load.kind == "box":
        middle, gap = (model.load.s0 + model.load.s1) / 2, model.load.s1 - model.load.s0 - 0.6
        panel = model.load.z0 + 0.55 * (model.load.z1 - model.load.z0)
    elif model.load:
        middle, gap = (model.load.s0 + model.load.s1) / 2, model.load.s1 - model.load.s0 - 0.6
        panel = (model.load.z0 + model.load.z1) / 2 + 0.06
    scale = 1.0 if model.length < 5.4 else 1.35 if model.length < 8 else 1.9
    metal = (
        (shape.length * 0.42, shape.length * 0.62)
        if model.load
        else (middle - 0.45 * gap, middle + 0.45 * gap)
    )
    body_z = shape.bottom + 0.55 * (belt - shape.bottom)

    if kind == "windshield sticker":
        count = int(rng.integers(1, 4))
        where = {
            "y": pick(-1, 1) * between(0.46, 0.62) * half,
            "down": between(0.09, 0.16),
            "count": count,
            "size": between(0.09, 0.125),
            "aspect": pick(0.7, 1.0, 1.2),
            "round": bool(rng.random() < 0.35),
            "colors": tuple(pick("white", "red", "green", "blue", "yellow") for _ in range(count)),
        }
    elif kind == "dashboard object":
        where = {
            "y": between(-0.5, 0.5) * half,
            "object": pick("tissue box", "toy", "paper"),
            "color": color("black"),
        }
    elif kind == "ornament":
        where = {
            "y": between(-0.05, 0.05),
            "length": between(0.14, 0.22),
            "size": between(0.07, 0.11),
            "color": pick("red", "yellow", "white", "green"),
        }
    elif kind == "rear sticker":
        where = {
            "y": between(-0.5, 0.5) * half,
            "dz": between(-0.02, 0.16),
            "text": pick("", "", "BABY", "RACE", "4x4"),
            "size": between(0.14, 0.21),
            "round": bool(rng.random() < 0.5),
            "color": color("black"),
            "second": color("gray"),
        }
    elif kind == "door decal":
        first = color()
        where = {
            "side": face,
            "s": round(middle + gap * between(-0.32, 0.32), 3),
            "z": round(panel + between(-0.04, 0.05), 3),
            "size": round(between(0.28, 0.42) * scale, 3),
            "shape": pick("disc", "square", "diamond", "chevron"),
            "color": first,
            "second": color(first),
        }
    elif kind == "lettering":
        where = {
            "side": face,
            "s": round(middle + gap * between(-0.1, 0.1), 3),
            "z": round(panel + between(-0.02, 0.06), 3),
            "text": company(rng),
            "number": pick("", f"{rng.integers(200, 999)}-{rng.integers(1000, 9999)}"),
            "size": round(between(0.15, 0.22) * scale, 3),
            "width": round(min(gap * 0.9, 1.3 * scale), 3),
            "color": legible(paint, model, rng),
        }
    elif kind == "stripe":
        where = {
            "side": face,
            "s": round(middle, 3),
            "z": round(panel + between(-0.16, 0.14), 3),
            "length": round(gap * between(0.75, 1.0), 3),
            "count": int(rng.integers(1, 3)),
            "width": round(between(0.03, 0.055) * scale, 3),
            "color": color(),
        }
    elif kind == "dent":
        where = {
            "side": face,
            "s": round(between(*metal), 3),
            "z": round(body_z + between(-0.1, 0.08), 3),
            "size": between(0.30, 0.48),
            "aspect": between(0.55, 0.9),
            "depth": between(0.035, 0.06),
        }
    elif kind == "scratch":
        where = {
            "side": face,
            "s": round(between(*metal), 3),
            "z": round(body_z + between(-0.08, 0.10), 3),
            "length": between(0.45, 0.8),
            "angle": between(-0.25, 0.25),
            "count": int(rng.integers(2, 5)),
        }
    elif kind == "plate":
        where = {
            "y": pick(-1, 0, 1) * between(0.06, 0.24),
            "dz": between(-0.05, 0.08),
            "color": pick(*PLATES),
            "text": f"{rng.integers(10000, 99999)}",
        }
    elif kind == "roof rack":
        s = model.windows[0][0] + 0.75
        where = {
            "stations": tuple(round(s + k * between(0.42, 0.5), 3) for k in range(3)),
            "basket": bool(rng.random() < 0.5),
            "color": pick("black", "gray", "white"),
        }
    elif kind == "roof box":
        where = {
            "s": round(model.windows[0][0] + 1.2, 3),
            "y": pick(-0.2, 0.0, 0.2),
            "length": between(1.0, 1.4),
            "color": pick("black", "gray", "white"),
        }
    elif kind == "taxi sign":
        where = {
            "s": round(model.windows[0][0] + between(0.7, 0.95), 3),
            "width": between(0.3, 0.5),
            "color": pick("yellow", "white", "green", "blue"),
        }
    elif kind == "mirror cover":
        where = {
            "side": face if face == "both" else pick("left", "right", "both"),
            "color": color(),
        }
    else:
        rear = face == "rear"
        where = {
            "face": face,
            "y": pick(-1, 1) * between(0.3, 0.6) * half,
            "z": round((model.bumper_z + 0.1 if rear else model.lower_z + 0.12), 3),
            "width": between(0.25, 0.42),
            "height": between(0.10, 0.15),
            "color": color(),
        }
    return Cue(
        kind,
        tuple(sorted((k, float(v) if isinstance(v, np.floating) else v) for k, v in where.items())),
    )


def legible(paint: str, model: Model, rng: np.random.Generator) -> str:
    """A colour of lettering that stands out from what it is written on."""
    ground = "white" if model.load and model.load.kind == "box" else paint
    dark = ("black", "blue", "red", "green", "brown", "teal")
    light = ("white", "yellow", "cream", "orange", "pink")
    names = dark if ground in ("white", "golden", "yellow", "gray", "orange") else light
    names = [n for n in names if n != ground]
    return names[rng.integers(len(names))]


def company(rng: np.random.Generator) -> str:
    """A name such as a firm might have."""
    starts = (
        "Al",
        "Bor",
        "Cal",
        "Dan",
        "Er",
        "Fen",
        "Gar",
        "Hol",
        "In",
        "Jor",
        "Kel",
        "Lum",
        "Mar",
        "Nor",
        "Or",
        "Pel",
        "Ros",
        "Sil",
        "Tor",
        "Ur",
        "Ven",
        "Wes",
        "Yan",
        "Zel",
    )
    ends = (
        "berg",
        "co",
        "dale",
        "exa",
        "fix",
        "go",
        "link",
        "mart",
        "net",
        "ova",
        "pak",
        "ria",
        "san",
        "tec",
        "wood",
        "zen",
    )
    name = starts[rng.integers(len(starts))] + ends[rng.integers(len(ends))]
    tail = ("", "", " & Co", " Foods", " Taxi", " Post", " Bau", " 24")
    return (name.upper() if rng.random() < 0.5 else name) + tail[rng.integers(len(tail))]
