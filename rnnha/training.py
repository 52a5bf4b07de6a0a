"""The training loop: one loop for every stage and row; resumable, with a history per epoch.

A checkpoint is written after every epoch, by rename. What a batch holds and how it is
augmented depends only on (seed, stage, epoch, image), so a killed run that starts again
from the last epoch gives the same numbers as one that was never killed. Several processes
(see `rnnha.distributed`) train on the same batches, each on its stretch of every one.
"""

import math
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm import tqdm

from rnnha import distributed
from rnnha.data.images import Images, augment, batches, evaluation_batch, normalise
from rnnha.models.rnn_ha import Output
from rnnha.paths import atomic
from rnnha.profiles import Phase

MEASURES = ("loss", "coarse_loss", "fine_loss", "coarse_accuracy", "fine_accuracy")
HISTORY = ("stage", "epoch", *MEASURES, "learning_rate", "seconds")


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
) -> list[dict]:
    """Train `model` in place for one phase; return its history, a dict of numbers per epoch.

    images: N images; coarse, fine: int64 [N] class indices. first_epoch: epochs that earlier
    phases of this stage had. checkpoint: where the state is kept; one with another `key`
    belongs to other settings and is not used. precision: "float32" or "bfloat16" (autocast).
    Raises TrainingError where the loss is not finite, ValueError where a batch is too small for
    the processes and the phase's `accumulate`.
    """
    size = min(phase.batch, len(images))
    if size < distributed.world_size() * phase.accumulate:
        raise ValueError(
            f"a batch of {size} images cannot be divided among {distributed.world_size()} "
            f"processes x {phase.accumulate} parts; start fewer processes"
        )
    model.to(device, memory_format=torch.channels_last).train()
    together = distributed.parallel(model)
    if hasattr(model.backbone, "checkpointing"):
        model.backbone.checkpointing = phase.checkpointing
    optimizer = make_optimizer(model, phase)
    schedule = _schedule(optimizer, phase, _batches_per_epoch(images, phase))
    history = _resume(checkpoint, key, model, optimizer, schedule)
    done = len(history)
    progress = tqdm(
        range(done, phase.epochs), title, phase.epochs, initial=done, mininterval=5, unit="epoch",
        disable=not distributed.is_writer(),
    )  # fmt: skip
    for epoch in (first_epoch + e for e in progress):
        began, rate = time.perf_counter(), optimizer.param_groups[0]["lr"]
        steps = _augmented(images, phase, seed, stage, epoch)
        if device.type == "cuda":
            steps = _ahead(steps)
        try:
            row = _epoch(together, steps, coarse, fine, optimizer, schedule, device, precision)
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
        if distributed.is_writer():
            _save(checkpoint, key, model, optimizer, schedule, history, precision)
        progress.set_postfix_str(f"loss {row['loss']:.3f}, fine {row['fine_accuracy']:.1%}", False)
    distributed.alike(model)
    return history


