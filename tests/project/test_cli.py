"""The command line at its edges: who reads it, what reaches the terminal, how fast it starts."""

import os
import subprocess
import sys
import unicodedata

import pytest

from rnnha import commands
from rnnha.cli import main
from rnnha.paths import ROOT

RNNHA = [sys.executable, "-m", "rnnha"]


def fails(monkeypatch, error: Exception) -> int:
    """Exit code of a command that meets this error."""

    def data(options):
        raise error

    monkeypatch.setattr(commands, "data", data)
    return main(["data"])


@pytest.mark.parametrize("kind", [ValueError, RuntimeError, OSError, KeyError])
def test_no_error_can_steer_the_terminal(monkeypatch, capsys, kind):
    # Every code point that Unicode calls a control or counts as one that turns a line's direction.
    turning = ("LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI")
    acting = [
        c
        for c in map(chr, range(0x3000))
        if unicodedata.category(c) == "Cc" or unicodedata.bidirectional(c) in turning
    ]
    assert len(acting) == 65 + len(turning)
    assert fails(monkeypatch, kind("before " + "".join(acting) + " behind é 车")) == 1
    told = capsys.readouterr().err
    assert not set(told.replace("\n", "")) & set(acting)
    assert r"\x1b" in told and r"\u202e" in told and r"\x9b" in told
    assert told.startswith("rnnha: before ") and told.endswith(" behind é 车\n")


def test_an_argument_that_argparse_repeats_cannot_either(capsys):
    with pytest.raises(SystemExit):
        main(["check", "a", "b\x1b]0;title\x07"])
    told = capsys.readouterr().err
    assert "\x1b" not in told and r"b\x1b]0;title\x07" in told


def test_a_newline_in_a_name_forges_no_message_of_ours(monkeypatch, capsys):
    fails(monkeypatch, ValueError("nothing can start yet:\nrnnha: all is well"))
    first, second = capsys.readouterr().err.splitlines()
    assert first == "rnnha: nothing can start yet:"
    assert second.strip() == "rnnha: all is well" and second.startswith(" ")


def into_a_closed_pipe(*arguments: str, unbuffered: bool) -> subprocess.CompletedProcess:
    """Run a command whose stdout is a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        return rnnha_into(writing, *arguments, unbuffered=unbuffered)
    finally:
        os.close(writing)


def rnnha_into(stdout, *arguments: str, unbuffered: bool = False) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1" if unbuffered else ""}
    return subprocess.run(
        [*RNNHA, *arguments],
        stdout=stdout,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        text=True,
        env=environment,
    )


@pytest.mark.parametrize("unbuffered", [False, True])
def test_a_reader_that_goes_away_is_no_error(unbuffered):
    status = ["status", "--datasets", "rendered-veri", "--rows", "rnn-ha"]
    done = into_a_closed_pipe(*status, unbuffered=unbuffered)
    assert done.stderr == "" and done.returncode == 141
    assert into_a_closed_pipe("--help", unbuffered=unbuffered).stderr == ""


def test_another_pipe_that_breaks_is_an_error():
    code = """import sys
from rnnha import cli, commands
def data(options):
    raise BrokenPipeError(32, "a worker is gone")
commands.data = data
sys.exit(cli.main(["data"]))"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and "a worker is gone" in done.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_one_line():
    with open("/dev/full", "w") as full:
        done = rnnha_into(full, "--help")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_a_name_that_is_no_text_is_shown_and_not_fatal(tmp_path):
    name = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(name)
    done = subprocess.run([*RNNHA, "check", name], capture_output=True, cwd=ROOT)
    assert rb"\udcff" in done.stdout and b"codec" not in done.stderr


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_it_starts_without_the_large_libraries(option):
    command = [sys.executable, "-X", "importtime", "-m", "rnnha", option]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    loaded = {line.rpartition("|")[2].strip().partition(".")[0] for line in done.stderr.split("\n")}
    assert done.returncode == 0 and "rnnha" in loaded
    assert not loaded & {"torch", "pandas", "numpy", "matplotlib", "nbconvert", "papermill", "PIL"}
