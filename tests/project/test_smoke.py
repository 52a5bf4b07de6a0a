"""The whole chain on a few rendered vehicles, once: does it learn, and from the right thing?

No order of methods is asserted here: that is for the tables, with their intervals, to say.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rnnha import experiments, profiles
from rnnha.data.sets import load
from rnnha.paths import ROOT
from rnnha.runs.run import prepared, run
from rnnha.scoring.protocols import by_name, score
from smoke_run import environment

NETWORKS = ("fc-ha", "rnn-h", "rnn-ha")


@pytest.fixture(scope="module")
def benchmark(smoke: Path):
    """Rendered-VeRi with the few vehicles of the smoke profile (unpacked by `make smoke`)."""
    return prepared(load("rendered-veri"), profiles.profile("smoke"))


@pytest.fixture(scope="module")
def again(smoke: Path, benchmark, tmp_path_factory) -> Path:
    """RNN-HA trained twice more, side by side: as before, and on shuffled training labels."""
    folder = tmp_path_factory.mktemp("again")
    manifest = benchmark.manifest.copy()
    train = manifest.index[manifest["split"] == "train"]
    labels = ["vehicle_id", "coarse_id", "type"]
    order = np.random.default_rng(0).permutation(train)
    manifest.loc[train, labels] = manifest.loc[order, labels].to_numpy()
    manifest.to_csv(folder / "shuffled.csv", index=False)
    processes = [
        subprocess.Popen(
            [sys.executable, "-m", "rnnha", "run", "rnn-ha", "--profile", "smoke", "--dataset", d],
            cwd=ROOT,
            env=environment(RNNHA_RESULTS=str(folder)),
            stderr=subprocess.DEVNULL,
        )
        for d in ("rendered-veri", str(folder / "shuffled.csv"))
    ]
    assert [process.wait() for process in processes] == [0, 0]
    return folder


def run_folder(results: Path, row: str, dataset: str = "rendered-veri") -> Path:
    return results / "runs" / dataset / row / "seed0"


def mean_ap(results: Path, row: str, dataset: str = "rendered-veri") -> float:
    metrics = pd.read_csv(run_folder(results, row, dataset) / "metrics.csv")
    wanted = (metrics["protocol"] == "image-to-image") & (metrics["metric"] == "mAP")
    return metrics.loc[wanted, "value"].item()


def test_the_chain_leaves_runs_tables_notebooks_and_report(smoke: Path):
    runs = {
        str(path.parent.relative_to(smoke / "runs"))
        for path in (smoke / "runs").glob("*/*/*/metrics.csv")
    }
    veri = {f"rendered-veri/{row}/seed0" for row in ("stage0", "untrained", *NETWORKS)}
    assert runs == veri | {f"rendered-vehicleid/{row}/seed0" for row in ("stage0", "rnn-ha")}
    for name in runs:
        assert (smoke / "runs" / name / "02_train.ipynb").exists()
    for dataset in ("rendered-veri", "rendered-vehicleid"):
        table = pd.read_csv(smoke / "tables" / f"{dataset}.csv")
        rows = {run.split("/")[1] for run in runs if run.startswith(dataset)} - {"stage0"}
        shown = table.loc[table["n_seeds"] == 1, "method"]
        assert set(shown) == {experiments.row(row).title for row in rows}
    for notebook in ("03_table_veri", "05_attention_maps"):
        assert (smoke / "notebooks" / f"{notebook}.ipynb").exists()
    assert "05_attention_maps.html" in (smoke / "report/index.html").read_text()


def test_losses_are_finite_and_fall(smoke: Path):
    for row in ("stage0", *NETWORKS):
        history = pd.read_csv(run_folder(smoke, row) / "history.csv")
        loss = history["fine_loss"]
        assert np.isfinite(loss).all() and len(history) > 1
        assert loss.iloc[-1] < loss.iloc[0]


@pytest.mark.parametrize("row", NETWORKS)
def test_training_makes_a_clear_difference(smoke: Path, row: str):
    assert mean_ap(smoke, row) > 1.5 * mean_ap(smoke, "untrained")


def test_what_is_learned_is_lost_with_shuffled_training_labels(smoke: Path, again: Path):
    learned = mean_ap(smoke, "rnn-ha") - mean_ap(smoke, "untrained")
    left = mean_ap(again, "rnn-ha", "shuffled") - mean_ap(smoke, "untrained")
    assert left < learned / 2


def test_the_score_is_lost_with_shuffled_test_vehicles(smoke: Path, benchmark):
    """Good embeddings of other images than they are said to be score like chance."""
    stored = np.load(run_folder(smoke, "rnn-ha") / "embeddings.npz")
    names, vectors = stored["names"], stored["o2"]
    mixed = np.random.default_rng(0).permutation(names)
    ap = {
        kind: _ap(benchmark, by_name(n, vectors)) for kind, n in (("own", names), ("mixed", mixed))
    }
    chance = _ap(benchmark, by_name(names, np.random.default_rng(1).normal(size=vectors.shape)))
    assert ap["own"] == pytest.approx(mean_ap(smoke, "rnn-ha") / 100, abs=1e-6)
    assert ap["mixed"] < chance + (ap["own"] - chance) / 10


def _ap(benchmark, embed) -> float:
    rows = score(benchmark, embed=embed, draws=None)
    return rows.loc[rows["protocol"] == "image-to-image", "ap"].mean()


@pytest.mark.parametrize("dataset", ["rendered-veri", "rendered-vehicleid"])
def test_attention_maps_are_distributions_over_the_image(smoke: Path, dataset: str):
    stored = np.load(run_folder(smoke, "rnn-ha", dataset) / "embeddings.npz")
    maps = stored["attention"]
    assert maps.ndim == 3 and len(maps) == len(stored["names"]) == len(stored["o2"])
    assert (maps >= 0).all()
    np.testing.assert_allclose(maps.sum(axis=(1, 2)), 1, atol=1e-5)
    assert maps.std(axis=(1, 2)).min() > 0, "a map is uniform, as if there were no attention"
    assert maps.std(axis=0).max() > 0, "all images have the same map"


def test_the_same_seed_gives_the_same_result_to_the_last_byte(smoke: Path, again: Path):
    for name in ("per_query.csv.gz", "metrics.csv"):
        first, second = (run_folder(results, "rnn-ha") / name for results in (smoke, again))
        assert first.read_bytes() == second.read_bytes(), name


def test_settings_can_be_tried_on_held_out_training_vehicles(smoke, monkeypatch, tmp_path):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    folder = run("rnn-ha", "rendered-veri", 0, "smoke", holdout=True)
    assert folder.is_relative_to(tmp_path / "runs" / "rendered-veri-holdout")
    assert mean_ap(tmp_path, "rnn-ha", "rendered-veri-holdout") > 0
    per_query = pd.read_csv(folder / "per_query.csv.gz")
    assert set(per_query["vehicle_id"]) <= set(load("rendered-veri").train["vehicle_id"])
