"""Several processes give what one gives: the same losses, weights, embeddings and files."""

import copy
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch import nn

from rnnha.images.cache import Images
from rnnha.models.resnet import ResNet50
from rnnha.models.rnn_ha import CoarseToFine
from rnnha.paths import ROOT
from rnnha.profiles import Phase
from rnnha.training import loop, processes
from rnnha.training.embedding import embed

COUNT, CLASSES, VEHICLES = 26, 3, 5
PHASE = Phase(2, 7, "sgd", 0.05, flip=True, shift=2, jitter=0.2)


class Plain(nn.Module):
    """A backbone without batch normalisation, as VGG-M is."""

    channels = 8

    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 5, 4), nn.Tanh(), nn.Conv2d(8, 8, 3), nn.Tanh())

    def forward(self, images):
        return self.layers(images)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(COUNT):
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(folder / f"{i:02d}.png")
    return folder


def fit(pictures: Path, checkpoint: Path, phase: Phase):
    """History, weights and outputs of a small RNN-HA: what this process is given of them."""
    images = Images(sorted(pictures.glob("*.png")), 32)
    index = torch.arange(COUNT)
    torch.manual_seed(0)
    model = CoarseToFine(Plain(), "recurrent", "guided", 6, CLASSES, VEHICLES)
    history = loop.train(
        model,
        images,
        index % CLASSES,
        index % VEHICLES,
        phase,
        stage=1,
        seed=3,
        checkpoint=checkpoint,
        key="k",
        device=torch.device("cpu"),
    )
    outputs = embed(model, images, torch.device("cpu"), batch=4)
    return history, model.state_dict(), outputs


def expect_same(one, other) -> None:
    for name in loop.MEASURES:
        assert [row[name] for row in one[0]] == pytest.approx(
            [row[name] for row in other[0]], rel=1e-5
        )
    for part in (1, 2):
        assert one[part].keys() == other[part].keys()
        for name, value in one[part].items():
            np.testing.assert_allclose(value, other[part][name], rtol=1e-4, atol=1e-6)


# Run by torchrun: what the first process got is put into a file.
WORKER = """
import sys, torch
from dataclasses import replace
from pathlib import Path
sys.path.insert(0, "tests/training")
import test_processes as t
from rnnha.training import processes
pictures, checkpoint, epochs, out = sys.argv[1:]
with processes.session():
    got = t.fit(Path(pictures), Path(checkpoint), replace(t.PHASE, epochs=int(epochs)))
    if processes.is_writer():
        torch.save(got, out)
    else:
        assert got[2] == {}
"""


def torchrun(processes: int, *command: str, **environment: str) -> subprocess.CompletedProcess:
    environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)} | environment
    return subprocess.run(
        [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            f"--nproc-per-node={processes}",
            *command,
        ],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )


@pytest.fixture(scope="module")
def worker(tmp_path_factory) -> str:
    path = tmp_path_factory.mktemp("worker") / "worker.py"
    path.write_text(WORKER)
    return str(path)


def test_two_processes_give_what_one_gives(pictures, worker, tmp_path):
    """Batches of 7: one process has 4 images of each, the other 3."""
    out = tmp_path / "two.pt"
    done = torchrun(2, worker, str(pictures), str(tmp_path / "c.pt"), "2", str(out))
    assert done.returncode == 0, done.stderr
    expect_same(torch.load(out, weights_only=False), fit(pictures, tmp_path / "one.pt", PHASE))


def test_one_process_goes_on_where_two_stopped(pictures, worker, tmp_path):
    half = torchrun(
        2, worker, str(pictures), str(tmp_path / "c.pt"), "1", str(tmp_path / "half.pt")
    )
    assert half.returncode == 0, half.stderr
    resumed = fit(pictures, tmp_path / "c.pt", PHASE)
    assert len(resumed[0]) == 2
    expect_same(resumed, fit(pictures, tmp_path / "one.pt", PHASE))