def _batches_per_epoch(images: Images, phase: Phase) -> int:
    # The last, smaller batch is left out: batch normalisation wants full ones.
    return max(1, len(images) // phase.batch)


def _ahead(steps: Iterator) -> Iterator:
    """The same steps, each made by a thread while the GPU is at the one before."""
    with ThreadPoolExecutor(max_workers=1) as thread:
        coming = thread.submit(next, steps, None)
        while (step := coming.result()) is not None:
            coming = thread.submit(next, steps, None)
            yield step


def _augmented(
    images: Images, phase: Phase, seed: int, stage: int, epoch: int
) -> Iterator[list[tuple[float, Tensor, Tensor]]]:
    """The steps of an epoch, in random order, each the parts of a batch that are ours.

    A part is its weight (the fraction of the whole batch that it holds), uint8 pixels
    [B, 3, S, S] and indices [B].
    """
    order = np.random.default_rng([seed, stage, epoch]).permutation(len(images))
    order = order[: _batches_per_epoch(images, phase) * phase.batch]
    chance = dict(seed=seed, epoch=1000 * stage + epoch)
    how = dict(flip=phase.flip, shift=phase.shift, jitter=phase.jitter)

    def part(batch: np.ndarray, indices: np.ndarray) -> tuple[float, Tensor, Tensor]:
        index = torch.from_numpy(indices.astype(np.int64))
        pixels = augment(images.stack(indices), index, **chance, **how)
        return len(index) / len(batch), pixels, index

    count = distributed.world_size() * phase.accumulate
    for start in range(0, len(order), phase.batch):
        batch = order[start : start + phase.batch]
        ours = distributed.share(np.array_split(batch, count))
        yield [part(batch, indices) for indices in ours]


def _epoch(model, steps, coarse, fine, optimizer, schedule, device, precision) -> dict:
    """Train on every batch once; mean of each of MEASURES. FloatingPointError: loss not finite."""
    rows = []
    for parts in steps:
        optimizer.zero_grad(set_to_none=True)
        row: dict[str, float] = {}
        for number, (weight, pixels, index) in enumerate(parts, start=1):
            # Processes average their gradients: only once a step, and as the whole batch's.
            alone = getattr(model, "no_sync", nullcontext) if number < len(parts) else nullcontext
            with alone():
                with autocast(device, precision):
                    output = model(normalise(_to(device, pixels)))
                    losses = _losses(output, coarse[index].to(device), fine[index].to(device))
                for name, value in losses.items():
                    row[name] = row.get(name, 0.0) + weight * value.item()
                (losses["loss"] * (weight * distributed.world_size())).backward()
        row = distributed.total(row, device)
        if not math.isfinite(row["loss"]):
            raise FloatingPointError(f"the loss became {row['loss']}")
        rows.append(row)
        optimizer.step()
        schedule.step()
    return {name: float(np.mean([row.get(name, math.nan) for row in rows])) for name in MEASURES}


def _losses(output: Output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """NLL of both heads, 1 : 1, and the accuracies on this batch."""
    result = {
        "fine_loss": F.cross_entropy(output.fine.float(), fine),
        "fine_accuracy": (output.fine.argmax(1) == fine).float().mean(),
    }
    result["loss"] = result["fine_loss"]
    if output.coarse is not None:
        result["coarse_loss"] = F.cross_entropy(output.coarse.float(), coarse)
        result["coarse_accuracy"] = (output.coarse.argmax(1) == coarse).float().mean()
        result["loss"] = result["coarse_loss"] + result["fine_loss"]
    return result


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
    return torch.optim.lr_scheduler.ConstantLR(optimizer, factor=1.0)


def _save(checkpoint: Path, key: str, model, optimizer, schedule, history, precision) -> None:
    state = {
        "key": key,
        "precision": precision,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "schedule": schedule.state_dict(),
        "history": history,
        "random": torch.get_rng_state(),
    }
    with atomic(checkpoint) as temporary:
        torch.save(state, temporary)


def _resume(checkpoint: Path, key: str, model, optimizer, schedule) -> list[dict]:
    """Put the state of a checkpoint with this key in place; return its history, else []."""

    state = distributed.from_writer(lambda: _checkpoint(checkpoint, key))
    if state is None:
        return []
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    schedule.load_state_dict(state["schedule"])
    torch.set_rng_state(state["random"])
    return state["history"]


def _checkpoint(path: Path, key: str) -> dict | None:
    """The state in a checkpoint with this key; None where there is none."""
    if not path.exists():
        return None
    state = torch.load(path, map_location="cpu", weights_only=True)
    return state if state["key"] == key else None


@torch.no_grad()  # not inference mode: weights that `to` copies there could never be trained again
def embed(
    model: nn.Module, images: Images, device: torch.device, batch: int | None = None
) -> dict[str, np.ndarray]:
    """Outputs of all N images in evaluation mode, float32: o2 [N, H]; o1 and attention
    [N, h, w] where the network has them. Of several processes only the first gets them."""
    model.to(device, memory_format=torch.channels_last).eval()
    parts: dict[str, list[np.ndarray]] = {}
    batch = batch or evaluation_batch(images.size)
    starts = distributed.share(range(0, len(images), batch))
    ours = np.arange(starts.start, min(starts.stop, len(images))) if starts else np.arange(0)
    for pixels, _ in batches(images, ours, batch):
        output = model(normalise(_to(device, pixels)))
        for name in ("o1", "o2", "attention"):
            value = getattr(output, name)
            if value is not None:
                parts.setdefault(name, []).append(value.float().cpu().numpy())
    everybody = distributed.gather(parts)
    names = everybody[0] if everybody else ()  # the first process always has images
    return {
        name: np.concatenate([a for each in everybody for a in each.get(name, ())])
        for name in names
    }


def autocast(device: torch.device, precision: str):
    """Mixed precision where it was asked for, else a context that does nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def _to(device: torch.device, images: Tensor) -> Tensor:
    if device.type == "cuda":
        images = images.pin_memory()
    return images.to(device, memory_format=torch.channels_last, non_blocking=True)


def default_device() -> torch.device:
    """The first GPU that this process may see, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def choose_precision(
    wanted: str, model: nn.Module, size: int, batch: int, device, checkpoint: Path, key: str
) -> str:
    """`wanted`, or "float32" where bfloat16 was wanted but a short timing shows no gain.

    On a processor without bfloat16 instructions autocast is about ten times slower than
    float32, so what the device says it can do is not believed without a measurement. A stage
    that goes on from its first `checkpoint` stays with the choice that was made then.
    """
    if wanted == "float32":
        return wanted
    if (state := _checkpoint(checkpoint, key)) is not None:
        return state["precision"]
    seconds = {p: seconds_per_step(model, size, batch, device, p) for p in ("float32", wanted)}
    return min(seconds, key=seconds.__getitem__)


def seconds_per_step(
    model: nn.Module, size: int, batch: int, device, precision: str = "float32", repeats: int = 3
) -> float:
    """Median seconds of a forward and backward pass on random images; weights stay as they are."""
    model.to(device, memory_format=torch.channels_last).eval()
    images = _to(device, torch.randn(batch, 3, size, size))
    times = []
    for _ in range(repeats + 1):  # the first one warms up
        began = time.perf_counter()
        with autocast(device, precision):
            model(images).fine.float().square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    model.zero_grad(set_to_none=True)
    return float(np.median(times[1:]))
