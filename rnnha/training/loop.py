"""The training loop: one loop for every stage and row; resumable, with a history per epoch.

A checkpoint is written after every epoch, by rename. What a batch holds and how it is
augmented depends only on (seed, stage, epoch, image), so a killed run that starts again
from the last epoch gives the same numbers as one that was never killed. Several processes
(see `rnnha.training.processes`) train on the same batches, each on its stretch of every one.
"""

import math
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from rnnha.images.batches import augment, normalise
from rnnha.images.cache import Images
from rnnha.profiles import Phase
from rnnha.training import processes, state
from rnnha.training.device import autocast, to_device
from rnnha.training.losses import both_heads

Losses = Callable[[object, Tensor, Tensor], dict[str, Tensor]]
MEASURES = ("loss", "coarse_loss", "fine_loss", "coarse_accuracy", "fine_accuracy")


class TrainingError(RuntimeError):
    """Training cannot go on; the last good state is on disk."""


def train(
    model: nn.Module,
    images: Images,
    coarse: Tensor,
    fine: Tensor,
    phase: Phase,
    *,
    stage: int,
    seed: int,
    first_epoch: int = 0,
    checkpoint: Path,
    key: str,
    device: torch.device,
    precision: str = "float32",
    title: str = "",
    losses: Losses = both_heads,
) -> list[dict]:
    """Train `model` in place for one phase; return its history, a dict of numbers per epoch.

    images: N images; coarse, fine: int64 [N] class indices. first_epoch: epochs that earlier
    phases of this stage had. checkpoint: where the state is kept; one with another `key`
    belongs to other settings and is not used. precision: "float32" or "bfloat16" (autocast).
    losses: one of `rnnha.training.losses`.
    Raises TrainingError where the loss is not finite, ValueError where a batch is too small for
    the processes and the phase's `accumulate`.
    """
    # Few vehicles fill a batch of several images each only when it is smaller.
    if phase.per_vehicle > 1:
        phase = replace(phase, batch=min(phase.batch, phase.per_vehicle * len(fine.unique())))
    size = min(phase.batch, len(images))
    if size < processes.world_size() * phase.accumulate:
        raise ValueError(
            f"a batch of {size} images cannot be divided among {processes.world_size()} "
            f"processes x {phase.accumulate} parts; start fewer processes"
        )
    model.to(device, memory_format=torch.channels_last).train()
    together = processes.parallel(model)
    if hasattr(model.backbone, "checkpointing"):
        model.backbone.checkpointing = phase.checkpointing
    optimizer = make_optimizer(model, phase)
    schedule = _schedule(optimizer, phase, _batches_per_epoch(len(images), phase))
    history = state.resume(checkpoint, key, model, optimizer, schedule)
    done = len(history)
    progress = tqdm(
        range(done, phase.epochs),
        title,
        phase.epochs,
        initial=done,
        mininterval=5,
        unit="epoch",
        disable=not processes.is_writer(),
    )
    for epoch in (first_epoch + e for e in progress):
        began, rate = time.perf_counter(), optimizer.param_groups[0]["lr"]
        steps = _augmented(images, fine, phase, seed, stage, epoch)
        if device.type == "cuda":
            steps = _ahead(steps)
        try:
            row = _epoch(
                together,
                steps,
                (coarse, fine),
                losses,
                optimizer,
                schedule,
                device,
                precision,
                phase.clip,
            )
        except FloatingPointError as error:
            kept = f"the state after epoch {epoch} is kept in {checkpoint}" if history else ""
            raise TrainingError(
                f"{error} in epoch {epoch + 1} of {title or 'the training'}; "
                f"{kept or 'no epoch was finished before'}. A lower learning rate ({phase.lr} now) "
                "is the usual mend."
            ) from None
        seconds = time.perf_counter() - began
        history.append(
            {"stage": stage, "epoch": epoch + 1, **row, "learning_rate": rate, "seconds": seconds}
        )
        if processes.is_writer():
            state.save(checkpoint, key, model, optimizer, schedule, history, precision)
        right = row["fine_accuracy"] if math.isfinite(row["fine_accuracy"]) else None
        told = f"loss {row['loss']:.3f}" + ("" if right is None else f", fine {right:.1%}")
        progress.set_postfix_str(told, False)
    processes.alike(model)
    return history


