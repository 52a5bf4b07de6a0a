"""VGG-M, the paper's backbone: VGG_CNN_M_1024 of Chatfield et al. (2014), conv1 to pool5."""

from collections import OrderedDict
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: Each convolution's weight [out, in, k, k]; the biases are [out].
SHAPES = {
    "conv1": (96, 3, 7, 7),
    "conv2": (256, 96, 5, 5),
    "conv3": (512, 256, 3, 3),
    "conv4": (512, 512, 3, 3),
    "conv5": (512, 512, 3, 3),
}
STRIDES = {"conv1": 2, "conv2": 2, "conv3": 1, "conv4": 1, "conv5": 1}
PADDINGS = {"conv1": 0, "conv2": 1, "conv3": 1, "conv4": 1, "conv5": 1}


class VGGM(nn.Module):
    """Images [B, 3, S, S] float32, normalised, to a map [B, 512, h, w] after pool5.

    Any S from 41 on; 224 -> 6x6, 672 -> 20x20. The layers have Caffe's names
    (`layers.conv1` to `layers.pool5`) and Caffe's arithmetic: poolings round sizes up, and
    the local response normalisation (Krizhevsky et al. 2012, section 3.3) divides alpha by
    the number of channels it sums over.
    """

    channels = 512

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            OrderedDict(
                conv1=_convolution("conv1"),
                relu1=nn.ReLU(inplace=True),
                norm1=LocalResponseNorm(96),
                pool1=_pooling(),
                conv2=_convolution("conv2"),
                relu2=nn.ReLU(inplace=True),
                norm2=LocalResponseNorm(256),
                pool2=_pooling(),
                conv3=_convolution("conv3"),
                relu3=nn.ReLU(inplace=True),
                conv4=_convolution("conv4"),
                relu4=nn.ReLU(inplace=True),
                conv5=_convolution("conv5"),
                relu5=nn.ReLU(inplace=True),
                pool5=_pooling(),
            )
        )

    @property
    def lower(self) -> nn.Sequential:
        """conv1 to conv3: the same layers, not a copy."""
        return self.layers[:10]

    @property
    def upper(self) -> nn.Sequential:
        """conv4 to pool5: the same layers, not a copy."""
        return self.layers[10:]

    def forward(self, images: Tensor) -> Tensor:
        return self.layers(images)


class LocalResponseNorm(nn.Module):
    """b_i = a_i / (k + alpha/n sum_j a_j^2)^beta, j the n channels around i (ibid.).

    The numbers of torch.nn.LocalResponseNorm; its pooling in three dimensions takes more than
    half of VGG-M's time. A sum over neighbouring channels is a matrix with a band of ones.
    (torch.nn.CrossMapLRN2d sums over wrong channels from the third one on.)
    """

    def __init__(
        self, channels: int, n: int = 5, alpha: float = 5e-4, beta: float = 0.75, k: float = 2.0
    ):
        super().__init__()
        self.beta = beta
        channel = torch.arange(channels)
        band = (channel[:, None] - channel).abs() <= n // 2
        self.register_buffer("window", band * (alpha / n), persistent=False)
        self.register_buffer("k", torch.full((channels,), k), persistent=False)

    def forward(self, a: Tensor) -> Tensor:
        # Squares need float32 under autocast, too, which the meta device of dry runs does not know.
        with nullcontext() if a.is_meta else torch.autocast(a.device.type, enabled=False):
            squares = a.to(self.window.dtype).square().permute(0, 2, 3, 1)
            return a * F.linear(squares, self.window, self.k).permute(0, 3, 1, 2).pow(-self.beta)


def _convolution(name: str) -> nn.Conv2d:
    width, channels, kernel, _ = SHAPES[name]
    layer = nn.Conv2d(channels, width, kernel, STRIDES[name], PADDINGS[name])
    # He et al. (2015). From PyTorch's own start the signal would shrink at every layer, and
    # no batch normalisation is there to lift it: training from scratch would hardly begin.
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


def _pooling() -> nn.MaxPool2d:
    return nn.MaxPool2d(3, 2, ceil_mode=True)
