"""RNN-HA and its ablations, written to be read beside the paper's equations.

The symbols are the paper's. X is the feature map of one image, ``d x h x w``:

    x1   = (1/hw) sum_ij X_ij                                    pooled feature
    o1   = GRU(x1, 0)                                            coarse step: car model
    u    = W4 ReLU(W3 o1 + b3) + b4                              what to look for, given o1
    s_ij = <u, X_ij>
    a_ij = (softplus(s_ij) + eps) / sum_kl (softplus(s_kl) + eps)    where to look
    x2   = sum_ij a_ij X_ij                                      attended feature
    o2   = GRU(x2, o1)                                           fine step: the one vehicle
    loss = NLL(W1 o1; car model) + NLL(W2 o2; vehicle)

The family is one class with two exchangeable parts, the *steps* (GRU or fully
connected) and the *attention* (guided by o1, unguided, uniform):

    ==================  ================  ==========
    row                 steps             attention
    ==================  ================  ==========
    RNN-HA              recurrent         guided
    FC-HA (w/o RNN)     fully connected   guided
    RNN-H w/o attention recurrent         uniform
    unguided attention  recurrent         unguided
    two plain heads     fully connected   uniform
    ==================  ================  ==========
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EPSILON = 0.1


class Output(NamedTuple):
    """What a forward pass gives; B images, C coarse classes, V vehicles, H state width.

    coarse     [B, C] logits of the car model or type; None for a network without that head
    fine       [B, V] logits of the vehicle; None for a network without that head
    o1, o2     [B, H] states after the coarse and the fine step; o2 is the embedding
    attention  [B, h, w] weights of step 2, each image's sum to 1; None without attention
    """

    coarse: Tensor | None
    fine: Tensor | None
    o1: Tensor | None
    o2: Tensor
    attention: Tensor | None


class RecurrentSteps(nn.Module):
    """Both steps by one GRU cell: the same weights, the second step starts from o1."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.gru = nn.GRUCell(features, width)

    def first(self, x1: Tensor) -> Tensor:
        return self.gru(x1)  # PyTorch's initial state is zero, as in the paper

    def second(self, x2: Tensor, o1: Tensor) -> Tensor:
        return self.gru(x2, o1)


class FullyConnectedSteps(nn.Module):
    """FC-HA in our reading: o_t = ReLU(V_t x_t + c_t), separate weights.

    The paper's exact form was not released; here o1 reaches step 2 only through u.
    """

    def __init__(self, features: int, width: int):
        super().__init__()
        self.v1 = nn.Linear(features, width)
        self.v2 = nn.Linear(features, width)

    def first(self, x1: Tensor) -> Tensor:
        return F.relu(self.v1(x1))

    def second(self, x2: Tensor, o1: Tensor) -> Tensor:
        return F.relu(self.v2(x2))


def normalised(scores: Tensor) -> Tensor:
    """a_ij of the paper from s_ij: softplus plus epsilon, divided by the sum. [B, h, w]."""
    positive = F.softplus(scores) + EPSILON
    return positive / positive.sum(dim=(1, 2), keepdim=True)


