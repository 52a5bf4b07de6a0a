"""What is left to do for make: runs, tables, chapters and the report."""

import json
import os
import shutil
from pathlib import Path

import pytest

from fake_runs import queries, write_run
from rnnha.files import DataError
from rnnha.report import chapters as left
from rnnha.report.rebuild import rebuild
from rnnha.runs import folder

VERI = "rendered-veri"
WANTED = [(VERI, "stage0", 0), (VERI, "rnn-h", 0), (VERI, "rnn-ha", 0), (VERI, "untrained", 0)]
SHOWN_WITH = {
    "00_coarse_to_fine": {"dataset": VERI},
    "01_explore_data": {"dataset": VERI},
    "03_table_veri": {"dataset": VERI, "source": "runs"},
    "05_attention_maps": {"dataset": VERI, "experiment": "rnn-ha", "seed": 0},
}
PAGES = list(SHOWN_WITH)


@pytest.fixture
def results(tmp_path: Path, monkeypatch) -> Path:
    """An empty results folder, beside the notebooks in name only."""
    monkeypatch.setattr("rnnha.paths.ROOT", tmp_path)
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path / "mine")
    for page in PAGES:
        write(tmp_path / "notebooks" / f"{page}.ipynb")
    return tmp_path / "mine"


@pytest.fixture
def made(results: Path) -> Path:
    """A results folder in which all that WANTED needs was made, in make's order."""
    for target in WANTED:
        finish(results, *target)
    for file in ("tables/rendered-veri.md", "figures/rendered-veri-cmc.png"):
        write(results / file)
    left.mark_tables(of_runs=True)
    for page, parameters in SHOWN_WITH.items():
        execute(results, page, parameters)
    write(results / "report/index.html")
    return results


def write(file: Path, text: str = "something") -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def execute(results: Path, page: str, parameters: dict[str, object]) -> None:
    """A chapter as papermill leaves it: its parameters are in the notebook's metadata."""
    notebook = {"cells": [], "metadata": {"papermill": {"parameters": parameters}}}
    write(results / "notebooks" / f"{page}.ipynb", json.dumps(notebook))


def finish(results: Path, dataset: str, row: str, seed: int, ap: float = 0.5) -> Path:
    run = write_run(results / "runs", dataset, row, seed, queries({"a.jpg": (1, ap, 2)}))
    write(run / "02_train.ipynb")
    return run


def run_of(results: Path, target: tuple[str, str, int]) -> Path:
    dataset, row, seed = target
    return results / "runs" / dataset / row / f"seed{seed}"


def renew(file: Path) -> None:
    """As if it were written a minute after all the others."""
    time = file.stat().st_mtime + 60
    os.utime(file, (time, time))


def parts(wanted=WANTED, datasets=(VERI,), force=False) -> dict[str, list[str]]:
    """The fragment's lists by their names; the lines of order are under "order"."""
    found: dict[str, list[str]] = {"order": []}
    for line in left.fragment(wanted, datasets, force).splitlines():
        if line.startswith("run/"):
            found["order"].append(line)
        elif " += " in f"{line} ":
            name, values = f"{line} ".split(" += ")
            found[name] = values.split()
    return found


NOTHING = {"TRAIN": [], "TABLES": [], "CHAPTERS": [], "REPORT": [], "order": []}
SHOWN_ANEW = {"TABLES": ["yes"], "CHAPTERS": PAGES, "REPORT": ["yes"]}


# --- which chapters the runs can fill ---


def test_chapters_are_about_the_first_fitting_set_and_seed():
    other = "rendered-vehicleid"
    wanted = [(d, row, s) for d in (VERI, other) for row in ("rnn-h", "rnn-ha") for s in (3, 4)]
    assert left.chapters(wanted, [VERI, other]) == {
        "00_coarse_to_fine": {"dataset": VERI},
        "01_explore_data": {"dataset": VERI},
        "03_table_veri": {"dataset": VERI, "source": "runs"},
        "04_table_vehicleid": {"dataset": other, "source": "runs"},
        "05_attention_maps": {"dataset": VERI, "experiment": "rnn-ha", "seed": 3},
    }


def test_real_sets_have_no_lesson_that_needs_model_and_paint():
    wanted = [("vehicleid", "rnn-ha", 0)]
    assert left.chapters(wanted, ["vehicleid"]) == {
        "01_explore_data": {"dataset": "vehicleid"},
        "04_table_vehicleid": {"dataset": "vehicleid", "source": "runs"},
        "05_attention_maps": {"dataset": "vehicleid", "experiment": "rnn-ha", "seed": 0},
    }
    both = left.chapters([("veri", "rnn-ha", 0), (VERI, "rnn-ha", 1)], ["veri", VERI])
    assert both["00_coarse_to_fine"] == {"dataset": VERI}
    assert both["05_attention_maps"]["dataset"] == both["03_table_veri"]["dataset"] == "veri"


def test_without_rnn_ha_there_is_the_lesson_of_the_shipped_network_and_there_are_no_maps():
    assert left.chapters([(VERI, "rnn-h", 0)], [VERI]).keys() == {
        "00_coarse_to_fine",
        "01_explore_data",
        "03_table_veri",
    }


