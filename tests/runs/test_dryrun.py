"""The dry run: the same way as a run, with counted memory and no images."""

import re
from dataclasses import replace

import pandas as pd
import pytest
import torch
from torch import nn

from rnnha import experiments, methods, paths, profiles
from rnnha.cli import main
from rnnha.files import DataError
from rnnha.methods import network
from rnnha.runs.dryrun import dry_run, plan, try_step
from rnnha.runs.plan import rows_of, targets
from rnnha.tables.pages import PUBLISHED

PAPER = profiles.profile("paper")


@pytest.mark.parametrize(
    ("slug", "dataset", "expected"),
    [
        # 37,778 // 64 batches x 10 epochs; 13.4 M: conv1-5 6.53, GRU 4.72, W3+W4 1.57, heads 0.60
        (
            "rnn-ha",
            "veri",
            [
                "37,778 training images, 576 vehicles, 9 coarse",
                "map 6x6",
                "10 epochs = 5,900 steps",
                "13.4 M parameters",
            ],
        ),
        (
            "rnn-ha-672",
            "vehicleid",
            [
                "90,168 training images, 10,309 vehicles, 228 coarse",
                "map 20x20",
                "batch 64, 9 epochs = 12,672 steps",
            ],
        ),
    ],
)
def test_plan_without_any_data(slug, dataset, expected, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    assert main(["run", slug, "--dataset", dataset, "--profile", "paper", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert [text for text in expected if text not in told] == []


def test_a_dry_run_of_held_out_vehicles_counts_what_is_left_to_train_on(tiny, capsys):
    """13 of 16 vehicles with four images each; and seconds without a dry run are no option."""
    asked = ["run", "rnn-ha", "--dataset", str(tiny), "--profile", "smoke"]
    assert main([*asked, "--dry-run"]) == 0
    assert "64 training images, 16 vehicles" in capsys.readouterr().out
    assert main([*asked, "--dry-run", "--holdout"]) == 0
    assert "52 training images, 13 vehicles" in capsys.readouterr().out
    assert main([*asked, "--step-seconds", "1"]) == 1
    assert "--step-seconds is for a dry run" in capsys.readouterr().err


def test_a_dry_run_tells_the_disk_and_the_weights_that_the_run_will_need(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    asked = ["run", "rnn-ha-672", "--dataset", "vehicleid", "--profile"]
    assert main([*asked, "paper", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert "122.2 GB of decoded training images" in told  # 90,168 x 672 x 672 x 3
    assert "before it can start: " in told and "VGG_CNN_M_1024.caffemodel is not there" in told
    assert main([*asked, "paper-scratch", "--dry-run"]) == 0
    assert "before it can start" not in capsys.readouterr().out


def test_the_plan_of_the_paper_needs_no_data_and_ends_with_whom_to_ask(
    monkeypatch, tmp_path, capsys
):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path / "results")
    asked = ["status", "--plan", "--profile", "paper", "--jobs", "2", "--step-seconds", "0.5"]
    assert main(asked) == 1
    told = capsys.readouterr()
    for dataset in ("veri", "vehicleid"):
        part = told.out[told.out.index(f"\n{dataset}, ") :].split("\nvehicleid, ")[0]
        lines = part if dataset == "veri" else told.out[told.out.index("\nvehicleid, ") :]
        for row in rows_of(dataset):
            seeds = 3 if methods.of(row).seeded else 1
            found = [
                line for line in lines.splitlines() if line.startswith(f"  {seeds} x {row.title}: ")
            ]
            assert found, (dataset, row.title)
            if methods.of(row).phases(row, PAPER.scale(row)):
                assert all(re.search(r" steps, [\d.]+ h; memory [\d.]+ GiB", li) for li in found)
    # 10 epochs of 37,778 // 64 steps at half a second: 0.8 hours
    assert re.search("3 x RNN-HA: .* 10 epochs = 5,900 steps, 0.8 h", told.out)
    # each stage 0 is told once a data set, not with every row that starts from it
    assert len(re.findall(r"^  3 x stage 0: ", told.out, re.M)) == 2
    for owner in (
        "ask them by e-mail as https://vehiclereid.github.io/VeRi/",
        "Peking University",
        "VGG_CNN_M_1024.caffemodel is not there",
    ):
        assert told.err.count(owner) == 1
    assert told.err.startswith("rnnha: nothing can start yet:")


def test_hours_of_a_plan_count_each_run_once(monkeypatch, tmp_path):
    """One row's runs of two seeds, by hand from the counts of vehicleid: 90,168 images."""
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    targets = [("vehicleid", slug, seed) for seed in (0, 1) for slug in ("stage0", "rnn-ha")]
    lines = []
    with pytest.raises(DataError, match="Peking University"):
        for line in plan(targets, "paper", jobs=2, step_seconds=2.0):
            lines.append(line)
    steps = 90_168 // 128 * 40 + 90_168 // 64 * 19
    hours = 2 * steps * 2.0 / 3600
    assert f"In all {hours:,.0f} hours" in lines[-1] and f"{hours / 2:,.0f} with 2" in lines[-1]


def test_status_of_the_paper_says_missing_without_any_data(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path / "results")
    assert main(["status", "--profile", "paper", "--seeds", "0"]) == 0
    lines = capsys.readouterr().out.strip().splitlines()
    assert {line.split()[0] for line in lines} == {"veri", "vehicleid"}
    assert all(line.endswith("missing") for line in lines) and len(lines) > 20


def test_a_wrong_shape_fails_as_in_a_run(monkeypatch, tmp_path):
    def broken(row, scale, coarse_classes, vehicles):
        model = network.build(row, scale, coarse_classes, vehicles)
        model.w2 = nn.Linear(scale.state_width + 1, vehicles)
        return model

    monkeypatch.setattr("rnnha.runs.dryrun.build", broken)
    row = experiments.row("rnn-ha")
    with pytest.raises(RuntimeError, match="1025"):
        try_step(row, PAPER, PAPER.scale(row).stage1[0], 100, 10, 3)


def test_counted_memory_is_what_a_real_step_keeps():
    """The same step with real tensors, its saved storages told apart by their addresses."""
    profile, row = profiles.profile("smoke"), experiments.row("rnn-ha")
    scale = profile.scale(row)
    counted = try_step(row, profile, scale.stage1[0], 100, 10, 3)
    model = network.build(row, scale, 3, 10).train()
    weights = {p.data_ptr() for p in model.parameters()}
    kept = {}

    def pack(tensor):
        if tensor.data_ptr() not in weights:
            kept[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    images, labels = torch.randn(32, 3, 64, 64), torch.zeros(32, dtype=torch.int64)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = model(images)
        loss = nn.functional.cross_entropy(output.fine, labels)
        loss = loss + nn.functional.cross_entropy(output.coarse, labels)
    real = sum(tensor.untyped_storage().nbytes() for tensor in kept.values())
    assert counted.activations == pytest.approx(real, rel=0.02)
    assert counted.parameters == sum(p.numel() for p in model.parameters())
    # SGD with momentum keeps one number a weight beside weight and gradient.
    assert counted.weights == 12 * counted.parameters


def test_rows_without_training_have_nothing_to_try(capsys):
    assert main(["run", "color-histogram", "--dry-run"]) == 1
    assert "trains no network" in capsys.readouterr().err


@pytest.mark.parametrize(
    "row",
    [
        r
        for r in (*experiments.ROWS, *experiments.STAGES0)
        if methods.of(r).phases(r, PAPER.scale(r))
    ],
    ids=lambda row: row.slug,
)
def test_every_row_of_the_paper_fits_a_gpu_of_12_gb(row):
    """With a tenth left over for what a library needs beside."""
    scale = PAPER.scale(row)
    for phase in methods.of(row).phases(row, scale):
        step = try_step(row, PAPER, phase, 90_168, 10_309, 228)
        assert step.weights + step.activations < 0.9 * 12e9


def test_googlenet_is_planned_with_what_it_learns_from(monkeypatch, tmp_path):
    """CompCars: 16,016 images, 20 epochs of batches of 32; VeRi has no part in it."""
    monkeypatch.setattr(paths, "DATA", tmp_path)
    said = dry_run("googlenet", "veri", "paper")
    assert f"20 epochs = {20 * (16_016 // 32):,} steps" in said
    assert re.search(r"before it can start: .*CompCars.*not found", said)
    with pytest.raises(DataError, match="nothing can start yet:(.|\n)*CompCars"):
        list(plan([("veri", "googlenet", 0)], "paper", 1))


def test_checkpointing_keeps_the_inputs_of_the_stages_and_one_stage():
    """ResNet-50 at 224: images, 64 x 56 x 56, 256 x 56 x 56, 512 x 28 x 28, 1024 x 14 x 14."""
    row = experiments.row("stage0-resnet")
    phase = replace(PAPER.scale(row).stage0[0], batch=8, checkpointing=True)
    counted = try_step(row, PAPER, phase, 100, 10, 3).activations
    plain = try_step(row, PAPER, replace(phase, checkpointing=False), 100, 10, 3).activations
    maps = (3 * 224**2, 64 * 56**2, 256 * 56**2, 512 * 28**2, 1024 * 14**2)
    # The largest stage, the first: in each of its three blocks two maps of 64 channels before and
    # after normalisation (ReLU works in place) and two of 256, its input being the one before; and
    # the shortcut's convolution and normalisation.
    stage = (3 * (4 * 64 + 2 * 256) + 256) * 56**2
    assert counted == pytest.approx(8 * 4 * (sum(maps) + stage), rel=0.1)
    assert counted < plain / 2


@pytest.mark.parametrize(
    "datasets, rows, word",
    [
        (
            ["rendered-veri"],
            ["rnn-ha-672"],
            r"RNN-HA \(672\) is no row of the table of rendered-veri",
        ),
        (["rendered-veri"], ["ccl"], "CCL"),
        (["my.csv"], None, "rnnha run"),
    ],
)
def test_wishes_that_no_table_has_are_refused(datasets, rows, word):
    with pytest.raises(ValueError, match=word):
        targets(datasets, rows, [0], profiles.profile("rendered"))


@pytest.mark.parametrize("poster, dataset", [("VeRi", "veri"), ("VehicleID", "rendered-vehicleid")])
def test_the_posters_rows_are_the_methods_that_it_prints(poster, dataset):
    printed = pd.read_csv(PUBLISHED)
    found = {row for _, row, _ in targets([dataset], ["poster"], [0], profiles.profile("paper"))}
    rows = {row for row in map(experiments.row, found) if row.kind != "stage"}
    assert {row.title for row in rows} == set(printed.method[printed.dataset == poster])


def test_a_group_of_rows_is_what_a_set_can_have_of_it():
    """Real sets have no masks, so no oracle of cues; by its own name that is an error."""
    scale = profiles.profile("paper")
    found = {
        name: {row for _, row, _ in targets([name], ["ablation"], [0], scale)}
        for name in ("veri", "photographs", "rendered-veri")
    }
    assert found["veri"] == found["photographs"] == found["rendered-veri"] - {"oracle-cues"}
    assert {"fc-ha", "rnn-h", "rnn-ha", "identity-only", "stage0"} < found["veri"]
    with pytest.raises(ValueError, match="cues is no row of the table of veri"):
        targets(["veri"], ["oracle-cues"], [0], scale)
