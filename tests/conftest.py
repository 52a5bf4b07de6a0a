"""Fixtures that more than one test file uses."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from rnnha.paths import ROOT

# .ci/run sets it: the tests that render must not be skipped there.
if "RNNHA_REQUIRE_RENDER" in os.environ and find_spec("mitsuba") is None:
    raise pytest.UsageError("RNNHA_REQUIRE_RENDER is set, but mitsuba is not installed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real label files and photographs; the tests that need it skip without it."""
    folder = ROOT.parent / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the real label files and photographs are not on this machine")
    return folder