def test_a_set_that_the_poster_has_not_has_no_table():
    found = left.chapters([("photographs", "rnn-ha", 0)], ["photographs"])
    assert found.keys() == {"01_explore_data", "05_attention_maps"}


def test_without_runs_the_tables_are_those_of_the_reference():
    """And the maps those of the shipped network, on the set that it has learned from."""
    assert left.chapters([], [VERI]) == {
        "00_coarse_to_fine": {"dataset": VERI},
        "01_explore_data": {"dataset": VERI},
        "03_table_veri": {"dataset": VERI},
        "05_attention_maps": {"dataset": VERI},
    }
    assert "05_attention_maps" not in left.chapters([], ["rendered-vehicleid"])


def test_an_unknown_set_is_named():
    with pytest.raises(DataError, match="rendered-very"):
        left.chapters([], ["rendered-very"])


# --- what is left ---


def test_all_is_left_at_first(results: Path):
    assert left.fragment(WANTED, [VERI]).splitlines() == [
        "TRAIN += rendered-veri/stage0/0 rendered-veri/rnn-h/0 rendered-veri/rnn-ha/0 "
        "rendered-veri/untrained/0",
        "TABLES += yes",
        "CHAPTERS += 00_coarse_to_fine 01_explore_data 03_table_veri 05_attention_maps",
        "REPORT += yes",
        "run/rendered-veri/rnn-h/0: run/rendered-veri/stage0/0",
        "run/rendered-veri/rnn-ha/0: run/rendered-veri/stage0/0",
        "FOR_00_coarse_to_fine ?= -p dataset rendered-veri",
        "FOR_01_explore_data ?= -p dataset rendered-veri",
        "FOR_03_table_veri ?= -p dataset rendered-veri -p source runs",
        "FOR_05_attention_maps ?= -p dataset rendered-veri -p experiment rnn-ha -p seed 0",
    ]


def test_large_runs_are_not_left_for_the_end(results):
    """make begins what had to wait after all others: a large row too near to its stage 0 would be
    the last of all."""
    rows = ["stage0", "rnn-ha", "stage0-resnet", "rnn-ha-resnet", "two-heads", "lomo"]
    first, *lines = left.fragment([(VERI, slug, 0) for slug in rows], [VERI]).splitlines()
    expected = ("stage0-resnet", "stage0", "rnn-ha", "rnn-ha-resnet", "two-heads", "lomo")
    assert first.split()[2:] == [f"{VERI}/{slug}/0" for slug in expected]
    assert f"run/{VERI}/rnn-ha-resnet/0: run/{VERI}/stage0-resnet/0" in lines


def test_a_run_waits_for_the_stage0_of_its_own_set_seed_and_backbone_if_that_is_left(results):
    finish(results, VERI, "stage0", 0)
    wanted = [
        *((VERI, row, seed) for row in ("stage0", "rnn-ha") for seed in (0, 1)),
        *((VERI, row, 0) for row in ("stage0-resnet", "rnn-ha-resnet")),
    ]
    assert parts(wanted)["order"] == [
        "run/rendered-veri/rnn-ha-resnet/0: run/rendered-veri/stage0-resnet/0",
        "run/rendered-veri/rnn-ha/1: run/rendered-veri/stage0/1",
    ]


def test_nothing_is_left_once_all_is_made(made: Path):
    assert parts() == NOTHING


def test_a_lost_run_alone_is_left_and_all_that_shows_it(made: Path):
    shutil.rmtree(run_of(made, WANTED[2]))
    assert parts() == {"TRAIN": ["rendered-veri/rnn-ha/0"], **SHOWN_ANEW, "order": []}


def test_an_empty_metrics_csv_is_no_finished_run(made: Path):
    (run_of(made, WANTED[1]) / "metrics.csv").write_text("")
    assert parts() == {"TRAIN": ["rendered-veri/rnn-h/0"], **SHOWN_ANEW, "order": []}


def test_a_run_without_its_notebook_is_left_but_no_number_changes(made: Path):
    (run_of(made, WANTED[2]) / "02_train.ipynb").unlink()
    assert parts() == NOTHING | {"TRAIN": ["rendered-veri/rnn-ha/0"], "REPORT": ["yes"]}


def test_force_leaves_all(made: Path):
    order = [
        f"run/rendered-veri/{row}/0: run/rendered-veri/stage0/0" for row in ("rnn-h", "rnn-ha")
    ]
    runs = ["/".join(map(str, target)) for target in WANTED]
    assert parts(force=True) == {"TRAIN": runs, **SHOWN_ANEW, "order": order}


def test_a_lost_chapter_alone_is_left(made: Path):
    (made / "notebooks/03_table_veri.ipynb").unlink()
    assert parts() == NOTHING | {"CHAPTERS": ["03_table_veri"], "REPORT": ["yes"]}


