"""A very small run, looked into: what its figures show, and whom it finds."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from masked_set import CAMERAS, VEHICLES, tiny_veri
from rnnha import paths
from rnnha.figures import maps, of_outcome
from rnnha.runs import outcome
from rnnha.runs.folder import locate

N = VEHICLES * CAMERAS


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Two finished runs (RNN-HA and, without attention, identity only) with random arrays."""
    benchmark = tiny_veri(tmp_path)
    monkeypatch.setattr(outcome.sets, "load", lambda name: benchmark)
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    rng = np.random.default_rng(0)
    names = [path.rsplit("/", 1)[1] for path in benchmark.gallery["path"]]
    order = rng.permutation(N)
    for slug in ("rnn-ha", "identity-only"):
        folder = locate("rendered-veri", slug, 0).path
        folder.mkdir(parents=True)
        maps = {"gradcam": rng.random((N, 4, 4), np.float32)}
        if slug == "rnn-ha":
            maps["attention"] = rng.random((N, 4, 4), np.float32) / 16
        np.savez(
            folder / "embeddings.npz",
            names=np.array(names)[order],
            o2=rng.normal(size=(N, 6)).astype(np.float32),
            **maps,
        )
        (folder / "metrics.csv").write_text("experiment\n")
    outcome.of_run.cache_clear()
    yield outcome.of_run("rendered-veri", "rnn-ha", 0)
    outcome.of_run.cache_clear()


def test_nearest_are_by_cosine_without_the_vehicle_in_its_own_camera(run):
    stored = np.load(locate("rendered-veri", "rnn-ha", 0).path / "embeddings.npz")
    names, o2 = list(stored["names"]), stored["o2"]
    query = "0003_c001_00000001_0.png"
    q = o2[names.index(query)]
    cosine = {n: o2[i] @ q / np.linalg.norm(o2[i]) / np.linalg.norm(q) for i, n in enumerate(names)}
    cosine.pop(query)  # the only image of vehicle 3 in camera 1
    expected = sorted(cosine, key=cosine.get, reverse=True)[:5]
    found = run.nearest(query)
    assert found.index.tolist() == expected
    assert found["right"].tolist() == [name.startswith("0003") for name in expected]
    assert found["distance"].iloc[0] == pytest.approx(np.sqrt(2 - 2 * cosine[expected[0]]))


def test_junk_is_the_vehicle_in_the_same_camera_only(run):
    other_cameras = run.nearest("0003_c001_00000001_0.png", N)
    assert len(other_cameras) == N - 1 and other_cameras["right"].sum() == CAMERAS - 1
    again = run.images.assign(camera_id=1)
    one_camera = replace(run, images=again)
    assert not one_camera.nearest("0003_c001_00000001_0.png", N)["right"].any()
    unknown = run.images.assign(camera_id=again["camera_id"].where(again["camera_id"] > 1))
    without = replace(run, images=unknown)
    assert without.nearest("0003_c001_00000001_0.png", N)["right"].sum() == CAMERAS - 1


def test_maps_belong_to_the_image_of_their_name(run):
    stored = np.load(locate("rendered-veri", "rnn-ha", 0).path / "embeddings.npz")
    for place, name in enumerate(stored["names"]):
        views = run.views(name)
        np.testing.assert_array_equal(views["attention"], stored["attention"][place])
        np.testing.assert_array_equal(views["Grad-CAM"], stored["gradcam"][place])


def test_the_figure_shows_image_maps_mask_and_the_five_nearest(run):
    name = "0004_c002_00000001_0.png"
    canvas = of_outcome.closely(run, name, strength=0.3)
    shown = [np.asarray(ax.images[0].get_array()) for ax in canvas.axes if ax.images]
    image = of_outcome.pixels(run.images.loc[name, "path"])
    np.testing.assert_array_equal(shown[0], image)
    np.testing.assert_array_equal(shown[1], maps.overlay(image, run.views(name)["attention"], 0.3))
    np.testing.assert_array_equal(shown[3], maps.mask_overlay(image, run.cue_mask(name)))
    for picture, path in zip(shown[4:], run.nearest(name)["path"], strict=True):
        np.testing.assert_array_equal(picture, np.asarray(Image.open(path)))
    told = canvas.axes[4].texts[0].get_text().split("\n")
    assert told[-2:] == ["○ dent", "● decal"]  # it wears both, and only the decal is in sight
    tiny_and_faint = run.images.assign(visible_cues="dent red:left:9:60;decal red:left:40:19")
    known = of_outcome.closely(replace(run, images=tiny_and_faint), name).axes[4].texts[0]
    assert known.get_text().endswith("○ dent\n○ decal")
    signs = [ax.get_title() for ax in canvas.axes[5:]]
    assert ["✓" in s for s in signs] == run.nearest(name)["right"].tolist()


def test_a_row_without_attention_shows_what_it_has(run):
    plain = outcome.of_run("rendered-veri", "identity-only", 0)
    canvas = of_outcome.closely(plain, "0001_c001_00000001_0.png")
    assert [ax.get_title() for ax in canvas.axes[1:3]] == ["Grad-CAM", "cue mask"]
    with pytest.raises(ValueError, match="no attention"):
        of_outcome.grid(plain, ["0001_c001_00000001_0.png"])


def test_unknown_names_and_missing_runs_are_explained(run):
    with pytest.raises(KeyError, match="rnn-ha"):
        outcome.of_run("rendered-veri", "rnn-hb", 0)
    with pytest.raises(FileNotFoundError, match="rnnha run rnn-h --dataset rendered-veri --seed 3"):
        outcome.of_run("rendered-veri", "rnn-h", 3)
    with pytest.raises(FileNotFoundError, match="rows with attention"):
        outcome.scores("rendered-veri", "identity-only", 0)
    with pytest.raises(KeyError, match="no test image 'a.jpg'"):
        of_outcome.closely(run, "a.jpg")


def test_pick_is_by_chance_the_same_each_time_and_prefers_images_with_cues(run):
    names = run.pick(3, 2)
    assert names == run.pick(3, 2) and len(set(names)) == 6
    vehicles = run.images.loc[names, "vehicle_id"].tolist()
    assert vehicles[::2] == vehicles[1::2] and len(set(vehicles)) == 3
    assert run.pick(3, CAMERAS + 1) == []
    rows = [ax.get_ylabel() for ax in of_outcome.grid(run, names).axes[::6]]
    assert rows == ["image", "attention", "Grad-CAM", "cue mask"]
    rows = [ax.get_ylabel() for ax in of_outcome.grid(run, names, gradcam=False).axes[::6]]
    assert rows == ["image", "attention", "cue mask"]


def test_finished_runs_come_in_the_tables_order_with_every_stage_0_last(run):
    source = locate("rendered-veri", "rnn-ha", 0).path
    for slug in ("stage0", "stage0-resnet"):
        shutil.copytree(source, locate("rendered-veri", slug, 1).path)
    shutil.copytree(source, locate("rendered-veri", "rnn-h", 0).path)
    (locate("rendered-veri", "rnn-h", 0).path / "metrics.csv").unlink()
    assert outcome.finished() == {
        "rendered-veri": [("rnn-ha", 0), ("identity-only", 0), ("stage0", 1), ("stage0-resnet", 1)]
    }
