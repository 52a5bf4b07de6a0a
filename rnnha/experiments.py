"""The experiments: a row per system, each a difference from RNN-HA with its reason, and profiles.

This is the only source of names: a row's slug is its folder, make target and command-line
name; its title is the table row (the poster's own words) and the figure legend.
"""

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Row:
    """One system of a table.

    method: "network" (steps and attention then say which), "identity-only", "untrained",
        "color-histogram", "oracle"; None for a system of the poster that is not built.
    backbone, pixels: the paper's names; a profile says what stands for them.
    variant: "paper", the equations, or "released", the oddities of the authors' code as well.
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
    backbone: str = "vgg-m"
    pixels: int = 224
    variant: str = "paper"
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
    Row(
        "rnn-ha-resnet", "RNN-HA (ResNet)", "paper", VERI,
        "ResNet-50 in place of VGG-M: what does a stronger backbone bring?",
        method="network", backbone="resnet-50",
    ),
    Row(
        "rnn-ha-672", "RNN-HA (672)", "paper", VEHICLEID,
        "three times as many pixels a side: what do small cues gain by being seen larger?",
        method="network", pixels=672,
    ),
    Row(
        "rnn-ha-resnet-672", "RNN-HA (ResNet+672)", "paper", VEHICLEID,
        "both at once: the paper's best row",
        method="network", backbone="resnet-50", pixels=672,
    ),
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

# The rows of the paper's ablation once more, as the released code computes them: what do its
# oddities do? They have a small table of their own.
VARIANTS = tuple(
    replace(
        r, slug=f"{r.slug}-released", title=f"{r.title}, as released", kind="variant",
        reason="with the released code's extra 1/hw, doubled first step and raw colours",
        variant="released",
    )
    for r in ROWS if r.slug in ("fc-ha", "rnn-h", "rnn-ha")
)  # fmt: skip

# The rows of the question "which part of RNN-HA matters?": the poster's and our controls.
ABLATION = tuple(r for r in ROWS if r.method and (r.backbone, r.pixels) == ("vgg-m", 224))


def _stage0(slug: str, **delta) -> Row:
    reason = "the backbone on identities: a run of its own, which the rows of a seed share"
    return _row(slug, "stage 0", reason, kind="stage", method="identity-only", **delta)


STAGES0 = (
    _stage0("stage0"),
    _stage0("stage0-672", pixels=672),
    _stage0("stage0-resnet", backbone="resnet-50"),
    _stage0("stage0-resnet-672", backbone="resnet-50", pixels=672),
    _stage0("stage0-released", variant="released"),
)
STAGE0 = STAGES0[0]


@dataclass(frozen=True)
class Phase:
    """A stretch of training with a fresh optimizer. `lr` is the peak where one_cycle is set.

    flip: random horizontal flip; shift: random translation by up to so many pixels;
    jitter: random gain and offset of brightness, each up to this fraction.
    accumulate: a batch goes through the network in so many parts whose gradients are added: as
    the whole one's, except that batch normalisation sees a part. checkpointing: ResNet-50 keeps
    only what enters each of its stages and computes the rest again: less memory, the same numbers.
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
    accumulate: int = 1
    checkpointing: bool = False


@dataclass(frozen=True)
class Scale:
    """What a row is at a profile: a network of `models.backbones` and how it is trained.

    parts_when_large: in how many parts a batch of stage 0 and of stage 1 is taken at "672".
    """

    image_size: int
    backbone: str
    state_width: int
    stage0: tuple[Phase, ...] = ()
    stage1: tuple[Phase, ...] = ()
    parts_when_large: tuple[int, int] = (1, 1)


@dataclass(frozen=True)
class Profile:
    """A scale at which every row can run.

    pixels: the image size that stands for the paper's 224 and 672. vgg_m, resnet_50: what
    stands for each backbone, at 224; rows of one backbone have the same budget and optimizer.
    train_vehicles, test_vehicles: only so many, for a quick look. pretrained: the backbones
    start from ImageNet weights, as the paper's did. seeds_of_large_rows: how many seeds the
    rows get that are larger than the ablation's; None: all.
    """

    name: str
    pixels: tuple[int, int]
    vgg_m: Scale
    resnet_50: Scale
    train_vehicles: int | None = None
    test_vehicles: int | None = None
    pretrained: bool = False
    seeds_of_large_rows: int | None = None

    def scale(self, row: Row) -> Scale:
        """What `row` is at this profile."""
        scale = {"vgg-m": self.vgg_m, "resnet-50": self.resnet_50}[row.backbone]
        if row.pixels != 672:
            return replace(scale, image_size=self.pixels[0])
        stage0, stage1 = (
            tuple(replace(phase, accumulate=parts) for phase in phases)
            for phases, parts in zip(
                (scale.stage0, scale.stage1), scale.parts_when_large, strict=True
            )
        )
        return replace(scale, image_size=self.pixels[1], stage0=stage0, stage1=stage1)


