"""The dry run: the same way as a run, with counted memory and no images."""

import pytest
import torch
from torch import nn

from rnnha import experiments
from rnnha.cli import main
from rnnha.dryrun import try_step
from rnnha.methods import network

PAPER = experiments.profile("paper")


@pytest.mark.parametrize(("slug", "dataset", "expected"), [
    # 37,778 // 64 batches x 10 epochs; 13.4 M: conv1-5 6.53, GRU 4.72, W3+W4 1.57, heads 0.60
    ("rnn-ha", "veri", ["37,778 training images, 576 vehicles, 9 coarse", "map 6x6",
                        "10 epochs = 5,900 steps", "13.4 M parameters"]),
    ("rnn-ha-672", "vehicleid", ["90,168 training images, 10,309 vehicles, 228 coarse",
                                 "map 20x20", "batch 64, 9 epochs = 12,672 steps"]),
])  # fmt: skip
def test_plan_without_any_data(slug, dataset, expected, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path)
    assert main(["run", slug, "--dataset", dataset, "--profile", "paper", "--dry-run"]) == 0
    told = capsys.readouterr().out
    assert [text for text in expected if text not in told] == []


def test_a_wrong_shape_fails_as_in_a_run(monkeypatch, tmp_path):
    def broken(row, scale, coarse_classes, vehicles):
        model = network.build(row, scale, coarse_classes, vehicles)
        model.w2 = nn.Linear(scale.state_width + 1, vehicles)
        return model

    monkeypatch.setattr("rnnha.dryrun.build", broken)
    row = experiments.row("rnn-ha")
    with pytest.raises(RuntimeError, match="1025"):
        try_step(row, PAPER, PAPER.scale(row).stage1[0], 100, 10, 3)


def test_counted_memory_is_what_a_real_step_keeps():
    """The same step with real tensors, its saved storages told apart by their addresses."""
    profile, row = experiments.profile("smoke"), experiments.row("rnn-ha")
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
