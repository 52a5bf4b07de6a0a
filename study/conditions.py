"""The conditions of docs/study.md: which set and network stand at the ends of each."""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from rendering.recipes import recipe
from rnnha import experiments
from rnnha.data import veri
from rnnha.data.manifest import Benchmark, check_side_car
from rnnha.profiles import PROFILES, Profile, settings
from rnnha.scoring.protocols import VIEWS

ROWS = ("rnn-h", "rnn-ha", "rnn-ha-unguided")
SEEDS = (0, 1, 2)
BASE = "base"


@dataclass(frozen=True)
class Level:
    """One setting of one condition.

    rendered: its set, of `rendering.recipes`. train_vehicles: only so many of them, the first of
    each model. fine_map: a map of 12 x 12 cells. views: scored within these, by the base's runs.
    """

    name: str
    rendered: str
    train_vehicles: int | None = None
    fine_map: bool = False
    views: tuple[str, ...] = ()

    @property
    def trained(self) -> str:
        """The level whose runs it is scored from."""
        return BASE if self.views else self.name


LEVELS = {
    level.name: level
    for level in (
        Level(BASE, "study-base"),
        *(
            Level(f"{what}-{end}", f"study-{what}-{end}")
            for what in ("size", "marks", "passing", "paint")
            for end in ("low", "high")
        ),
        Level("vehicles-low", "study-base", train_vehicles=75),
        Level("vehicles-high", "study-vehicles-high"),
        Level("cells-high", "study-base", fine_map=True),
        Level("views-low", "study-base", views=tuple(VIEWS)),
    )
}


@dataclass(frozen=True)
class Condition:
    """What is moved, from `low` to `high`; helped: at which end the paper's idea says that
    attention helps more. settings: what is set, from low to high, as the picture has it."""

    title: str
    low: str
    high: str
    settings: tuple[str, ...]
    helped: str
    where: str

    @property
    def other(self) -> str:
        return self.low if self.helped == self.high else self.high

    @property
    def levels(self) -> dict[str, str]:
        """Its levels from low to high, the base's among them, with what is set."""
        names = dict.fromkeys([self.low, BASE, self.high])
        return dict(zip(names, self.settings, strict=True))


CONDITIONS = (
    Condition(
        "size of a mark",
        low="size-low",
        high="size-high",
        settings=("18 cm", "30 cm", "60 cm"),
        helped="size-low",
        where="cues are small",
    ),
    Condition(
        "marks a side",
        low="marks-low",
        high="marks-high",
        settings=("1", "2", "4"),
        helped="marks-low",
        where="cues are few",
    ),
    Condition(
        "distracting marks a side",
        low="passing-low",
        high="passing-high",
        settings=("0", "1", "4"),
        helped="passing-high",
        where="there is more to leave out",
    ),
    Condition(
        "share in one paint",
        low="paint-low",
        high="paint-high",
        settings=("1/4", "3/4", "1"),
        helped="paint-high",
        where="more vehicles look alike",
    ),
    Condition(
        "training vehicles",
        low="vehicles-low",
        high="vehicles-high",
        settings=("75", "300", "600"),
        helped="vehicles-high",
        where="there are more vehicles to learn from",
    ),
    Condition(
        "cells of the map",
        low=BASE,
        high="cells-high",
        settings=("6 × 6", "12 × 12"),
        helped="cells-high",
        where="the map is finer",
    ),
    Condition(
        "query and gallery",
        low="views-low",
        high=BASE,
        settings=("one side", "any side"),
        helped="views-low",
        where="query and gallery are seen from one side",
    ),
)


def benchmark(level: Level, folder: Path) -> Benchmark:
    """The level's rendered set, read from its folder, as it is trained on."""
    whole = veri.read(folder / "VeRi", f"study-{level.name}", synthetic=True)
    check_side_car(whole)
    if level.train_vehicles is None:
        return whole
    rows = whole.manifest
    models = whole.side_car.drop_duplicates("vehicle_id").set_index("vehicle_id")["model"]
    train = rows.loc[rows["split"] == "train", "vehicle_id"].drop_duplicates()
    # The first of every model in turn, so that all models stay.
    turn = train.groupby(train.map(models)).cumcount()
    kept = set(train[turn.sort_values(kind="stable").index][: level.train_vehicles])
    chosen = (rows["split"] != "train") | rows["vehicle_id"].isin(kept)
    return replace(whole, manifest=rows[chosen].reset_index(drop=True))


def profile(level: Level, name: str = "rendered") -> Profile:
    """The profile as it is; for a fine map with the backbone whose map has four times the cells."""
    known = PROFILES[name]
    if not level.fine_map:
        return known
    return replace(known, vgg_m=replace(known.vgg_m, backbone=f"{known.vgg_m.backbone}-fine"))


def key(level: Level, name: str = "rendered") -> str:
    """What is set at a level, as a short SHA-256: its set, its network and how that is trained.

    Of the set it is the recipe, so that the key can be compared where no picture is.
    """
    drawn, scales = recipe(level.rendered), {}
    for slug in ROWS:
        scale = profile(level, name).scale(experiments.row(slug))
        stages = [[settings(phase) for phase in phases] for phases in (scale.stage0, scale.stage1)]
        scales[slug] = scale.image_size, scale.backbone, scale.state_width, stages
    kept = {
        "set": (drawn.number, drawn.train, drawn.test, drawn.other_paint, asdict(drawn.marks)),
        "models": [model.name for model in drawn.models],
        "train_vehicles": level.train_vehicles,
        "rows": scales,
        "images": profile(level, name).images,
        "seeds": SEEDS,
    }
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()[:16]
