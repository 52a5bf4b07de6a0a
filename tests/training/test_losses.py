"""The losses of the compared systems, against cases worked by hand and against numbers."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rnnha.profiles import Phase
from rnnha.training import losses
from rnnha.training.loop import _order


def on_circle(*degrees: float) -> torch.Tensor:
    """Unit vectors in the plane."""
    angle = torch.deg2rad(torch.tensor(degrees, dtype=torch.float64))
    return torch.stack([angle.cos(), angle.sin()], dim=1)


def test_ccl_by_hand():
    """Two groups of two: positives at 0 and 90 degrees, negatives at 180 and 270.

    c = (1/2, 1/2). A positive is 1/4 + 1/4 = 1/2 away (squared); each negative is
    (3/2)^2 + (1/2)^2 = 5/2 away. 1/2 + 0.4 - 5/2 < 0: nothing is left to push. With one negative
    moved to 45 degrees, which is (1/sqrt2 - 1/2)^2 * 2 = 0.0858 from c, each positive adds
    1/2 (1/2 + 0.4 - 0.0858) = 0.4071: the group adds 0.8142.
    """
    far = losses.ccl(on_circle(0, 90, 180, 270), torch.tensor([1, 1, 2, 2]))
    assert far.item() == 0
    positives, negatives = on_circle(0, 90), on_circle(45, 270)
    own = losses._group(positives, negatives).item()
    assert own == pytest.approx(2 * 0.5 * (0.5 + 0.4 - 2 * (1 / math.sqrt(2) - 0.5) ** 2))
    # The other way round: c = middle of 45 and 270 degrees, the nearest of 0 and 90 is at 0.
    c = (on_circle(45)[0] + on_circle(270)[0]).numpy() / 2
    apart = [((v.numpy() - c) ** 2).sum() for v in (*negatives, *positives)]
    other = sum(0.5 * max(0, a + 0.4 - min(apart[2:])) for a in apart[:2])
    both = losses.ccl(torch.cat([positives, negatives]), torch.tensor([7, 7, 3, 3]))
    assert both.item() == pytest.approx((own + other) / 2)


def test_ccl_is_blind_to_length_and_has_the_numerical_gradient():
    torch.manual_seed(0)
    features = torch.randn(12, 5, dtype=torch.float64, requires_grad=True)
    vehicles = torch.tensor([4] * 4 + [1] * 4 + [9] * 4)
    assert losses.ccl(features * 3, vehicles).item() == pytest.approx(
        losses.ccl(features, vehicles).item()
    )
    assert torch.autograd.gradcheck(lambda f: losses.ccl(f, vehicles), features)


def test_ccl_needs_two_vehicles():
    with pytest.raises(ValueError, match="two vehicles"):
        losses.ccl(torch.randn(4, 3), torch.zeros(4, dtype=torch.int64))


def test_triplets_against_all_of_them_one_by_one():
    torch.manual_seed(1)
    features, vehicles = torch.randn(8, 4), torch.tensor([0, 0, 0, 1, 1, 2, 2, 2])
    unit = F.normalize(features, dim=1).numpy()
    found = []
    for a in range(8):
        for p in range(8):
            for n in range(8):
                if a != p and vehicles[a] == vehicles[p] and vehicles[a] != vehicles[n]:
                    near, far = ((unit[a] - unit[k]) ** 2 for k in (p, n))
                    found.append(max(0, near.sum() + 0.4 - far.sum()))
    counting = [value for value in found if value > 0]
    result = losses.triplet(SimpleNamespace(o2=features), None, vehicles)["loss"].item()
    assert result == pytest.approx(np.mean(counting), rel=1e-5)


def test_mixed_adds_its_parts_with_the_published_weights():
    torch.manual_seed(2)
    coarse, fine = torch.tensor([0, 0, 1, 1]), torch.tensor([5, 5, 6, 6])
    logits, branch, o2 = torch.randn(4, 3), torch.randn(4, 6), torch.randn(4, 6)
    output = SimpleNamespace(coarse=logits, branch=branch, o2=o2)
    softmax = -torch.log(torch.softmax(logits, 1)[range(4), coarse]).mean()
    expected = 0.5 * softmax + 0.5 * losses.ccl(branch, fine) + losses.ccl(o2, fine)
    assert losses.mixed(output, coarse, fine)["loss"].item() == pytest.approx(expected.item())


def test_bnneck_takes_the_hardest_triplets_and_smooths_the_labels():
    before = torch.tensor([[0.0], [1.0], [4.0], [1.5]])
    fine = torch.tensor([0, 0, 1, 1])
    logits = torch.tensor([[2.0, 0.0], [0.0, 1.0], [0.0, 3.0], [1.0, 1.0]])
    # hardest positive and negative of each: (1, 1.5), (1, .5), (2.5, 3), (2.5, .5)
    hard = [max(0, p + 0.3 - n) for p, n in ((1, 1.5), (1, 0.5), (2.5, 3), (2.5, 0.5))]
    log = torch.log_softmax(logits, 1)
    smooth = -(0.9 * log[range(4), fine] + 0.1 * log.mean(1)).mean()
    expected = np.mean([h for h in hard if h > 0]) + smooth.item()
    output = SimpleNamespace(before=before, fine=logits, o2=before)
    assert losses.bnneck(output, None, fine)["loss"].item() == pytest.approx(expected)


def test_pairs_are_three_of_two_vehicles_for_each_of_one():
    asked = []

    def same(a, b):
        asked.append((a, b))
        return (fine[a] == fine[b]) * 8.0 - 4.0

    fine = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    found = losses.pairs(SimpleNamespace(same=same), None, fine)
    (a, b) = asked[0]
    assert (fine[a] == fine[b]).sum() == 4 and len(a) == 16
    assert len({*zip(a.tolist(), b.tolist(), strict=True)}) == 16 and (a < b).all()
    assert found["loss"].item() == pytest.approx(math.log(1 + math.exp(-4)), rel=1e-5)
    assert found["pair_accuracy"] == 1 and "fine_accuracy" not in found, "no vehicle is named"


def test_a_batch_holds_so_many_images_of_each_vehicle():
    fine = torch.arange(40) % 10
    phase = Phase(1, 8, "sgd", 0.1, per_vehicle=4)
    order = _order(40, fine, phase, np.random.default_rng(3))
    assert np.array_equal(order, _order(40, fine, phase, np.random.default_rng(3)))
    assert not np.array_equal(order, _order(40, fine, phase, np.random.default_rng(4)))
    assert len(order) == 40
    for batch in order.reshape(-1, 2, 4):
        vehicles = fine[torch.from_numpy(batch)]
        assert (vehicles == vehicles[:, :1]).all() and vehicles[0, 0] != vehicles[1, 0]
        assert all(len(set(images)) == 4 for images in batch.tolist())


def test_the_papers_loss_adds_both_heads_with_equal_weight():
    """Logits of 0 know nothing: ln 5 of five models and ln 7 of seven vehicles."""
    output = SimpleNamespace(coarse=torch.zeros(4, 5), fine=torch.zeros(4, 7))
    labels = torch.tensor([0, 1, 2, 3])
    found = losses.both_heads(output, labels, labels)
    assert found["loss"].item() == pytest.approx(math.log(5) + math.log(7), rel=1e-5)
    one = losses.both_heads(SimpleNamespace(coarse=None, fine=torch.zeros(4, 7)), labels, labels)
    assert one["loss"].item() == pytest.approx(math.log(7), rel=1e-5)
