"""The experiments: a row per system, each a difference from RNN-HA with its reason.

This is the only source of names: a row's slug is its folder and its name in ROWS=
and on the command line; its title is the table row (the poster's own words) and the figure legend.
"""

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Row:
    """One system of a table.

    kind: "paper", a row of the poster's; "control", ours below them; "variant", as the released
        code computes it; "stage", a stage 0; "adapted", from a checkpoint.
    tables: of the poster, "VeRi" and "VehicleID".
    method: the name of a class in `rnnha.methods`.
    steps, attention: of `models.rnn_ha`, for networks that have them.
    backbone, pixels: the paper's names; a profile says what stands for them.
    variant: "paper", the equations, or "released", the oddities of the authors' code as well;
        "plain" is LOMO without its Retinex.
    columns: what the oracle knows of an image, see `data.subset.known_labels`. rendered: for
        rendered sets alone, because real ones do not tell it. note: said of the row below a table.
    """

    slug: str
    title: str
    kind: str
    tables: tuple[str, ...]
    reason: str
    method: str
    steps: str = "recurrent"
    attention: str = "guided"
    backbone: str = "vgg-m"
    pixels: int = 224
    variant: str = "paper"
    columns: tuple[str, ...] = ()
    rendered: bool = False
    note: str = ""

    @property
    def large(self) -> bool:
        """Whether its network or its images are larger than the ablation's."""
        return (self.backbone, self.pixels) != ("vgg-m", 224)


VERI, VEHICLEID, BOTH = ("VeRi",), ("VehicleID",), ("VeRi", "VehicleID")


OURS = "our reading; see docs/systems.md"


def _compared(slug: str, title: str, tables: tuple[str, ...], reason: str, **delta) -> Row:
    """A system that the poster compares RNN-HA with; its method has its name."""
    return Row(slug, title, "paper", tables, reason, method=slug, note=OURS, **delta)


def _row(slug: str, title: str, reason: str, kind: str = "paper", **delta) -> Row:
    return Row(slug, title, kind, BOTH, reason, **delta)


# The order is the poster's, in both tables; the controls follow.
ROWS = (
    _compared("lomo", "LOMO", BOTH, "colours and textures by hand, made for persons"),
    _compared("bow-cn", "BOW-CN", BOTH, "a bag of colour names by hand, made for persons"),
    _compared("googlenet", "GoogLeNet", BOTH, "car models of another set, no vehicle of this one"),
    _compared("fact", "FACT", BOTH, "GoogLeNet, BOW-CN and BOW-SIFT, their distances added"),
    _compared("siamese-visual", "Siamese-Visual", VERI, "a classifier of pairs ranks the gallery"),
    _compared("triplet", "Triplet Loss", VEHICLEID, "distances alone, no classes"),
    _compared("ccl", "CCL", VEHICLEID, "as Triplet Loss, by clusters in place of triplets"),
    _compared("mixed-diff-ccl", "Mixed Diff+CCL", VEHICLEID, "CCL with a branch for car models"),
    _compared("clvr", "CLVR", VEHICLEID, "car models alone: how far does the coarse step carry?"),
    _compared("vami", "VAMI", BOTH, "attention by viewpoint; what other sides show is inferred"),
    _row(
        "fc-ha",
        "FC-HA (w/o RNN)",
        "the GRU becomes two fully connected layers (our reading): does recurrence matter?",
        method="network",
        steps="fully-connected",
        note="our reading; its exact form was never released",
    ),
    _row(
        "rnn-h",
        "RNN-H w/o attention",
        "the attention becomes uniform, so that x2 = x1: does attention matter?",
        method="network",
        attention="uniform",
    ),
    _row("rnn-ha", "RNN-HA", "the paper's model", method="network"),
    Row(
        "rnn-ha-resnet",
        "RNN-HA (ResNet)",
        "paper",
        VERI,
        "ResNet-50 in place of VGG-M: what does a stronger backbone bring?",
        method="network",
        backbone="resnet-50",
    ),
    Row(
        "rnn-ha-672",
        "RNN-HA (672)",
        "paper",
        VEHICLEID,
        "more pixels a side (paper: 672 for 224): what do small cues gain by being seen larger?",
        method="network",
        pixels=672,
    ),
    Row(
        "rnn-ha-resnet-672",
        "RNN-HA (ResNet+672)",
        "paper",
        VEHICLEID,
        "both at once: the paper's best row",
        method="network",
        backbone="resnet-50",
        pixels=672,
    ),
    _row(
        "identity-only",
        "identity only, as long",
        "no coarse head, no steps, as many epochs in all: what does the longer training bring?",
        kind="control",
        method="identity-only",
    ),
    _row(
        "two-heads",
        "two plain heads",
        "neither recurrence nor attention: what does the coarse label alone bring?",
        kind="control",
        method="network",
        steps="fully-connected",
        attention="uniform",
    ),
    _row(
        "rnn-ha-unguided",
        "RNN-HA, unguided attention",
        "u is a learned constant instead of a function of o1: does the coarse step guide?",
        kind="control",
        method="network",
        attention="unguided",
    ),
    _row(
        "lomo-plain",
        "LOMO, no Retinex",
        "its Retinex was never released as source: what does ours do?",
        kind="control",
        method="lomo",
        variant="plain",
        note=OURS,
    ),
    _row(
        "bnneck",
        "BNNeck baseline",
        "label smoothing, hardest triplets, a batch normalisation: what has been learned since?",
        kind="control",
        method="bnneck",
    ),
    _row(
        "untrained",
        "untrained network",
        "RNN-HA at its initial weights: what does the architecture alone see?",
        kind="control",
        method="untrained",
    ),
    _row(
        "color-histogram",
        "colour histogram",
        "a joint HSV histogram: how far does colour alone carry?",
        kind="control",
        method="color-histogram",
    ),
    _row(
        "oracle-model",
        "oracle: model",
        "knows the model (where there is none, the type), nothing else: the end of the coarse step",
        kind="control",
        method="oracle",
        columns=("model",),
    ),
    _row(
        "oracle-model-paint",
        "oracle: model and paint",
        "knows model and paint, nothing else: what is left is for the small cues",
        kind="control",
        method="oracle",
        columns=("model", "paint"),
    ),
    _row(
        "oracle-cues",
        "oracle: model, paint and cues",
        "knows which cues each picture shows, too: how far can the set be solved at all?",
        kind="control",
        method="oracle",
        columns=("model", "paint", "visible_cues"),
        rendered=True,
    ),
)

