"""Mixed Diff+CCL (Liu et al. 2016): car models and vehicles in two branches, merged.

Layers, weights and margin are those of the released Caffe files; see `models.compared.MixedDiff`.
"""

from typing import TYPE_CHECKING

from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import nn


class MixedDiffCCL(FromScratch, name="mixed-diff-ccl"):
    """The difference between models in one branch, within a model in the other."""

    loss = "mixed"

    needs_coarse = True

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import MixedDiff

        return MixedDiff(backbone(row, scale), scale.image_size, scale.state_width, coarse_classes)

    def begin(self) -> None:
        """Both branches begin from the same weights, ImageNet's where the profile has them."""
        super().begin()
        self.model.upper.load_state_dict(self.model.backbone.upper.state_dict())