@pytest.mark.parametrize(
    "newer, pages",
    [("../notebooks/01_explore_data.ipynb", ["01_explore_data"]), ("tables/.of-runs", PAGES)],
)
def test_a_chapter_is_left_that_is_older_than_what_it_shows(made: Path, newer: str, pages):
    renew(made / newer)
    assert parts() == NOTHING | {"CHAPTERS": pages, "REPORT": ["yes"]}


def test_a_chapter_about_something_else_is_left(made: Path):
    execute(made, "01_explore_data", {"dataset": "rendered-vehicleid"})
    execute(made, "05_attention_maps", SHOWN_WITH["05_attention_maps"] | {"seed": 1})
    write(made / "report/index.html")
    pages = ["01_explore_data", "05_attention_maps"]
    assert parts() == NOTHING | {"CHAPTERS": pages, "REPORT": ["yes"]}
    write(made / "notebooks/01_explore_data.ipynb", "[]")  # damaged
    assert parts()["CHAPTERS"] == pages


def test_a_lost_report_is_left(made: Path):
    (made / "report/index.html").unlink()
    assert parts() == NOTHING | {"REPORT": ["yes"]}


@pytest.mark.parametrize(
    "page", ["notebooks/05_attention_maps.ipynb", "runs/rendered-veri/rnn-h/seed0/02_train.ipynb"]
)
def test_a_report_is_left_that_is_older_than_a_notebook(made: Path, page: str):
    renew(made / page)
    assert parts() == NOTHING | {"REPORT": ["yes"]}


def test_without_runs_the_chapters_follow_the_committed_tables(results: Path):
    """A fresh clone: nothing notes what the tables are of, and nothing is made twice."""
    write(results / "tables/rendered-veri.md")
    first = ["00_coarse_to_fine", "01_explore_data", "03_table_veri", "05_attention_maps"]
    assert parts([]) == NOTHING | {"CHAPTERS": first, "REPORT": ["yes"]}
    for page in first:
        execute(results, page, {"dataset": VERI})
    write(results / "report/index.html")
    assert parts([]) == NOTHING
    renew(results / "tables/rendered-veri.md")
    assert parts([]) == NOTHING | {"CHAPTERS": first, "REPORT": ["yes"]}


# --- are the tables those of one's own runs? ---


def test_tables_of_the_reference_are_made_anew_although_no_run_is_left(made: Path):
    left.mark_tables(of_runs=False)  # as `make tables` does
    assert not left.tables_are_of_runs()
    assert parts() == NOTHING | SHOWN_ANEW


def test_tables_are_of_the_runs_until_these_change(made: Path):
    assert left.tables_are_of_runs()
    shutil.rmtree(run_of(made, WANTED[2]))
    assert not left.tables_are_of_runs()
    finish(made, *WANTED[2])
    assert left.tables_are_of_runs(), "the same numbers again"
    shutil.rmtree(run_of(made, WANTED[2]))
    finish(made, *WANTED[2], ap=0.25)
    assert not left.tables_are_of_runs()


def test_a_run_that_was_made_by_hand_is_for_the_tables_too(made: Path):
    finish(made, "rendered-vehicleid", "rnn-ha", 7)
    assert parts() == NOTHING | SHOWN_ANEW


@pytest.mark.parametrize("file", ["tables/rendered-veri.md", "figures/rendered-veri-cmc.png"])
def test_tables_and_figures_that_came_from_elsewhere_or_are_lost_are_not_of_the_runs(
    made: Path, file: str
):
    before = (made / file).read_text()
    (made / file).write_text("of the reference, by git checkout")
    assert parts() == NOTHING | SHOWN_ANEW
    (made / file).write_text(before)
    assert left.tables_are_of_runs()
    (made / file).unlink()
    assert not left.tables_are_of_runs()


def test_rebuilding_notes_what_the_tables_are_of(results: Path):
    rebuild(folder.own(), results)
    assert left.tables_are_of_runs()
    rebuild(results / "reference", results)
    assert not left.tables_are_of_runs()


# --- the finished runs ---


def test_finished_runs_are_in_the_order_of_the_sets_and_seeds(results: Path):
    other = "rendered-vehicleid"
    for dataset, seed in ((VERI, 10), (other, 0), (VERI, 2), ("veri", 0)):
        finish(results, dataset, "rnn-ha", seed)
    (finish(results, VERI, "rnn-h", 0) / "metrics.csv").write_text("")
    found = left.finished_targets([VERI, other])
    assert found == [(VERI, "rnn-ha", 2), (VERI, "rnn-ha", 10), (other, "rnn-ha", 0)]
    assert left.chapters(found, [VERI, other])["05_attention_maps"]["dataset"] == VERI


def test_what_was_scored_on_another_set_is_no_run_of_make(results: Path):
    """`rnnha cross` writes it without a notebook, and no row has its name."""
    crossed = write_run(
        results / "runs", VERI, "rnn-ha-from-rendered-vehicleid", 0, queries({"a.jpg": (1, 1, 1)})
    )
    assert folder.RunFolder(crossed).complete
    finish(results, VERI, "rnn-ha", 0)
    assert left.finished_targets([VERI]) == [(VERI, "rnn-ha", 0)]
    assert parts(left.finished_targets([VERI]))["TRAIN"] == []
