"""VAMI learns from a tiny set what vehicles are, and nothing from shuffled labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from coloured_set import PHASE, SIDES, TRAINED, coloured, hits, run_of, shuffled, untrained
from rnnha import methods, paths
from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.data.viewpoints import unpack
from rnnha.images.batches import normalise
from rnnha.methods import told_viewpoints
from rnnha.methods.network import FromScratch
from rnnha.methods.vami import VAMI
from rnnha.runs.run import Run


@pytest.fixture(autouse=True)
def one_thread():
    """Steps this small wait longer for a second thread than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory) -> Benchmark:
    return coloured(tmp_path_factory.mktemp("vami"))


@pytest.fixture
def run(benchmark, tmp_path, monkeypatch) -> Run:
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    return run_of("vami", benchmark)


def test_it_learns_vehicles_and_viewpoints(run, benchmark):
    before = hits(untrained(run), benchmark.gallery)
    method = VAMI(run)
    history = method.fit(benchmark.train)
    after = hits(method, benchmark.gallery)
    assert after > before + 0.3, (before, after)
    assert history[-1]["loss"] < history[0]["loss"] and len(history) == PHASE.epochs
    assert method.model.occurring.all()
    images = method.images(benchmark.gallery)
    with torch.no_grad():
        view = method.model(normalise(images.stack(range(len(images))))).view.argmax(1)
    told = (view == torch.arange(len(images)) % len(SIDES)).float().mean()
    assert told > 0.8  # of vehicles never seen, with no label


def test_shuffled_vehicles_teach_nothing(run, benchmark):
    before = hits(untrained(run), benchmark.gallery)
    method = VAMI(run)
    method.fit(shuffled(benchmark.train))
    after = hits(method, benchmark.gallery)
    assert after < before + 0.15, (before, after)


def test_what_it_says_of_itself(run, benchmark):
    said = VAMI.settings(run)
    assert said["images_by_viewpoint"] == dict.fromkeys(
        ("front", "rear", "side", "front-side", "rear-side"), TRAINED
    ) | {"unknown": 0}
    assert VAMI.needs_coarse and not VAMI.starts_from_stage0 and not VAMI.has_steps
    assert methods.of(run.row) is VAMI


@pytest.fixture
def unlabelled(run, benchmark, monkeypatch) -> Run:
    """The run on pictures whose sides nobody knows: those for testing, with their vehicles, while
    the set itself plays Rendered-VeRi."""
    monkeypatch.setattr(sets, "load", lambda name: {"rendered-veri": benchmark}[name])
    profile = replace(run.profile, train_vehicles=None, vgg_m=replace(run.scale, stage0=(PHASE,)))
    train = benchmark.gallery.assign(split="train")
    own = replace(benchmark, name="mine", synthetic=False, manifest=train)
    return replace(run, benchmark=own, profile=profile)


def test_viewpoints_that_nobody_labelled_are_told_by_rendered_ones(unlabelled, monkeypatch, capsys):
    learned = []
    monkeypatch.setattr(FromScratch, "_train", lambda self, *given: learned.append(given[1]))
    method = VAMI(unlabelled)
    method.fit(unlabelled.benchmark.train)
    view = unpack(learned[0])[2].numpy()
    true = np.arange(len(view)) % len(SIDES)
    assert (view == true).mean() > 0.8  # of vehicles never seen
    assert "mine: no labels of viewpoints" in capsys.readouterr().out
    # Its training is kept: the same call goes on from its end, and tells the same.
    before = unlabelled.folder.checkpoint("-viewpoints0").stat().st_mtime_ns
    again = told_viewpoints.tell(unlabelled, unlabelled.benchmark.train)
    assert (again == view).all()
    assert unlabelled.folder.checkpoint("-viewpoints0").stat().st_mtime_ns == before
    unlabelled.folder.forget_checkpoints()
    assert not unlabelled.folder.started


def test_a_run_with_told_viewpoints_says_so(unlabelled, run):
    said = VAMI.settings(unlabelled)
    assert said["viewpoints_from"] == "rendered-veri" and "images_by_viewpoint" not in said
    assert said["viewpoints_key"] == run.benchmark.key
    assert said["viewpoints_phases"][0]["epochs"] == PHASE.epochs
    assert "viewpoints_from" not in VAMI.settings(run)
    rendered = {"dataset": "rendered-veri", "synthetic": True, "vehicles": TRAINED}
    mine = {"dataset": "mine", "synthetic": False, "vehicles": 7}
    assert VAMI(unlabelled).seen(7) == [rendered, mine]
    assert VAMI(run).seen(7) == [rendered | {"vehicles": 7}]
