"""Where things lie: folders that variables name, files in the making, and whose commit is told."""

import os
import shutil
import subprocess
import sys

import pytest

from rnnha.paths import PACKAGE, ROOT, alone, atomic
from rnnha.runs import environment


@pytest.mark.parametrize("value", ["", None], ids=["empty", "not set"])
def test_a_variable_without_a_folder_names_none(value, tmp_path):
    """An empty one would be the current folder, and tables would be written there."""
    names = ("RNNHA_DATA", "RNNHA_RESULTS")
    settings = {name: v for name, v in os.environ.items() if name not in names}
    settings |= dict.fromkeys(names, value) if value is not None else {}
    code = "from rnnha import paths; print(paths.DATA, paths.RESULTS, sep='\\n')"
    told = subprocess.run(
        [sys.executable, "-c", code],
        env=settings | {"PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.split() == [str(ROOT / "data"), str(ROOT / "results")]


def test_a_file_in_the_making_outlives_the_lock_of_another_file_of_its_name(tmp_path):
    """An index and the list of what was found by it may be called alike."""
    with atomic(tmp_path / "city.csv") as found:
        found.write_text("half")
        with alone(tmp_path / "city.index", "an index"):
            pass
        found.write_text("whole")
    assert (tmp_path / "city.csv").read_text() == "whole"
    left = tmp_path / ".city.4000000@elsewhere.tmp.index"
    left.mkdir()
    with alone(tmp_path / "city.index", "an index"):
        assert not left.exists()


def test_the_commit_is_the_projects_own_or_unknown(tmp_path, monkeypatch):
    own = environment.environment()["commit"]
    repository = tmp_path / "another"
    for command in ("init -q", "commit -q --allow-empty -m one"):
        who = ["-c", "user.name=a", "-c", "user.email=a@b"]
        subprocess.run(["git", *who, *command.split()], cwd=make(repository), check=True)
    unpacked = repository / "rnnha-1.0" / "rnnha"
    shutil.copytree(PACKAGE / "runs", unpacked / "runs")
    monkeypatch.setattr(environment, "PACKAGE", unpacked)
    assert environment.environment()["commit"] == "unknown (not a git checkout)"
    monkeypatch.setattr(environment, "PACKAGE", repository / "rnnha")
    head = ["git", "rev-parse", "--short=12", "HEAD"]
    told = subprocess.run(head, cwd=repository, capture_output=True, text=True).stdout.strip()
    assert environment.environment()["commit"] == told != own


def make(folder):
    folder.mkdir(exist_ok=True)
    return folder
