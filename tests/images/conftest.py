"""Seven small photographs, for all tests of this room."""

import pytest

import tiny_sets


@pytest.fixture
def paths(tmp_path):
    files = [tmp_path / f"{k}.jpg" for k in range(7)]
    for k, file in enumerate(files):
        file.write_bytes(tiny_sets.jpeg(size=(20 + k, 30 - k), seed=k))
    return files
