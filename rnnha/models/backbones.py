"""Backbones: images [B, 3, S, S] float32, normalised, to a feature map [B, channels, h, w]."""

from functools import partial

from torch import Tensor, nn
from torchvision.models import googlenet
from torchvision.models.resnet import BasicBlock

from rnnha.models.resnet import ResNet50
from rnnha.models.vgg_m import VGGM


class SmallVGGM(nn.Module):
    """VGG-M's layout at reduced width with batch normalisation, for training on a laptop.

    Like VGG_CNN_M_1024 (Chatfield et al. 2014) it has a 7x7/2, a 5x5/2 and three 3x3
    convolutions; the last pooling is left out, so that the map has one cell for 16 x 16
    pixels: 64 -> 4x4, 96 -> 6x6, 192 -> 12x12. fine: the second pooling has stride 1, and the
    map four times as many cells.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128), fine: bool = False):
        super().__init__()
        a, b, c = widths
        self.channels = c
        self.layers = nn.Sequential(
            *_convolution(3, a, 7, stride=2),
            nn.MaxPool2d(3, 2, padding=1),
            *_convolution(a, b, 5, stride=2),
            nn.MaxPool2d(3, 1 if fine else 2, padding=1),
            *_convolution(b, c, 3),
            *_convolution(c, c, 3),
            *_convolution(c, c, 3),
        )

    @property
    def lower(self) -> nn.Sequential:
        """conv1 to conv3: the same layers, not a copy."""
        return self.layers[:11]

    @property
    def upper(self) -> nn.Sequential:
        """conv4 and conv5: the same layers, not a copy."""
        return self.layers[11:]

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class GoogLeNet(nn.Module):
    """torchvision's GoogLeNet (Szegedy et al. 2015, with batch normalisation) up to its last
    inception block: 224 -> 7x7, 1,024 channels."""

    channels = 1024

    def __init__(self):
        super().__init__()
        whole = googlenet(weights=None, aux_logits=False, transform_input=True, init_weights=True)
        whole.avgpool = whole.dropout = whole.fc = nn.Identity()
        self.layers = whole

    def forward(self, images: Tensor) -> Tensor:
        X = self.layers._transform_input(images)
        for layer in self.layers.children():
            X = layer(X)
        return X


class SmallResNet(nn.Module):
    """ResNet's layout at reduced width, the laptop's stand-in for ResNet-50.

    A 7x7/2 convolution and three stages of two basic blocks each (He et al. 2016), the maps as
    large as SmallVGGM's.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)):
        super().__init__()
        a, b, c = widths
        self.channels = c
        self.layers = nn.Sequential(
            *_convolution(3, a, 7, stride=2),
            nn.MaxPool2d(3, 2, padding=1),
            *_blocks(a, a),
            *_blocks(a, b, stride=2),
            *_blocks(b, c, stride=2),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _blocks(channels: int, width: int, stride: int = 1) -> list[nn.Module]:
    shortcut = None
    if stride > 1 or channels != width:
        shortcut = nn.Sequential(
            nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
        )
    return [BasicBlock(channels, width, stride, shortcut), BasicBlock(width, width)]


def _convolution(channels: int, width: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    # No bias: the batch normalisation that follows has its own.
    return [
        nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]


# A row's backbone at a profile, by name.
BACKBONES = {
    "vgg-m": VGGM,
    "resnet-50": ResNet50,
    "googlenet": GoogLeNet,
    "small-vgg-m": SmallVGGM,
    "small-vgg-m-fine": partial(SmallVGGM, fine=True),
    "small-resnet": SmallResNet,
    "tiny-vgg-m": partial(SmallVGGM, (16, 32, 64)),
    "tiny-vgg-m-fine": partial(SmallVGGM, (16, 32, 64), fine=True),
    "tiny-resnet": partial(SmallResNet, (16, 32, 64)),
}
