"""A table says what its numbers were trained with."""

import json

import pytest

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


@pytest.mark.parametrize(
    "name, told", [("veri", "coarse class and colour"), ("rendered-veri", "model and paint")]
)
def test_look_alikes_are_what_the_set_tells(tmp_path, name, told):
    (note,) = (n for n in notes(Results(tmp_path, name)) if n.startswith("among look-alikes"))
    assert f"images of its own {told}, " in note


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


def test_an_even_attention_is_told_and_another_is_not(tmp_path):
    for slug, ratios in (("rnn-ha", (1.6, 1.5)), ("fc-ha", (0.9999, 1.0))):
        trained(tmp_path, "rendered-veri", slug, "rendered")
        lines = [
            f"attention,{where},all,mass_ratio,{ratio}"
            for where, ratio in zip(("cues", "vehicle"), ratios, strict=True)
        ]
        lines += ["gradcam,cues,all,mass_ratio,1.3", "attention,cues,all,auc,0.5"]
        file = tmp_path / "rendered-veri" / slug / "seed0" / "attention.csv"
        file.write_text("\n".join(["map,reference,test_size,metric,value", *lines]) + "\n")
    (told,) = (n for n in notes(Results(tmp_path, "rendered-veri")) if "came out even" in n)
    assert told.startswith("FC-HA (w/o RNN) (seed 0): ") and "RNN-HA" not in told


def test_the_commits_are_told_row_by_row_and_seed_by_seed_where_they_differ(tmp_path):
    made = [("lomo", 0, "aaa"), ("rnn-ha", 0, "aaa"), ("rnn-h", 0, "bbb")]
    made += [("rnn-ha", 1, "bbb"), ("rnn-ha", 2, "bbb")]
    for slug, seed, commit in made:
        trained(tmp_path, "rendered-veri", slug, "rendered", seed=seed)
        file = tmp_path / "rendered-veri" / slug / f"seed{seed}" / "env.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {"commit": commit}))
    assert notes(Results(tmp_path, "rendered-veri"))[-2:] == (
        "By commit aaa: LOMO; RNN-HA (seed 0).",
        "By commit bbb: RNN-H w/o attention; RNN-HA (seeds 1, 2).",
    )


def ended(source, slug, seed, coarse, fine):
    """A run whose last epoch named these shares of its training images right."""
    trained(source, "rendered-veri", slug, "rendered", seed=seed)
    head = "stage,epoch,loss,coarse_loss,fine_loss,coarse_accuracy,fine_accuracy,learning_rate"
    lines = [head, f"1,1,1.0,0.5,0.5,{coarse},0.99,0.1", f"1,2,1.0,0.5,0.5,{coarse},{fine},0.1"]
    file = source / "rendered-veri" / slug / f"seed{seed}" / "history.csv"
    file.write_text("\n".join(lines) + "\n")


def test_rows_that_do_not_know_their_training_images_are_told(tmp_path):
    ended(tmp_path, "vami", 0, coarse=0.95, fine=0.2)
    ended(tmp_path, "vami", 1, coarse=0.95, fine=0.3)
    ended(tmp_path, "rnn-ha", 0, coarse=0.5, fine=0.95)  # the vehicle is what is asked at last
    ended(tmp_path, "googlenet", 0, coarse=0.899, fine="")
    ended(tmp_path, "siamese-visual", 0, coarse="", fine="")  # nothing is named
    (told,) = (n for n in notes(Results(tmp_path, "rendered-veri")) if "trained out" in n)
    assert told.endswith(
        "right in the last epoch: GoogLeNet 89.9 % (coarse class), VAMI 25.0 % (vehicle)."
    )


def test_how_vamis_adversaries_stood_is_told_of_the_runs_that_kept_it(tmp_path):
    ended(tmp_path, "vami", 0, coarse=0.95, fine=0.95)
    assert not any("adversaries" in n for n in notes(Results(tmp_path, "rendered-veri")))
    for seed, share in ((1, 0.5), (2, 0.7)):
        ended(tmp_path, "vami", seed, coarse=0.95, fine=0.95)
        file = tmp_path / "rendered-veri" / "vami" / f"seed{seed}" / "history.csv"
        head, first, last = file.read_text().splitlines()
        head += ",source_loss,real_told,real_accuracy,generated_told,generated_accuracy"
        lines = [head, f"{first},0,0,0,0,0", f"{last},0.6,{share},0.9,0.8,0.1"]
        file.write_text("\n".join(lines) + "\n")
    (told,) = (n for n in notes(Results(tmp_path, "rendered-veri")) if "adversaries" in n)
    assert "takes 60 % of the real features for real and 80 % of the inferred" in told
    assert told.endswith("tells the vehicle of 90 % and 10 %.")


def test_where_car_models_and_viewpoints_come_from_is_told(tmp_path):
    for slug, key in (("googlenet", "outside"), ("vami", "viewpoints_from")):
        trained(tmp_path, "rendered-veri", slug, "rendered")
        file = tmp_path / "rendered-veri" / slug / "seed0" / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | {key: "rendered-vehicleid"}))
    told = " ".join(notes(Results(tmp_path, "rendered-veri")))
    assert "the car models of Rendered-VehicleID (rendered, synthetic); FACT takes" in told
    assert "VAMI: nobody labelled the viewpoints" in told
