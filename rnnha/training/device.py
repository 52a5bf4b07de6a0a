"""Where a network computes, and in which precision."""

import torch
from torch import Tensor


def autocast(device: torch.device, precision: str):
    """Mixed precision where it was asked for, else a context that does nothing."""
    return torch.autocast(device.type, torch.bfloat16, enabled=precision == "bfloat16")


def to_device(device: torch.device, images: Tensor) -> Tensor:
    """Images where the network computes, laid out as its convolutions want them."""
    if device.type == "cuda":
        images = images.pin_memory()
    return images.to(device, memory_format=torch.channels_last, non_blocking=True)


def default_device() -> torch.device:
    """This process's GPU (of its local rank under torchrun, else the first), else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