def _batches_per_epoch(count: int, phase: Phase) -> int:
    # The last, smaller batch is left out: batch normalisation wants full ones.
    return max(1, count // phase.batch)


def _ahead(steps: Iterator) -> Iterator:
    """The same steps, each made by a thread while the GPU is at the one before."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, steps, None)
        while (step := coming.result()) is not None:
            coming = thread.submit(next, steps, None)
            yield step


def _augmented(
    images: Images, fine: Tensor, phase: Phase, seed: int, stage: int, epoch: int
) -> Iterator[list[tuple[float, Tensor, Tensor]]]:
    """The steps of an epoch, in random order, each the parts of a batch that are ours.

    A part is its weight (the fraction of the whole batch that it holds), uint8 pixels
    [B, 3, S, S] and indices [B].
    """
    order = _order(len(images), fine, phase, np.random.default_rng([seed, stage, epoch]))
    chance = dict(seed=seed, epoch=1000 * stage + epoch)
    how = dict(flip=phase.flip, shift=phase.shift, jitter=phase.jitter)

    def part(batch: np.ndarray, indices: np.ndarray) -> tuple[float, Tensor, Tensor]:
        index = torch.from_numpy(indices.astype(np.int64))
        pixels = augment(images.stack(indices), index, **chance, **how)
        return len(index) / len(batch), pixels, index

    count = processes.world_size() * phase.accumulate
    for start in range(0, len(order), phase.batch):
        batch = order[start : start + phase.batch]
        ours = processes.share(np.array_split(batch, count))
        yield [part(batch, indices) for indices in ours]


def _order(count: int, fine: Tensor, phase: Phase, chance: np.random.Generator) -> np.ndarray:
    """The images of an epoch, batch after batch: all in random order, or so many of a vehicle."""
    whole = _batches_per_epoch(count, phase) * phase.batch
    if phase.per_vehicle == 1:
        return chance.permutation(count)[:whole]
    from pytorch_metric_learning.samplers import MPerClassSampler
    from pytorch_metric_learning.utils import common_functions

    common_functions.NUMPY_RANDOM = chance  # where the sampler's chance comes from
    return np.array(list(MPerClassSampler(fine, phase.per_vehicle, phase.batch, whole)))


def _epoch(
    model, steps, labels, losses, optimizer, schedule, device, precision, clip: float | None
) -> dict:
    """Train on every batch once; mean of each of MEASURES and of what else the loss tells, NaN of
    what it does not. FloatingPointError: loss not finite."""
    rows = []
    for parts in steps:
        optimizer.zero_grad(set_to_none=True)
        row: dict[str, float] = {}
        for number, (weight, pixels, index) in enumerate(parts, start=1):
            # Processes average their gradients: only once a step, and as the whole batch's.
            alone = getattr(model, "no_sync", nullcontext) if number < len(parts) else nullcontext
            with alone():
                with autocast(device, precision):
                    output = model(normalise(to_device(device, pixels)))
                    found = losses(output, *(each[index].to(device) for each in labels))
                for name, value in found.items():
                    row[name] = row.get(name, 0.0) + weight * value.item()
                (found["loss"] * (weight * processes.world_size())).backward()
        row = processes.total(row, device)
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"the loss became {row['loss']}")
        rows.append(row)
        if clip is not None:
            nn.utils.clip_grad_norm_(model.parameters(), clip)
        optimizer.step()
        schedule.step()
    names = dict.fromkeys((*MEASURES, *rows[0]))
    return {name: float(np.mean([row.get(name, math.nan) for row in rows])) for name in names}


def make_optimizer(model: nn.Module, phase: Phase) -> torch.optim.Optimizer:
    """A fresh optimizer for a phase."""
    p = model.parameters()
    fused = next(model.parameters()).device.type in ("cpu", "cuda")  # not for the dry run's "meta"
    if phase.optimizer == "sgd":
        return torch.optim.SGD(
            p, phase.lr, momentum=0.9, nesterov=True, weight_decay=phase.weight_decay, fused=fused
        )
    if phase.optimizer == "adam":
        return torch.optim.Adam(p, phase.lr, weight_decay=phase.weight_decay, fused=fused)
    if phase.optimizer == "rmsprop":
        return torch.optim.RMSprop(p, phase.lr, weight_decay=phase.weight_decay)
    raise ValueError(f"unknown optimizer {phase.optimizer!r}; known: sgd, adam, rmsprop")


def _schedule(optimizer, phase: Phase, per_epoch: int) -> torch.optim.lr_scheduler.LRScheduler:
    steps = per_epoch * phase.epochs
    if phase.one_cycle:
        return torch.optim.lr_scheduler.OneCycleLR(optimizer, phase.lr, total_steps=steps + 1)
    if phase.decay is not None:
        factor, every = phase.decay
        return torch.optim.lr_scheduler.StepLR(optimizer, every, factor)
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)