@pytest.mark.parametrize("parts", [2, 3])
def test_accumulated_parts_are_the_whole_batch(parts, pictures, tmp_path):
    whole = fit(pictures, tmp_path / "whole.pt", PHASE)
    expect_same(fit(pictures, tmp_path / "p.pt", replace(PHASE, accumulate=parts)), whole)


def test_a_batch_too_small_to_divide_says_so(pictures, tmp_path):
    with pytest.raises(ValueError, match="7 images cannot be divided among 1 processes x 8 parts"):
        fit(pictures, tmp_path / "c.pt", replace(PHASE, accumulate=8))


@pytest.mark.parametrize("count", [0, 1, 2, 5, 7])
def test_shares_are_the_whole_without_duplicates(count, monkeypatch):
    monkeypatch.setattr(processes, "world_size", lambda: 3)
    together = []
    for number in range(3):
        monkeypatch.setattr(processes, "rank", lambda number=number: number)
        together += processes.share(list(range(count)))
    assert together == list(range(count))


KILLED = """
import os, signal, sys
import rnnha.training.state as state
save = state.save
def counted(*arguments):
    save(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
state.save = counted
exec(open(sys.argv.pop(1)).read())
"""


def test_a_killed_process_ends_the_job_and_the_next_start_resumes(pictures, worker, tmp_path):
    killer = tmp_path / "killer.py"
    killer.write_text(KILLED)
    arguments = str(pictures), str(tmp_path / "c.pt"), "2", str(tmp_path / "out.pt")
    killed = torchrun(2, str(killer), worker, *arguments)
    assert killed.returncode != 0 and not (tmp_path / "out.pt").exists()
    assert "SIGKILL" in killed.stderr or f"-{signal.SIGKILL}" in killed.stderr
    again = torchrun(2, worker, *arguments)
    assert again.returncode == 0, again.stderr
    got = torch.load(tmp_path / "out.pt", weights_only=False)
    expect_same(got, fit(pictures, tmp_path / "one.pt", PHASE))


def test_the_command_line_leaves_a_whole_run(tiny, tmp_path):  # noqa: F811
    """Stage 0 and RNN-HA from the data to the metrics; the small networks normalise batches."""
    done = torchrun(
        2,
        "-m",
        "rnnha",
        "run",
        "rnn-ha",
        "--dataset",
        str(tiny),
        "--profile",
        "smoke",
        RNNHA_RESULTS=str(tmp_path),
        RNNHA_DATA=str(tmp_path / "data"),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("metrics.csv") == 1
    assert "differ from those of one process" in done.stdout
    for row in ("stage0", "rnn-ha"):
        folder = tmp_path / "runs" / "tiny" / row / "seed0"
        assert json.loads((folder / "env.json").read_text())["processes"] == 2
        assert not [*folder.glob("checkpoint*"), *folder.glob(".*tmp*")]
        values = pd.read_csv(folder / "metrics.csv").value
        assert len(values) and values.between(0, 100).all()
        # 8 test vehicles x 4 cameras, each once
        names = np.load(folder / "embeddings.npz")
        assert len(names["o2"]) == len(set(names["names"])) == 32


@pytest.mark.parametrize("synchronised", [False, True])  # True: as on several GPUs
def test_checkpointing_changes_no_gradient_and_no_statistic(synchronised):
    results, images, fresh = [], torch.randn(2, 3, 64, 64), ResNet50().train()
    for checkpointing in (False, True):
        model = copy.deepcopy(fresh)
        if synchronised:
            model = torch.nn.SyncBatchNorm.convert_sync_batchnorm(model)
        model.checkpointing = checkpointing
        model(images).square().mean().backward()
        results.append(
            {n: p.grad for n, p in model.named_parameters()} | dict(model.named_buffers())
        )
    for name, value in results[0].items():
        torch.testing.assert_close(results[1][name], value)
