"""Each compared network learns from a tiny set what it is for, and nothing from shuffled labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coloured_set import PHASE, coloured, hits, run_of, shuffled, untrained
from rnnha import methods, paths
from rnnha.data import outside
from rnnha.methods.mixed_diff_ccl import MixedDiffCCL
from rnnha.methods.network import Network, load_checkpoint
from rnnha.models.backbones import BACKBONES
from rnnha.models.compared import MixedDiff
from rnnha.runs.cross import score_checkpoint
from rnnha.training.embedding import embed

# What each learns from, and by which label it is judged: two of them see coarse labels alone.
ROWS = {
    "triplet": "vehicle_id",
    "ccl": "vehicle_id",
    "mixed-diff-ccl": "vehicle_id",
    "siamese-visual": "vehicle_id",
    "bnneck": "vehicle_id",
    "clvr": "coarse_id",
    "googlenet": "coarse_id",
}
COMPARING = ("siamese-visual", "bnneck")
GAIN = {"vehicle_id": 0.2, "coarse_id": 0.1}


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return coloured(tmp_path_factory.mktemp("coloured"))


@pytest.fixture(autouse=True)
def rooms(tmp_path, monkeypatch, benchmark):
    """Caches and results elsewhere; the set's own classes play those of another set."""
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    elsewhere = outside.CarModels("elsewhere", benchmark.train, "key")
    monkeypatch.setattr(outside, "of", lambda *_: elsewhere)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps this small wait longer for a second thread than they compute
    yield
    torch.set_num_threads(threads)


def run(slug, benchmark):
    if slug in ("triplet", "ccl", "mixed-diff-ccl"):  # distances alone teach slowly
        phase = replace(PHASE, epochs=40, lr=0.02 if slug == "mixed-diff-ccl" else 0.1)
    else:
        phase = PHASE if slug in COMPARING else replace(PHASE, per_vehicle=1)
    return run_of(slug, benchmark, phase)


@pytest.mark.parametrize(("slug", "label"), ROWS.items())
def test_it_learns_what_it_is_for(slug, label, benchmark):
    wanted = run(slug, benchmark)
    before = hits(untrained(wanted), benchmark.gallery, label)
    method = methods.of(wanted.row)(wanted)
    history = method.fit(benchmark.train)
    after = hits(method, benchmark.gallery, label)
    assert after > before + GAIN[label], (before, after)
    assert history[-1]["loss"] < history[0]["loss"]


def test_both_branches_of_mixed_diff_begin_from_the_weights_that_are_given(monkeypatch):
    """ImageNet's, in the paper's profile: they come into the backbone, after it was copied."""
    method = object.__new__(MixedDiffCCL)
    method.model = MixedDiff(BACKBONES["tiny-vgg-m"](), 64, 16, 2)

    def begin(self):
        for value in self.model.backbone.state_dict().values():
            value.fill_(2)

    monkeypatch.setattr(Network, "begin", begin)
    method.begin()
    upper = method.model.upper.state_dict()
    assert upper and all(bool((value == 2).all()) for value in upper.values())


@pytest.mark.parametrize("slug", ROWS)
def test_its_checkpoint_is_the_network(slug, benchmark):
    """Loaded from its file, as `export`, `cross` and `score --checkpoint` do it."""
    wanted = run(slug, benchmark)
    wanted = replace(
        wanted,
        profile=replace(
            wanted.profile,
            vgg_m=replace(wanted.scale, whole=(replace(wanted.scale.whole[0], epochs=1),)),
        ),
    )
    method = methods.of(wanted.row)(wanted)
    method.fit(benchmark.train)
    own = method.embed(benchmark.gallery)["o2"]
    model, info = load_checkpoint(wanted.folder.weights)
    found = embed(model, method.images(benchmark.gallery), torch.device("cpu"))["o2"]
    np.testing.assert_allclose(found, own, rtol=1e-5, atol=1e-6)
    assert info["row"] == slug
    if slug == "siamese-visual":
        with pytest.raises(ValueError, match="ranks by a distance of its own"):
            score_checkpoint(wanted.folder.weights, benchmark)


@pytest.mark.parametrize(("slug", "label"), ROWS.items())
def test_shuffled_labels_teach_nothing(slug, label, benchmark, monkeypatch):
    wanted, wrong = run(slug, benchmark), shuffled(benchmark.train)
    monkeypatch.setattr(outside, "of", lambda *_: outside.CarModels("x", wrong, "key"))
    before = hits(untrained(wanted), benchmark.gallery, label)
    method = methods.of(wanted.row)(wanted)
    method.fit(wrong)
    after = hits(method, benchmark.gallery, label)
    assert after < before + GAIN[label], (before, after)