class GuidedAttention(nn.Module):
    """The paper's attention: the coarse state o1 decides what is looked for."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.w3 = nn.Linear(width, width)
        self.w4 = nn.Linear(width, features)
        for layer in (self.w3, self.w4):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, X: Tensor, o1: Tensor) -> Tensor:
        u = self.w4(F.relu(self.w3(o1)))  # [B, d]
        return normalised(torch.einsum("bd,bdhw->bhw", u, X))


class UnguidedAttention(nn.Module):
    """Control: u is one learned constant, the same for every image, blind to o1."""

    def __init__(self, features: int, width: int):
        super().__init__()
        self.u = nn.Parameter(torch.randn(features) / features**0.5)

    def forward(self, X: Tensor, o1: Tensor) -> Tensor:
        return normalised(torch.einsum("d,bdhw->bhw", self.u, X))


class UniformAttention(nn.Module):
    """No attention: every cell weighs 1/hw, so that x2 = x1 up to rounding."""

    def __init__(self, features: int, width: int):
        super().__init__()

    def forward(self, X: Tensor, o1: Tensor) -> Tensor:
        b, _, h, w = X.shape
        return X.new_full((b, h, w), 1 / (h * w))


STEPS = {"recurrent": RecurrentSteps, "fully-connected": FullyConnectedSteps}
ATTENTION = {
    "guided": GuidedAttention,
    "unguided": UnguidedAttention,
    "uniform": UniformAttention,
}


class CoarseToFine(nn.Module):
    """The paper's network on any backbone that yields a feature map.

    backbone: module from images [B, 3, S, S] float32 to a map [B, d, h, w], with the
    attribute `channels` = d. `width` is the state's width H.
    """

    def __init__(
        self,
        backbone: nn.Module,
        steps: str,
        attention: str,
        width: int,
        coarse_classes: int,
        vehicles: int,
    ):
        super().__init__()
        self.backbone = backbone
        self.steps = STEPS[steps](backbone.channels, width)
        self.attention = ATTENTION[attention](backbone.channels, width)
        self.w1 = nn.Linear(width, coarse_classes)
        self.w2 = nn.Linear(width, vehicles)
        for layer in (self.w1, self.w2):
            nn.init.kaiming_normal_(layer.weight)

    def forward(self, images: Tensor, attention: Tensor | None = None) -> Output:
        """Images [B, 3, S, S] to an Output; a given `attention` [B, h, w] replaces the own map."""
        return self.head(self.backbone(images), attention)

    def head(self, X: Tensor, attention: Tensor | None = None) -> Output:
        """The two steps on a feature map [B, d, h, w]."""
        x1 = X.mean(dim=(2, 3))
        o1 = self.steps.first(x1)
        a = self.attention(X, o1) if attention is None else attention
        x2 = self.attended(X, a)
        o2 = self.steps.second(x2, self.before_second(x1, o1))
        return Output(self.w1(o1), self.w2(o2), o1, o2, a)

    def attended(self, X: Tensor, a: Tensor) -> Tensor:
        """x2 = sum_ij a_ij X_ij; [B, d]."""
        return torch.einsum("bhw,bdhw->bd", a, X)

    def before_second(self, x1: Tensor, o1: Tensor) -> Tensor:
        """The state that the fine step starts from."""
        return o1


class ReleasedCoarseToFine(CoarseToFine):
    """The network as the authors' released code computes it, where that differs from the paper.

    1. x2 is the *average* of the already normalised weighted map: another 1/hw.
    2. VGG-M's script feeds x1 to the GRU twice in a row. o1 is the state after one step, but the
       attended step starts from the state after two (`doubled_first_step`).

    Its third oddity, raw colours, is in `RawColours`.
    """

    def __init__(self, *arguments, doubled_first_step: bool):
        super().__init__(*arguments)
        self.doubled_first_step = doubled_first_step

    def attended(self, X: Tensor, a: Tensor) -> Tensor:
        return super().attended(X, a) / a[0].numel()

    def before_second(self, x1: Tensor, o1: Tensor) -> Tensor:
        return self.steps.second(x1, o1) if self.doubled_first_step else o1


class RawColours(nn.Module):
    """A backbone that sees RGB in [0, 1], as in the released code, whose normalisation is a no-op.

    mean, std: of the normalisation that the images went through, three numbers each.
    """

    def __init__(self, backbone: nn.Module, mean: Sequence[float], std: Sequence[float]):
        super().__init__()
        self.backbone = backbone
        self.channels = backbone.channels
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return self.backbone(images * self.std + self.mean)


class IdentityOnly(nn.Module):
    """Stage 0 of the authors' training, and a control row: backbone, pooling, identities.

    Its embedding is the pooled feature x1 [B, d].
    """

    def __init__(self, backbone: nn.Module, vehicles: int):
        super().__init__()
        self.backbone = backbone
        self.w2 = nn.Linear(backbone.channels, vehicles)

    def forward(self, images: Tensor) -> Output:
        x1 = self.backbone(images).mean(dim=(2, 3))
        return Output(None, self.w2(x1), None, x1, None)
