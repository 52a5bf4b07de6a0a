"""The experiments: a row per system, each a difference from RNN-HA with its reason, and profiles.

This is the only source of names: a row's slug is its folder, make target and command-line
name; its title is the table row (the poster's own words) and the figure legend.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields

DATASETS = ("veri", "vehicleid", "rendered-veri", "rendered-vehicleid", "photographs")


@dataclass(frozen=True)
class Row:
    """One system of a table.

    method: "network" (steps and attention then say which), "identity-only", "untrained",
        "color-histogram", "oracle"; None for a system of the poster that is not built.
    columns: what the oracle knows of a vehicle.
    """

    slug: str
    title: str
    kind: str  # "paper" | "control"
    tables: tuple[str, ...]  # the benchmarks whose table shows it: "veri", "vehicleid"
    reason: str
    method: str | None = None
    steps: str = "recurrent"
    attention: str = "guided"
    columns: tuple[str, ...] = ()


VERI, VEHICLEID, BOTH = ("veri",), ("vehicleid",), ("veri", "vehicleid")


def _published(slug: str, title: str, tables: tuple[str, ...]) -> Row:
    return Row(slug, title, "paper", tables, "the poster's number; not built")


def _row(slug: str, title: str, reason: str, kind: str = "paper", **delta) -> Row:
    return Row(slug, title, kind, BOTH, reason, **delta)


# The order is the poster's, in both tables; the controls follow.
ROWS = (
    _published("lomo", "LOMO", BOTH),
    _published("bow-cn", "BOW-CN", BOTH),
    _published("googlenet", "GoogLeNet", BOTH),
    _published("fact", "FACT", BOTH),
    _published("siamese-visual", "Siamese-Visual", VERI),
    _published("triplet", "Triplet Loss", VEHICLEID),
    _published("ccl", "CCL", VEHICLEID),
    _published("mixed-diff-ccl", "Mixed Diff+CCL", VEHICLEID),
    _published("clvr", "CLVR", VEHICLEID),
    _published("vami", "VAMI", BOTH),
    _row(
        "fc-ha", "FC-HA (w/o RNN)",
        "the GRU becomes two fully connected layers (our reading): does recurrence matter?",
        method="network", steps="fully-connected",
    ),
    _row(
        "rnn-h", "RNN-H w/o attention",
        "the attention becomes uniform, so that x2 = x1: does attention matter?",
        method="network", attention="uniform",
    ),
    _row("rnn-ha", "RNN-HA", "the paper's model", method="network"),
    _published("rnn-ha-resnet", "RNN-HA (ResNet)", VERI),
    _published("rnn-ha-672", "RNN-HA (672)", VEHICLEID),
    _published("rnn-ha-resnet-672", "RNN-HA (ResNet+672)", VEHICLEID),
    _row(
        "identity-only", "identity only, as long",
        "no coarse head, no steps, as many epochs in all: what does the longer training bring?",
        kind="control", method="identity-only",
    ),
    _row(
        "two-heads", "two plain heads",
        "neither recurrence nor attention: what does the coarse label alone bring?",
        kind="control", method="network", steps="fully-connected", attention="uniform",
    ),
    _row(
        "rnn-ha-unguided", "RNN-HA, unguided attention",
        "u is a learned constant instead of a function of o1: does the coarse step guide?",
        kind="control", method="network", attention="unguided",
    ),
    _row(
        "untrained", "untrained network",
        "RNN-HA at its initial weights: what does the architecture alone see?",
        kind="control", method="untrained",
    ),
    _row(
        "color-histogram", "colour histogram",
        "a joint HSV histogram: how far does colour alone carry?",
        kind="control", method="color-histogram",
    ),
    _row(
        "oracle-model", "oracle: model",
        "knows the model (where there is none, the type), nothing else: the end of the coarse step",
        kind="control", method="oracle", columns=("model",),
    ),
    _row(
        "oracle-model-paint", "oracle: model and paint",
        "knows model and paint, nothing else: what is left is for the small cues",
        kind="control", method="oracle", columns=("model", "paint"),
    ),
)  # fmt: skip

# The backbone on identities: a run of its own, which the network rows of one seed start from.
STAGE0 = _row(
    "stage0", "stage 0", "the backbone on identities, shared by the rows of a seed",
    kind="stage", method="identity-only",
)  # fmt: skip


@dataclass(frozen=True)
class Phase:
    """A stretch of training with a fresh optimizer. `lr` is the peak where one_cycle is set.

    flip: random horizontal flip; shift: random translation by up to so many pixels;
    jitter: random gain and offset of brightness, each up to this fraction.
    """

    epochs: int
    batch: int
    optimizer: str  # "sgd" | "adam" | "rmsprop"
    lr: float
    one_cycle: bool = False
    weight_decay: float = 0.0
    flip: bool = False
    shift: int = 0
    jitter: float = 0.0


@dataclass(frozen=True)
class Profile:
    """A scale at which every row can run; the same budget and optimizer for each row.

    image_size: pixels; widths: of the backbone's layers; state_width: of o1 and o2. A stage is
    a sequence of phases. train_vehicles, test_vehicles: only so many, for a quick look.
    """

    name: str
    image_size: int
    widths: tuple[int, int, int]
    state_width: int
    stage0: tuple[Phase, ...] = ()
    stage1: tuple[Phase, ...] = ()
    train_vehicles: int | None = None
    test_vehicles: int | None = None


def _cycle(epochs: int, lr: float) -> tuple[Phase]:
    phase = Phase(
        epochs, 32, "sgd", lr, one_cycle=True, weight_decay=5e-4, flip=True, shift=6, jitter=0.2
    )
    return (phase,)


PROFILES = {
    # Twenty epochs a stage: train accuracy saturates; with twelve the order of the rows flips.
    "rendered": Profile("rendered", 96, (32, 64, 128), 256, _cycle(20, 0.1), _cycle(20, 0.05)),
    "smoke": Profile(
        "smoke", 64, (16, 32, 64), 64, _cycle(6, 0.1), _cycle(6, 0.05), 40, 40,
    ),
}  # fmt: skip


def settings(of: Phase | Profile) -> dict:
    """The fields that differ from their defaults, as a run's configuration records them.

    A field that is added later does not change what earlier runs say of themselves.
    """
    return {
        f.name: value for f in fields(of)
        if (value := getattr(of, f.name)) != f.default and not f.name.startswith("stage")
    } | {
        f.name: [settings(phase) for phase in getattr(of, f.name)]
        for f in fields(of) if f.name.startswith("stage")
    }  # fmt: skip


def row(slug: str) -> Row:
    """The row of this slug; KeyError with all valid slugs for an unknown one."""
    return _lookup({r.slug: r for r in (*ROWS, STAGE0)}, slug, "experiment")


def profile(name: str) -> Profile:
    """The profile of this name; KeyError with all valid names for an unknown one."""
    return _lookup(PROFILES, name, "profile")


def _lookup(table: dict, name: str, what: str):
    if name not in table:
        raise KeyError(f"unknown {what} {name!r}; known: {', '.join(table)}")
    return table[name]


def runnable(dataset: str) -> list[Row]:
    """The built rows of a data set's table, in table order."""
    return [r for r in table_rows_of(dataset) if r.method]


