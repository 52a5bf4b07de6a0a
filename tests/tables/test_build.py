"""Tables, differences and the sentence, on run folders whose numbers are worked by hand."""

import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.report.rebuild import rebuild
from rnnha.runs.results import Results, ResultsError
from rnnha.runs.small_files import write_per_query
from rnnha.tables import build, order
from rnnha.tables import differences as compared
from rnnha.tables.reference import accept

SWAP = ["map", "test_size", "protocol", "trial", "query", "vehicle_id", "ap", "first_rank"]
# Vehicle 1 has two queries, vehicle 2 one. AP and first rank, by hand:
#   seed 0: mAP 50, top-1 1/3; seed 1: mAP 75, top-1 2/3. Mean 62.5 and 50; sd 25/√2 and (100/3)/√2.
SEED0 = {"a.jpg": (1, 1.0, 1), "b.jpg": (1, 0.5, 2), "c.jpg": (2, 0.0, 9)}
SEED1 = {"a.jpg": (1, 1.0, 1), "b.jpg": (1, 1.0, 1), "c.jpg": (2, 0.25, 4)}


def cell(table, method, metric, size="test", suffix=""):
    alike = table.rows["protocol"].str.endswith(" (look-alikes)")
    rows = table.rows[alike if suffix else ~alike].set_index(["method", "test_size", "metric"])
    return rows.loc[(method, size, metric)]


def test_numbers_are_those_worked_by_hand(tmp_path):
    write_run(tmp_path, "rendered-veri", "rnn-ha", 0, queries(SEED0))
    write_run(tmp_path, "rendered-veri", "rnn-ha", 1, queries(SEED1))
    table = build.build(Results(tmp_path, "rendered-veri"))
    found = cell(table, "RNN-HA", "mAP")
    assert found[["paper", "ours", "n_seeds", "protocol"]].tolist() == [
        52.88,
        62.5,
        2,
        "image-to-image",
    ]
    assert found["sd"] == pytest.approx(25 / np.sqrt(2))
    assert cell(table, "RNN-HA", "top1")["ours"] == pytest.approx(50)
    assert cell(table, "RNN-HA", "top1")["sd"] == pytest.approx(100 / 3 / np.sqrt(2))
    assert cell(table, "RNN-HA", "top5")["ours"] == pytest.approx(100 * 5 / 6)


def test_look_alikes_are_a_column_of_ours_alone(tmp_path):
    alike = queries({"a.jpg": (1, 0.5, 1), "c.jpg": (2, 0.25, 4)}, "image-to-image (look-alikes)")
    write_run(tmp_path, "rendered-veri", "rnn-ha", 0, pd.concat([queries(SEED0), alike]))
    table = build.build(Results(tmp_path, "rendered-veri"))
    found = cell(table, "RNN-HA", "mAP", suffix=" (look-alikes)")
    assert found["ours"] == pytest.approx(37.5) and np.isnan(found["paper"])
    lines = build.pages(table)["rendered-veri.md"].splitlines()
    head, ours, fc = (
        next(line.split(" | ") for line in lines if line.startswith(f"| {name} |"))
        for name in ("method", "RNN-HA", "FC-HA (w/o RNN)")
    )
    place = head.index("mAP among look-alikes ours")
    assert ours[place].startswith("37.5") and fc[place] == ""


def test_rows_and_columns_are_the_posters(tmp_path):
    table = build.build(Results(tmp_path, "rendered-veri"))
    assert list(table.rows.columns) == [
        "method",
        "test_size",
        "metric",
        "paper",
        "ours",
        "sd",
        "ci_low",
        "ci_high",
        "n_seeds",
        "protocol",
    ]
    poster = [
        "LOMO",
        "BOW-CN",
        "GoogLeNet",
        "FACT",
        "Siamese-Visual",
        "VAMI",
        "FC-HA (w/o RNN)",
        "RNN-H w/o attention",
        "RNN-HA",
        "RNN-HA (ResNet)",
    ]
    methods = list(dict.fromkeys(table.rows["method"]))
    assert methods[:10] == poster and len(methods) > 10
    of_poster = table.rows["method"].isin(poster) & (table.rows["protocol"] == "image-to-image")
    published = table.rows[of_poster]
    assert published["paper"].notna().all() and published["ours"].isna().all()
    assert table.rows[~table.rows["method"].isin(poster)]["paper"].isna().all()


