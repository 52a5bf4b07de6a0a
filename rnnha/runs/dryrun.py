"""A dry run: a row's data check, network, optimizer and one step, without images and memory.

The step is computed on PyTorch's meta device, which knows shapes but no numbers: a layer whose
shapes do not fit fails here as it would on a GPU, and the memory of a step is counted, not
guessed. So every row of the paper's profile can be tried on a laptop.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from rnnha import experiments, methods, paths, profiles
from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import Counts
from rnnha.methods.network import build, with_coarse_label
from rnnha.profiles import Phase, Profile
from rnnha.runs.expect import expect_trainable
from rnnha.runs.run import Run, first_weights, prepared
from rnnha.training import loop

GIBI = 2**30


@dataclass(frozen=True)
class Stage:
    """What one phase of training needs: steps in all, and bytes while one is computed."""

    title: str
    image_size: int
    map_size: tuple[int, int]
    phase: Phase
    steps: int
    parameters: int
    weights: int  # bytes of weights, gradients and the optimizer's state
    activations: int  # bytes kept for the backward pass of what is computed at once


def dry_run(
    experiment: str,
    dataset: str,
    profile: str,
    step_seconds: float | None = None,
    holdout: bool = False,
) -> str:
    """The plan of a row as text; raises as the run itself would.

    step_seconds: time of a training step, to estimate hours; without it steps are told. holdout:
    as in `run`.
    """
    _expect_time(step_seconds)
    row, size = experiments.row(experiment), profiles.profile(profile)
    if not _trains(row, size, dataset):
        raise ValueError(f"{row.title} trains no network: there is nothing to try")
    benchmark, absent = _read(dataset, size, holdout)
    counts = _counts(dataset, benchmark)
    if benchmark is not None:
        expect_trainable(Run(row, size, benchmark, seed=0))
    rows = [*methods.needed(row), row]
    trained = [r for r in rows if _trains(r, size, dataset)]
    stages = [stage for r in trained for stage in _stages(r, size, dataset, counts)]
    lines = [
        f"{row.title} on {dataset}, profile {size.name}",
        _told(counts, absent),
        *(_line(stage, step_seconds) for stage in stages),
    ]
    decoded = counts[0] * size.scale(row).image_size ** 2 * 3 / 1e9
    lines.append(
        f"{decoded:.1f} GB of decoded training images in {paths.DATA / 'cache'}; "
        "test images come on top"
    )
    lacking = _missing(((dataset, each) for each in rows), size)
    lines += [f"before it can start: {what}" for what in lacking]
    if step_seconds is not None:
        hours = sum(stage.steps for stage in stages) * step_seconds / 3600
        lines.append(f"in all {hours:.1f} hours at {step_seconds} s a step")
    return "\n".join(lines)


def plan(
    targets: Sequence[tuple[str, str, int]], profile: str, jobs: int, step_seconds: float = 1.0
) -> Iterator[str]:
    """A dry run of each row among the runs `targets` (data set, row, seed), line by line.

    Rows that share a stage 0 have it once, as a run of its own. step_seconds: time of a training
    step, the same for all. Needs neither images nor, for VeRi and VehicleID, label files; but
    where the runs could not start on this machine, DataError follows the last line and says all
    that is missing: data sets, and weights that only people can fetch.
    """
    _expect_time(step_seconds)
    size, seeds, missing, hours = profiles.profile(profile), Counter(), [], 0.0
    for dataset, slug, _ in targets:
        seeds[dataset, experiments.row(slug)] += 1
    for dataset in dict.fromkeys(dataset for dataset, _ in seeds):
        benchmark, absent = _read(dataset, size)
        counts = _counts(dataset, benchmark)
        missing += [str(absent)] if absent else []
        yield f"{dataset}, profile {size.name}: {_told(counts, absent)}; steps and hours of one run"
        for row in (row for where, row in seeds if where == dataset):
            runs = seeds[dataset, row]
            if not _trains(row, size, dataset):
                yield f"  {runs} x {row.title}: trains nothing"
                continue
            for stage in _stages(row, size, dataset, counts):
                hours += runs * stage.steps * step_seconds / 3600
                yield f"  {runs} x {_line(stage, step_seconds).lstrip()}"
    yield (
        f"In all {hours:,.0f} hours if each step takes {step_seconds:g} s, {hours / jobs:,.0f} "
        f"with {jobs} runs side by side. For another time of a step, S seconds: "
        f"rnnha status --plan --profile {profile} --step-seconds S"
    )
    missing += _missing(seeds, size)
    if missing:
        raise DataError("\n".join(["nothing can start yet:", *missing]))


def _expect_time(step_seconds: float | None) -> None:
    if step_seconds is not None and not 0 < step_seconds < float("inf"):
        raise ValueError(f"a training step of {step_seconds} s: expected a time above 0")


def _missing(wanted: Iterable[tuple[str, Row]], profile: Profile) -> list[str]:
    """What rows need beside the data set, and what is wrong with VGG-M's ImageNet weights; runs
    download those of other backbones themselves."""
    messages = []
    for dataset, row in wanted:
        if lacking := methods.of(row).lacks(dataset):
            messages.append(lacking)
        if profile.scale(row).backbone == "vgg-m":
            try:
                first_weights(row, profile)
            except (OSError, ValueError) as error:
                messages.append(str(error))
    return sorted(set(messages))


def _trains(row: Row, profile: Profile, dataset: str) -> bool:
    method = methods.of(row)
    return bool(method.phases(row, profile.scale(row))) and method.given(dataset) is None


def _stages(row: Row, profile: Profile, dataset: str, counts: Counts) -> list[Stage]:
    """The phases that a row trains itself, without those of its stage 0."""
    learned = methods.of(row).learned(dataset, counts)
    phases = methods.of(row).phases(row, profile.scale(row, learned[0]))
    return [try_step(row, profile, phase, *learned) for phase in phases]


def try_step(
    row: Row, profile: Profile, phase: Phase, images: int, vehicles: int, classes: int
) -> Stage:
    """Forward, backward and optimizer step of one batch of the true shape, on the meta device."""
    scale = profile.scale(row)
    saved: dict[int, tuple[int, int]] = {}  # storage -> the backbone's stage (or -1), its bytes
    inputs: dict[int, int] = {}  # the storages that enter a stage
    kept: list[torch.Tensor] = []  # a freed storage's place could be taken by the next
    stage = -1

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            saved.setdefault(storage._cdata, (stage, storage.nbytes()))
        kept.append(tensor)
        return tensor

    def enter(number: int, tensor: torch.Tensor) -> None:
        nonlocal stage
        stage, storage = number, tensor.untyped_storage()
        inputs[storage._cdata] = storage.nbytes()
        kept.append(tensor)

    def leave(*_) -> None:
        nonlocal stage
        stage = -1

    with torch.device("meta"):
        model = build(row, scale, classes, vehicles).train()
        own = {p.untyped_storage()._cdata for p in model.parameters()}
        optimizer = loop.make_optimizer(model, phase)
        if phase.checkpointing:
            for number, part in enumerate(model.backbone.stages):
                layers = list(part.children())
                layers[0].register_forward_pre_hook(lambda _, args, n=number: enter(n, *args))
                layers[-1].register_forward_hook(leave)
        part = -(-phase.batch // phase.accumulate)
        batch = torch.empty(part, 3, scale.image_size, scale.image_size)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            # Any number that all outputs have a part in: the true losses look at values.
            outputs = [value for value in model(batch) if isinstance(value, torch.Tensor)]
            loss = sum(value.square().mean() for value in outputs)
        loss.backward()
        optimizer.step()
        grid = tuple(model.backbone(batch[:1]).shape[2:])
    parameters = sum(p.numel() for p in model.parameters())
    state = sum(
        value.nbytes
        for values in optimizer.state.values()
        for value in values.values()
        if isinstance(value, torch.Tensor)
    )
    batches = max(1, images // phase.batch)
    return Stage(
        row.title,
        scale.image_size,
        grid,
        phase,
        batches * phase.epochs,
        parameters,
        8 * parameters + state,
        _peak(saved, inputs),
    )


def _peak(saved: dict[int, tuple[int, int]], inputs: dict[int, int]) -> int:
    """Bytes at once: what enters the stages, one stage computed again, and all outside of them.

    Without checkpointing nothing is in a stage, so that it is the sum of all.
    """
    stages: dict[int, int] = {}
    for storage, (stage, size) in saved.items():
        if storage not in inputs:
            stages[stage] = stages.get(stage, 0) + size
    outside = stages.pop(-1, 0)
    return outside + sum(inputs.values()) + max(stages.values(), default=0)


def _read(
    dataset: str, profile: Profile, holdout: bool = False
) -> tuple[Benchmark | None, DataError | None]:
    """The data set; or why it cannot be used here, where its counts are known all the same."""
    try:
        return prepared(sets.load(dataset), profile, holdout), None
    except DataError as error:
        if holdout or sets.is_own(dataset) or sets.known(dataset).trained_on is None:
            raise
        return None, error


def _counts(dataset: str, benchmark: Benchmark | None) -> Counts:
    """Training images, vehicles and coarse classes: the data set's own, or the known ones."""
    if benchmark is None:
        return sets.known(dataset).trained_on
    train = with_coarse_label(benchmark.train)
    return len(train), train.vehicle_id.nunique(), train.coarse_id.nunique()


def _told(counts: Counts, absent: DataError | None) -> str:
    images, vehicles, classes = counts
    source = "the data set cannot be used here; its known counts" if absent else "its label files"
    return f"{images:,} training images, {vehicles:,} vehicles, {classes} coarse classes ({source})"


def _line(stage: Stage, step_seconds: float | None) -> str:
    phase = stage.phase
    hours = "" if step_seconds is None else f", {stage.steps * step_seconds / 3600:.1f} h"
    parts = f" taken in {phase.accumulate} parts" if phase.accumulate > 1 else ""
    again = ", stages computed again" if phase.checkpointing else ""
    return (
        f"  {stage.title}: {stage.image_size} px, map {stage.map_size[0]}x{stage.map_size[1]}, "
        f"{stage.parameters / 1e6:.1f} M parameters; {phase.optimizer} {phase.lr:g}, batch "
        f"{phase.batch}, {phase.epochs} epochs = {stage.steps:,} steps{hours}; memory "
        f"{stage.weights / GIBI:.2f} GiB for weights, {stage.activations / GIBI:.2f} GiB a "
        f"batch{parts}{again}"
    )
