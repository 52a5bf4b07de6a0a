"""The model family against the paper's equations, computed here in plain NumPy."""

import numpy as np
import pytest
import torch
from torch import nn

from rnnha.images.batches import MEAN, STD, normalise
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import (
    EPSILON,
    CoarseToFine,
    IdentityOnly,
    RawColours,
    ReleasedCoarseToFine,
    normalised,
)

D, H, C, V = 5, 7, 3, 4


class Map(nn.Module):
    """A backbone that passes its input on: the "images" are the feature maps themselves."""

    channels = D

    def forward(self, images):
        return images


def network(steps="recurrent", attention="guided", seed=0):
    torch.manual_seed(seed)
    return CoarseToFine(Map(), steps, attention, H, C, V).eval()


@pytest.fixture
def maps():
    return torch.randn(2, D, 3, 4, generator=torch.Generator().manual_seed(1))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def gru(cell, x, h):
    """One GRU step by its definition (Cho et al. 2014, PyTorch's gate order r, z, n)."""
    parameters = (cell.weight_ih, cell.weight_hh, cell.bias_ih, cell.bias_hh)
    wi, wh, bi, bh = (p.detach().numpy().astype(float) for p in parameters)
    ri, zi, ni = np.split(x @ wi.T + bi, 3, axis=1)
    rh, zh, nh = np.split(h @ wh.T + bh, 3, axis=1)
    r, z = sigmoid(ri + rh), sigmoid(zi + zh)
    n = np.tanh(ni + r * nh)
    return (1 - z) * n + z * h


def linear(layer, x):
    return x @ layer.weight.detach().numpy().astype(float).T + layer.bias.detach().numpy()


def softplus(x):
    return np.log1p(np.exp(x))


def by_hand(model, X, u_of):
    """x1 to the logits, cell by cell, as the equations say; u_of gives u from o1."""
    b, d, h, w = X.shape
    x1 = np.array([[sum(X[i, k].ravel()) / (h * w) for k in range(d)] for i in range(b)])
    o1 = gru(model.steps.gru, x1, np.zeros((b, H)))
    u = u_of(o1)
    a = np.empty((b, h, w))
    for i in range(b):
        for j in range(h):
            for k in range(w):
                a[i, j, k] = softplus(np.dot(u[i], X[i, :, j, k])) + 0.1
        a[i] /= a[i].sum()
    x2 = np.array(
        [sum(a[i, j, k] * X[i, :, j, k] for j in range(h) for k in range(w)) for i in range(b)]
    )
    o2 = gru(model.steps.gru, x2, o1)
    return linear(model.w1, o1), linear(model.w2, o2), o1, o2, a


def test_rnn_ha_follows_the_equations(maps):
    model = network()

    def u_of(o1):
        return linear(model.attention.w4, np.maximum(linear(model.attention.w3, o1), 0))

    expected = by_hand(model, maps.numpy().astype(float), u_of)
    for ours, theirs in zip(model(maps), expected, strict=True):
        np.testing.assert_allclose(ours.detach().numpy(), theirs, atol=1e-5)


def test_unguided_attention_looks_for_the_same_in_every_image(maps):
    model = network(attention="unguided")
    u = model.attention.u.detach().numpy().astype(float)
    expected = by_hand(model, maps.numpy().astype(float), lambda o1: np.tile(u, (len(o1), 1)))
    np.testing.assert_allclose(model(maps).o2.detach().numpy(), expected[3], atol=1e-5)


def test_fc_ha_reaches_step_two_only_through_the_map(maps):
    model = network(steps="fully-connected")
    uniform = torch.full((2, 3, 4), 1 / 12)
    x1 = maps.numpy().mean(axis=(2, 3))
    output = model(maps, attention=uniform)
    np.testing.assert_allclose(
        output.o2.detach().numpy(), np.maximum(linear(model.steps.v2, x1), 0), atol=1e-5
    )
    np.testing.assert_allclose(
        output.o1.detach().numpy(), np.maximum(linear(model.steps.v1, x1), 0), atol=1e-5
    )


def test_uniform_attention_is_exactly_rnn_h(maps):
    """RNN-H's own definition feeds the pooled feature twice: o2 = GRU(x1, o1)."""
    rnn_h, rnn_ha = network(attention="uniform"), network()
    for name in ("steps", "w1", "w2"):
        getattr(rnn_ha, name).load_state_dict(getattr(rnn_h, name).state_dict())
    expected = rnn_h(maps)
    replaced = rnn_ha(maps, attention=torch.full((2, 3, 4), 1 / 12))
    for name in ("coarse", "fine", "o1", "o2", "attention"):
        assert torch.equal(getattr(replaced, name), getattr(expected, name)), name
    x1 = maps.numpy().astype(float).mean(axis=(2, 3))
    o1 = gru(rnn_h.steps.gru, x1, np.zeros((2, H)))
    np.testing.assert_allclose(
        expected.o2.detach().numpy(), gru(rnn_h.steps.gru, x1, o1), atol=1e-5
    )