def test_vehicleid_draws_and_the_posters_test_lists(tmp_path):
    # Draw 0: ranks 1, 6 -> top-1 50, top-5 50. Draw 1: ranks 1, 2 -> 50, 100. Means 50 and 75.
    draws = [
        queries({"a": (1, 1.0, 1), "b": (2, 1 / 6, 6)}, "vehicleid-10-draws", "100", 0),
        queries({"a": (1, 1.0, 1), "d": (2, 0.5, 2)}, "vehicleid-10-draws", "100", 1),
    ]
    write_run(tmp_path, "rendered-vehicleid", "rnn-h", 0, pd.concat(draws))
    table = build.build(Results(tmp_path, "rendered-vehicleid"))
    top1 = cell(table, "RNN-H w/o attention", "top1", "100")
    assert (top1["ours"], top1["paper"], top1["n_seeds"]) == (50, 62.4, 1)
    assert pd.isna(top1["sd"])
    assert cell(table, "RNN-H w/o attention", "top5", "100")["ours"] == 75
    assert cell(table, "RNN-H w/o attention", "top5", "50")[["paper", "n_seeds"]].tolist() == [
        78.8,
        0,
    ]
    assert any("50 beside 800, 100 beside 1600, 200 beside 2400" in n for n in table.notes)


def test_interval_resamples_vehicles_not_queries(tmp_path):
    # 40 vehicles with five equal queries each, AP 0 or 1: the standard error of the mean is
    # 50/√40 = 7.9 points over vehicles, and would be 3.5 if the 200 queries were independent.
    scores = {f"{v}-{q}": (v, float(v % 2), 1 if v % 2 else 9) for v in range(40) for q in range(5)}
    write_run(tmp_path, "veri", "rnn-ha", 0, queries(scores))
    found = cell(build.build(Results(tmp_path, "veri")), "RNN-HA", "mAP")
    assert found["ours"] == 50
    assert found["ci_high"] - found["ci_low"] == pytest.approx(2 * 1.96 * 7.9, rel=0.12)


def test_queries_without_a_match_are_left_out(tmp_path):
    scores = SEED0 | {"alone.jpg": (3, np.nan, 0)}
    write_run(tmp_path, "veri", "rnn-ha", 0, queries(scores))
    assert cell(build.build(Results(tmp_path, "veri")), "RNN-HA", "mAP")["ours"] == 50


def test_seeds_scored_on_different_queries_are_refused(tmp_path):
    write_run(tmp_path, "veri", "rnn-ha", 0, queries(SEED0))
    write_run(tmp_path, "veri", "rnn-ha", 1, queries({"other.jpg": (1, 1.0, 1)}))
    with pytest.raises(ResultsError, match="rnn-ha.*same queries"):
        build.build(Results(tmp_path, "veri"))


def test_seeds_of_other_profiles_are_refused(tmp_path):
    for seed, profile in enumerate(("rendered", "rendered", "smoke")):
        folder = write_run(tmp_path, "veri", "rnn-ha", seed, queries(SEED0))
        config = {"settings_key": "k", "profile": profile, "phases": []}
        (folder / "config.json").write_text(json.dumps(config))
    said = (
        "rnn-ha: the seeds were not trained alike .*seed 0 of profile rendered, seed 1 .*; seed 2"
    )
    with pytest.raises(ResultsError, match=said):
        build.build(Results(tmp_path, "veri"))


