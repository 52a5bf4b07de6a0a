"""How a table looks on its page, and what of it the README shows."""

import re

import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha import markdown, paths
from rnnha.runs.results import Results
from rnnha.tables import build, readme


def page(tmp_path, dataset, protocol, sizes):
    """The pages of a table whose RNN-HA has one query in two right, by each test list."""
    scores = [queries({"a": (1, 1.0, 1), "b": (2, 0.0, 9)}, protocol, s, 0) for s in sizes]
    write_run(tmp_path, dataset, "rnn-ha", 0, pd.concat(scores))
    write_run(tmp_path, dataset, "color-histogram", 0, pd.concat(scores))
    write_run(tmp_path, dataset, "identity-only", 0, pd.concat(scores))
    return build.pages(build.build(Results(tmp_path, dataset)))


def columns(table: str) -> set[int]:
    return {line.count("|") for line in table.splitlines() if line.startswith("|")}


def test_vehicleid_has_a_narrow_table_for_each_test_list(tmp_path):
    pages = page(tmp_path, "rendered-vehicleid", "vehicleid-10-draws", ("50", "200"))
    text = pages["rendered-vehicleid.md"]
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == [
        "50 vehicles (paper: 800)",
        "100 vehicles (paper: 1600)",
        "200 vehicles (paper: 2400)",
    ]
    assert columns(text) == {8}  # method, two columns a metric, look-alikes, seeds
    assert max(map(len, (line for line in text.splitlines() if line.startswith("|")))) <= 110
    blocks = text.split("\n## ")[1:]
    found = [re.search(r"^\| RNN-HA \|.*$", block, re.MULTILINE)[0] for block in blocks]
    assert [line.split("|")[2].strip() for line in found] == ["68.8", "66.2", "62.6"]  # the poster
    assert [line.split("|")[3].strip()[:4] for line in found] == ["50.0", "", "50.0"]
    heads = re.findall(r"<h2>(.*?)</h2>\s*<table", pages["rendered-vehicleid.html"])
    assert heads == [block.splitlines()[0] for block in blocks]


def test_a_lone_test_list_needs_no_heading(tmp_path):
    pages = page(tmp_path, "rendered-veri", "image-to-image", ("test",))
    assert "## " not in pages["rendered-veri.md"] and "<h2>" not in pages["rendered-veri.html"]
    assert columns(pages["rendered-veri.md"]) == {10}


def test_the_readme_shows_the_largest_list_and_folds_the_others(tmp_path):
    pages = page(tmp_path / "runs", "rendered-vehicleid", "vehicleid-10-draws", ("50", "200"))
    file = tmp_path / "rendered-vehicleid.md"
    file.write_text(pages[file.name], encoding="utf-8")
    opened, *folded = readme.excerpt(file).split("<details>")
    assert "200 vehicles (paper: 2400):" in opened and "| 62.6 | 50.0 |" in opened
    summaries = [re.search("<summary>(.*?)</summary>\n\n", part)[1] for part in folded]
    assert summaries == ["50 vehicles (paper: 800)", "100 vehicles (paper: 1600)"]
    assert all("\n\n</details>\n\n" in part for part in folded)
    assert "[" not in opened + "".join(folded[:-1])  # no intervals but in the sentence
    assert "identity only, as long" in opened and "colour histogram" not in opened
    assert "- paper: as printed" not in opened + "".join(folded)  # the notes stay with the page


def test_the_readme_is_rewritten_between_its_marks_only(tmp_path):
    pages = page(tmp_path / "runs", "rendered-veri", "image-to-image", ("test",))
    (tmp_path / "rendered-veri.md").write_text(pages["rendered-veri.md"], encoding="utf-8")
    file = tmp_path / "README.md"
    mark = "<!-- rendered-veri: written by `rnnha tables` -->\n"
    file.write_text(f"before\n{mark}old\n<!-- end -->\nafter\n", encoding="utf-8")
    readme.refresh(tmp_path, file)
    text = file.read_text(encoding="utf-8")
    assert text.startswith(f"before\n{mark}**Rendered-VeRi") and "old" not in text
    assert text.endswith("\n<!-- end -->\nafter\n")


@pytest.mark.parametrize("page_with_copies", [readme.README, readme.SYSTEMS])
def test_the_committed_copies_are_those_of_the_committed_tables(tmp_path, page_with_copies):
    copy = tmp_path / "page.md"
    text = page_with_copies.read_text(encoding="utf-8")
    assert "| RNN-HA |" in text
    copy.write_text(text, encoding="utf-8")
    readme.refresh(paths.ROOT / "results" / "tables", copy)
    assert copy.read_text(encoding="utf-8") == text


def test_a_bar_in_a_cell_does_not_end_it():
    assert markdown.table(["a", "b"], [["x|y", 1]]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |"
