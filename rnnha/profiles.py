"""The profiles: at which size, with which backbone and recipe the rows of `experiments` run."""

from dataclasses import dataclass, field, fields, replace

from rnnha.experiments import Row

# What a training may compute in; bfloat16 where a short timing shows a gain.
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Phase:
    """A stretch of training with a fresh optimizer.

    one_cycle: the rate rises to `lr` and falls to nearly nothing, and the momentum goes from .95 to
    .85 and back meanwhile (PyTorch's OneCycleLR as it is); without it SGD's momentum is .9.
    flip: random horizontal flip; shift: random translation by up to so many pixels;
    jitter: random brightness and contrast, factors within 1 ± this.
    accumulate: a batch goes through the network in so many parts whose gradients are added: as
    the whole one's, except that batch normalisation sees a part. checkpointing: ResNet-50 keeps
    only what enters each of its stages and computes the rest again: less memory, the same numbers.
    decay: (factor, steps): the rate is multiplied by the factor every so many steps. clip: the
    largest norm of a step's gradient. per_vehicle: a batch holds so many images of each of its
    vehicles, next to each other, for losses that compare images; 1: images in random order.
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
    decay: tuple[float, int] | None = None
    clip: float | None = None
    per_vehicle: int = 1


@dataclass(frozen=True)
class Scale:
    """What a row is at a profile: a network of `models.backbones` and how it is trained.

    parts_when_large: in how many parts a batch of stage 0 and of stage 1 is taken at "672".
    whole: all phases of a system that starts from no stage 0, where it has phases of its own.
    """

    image_size: int
    backbone: str
    state_width: int
    stage0: tuple[Phase, ...] = ()
    stage1: tuple[Phase, ...] = ()
    parts_when_large: tuple[int, int] = (1, 1)
    whole: tuple[Phase, ...] = ()


@dataclass(frozen=True)
class Profile:
    """A scale at which every row can run.

    pixels: the image size that stands for the paper's 224 and 672. vgg_m, resnet_50: what
    stands for each backbone, at 224; rows of one backbone have the same budget and optimizer.
    train_vehicles, test_vehicles: only so many, for a quick look. pretrained: the backbones
    start from ImageNet weights, as the paper's did. seeds_of_large_rows: how many seeds the
    rows get that are larger than the ablation's; None: all. datasets: those meant for it.
    own: the compared systems that have settings of their own, by method.
    images: the epochs are those for so many training images; fewer images have more epochs, so
        that about as many are shown of every set. None: the epochs are the same for all.
    """

    name: str
    pixels: tuple[int, int]
    vgg_m: Scale
    resnet_50: Scale
    train_vehicles: int | None = None
    test_vehicles: int | None = None
    pretrained: bool = False
    seeds_of_large_rows: int | None = None
    datasets: tuple[str, ...] = ("rendered-veri", "rendered-vehicleid")
    own: dict[str, Scale] = field(default_factory=dict, hash=False)
    images: int | None = None

    @property
    def full_size(self) -> bool:
        """Whether its rows are as large as the paper's: a step timed on a laptop says nothing."""
        return self.pixels == (224, 672)

    def scale(self, row: Row, images: int | None = None) -> Scale:
        """What `row` is at this profile; images: how many it is trained on, where epochs matter."""
        scale = (
            self.own.get(row.method)
            or ({"vgg-m": self.vgg_m, "resnet-50": self.resnet_50}[row.backbone])
        )
        if self.images and images:
            scale = _longer(scale, self.images / images)
        if row.pixels != 672:
            return replace(scale, image_size=self.pixels[0])
        stage0, stage1 = (
            tuple(replace(phase, accumulate=parts) for phase in phases)
            for phases, parts in zip(
                (scale.stage0, scale.stage1), scale.parts_when_large, strict=True
            )
        )
        return replace(scale, image_size=self.pixels[1], stage0=stage0, stage1=stage1)


def _longer(scale: Scale, factor: float) -> Scale:
    """The scale with so many times the epochs, one at least in each phase."""

    def longer(phases: tuple[Phase, ...]) -> tuple[Phase, ...]:
        return tuple(replace(p, epochs=max(1, round(factor * p.epochs))) for p in phases)

    parts = (longer(phases) for phases in (scale.stage0, scale.stage1, scale.whole))
    return replace(scale, **dict(zip(("stage0", "stage1", "whole"), parts, strict=True)))


