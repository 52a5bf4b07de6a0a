"""Runs from end to end on a tiny set of one's own: complete or absent, and resumable."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rnnha import experiments, profiles
from rnnha.cli import main
from rnnha.data.archives import unpack
from rnnha.data.sets import SETS
from rnnha.files import DataError
from rnnha.images.cache import Images
from rnnha.methods.color_histogram import ColorHistogram
from rnnha.methods.network import build, load_checkpoint
from rnnha.paths import ROOT
from rnnha.profiles import Phase
from rnnha.runs import keys, status
from rnnha.runs.plan import plan
from rnnha.runs.run import run
from rnnha.training import loop, timing


def in_new_process(code: str, results: Path, *arguments: str) -> subprocess.CompletedProcess:
    """The command line in a process of its own, after some lines of `code`."""
    program = f"import sys\n{code}\nfrom rnnha.cli import main\nsys.exit(main(sys.argv[1:]))"
    environment = os.environ | {
        "RNNHA_RESULTS": str(results),
        "RNNHA_DATA": str(results / "data"),
        "OMP_NUM_THREADS": "1",
        "PYTHONPATH": str(ROOT),
    }
    return subprocess.run(
        [sys.executable, "-c", program, *arguments], env=environment, capture_output=True, text=True
    )


def here(results: Path, tiny: Path, row: str = "rnn-ha", seed: int = 0) -> Path:
    """The same in this process; returns the folder of the set's runs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", results)
        patch.setattr("rnnha.paths.DATA", results / "data")
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        run(row, str(tiny), seed, "smoke")
        torch.set_num_threads(threads)
    return results / "runs" / "tiny"


KILL_AT_BATCH = """
import os, signal, rnnha.training.loop as loop
batch, augment = 0, loop.augment
def counted(*a, **k):
    global batch
    batch += 1
    if batch == {}:
        os.kill(os.getpid(), signal.SIGKILL)
    return augment(*a, **k)
loop.augment = counted
"""

KILL_WHILE_SAVING = """
import os, signal, torch
calls, save = 0, torch.save
def half(state, path):
    global calls
    calls += 1
    if calls == {}:
        save(state, path)
        os.truncate(path, os.path.getsize(path) // 2)
        os.kill(os.getpid(), signal.SIGKILL)
    return save(state, path)
torch.save = half
"""


@pytest.fixture(scope="module")
def undisturbed(tiny, tmp_path_factory) -> Path:
    return here(tmp_path_factory.mktemp("undisturbed"), tiny)


def test_a_run_leaves_what_it_promises(undisturbed):
    folder = undisturbed / "rnn-ha" / "seed0"
    metrics = pd.read_csv(folder / "metrics.csv")
    assert list(metrics.columns) == [
        "experiment",
        "seed",
        "dataset",
        "test_size",
        "protocol",
        "trial",
        "metric",
        "value",
        "n_query",
        "n_gallery",
    ]
    per_query = pd.read_csv(folder / "per_query.csv.gz")
    primary = per_query[per_query.protocol == "image-to-image"]
    mean = metrics.query("protocol == 'image-to-image' and metric == 'mAP'").value.item()
    assert mean == pytest.approx(100 * primary.ap.mean(), abs=1e-6)
    history = pd.read_csv(folder / "history.csv")
    assert list(history.epoch) == list(range(1, 7)) and np.isfinite(history.loss).all()
    config = json.loads((folder / "config.json").read_text())
    assert config["train_images"] == 64 and config["coarse_classes"] == 4
    model, info = load_checkpoint(folder / "weights.safetensors")
    assert info["row"] == "rnn-ha" and not model.training
    assert not list(folder.glob("checkpoint*"))


def test_features_that_nobody_trains_are_timed(tiny, undisturbed, tmp_path, monkeypatch):
    """A training's seconds stand in its history; here two more go by before features are there."""
    trained = json.loads((undisturbed / "rnn-ha" / "seed0" / "env.json").read_text())
    assert "seconds" not in trained
    embed = ColorHistogram.embed
    monkeypatch.setattr(ColorHistogram, "embed", lambda self, m: time.sleep(2) or embed(self, m))
    runs = here(tmp_path, tiny, "color-histogram")
    spent = json.loads((runs / "color-histogram" / "seed0" / "env.json").read_text())["seconds"]
    assert 2 <= spent < 60


