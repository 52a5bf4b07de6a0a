"""FACT adds three distances; it trains nothing that another row has trained."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from coloured_set import PHASE, hits, run_of, searched, shuffled, untrained
from rnnha import experiments, methods, paths
from rnnha.data import outside
from rnnha.data.manifest import Benchmark
from rnnha.data.subset import test_images as images_of
from rnnha.methods.fact import Fact
from rnnha.runs.plan import targets
from rnnha.runs.run import carry_out


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


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> Benchmark:
    return searched(tmp_path_factory.mktemp("fact"))


def learned(benchmark, train, monkeypatch, folder) -> Fact:
    """FACT on the set, its GoogLeNet taught by these training images, and the others by its own."""
    monkeypatch.setattr(paths, "DATA", folder / "data")
    monkeypatch.setattr(paths, "RESULTS", folder / "results")
    monkeypatch.setattr(outside, "of", lambda *_: outside.CarModels("elsewhere", train, "key"))
    run = run_of("fact", benchmark, replace(PHASE, per_vehicle=1))
    carry_out(run)
    method = Fact(run)
    method.fit(benchmark.train)
    return method


def test_it_learns_classes_from_the_sets_outside_and_none_from_shuffled_ones(
    benchmark, monkeypatch, tmp_path
):
    test = images_of(benchmark)
    taught = learned(benchmark, benchmark.train, monkeypatch, tmp_path / "right")
    right = hits(taught, test, "coarse_id")
    googlenet = untrained(run_of("googlenet", benchmark))
    names, _ = taught.parts["googlenet"]
    taught.parts["googlenet"] = names, googlenet.embed(test)["o2"]
    taught.embed = lambda _: {}  # the parts are there
    before = hits(taught, test, "coarse_id")
    wrong = learned(benchmark, shuffled(benchmark.train), monkeypatch, tmp_path / "wrong")
    lost = hits(wrong, test, "coarse_id")
    # BOW-CN alone, which sees the colours untaught, is right at .82: there is not more to gain.
    assert right > before + 0.05 and right > lost + 0.1, (right, before, lost)
