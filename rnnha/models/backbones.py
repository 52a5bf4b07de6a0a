"""Backbones: images [B, 3, S, S] float32, normalised, to a feature map [B, channels, h, w]."""

from torch import Tensor, nn


class SmallVGGM(nn.Module):
    """VGG-M's layout at reduced width with batch normalisation, for training on a laptop.

    Like VGG_CNN_M_1024 (Chatfield et al. 2014) it has a 7x7/2, a 5x5/2 and three 3x3
    convolutions; the last pooling is left out, so that the map has one cell for 16 x 16
    pixels: 64 -> 4x4, 96 -> 6x6, 192 -> 12x12.
    """

    def __init__(self, widths: tuple[int, int, int] = (32, 64, 128)):
        super().__init__()
        a, b, c = widths
        self.channels = c
        self.layers = nn.Sequential(
            *_convolution(3, a, 7, stride=2),
            nn.MaxPool2d(3, 2, padding=1),
            *_convolution(a, b, 5, stride=2),
            nn.MaxPool2d(3, 2, padding=1),
            *_convolution(b, c, 3),
            *_convolution(c, c, 3),
            *_convolution(c, c, 3),
        )

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


def _convolution(channels: int, width: int, kernel: int, stride: int = 1) -> list[nn.Module]:
    # No bias: the batch normalisation that follows has its own.
    return [
        nn.Conv2d(channels, width, kernel, stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
