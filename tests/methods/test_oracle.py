"""The oracle of model, paint and cues: how its two parts stand together."""

from types import SimpleNamespace

import pandas as pd
import pytest

from rnnha import experiments
from rnnha.methods.oracle import Oracle


def test_cues_never_outweigh_another_model_or_paint():
    looks = {
        "q.jpg": ("a", "red", "band red:left:50:60;roof blue:above:40:50"),
        "same.jpg": ("a", "red", "band red:left:50:60;roof blue:above:40:50"),
        "against.jpg": ("a", "red", "door green:left:50:60;roof white:above:40:50"),
        "paint.jpg": ("a", "blue", "band red:left:50:60;roof blue:above:40:50"),
        "model.jpg": ("b", "red", "band red:left:50:60;roof blue:above:40:50"),
    }
    oracle = Oracle.__new__(Oracle)
    oracle.run = SimpleNamespace(row=experiments.row("oracle-cues"))
    oracle.labels = pd.DataFrame.from_dict(
        looks, orient="index", columns=["model", "paint", "visible_cues"]
    )
    names = [pd.DataFrame({"name": part}) for part in (["q.jpg"], list(looks)[1:])]
    # Two cues shared: 1/4. None, and four that differ: 5/6. Whatever the cues say, 2 for the rest.
    assert oracle.distance(*names)[0] == pytest.approx([1 / 4, 5 / 6, 2, 2])
