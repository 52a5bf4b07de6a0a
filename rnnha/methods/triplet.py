"""Triplet Loss and CCL: one network, two losses on the distances of its unit vectors.

Our reading of the poster's row Triplet Loss: the second branch of Mixed Diff+CCL alone, with
CCL's margin, so that both rows differ in the loss only.
"""

from typing import TYPE_CHECKING

from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import nn


class Triplet(FromScratch, name="triplet"):
    """A vehicle's images nearer to each other than to any other vehicle's, by a margin."""

    loss = "triplet"

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import Embedding

        return Embedding(backbone(row, scale), scale.image_size, scale.state_width)


class CCL(Triplet, name="ccl"):
    """Coupled Clusters Loss (Liu et al. 2016): a vehicle's images nearer to their middle than the
    nearest image of another vehicle is."""

    loss = "coupled_clusters"