# The rows of the paper's ablation once more, as the released code computes them: what do its
# oddities do? They have a small table of their own.
VARIANTS = tuple(
    replace(
        r,
        slug=f"{r.slug}-released",
        title=f"{r.title}, as released",
        kind="variant",
        reason="with the released code's extra 1/hw, doubled first step and raw colours",
        variant="released",
    )
    for r in ROWS
    if r.slug in ("fc-ha", "rnn-h", "rnn-ha")
)

# Those of the poster's own tables, without our controls.
POSTER = tuple(r for r in ROWS if r.kind == "paper")

# The rows of the question "which part of RNN-HA matters?": the poster's and our controls.
ABLATION = tuple(
    r
    for r in ROWS
    if r.note != OURS and r.slug != "bnneck" and (r.backbone, r.pixels) == ("vgg-m", 224)
)


def _stage0(slug: str, title: str, **delta) -> Row:
    reason = "the backbone on identities: a run of its own, which the rows of a seed share"
    return _row(slug, title, reason, kind="stage", method="identity-only", **delta)


STAGES0 = (
    _stage0("stage0", "stage 0"),
    _stage0("stage0-672", "stage 0 (672)", pixels=672),
    _stage0("stage0-resnet", "stage 0 (ResNet)", backbone="resnet-50"),
    _stage0("stage0-resnet-672", "stage 0 (ResNet+672)", backbone="resnet-50", pixels=672),
    _stage0("stage0-released", "stage 0, as released", variant="released"),
)

# RNN-HA from a checkpoint that was trained before, on another set: what does it know of this one,
# and what does going on bring? They have a small table of their own.
ADAPTED = (
    _row(
        "rnn-ha-given",
        "RNN-HA, as given",
        "the checkpoint as it is: what does it see of a set that it was not trained on?",
        kind="adapted",
        method="given",
    ),
    _row(
        "rnn-ha-finetuned",
        "RNN-HA, fine-tuned",
        "stage 1 on this set, from all of the checkpoint but its heads: what does that bring?",
        kind="adapted",
        method="fine-tuned",
    ),
)


EVERY = (*ROWS, *VARIANTS, *ADAPTED, *STAGES0)


def row(slug: str) -> Row:
    """The row of this slug; KeyError with all that can be run for an unknown one."""
    known = {r.slug: r for r in EVERY}
    if slug not in known:
        raise KeyError(f"unknown experiment {slug!r}; known: {', '.join(known)}")
    return known[slug]


def rows_of(poster: str | None, synthetic: bool) -> list[Row]:
    """All rows of a table of the poster ("VeRi" or "VehicleID"), in its order; None: of both."""
    rows = (r for r in ROWS if synthetic or not r.rendered)
    return [r for r in rows if poster is None or poster in r.tables]


def start_of(row: Row) -> Row:
    """The run that trains the backbone of this row's kind, on identities."""
    kind = (row.backbone, row.pixels, row.variant)
    return next(s for s in STAGES0 if (s.backbone, s.pixels, s.variant) == kind)
