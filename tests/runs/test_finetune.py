"""A trained network goes on with another set: what it keeps, what is new, and what is refused."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors.torch import load_file

import untrained_network
from rnnha import experiments, methods, profiles
from rnnha.cli import main
from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.methods.network import load_checkpoint
from rnnha.paths import sha256
from rnnha.runs.compare import compare
from rnnha.runs.cross import score_checkpoint
from rnnha.runs.finetune import finetune
from rnnha.runs.run import Run, prepared, run


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finetune")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", folder / "results")
        patch.setattr("rnnha.paths.DATA", folder / "data")
        yield folder
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def start(rooms):
    """An RNN-HA of another set: 2 coarse classes and 5 vehicles, where `tiny` has 4 and 16."""
    file = rooms / "start.safetensors"
    untrained_network.save(file, vehicles=5)
    return file


@pytest.fixture(scope="module")
def made(rooms, start, tiny):
    return finetune(str(tiny), [0, 1], "smoke", start)


def wanted(tiny: Path, checkpoint: Path, slug: str = "rnn-ha-finetuned", seed: int = 0) -> Run:
    profile = profiles.profile("smoke")
    benchmark = prepared(load(tiny), profile)
    return Run(experiments.row(slug), profile, benchmark, seed, checkpoint=checkpoint)


def mean_ap(per_query: pd.DataFrame) -> float:
    return per_query.loc[per_query["protocol"] == "image-to-image", "ap"].mean()


def test_it_begins_with_the_checkpoints_weights_and_new_heads(tiny, start, rooms):
    begun = []
    for seed in (0, 1):
        asked = wanted(tiny, start, seed=seed)
        method = methods.of(asked.row)(asked)
        method._train = lambda *labels: []  # nothing is learned: what it begins with is left
        method.fit(asked.benchmark.train)
        begun.append(method.model.state_dict())
    given = load_file(start)
    kept = {name for name in given if not name.startswith(("w1", "w2"))}
    assert {"backbone", "steps", "attention"} == {name.split(".")[0] for name in kept}
    assert all(torch.equal(each[name], given[name]) for each in begun for name in kept)
    heads = {name: tuple(t.shape) for name, t in begun[0].items() if name not in kept}
    assert heads == {"w1.weight": (4, 64), "w1.bias": (4,), "w2.weight": (16, 64), "w2.bias": (16,)}
    assert not torch.equal(begun[0]["w2.weight"], begun[1]["w2.weight"])  # by the seed


def test_before_is_the_checkpoint_itself_scored_directly(made, start, tiny):
    before = made[0]
    assert before.slug == "rnn-ha-given" and sha256(before.weights) == sha256(start)
    direct = score_checkpoint(start, load(tiny))
    found = before.per_query()
    for protocol, expected in direct.groupby("protocol"):
        own = found[found["protocol"] == protocol]
        assert own["query"].tolist() == expected["query"].tolist()
        np.testing.assert_allclose(own["ap"], expected["ap"], atol=1e-6)
    assert before.history().empty


def test_it_learns(made):
    before, *after = made
    assert [run.seed for run in after] == [0, 1]
    for run_ in after:
        assert mean_ap(run_.per_query()) > mean_ap(before.per_query()) + 0.1
        losses = run_.history()["loss"]
        assert losses.iloc[-1] < losses.iloc[0] - 0.3


def test_the_configuration_records_the_checkpoint(made, start):
    seen = [{"dataset": "a set that it does not name", "synthetic": False, "vehicles": 5}]
    for run_ in made:
        config = run_.config()
        assert config["checkpoint"] == {"row": "rnn-ha", "sha256": sha256(start), "seen": seen}
        assert (config["stage0"], config["pretrained"]) == (None, "from a checkpoint")
    stage1 = profiles.profile("smoke").scale(experiments.row("rnn-ha")).stage1
    assert [phase["lr"] for phase in made[1].config()["phases"]] == [p.lr for p in stage1]


def test_another_checkpoint_is_another_run(made, start, tiny, tmp_path):
    (again,) = finetune(str(tiny), [], "smoke", start)  # nothing is done twice
    assert again.path == made[0].path
    other = tmp_path / "other.safetensors"
    untrained_network.save(other, vehicles=6)
    with pytest.raises(ValueError, match="finished run of another checkpoint"):
        finetune(str(tiny), [0], "smoke", other)


def test_what_it_has_seen_goes_with_its_weights(made, tiny, tmp_path, capsys):
    weights = made[1].weights
    assert [each["vehicles"] for each in load_checkpoint(weights)[1]["seen"]] == [5, 16]
    pictures = load(tiny).query["path"].head(2).tolist()
    told = "seen 5 vehicles of a set that it does not name, then 16 vehicles of tiny."
    assert told in compare(*pictures, weights).note
    arguments = [pictures[0], str(tiny.parent), "--checkpoint", str(weights)]
    assert main(["rank", *arguments]) == 0
    out = capsys.readouterr().out
    assert told in out and "rendered" not in out
    card = tmp_path / "w.safetensors"
    asked = ["--dataset", str(tiny), "--seed", "1", "--out", str(card)]
    assert main(["export", "rnn-ha-finetuned", *asked]) == 0
    assert "from a checkpoint that had seen 5 vehicles of" in card.with_suffix(".md").read_text()


@pytest.mark.parametrize("slug", ["rnn-h", "identity-only"])
def test_a_checkpoint_of_another_network_is_refused(slug, tiny, rooms, tmp_path):
    file = tmp_path / "other.safetensors"
    untrained_network.save(file, slug)
    with pytest.raises(DataError, match=f"{experiments.row(slug).title} on tiny-vgg-m"):
        run("rnn-ha-finetuned", str(tiny), 7, "smoke", checkpoint=file)
    assert not (rooms / "results/runs/tiny/rnn-ha-finetuned/seed7").exists()


def test_a_checkpoint_of_another_size_is_one_clear_line(tiny, rooms, capsys, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", rooms / "elsewhere")
    assert main(["finetune", str(tiny), "--seeds", "8", "--profile", "smoke"]) == 1
    error = capsys.readouterr().err
    assert "small-vgg-m at 96 pixels" in error and "tiny-vgg-m at 64 pixels" in error
    assert len(error.strip().splitlines()) == 1 and not (rooms / "elsewhere").exists()


def test_the_command_prints_before_after_and_what_is_missing(made, start, tiny, capsys):
    arguments = ["--seeds", "0", "1", "--profile", "smoke", "--checkpoint", str(start)]
    assert main(["finetune", str(tiny), *arguments]) == 0
    out = capsys.readouterr().out
    before, after = (100 * mean_ap(r.per_query()) for r in made[:2])
    both = (after + 100 * mean_ap(made[2].per_query())) / 2
    assert f"{before:.1f} [" in out and f"{both:.1f} ±" in out
    assert f"{both - before:+.2f} points of mAP" in out
    assert "RNN-HA, from scratch: not run yet" in out
    assert json.loads((made[1].path / "env.json").read_text())["precision"] == "float32"
