"""The networks of the systems that RNN-HA is compared with; what is known of each: docs/systems.md.

Each is built on a backbone (images [B, 3, S, S] float32 to a map [B, d, h, w]) and gives a tuple
with `o2`, the embedding, and what its loss in `rnnha.training.losses` looks at.
"""

from collections.abc import Callable
from copy import deepcopy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnha.models.rnn_ha import Output

DROPOUT = 0.5


class CoarseOnly(nn.Module):
    """CLVR and GoogLeNet: a classifier of car models. Its embedding is the pooled feature [B, d],
    or, with `by_class`, what it says of the classes (softmax, [B, C])."""

    def __init__(self, backbone: nn.Module, classes: int, by_class: bool):
        super().__init__()
        self.backbone, self.by_class = backbone, by_class
        self.w1 = nn.Linear(backbone.channels, classes)

    def forward(self, images: Tensor) -> Output:
        x1 = self.backbone(images).mean(dim=(2, 3))
        coarse = self.w1(x1)
        return Output(coarse, None, None, coarse.softmax(1) if self.by_class else x1, None)


class Branch(nn.Module):
    """fc6 and fc7 of VGG_CNN_M_1024 on a map [B, d, h, w], with ReLU and dropout; [B, width]."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.fc6 = nn.Linear(features, 2 * width)
        self.fc7 = nn.Linear(2 * width, width)
        for layer in (self.fc6, self.fc7):
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)

    def forward(self, X: Tensor) -> Tensor:
        fc6 = F.dropout(F.relu(self.fc6(X.flatten(1))), DROPOUT, self.training)
        return F.dropout(F.relu(self.fc7(fc6)), DROPOUT, self.training)


class Embedding(nn.Module):
    """Triplet Loss and CCL: the second branch of Mixed Diff+CCL alone, to the unit sphere."""

    def __init__(self, backbone: nn.Module, size: int, width: int):
        super().__init__()
        self.backbone = backbone
        self.branch = Branch(map_numbers(backbone, size), width)

    def forward(self, images: Tensor) -> Output:
        fc7 = self.branch(self.backbone(images))
        return Output(None, None, None, F.normalize(fc7, dim=1), None)


class MixedOutput(NamedTuple):
    """coarse [B, C] logits of the first branch, branch [B, H] the second one's unit feature,
    o2 [B, H] the merged embedding of unit length."""

    coarse: Tensor
    branch: Tensor
    o2: Tensor


class MixedDiff(nn.Module):
    """Mixed Diff+CCL (Liu et al. 2016): conv1 to conv3 are shared, then two branches of conv4,
    conv5, fc6 and fc7: car models and vehicles. Both fc7 go through one more layer."""

    def __init__(self, backbone: nn.Module, size: int, width: int, classes: int):
        super().__init__()
        self.backbone = backbone  # whole: the second branch's convolutions are its upper part
        self.upper = deepcopy(backbone.upper)  # the first branch's
        numbers = map_numbers(backbone, size)
        self.models, self.vehicles = Branch(numbers, width), Branch(numbers, width)
        self.w1 = nn.Linear(width, classes)
        self.merge = nn.Linear(2 * width, width)

    def forward(self, images: Tensor) -> MixedOutput:
        shared = self.backbone.lower(images)
        first = self.models(self.upper(shared))
        second = self.vehicles(self.backbone.upper(shared))
        merged = self.merge(torch.cat([first, second], dim=1))
        return MixedOutput(self.w1(first), F.normalize(second, dim=1), F.normalize(merged, dim=1))


class PairOutput(NamedTuple):
    """o2 [B, D] features; same: indices [P], [P] of the batch to logits [P] of "one vehicle"."""

    o2: Tensor
    same: Callable[[Tensor, Tensor], Tensor]


class SiamesePair(nn.Module):
    """Siamese-Visual: |f(a) - f(b)| and one layer say whether two images show one vehicle."""

    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone
        self.verdict = nn.Linear(backbone.channels, 1)

    def forward(self, images: Tensor) -> PairOutput:
        f = self.backbone(images).mean(dim=(2, 3))
        return PairOutput(f, lambda a, b: self.verdict((f[a] - f[b]).abs()).squeeze(1))


class NeckOutput(NamedTuple):
    """before, o2 [B, D]: the feature before and after the normalisation; fine [B, V] logits."""

    before: Tensor
    fine: Tensor
    o2: Tensor


class BNNeck(nn.Module):
    """Today's strong baseline (Luo et al. 2019): the triplet loss sees the pooled feature, the
    classifier and the ranking see it after a batch normalisation without shift."""

    def __init__(self, backbone: nn.Module, vehicles: int):
        super().__init__()
        self.backbone = backbone
        self.neck = nn.BatchNorm1d(backbone.channels)
        self.neck.bias.requires_grad_(False)
        self.w2 = nn.Linear(backbone.channels, vehicles, bias=False)
        nn.init.normal_(self.w2.weight, std=0.001)

    def forward(self, images: Tensor) -> NeckOutput:
        x1 = self.backbone(images).mean(dim=(2, 3))
        o2 = self.neck(x1)
        return NeckOutput(x1, self.w2(o2), o2)


@torch.no_grad()
def map_numbers(backbone: nn.Module, size: int) -> int:
    """How many numbers a backbone's map of one image of this size has."""
    training = backbone.training
    X = backbone.eval()(torch.zeros(1, 3, size, size))
    backbone.train(training)
    return X[0].numel()
