"""What lies on the disk is damaged, in use, or full: it heals, waits, or is named."""

import errno
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from rnnha.cli import main
from rnnha.files import DataError
from rnnha.methods.network import load_checkpoint
from rnnha.models import checkpoint as checkpoints
from rnnha.paths import ROOT, alone, atomic
from rnnha.runs import folder
from rnnha.runs.run import run
from rnnha.training import state


@pytest.fixture(scope="module")
def source(tiny, tmp_path_factory):
    """Results with a finished RNN-HA and its stage 0, and the arguments that made it."""
    results = tmp_path_factory.mktemp("source")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnha.paths.RESULTS", results)
        patch.setattr("rnnha.paths.DATA", results / "data")
        run("rnn-ha", str(tiny), 0, "smoke")
    return results


@pytest.fixture
def results(source, tmp_path, monkeypatch):
    """A copy to be damaged."""
    subprocess.run(["cp", "-a", f"{source}/runs", f"{tmp_path}/runs"], check=True)
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    monkeypatch.setattr("rnnha.paths.DATA", source / "data")
    return tmp_path


def bad_files(whole: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "text": b"weights\n",
        "garbage": np.random.default_rng(0).bytes(5000),
        "cut off": whole[: len(whole) // 2],
        "a pickle": pickle.dumps({"a": 1}),
        "a list": b"\x02\x00\x00\x00\x00\x00\x00\x00[]",
    }


KINDS = list(bad_files(b"xx"))


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_checkpoint_is_named_by_every_command(kind, results, tiny, capsys):
    file = folder.locate("tiny", "rnn-ha", 0).weights
    file.write_bytes(bad_files(file.read_bytes())[kind])
    with pytest.raises(DataError, match=f"{file} .*expected a file that"):
        load_checkpoint(file)
    for command in (
        ["score", "--checkpoint", str(file), "--dataset", str(tiny)],
        ["export", "rnn-ha", "--dataset", str(tiny), "--out", str(results / "x.safetensors")],
    ):
        assert main(command) == 1
        assert str(file) in capsys.readouterr().err
    assert not (results / "x.safetensors").exists()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("row", 3),
        ("image_size", "96"),
        ("image_size", 0),
        ("state_width", -1),
        ("vehicles", 1e3),
        ("coarse_labels", "abc"),
        ("coarse_labels", []),
        ("row", None),
        ("row", "oracle-model"),
        ("row", "lomo"),
        ("row", "nope"),
        ("backbone", "nope"),
        ("vehicles", 10**12),
        ("state_width", 10**12),
    ],
)
def test_a_description_that_makes_no_sense_is_refused(name, value, results, tmp_path):
    file = folder.locate("tiny", "rnn-ha", 0).weights
    info = checkpoints.describe(file) | {name: value}
    save_file(load_file(file), tmp_path / "a.safetensors", {checkpoints.KEY: json.dumps(info)})
    with pytest.raises(DataError, match=r"a\.safetensors: .*expected a file that"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_weights_that_are_not_finite_are_not_handed_on(results, tmp_path):
    file = folder.locate("tiny", "rnn-ha", 0).weights
    weights, info = load_file(file), checkpoints.describe(file)
    weights["w1.bias"][0] = float("nan")
    save_file(weights, tmp_path / "a.safetensors", {checkpoints.KEY: json.dumps(info)})
    with pytest.raises(DataError, match="not finite, in w1.bias"):
        load_checkpoint(tmp_path / "a.safetensors")


def test_a_row_does_not_start_from_other_weights_than_its_stage_0_left(results, tiny):
    """Whole, finite and of the right shapes: only the sum tells."""
    file = folder.locate("tiny", "stage0", 0).weights
    weights, info = load_file(file), checkpoints.describe(file)
    weights["w2.bias"] += 1
    save_file(weights, file, {checkpoints.KEY: json.dumps(info)})
    folder.locate("tiny", "rnn-ha", 0).forget()
    with pytest.raises(DataError, match=f"{file}: changed since the run was finished"):
        run("rnn-ha", str(tiny), 0, "smoke")


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_state_of_training_is_named_and_the_phase_begins_again(kind, tmp_path, capsys):
    file = tmp_path / "checkpoint0.pt"
    torch.save(dict.fromkeys(state.PARTS, "k"), file)
    assert state.read(file, "k")["key"] == "k"
    file.write_bytes(bad_files(file.read_bytes())[kind])
    assert state.read(file, "k") is None
    assert f"{file}: damaged" in capsys.readouterr().err


@pytest.mark.parametrize("content", ["", "[]", "{", '"x"'])
def test_a_damaged_config_is_named(content, results, tiny, capsys):
    file = results / "runs/tiny/rnn-ha/seed0/config.json"
    file.write_text(content)
    assert main(["run", "rnn-ha", "--dataset", str(tiny), "--profile", "smoke"]) == 1
    error = capsys.readouterr().err
    assert str(file) in error and len(error.strip().splitlines()) == 1


@pytest.mark.parametrize("damage", ["cut off", "a bit is flipped"])
@pytest.mark.parametrize("name", ["embeddings.npz", "per_query.csv.gz"])
def test_damaged_scores_and_embeddings_are_named(name, damage, results):
    place = folder.locate("tiny", "rnn-ha", 0)
    read = {"embeddings.npz": place.embeddings, "per_query.csv.gz": place.per_query}[name]
    read()
    file = place.path / name
    whole = bytearray(file.read_bytes())
    if damage == "cut off":
        del whole[len(whole) // 2 :]
    else:
        whole[len(whole) // 2] ^= 16
    file.write_bytes(whole)
    with pytest.raises(DataError, match=f"{file}.* again"):
        read()


def test_a_copy_beside_a_run_is_no_run(results):
    place = folder.locate("tiny", "rnn-ha", 0)
    shutil.copytree(place.path, place.path.with_name("seed0 old"))
    assert list(folder.finished(folder.own(), "tiny", "rnn-ha")) == [0]
    assert {run.path for run in folder.every(folder.own())} >= {place.path}
    assert len(list(folder.every(folder.own()))) == 2  # stage 0 and the row


def test_an_empty_metrics_csv_is_no_finished_run(results, tiny):
    file = folder.locate("tiny", "rnn-ha", 0).metrics_file
    before = file.read_bytes()
    file.write_bytes(b"")
    assert 0 not in folder.finished(folder.own(), "tiny", "rnn-ha")
    run("rnn-ha", str(tiny), 0, "smoke")
    assert file.read_bytes() == before


def test_two_processes_at_one_run_end_with_one_run(tiny, source, tmp_path):
    """The second waits, takes nothing away, and finds it done; the numbers are the usual ones."""
    environment = os.environ | {
        "RNNHA_RESULTS": str(tmp_path),
        "RNNHA_DATA": str(tmp_path / "data"),
        "PYTHONPATH": str(ROOT),
    }
    command = [sys.executable, "-m", "rnnha", "run", "rnn-ha", "--dataset", str(tiny)]
    both = [
        subprocess.Popen([*command, "--profile", "smoke"], env=environment, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate()[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert any("another process is at it; waiting" in text for text in said)
    for slug in ("stage0", "rnn-ha"):
        ours, expected = (s / "runs/tiny" / slug / "seed0" for s in (tmp_path, source))
        for name in ("per_query.csv.gz", "metrics.csv"):
            assert (ours / name).read_bytes() == (expected / name).read_bytes()


def test_what_a_killed_writer_left_goes_at_the_next_call(results, tiny):
    place = folder.locate("tiny", "rnn-ha", 0)
    place.forget()
    (place.path / ".weights.4711.tmp.safetensors").touch()
    run("rnn-ha", str(tiny), 0, "smoke")
    assert not list(place.path.glob(".*tmp*"))


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
    ],
)
def test_a_full_disk_is_named_with_the_file(error, tmp_path):
    with pytest.raises(OSError, match="weights.safetensors: the disk is full"):
        with atomic(tmp_path / "weights.safetensors") as temporary:
            temporary.write_bytes(b"half")
            raise error
    assert not list(tmp_path.iterdir())


def test_without_locks_a_warning_is_given_and_the_work_goes_on(tmp_path, monkeypatch, capsys):
    def refuse(self, *arguments, **options):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setattr("rnnha.paths.FileLock.acquire", refuse)
    with alone(tmp_path / "a.npy", "a.npy"):
        (tmp_path / "a.npy").touch()
    assert "no locks in" in capsys.readouterr().err and (tmp_path / "a.npy").exists()


def test_a_lock_is_free_again_after_its_holder_was_killed(tmp_path):
    code = (
        "import time; from pathlib import Path; from rnnha.paths import alone\n"
        f"with alone(Path({str(tmp_path)!r}) / 'a.npy', 'a'):\n"
        "    print('in', flush=True); time.sleep(60)"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    holder = subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE)
    holder.stdout.readline()
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with alone(tmp_path / "a.npy", "a"):
        assert time.monotonic() - began < 30


def test_what_a_writer_left_goes_when_the_file_is_written_again(tmp_path):
    """Of a killed process; not of one at work, of another machine, or of another file."""
    file = tmp_path / "cmc.png"
    code = f"""
import os, signal
from rnnha.paths import atomic
with atomic({str(file)!r}) as temporary:
    temporary.write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", code], cwd=ROOT)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    pid = re.search(r"\d+", left.name)[0]
    kept = [
        tmp_path / left.name.replace(pid, str(os.getppid())),
        tmp_path / left.name.replace("@", "@not-"),
        tmp_path / left.name.replace("cmc", "cmc-2"),
    ]
    for other in kept:
        other.touch()
    with atomic(file) as temporary:
        temporary.write_bytes(b"whole")
    assert sorted(tmp_path.iterdir()) == sorted([file, *kept])
    assert file.read_bytes() == b"whole"
