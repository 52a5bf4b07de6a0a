"""What the maps of a run are worth, against numbers worked out from its outputs alone."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import roc_auc_score

from fake_runs import queries, write_run
from masked_set import tiny_veri
from noise_pictures import SIZE, network
from rnnha import paths
from rnnha.data.manifest import make_manifest, names_of
from rnnha.data.subset import test_images as images_of
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import IdentityOnly
from rnnha.runs import maps
from rnnha.runs.folder import RunFolder, locate
from rnnha.scoring import attention


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    """The very small set, whose gallery pictures of vehicles 1 and 2 train, too, as 11 and 12."""
    small = tiny_veri(tmp_path_factory.mktemp("set"))
    known = small.manifest[small.manifest["split"] == "gallery"]
    train = known[known["vehicle_id"] <= 2].assign(split="train")
    train = train.assign(vehicle_id=train["vehicle_id"] + 10)
    return replace(small, manifest=make_manifest(pd.concat([small.manifest, train]), small.root))


@pytest.fixture(scope="module")
def both(benchmark) -> maps.Measured:
    return maps.measured(network(), SIZE, benchmark)


@pytest.fixture(scope="module")
def found(both) -> pd.Series:
    return values(both.values)


def values(frame: pd.DataFrame) -> pd.Series:
    return frame.set_index(["map", "measure", "vehicle_id"])["value"]


@torch.no_grad()
def own(rows: pd.DataFrame) -> np.ndarray:
    pixels = Images(rows["path"], SIZE)
    return network()(normalise(pixels.stack(range(len(pixels))))).attention.numpy()


def auc_of(benchmark, heats: np.ndarray) -> dict[int, float]:
    """Mean over a vehicle's images of scikit-learn's area under the curve."""
    test = images_of(benchmark)
    grid = attention.mask_grid([benchmark.mask(p, "cues") for p in test["path"]], *heats.shape[1:])
    areas: dict[int, list[float]] = {}
    for vehicle, heat, cells in zip(test["vehicle_id"], heats, grid >= 0.05, strict=True):
        if cells.any():
            areas.setdefault(vehicle, []).append(roc_auc_score(cells.ravel(), heat.ravel()))
    return {vehicle: float(np.mean(part)) for vehicle, part in areas.items()}


def test_the_networks_own_map_and_its_mean_over_training_images(benchmark, found):
    heats, mean = own(images_of(benchmark)), own(benchmark.train).mean(0)
    for name, heat in {"attention": heats, "attention (mean)": 0 * heats + mean}.items():
        expected = auc_of(benchmark, heat)
        assert expected.keys() == {2, 3, 4, 5}  # vehicle 1 shows no cue
        assert found[name, "auc"].to_dict() == pytest.approx(expected, abs=1e-6)


def test_how_far_a_map_is_from_its_mean_and_from_an_even_one(benchmark, found):
    heats, mean = own(images_of(benchmark)).astype(float), own(benchmark.train).mean(0)
    vehicles = images_of(benchmark)["vehicle_id"]
    for measure, other in (("beside_mean", mean), ("beside_even", 1 / mean.size)):
        each = pd.Series(((heats - other) ** 2).sum((1, 2)), index=vehicles).groupby(level=0).mean()
        pd.testing.assert_series_equal(
            found["attention", measure], each, check_names=False, rtol=1e-4
        )


def test_every_map_has_every_measure_and_the_cues_are_the_limit(benchmark, found):
    kinds = ["attention", "gradcam", "gradcam++", "eigencam"]
    every = {*kinds, *(f"{kind} (mean)" for kind in kinds), "cues", "chance"}
    measures = found.reset_index().groupby("map")["measure"].agg(set)
    assert set(measures.index) == every
    for name in every:
        beside = {"beside_mean", "beside_even"} if name in kinds else set()
        assert measures[name] == {
            *("auc", "pointing", "mass_ratio", "insertion", "deletion"),
            *beside,
        }
    assert (found["cues", "auc"] == 1).all() and (found["cues", "pointing"] == 1).all()


def test_the_curves_are_those_whose_areas_are_told(both, found):
    """By the trapezoid rule, worked out here; a vehicle's mean comes before that of all."""
    for (name, curve), part in both.curves.groupby(["map", "curve"]):
        points = sorted(zip(part["share"], part["value"], strict=True))
        steps = zip(points[:-1], points[1:], strict=True)
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in steps)
        area /= points[-1][0] - points[0][0]
        assert area == pytest.approx(found[name, curve].mean())
    assert len(points) > 4 and both.curves["map"].nunique() == 10


def test_a_network_without_attention_has_activation_maps_alone(benchmark):
    torch.manual_seed(0)
    model = IdentityOnly(SmallVGGM((4, 6, 8)), 7).eval()
    names = set(maps.measured(model, SIZE, benchmark).values["map"])
    assert "attention" not in names and {"gradcam", "eigencam (mean)"} <= names


def test_photographs_have_no_masks_to_measure_against(benchmark):
    with pytest.raises(ValueError, match="rendered-veri: no cue masks"):
        maps.measured(network(), SIZE, replace(benchmark, synthetic=False))


def test_no_run_to_measure_says_how_to_make_one(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    with pytest.raises(ValueError, match="make reproduce ROWS=ablation"):
        maps.measurable()
    with pytest.raises(KeyError, match="unknown experiment 'rnn'"):
        maps.measurable(rows=["rnn"])
    with pytest.raises(ValueError, match="vami: maps are measured of fc-ha, rnn-h, rnn-ha"):
        maps.measurable(rows=["rnn-ha", "vami"])


def test_runs_of_held_out_vehicles_and_untrained_ones_are_not_measured(monkeypatch, tmp_path):
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    for dataset in ("rendered-veri", "rendered-veri-holdout"):
        for slug in ("rnn-ha", "untrained"):
            write_run(tmp_path / "runs", dataset, slug, 0, queries({"a.jpg": (1, 1.0, 1)}))
            config = {"dataset": dataset, "synthetic": True}
            (locate(dataset, slug, 0).path / "config.json").write_text(json.dumps(config))
    expected = [locate("rendered-veri", "rnn-ha", 0)]
    assert maps.measurable() == maps.measurable(rows=["ablation"]) == expected
    assert maps.measurable(["rendered-veri", "rendered-vehicleid"]) == expected
    with pytest.raises(DataError, match="rendered-very"):
        maps.measurable(["rendered-veri", "rendered-very"])


def test_the_files_of_a_run_come_back_as_they_were_written(benchmark, both, found, tmp_path):
    run = RunFolder(tmp_path / "rendered-veri" / "rnn-ha" / "seed0")
    assert run.maps() is None and run.curves() is None
    run.path.mkdir(parents=True)
    run.write_maps(*both)
    back = values(run.maps())
    pd.testing.assert_series_equal(back, found, rtol=1e-5)
    pd.testing.assert_frame_equal(run.curves(), both.curves)
    assert names_of(benchmark.train).is_unique
