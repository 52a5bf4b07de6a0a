"""VAMI's parts against slow ones and cases worked by hand, and its loss piece by piece."""

import math
from types import SimpleNamespace

import pytest
import torch
from torch.nn import functional as F

from rnnha.data.viewpoints import COLOURS, UNKNOWN_COLOUR, UNKNOWN_VIEW, VIEWS, pack, unpack
from rnnha.models import vami
from rnnha.models.backbones import BACKBONES
from rnnha.training import losses

V, CLASSES, VEHICLES, WIDTH = len(VIEWS), 3, 4, 12
FINE = torch.tensor([0, 0, 0, 1, 1, 2])
VIEW = torch.tensor([0, 1, 1, 2, UNKNOWN_VIEW, 3])
COARSE, COLOUR = FINE.clone(), torch.tensor([2, 2, 2, 0, 0, UNKNOWN_COLOUR])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return vami.VAMI(BACKBONES["tiny-vgg-m"](), WIDTH, CLASSES, VEHICLES)


@pytest.fixture
def images():
    return torch.randn(6, 3, 64, 64, generator=torch.Generator().manual_seed(1))


def test_attention_is_that_of_a_slow_loop():
    torch.manual_seed(0)
    X, centres = torch.randn(2, 3, 4, 5), torch.randn(V, 3)
    cells, attended = vami.attend(X, centres)
    for b in range(2):
        for v in range(V):
            power = [
                [math.exp(sum(X[b, d, i, j] * centres[v, d] for d in range(3))) for j in range(5)]
                for i in range(4)
            ]
            whole = sum(map(sum, power))
            mean = torch.zeros(3)
            for i in range(4):
                for j in range(5):
                    assert cells[b, v, i, j].item() == pytest.approx(power[i][j] / whole, rel=1e-4)
                    mean += X[b, :, i, j] * power[i][j] / whole
            torch.testing.assert_close(attended[b, v], mean)


def test_the_reversed_gradient_has_the_other_sign():
    """The value is the same; the gradient is minus the strength times the numerical one."""
    x = torch.tensor([0.3, -1.2], dtype=torch.float64, requires_grad=True)

    def f(x):
        return (x**3 + x[0] * x[1]).sum()

    value = f(vami.reverse_gradient(x, 0.25))
    value.backward()
    assert value.item() == f(x).item()
    for k in range(2):
        step = torch.zeros(2, dtype=torch.float64)
        step[k] = 1e-6
        slope = (f(x.detach() + step) - f(x.detach() - step)).item() / 2e-6
        assert x.grad[k].item() == pytest.approx(-0.25 * slope, rel=1e-6)


def test_real_views_by_hand():
    """Vehicle 0 from viewpoints 0, 1, 1; vehicle 1 from 2 and one unknown; vehicle 2 once."""
    single = torch.tensor([[1.0], [2.0], [4.0], [8.0], [16.0], [32.0]])
    real, there = vami.real_views(single, FINE, VIEW)
    expected = torch.zeros(6, V)
    expected[0, 1] = (2 + 4) / 2  # the front sees the mean of both rears
    expected[1, 0] = expected[2, 0] = 1  # and a rear the front, but not the other rear
    assert torch.equal(real[..., 0], expected)
    assert torch.equal(there, expected > 0)


def test_known_labels_alone_count():
    logits = torch.tensor([[0.0, math.log(3)], [5.0, -5.0]])
    loss = vami.known_nll(logits, torch.tensor([0, UNKNOWN_VIEW]))
    assert loss.item() == pytest.approx(math.log(4))
    logits.requires_grad_()
    none = vami.known_nll(logits, torch.tensor([UNKNOWN_VIEW] * 2))
    none.backward()
    assert none.item() == 0 and not logits.grad.any()


def test_packed_labels_come_out_again():
    every = torch.cartesian_prod(torch.arange(300), torch.arange(32), torch.arange(8)).T
    packed = pack(*every)
    assert len(packed.unique()) == packed.numel()
    assert all(torch.equal(a, b) for a, b in zip(unpack(packed), every, strict=True))
    assert COLOURS <= UNKNOWN_COLOUR and V <= UNKNOWN_VIEW