def seeded(row: Row) -> bool:
    """Whether a row's numbers depend on the seed; one run is enough where they do not."""
    return row.method not in ("color-histogram", "oracle")


def needs_stage0(row: Row) -> bool:
    """Whether a row starts from the weights of the seed's stage 0."""
    return row.method in ("network", "identity-only") and row is not STAGE0


def targets(
    datasets: Iterable[str], slugs: Iterable[str] | None, seeds: Iterable[int]
) -> list[tuple[str, str, int]]:
    """(data set, row, seed) of every run that the tables want, stage 0 first."""
    result, chosen, seeds = [], slugs and [row(slug) for slug in slugs], tuple(seeds)
    for dataset in datasets:
        rows = [r for r in runnable(dataset) if chosen is None or r in chosen]
        if any(needs_stage0(r) for r in rows):
            rows.insert(0, STAGE0)
        for r in rows:
            result += [(dataset, r.slug, seed) for seed in (seeds if seeded(r) else seeds[:1])]
    return result


def table_rows_of(dataset: str) -> list[Row]:
    """All rows of a data set's table. A set that the poster has not uses VeRi's rows."""
    table = "vehicleid" if dataset.endswith("vehicleid") else "veri"
    return [r for r in ROWS if table in r.tables]


def table_rows(dataset: str) -> list[tuple[str, str, str]]:
    """(slug, title, kind) of each row of a data set's table, in the poster's order."""
    return [(r.slug, r.title, r.kind) for r in table_rows_of(dataset)]
