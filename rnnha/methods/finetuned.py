"""RNN-HA from a checkpoint that was trained before, on another set: as it is, or trained on.

Trained on, it keeps backbone, GRU and attention; both heads begin anew, since coarse classes and
vehicles are this set's. The recipe is stage 1's, as it stands.
"""

from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rnnha import experiments
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import of
from rnnha.methods.network import Network, load_checkpoint
from rnnha.paths import ASSETS, sha256
from rnnha.profiles import Phase, Scale

if TYPE_CHECKING:
    from rnnha.runs.run import Run

SHIPPED = ASSETS / "rnn_ha_rendered.safetensors"


class FineTuned(Network, name="fine-tuned"):
    """All of the checkpoint but its heads, then stage 1 on this set."""

    starts_from_stage0 = False
    starts_from_checkpoint = True

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return super().settings(run) | {"checkpoint": describe(run.start)}

    def begin(self) -> None:
        from rnnha.models import checkpoint

        checkpoint.load_all_but_heads(self.model, self.run.start)

    def seen(self, vehicles: int) -> list[dict]:
        return [*seen_by(self.run.start), *super().seen(vehicles)]


class Given(FineTuned, name="given"):
    """The checkpoint itself. Nothing is trained, and its own image size is the row's."""

    learns = needs_coarse = seeded = False

    @classmethod
    def phases(cls, row: Row, scale: Scale) -> tuple[Phase, ...]:
        return ()

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return {"phases": [], "checkpoint": describe(run.start)}

    def fit(self, train: pd.DataFrame) -> list[dict]:
        self.adopt(self.run.start)
        return []


def describe(checkpoint: Path) -> dict:
    """What a run's configuration says of the checkpoint: row, sha256, seen."""
    info = load_checkpoint(checkpoint)[1]
    return {"row": info["row"], "sha256": sha256(checkpoint), "seen": seen_by(checkpoint)}


def seen_by(checkpoint: Path) -> list[dict]:
    """The sets of vehicles that a checkpoint has learned from, see `Network.seen`.

    Those written before it was recorded tell how many vehicles alone, but for the shipped one.
    """
    info = load_checkpoint(checkpoint)[1]
    shipped = Path(checkpoint).resolve() == SHIPPED
    name = "rendered-veri" if shipped else "a set that it does not name"
    before = {"dataset": name, "synthetic": shipped, "vehicles": info["vehicles"]}
    return info.get("seen", [before])


def expect_fitting(checkpoint: Path, row: Row, scale: Scale, profile: str) -> None:
    """Raise DataError unless a checkpoint holds the row's network at this scale, and what
    `load_checkpoint` raises for a file that holds none."""
    info = load_checkpoint(checkpoint)[1]
    theirs = experiments.row(info["row"])
    same = ("steps", "attention", "variant")
    fits = of(theirs).has_steps and all(getattr(theirs, k) == getattr(row, k) for k in same)
    sizes = ("backbone", "image_size", "state_width")
    if fits and all(info[name] == getattr(scale, name) for name in sizes):
        return
    found = f"{theirs.title} on {_told(*(info[name] for name in sizes))}"
    wanted = f"RNN-HA on {_told(*(getattr(scale, name) for name in sizes))}"
    raise DataError(
        f"{checkpoint} is {found}; {row.title} at profile {profile} goes on from {wanted}: give "
        "such a checkpoint, or the profile that this one was trained with"
    )


def _told(backbone: str, size: int, width: int) -> str:
    return f"{backbone} at {size} pixels with states of {width}"