def test_colours_are_found_again(undisturbed):
    """A trained network must be clearly above chance (about 20 %), though not perfect."""
    metrics = pd.read_csv(undisturbed / "rnn-ha" / "seed0" / "metrics.csv")
    assert 35 < metrics.query("protocol == 'image-to-image' and metric == 'mAP'").value.item() < 99


# 16 vehicles x 4 images in batches of 32: 2 batches an epoch, 12 a stage, 6 checkpoints.
@pytest.mark.parametrize(
    ("kill", "moment", "stage"),
    [
        (KILL_AT_BATCH, int(np.random.default_rng().integers(1, 13)), "stage0"),
        (KILL_AT_BATCH, int(np.random.default_rng().integers(13, 25)), "rnn-ha"),
        (KILL_WHILE_SAVING, 4, "stage0"),
        (KILL_WHILE_SAVING, 9, "rnn-ha"),
    ],
    ids=["batch, stage 0", "batch, stage 1", "saving, stage 0", "saving, stage 1"],
)
def test_a_killed_run_resumes_to_the_same_bytes(kill, moment, stage, tiny, undisturbed, tmp_path):
    killed = in_new_process(
        kill.format(moment), tmp_path, "run", "rnn-ha", "--dataset", str(tiny), "--profile", "smoke"
    )
    assert killed.returncode == -signal.SIGKILL, f"moment {moment}: {killed.stderr}"
    assert not (tmp_path / "runs" / "tiny" / stage / "seed0" / "metrics.csv").exists()
    again = here(tmp_path, tiny)
    for row in ("stage0", "rnn-ha"):
        ours, expected = (folder / row / "seed0" for folder in (again, undisturbed))
        assert (ours / "per_query.csv.gz").read_bytes() == (
            expected / "per_query.csv.gz"
        ).read_bytes(), f"{row}, killed at {moment}"
        history = [pd.read_csv(f / "history.csv").drop(columns="seconds") for f in (ours, expected)]
        pd.testing.assert_frame_equal(*history)


