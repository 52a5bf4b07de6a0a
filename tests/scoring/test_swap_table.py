"""The swap test's table: over VehicleID's draws their mean stands."""

import pandas as pd
import pytest

from fake_runs import queries
from rnnha.scoring.swap import retrieval


def test_the_mean_over_draws():
    draws = [
        queries({"a.jpg": (1, 1 / rank, rank)}, "vehicleid-10-draws", "5", trial)
        for trial, rank in enumerate((1, 2, 2, 2))
    ]
    found = retrieval(pd.concat(draws).assign(map="own"))
    values = {(name, size, metric): value for name, _, size, metric, value in found}
    assert values["own", "5", "top1"] == pytest.approx(25)