def _small(size: int, backbones: tuple[str, str], width: int, epochs: int, **limits) -> dict:
    """A laptop's profile: both backbones with one recipe, SGD with Nesterov, one cycle a stage."""
    recipe = Phase(
        epochs, 32, "sgd", 0.1, one_cycle=True, weight_decay=5e-4, flip=True, shift=6, jitter=0.2
    )
    stages = (recipe,), (replace(recipe, lr=0.05),)
    vgg_m, resnet = (Scale(size, backbone, width, *stages) for backbone in backbones)
    # Losses that compare images: as many epochs, batches of eight vehicles with four images each.
    comparing = tuple(replace(phase, per_vehicle=4) for phase in (recipe, replace(recipe, lr=0.05)))
    gentle = tuple(replace(phase, lr=phase.lr / 10, clip=20.0) for phase in comparing)
    own = {
        method: replace(vgg_m, whole=phases)
        for phases, methods in (
            (gentle, ("triplet", "ccl", "mixed-diff-ccl", "siamese-visual", "vami")),
            (comparing, ("bnneck",)),
        )
        for method in methods
    }
    return dict(pixels=(size, 2 * size), vgg_m=vgg_m, resnet_50=resnet, own=own, **limits)


# The authors' code: stage 0 with Adam; stage 1 with RMSprop, started afresh at a tenth of the
# rate after ten epochs (VGG-M), or at a constant rate with batches of eight (ResNet-50).
_ADAM = Phase(40, 128, "adam", 1e-3, flip=True)
_RMSPROP = Phase(10, 64, "rmsprop", 1e-3)
# Where a step would not fit a GPU of 12 GB: batches in parts, and ResNet-50 recomputes its stages.
_RECOMPUTED = replace(_ADAM, checkpointing=True)

# The compared systems as their papers trained them. Of CCL's files the rates and the batches are
# known; how long they ran, and all of Triplet Loss, GoogLeNet's batch, Siamese-Visual and VAMI,
# is our reading: docs/systems.md.
_CLUSTERS = Phase(
    60, 160, "sgd", 2e-4, weight_decay=2e-4, decay=(0.7, 10_000), clip=20.0, per_vehicle=5
)
_PAIRS = Phase(30, 64, "adam", 1e-4, flip=True, checkpointing=True, per_vehicle=4)
_PUBLISHED = {
    **dict.fromkeys(
        ("triplet", "ccl", "mixed-diff-ccl"), Scale(224, "vgg-m", 1024, whole=(_CLUSTERS,))
    ),
    "clvr": Scale(224, "vgg-m", 1024, whole=(_ADAM,)),
    # 10,000 steps
    "googlenet": Scale(
        224, "googlenet", 1024, whole=(Phase(20, 32, "sgd", 1e-3, weight_decay=2e-4, flip=True),)
    ),
    "siamese-visual": Scale(224, "resnet-50", 2048, whole=(_PAIRS,)),
    "vami": Scale(224, "vgg-m", 1024, whole=(replace(_ADAM, lr=1e-4, per_vehicle=4),)),
    # fast-reid's and torchreid's: Adam, 64 images of 16 vehicles
    "bnneck": Scale(
        224, "resnet-50", 2048, whole=(replace(_PAIRS, epochs=60, lr=3.5e-4, weight_decay=5e-4),)
    ),
}

PROFILES = {
    # 12 epochs a stage of Rendered-VeRi's images, as it was drawn up with: see docs/analysis.md.
    "rendered": Profile(
        "rendered",
        **_small(96, ("small-vgg-m", "small-resnet"), 256, 12),
        seeds_of_large_rows=1,
        images=4_800,
    ),
    "smoke": Profile(
        "smoke",
        **_small(64, ("tiny-vgg-m", "tiny-resnet"), 64, 6),
        train_vehicles=40,
        test_vehicles=40,
    ),
    "paper": Profile(
        "paper",
        (224, 672),
        Scale(
            224, "vgg-m", 1024, (_ADAM,), (_RMSPROP, replace(_RMSPROP, epochs=9, lr=1e-4)), (4, 2)
        ),
        Scale(
            224, "resnet-50", 2048, (_RECOMPUTED,), (replace(_RMSPROP, epochs=19, batch=8),), (8, 1)
        ),
        own=_PUBLISHED,
        pretrained=True,
        datasets=("veri", "vehicleid"),
    ),
}
# For those who cannot get the ImageNet weights: the same from random weights, and named so.
PROFILES["paper-scratch"] = replace(PROFILES["paper"], name="paper-scratch", pretrained=False)


def settings(phase: Phase) -> dict:
    """The fields that differ from their defaults, as a run's configuration records them.

    A field that is added later does not change what earlier runs say of themselves.
    """
    values = {field.name: (getattr(phase, field.name), field.default) for field in fields(phase)}
    return {name: value for name, (value, default) in values.items() if value != default}


def profile(name: str) -> Profile:
    """The profile of this name; KeyError with all valid names for an unknown one."""
    if name not in PROFILES:
        raise KeyError(f"unknown profile {name!r}; known: {', '.join(PROFILES)}")
    return PROFILES[name]
