"""The smallest network of a row, untrained, in a checkpoint: for tests that need weights."""

from pathlib import Path

import torch
from torch import nn

from rnnha import experiments, profiles
from rnnha.methods.network import build
from rnnha.models import checkpoint


def save(
    file: Path, slug: str = "rnn-ha", coarse: int = 2, vehicles: int = 4
) -> tuple[nn.Module, int]:
    """Write it for so many coarse classes and vehicles; the network and its image size."""
    row = experiments.row(slug)
    scale = profiles.profile("smoke").scale(row)
    torch.manual_seed(0)
    model = build(row, scale, coarse, vehicles).eval()
    info = {
        "row": slug,
        "image_size": scale.image_size,
        "backbone": scale.backbone,
        "state_width": scale.state_width,
        "vehicles": vehicles,
        "coarse_labels": list(range(1, coarse + 1)),
    }
    checkpoint.save(model, info, file)
    return model, scale.image_size
