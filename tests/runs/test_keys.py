"""Content keys: what makes a result stale, and what does not."""

import shutil

from rnnha.paths import ROOT
from rnnha.runs import keys


def test_comments_and_docstrings_do_not_make_results_stale(tmp_path):
    folder = tmp_path / "rnnha"
    shutil.copytree(ROOT / "rnnha", folder, ignore=shutil.ignore_patterns("__pycache__"))
    before = keys.source_key(folder)
    source = folder / "scoring" / "ranking.py"
    text = source.read_text()
    source.write_text('"""Another docstring."""\n# a comment\n' + text.split('"""', 2)[2])
    assert keys.source_key(folder) == before
    source.write_text(text.replace("+ np.float32(0)", "+ np.float32(1)"))
    assert keys.source_key(folder) != before
