"""Control: a strong baseline of today, as re-identification toolboxes have it (Luo et al. 2019)."""

from typing import TYPE_CHECKING

from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import nn


class BNNeck(FromScratch, name="bnneck"):
    """Identities with label smoothing behind a batch normalisation, hardest triplets before it."""

    loss = "bnneck"

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models import compared

        return compared.BNNeck(backbone(row, scale), vehicles)