def test_attention_by_hand():
    """Two cells with scores 0 and ln(e - 1): softplus gives ln 2 and 1."""
    scores = torch.tensor([[[0.0, float(np.log(np.e - 1))]]])
    total = np.log(2) + 1 + 2 * EPSILON
    expected = [[(np.log(2) + EPSILON) / total, (1 + EPSILON) / total]]
    np.testing.assert_allclose(normalised(scores)[0].numpy(), expected, rtol=1e-6)


def test_a_given_map_replaces_the_own_one(maps):
    model = network()
    one_cell = torch.zeros(2, 3, 4)
    one_cell[:, 1, 2] = 1
    o1 = model(maps).o1.detach().numpy()
    expected = gru(model.steps.gru, maps[:, :, 1, 2].numpy().astype(float), o1)
    ours = model(maps, attention=one_cell).o2.detach().numpy()
    np.testing.assert_allclose(ours, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("steps", "attention"),
    [
        ("recurrent", "guided"),
        ("recurrent", "unguided"),
        ("recurrent", "uniform"),
        ("fully-connected", "guided"),
        ("fully-connected", "uniform"),
    ],
)
def test_every_row_learns_in_all_its_parts(steps, attention, maps):
    """Each parameter of a row gets a gradient from the two losses."""
    model = network(steps, attention)
    output = model(maps)
    labels = torch.tensor([0, 1])
    loss = nn.functional.cross_entropy(output.coarse, labels)
    (loss + nn.functional.cross_entropy(output.fine, labels)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and parameter.grad.abs().sum() > 0, name


def test_the_coarse_head_cannot_see_the_attention(maps):
    """Step 1 comes before the map: no gradient flows from the coarse loss into W3, W4."""
    model = network()
    nn.functional.cross_entropy(model(maps).coarse, torch.tensor([0, 1])).backward()
    assert model.attention.w3.weight.grad is None


@pytest.mark.parametrize("doubled", [True, False])
def test_the_released_variant_follows_its_oddities(doubled, maps):
    """x2 averaged once more over the 12 cells; the attended step starts after one more step."""
    torch.manual_seed(0)
    model = ReleasedCoarseToFine(
        Map(), "recurrent", "guided", H, C, V, doubled_first_step=doubled
    ).eval()
    output = model(maps)
    X = maps.numpy().astype(float)
    a = output.attention.detach().numpy()
    x1 = X.mean(axis=(2, 3))
    x2 = np.array(
        [sum(a[i].ravel()[c] * X[i].reshape(D, 12)[:, c] for c in range(12)) / 12 for i in range(2)]
    )
    o1 = gru(model.steps.gru, x1, np.zeros((2, H)))
    state = gru(model.steps.gru, x1, o1) if doubled else o1
    np.testing.assert_allclose(output.o1.detach().numpy(), o1, atol=1e-5)
    np.testing.assert_allclose(
        output.o2.detach().numpy(), gru(model.steps.gru, x2, state), atol=1e-5
    )
    torch.manual_seed(0)
    assert not torch.allclose(network()(maps).o2, output.o2)


def test_raw_colours_undo_the_normalisation():
    pixels = torch.arange(12, dtype=torch.uint8).reshape(1, 3, 2, 2) * 20
    raw = RawColours(Map(), MEAN, STD)(normalise(pixels))
    np.testing.assert_allclose(raw.numpy(), pixels.numpy() / 255, atol=1e-6)


@pytest.mark.parametrize(("size", "cells"), [(64, 4), (96, 6), (192, 12)])
def test_backbone_map_sizes(size, cells):
    backbone = SmallVGGM((4, 6, 8)).eval()
    assert backbone(torch.zeros(1, 3, size, size)).shape == (1, 8, cells, cells)


def test_identity_only_pools_and_classifies():
    model = IdentityOnly(Map(), V).eval()
    maps = torch.arange(2.0 * D * 4).reshape(2, D, 2, 2)
    output = model(maps)
    pooled = maps.numpy().reshape(2, D, 4).sum(axis=2) / 4
    np.testing.assert_allclose(output.o2.numpy(), pooled)
    np.testing.assert_allclose(output.fine.detach().numpy(), linear(model.w2, pooled), atol=1e-4)
    assert output.coarse is None and output.attention is None