def _small(size: int, backbones: tuple[str, str], width: int, epochs: int, **limits) -> dict:
    """A laptop's profile: both backbones with one recipe, SGD with Nesterov, one cycle a stage."""
    recipe = Phase(
        epochs, 32, "sgd", 0.1, one_cycle=True, weight_decay=5e-4, flip=True, shift=6, jitter=0.2
    )
    stages = (recipe,), (replace(recipe, lr=0.05),)
    vgg_m, resnet = (Scale(size, backbone, width, *stages) for backbone in backbones)
    return dict(pixels=(size, 2 * size), vgg_m=vgg_m, resnet_50=resnet, **limits)


# The authors' code: stage 0 with Adam; stage 1 with RMSprop, started afresh at a tenth of the
# rate after ten epochs (VGG-M), or at a constant rate with batches of eight (ResNet-50).
_ADAM = Phase(40, 128, "adam", 1e-3, flip=True)
_RMSPROP = Phase(10, 64, "rmsprop", 1e-3)
# Where a step would not fit a GPU of 12 GB: batches in parts, and ResNet-50 recomputes its stages.
_RECOMPUTED = replace(_ADAM, checkpointing=True)

PROFILES = {
    # Twenty epochs a stage: train accuracy saturates; with twelve the order of the rows flips.
    "rendered": Profile(
        "rendered", **_small(96, ("small-vgg-m", "small-resnet"), 256, 20), seeds_of_large_rows=1
    ),
    "smoke": Profile(
        "smoke", **_small(64, ("tiny-vgg-m", "tiny-resnet"), 64, 6),
        train_vehicles=40, test_vehicles=40,
    ),
    "paper": Profile(
        "paper", (224, 672),
        Scale(
            224, "vgg-m", 1024, (_ADAM,), (_RMSPROP, replace(_RMSPROP, epochs=9, lr=1e-4)), (4, 2)
        ),
        Scale(
            224, "resnet-50", 2048, (_RECOMPUTED,), (replace(_RMSPROP, epochs=19, batch=8),), (8, 1)
        ),
        pretrained=True,
    ),
}  # fmt: skip
# For those who cannot get the ImageNet weights: the same from random weights, and named so.
PROFILES["paper-scratch"] = replace(PROFILES["paper"], name="paper-scratch", pretrained=False)


def settings(phase: Phase) -> dict:
    """The fields that differ from their defaults, as a run's configuration records them.

    A field that is added later does not change what earlier runs say of themselves.
    """
    values = {field.name: (getattr(phase, field.name), field.default) for field in fields(phase)}
    return {name: value for name, (value, default) in values.items() if value != default}


def row(slug: str) -> Row:
    """The row of this slug; KeyError with all valid slugs for an unknown one."""
    return _lookup({r.slug: r for r in (*ROWS, *VARIANTS, *STAGES0)}, slug, "experiment")


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


def stage0_of(row: Row) -> Row | None:
    """The run whose weights a row starts from; None for a row that starts from nothing."""
    if row in STAGES0 or row.method not in ("network", "identity-only"):
        return None
    kind = (row.backbone, row.pixels, row.variant)
    return next(s for s in STAGES0 if (s.backbone, s.pixels, s.variant) == kind)


def targets(
    datasets: Iterable[str], slugs: Iterable[str] | None, seeds: Iterable[int], profile: Profile
) -> list[tuple[str, str, int]]:
    """(data set, row, seed) of every run that the tables want, each after its stage 0.

    slugs: only these rows; "ablation" stands for ABLATION, "released" for VARIANTS.
    """
    result: dict[tuple[str, str, int], None] = {}
    chosen, seeds = slugs and _chosen(slugs), tuple(seeds)
    for dataset in datasets:
        for r in [*runnable(dataset), *(VARIANTS if chosen else ())]:
            if chosen and r not in chosen:
                continue
            large = (r.backbone, r.pixels) != ("vgg-m", 224)
            count = 1 if not seeded(r) else profile.seeds_of_large_rows if large else None
            for seed in seeds[:count]:
                if (stage0 := stage0_of(r)) is not None:
                    result[dataset, stage0.slug, seed] = None
                result[dataset, r.slug, seed] = None
    return list(result)


def _chosen(slugs: Iterable[str]) -> list[Row]:
    groups = {"ablation": ABLATION, "released": VARIANTS}
    return [r for slug in slugs for r in groups.get(slug) or [row(slug)]]


def table_rows_of(dataset: str) -> list[Row]:
    """All rows of a data set's table. A set that the poster has not uses VeRi's rows."""
    table = "vehicleid" if dataset.endswith("vehicleid") else "veri"
    return [r for r in ROWS if table in r.tables]


def table_rows(dataset: str) -> list[tuple[str, str, str]]:
    """(slug, title, kind) of each row of a data set's table, in the poster's order."""
    return [(r.slug, r.title, r.kind) for r in table_rows_of(dataset)]
