"""FACT adds three distances; it trains nothing that another row has trained."""

import numpy as np
import pandas as pd
import pytest

from rnnha import experiments, methods
from rnnha.methods.fact import Fact
from rnnha.runs.plan import targets


def test_it_takes_the_runs_of_googlenet_and_bow_cn():
    row = experiments.row("fact")
    assert [r.slug for r in methods.needed(row)] == ["googlenet", "bow-cn"]
    from rnnha import profiles

    wanted = targets(["rendered-veri"], ["fact"], [0], profiles.profile("rendered"))
    assert [slug for _, slug, _ in wanted] == ["googlenet", "bow-cn", "fact"]


def test_the_distance_by_hand():
    """Unit vectors at 0 and 90 degrees are sqrt 2 apart, at 0 and 180 degrees 2."""
    names = np.array(["a.jpg", "b.jpg", "c.jpg"])
    method = Fact.__new__(Fact)
    method.parts = {
        "googlenet": (names, np.array([[3.0, 0], [0, 1], [1, 0]])),
        "bow-cn": (names[::-1], np.array([[0, 1.0], [-2, 0], [1, 0]])),  # by name, not by place
        "bow-sift": (names, np.array([[1.0, 0], [5, 0], [0, 1]])),
    }
    query, gallery = pd.DataFrame({"name": ["a.jpg"]}), pd.DataFrame({"name": ["b.jpg", "c.jpg"]})
    found = method.distance(query, gallery)
    half = np.sqrt(2)
    assert found[0] == pytest.approx([0.7 * half + 0.2 * 2 + 0.1 * 0, 0 + 0.2 * half + 0.1 * half])
