"""A table says what its numbers were trained with."""

import json

from fake_runs import queries, write_run
from rnnha.runs.results import Results
from rnnha.tables.notes import notes

SCORES = queries({"a.jpg": (1, 1.0, 1), "b.jpg": (2, 0.5, 2)})


def trained(source, dataset, slug, profile, used="float32", seed=0):
    first = {"label": "VGG-M (4096)"} if profile == "paper" else "from scratch"
    folder = write_run(source, dataset, slug, seed, SCORES)
    config = {"settings_key": "k", "profile": profile, "phases": [{"epochs": 1}]}
    config["pretrained"] = first
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "env.json").write_text(json.dumps({"hardware": "h", "precision": used}))


def test_the_papers_recipe_and_first_weights_are_told(tmp_path):
    trained(tmp_path, "veri", "rnn-ha", "paper")
    (told,) = (n for n in notes(Results(tmp_path, "veri")) if "profile" in n)
    assert "at the paper's size" in told and "ImageNet weights (VGG-M (4096))" in told
    assert not any("synthetic" in n for n in notes(Results(tmp_path, "veri")))


def test_rows_of_other_recipes_are_told_apart(tmp_path):
    trained(tmp_path, "veri", "rnn-ha", "paper")
    trained(tmp_path, "veri", "rnn-h", "paper-scratch")
    trained(tmp_path, "veri", "fc-ha", "rendered")  # a laptop's sizes, beside the paper's numbers
    told = {n.split(": ")[0]: n for n in notes(Results(tmp_path, "veri")) if "profile" in n}
    assert "random weights, where the paper's had ImageNet" in told["RNN-H w/o attention"]
    assert "ImageNet weights (VGG-M (4096))" in told["RNN-HA"]
    assert "96 x 96 pixels stand for the paper's 224" in told["FC-HA (w/o RNN)"]


def test_mixed_precision_is_told_of_the_rows_that_used_it(tmp_path):
    trained(tmp_path, "rendered-veri", "rnn-ha", "rendered", used="bfloat16")
    trained(tmp_path, "rendered-veri", "rnn-h", "rendered")
    assert "In mixed precision (bfloat16): RNN-HA." in notes(Results(tmp_path, "rendered-veri"))


def test_rows_of_one_seed_are_those_of_this_table_and_of_its_runs(tmp_path):
    # ResNet is a row of VeRi's table, 672 of VehicleID's; the colour histogram is not trained.
    for dataset, large in (
        ("rendered-veri", "rnn-ha-resnet"),
        ("rendered-vehicleid", "rnn-ha-672"),
    ):
        for seed in (0, 1):
            trained(tmp_path, dataset, "rnn-ha", "rendered", seed=seed)
        trained(tmp_path, dataset, large, "rendered")
        write_run(tmp_path, dataset, "color-histogram", 0, SCORES)
        for file in (tmp_path / dataset).glob("color-histogram/*/env.json"):
            file.write_text(json.dumps({"hardware": "h", "precision": "float32"}))
    told = {
        dataset: [n for n in notes(Results(tmp_path, dataset)) if "seed" in n and "RNN" in n]
        for dataset in ("rendered-veri", "rendered-vehicleid")
    }
    assert told["rendered-veri"] == ["One seed, so no sd and no conclusion: RNN-HA (ResNet)."]
    assert told["rendered-vehicleid"] == ["One seed, so no sd and no conclusion: RNN-HA (672)."]


def test_a_table_without_runs_tells_of_no_training(tmp_path):
    assert not any("profile" in n for n in notes(Results(tmp_path, "rendered-veri")))


def test_rows_of_one_note_share_a_line(tmp_path):
    for slug in ("lomo", "bow-cn", "rnn-ha"):
        trained(tmp_path, "rendered-veri", slug, "rendered")
    found = [n for n in notes(Results(tmp_path, "rendered-veri")) if "our reading" in n]
    assert found == ["LOMO; BOW-CN: our reading; see docs/systems.md."]
