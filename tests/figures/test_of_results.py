"""From run folders to PNG files: the numbers drawn, by hand, and equal bytes for equal results."""

import numpy as np
import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.figures import of_results
from rnnha.runs.results import Results

# First ranks 1, 2 and 9: CMC 1/3 at rank 1, 2/3 at rank 2, 1 from rank 9.
SCORES = {"a": (1, 1.0, 1), "b": (1, 0.5, 2), "c": (2, 0.2, 9), "d": (3, 0.6, 2), "e": (3, 0.6, 2)}


@pytest.fixture
def source(tmp_path):
    for experiment in ("rnn-ha", "rnn-h", "two-heads"):
        write_run(tmp_path, "rendered-veri", experiment, 0, queries(SCORES))
    pd.DataFrame(
        {"vehicle_id": [1, 2, 3], "type": ["suv", "suv", "bus"], "model": "m", "paint": "p"}
    ).to_csv(tmp_path / "rendered-veri" / "vehicles.csv", index=False)
    return tmp_path


def test_the_rows_that_were_run_are_explained(source):
    told = of_results.explained(Results(source, "rendered-veri")).splitlines()
    assert [line.partition(":")[0] for line in told] == [
        "- **RNN-H w/o attention**",
        "- **RNN-HA**",
        "- **two plain heads**",
    ]
    assert "does attention matter?" in told[0]


def test_cmc_is_the_share_of_queries_matched_by_rank(source):
    ax = of_results.cmc(Results(source, "rendered-veri")).axes[0]
    curve = ax.lines[0].get_ydata()
    assert curve[[0, 1, 7, 8]].tolist() == pytest.approx([20, 80, 80, 100])
    assert [line.get_label() for line in ax.lines] == [
        "RNN-H w/o attention",
        "RNN-HA",
        "two plain heads",
    ]
    assert "rendered, synthetic" in ax.figure.get_suptitle()


def test_types_average_the_queries_of_their_vehicles(source):
    ax = of_results.types(Results(source, "rendered-veri")).axes[0]
    marks = {c.get_label(): c.lines[0].get_ydata() for c in ax.containers}
    assert set(marks) == {"RNN-H w/o attention", "RNN-HA"}  # controls are left out
    assert list(marks["RNN-HA"]) == pytest.approx([60, 100 * 1.7 / 3])  # bus, suv
    assert [t.get_text() for t in ax.get_xticklabels()] == ["bus\n1 vehicles", "suv\n2 vehicles"]


def test_training_goes_on_after_stage_0(source):
    columns = {
        "loss": 1.0,
        "coarse_loss": 1.0,
        "fine_loss": 1.0,
        "coarse_accuracy": 0.5,
        "fine_accuracy": 0.25,
    }
    for experiment, stage, epochs in (
        ("stage0", 0, 3),
        ("rnn-ha", 1, 3),
        ("stage0-resnet", 0, 2),
        ("rnn-ha-resnet", 1, 2),
    ):
        folder = source / "rendered-veri" / experiment / "seed0"
        if not folder.exists():
            write_run(source, "rendered-veri", experiment, 0, queries(SCORES))
        pd.DataFrame({"stage": stage, "epoch": range(1, epochs + 1), **columns}).to_csv(
            folder / "history.csv", index=False
        )
    figure = of_results.training(Results(source, "rendered-veri"))
    ax, legend = figure.axes[3], figure.axes[5].get_legend()  # the fine head's accuracy
    assert [text.get_text() for text in legend.get_texts()] == [
        "RNN-HA",
        "RNN-HA (ResNet)",
        "stage 0",
        "stage 0 (ResNet)",
    ]
    assert [list(line.get_xdata()) for line in ax.lines[:4]] == [
        [4, 5, 6],
        [3, 4],
        [1, 2, 3],
        [1, 2],
    ]  # each after the stage 0 of its own
    assert list(ax.lines[0].get_ydata()) == [25, 25, 25]


