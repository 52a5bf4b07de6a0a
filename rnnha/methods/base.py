"""What a runner asks of every system in the tables, and what a system says of itself.

A method embeds images, and is then ranked by the Euclidean distance of its L2-normalised
embeddings, or it has a distance of its own. What is heavy to import (torch) is imported in the
functions that need it: tables and plans ask a class what it is, and must not wait for that.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from rnnha import experiments
from rnnha.experiments import Row
from rnnha.profiles import Phase, Scale

if TYPE_CHECKING:
    from rnnha.runs.run import Run

Counts = tuple[int, int, int]  # training images, vehicles, coarse classes
_CLASSES: dict[str, type["Method"]] = {}


class Method:
    """A system for one run. A subclass says its name: `class Oracle(Method, name="oracle")`.

    seeded: its numbers depend on the seed; one run is enough where they do not.
    learns: it needs training images.
    needs_coarse: and they need coarse labels.
    has_weights: it leaves weights that `export`, `cross` and `compare` can take.
    starts_from_stage0: it goes on from a backbone that was trained on identities.
    starts_from_checkpoint: it goes on from a network that was trained before, on any set.
    embeds: it embeds images; the others compare them without.
    has_steps: it has the states o1 and o2, which are scored one by one, and maps.
    """

    name: ClassVar[str]
    seeded: ClassVar[bool] = True
    learns: ClassVar[bool] = True
    needs_coarse: ClassVar[bool] = False
    has_weights: ClassVar[bool] = False
    starts_from_stage0: ClassVar[bool] = False
    starts_from_checkpoint: ClassVar[bool] = False
    embeds: ClassVar[bool] = True
    has_steps: ClassVar[bool] = False

    #: Distances float32 [Q, G] between the images of two manifests, which have the image's file
    #: name as column `name`; None: those of the embeddings `o2`.
    distance: Callable[[pd.DataFrame, pd.DataFrame], np.ndarray] | None = None
    #: What it computed in: of `profiles.PRECISIONS`, None where nothing was trained.
    precision: str | None = None

    def __init_subclass__(cls, name: str | None = None, **rest):
        super().__init_subclass__(**rest)
        if name is None:  # what methods share
            return
        if (other := _CLASSES.get(name)) is not None and other.__module__ != cls.__module__:
            raise TypeError(f"two methods are called {name!r}: {other} and {cls}")
        cls.name = name
        _CLASSES[name] = cls

    def __init__(self, run: "Run"):
        self.run = run

    @classmethod
    def phases(cls, row: Row, scale: Scale) -> tuple[Phase, ...]:
        """How it is trained; none for a system that is not."""
        return ()

    @classmethod
    def images_for(cls, run: "Run") -> int:
        """How many images it is trained on."""
        return len(run.benchmark.train)

    @classmethod
    def learned(cls, dataset: str, counts: Counts) -> Counts:
        """What it learns from for a data set of this name; counts: the set's own training part."""
        return counts

    @classmethod
    def lacks(cls, dataset: str) -> str:
        """What it needs beside a data set of this name and its weights, and is not there, with what
        to do; empty where nothing is."""
        return ""

    @classmethod
    def given(cls, dataset: str) -> Path | None:
        """Weights from elsewhere that it takes on this data set in place of training, where
        somebody has put some."""
        return None

    @classmethod
    def settings(cls, run: "Run") -> dict:
        """What decides its numbers, for `config.json`."""
        return {}

    @classmethod
    def takes(cls, row: Row) -> tuple[Row, ...]:
        """The rows whose finished runs, of the same set and seed, it takes; beside its stage 0."""
        return ()

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Learn from the training manifest; return the history, one dict per epoch."""
        return []

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """`o2` float32 [N, D], the embedding, and whatever else there is to look at.

        Empty for a system that compares images without embedding them.
        """
        return {}


def of(row: Row) -> type[Method]:
    """The class of a row's method; KeyError for one that is unknown."""
    if row.method not in _CLASSES:
        raise KeyError(
            f"row {row.slug}: unknown method {row.method!r}; known: {', '.join(sorted(_CLASSES))}"
        )
    return _CLASSES[row.method]


def needed(row: Row) -> list[Row]:
    """All rows whose runs come before this row's, each after what it needs itself."""
    first = [stage0_of(row), *of(row).takes(row)]
    return list(dict.fromkeys(r for each in first if each for r in [*needed(each), each]))


def stage0_of(row: Row) -> Row | None:
    """The run whose weights a row starts from; None for a row that starts from nothing."""
    if row.kind == "stage" or not of(row).starts_from_stage0:
        return None
    return experiments.start_of(row)