def test_rows_that_were_asked_other_queries_are_not_compared(tmp_path):
    """What a run of profile smoke leaves among the others: fewer queries, a smaller gallery."""
    few = dict(list(SEED0.items())[:-1])
    write_run(tmp_path / "few", "veri", "rnn-ha", 0, queries(few))
    write_run(tmp_path / "few", "veri", "rnn-h", 0, queries(SEED0))
    write_run(tmp_path / "small", "veri", "rnn-ha", 0, queries(SEED0).assign(n_gallery=5))
    write_run(tmp_path / "small", "veri", "rnn-h", 0, queries(SEED0))
    for source in ("few", "small"):
        results = Results(tmp_path / source, "veri")
        for pair in (("rnn-ha", "rnn-h"), ("rnn-h", "rnn-ha")):
            with pytest.raises(ResultsError, match="rnn-h.* cannot be compared"):
                compared.difference(results, *pair, "image-to-image", "test", "mAP")
    for slug in ("fc-ha", "vami"):
        write_run(tmp_path / "few", "veri", slug, 0, queries(SEED0))
    with pytest.raises(ResultsError, match="cannot be compared"):
        order.order(Results(tmp_path / "few", "veri"))


def test_unfinished_runs_do_not_count(tmp_path):
    (write_run(tmp_path, "veri", "rnn-ha", 0, queries(SEED0)) / "metrics.csv").unlink()
    assert cell(build.build(Results(tmp_path, "veri")), "RNN-HA", "mAP")["n_seeds"] == 0


def test_pages_say_rendered_and_have_empty_cells_and_equal_bytes(tmp_path):
    write_run(tmp_path / "runs", "rendered-veri", "rnn-ha", 0, queries(SEED0))
    first, second = (
        build.write(build.build(Results(tmp_path / "runs", "rendered-veri")), tmp_path / d)
        for d in ("one", "two")
    )
    assert [p.name for p in first] == [
        "rendered-veri.csv",
        "rendered-veri.md",
        "rendered-veri.html",
        "rendered-veri-exploratory.csv",
        "rendered-veri-exploratory.md",
    ]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    page = first[1].read_text()
    assert "rendered (synthetic) images; not comparable with the paper" in page.splitlines()[0]
    lomo, ours = (
        next(line for line in page.splitlines() if line.startswith(f"| {name} |"))
        for name in ("LOMO", "RNN-HA")
    )
    assert lomo.replace(" ", "") == "|LOMO|9.64||25.33||46.48||||"
    assert ours.startswith("| RNN-HA | 52.88 | 50.0 [")
    methods = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert methods.index("RNN-HA (ResNet)") < methods.index("controls, not in the paper")
    cells = re.findall("<td>(.*?)</td>", first[2].read_text())
    assert cells[:8] == ["LOMO", "9.64", "", "25.33", "", "46.48", "", ""]


def three_seeds(source, dataset, differences, experiments=("rnn-ha", "rnn-h")):
    """30 vehicles; the first row is `differences[seed]` points of AP above the second, on average,
    with vehicles spread around it (+1, 0 or -1 points)."""
    for seed, gap in enumerate(differences):
        for experiment, extra in zip(experiments, (gap, 0), strict=True):
            scores = {
                f"{v}": (v, 0.5 + (extra + (v % 3 - 1) * (extra != 0)) / 100, 1) for v in range(30)
            }
            write_run(source, dataset, experiment, seed, queries(scores))


@pytest.mark.parametrize(
    ("differences", "expected"),
    [
        ((2, 3, 4), "The data support RNN-HA. "),
        ((-2, -3, -4), "The data support RNN-H w/o attention. "),
        (
            (6, -1, 4),
            "The data cannot tell the two apart. ",
        ),  # above 0 over vehicles, not every seed
        ((-6, 1, -4), "The data cannot tell the two apart. "),
        ((0.1, -0.1, 0.1), "The data cannot tell the two apart. "),
        ((2, 3), "The data cannot tell the two apart (fewer than 3 seeds"),
    ],
)
def test_sentence_goes_where_the_data_go(tmp_path, differences, expected):
    three_seeds(tmp_path, "rendered-veri", differences)
    text = compared.conclusion(Results(tmp_path, "rendered-veri"))
    assert expected in text and text.startswith("Primary comparison, Rendered-VeRi (rendered")
    assert f"is {np.mean(differences):+.2f} points of mAP" in text
    assert "The paper reports +3.96 on VeRi" in text


