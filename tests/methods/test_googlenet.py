"""Weights that somebody else has trained on CompCars, beside torchvision's own forward pass."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import googlenet

from coloured_set import PHASE, run_of, searched
from rnnha import paths
from rnnha.data import outside
from rnnha.data.sets import SETS
from rnnha.data.subset import test_images as images_of
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.methods.network import load_checkpoint
from rnnha.profiles import Scale
from rnnha.runs.dryrun import dry_run, plan
from rnnha.runs.run import carry_out
from rnnha.training import loop

MODELS, SIZE = 7, 64


@pytest.fixture
def theirs(tmp_path, monkeypatch):
    """torchvision's network, its weights where CompCars' are looked for, and statistics of its
    batch normalisation that are not those of a new one."""
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(outside, "COMPCARS_COUNTS", (20, MODELS))
    torch.manual_seed(0)
    net = googlenet(num_classes=MODELS, aux_logits=True, transform_input=True, init_weights=False)
    for layer in net.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.momentum = None  # these statistics are the batch's, so that images stay apart
    net.train()(torch.randn(8, 3, SIZE, SIZE))
    keep(net)
    return net.eval()


def keep(net):
    file = paths.DATA / "CompCars" / "googlenet.pth"
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.save(net.state_dict(), file)
    return file


@pytest.fixture
def wanted(tmp_path, monkeypatch):
    """A run of the row on a small set that wants CompCars."""
    real = replace(SETS["rendered-veri"], car_models=outside.COMPCARS)
    monkeypatch.setitem(SETS, "rendered-veri", real)
    run = run_of("googlenet", searched(tmp_path))
    own = {"googlenet": Scale(SIZE, "googlenet", 1024, whole=(PHASE,))}
    return replace(run, profile=replace(run.profile, pixels=(SIZE, 128), own=own))


def test_nothing_is_trained_and_the_classes_are_torchvisions(theirs, wanted):
    folder = carry_out(wanted)
    test = images_of(wanted.benchmark)
    with torch.no_grad():
        said = theirs(normalise(Images(test["path"], SIZE).stack(range(len(test))))).softmax(1)
    stored = folder.embeddings()
    assert list(stored["names"]) == [path.rpartition("/")[2] for path in test["path"]]
    np.testing.assert_allclose(stored["o2"], said, rtol=1e-4, atol=1e-6)
    assert said.std(0).max() > 1e-3  # they tell images apart
    config = folder.config()
    assert (config["phases"], config["outside"], folder.history().empty) == ([], "CompCars", True)
    assert config["pretrained"] == "from a checkpoint"
    _, info = load_checkpoint(folder.whole_weights())
    assert info["seen"] == [{"dataset": "CompCars", "synthetic": False, "vehicles": MODELS}]


def test_what_was_learned_for_another_set_is_not_learned_again(wanted, tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "DATA", tmp_path / "data")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    elsewhere = outside.CarModels("elsewhere", wanted.benchmark.train, "key")
    monkeypatch.setattr(outside, "of", lambda *_: elsewhere)
    phase = replace(PHASE, epochs=1)
    small = Scale(SIZE, "tiny-vgg-m", 32, whole=(phase,))
    first = replace(wanted, profile=replace(wanted.profile, own={}, vgg_m=small))
    trained = carry_out(first)

    monkeypatch.setattr(loop, "train", lambda *_, **__: pytest.fail("it trains again"))
    other = replace(first, benchmark=replace(wanted.benchmark, name="another"))
    assert other.folder != trained
    taken = carry_out(other)
    assert taken.config()["weights_sha256"] == trained.config()["weights_sha256"]
    assert taken.history().equals(trained.history()) and len(taken.history()) == 1
    np.testing.assert_array_equal(taken.embeddings()["o2"], trained.embeddings()["o2"])
    with pytest.raises(pytest.fail.Exception, match="it trains again"):
        carry_out(replace(other, seed=1))


def test_other_weights_are_other_runs(theirs, wanted):
    before = wanted.recorded["settings_key"]
    with torch.no_grad():
        theirs.fc.bias += 1
    keep(theirs)
    assert replace(wanted).recorded["settings_key"] != before


@pytest.mark.parametrize("classes, found", [(1000, r"\(1000, 1024\)"), (0, "none")])
def test_weights_of_other_classes_are_refused(theirs, wanted, classes, found):
    state = googlenet(num_classes=classes or 3, aux_logits=False, init_weights=False).state_dict()
    if not classes:
        state = {name: tensor for name, tensor in state.items() if not name.startswith("fc.")}
    torch.save(state, paths.DATA / "CompCars" / "googlenet.pth")
    with pytest.raises(DataError, match=rf"googlenet.pth: expected .*7 classes.*found.*{found}"):
        carry_out(wanted)
    assert not wanted.folder.complete


def test_a_file_that_is_none_and_a_profile_without_googlenet_are_named(theirs, wanted):
    small = replace(wanted, profile=replace(wanted.profile, own={}))
    with pytest.raises(DataError, match="googlenet.pth: weights of .* profile smoke has tiny-vgg"):
        carry_out(small)
    save_file({"a": torch.zeros(1)}, paths.DATA / "CompCars" / "googlenet.pth")
    with pytest.raises(DataError, match="googlenet.pth holds other layers"):
        carry_out(wanted)


def test_a_plan_knows_that_nothing_is_trained(theirs):
    with pytest.raises(ValueError, match="GoogLeNet trains no network"):
        dry_run("googlenet", "veri", "paper")
    lines = []
    with pytest.raises(DataError) as missing:  # VeRi itself is not here
        for line in plan([("veri", "googlenet", 0)], "paper", 1):
            lines.append(line)
    assert any("GoogLeNet: trains nothing" in line for line in lines)
    assert "CompCars" not in str(missing.value)
