"""The attention table, from made-up maps whose numbers can be followed by hand."""

import numpy as np
import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.data import sets
from rnnha.figures import of_maps
from rnnha.runs.folder import RunFolder
from rnnha.runs.results import Results
from rnnha.tables import attention

VEHICLES = 40
CURVES = [
    *(("attention", "insertion", share, height) for share, height in ((0.25, 30), (1, 50))),
    *(("attention (mean)", "deletion", share, height) for share, height in ((0.75, 20), (1, 50))),
    ("gradcam (mean)", "deletion", 0.75, 25),
]
MEASURES = ("auc", "pointing", "mass_ratio", "insertion", "deletion")


def write(source, seed: int, slug: str = "rnn-ha", **ahead: float) -> None:
    """A run whose attention is ahead of its mean map by so much, the same for every vehicle but
    for noise that is another vehicle's with the sign changed."""
    noise = np.tile([1.0, -1.0], VEHICLES // 2)
    lines = []
    for name in ("attention", "attention (mean)", "cues", "chance"):
        for measure in MEASURES:
            own = ahead.get(measure, 0.0) if name == "attention" else 0.0
            value = 0.5 + own + 0.01 * noise * (name == "attention") + 0.001 * seed
            lines.append(pd.DataFrame({"map": name, "measure": measure, "value": value}))
        if name == "attention":
            for measure, value in (("beside_mean", 0.03), ("beside_even", 0.12)):
                line = {"map": name, "measure": measure, "value": np.full(VEHICLES, value)}
                lines.append(pd.DataFrame(line))
    frame = pd.concat([line.assign(vehicle_id=range(VEHICLES)) for line in lines])
    folder = write_run(source, "rendered-veri", slug, seed, queries({"a": (1, 0.5, 1)}))
    heights = pd.DataFrame(CURVES, columns=["map", "curve", "share", "value"])
    heights["value"] += 2 * seed
    RunFolder(folder).write_maps(frame, heights)


def test_values_differences_and_the_explained_share(tmp_path):
    for seed in (0, 1):
        write(tmp_path, seed, auc=0.2, deletion=-0.3)
    table = attention.build(Results(tmp_path, "rendered-veri"))
    table = table.set_index(["map", "measure"])
    line = table.loc["attention", "auc"]
    assert line["value"] == pytest.approx(70.05)  # percent; .7 and .701
    assert line["sd"] == pytest.approx(0.1 / np.sqrt(2))
    assert line["ahead"] == pytest.approx(20) and line["n_seeds"] == 2
    # The mean of 40 values that are 1 off their mean: a standard error of 1 / sqrt(40).
    assert line["ahead_high"] - line["ahead_low"] == pytest.approx(2 * 1.96 / 40**0.5, rel=0.1)
    assert table.loc[("attention", "deletion"), "ahead"] == pytest.approx(-0.3)
    assert np.isnan(table.loc[("cues", "auc"), "ahead"])
    assert table.loc[("attention", "explained"), "value"] == pytest.approx(75)  # 1 - .03 / .12


def test_the_explained_share_has_an_interval_over_vehicles():
    """Half of the vehicles are .03 off their mean map, half .05; all are .12 off an even one."""
    beside = {"beside_mean": [0.03, 0.05] * (VEHICLES // 2), "beside_even": [0.12] * VEHICLES}
    columns = {seed: np.concatenate(list(beside.values())) for seed in (0, 1)}
    index = pd.MultiIndex.from_product([beside, range(VEHICLES)], names=["measure", "vehicle_id"])
    found = attention._explained("RNN-HA", "attention", pd.DataFrame(columns, index))
    assert found["value"] == pytest.approx(100 * (1 - 0.04 / 0.12))
    assert 100 * (1 - 0.05 / 0.12) < found["ci_low"] < found["value"]
    assert found["value"] < found["ci_high"] < 100 * (1 - 0.03 / 0.12)


def test_the_curves_are_means_over_seeds_drawn_by_what_is_there_or_is_left_out(tmp_path):
    for seed in (0, 1, 2):
        write(tmp_path, seed)
    results = Results(tmp_path, "rendered-veri")
    table = attention.curves(results)
    assert set(table["method"]) == {"RNN-HA"}
    heights = table.set_index(["map", "curve", "share"])["value"].to_dict()
    own, mean = "attention", "attention, its mean map"
    assert heights == {  # 2 points a seed more: of seeds 0, 1 and 2 the mean is 2 more
        (own, "insertion", 0.25): 32,
        (own, "insertion", 1.0): 52,
        (mean, "deletion", 0.75): 22,
        (mean, "deletion", 1.0): 52,
    }
    alone, without = of_maps.curves(results).axes
    points = [line.get_xydata().tolist() for ax in (alone, without) for line in ax.lines]
    assert [p for p in points if p] == [[[25, 32], [100, 52]], [[25, 22], [0, 52]]]


def test_the_sentence_says_better_worse_or_neither_whichever_it_is(tmp_path):
    write(tmp_path, 0, auc=-0.1, insertion=0.0, deletion=-0.2)
    results = Results(tmp_path, "rendered-veri")
    said = attention.sentences(attention.build(results), sets.known("rendered-veri"))
    assert "Rendered-VeRi (rendered, synthetic)" in said and "1 seed:" in said
    assert "accounts for 75 %" in said
    assert "By AUC on cues it is worse than its mean map: 40.0, -10.0 [" in said
    assert "By insertion it is not to be told from its mean map" in said
    assert "By deletion it is better than its mean map" in said  # less is better


def test_pages_and_figure_appear_with_the_measurement_and_go_with_it(tmp_path):
    runs, tables = tmp_path / "runs", tmp_path / "tables"
    tables.mkdir()
    write(runs, 0, auc=0.1)
    results = Results(runs, "rendered-veri")
    csv, page = attention.write(results, tables)
    assert "| RNN-HA | attention | 1 | 60.0; ahead +10.0 [" in page.read_text()
    assert of_maps.curves(results) is not None
    auc = of_maps.ahead(results).axes[0]
    assert auc.get_xlabel().startswith("AUC on cues")
    (drawn,) = (bar.lines[0].get_xdata() for bar in auc.containers)
    assert drawn == pytest.approx([10])  # right of 0, where the label says that it is better
    for name in ("maps.csv.gz", "curves.csv"):
        (runs / "rendered-veri" / "rnn-ha" / "seed0" / name).unlink()
    results = Results(runs, "rendered-veri")
    assert attention.write(results, tables) == [] and not csv.exists() and not page.exists()
    assert of_maps.ahead(results) is None and of_maps.curves(results) is None