def test_smallest_difference_is_2_8_standard_errors(tmp_path):
    # Vehicles differ by -1, 0 and +1 points, ten each: sd √(2/3), standard error √(2/3/30) = .149.
    three_seeds(tmp_path, "rendered-veri", (2, 2, 2))
    found = compared.difference(
        Results(tmp_path, "rendered-veri"), "rnn-ha", "rnn-h", "image-to-image", "test", "mAP"
    )
    assert (found.value, found.by_seed) == (pytest.approx(2), pytest.approx((2, 2, 2)))
    assert found.smallest == pytest.approx(2.8 * np.sqrt(2 / 3 / 30), rel=0.1)


def test_only_the_comparison_named_beforehand_is_primary(tmp_path):
    three_seeds(tmp_path, "rendered-veri", (2, 3, 4))
    three_seeds(tmp_path, "veri", (2, 3, 4))
    found = build.build(Results(tmp_path, "rendered-veri")).exploratory
    primary = found[found["role"] == "primary"]
    assert primary[["method", "minus", "metric", "protocol"]].values.tolist() == [
        ["RNN-HA", "RNN-H w/o attention", "mAP", "image-to-image"]
    ]
    assert len(found) > 3
    assert compared.conclusion(Results(tmp_path, "veri")).startswith("Exploratory, VeRi-776")


def test_the_longer_training_is_among_the_differences(tmp_path):
    three_seeds(tmp_path, "rendered-veri", (2, 3, 4), ("rnn-ha", "identity-only"))
    found = build.build(Results(tmp_path, "rendered-veri")).exploratory
    row = found[(found["quantity"] == "difference") & (found["metric"] == "mAP")].iloc[0]
    assert row[["minus", "role"]].tolist() == ["identity only, as long", "exploratory"]
    assert row["ours"] == pytest.approx(3)


def test_what_the_coarse_label_alone_brings_needs_no_run_of_rnn_ha(tmp_path):
    three_seeds(tmp_path, "rendered-veri", (2, 3, 4), ("two-heads", "identity-only"))
    found = build.build(Results(tmp_path, "rendered-veri")).exploratory
    row = found[(found["quantity"] == "difference") & (found["metric"] == "mAP")].iloc[0]
    assert row[["method", "minus", "role"]].tolist() == [
        "two plain heads",
        "identity only, as long",
        "exploratory",
    ]
    assert (row["ours"], row["sd"]) == (pytest.approx(3), pytest.approx(1))


def write_swap(run, maps):
    """maps: name -> {query: (vehicle, AP, first rank)}."""
    frames = [queries(scores).assign(map=name) for name, scores in maps.items()]
    write_per_query(pd.concat(frames)[SWAP], run / "swap.csv.gz")


