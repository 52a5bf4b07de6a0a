"""The order of the rooms' imports is checked by `make lint`, and by its own command here."""

import re
import shutil
import subprocess
import sys

import pytest

from rnnha.paths import ROOT


@pytest.fixture
def house(tmp_path):
    """A copy of what imports one another."""
    for room in ("rnnha", "rendering", "study"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / room, tmp_path / room, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "line", "kept"),
    [
        ("rnnha/paths.py", "import shutil", True),
        ("rnnha/paths.py", "import rnnha.cli", False),
        ("rnnha/scoring/ranking.py", "from rnnha.experiments import row", False),
        ("rnnha/data/sets.py", "from rnnha.runs.run import run", False),
        ("rnnha/figures/plots.py", "from rendering import plan", False),
    ],
)
def test_an_import_against_the_order_is_found(house, file, line, kept):
    (code,) = re.findall(r'-c "(from importlinter[^"]*)"', (ROOT / "Makefile").read_text())
    changed = house / file
    changed.write_text(f"{changed.read_text()}\n{line}\n")
    done = subprocess.run([sys.executable, "-c", code], cwd=house, capture_output=True, text=True)
    assert (done.returncode == 0) == kept, done.stdout
    assert "3 contracts" in done.stdout or "3 kept" in done.stdout or not kept
