"""RNN-HA as the authors' released code computes it, in plain PyTorch: the other side of the race.

Written from a description of that code, without any of it: its order of layers, PyTorch's own
local response normalisation and GRU, contiguous memory, float32, images read by PIL in one worker
process. Where it differs from the paper's equations is told in `rnnha.models.rnn_ha`
(ReleasedCoarseToFine); our side of the race computes the same. One thing is kept out: the size of
the map is not written into the code as 6 x 6 or 7 x 7.
"""

from collections import OrderedDict
from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms
from torchvision.models import resnet50

EPSILON = 0.1


def vgg_m() -> nn.Sequential:
    """VGG_CNN_M_1024, conv1 to pool5: [B, 3, S, S] to [B, 512, h, w]."""

    def norm() -> nn.Module:
        return nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    def pool() -> nn.Module:
        return nn.MaxPool2d(3, 2, ceil_mode=True)

    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(3, 96, 7, 2),
            relu1=nn.ReLU(inplace=True),
            norm1=norm(),
            pool1=pool(),
            conv2=nn.Conv2d(96, 256, 5, 2, 1),
            relu2=nn.ReLU(inplace=True),
            norm2=norm(),
            pool2=pool(),
            conv3=nn.Conv2d(256, 512, 3, 1, 1),
            relu3=nn.ReLU(inplace=True),
            conv4=nn.Conv2d(512, 512, 3, 1, 1),
            relu4=nn.ReLU(inplace=True),
            conv5=nn.Conv2d(512, 512, 3, 1, 1),
            relu5=nn.ReLU(inplace=True),
            pool5=pool(),
        )
    )


def resnet_50() -> nn.Sequential:
    """ResNet-50 without its pooling and classifier: [B, 3, S, S] to [B, 2048, h, w]."""
    children = resnet50(weights=None).named_children()
    return nn.Sequential(OrderedDict((n, m) for n, m in children if n not in ("avgpool", "fc")))


class Stage0(nn.Module):
    """Backbone, pooling, one linear layer over the vehicles: images to logits [B, vehicles]."""

    def __init__(self, backbone: nn.Module, features: int, vehicles: int):
        super().__init__()
        self.backbone = backbone
        self.w2 = nn.Linear(features, vehicles)

    def forward(self, images: Tensor) -> tuple[Tensor]:
        return (self.w2(self.backbone(images).mean(dim=(2, 3))),)


class Stage1(nn.Module):
    """The whole network: images [B, 3, S, S] in [0, 1] to logits of model and vehicle.

    doubled: the first call feeds the pooled feature to the GRU twice (the VGG-M script).
    """

    def __init__(
        self,
        backbone: nn.Module,
        features: int,
        width: int,
        models: int,
        vehicles: int,
        doubled: bool,
    ):
        super().__init__()
        self.backbone, self.doubled = backbone, doubled
        self.gru = nn.GRU(features, width)
        self.w3, self.w4 = nn.Linear(width, width), nn.Linear(width, features)
        self.w1, self.w2 = nn.Linear(width, models), nn.Linear(width, vehicles)
        for layer in (self.w1, self.w2, self.w3, self.w4):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        cells = self.backbone(images).flatten(2)  # [B, d, hw]
        pooled = cells.mean(2)
        states, last = self.gru(torch.stack([pooled, pooled] if self.doubled else [pooled]))
        wanted = self.w4(F.relu(self.w3(states[0])))
        positive = F.softplus(torch.bmm(wanted[:, None], cells)) + EPSILON
        attended = (cells * (positive / positive.sum(2, keepdim=True))).mean(2)
        _, second = self.gru(attended[None], last)
        return self.w1(states[0]), self.w2(second[0])


def step(model: nn.Module, optimizer, images: Tensor, labels: Sequence[Tensor]) -> float:
    """One training step in float32; the loss. labels: int64 [B] for each of the model's outputs."""
    optimizer.zero_grad()
    loss = sum(F.cross_entropy(out, of) for out, of in zip(model(images), labels, strict=True))
    loss.backward()
    optimizer.step()
    return loss.item()


class Pictures(Dataset):
    """Images read by PIL, resized to a square, as float32 [3, size, size]."""

    def __init__(self, paths: Sequence[str], size: int, normalise: transforms.Normalize):
        self.paths = paths
        self.resize = transforms.Resize((size, size))
        self.rest = transforms.Compose([transforms.ToTensor(), normalise])

    def __len__(self) -> int:
        return len(self.paths)

    def resized(self, index: int) -> Image.Image:
        return self.resize(Image.open(self.paths[index]).convert("RGB"))

    def __getitem__(self, index: int) -> Tensor:
        return self.rest(self.resized(index))


def loader(pictures: Pictures, batch: int) -> DataLoader:
    """Batches from one worker process, which stays between passes."""
    return DataLoader(pictures, batch, num_workers=1, persistent_workers=True)