def test_swap_tests_are_differences_with_intervals_over_vehicles(tmp_path):
    # Own minus uniform by vehicle, AP: seed 0: +10 and +30, seed 1: +20 and +40. Seed 2 is of the
    # time before the file was kept. top-1: 0 and +100 in both seeds.
    own = {"a": (1, 0.5, 1), "b": (2, 0.7, 1), "alone": (3, np.nan, 0)}
    others = [{"a": (1, 0.4, 1), "b": (2, 0.4, 3)}, {"a": (1, 0.3, 1), "b": (2, 0.3, 2)}]
    for seed in (0, 1, 2):
        run = write_run(tmp_path, "rendered-veri", "rnn-ha", seed, queries(own))
        if seed < 2:
            uniform = others[seed] | {"alone": (3, np.nan, 0)}
            write_swap(run, {"own": own, "uniform": uniform, "cues": own})
    table = build.build(Results(tmp_path, "rendered-veri"))
    found = table.exploratory[table.exploratory["quantity"] == "swap"]
    found = found.set_index(["minus", "metric"])
    ap = found.loc[("uniform", "mAP")]
    assert ap[["method", "test_size", "protocol", "n_seeds", "n_vehicles", "role"]].tolist() == [
        "RNN-HA",
        "test",
        "image-to-image",
        2,
        2,
        "exploratory",
    ]
    assert (ap["ours"], ap["sd"]) == (pytest.approx(25), pytest.approx(10 / np.sqrt(2)))
    # two vehicles: +15 and +35 over the seeds, each alone in a quarter of the resamples
    assert (ap["ci_low"], ap["ci_high"]) == (pytest.approx(15), pytest.approx(35))
    first = found.loc[("uniform", "top1")]
    assert first[["ours", "ci_low", "ci_high"]].tolist() == [50, 0, 100]
    same = found.loc[[("cues", "mAP"), ("cues", "top1")], ["ours", "ci_low", "ci_high"]]
    assert (same == 0).all(axis=None)
    page = build.pages(table)["rendered-veri-exploratory.md"]
    assert "| RNN-HA, attention map: own minus uniform | test | image-to-image | mAP | 25.0" in page


def test_maps_that_were_scored_on_different_queries_are_refused(tmp_path):
    run = write_run(tmp_path, "rendered-veri", "rnn-ha", 0, queries(SEED0))
    write_swap(run, {"own": SEED0, "uniform": {"other.jpg": (1, 1.0, 1)}})
    with pytest.raises(ResultsError, match="rnn-ha.*swap test.*same queries"):
        build.build(Results(tmp_path, "rendered-veri"))


def test_a_difference_pairs_the_seeds_that_both_rows_have(tmp_path):
    three_seeds(tmp_path, "veri", (1, 5, 9))
    for file in (tmp_path / "veri" / "rnn-h" / "seed1").iterdir():
        file.unlink()
    found = compared.difference(
        Results(tmp_path, "veri"), "rnn-ha", "rnn-h", "image-to-image", "test", "mAP"
    )
    assert found.by_seed == pytest.approx((1, 9)) and found.value == pytest.approx(5)


def test_accept_copies_the_small_files_only_and_the_table_stays_the_same(tmp_path):
    folder = write_run(tmp_path / "runs", "rendered-veri", "rnn-ha", 0, queries(SEED0))
    (folder / "weights.safetensors").write_bytes(b"large")
    write_swap(folder, {"own": SEED0, "uniform": SEED1})
    unfinished = write_run(tmp_path / "runs", "rendered-veri", "rnn-h", 0, queries(SEED0))
    (unfinished / "metrics.csv").unlink()
    side_car = tmp_path / "data" / "rendered-veri" / "images.csv"
    side_car.parent.mkdir(parents=True)
    side_car.write_text(
        "image,vehicle_id,split,type,model,paint\na.jpg,1,query,suv,s1,white\n"
        "b.jpg,1,gallery,suv,s1,white\nz.jpg,7,train,bus,b1,red\n"
    )
    for name, profile in (("rendered-veri-holdout", "rendered"), ("rendered-vehicleid", "smoke")):
        other = write_run(tmp_path / "runs", name, "rnn-ha", 0, queries(SEED0))
        (other / "config.json").write_text(json.dumps({"settings_key": "k", "profile": profile}))
    accepted = accept(tmp_path / "runs", tmp_path / "reference", tmp_path / "data")
    target = tmp_path / "reference" / "rendered-veri" / "rnn-ha" / "seed0"
    assert accepted == [target]
    assert {p.name for p in target.iterdir()} == {
        "config.json",
        "env.json",
        "history.csv",
        "metrics.csv",
        "per_query.csv.gz",
        "swap.csv.gz",
    }
    vehicles = (tmp_path / "reference" / "rendered-veri" / "vehicles.csv").read_text()
    assert vehicles == "vehicle_id,type,model,paint\n1,suv,s1,white\n"
    ours, theirs = (
        build.build(Results(tmp_path / root, "rendered-veri")) for root in ("runs", "reference")
    )
    pd.testing.assert_frame_equal(ours.rows, theirs.rows)
    pd.testing.assert_frame_equal(ours.exploratory, theirs.exploratory)


