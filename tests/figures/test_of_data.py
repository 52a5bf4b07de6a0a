"""Counts, twins and the coarse-to-fine table of the teaching notebooks; checkpoints as outcomes."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import untrained_network
from masked_set import CAMERAS, VEHICLES, tiny_veri
from rendering.cues import DRAW, OF_THE_STUDY
from rnnha.figures import of_data
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.runs import outcome


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return tiny_veri(tmp_path_factory.mktemp("set"))


def made_up(benchmark, o1, o2) -> outcome.Outcome:
    images = outcome.test_table(benchmark)
    return outcome.Outcome("made up", benchmark, images, {"o1": o1(images), "o2": o2(images)}, {})


def one_hot(labels: pd.Series) -> np.ndarray:
    return pd.get_dummies(labels).to_numpy(np.float32)


def test_every_test_image_is_there_once_with_what_the_side_car_tells(benchmark):
    images = outcome.test_table(benchmark)
    assert len(images) == images.index.nunique() == VEHICLES * CAMERAS
    assert images["gallery"].all()  # the queries are files of the gallery too
    assert images.loc["0002_c003_00000001_0.png", ["model", "view"]].tolist() == ["m0", "left"]


def test_summary_and_types_count_what_was_written(benchmark):
    summary = of_data.summary(benchmark)
    assert summary.loc["query", ["images", "vehicles", "cameras"]].tolist() == [5, 5, 1]
    assert summary.loc["gallery", ["images", "vehicles", "cameras"]].tolist() == [15, 5, 3]
    types = of_data.types(benchmark)
    assert types["gallery"].to_dict() == {"van": 3, "sedan": 2}  # vehicles 1, 3, 5 and 2, 4
    assert types.index[0] == "van"


def test_cue_counts_are_of_vehicles_not_images(benchmark):
    counts = of_data.cue_counts(benchmark)
    assert counts["vehicles"].to_dict() == {"dent": VEHICLES, "decal": VEHICLES}
    assert (counts["percent of all"] == 100).all()
    assert set(of_data.CUES) == {*DRAW, *OF_THE_STUDY}  # a word for whatever the renderer draws
    assert max(map(len, of_data.CUES.values())) < 50  # pandas would cut it
    renamed = benchmark.side_car.assign(cues="slant;dent")
    named = of_data.cue_counts(SimpleNamespace(side_car=renamed))["what it is"]
    assert "bars across the flank" in named["slant"] and named["dent"] == ""


def test_twins_share_model_paint_and_view_and_show_a_cue(benchmark):
    for seed in range(5):
        names = of_data.twins(benchmark, 2, seed)
        rows = outcome.test_table(benchmark).loc[names]
        assert rows["vehicle_id"].nunique() == 2 and 1 not in rows["vehicle_id"].tolist()
        assert rows.groupby(["model", "paint", "view"]).ngroups == 1
    with pytest.raises(ValueError, match="no 4 vehicles"):
        of_data.twins(benchmark, 4)


def test_mask_share_is_the_share_of_pixels(benchmark):
    path = benchmark.gallery.loc[benchmark.gallery["vehicle_id"] == 3, "path"].iloc[0]
    assert of_data.mask_share(benchmark, path) == pytest.approx(12 * 10 / (48 * 56))


def test_the_sheets_show_the_images_asked_for(benchmark):
    names = ["0002_c001_00000001_0.png", "0005_c002_00000001_0.png"]
    figure = of_data.masked(benchmark, names)
    shown = [np.asarray(ax.images[0].get_array()) for ax in figure.axes]
    paths = outcome.test_table(benchmark).loc[names, "path"]
    np.testing.assert_array_equal(shown[1], np.asarray(Image.open(paths.iloc[1])))
    assert len(shown) == 6
    titles = [ax.get_title() for ax in of_data.one_of_each(benchmark, "type").axes]
    assert titles == ["sedan", "van"]
    cameras = of_data.one_of_each(benchmark, "camera_id")
    assert [ax.get_title() for ax in cameras.axes] == ["camera 1", "camera 2", "camera 3"]
    assert cameras.get_suptitle().endswith("one image of each camera")
    some = of_data.one_of_each(benchmark, "camera_id", limit=2)
    assert some.get_suptitle().endswith("one image each of 2 of the 3 cameras")
    assert len(of_data.one_vehicle(benchmark).axes) == CAMERAS
    found = made_up(benchmark, lambda i: one_hot(i["model"]), lambda i: one_hot(i["vehicle_id"]))
    searches = {by: found.nearest(names[0], 3, by) for by in ("o1", "o2")}
    rows = of_data.nearest(found, names[0], searches).axes
    assert ["✓" in ax.get_title() for ax in rows[4:]] == [False, True, True, False]
    for ax, vehicle in zip(rows[1:4], searches["o1"]["vehicle_id"], strict=True):
        assert ax.get_xlabel().startswith(f"vehicle {vehicle}\n")


def test_a_checkpoint_gives_the_networks_own_states_and_maps(benchmark, tmp_path, monkeypatch):
    model, size = untrained_network.save(tmp_path / "a.safetensors")
    seen = outcome.of_checkpoint(benchmark, tmp_path / "a.safetensors")
    name = seen.images.index[7]
    pixels = Images([seen.images.loc[name, "path"]], size)
    output = model(normalise(pixels[0][None]))
    unit = torch.nn.functional.normalize(output.o1).detach().numpy()[0]
    np.testing.assert_allclose(seen.vectors["o1"][7], unit, atol=1e-5)
    own = output.attention[0].detach()
    np.testing.assert_allclose(seen.views(name)["attention"], own, atol=1e-6)
    assert set(seen.maps) == {"attention", "Grad-CAM"}
