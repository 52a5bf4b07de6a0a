"""Siamese-Visual ranks by its classifier of pairs."""

import tracemalloc

import numpy as np
import pytest
import torch

from rnnha.methods import siamese_visual
from rnnha.models.compared import PairOutput, SiamesePair


@pytest.mark.parametrize("block", [7, 64, 2**22])
def test_distances_are_the_classifiers_logits_of_all_pairs(block, monkeypatch):
    monkeypatch.setattr(siamese_visual, "BLOCK", block)
    torch.manual_seed(0)

    class Backbone(torch.nn.Module):
        channels = 6

        def forward(self, images):
            return images

    model = SiamesePair(Backbone())
    features = torch.randn(9, 6, 1, 1)
    output: PairOutput = model(features)
    query, gallery = torch.arange(4), torch.arange(4, 9)
    rows, columns = torch.cartesian_prod(query, gallery).T
    logits = output.same(rows, columns).view(4, 5)
    f = features.squeeze().numpy()
    found = siamese_visual.pair_distances(f[:4], f[4:], model.verdict.weight.detach().numpy()[0])
    expected = model.verdict.bias.item() - logits.detach().numpy()
    assert found.dtype == np.float32
    assert np.allclose(found, expected, atol=1e-5)


def test_all_pairs_are_scored_within_200_mb():
    """The differences of these pairs at once would be 400 * 2000 * 256 numbers, 819 MB."""
    rng = np.random.default_rng(0)
    query, gallery = (rng.random((n, 256), np.float32) for n in (400, 2000))
    weight = rng.random(256, np.float32)
    tracemalloc.start()
    found = siamese_visual.pair_distances(query, gallery, weight)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 200e6
    one = -(np.abs(query[7] - gallery) * weight).sum(1)
    np.testing.assert_allclose(found[7], one, rtol=1e-4)
