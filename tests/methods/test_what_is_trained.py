"""What a network is given to learn from, and for how long; nothing is trained here."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from coloured_set import coloured, run_of
from rnnha import experiments, methods, paths
from rnnha.methods.network import FromScratch, Network
from rnnha.profiles import PROFILES


@pytest.fixture
def benchmark(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return coloured(tmp_path)


def test_images_without_a_coarse_label_are_left_out(benchmark, monkeypatch):
    given, saved = [], []
    monkeypatch.setattr(Network, "begin", lambda self: None)
    monkeypatch.setattr(Network, "_train", lambda self, *all: given.append(all) or [])
    monkeypatch.setattr(Network, "save", lambda self, *all: saved.append(all))
    train = benchmark.train.iloc[:40].copy()
    labels = [7, pd.NA, 3, pd.NA] * 10
    train["coarse_id"] = pd.array(labels, "Int64")
    Network(run_of("rnn-h", benchmark)).fit(train)
    ((rows, coarse, fine),) = given
    assert rows["coarse_id"].tolist() == [7, 3] * 10  # and no class of the unknown
    assert Counter(coarse.tolist()) == {0: 10, 1: 10} and len(fine) == 20
    assert saved == [([3, 7], train["vehicle_id"].iloc[::2].nunique())]


@pytest.mark.parametrize("slug", ["clvr", "identity-only", "triplet", "vami", "bnneck"])
def test_systems_without_stage_0_have_the_steps_of_both_of_rnn_has(slug):
    scale = PROFILES["rendered"].vgg_m
    both = sum(phase.epochs for phase in (*scale.stage0, *scale.stage1))
    row, method = experiments.row(slug), methods.of(experiments.row(slug))
    own = PROFILES["rendered"].own.get(row.method, scale)
    epochs = sum(phase.epochs for phase in method.phases(row, own))
    assert epochs == (both if not method.starts_from_stage0 else both / 2)


def test_viewpoints_that_do_not_occur_are_kept(benchmark, monkeypatch):
    """Fronts and rears alone: nothing can be inferred for the three other viewpoints."""
    run = run_of("vami", benchmark)
    method = methods.of(run.row)(run)
    monkeypatch.setattr(FromScratch, "_train", lambda self, *all: [])
    monkeypatch.setattr(FromScratch, "save", lambda self, *all: None)
    method.fit(benchmark.train[np.arange(len(benchmark.train)) % 5 < 2])
    assert method.model.occurring.tolist() == [True, True, False, False, False]
