"""CLVR: a network that learned car models alone, its pooled feature matched directly.

Of Kanacı et al. 2017 only the title page was to be found, so this is our reading: RNN-HA's
backbone, a softmax over the coarse classes, the penultimate feature.
"""

from typing import TYPE_CHECKING

from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import nn


class CLVR(FromScratch, name="clvr"):
    """Coarse labels only; vehicles are told apart as far as that carries."""

    loss = "coarse_head"

    needs_coarse = True

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import CoarseOnly

        return CoarseOnly(backbone(row, scale), coarse_classes, by_class=False)
