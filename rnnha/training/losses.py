"""What a network learns from: from its output on a batch to a loss and what is told of it.

Each is a function (output, coarse [B], fine [B]) -> {"loss": Tensor, ...}; besides the loss that is
minimised it may hold any of `loop.MEASURES`, and more that only its own network has. Class indices
are int64.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

#: The margin of CCL (the released solver's files), and of Triplet Loss, so that they differ in
#: the loss alone.
MARGIN = 0.4


def both_heads(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """NLL of both heads, 1 : 1 (of the vehicle's alone where there is one head), as in RNN-HA."""
    result = of_head("fine", output.fine, fine)
    result["loss"] = result["fine_loss"]
    if output.coarse is not None:
        result |= of_head("coarse", output.coarse, coarse)
        result["loss"] = result["coarse_loss"] + result["fine_loss"]
    return result


def coarse_head(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """NLL of the car model or type alone."""
    result = of_head("coarse", output.coarse, coarse)
    return result | {"loss": result["coarse_loss"]}


def of_head(name: str, logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
    """`<name>_loss` and `<name>_accuracy` of logits [B, C]."""
    return {
        f"{name}_loss": F.cross_entropy(logits.float(), labels),
        f"{name}_accuracy": (logits.argmax(1) == labels).float().mean(),
    }


def triplet(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """max(0, |a - p|^2 + MARGIN - |a - n|^2), the mean over all triplets of the batch that count.

    Squared distances of unit vectors, as in CCL.
    """
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss

    loss = TripletMarginLoss(margin=MARGIN, distance=LpDistance(power=2))
    return {"loss": loss(output.o2.float(), fine)}


def coupled_clusters(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """Coupled Clusters Loss (Liu et al. 2016) on the unit vectors of the batch's groups."""
    return {"loss": ccl(output.o2.float(), fine)}


def ccl(features: Tensor, vehicles: Tensor) -> Tensor:
    """Mean over the groups of a batch of sum_i 1/2 max(0, |f(x_i) - c|^2 + MARGIN - |f(x*) - c|^2).

    features [B, D] are normalised here. A group is the images of one vehicle, which stand next to
    each other in the batch, and those of the vehicle after it, the group's negatives (our reading
    of "a group of ten"). c is the mean of the positives, x* the negative nearest to c. B images of
    n vehicles make n groups, the last one's negatives being the first one's positives.
    """
    vehicles, features = vehicles.tolist(), F.normalize(features, dim=1)
    starts = [0, *(i for i in range(1, len(vehicles)) if vehicles[i] != vehicles[i - 1])]
    clusters = [features[a:b] for a, b in zip(starts, [*starts[1:], None], strict=True)]
    if len(clusters) < 2:
        raise ValueError("a batch of one vehicle has no negatives; expected two vehicles or more")
    return torch.stack(
        [
            _group(own, other)
            for own, other in zip(clusters, [*clusters[1:], clusters[0]], strict=True)
        ]
    ).mean()


def _group(positives: Tensor, negatives: Tensor) -> Tensor:
    c = positives.mean(dim=0)
    nearest = (negatives - c).square().sum(dim=1).min()
    apart = (positives - c).square().sum(dim=1)
    return 0.5 * F.relu(apart + MARGIN - nearest).sum()


def mixed(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """Mixed Diff+CCL: .5 NLL of the model, .5 CCL of the second branch, 1 CCL of the embedding."""
    result = of_head("coarse", output.coarse, coarse)
    branch, embedding = ccl(output.branch.float(), fine), ccl(output.o2.float(), fine)
    return result | {"loss": 0.5 * result["coarse_loss"] + 0.5 * branch + embedding}


def bnneck(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """NLL with label smoothing .1 after the normalisation, hardest triplets before it (1 : 1).

    Luo et al. 2019, "Bag of tricks": batch-hard triplets, margin .3, plain Euclidean distance.
    """
    from pytorch_metric_learning.distances import LpDistance
    from pytorch_metric_learning.losses import TripletMarginLoss
    from pytorch_metric_learning.miners import BatchHardMiner

    distance = LpDistance(normalize_embeddings=False)
    result = of_head("fine", output.fine, fine)
    before = output.before.float()
    hardest = BatchHardMiner(distance=distance)(before, fine)
    far = TripletMarginLoss(margin=0.3, distance=distance)(before, fine, hardest)
    smooth = F.cross_entropy(output.fine.float(), fine, label_smoothing=0.1)
    return result | {"loss": smooth + far}


def pairs(output, coarse: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """Cross-entropy of a pair classifier over the batch's pairs, three of two vehicles for each of
    one; `pair_accuracy` is the share of pairs told right (who always says "two" has .75).

    output.same: function (index [P], index [P]) -> logits [P] that both are one vehicle.
    """
    same = fine[:, None] == fine
    above = torch.ones_like(same).triu(1)
    own, other = (same & above).nonzero(), (~same & above).nonzero()
    # No chance of its own: the order of the batch is random already.
    step = max(1, len(other) // max(1, 3 * len(own)))
    chosen = torch.cat([own, other[::step][: 3 * len(own)]])
    target = (fine[chosen[:, 0]] == fine[chosen[:, 1]]).float()
    logits = output.same(chosen[:, 0], chosen[:, 1]).float()
    loss = F.binary_cross_entropy_with_logits(logits, target)
    return {"loss": loss, "pair_accuracy": ((logits > 0) == (target > 0)).float().mean()}


def vami(output, packed: Tensor, fine: Tensor) -> dict[str, Tensor]:
    """VAMI: NLL of vehicle, coarse class, colour and viewpoint; the adversaries; contrast.

    packed: coarse label, colour and viewpoint in one, see `data.viewpoints.pack`. The weights, all
    1, are ours, and so is the contrast: all pairs of the batch, unit vectors, margin 1.
    """
    from pytorch_metric_learning.losses import ContrastiveLoss

    from rnnha.data.viewpoints import unpack
    from rnnha.models.vami import known_nll

    coarse, colour, view = unpack(packed)
    result = of_head("fine", output.fine, fine) | of_head("coarse", output.coarse, coarse)
    single = result["fine_loss"] + result["coarse_loss"]
    single = single + known_nll(output.colour, colour)
    single = single + known_nll(output.view, view)
    result |= _adversaries(output, fine, view)
    apart = ContrastiveLoss(pos_margin=0, neg_margin=1)(output.o2.float(), fine)
    return result | {"loss": single + result["adversary_loss"] + apart}


def _adversaries(output, fine: Tensor, view: Tensor) -> dict[str, Tensor]:
    """VAMI's discriminator against its generator: `adversary_loss`, and how the two stand.

    `source_loss` is the discriminator's NLL of "real" or "generated" (log 2: it cannot tell). Of
    real and of generated features `<kind>_told` is the share that it takes for what they are,
    `<kind>_accuracy` the share whose vehicle it tells.
    """
    from rnnha.models import vami as network

    real, there = network.real_views(output.single.detach().float(), fine, view)
    # Only what the batch shows of the vehicle is compared: what is absent is absent on both sides.
    fake, counted = output.generated.float() * there[..., None], there.any(dim=1)
    result, sources, losses = {}, [], []
    # The reversal turns against what generates alone (the generator, and the map it is fed from):
    # real features are detached.
    for kind, features, truth in (("real", real, 1.0), ("generated", fake, 0.0)):
        source, _ = output.discriminate(network.reverse_gradient(features))
        _, vehicle = output.discriminate(features)  # here both sides want the same
        told, right = (source > 0) == bool(truth), vehicle.argmax(1) == fine
        result[f"{kind}_told"] = network.mean_of(told.float(), counted)
        result[f"{kind}_accuracy"] = network.mean_of(right.float(), counted)
        source = F.binary_cross_entropy_with_logits(
            source.float(), torch.full_like(source, truth).float(), reduction="none"
        )
        vehicle = F.cross_entropy(vehicle.float(), fine, reduction="none")
        sources.append(network.mean_of(source, counted))
        losses.append(network.mean_of(source + vehicle, counted))
    return result | {"source_loss": sum(sources) / 2, "adversary_loss": sum(losses) / 2}
