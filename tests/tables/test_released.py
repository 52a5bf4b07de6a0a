"""The small table of the paper's equations beside the released code."""

import pandas as pd
import pytest

import fake_runs
from rnnha.report.rebuild import rebuild
from rnnha.runs.results import Results
from rnnha.tables import released


@pytest.fixture
def source(tmp_path):
    """RNN-HA by the equations: AP .5 and .7; as released: .4 and .8; two vehicles, two seeds."""
    for seed in (0, 1):
        for slug, aps in (("rnn-ha", (0.5, 0.7)), ("rnn-ha-released", (0.4, 0.8 + 0.1 * seed))):
            scores = {"a.jpg": (1, aps[0], 1), "b.jpg": (2, aps[1], 1)}
            fake_runs.write_run(tmp_path, "rendered-veri", slug, seed, fake_runs.queries(scores))
    return tmp_path


def test_numbers_and_differences_are_those_worked_by_hand(source):
    frame = released.build(Results(source, "rendered-veri"))
    assert set(frame["method"]) == {"RNN-HA"}  # the others have not been run
    found = frame[frame["metric"] == "mAP"].set_index("variant")
    assert found.loc["paper", "ours"] == pytest.approx(60)
    assert found.loc["released", "ours"] == pytest.approx(62.5)  # seeds: 60 and 65
    change = found.loc["released minus paper"]
    assert (change["ours"], change["sd"]) == (pytest.approx(2.5), pytest.approx(5 / 2**0.5))
    # by vehicle: -10 and +15, so resampling two vehicles reaches both ends
    assert (change["ci_low"], change["ci_high"]) == (pytest.approx(-10), pytest.approx(15))
    assert set(found["n_seeds"]) == {2}


def test_the_table_is_written_where_such_runs_exist_and_nowhere_else(source, tmp_path):
    written = {path.name for path in rebuild(source, tmp_path / "out")}
    assert {"rendered-veri-released.csv", "rendered-veri-released.md"} <= written
    assert "rendered-vehicleid-released.csv" not in written
    page = (tmp_path / "out/tables/rendered-veri-released.md").read_text()
    assert "rendered, synthetic" in page.splitlines()[0] and "FC-HA was never released" in page
    line = next(x for x in page.splitlines() if x.startswith("| RNN-HA | mAP "))
    assert "60.0 ± 0.0" in line and "62.5 ± 3.5" in line and "2.5 ± 3.5 [-10.0, 15.0]" in line
    table = pd.read_csv(tmp_path / "out/tables/rendered-veri-released.csv")
    assert list(table.columns) == released.COLUMNS
