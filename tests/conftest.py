"""Fixtures that more than one test file uses."""

import os
from importlib.util import find_spec
from pathlib import Path

import pytest

from rnnha.paths import ROOT

# .ci/run sets them: the tests that need what is optional elsewhere must not be skipped there.
for variable, module in (("RNNHA_REQUIRE_RENDER", "mitsuba"), ("RNNHA_REQUIRE_INDEX", "faiss")):
    if variable in os.environ and find_spec(module) is None:
        raise pytest.UsageError(f"{variable} is set, but {module} is not installed")


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with real label files and photographs; the tests that need it skip without it."""
    folder = Path(os.environ.get("RNNHA_TEST_DATA", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("no real label files and photographs here (RNNHA_TEST_DATA names their folder)")
    return folder
