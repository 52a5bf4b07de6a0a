"""Which sets there are: the two that are shipped, their development set, and those of the study."""

from dataclasses import dataclass

from rendering.catalogue import VEHICLEID_MODELS, VERI_MODELS
from rendering.marks import Marks


@dataclass(frozen=True)
class Recipe:
    """How large a set is: version, number, models, train and test vehicles.

    layout: "veri" (cameras of fixed places, tracks) or "vehicleid" (a new place for every image,
    front and rear). other_paint: of four vehicles of a model, how many do not wear its main paint.
    marks: a study's simple cues in place of the livery.
    """

    number: int
    layout: str
    models: tuple
    train: int
    test: int
    unlabelled: float = 0.0  # share of the train vehicles without a model label
    lists: tuple[int, ...] = ()
    other_paint: int = 1
    marks: Marks | None = None

    @property
    def per_model(self) -> int:
        """Vehicles a model, so many that train and test can be filled."""
        return -(-(self.train + self.test) // len(self.models))


def _study(number: int, train: int = 300, other_paint: int = 1, **marks) -> Recipe:
    return Recipe(
        number, "veri", VERI_MODELS, train, 120, other_paint=other_paint, marks=Marks(**marks)
    )


RECIPES = {
    "rendered-veri": Recipe(1, "veri", VERI_MODELS, 600, 210),
    "rendered-vehicleid": Recipe(2, "vehicleid", VEHICLEID_MODELS, 500, 250, 0.2, (50, 100, 200)),
    # What the sets were drawn up with: other vehicles than any that is shipped. docs/data.md.
    "rendered-veri-dev": Recipe(11, "veri", VERI_MODELS, 600, 210),
    # docs/study.md: one condition at a time is moved from the base.
    "study-dev": _study(20),
    "study-base": _study(21),
    "study-size-low": _study(22, size=0.18),
    "study-size-high": _study(23, size=0.60),
    "study-marks-low": _study(24, own=1),
    "study-marks-high": _study(25, own=4),
    "study-passing-low": _study(26, passing=0),
    "study-passing-high": _study(27, passing=4),
    "study-paint-low": _study(28, other_paint=3),
    "study-paint-high": _study(29, other_paint=0),
    "study-vehicles-high": _study(30, train=600),
}


def recipe(name: str) -> Recipe:
    """The recipe of a rendered set; KeyError names the sets that exist."""
    if name not in RECIPES:
        raise KeyError(f"no rendered set is called {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]
