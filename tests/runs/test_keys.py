"""Content keys: what makes a result stale, and what does not."""

import shutil

import pytest

from rnnha.paths import ROOT
from rnnha.runs import keys


@pytest.fixture
def package(tmp_path):
    """A copy of the package to change."""
    folder = tmp_path / "rnnha"
    shutil.copytree(ROOT / "rnnha", folder, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def test_comments_and_docstrings_do_not_make_results_stale(package):
    before = keys.source_key(package)
    source = package / "scoring" / "places.py"
    text = source.read_text()
    source.write_text('"""Another docstring."""\n# a comment\n' + text.split('"""', 2)[2])
    assert keys.source_key(package) == before
    source.write_text(text.replace("+ np.float32(0)", "+ np.float32(1)"))
    assert keys.source_key(package) != before


@pytest.mark.parametrize(
    ("file", "decides"),
    [
        ("images/decode.py", True),
        ("models/rnn_ha.py", True),
        ("training/loop.py", True),
        ("methods/network.py", True),
        ("scoring/protocols.py", True),
        ("data/veri.py", True),
        ("data/check.py", False),
        ("tables/build.py", False),
        ("figures/plots.py", False),
        ("report/page.py", False),
        ("gallery/index.py", False),
        ("cli.py", False),
    ],
)
def test_a_change_makes_results_stale_where_it_decides_numbers(package, file, decides):
    before, source = keys.source_key(package), package / file
    source.write_text(source.read_text() + "\nCHANGED = 1\n")
    assert (keys.source_key(package) != before) == decides
