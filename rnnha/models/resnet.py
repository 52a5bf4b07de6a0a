"""ResNet-50 (He et al. 2016) without its pooling and classifier, as torchvision builds it."""

from collections import OrderedDict

from torch import Tensor, nn
from torchvision.models import resnet50


class ResNet50(nn.Module):
    """Images [B, 3, S, S] float32, normalised, to a map [B, 2048, h, w].

    One cell for 32 x 32 pixels, rounded up: 224 -> 7x7, 672 -> 21x21. The parameters have
    torchvision's names behind `layers.`; the initial weights are torchvision's (He et al.).
    """

    channels = 2048

    def __init__(self) -> None:
        super().__init__()
        trunk = resnet50(weights=None).named_children()
        self.layers = nn.Sequential(
            OrderedDict((name, layer) for name, layer in trunk if name not in ("avgpool", "fc"))
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)