@pytest.mark.parametrize(("weights", "stay"), [("same", True), ("other", False), (None, False)])
def test_measured_maps_stay_with_the_weights_that_they_were_measured_of(tmp_path, weights, stay):
    """As a run that was accepted once and is trained again, whose maps nobody has measured yet."""
    for room, sha256 in (("reference", "same"), ("runs", weights)):
        folder = write_run(tmp_path / room, "rendered-veri", "rnn-ha", 0, queries(SEED0))
        config = {"settings_key": "k"} | ({"weights_sha256": sha256} if sha256 else {})
        (folder / "config.json").write_text(json.dumps(config))
    maps = tmp_path / "reference" / "rendered-veri" / "rnn-ha" / "seed0" / "maps.csv.gz"
    curves = maps.with_name("curves.csv")
    for file in (maps, curves):
        file.write_bytes(b"measured")
    accept(tmp_path / "runs", tmp_path / "reference", tmp_path / "data")
    assert maps.exists() is curves.exists() is stay
    if stay:  # also where the call before was killed in the middle
        maps.with_name("metrics.csv").unlink()
        accept(tmp_path / "runs", tmp_path / "reference", tmp_path / "data")
        assert maps.exists()
    (tmp_path / "runs" / "rendered-veri" / "rnn-ha" / "seed0" / maps.name).write_bytes(b"anew")
    accept(tmp_path / "runs", tmp_path / "reference", tmp_path / "data")
    assert maps.read_bytes() == b"anew"


def test_everything_is_written_for_the_rendered_sets_and_for_real_ones_with_runs(tmp_path):
    write_run(
        tmp_path, "vehicleid", "oracle-model", 0, queries(SEED0, "vehicleid-10-draws", "2400")
    )
    written = rebuild(tmp_path, tmp_path / "out")
    assert {p.stem for p in written if p.suffix == ".html"} == {
        "rendered-veri",
        "rendered-vehicleid",
        "vehicleid",
    }
    assert [p.name for p in written if p.suffix == ".png"] == ["vehicleid-cmc.png"]
    assert all(p.exists() for p in written)


def test_what_was_made_of_other_runs_goes(tmp_path):
    write_run(tmp_path, "rendered-veri", "oracle-model", 0, queries(SEED0))
    tables, figures = tmp_path / "out/tables", tmp_path / "out/figures"
    tables.mkdir(parents=True), figures.mkdir()
    of_others = [tables / f"rendered-veri-released.{kind}" for kind in ("csv", "md")]
    of_others += [figures / "rendered-veri-training.png", figures / "rendered-vehicleid-cmc.png"]
    of_others += [figures / "rendered-veri-embeddings.png", tables / "photographs.md"]
    ends = (".csv", ".md", ".html", "-exploratory.csv", "-exploratory.md")
    of_others += [tables / f"{real}{end}" for real in ("veri", "vehicleid") for end in ends]
    for file in (*of_others, own := figures / "own-drawing.png"):
        file.write_text("of the reference")
    written = rebuild(tmp_path, tmp_path / "out")
    assert not any(file.exists() for file in of_others)
    assert own.exists() and figures / "rendered-veri-cmc.png" in written


def test_tables_and_figures_need_no_torch():
    code = "import sys, rnnha.report, rnnha.figures; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