def test_vamis_adversaries_are_drawn_where_its_runs_kept_them(source):
    results = Results(source, "rendered-veri")
    assert of_results.adversaries(results) is None
    told = {"real_told": 0.5, "generated_told": 0.25}
    told |= {"real_accuracy": 0.75, "generated_accuracy": 0.125, "source_loss": 0.5}
    for seed, more in ((0, 0.0), (1, 0.25)):
        folder = write_run(source, "rendered-veri", "vami", seed, queries(SCORES))
        heads = dict.fromkeys(("loss", "coarse_loss", "fine_loss"), 1.0)
        heads |= {"coarse_accuracy": 0.5, "fine_accuracy": 0.5}
        frame = pd.DataFrame({"stage": 0, "epoch": [1, 2], **heads, **told})
        frame["real_told"] += more
        frame.to_csv(folder / "history.csv", index=False)
    loss, right, vehicle = of_results.adversaries(results).axes
    assert list(loss.lines[0].get_ydata()) == [0.5, 0.5]
    assert loss.lines[1].get_ydata()[0] == pytest.approx(np.log(2))
    assert [list(line.get_ydata()) for line in right.lines[:2]] == [[62.5] * 2, [25] * 2]
    assert [list(line.get_ydata()) for line in vehicle.lines[:2]] == [[75] * 2, [12.5] * 2]


def test_embeddings_show_whole_vehicles_of_the_fullest_model_of_each_class(source, monkeypatch):
    rng = np.random.default_rng(0)
    vehicle = np.repeat(np.arange(20), 3)
    model = np.where(vehicle < 7, "full", np.where(vehicle < 15, "fuller", "other"))
    model = np.where(vehicle == 19, "single", model)
    coarse = {"full": "car", "fuller": "car", "other": "bus", "single": "van"}
    known = pd.DataFrame(
        {"image": [f"{i}.jpg" for i in range(60)], "vehicle_id": vehicle, "model": model}
    ).assign(coarse=[coarse[name] for name in model])
    monkeypatch.setattr(of_results, "image_labels", lambda dataset: known)
    monkeypatch.setattr(of_results, "KINDS", 2)
    order = rng.permutation(60)
    np.savez(
        source / "rendered-veri" / "rnn-ha" / "seed0" / "embeddings.npz",
        names=known["image"].to_numpy(str)[order],
        o1=rng.random((60, 8)),
        o2=np.eye(20)[vehicle[order]] + rng.random((60, 20)) / 100,
    )
    figure = of_results.embeddings(Results(source, "rendered-veri"), seed=0)
    assert of_results.embeddings(Results(source, "rendered-veri"), seed=1) is None
    assert of_results.embeddings(Results(source, "rendered-veri"), "rnn-h") is None
    by_kind, by_vehicle = figure.axes[2:4]
    assert [c.get_label() for c in by_kind.collections] == ["bus (other)", "car (fuller)"]
    shown = [c.get_label() for c in by_vehicle.collections]  # a bus has 4 vehicles, 6 are too many
    assert shown == list(map(str, [15, 16, 17, 18, 7, 8, 9, 10, 11, 12]))
    assert [len(c.get_offsets()) for c in by_vehicle.collections] == [3] * len(shown)
    # The images of a vehicle are equal in o2 but for noise, so they must lie together.
    groups = [c.get_offsets().data for c in by_vehicle.collections]
    within = np.mean([g.std(axis=0).mean() for g in groups])
    assert within < 0.2 * np.concatenate(groups).std(axis=0).mean()


def test_equal_results_give_equal_bytes_and_nothing_half_written(source, tmp_path):
    results = Results(source, "rendered-veri")
    first, second = (of_results.figures(results, tmp_path / d) for d in ("x", "y"))
    assert [p.name for p in first] == [
        "rendered-veri-cmc.png",
        "rendered-veri-types.png",
        "rendered-veri-differences.png",
    ]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert sorted((tmp_path / "x").iterdir()) == sorted(first)
