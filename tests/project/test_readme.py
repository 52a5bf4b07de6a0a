"""What the README says is what the repository holds."""

import re

import pandas as pd
import pytest

from rnnha.paths import REFERENCE, ROOT
from rnnha.runs.results import Results
from rnnha.tables import build

README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("dataset", ["rendered-veri", "rendered-vehicleid"])
def test_tables_are_those_of_the_reference(dataset, tmp_path):
    """Not those of results/tables, where one's own `make reproduce` puts one's own numbers."""
    build.write(build.build(Results(REFERENCE, dataset)), tmp_path)
    page = (tmp_path / f"{dataset}.md").read_text(encoding="utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")]
    assert len(rows) > 10
    block = README.split(f"<!-- {dataset}: ")[1].split("<!-- end -->")[0]
    assert [line for line in block.splitlines() if line.startswith("|")] == rows


def test_links_and_pictures_exist():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README)
    assert len(targets) > 3
    assert [target for target in targets if not (ROOT / target).exists()] == []


def test_make_targets_exist():
    named = set(re.findall(r"`?make ([a-z]+)\b", README))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert {"test", "reproduce"} <= named <= targets


def test_no_cell_is_left_to_fill_in():
    assert re.findall(r"\b[A-Z]+_(?:TIME|DISK|DOWNLOAD)\b", README) == []


def test_the_data_card_tells_the_audit():
    """The best of each part, and the oracles, as `results/data_audit.csv` has them."""
    audit = pd.read_csv(ROOT / "results" / "data_audit.csv")
    best = audit.groupby("what", sort=False)["mAP"].max()
    oracle = audit.loc[audit["what"].str.startswith("oracle"), "mAP"]
    card = " ".join((ROOT / "docs" / "data.md").read_text(encoding="utf-8").split())
    assert (
        f"background alone reaches mAP {best['background alone']:.1f}, of shots without cues "
        f"{best['rendered without cues']:.1f}, where the oracle has {oracle.iloc[0]:.1f} and "
        f"{oracle.iloc[1]:.1f}."
    ) in card
    assert best["background alone"] < oracle.iloc[0]
    assert best["rendered without cues"] < oracle.iloc[1]