def test_the_loss_by_hand():
    """All logits 0: every classifier is at its chance, the adversary at log 2.

    Features: both images of vehicle 0 are one unit vector, the other vehicle's is at a right
    angle, sqrt 2 > 1 away: no contrast is left. At a distance of 1/2 from one: (1 - 1/2).
    """
    zeros = {"coarse": CLASSES, "fine": VEHICLES, "colour": COLOURS, "view": V}
    output = SimpleNamespace(
        **{name: torch.zeros(3, width) for name, width in zeros.items()},
        single=torch.ones(3, 2),
        generated=torch.zeros(3, V, 2),
        o2=torch.tensor([[2.0, 0.0], [1.0, 0.0], [0.0, 1.0]]),
        discriminate=lambda f: (torch.zeros(len(f)), torch.zeros(len(f), VEHICLES)),
    )
    fine, view = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    colour = torch.tensor([1, 1, UNKNOWN_COLOUR])
    found = losses.vami(output, pack(fine, colour, view), fine)
    chance = sum(math.log(width) for width in zeros.values()) + math.log(2) + math.log(VEHICLES)
    assert found["loss"].item() == pytest.approx(chance, rel=1e-5)
    assert found["fine_loss"].item() == pytest.approx(math.log(VEHICLES))
    assert found["source_loss"].item() == pytest.approx(math.log(2))
    assert found["adversary_loss"].item() == pytest.approx(math.log(2) + math.log(VEHICLES))
    angle = 2 * math.asin(1 / 4)  # a chord of 1/2
    output.o2[2] = torch.tensor([math.cos(angle), math.sin(angle)])
    nearer = losses.vami(output, pack(fine, colour, view), fine)["loss"]
    assert nearer.item() == pytest.approx(chance + 0.5, rel=1e-5)


def test_how_the_adversaries_stand_is_told_by_hand():
    """Three images of vehicle 0 from three viewpoints count; vehicle 1's only one does not.

    Sums of the real features are 1, 2 and 1, those of the inferred ones 0, 1 and 1. The
    discriminator calls real what is above 0.5, and vehicle 0 what is below 1.5.
    """
    fine, view = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 1, 2, 3])

    def discriminate(features):
        total = features.sum(dim=(1, 2))
        return 10 * (total - 0.5), torch.stack([1.5 - total, total - 1.5, total - 9], dim=1)

    single = torch.tensor([[1.0], [0.0], [1.0], [5.0]])  # of the others: 0 + 1, 1 + 1, 1 + 0
    generated = torch.zeros(4, V, 1)
    generated[1, 0] = generated[2, 1] = 1.0
    generated[0, 0] = 9.0  # its own viewpoint: never compared
    zeros = {"coarse": CLASSES, "fine": VEHICLES, "colour": COLOURS, "view": V}
    output = SimpleNamespace(
        **{name: torch.zeros(4, width) for name, width in zeros.items()},
        single=single,
        generated=generated,
        o2=torch.eye(4),
        discriminate=discriminate,
    )
    found = losses.vami(output, pack(fine, torch.zeros(4, dtype=torch.long), view), fine)
    assert found["real_told"].item() == 1
    assert found["generated_told"].item() == pytest.approx(1 / 3)  # only the 0
    assert found["real_accuracy"].item() == pytest.approx(2 / 3)  # not the 2
    assert found["generated_accuracy"].item() == 1
    nll = [math.log1p(math.exp(-10 * (s - 0.5))) for s in (1, 2, 1)]
    nll += [math.log1p(math.exp(10 * (s - 0.5))) for s in (0, 1, 1)]
    assert found["source_loss"].item() == pytest.approx(sum(nll) / 6, rel=1e-4)


def test_the_adversaries_pull_against_each_other(model, images):
    """A small step of the discriminator lowers its error, one of the generator raises it; the
    real features, and with them the backbone, have no part in it on the discriminator's side."""

    def error(weights_of=None):
        output = model.eval()(images)
        real, there = vami.real_views(output.single.detach(), FINE, VIEW)
        fake = output.generated * there[..., None]
        total = 0.0
        for features, truth in ((real, 1.0), (fake, 0.0)):
            source, _ = model.discriminate(vami.reverse_gradient(features))
            target = torch.full_like(source, truth)
            each = F.binary_cross_entropy_with_logits(source, target, reduction="none")
            total = total + vami.mean_of(each, there.any(1))
        return total

    for part, sign in (("discriminator", -1), ("generator", 1)):
        before = error()
        model.zero_grad()
        before.backward()
        kept = {k: v.clone() for k, v in model.state_dict().items()}
        with torch.no_grad():
            for p in getattr(model, part).parameters():
                p -= 0.01 * p.grad
        assert (error() - before).item() * sign > 0, part
        model.load_state_dict(kept)


