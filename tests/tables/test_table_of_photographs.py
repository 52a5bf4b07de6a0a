"""The photographs' table, from runs whose values are made by hand."""

import json

import numpy as np
import pytest

from fake_runs import queries, write_run
from rnnha.runs import plan
from rnnha.runs.results import Results
from rnnha.tables import photographs

SCORES = {"a.jpg": (1, 1.0, 1), "b.jpg": (2, 0.5, 2), "c.jpg": (3, 0.0, 9)}
OTHER = {"a.jpg": (1, 1.0, 1), "b.jpg": (2, 1.0, 1), "c.jpg": (3, 0.0, 9)}


@pytest.fixture
def results(tmp_path):
    for seed, scores in enumerate((SCORES, OTHER)):
        write_run(tmp_path, "photographs", "triplet", seed, queries(scores, "cross-camera"))
    write_run(tmp_path, "photographs", "bnneck", 0, queries(SCORES, "cross-camera"))
    return Results(tmp_path, "photographs")


def test_numbers_by_hand(results):
    table = photographs.build(results).set_index(["method", "metric"])
    found = table.loc["Triplet Loss", "mAP"]
    assert found["ours"] == pytest.approx((50 + 200 / 3) / 2)
    assert found["sd"] == pytest.approx((200 / 3 - 50) / np.sqrt(2))
    assert (found["n_seeds"], found["n_vehicles"]) == (2, 3)
    assert table.loc[("BNNeck baseline", "top1"), "ours"] == pytest.approx(100 / 3)
    assert set(table.index.get_level_values("method")) == {"Triplet Loss", "BNNeck baseline"}


def test_the_page_parts_controls_and_says_what_it_is(results, tmp_path):
    csv, page = photographs.write(results, tmp_path / "tables")
    lines = page.read_text().splitlines()
    assert "photographs of real vehicles" in lines[0] and csv.exists()
    order = [line.split(" | ")[0].strip("| ") for line in lines if line.startswith("| ")]
    assert order[-3:] == ["Triplet Loss", "controls, not in the paper", "BNNeck baseline"]
    # Of other runs nothing is compared: what lies there would be taken for theirs.
    assert photographs.write(Results(tmp_path / "none", "photographs"), tmp_path / "tables") == []
    assert not csv.exists() and not page.exists()


def test_the_papers_question_is_answered_in_the_words_of_the_tables(results, tmp_path):
    """AP of RNN-HA 1, 1, 0 and of RNN-H 1, 0.5, 0: ahead by a sixth, as every seed has it."""
    assert photographs.conclusion(results) == ""
    for seed in range(3):
        for slug, scores in (("rnn-ha", OTHER), ("rnn-h", SCORES)):
            write_run(tmp_path, "photographs", slug, seed, queries(scores, "cross-camera"))
    said = photographs.conclusion(Results(tmp_path, "photographs"))
    assert "RNN-HA minus RNN-H w/o attention is +16.67 points of mAP (cross-camera, o2;" in said
    table = photographs.build(Results(tmp_path, "photographs"))
    (line,) = table[table["minus"].notna()].to_dict("records")
    assert line["ours"] == pytest.approx(100 / 6) and line["minus"] == "RNN-H w/o attention"
    assert said.startswith("Exploratory") and "The data cannot tell the two apart." in said


def test_what_the_networks_learned_from_is_told_beside_rows_that_are_no_networks(results, tmp_path):
    """BOW-CN stands before them and learns words from the images, not from vehicles."""
    write_run(tmp_path, "photographs", "bow-cn", 0, queries(SCORES, "cross-camera"))
    trained = {"train_vehicles": 92, "phases": [{"epochs": 1}], "pretrained": "from scratch"}
    imagenet = trained | {"profile": "paper", "pretrained": {"label": "ResNet-50 (V1)"}}
    learned = {"bow-cn": {}, "triplet": trained, "bnneck": imagenet}
    for slug, more in learned.items():
        for run in (tmp_path / "photographs" / slug).iterdir():
            config = {"settings_key": "k", "train_images": 184, "profile": "rendered", **more}
            (run / "config.json").write_text(json.dumps(config))
            (run / "env.json").write_text(json.dumps({"precision": "float32"}))
    page = photographs.write(Results(tmp_path, "photographs"), tmp_path / "tables")[1]
    text = page.read_text()
    assert "- Trained on 184 images of 92 vehicles.\n" in text
    assert "- Triplet Loss: profile rendered." in text and "trained from random weights" in text
    assert "- BNNeck baseline: profile paper, at the paper's size; the backbones began" in text
    assert "ImageNet weights (ResNet-50 (V1))" in text


def test_readings_of_papers_are_told_of_what_was_run(results, tmp_path):
    page = photographs.write(results, tmp_path / "tables")[1].read_text()
    assert "- Triplet Loss: our reading; see docs/systems.md." in page


def test_it_is_said_who_told_the_viewpoints(results, tmp_path):
    folder = tmp_path / "photographs" / "vami" / "seed0"
    write_run(tmp_path, "photographs", "vami", 0, queries(SCORES, "cross-camera"))
    config = {"settings_key": "k", "train_images": 184, "profile": "rendered"}
    for more, said in ({"viewpoints_from": "rendered-veri"}, True), ({}, False):
        (folder / "config.json").write_text(json.dumps(config | more))
        page = photographs.write(Results(tmp_path, "photographs"), tmp_path / "tables")[1]
        text = page.read_text()
        assert ("rendered (synthetic) views" in text) is said


def test_all_rows_are_planned_but_the_one_that_needs_masks():
    slugs = {row.slug for row in plan.rows_of("photographs")}
    assert {"triplet", "siamese-visual", "rnn-ha-672", "lomo", "vami"} <= slugs
    assert "oracle-cues" not in slugs
    assert "vami" in {row.slug for row in plan.rows_of("veri")}
    assert "oracle-cues" in {row.slug for row in plan.rows_of("rendered-veri")}
    assert "oracle-cues" not in {row.slug for row in plan.rows_of("veri")}
