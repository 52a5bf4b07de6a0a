"""VAMI (Zhou & Shao 2018): Viewpoint-aware Attentive Multi-view Inference.

One image shows one side of a vehicle. From what is seen of it the network infers what the sides
that are not seen would look like in feature space, and compares vehicles by both. In the paper's
order: single-view features, viewpoint-aware attention, a conditional generator of multi-view
features with its adversary, and an embedding learned by contrast.

The paper's outline is public, its layers, sizes and weights are not. Our reading, all of it:

- the centre of a viewpoint is its row in the viewpoint classifier, which tells viewpoints by the
  inner product with the pooled map; cells are weighted by the same product. So the centres are
  learned from labels, and the network alone says at test time from where an image was taken;
- a multi-view feature is a feature [d] for each viewpoint that is missing;
- generator and discriminator have two fully connected layers each, the first one of width H;
- real features pass no gradient on: the discriminator learns from them, the backbone does not;
- one optimizer: a gradient reversal (Ganin & Lempitsky 2015) stands between generator and
  discriminator, so that one backward pass improves both, each against the other;
- the embedding is one linear layer on the pooled map and the inferred features.

B images, V viewpoints, map of d channels and h x w cells, embedding of width H; all float32.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnha.data.viewpoints import COLOURS, VIEWS

#: How much of the discriminator's gradient turns against the generator.
STRENGTH = 0.1


class Output(NamedTuple):
    """What the network makes of B images.

    coarse [B, C], fine [B, N], colour [B, 16], view [B, V]: logits of the single-view feature.
    single [B, d]: that feature. cells [B, V, h, w]: the attention of each viewpoint, which sums
    to 1 over the cells. generated [B, V, d]: inferred features. o2 [B, H]: the embedding.
    discriminate: features [B, V, d] to the logit [B] of "real" and vehicle logits [B, N].
    """

    coarse: Tensor
    fine: Tensor
    colour: Tensor
    view: Tensor
    single: Tensor
    cells: Tensor
    generated: Tensor
    o2: Tensor
    discriminate: Callable[[Tensor], tuple[Tensor, Tensor]]


class VAMI(nn.Module):
    """The network. `occurring`, bool [V]: the viewpoints that the set has; others are never
    inferred. It is kept with the weights."""

    def __init__(self, backbone: nn.Module, width: int, classes: int, vehicles: int):
        super().__init__()
        d, V = backbone.channels, len(VIEWS)
        self.backbone = backbone
        self.w_coarse, self.w_fine = nn.Linear(d, classes), nn.Linear(d, vehicles)
        self.w_colour = nn.Linear(d, COLOURS)
        self.centres = nn.Parameter(torch.randn(V, d) / d**0.5)
        self.generator = nn.Sequential(
            nn.Linear(V * d + V, width), nn.LeakyReLU(0.2), nn.Linear(width, V * d)
        )
        self.discriminator = nn.Sequential(
            nn.Linear(V * d, width), nn.LeakyReLU(0.2), nn.Linear(width, 1 + vehicles)
        )
        self.fuse = nn.Linear(d + V * d, width)
        self.register_buffer("occurring", torch.ones(V, dtype=torch.bool))

    def forward(self, images: Tensor) -> Output:
        X = self.backbone(images)
        x = X.mean(dim=(2, 3))
        view = (x @ self.centres.T).masked_fill(~self.occurring, -torch.inf)
        cells, attended = attend(X, self.centres)
        # How sure it is that a viewpoint is missing. Detached: the embedding must not move it.
        missing = ((1 - view.softmax(1)) * self.occurring).detach()
        condition = torch.cat([(attended * missing[..., None]).flatten(1), missing], dim=1)
        generated = self.generator(condition).unflatten(1, attended.shape[1:])
        inferred = (generated * missing[..., None]).flatten(1)
        return Output(
            self.w_coarse(x),
            self.w_fine(x),
            self.w_colour(x),
            view,
            x,
            cells,
            generated,
            self.fuse(torch.cat([x, inferred], dim=1)),
            self.discriminate,
        )

    def discriminate(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Logit [B] that features [B, V, d] are real, and logits [B, N] of their vehicle."""
        logits = self.discriminator(features.flatten(1))
        return logits[:, 0], logits[:, 1:]


def attend(X: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Softmax over the cells of <X_ij, centre_v> [B, V, h, w], and the mean of X by it [B, V, d].

    X [B, d, h, w], centres [V, d].
    """
    scores = torch.einsum("bdhw,vd->bvhw", X, centres)
    cells = scores.flatten(2).softmax(dim=2).view_as(scores)
    return cells, torch.einsum("bvhw,bdhw->bvd", cells, X)


def real_views(single: Tensor, fine: Tensor, view: Tensor) -> tuple[Tensor, Tensor]:
    """For each image what other images of its vehicle in the batch show from other viewpoints.

    single [B, d], fine [B] vehicles, view [B] viewpoints (V and above: unknown; such an image
    has no others, and is none). Gives the mean of the features of a viewpoint [B, V, d], and
    bool [B, V]: whether there are any, else the feature is zero.
    """
    own = view[:, None] == torch.arange(len(VIEWS), device=view.device)  # [B, V]
    wanted = ~own & own.any(dim=1, keepdim=True)
    same = fine[:, None] == fine
    chosen = same[:, None, :] & own.T & wanted[:, :, None]  # [B, V, B]
    count = chosen.sum(dim=2, keepdim=True)
    return chosen.to(single) @ single / count.clamp(min=1), count[..., 0] > 0


class _Reversed(torch.autograd.Function):
    @staticmethod
    def forward(context, x: Tensor, strength: float) -> Tensor:
        context.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(context, gradient: Tensor) -> tuple[Tensor, None]:
        return -context.strength * gradient, None


def reverse_gradient(x: Tensor, strength: float = STRENGTH) -> Tensor:
    """x; on the way back its gradient is multiplied by -strength (Ganin & Lempitsky 2015)."""
    return _Reversed.apply(x, strength)


def mean_of(losses: Tensor, counted: Tensor) -> Tensor:
    """Mean of the losses [B] where `counted` [B]; 0, with a gradient of 0, where none counts."""
    return torch.where(counted, losses, 0.0).sum() / counted.sum().clamp(min=1)


def known_nll(logits: Tensor, labels: Tensor) -> Tensor:
    """Mean NLL of logits [B, C] over the images whose label is known, which is one below C."""
    known = labels < logits.shape[1]
    losses = F.cross_entropy(logits.float(), labels.where(known, 0), reduction="none")
    return mean_of(losses, known)
