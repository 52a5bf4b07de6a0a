"""Short timings that decide what a training computes in, and how long a plan takes."""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn

from rnnha.profiles import Phase
from rnnha.training import processes, state
from rnnha.training.device import autocast, to_device


def choose_precision(
    wanted: str, model: nn.Module, size: int, phase: Phase, device, checkpoint: Path, key: str
) -> str:
    """`wanted`, or "float32" where bfloat16 was wanted but a short timing shows no gain.

    On a processor without bfloat16 instructions autocast is about ten times slower than
    float32, so what the device says it can do is not believed without a measurement. A stage
    that goes on from its first `checkpoint` stays with the choice that was made then.
    """
    if wanted == "float32":
        return wanted
    if (started := state.read(checkpoint, key)) is not None:
        return started["precision"]
    many = _together(phase)
    seconds = {p: seconds_per_step(model, size, many, device, p) for p in ("float32", wanted)}
    return min(seconds, key=seconds.__getitem__)


def _together(phase: Phase) -> int:
    """How many images to time: as many as go through the network at once in `phase`, for with few
    the gain cannot be seen. Where training recomputes its stages, at most 8: a timing does not."""
    part = max(1, phase.batch // (phase.accumulate * processes.world_size()))
    return min(8, part) if phase.checkpointing else part


def seconds_per_step(
    model: nn.Module, size: int, batch: int, device, precision: str = "float32", repeats: int = 3
) -> float:
    """Median seconds of a forward and backward pass on random images; weights stay as they are."""
    model.to(device, memory_format=torch.channels_last).eval()
    images = to_device(device, torch.randn(batch, 3, size, size))
    times = []
    for _ in range(repeats + 1):  # the first one warms up
        began = time.perf_counter()
        with autocast(device, precision):
            model(images).o2.float().square().mean().backward()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - began)
    model.zero_grad(set_to_none=True)
    return float(np.median(times[1:]))
