"""The compared networks: what they share, what they give, what reaches what."""

import pytest
import torch

from rnnha.models import compared
from rnnha.models.backbones import BACKBONES
from rnnha.training import losses

IMAGES = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0))
COARSE, FINE = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 0, 1, 1])


@pytest.fixture
def backbone():
    torch.manual_seed(0)
    return BACKBONES["tiny-vgg-m"]()


@pytest.mark.parametrize("name", ["vgg-m", "tiny-vgg-m"])
def test_lower_and_upper_are_the_whole_backbone(name):
    torch.manual_seed(0)
    whole = BACKBONES[name]().eval()
    images = torch.randn(1, 3, 64, 64)
    assert torch.equal(whole.upper(whole.lower(images)), whole(images))
    kernels = [m for m in whole.lower.modules() if isinstance(m, torch.nn.Conv2d)]
    assert [m.kernel_size for m in kernels] == [(7, 7), (5, 5), (3, 3)]


def test_the_published_widths_of_mixed_diff():
    """VGG_CNN_M_1024 at 224: pool5 6 x 6 x 512, fc6 2,048, fc7 1,024, both joined to 1,024."""
    with torch.device("meta"):
        model = compared.MixedDiff(BACKBONES["vgg-m"](), 224, 1024, 250)
    assert model.models.fc6.weight.shape == (2048, 512 * 36)
    assert model.vehicles.fc7.weight.shape == (1024, 2048)
    assert model.merge.weight.shape == (1024, 2048) and model.w1.weight.shape == (250, 1024)


def test_mixed_diff_shares_conv1_to_3_and_nothing_above(backbone):
    model = compared.MixedDiff(backbone, 64, 16, 2).eval()
    output = model(IMAGES)
    assert torch.allclose(output.o2.norm(dim=1), torch.ones(4))
    assert torch.allclose(output.branch.norm(dim=1), torch.ones(4))
    losses.coarse_head(output, COARSE, FINE)["loss"].backward()
    touched = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.any()}
    assert any(name.startswith("upper.") for name in touched)
    lower = {id(p) for p in backbone.lower.parameters()}
    for name, p in model.named_parameters():
        if name.startswith("backbone."):
            assert (name in touched) == (id(p) in lower), name
    assert not any(name.startswith(("vehicles.", "merge.")) for name in touched)


def test_dropout_in_training_only(backbone):
    model = compared.Embedding(backbone, 64, 16)
    assert not torch.equal(model.train()(IMAGES).o2, model(IMAGES).o2)
    model.eval()
    assert torch.equal(model(IMAGES).o2, model(IMAGES).o2)


def test_a_pair_is_judged_alike_both_ways_and_by_differences_alone(backbone):
    model = compared.SiamesePair(backbone).eval()
    a, b = torch.tensor([0, 1, 2]), torch.tensor([3, 2, 2])
    output = model(IMAGES)
    there, back = output.same(a, b), output.same(b, a)
    assert torch.allclose(there, back)
    assert there[2].item() == pytest.approx(model.verdict.bias.item())  # an image with itself


def test_what_is_compared_of_car_models(backbone):
    classes = compared.CoarseOnly(backbone, 5, by_class=True).eval()(IMAGES)
    assert torch.allclose(classes.o2, torch.softmax(classes.coarse, 1))
    pooled = compared.CoarseOnly(backbone, 5, by_class=False).eval()(IMAGES)
    assert torch.allclose(pooled.o2, backbone.eval()(IMAGES).mean((2, 3)))


def test_the_neck_has_no_shift_and_stands_between_the_two_losses(backbone):
    model = compared.BNNeck(backbone, 2).train()
    output = model(IMAGES)
    assert torch.allclose(output.o2.mean(0), torch.zeros(64), atol=1e-5)
    assert torch.allclose(output.fine, output.o2 @ model.w2.weight.T)
    assert not model.neck.bias.requires_grad