def test_a_stage_of_two_phases_resumes_in_the_second(tiny, tmp_path, monkeypatch):
    """As in the paper's profile: ten epochs, then a fresh optimizer at a tenth of the rate."""
    smoke = profiles.profile("smoke")
    first = replace(smoke.vgg_m.stage1[0], epochs=2, one_cycle=False, optimizer="rmsprop", lr=1e-3)
    phases = (first, replace(first, lr=1e-4))
    vgg_m = replace(smoke.vgg_m, stage0=(first,), stage1=phases)
    monkeypatch.setitem(profiles.PROFILES, "smoke", replace(smoke, vgg_m=vgg_m))
    whole = here(tmp_path / "whole", tiny) / "rnn-ha" / "seed0"

    train_epoch, rates = loop._epoch, []

    def stopped(model, steps, labels, losses, optimizer, *rest):
        rates.append(optimizer.param_groups[0]["lr"])
        if len(rates) == 6:  # two epochs of stage 0, two of the first phase, one of the second
            raise KeyboardInterrupt
        return train_epoch(model, steps, labels, losses, optimizer, *rest)

    monkeypatch.setattr(loop, "_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        here(tmp_path / "parts", tiny)
    assert rates == [1e-3] * 4 + [1e-4] * 2
    parts = here(tmp_path / "parts", tiny) / "rnn-ha" / "seed0"
    assert rates[6:] == [1e-4]  # the last epoch alone
    for name in ("per_query.csv.gz", "weights.safetensors"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name
    history = pd.read_csv(parts / "history.csv")
    assert list(history.epoch) == [1, 2, 3, 4]
    assert list(history.learning_rate) == [1e-3, 1e-3, 1e-4, 1e-4]


def test_a_second_call_does_nothing(tiny, undisturbed):
    folder = undisturbed / "rnn-ha" / "seed0"
    before = {path: path.stat().st_mtime_ns for path in folder.iterdir()}
    here(undisturbed.parents[1], tiny)
    assert {path: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_another_seed_gives_another_network(tiny, undisturbed, tmp_path):
    other = here(tmp_path, tiny, seed=1)
    text = [
        gzip.decompress((folder / "per_query.csv.gz").read_bytes())
        for folder in (undisturbed / "rnn-ha/seed0", other / "rnn-ha/seed1")
    ]
    assert text[0] != text[1]


def test_a_row_tells_what_the_backbone_of_its_stage_0_began_from(tiny, undisturbed, tmp_path):
    shutil.copytree(undisturbed / "stage0", tmp_path / "runs" / "tiny" / "stage0")
    file = tmp_path / "runs/tiny/stage0/seed0/config.json"
    config = json.loads(file.read_text())
    assert config["pretrained"] == "from scratch"
    file.write_text(json.dumps(config | {"pretrained": {"label": "VGG_CNN_M_1024"}}))
    config = here(tmp_path, tiny, "rnn-h") / "rnn-h/seed0/config.json"
    assert json.loads(config.read_text())["pretrained"] == {"label": "VGG_CNN_M_1024"}


def test_status_tells_the_four_states(tiny, undisturbed, tmp_path):
    shutil.copytree(undisturbed, tmp_path / "runs" / "tiny")
    folder = tmp_path / "runs" / "tiny" / "rnn-ha"
    smoke = profiles.profile("smoke")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", tmp_path)
        assert status.state(str(tiny), "rnn-ha", 0, smoke) == "complete"
        config = folder / "seed0" / "config.json"
        config.write_text(config.read_text().replace(keys.source_key(), "0123456789abcdef"))
        assert status.state(str(tiny), "rnn-ha", 0, smoke).startswith("stale: sources changed")
        assert status.state(str(tiny), "rnn-ha", 1, smoke) == "missing"
        (folder / "seed1").mkdir()
        (folder / "seed1" / "checkpoint0.pt").touch()
        assert status.state(str(tiny), "rnn-ha", 1, smoke).startswith("unfinished")


def test_a_plan_names_the_finished_runs_that_are_stale(tmp_path, monkeypatch):
    unpack(SETS["rendered-veri"])
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    target = ("rendered-veri", "oracle-model", 0)
    run("oracle-model", "rendered-veri", 0, "smoke")
    assert list(plan([target], "smoke", 1)) == ["All 1 runs are complete; nothing to train."]
    monkeypatch.setattr(keys, "_sources", lambda: "others")
    stale, last = plan([target], "smoke", 1)
    assert stale.startswith("rendered-veri/oracle-model/0 is stale: sources changed since (make ")
    assert f"RNNHA_RESULTS={tmp_path}" in stale and "nothing to train" in last


def test_status_knows_a_run_that_was_asked_for_in_mixed_precision(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path / "data")
    folder = run("untrained", str(tiny), 0, "smoke", precision="bfloat16")
    assert json.loads((folder / "config.json").read_text())["precision"] == "bfloat16"
    assert status.state(str(tiny), "untrained", 0, profiles.profile("smoke")) == "complete"
    with pytest.raises(ValueError, match="another precision"):
        run("untrained", str(tiny), 0, "smoke")
    with pytest.raises(ValueError, match="unknown precision 'half'; known: float32, bfloat16"):
        run("untrained", str(tiny), 1, "smoke", precision="half")


def test_a_finished_run_of_other_settings_is_not_passed_off(tiny, undisturbed):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", undisturbed.parents[1])
        with pytest.raises(ValueError, match=r"another profile.*--force"):
            run("rnn-ha", str(tiny), 0, "rendered")
        with pytest.raises(ValueError, match=r"another precision"):
            run("rnn-ha", str(tiny), 0, "smoke", precision="bfloat16")


def test_force_forgets_a_finished_run_only_when_its_start_is_there(tiny, undisturbed, tmp_path):
    """Its stage 0 is of another profile: nothing can begin, and nothing is lost."""
    shutil.copytree(undisturbed.parents[1], tmp_path / "results")
    kept = tmp_path / "results" / "runs" / "tiny" / "rnn-ha" / "seed0"
    before = {file.name: file.read_bytes() for file in kept.iterdir()}
    assert "metrics.csv" in before
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", tmp_path / "results")
        patch.setattr("rnnha.paths.DATA", tmp_path / "data")
        with pytest.raises(ValueError, match=r"stage0.* another profile.*stage0 --force"):
            run("rnn-ha", str(tiny), 0, "rendered", force=True)
        assert {file.name: file.read_bytes() for file in kept.iterdir()} == before
        (kept / "maps.csv.gz").write_text("of the weights that go")
        again = run("rnn-ha", str(tiny), 0, "smoke", force=True)
        assert not (kept / "maps.csv.gz").exists(), "it was made anew"
    assert again == kept
    assert (kept / "metrics.csv").read_bytes() == before["metrics.csv"]


def test_a_finished_run_of_other_data_is_not_passed_off(tiny, undisturbed, tmp_path):
    shutil.copytree(tiny.parent, tmp_path / "other")
    lines = (tmp_path / "other" / "tiny.csv").read_text().splitlines()
    (tmp_path / "other" / "tiny.csv").write_text("\n".join(lines[:-1]) + "\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", undisturbed.parents[1])
        with pytest.raises(ValueError, match=r"another data"):
            run("rnn-ha", str(tmp_path / "other" / "tiny.csv"), 0, "smoke")


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("coarse_id", "", "coarse_id or type"),
        ("split", "train", "split query and gallery"),
    ],
)
def test_a_set_that_cannot_serve_says_so_before_training(column, value, word, tiny, tmp_path):
    frame = pd.read_csv(tiny, dtype=str)
    frame[column] = value
    frame["path"] = [str(tiny.parent / name) for name in frame["path"]]
    frame.to_csv(tmp_path / "own.csv", index=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", tmp_path)
        with pytest.raises(DataError, match=word):
            run("rnn-ha", str(tmp_path / "own.csv"), 0, "smoke")
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (["run", "rnn-hha"], "unknown experiment 'rnn-hha'; known: "),
        (["run", "rnn-ha", "--dataset", "nowhere.csv"], "nowhere.csv"),
        (["run", "rnn-ha", "--dataset", "veri"], "ask them by e-mail"),
    ],
)
def test_bad_names_give_one_clear_line(wrong, word, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    assert main(wrong) == 1
    error = capsys.readouterr().err
    assert word in error and len(error.strip().splitlines()) == 1


def test_nan_loss_stops_and_keeps_the_last_good_state(tiny, tmp_path):
    paths = sorted(map(str, tiny.parent.glob("*.png")))[:64]
    images, labels = Images(paths, 64), torch.arange(64) // 4
    scale = profiles.profile("smoke").scale(experiments.row("rnn-ha"))
    torch.manual_seed(0)
    model = build(experiments.row("rnn-ha"), scale, 4, 16)
    checkpoint = tmp_path / "checkpoint.pt"
    options = dict(stage=1, seed=0, checkpoint=checkpoint, key="k", device=torch.device("cpu"))
    good = replace(scale.stage1[0], epochs=2)
    loop.train(model, images, labels % 4, labels, good, **options)
    before = checkpoint.read_bytes()
    with torch.no_grad():
        model.w2.bias.fill_(float("nan"))
    bad = torch.load(checkpoint, weights_only=True)
    bad["model"] = model.state_dict()
    torch.save(bad, checkpoint)
    kept = checkpoint.read_bytes()
    assert kept != before
    with pytest.raises(loop.TrainingError, match=r"loss became nan in epoch 3"):
        loop.train(
            model, images, labels % 4, labels, replace(good, epochs=3, one_cycle=False), **options
        )
    assert checkpoint.read_bytes() == kept


def test_a_stopped_training_with_dropout_goes_on_with_the_same_chance(tmp_path, tiny, monkeypatch):
    """Its masks come from torch's generator, whose state is part of what is kept."""
    whole = here(tmp_path / "whole", tiny, "triplet") / "triplet" / "seed0"
    train_epoch, epochs = loop._epoch, []

    def stopped(*arguments):
        epochs.append(1)
        if len(epochs) == 3:
            raise KeyboardInterrupt
        return train_epoch(*arguments)

    monkeypatch.setattr(loop, "_epoch", stopped)
    with pytest.raises(KeyboardInterrupt):
        here(tmp_path / "parts", tiny, "triplet")
    torch.manual_seed(99)
    parts = here(tmp_path / "parts", tiny, "triplet") / "triplet" / "seed0"
    for name in ("per_query.csv.gz", "weights.safetensors"):
        assert (parts / name).read_bytes() == (whole / name).read_bytes(), name


def test_few_vehicles_make_smaller_batches_of_losses_that_compare(tmp_path, tiny):
    """Three vehicles cannot fill a batch of eight; one cannot be compared with any other."""
    lines = tiny.read_text().splitlines()
    for vehicles, folder in ((3, "few"), (1, "one")):
        kept = [n for n in lines[1:] if not n.endswith(",train") or int(n.split(",")[1]) < vehicles]
        shutil.copytree(tiny.parent, tmp_path / folder, ignore=shutil.ignore_patterns("*.csv"))
        (tmp_path / folder / "tiny.csv").write_text("\n".join([lines[0], *kept]) + "\n")
    runs = here(tmp_path / "results", tmp_path / "few" / "tiny.csv", "triplet")
    history = pd.read_csv(runs / "triplet" / "seed0" / "history.csv")
    assert history["loss"].gt(0).all() and len(history) == 12
    with pytest.raises(DataError, match="compares vehicles; expected two or more to train on"):
        here(tmp_path / "none", tmp_path / "one" / "tiny.csv", "triplet")


@pytest.mark.parametrize("slug", ["triplet", "vami", "bnneck"])
def test_a_loss_that_compares_wants_its_whole_batch_in_one_process(
    tmp_path, tiny, monkeypatch, slug
):
    monkeypatch.setattr("rnnha.training.processes.world_size", lambda: 2)
    with pytest.raises(ValueError, match="compares the images of a batch .* in one process"):
        here(tmp_path, tiny, slug)
    assert not list(tmp_path.glob("runs/**/*.pt"))


def test_steps_made_ahead_keep_their_order_and_their_errors():
    def steps():
        yield from ([1], [2], [3])
        raise ValueError("unreadable")

    seen = []
    with pytest.raises(ValueError, match="unreadable"):
        for step in loop._ahead(steps()):
            seen.append(step)
    assert seen == [[1], [2], [3]]
    assert list(loop._ahead(iter(()))) == []


@pytest.mark.parametrize(
    "phase, images",
    [
        (Phase(1, 32, "sgd", 0.1), 32),
        (Phase(1, 128, "adam", 0.1, accumulate=4), 32),
        (Phase(1, 128, "adam", 0.1, checkpointing=True), 8),
    ],
    ids=["a batch", "a part of a batch", "recomputed"],
)
def test_a_precision_is_chosen_with_as_many_images_as_train_at_once(
    tmp_path, monkeypatch, phase, images
):
    """Eight images gain next to nothing where 32 gain two thirds."""
    gains = {8: ("float32", 1.0), 32: ("bfloat16", 0.6)}

    def seconds(model, size, batch, device, precision):
        assert batch == images
        return gains[batch][1] if precision == "bfloat16" else 0.9

    monkeypatch.setattr(timing, "seconds_per_step", seconds)
    arguments = ("bfloat16", None, 96, phase, torch.device("cpu"), tmp_path / "absent.pt", "k")
    assert timing.choose_precision(*arguments) == gains[images][0]


def test_a_resumed_stage_stays_with_the_precision_chosen_first(tmp_path, monkeypatch):
    checkpoint = tmp_path / "checkpoint0.pt"
    parts = dict.fromkeys(("model", "optimizer", "schedule", "history", "random"))
    torch.save(parts | {"key": "k", "precision": "bfloat16"}, checkpoint)
    timed = {"float32": 1.0, "bfloat16": 2.0}  # a timing now would choose float32
    monkeypatch.setattr(timing, "seconds_per_step", lambda *args: timed[args[-1]])
    arguments = ("bfloat16", None, 64, Phase(1, 32, "sgd", 0.1), torch.device("cpu"))
    assert timing.choose_precision(*arguments, checkpoint, "k") == "bfloat16"
    assert timing.choose_precision(*arguments, checkpoint, "other key") == "float32"
    assert timing.choose_precision(*arguments, tmp_path / "absent.pt", "k") == "float32"