def test_in_the_loss_what_generates_is_turned_against_the_discriminator(model, images, monkeypatch):
    """Without the reversal the gradient of the generator, and of what it is fed from, has half of
    that of the error of "real or not", with it -STRENGTH times as much. The discriminator's is the
    same."""
    model.eval()
    packed = pack(COARSE, COLOUR, VIEW)

    def gradients(loss):
        model.zero_grad()
        loss.backward()
        return {k: torch.zeros_like(p) if p.grad is None else p.grad.clone()
                for k, p in model.named_parameters()}  # fmt: skip

    turned = gradients(losses.vami(model(images), packed, FINE)["loss"])
    output = model(images)
    real, there = vami.real_views(output.single.detach(), FINE, VIEW)
    errors = []
    for features, truth in ((real, 1), (output.generated * there[..., None], 0)):
        logits = model.discriminate(features)[0]
        each = -(F.logsigmoid(logits) if truth else F.logsigmoid(-logits))
        errors.append(each[there.any(1)].mean())
    error = gradients(sum(errors))
    monkeypatch.setattr(vami, "reverse_gradient", lambda features: features)
    straight = gradients(losses.vami(model(images), packed, FINE)["loss"])
    for name, gradient in turned.items():
        share = 0 if name.startswith("discriminator") else (1 + vami.STRENGTH) / 2
        torch.testing.assert_close(
            straight[name] - gradient, share * error[name], atol=1e-6, rtol=1e-3
        )
    assert any(error[name].any() for name in error if name.startswith("generator"))


def test_the_adversarys_truth_is_one_for_real_features_and_zero_for_generated_ones():
    """All else at its chance, the discriminator says 2 of real features and -1 of generated."""
    zeros = {"coarse": CLASSES, "fine": VEHICLES, "colour": COLOURS, "view": V}
    output = SimpleNamespace(
        **{name: torch.zeros(2, width) for name, width in zeros.items()},
        single=torch.ones(2, 2),
        generated=torch.zeros(2, V, 2),
        o2=torch.tensor([[1.0, 0.0], [1.0, 0.0]]),
        discriminate=lambda f: (
            torch.where(f.flatten(1).sum(1) > 0, 2.0, -1.0),
            torch.zeros(len(f), VEHICLES),
        ),
    )
    fine, view = torch.tensor([0, 0]), torch.tensor([0, 1])
    found = losses.vami(output, pack(fine, fine, view), fine)["loss"].item()
    chance = sum(math.log(width) for width in zeros.values()) + math.log(VEHICLES)
    adversary = (math.log1p(math.exp(-2)) + math.log1p(math.exp(-1))) / 2
    assert found == pytest.approx(chance + adversary, rel=1e-5)


def test_which_viewpoints_occur_is_kept_with_the_weights(model, images):
    model.eval().occurring[4] = False
    torch.manual_seed(5)
    other = vami.VAMI(BACKBONES["tiny-vgg-m"](), WIDTH, CLASSES, VEHICLES).eval()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other(images).o2, model(images).o2)
    other.occurring[4] = True
    assert not torch.equal(other(images).o2, model(images).o2)


def test_every_weight_learns_and_viewpoints_that_are_absent_do_not_matter(model, images):
    model.occurring[4] = False
    output = model.train()(images)
    assert torch.equal(output.view.softmax(1)[:, 4], torch.zeros(6))
    losses.vami(output, pack(COARSE, COLOUR, VIEW), FINE)["loss"].backward()
    for name, p in model.named_parameters():
        assert p.grad is not None and p.grad.isfinite().all(), name
        assert p.grad.any(), name
    model.eval()
    before = model(images).o2
    with torch.no_grad():
        model.centres[4] += 1
    assert torch.equal(model(images).o2, before)


def test_shapes_and_single_images_in_a_batch(model, images):
    output = model(images)
    h, w = model.backbone(images).shape[2:]
    assert output.o2.shape == (6, WIDTH) and output.cells.shape == (6, V, h, w)
    torch.testing.assert_close(output.cells.sum((2, 3)), torch.ones(6, V))
    assert output.generated.shape == (6, V, model.backbone.channels)
    alone = torch.tensor([0, 1, 2, 3])
    of_four = vami.Output(*(value[:4] for value in output[:-1]), output.discriminate)
    found = losses.vami(of_four, pack(alone % 3, alone, alone), alone)
    assert found["loss"].isfinite()  # no other viewpoint of any vehicle: no adversaries


def test_what_is_in_sight_is_not_inferred(model, images):
    """The embedding takes the generator's features of viewpoints that are missing alone."""
    model.eval()
    d = model.backbone.channels
    with torch.no_grad():
        x = model.backbone(images).mean(dim=(2, 3))
        model.centres.zero_()
        model.centres[0] = 1e4 * x.mean(0) / x.mean(0).norm()  # all images show viewpoint 0
        before = model(images)
        assert (before.view.argmax(1) == 0).all()
        moved = {}
        for view in (0, 1):
            model.generator[-1].bias[view * d : (view + 1) * d] += 1
            moved[view] = (model(images).o2 - before.o2).abs().max().item()
            model.generator[-1].bias[view * d : (view + 1) * d] -= 1
    assert moved[0] == pytest.approx(0, abs=1e-6) and moved[1] > 1e-3
