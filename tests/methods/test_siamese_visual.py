"""Siamese-Visual ranks by its classifier of pairs."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
import torch

from rnnha.methods import siamese_visual
from rnnha.methods.siamese_visual import SiameseVisual
from rnnha.models.compared import PairOutput, SiamesePair
from rnnha.scoring.protocols import by_name


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


def test_all_pairs_of_veri_are_scored_within_200_mb():
    """2,048 numbers an image, all 11,579 of the gallery; of its 1,678 queries six, the others'
    features and distances added. All differences at once would be 159 GB."""
    asked, width = 6, 2048
    names = np.array([f"{i}.jpg" for i in range(11_579)])
    tracemalloc.start()
    features = np.random.default_rng(0).random((len(names), width), np.float32)
    method = object.__new__(SiameseVisual)
    method.features = by_name(names, features)
    method.weight = np.linspace(0.1, 1, width, dtype=np.float32)
    frame = pd.DataFrame({"name": names})
    found = method.distance(frame.iloc[100 : 100 + asked], frame)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most + (1678 - asked) * (len(names) + width) * 4 < 200e6
    one = -(np.abs(features[105] - features) @ method.weight)
    np.testing.assert_allclose(found[5], one, rtol=1e-4)
