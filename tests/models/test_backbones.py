"""VGG-M and ResNet-50: sizes layer by layer, and VGG-M's numbers against plain NumPy."""

import numpy as np
import pytest
import torch
from numpy.lib.stride_tricks import sliding_window_view

from rnnha.models.resnet import ResNet50
from rnnha.models.vgg_m import VGGM, LocalResponseNorm

# Worked by hand: a convolution rounds (S + 2 pad - k) / stride down, a pooling rounds it up.
VGGM_SIDES = {
    224: {
        "conv1": (96, 109),
        "norm1": (96, 109),
        "pool1": (96, 54),
        "conv2": (256, 26),
        "norm2": (256, 26),
        "pool2": (256, 13),
        "conv3": (512, 13),
        "conv4": (512, 13),
        "conv5": (512, 13),
        "pool5": (512, 6),
    },
    672: {
        "conv1": (96, 333),
        "norm1": (96, 333),
        "pool1": (96, 166),
        "conv2": (256, 82),
        "norm2": (256, 82),
        "pool2": (256, 41),
        "conv3": (512, 41),
        "conv4": (512, 41),
        "conv5": (512, 41),
        "pool5": (512, 20),
    },
}
RESNET_SIDES = {
    224: {
        "conv1": (64, 112),
        "maxpool": (64, 56),
        "layer1": (256, 56),
        "layer2": (512, 28),
        "layer3": (1024, 14),
        "layer4": (2048, 7),
    },
    672: {
        "conv1": (64, 336),
        "maxpool": (64, 168),
        "layer1": (256, 168),
        "layer2": (512, 84),
        "layer3": (1024, 42),
        "layer4": (2048, 21),
    },
}


@pytest.mark.parametrize("size", [224, 672])
@pytest.mark.parametrize("backbone, sides", [(VGGM, VGGM_SIDES), (ResNet50, RESNET_SIDES)])
def test_each_layer_has_the_size_worked_by_hand(backbone, sides, size):
    with torch.device("meta"):
        model = backbone().eval()
        x = images = torch.empty(2, 3, size, size)
    found = {}
    for name, layer in model.layers.named_children():
        x = layer(x)
        if name in sides[size]:
            found[name] = tuple(x.shape)
    assert found == {name: (2, c, side, side) for name, (c, side) in sides[size].items()}
    assert model(images).shape == x.shape
    assert model.channels == x.shape[1]


def test_the_convolutions_of_vgg_m_have_its_count_of_parameters():
    # Chatfield et al. (2014), table 1, CNN-M: weights and biases of conv1 to conv5
    weights = 96 * 3 * 49 + 256 * 96 * 25 + 512 * 256 * 9 + 2 * 512 * 512 * 9
    biases = 96 + 256 + 3 * 512
    assert sum(p.numel() for p in VGGM().parameters()) == weights + biases


def lrn(x):
    """Krizhevsky et al. (2012), section 3.3, in Caffe's form: alpha over the window's size."""
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        window = x[:, max(c - 2, 0) : c + 3]
        y[:, c] = x[:, c] / (2 + 5e-4 / 5 * (window**2).sum(axis=1)) ** 0.75
    return y


@pytest.mark.parametrize("layer", ["norm1", "norm2"])
def test_local_response_normalisation_is_the_sum_over_five_channels(layer):
    norm = getattr(VGGM().layers, layer)
    x = np.random.default_rng(0).normal(scale=150, size=(2, len(norm.k), 3, 4))
    found = norm(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(found, lrn(x), rtol=1e-5)


def test_local_response_normalisation_of_three_channels_by_hand():
    # The window holds all three: 2 + 0.0001 (100^2 + 0^2 + 200^2) = 7, and 7^0.75 = 4.303517
    x = torch.tensor([100.0, 0.0, 200.0]).view(1, 3, 1, 1)
    found = LocalResponseNorm(3)(x).flatten().tolist()
    assert found == pytest.approx([23.23681, 0, 46.47362], rel=1e-6)


def test_local_response_normalisation_has_the_gradient_of_torch_and_stays_float32():
    images = 100 * torch.randn(2, 9, 3, 4, generator=torch.manual_seed(0))
    weights = torch.randn(2, 9, 3, 4)
    gradients = []
    for norm in (LocalResponseNorm(9), torch.nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)):
        x = images.clone().requires_grad_()
        with torch.autocast("cpu", torch.bfloat16):
            y = norm(x)
        assert y.dtype == torch.float32
        (y * weights).sum().backward()
        gradients.append(x.grad)
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def convolve(x, layer, stride, padding):
    weight, bias = (p.detach().numpy() for p in (layer.weight, layer.bias))
    x = np.pad(x, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = sliding_window_view(x, weight.shape[2:], axis=(2, 3))[:, :, ::stride, ::stride]
    y = np.tensordot(windows, weight, axes=((1, 4, 5), (1, 2, 3))).transpose(0, 3, 1, 2)
    return np.maximum(y + bias[:, None, None], 0)  # each convolution is followed by a ReLU


def pool(x):
    """3 x 3, stride 2, in Caffe's way: a last window that sticks out takes what there is."""
    rows, columns = (
        [slice(start, start + 3) for start in range(0, side - 2 + (side - 3) % 2, 2)]
        for side in x.shape[2:]
    )
    return np.stack(
        [np.stack([x[:, :, r, c].max(axis=(2, 3)) for c in columns], -1) for r in rows], -2
    )


def test_vgg_m_computes_what_its_definition_says():
    torch.manual_seed(0)
    model = VGGM().double()
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # zero at the start, which would hide a missing one
            torch.nn.init.normal_(parameter)
    x = torch.randn(1, 3, 107, 95, dtype=torch.float64) * 100
    found = model(x).detach().numpy()

    layers, y = model.layers, x.numpy()
    y = pool(lrn(convolve(y, layers.conv1, 2, 0)))
    y = pool(lrn(convolve(y, layers.conv2, 2, 1)))
    for layer in (layers.conv3, layers.conv4, layers.conv5):
        y = convolve(y, layer, 1, 1)
    y = pool(y)
    assert found.shape == y.shape and min(y.shape[2:]) > 1
    np.testing.assert_allclose(found, y, rtol=1e-6, atol=1e-6)


def test_resnet_50_is_torchvision_s_without_its_head():
    from torchvision.models import resnet50

    torch.manual_seed(0)
    whole = resnet50(weights=None).eval()
    trunk = ResNet50().eval()
    state = {f"layers.{k}": v for k, v in whole.state_dict().items() if not k.startswith("fc.")}
    trunk.load_state_dict(state)
    x = torch.randn(1, 3, 64, 96)
    with torch.no_grad():
        torch.testing.assert_close(whole.fc(trunk(x).mean(dim=(2, 3))), whole(x))


def test_vgg_m_from_scratch_keeps_the_signal_alive():
    torch.manual_seed(0)
    with torch.no_grad():
        x = VGGM()(torch.randn(2, 3, 160, 160))
    assert 0.1 < x.std() < 10  # PyTorch's own start gives 0.013
