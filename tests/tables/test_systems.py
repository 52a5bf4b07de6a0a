"""All systems set by set, from runs whose values are made by hand."""

import json

import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.runs.results import Results
from rnnha.tables import systems

VERI = {"a.jpg": (1, 1.0, 1), "b.jpg": (2, 0.5, 2)}  # mAP 75, top-1 50
PHOTOGRAPHS = {"a.jpg": (1, 0.25, 4), "b.jpg": (2, 0.5, 2)}


@pytest.fixture
def sets(tmp_path):
    for seed in (0, 1):
        place = tmp_path, "rendered-veri"
        for slug, seconds in (("stage0", 60), ("rnn-ha", 90)):
            folder = write_run(*place, slug, seed, queries(VERI))
            epochs = {"stage": 0, "epoch": [1, 2], "loss": 1.0, "coarse_loss": 1.0}
            numbers = {"fine_loss": 1.0, "coarse_accuracy": 0.5, "fine_accuracy": 0.5}
            taken = {"learning_rate": 0.1, "seconds": seconds * (1 + seed)}
            history = pd.DataFrame(epochs | numbers | taken)
            history.to_csv(folder / "history.csv", index=False)
    folder = write_run(tmp_path, "photographs", "lomo", 0, queries(PHOTOGRAPHS, "cross-camera"))
    ran_on = json.loads((folder / "env.json").read_text()) | {"seconds": 90}
    (folder / "env.json").write_text(json.dumps(ran_on))
    draws = queries(VERI, "vehicleid-10-draws", "200")
    write_run(tmp_path, "rendered-vehicleid", "lomo", 0, draws)
    names = ("rendered-veri", "rendered-vehicleid", "photographs")
    return [Results(tmp_path, name) for name in names]


def test_each_set_has_its_own_measure_and_stage_0_is_counted(sets):
    table = systems.build(sets).set_index(["method", "dataset"])
    assert table["ours"].to_dict() == {
        ("RNN-HA", "rendered-veri"): 75.0,
        ("LOMO", "rendered-vehicleid"): 50.0,  # top-1
        ("LOMO", "photographs"): 37.5,
    }
    # Seeds take 2 and 4 minutes in stage 0, 3 and 6 after it.
    assert table.loc[("RNN-HA", "rendered-veri"), "minutes"] == pytest.approx(3 + 4.5)
    assert table.loc[("LOMO", "photographs"), "minutes"] == 1.5  # of making the features
    assert pd.isna(table.loc[("LOMO", "rendered-vehicleid"), "minutes"])  # not timed


def test_the_page(sets, tmp_path):
    csv, page = systems.write(sets, tmp_path / "tables")
    lines = page.read_text().splitlines()
    assert "mAP, Rendered-VeRi (rendered, synthetic)" in lines[2]
    assert "| RNN-HA | 75.0 ± 0.0 | 7.5 |  |  |  |  |" in lines
    assert "| LOMO |  |  | 50.0 |  | 37.5 | 1.5 |" in lines
    assert csv.read_text().startswith("method,dataset,test_size,metric,ours,sd,n_seeds,minutes")
    (only_one,) = sets[:1]
    page = systems.write([only_one], tmp_path / "one")[1]
    assert "photographs" not in page.read_text() and "LOMO" not in page.read_text()


@pytest.mark.parametrize(("seconds", "cell"), [(2, "< 0.1"), (4, "0.1"), (90, "1.5")])
def test_a_short_time_is_no_nothing(sets, tmp_path, seconds, cell):
    file = tmp_path / "photographs" / "lomo" / "seed0" / "env.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"seconds": seconds}))
    page = systems.write(sets, tmp_path / "tables")[1].read_text()
    assert f"| LOMO |  |  | 50.0 |  | 37.5 | {cell} |" in page.splitlines()


def test_minutes_are_told_of_a_machine_only_where_something_was_timed(sets, tmp_path):
    timed = systems.write(sets[:1], tmp_path / "trained")[1].read_text()
    assert "Timed on h, other work beside it" in timed
    plain = systems.write(sets[1:2], tmp_path / "plain")[1].read_text()
    assert "Timed" not in plain and "- LOMO: our reading; see docs/systems.md." in plain
