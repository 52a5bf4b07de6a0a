"""Fixtures that more than one test file uses."""

from pathlib import Path

import pytest

from rnnha.paths import ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real label files and photographs; the tests that need it skip without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the real label files and photographs are not on this machine")
    return folder
