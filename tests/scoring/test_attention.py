"""Localisation scores and the swap test, each against something worked out elsewhere."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.metrics import roc_auc_score

from masked_set import tiny_veri
from noise_pictures import CELLS, SIZE, batch_of, network, noise
from rnnha.data.manifest import make_manifest
from rnnha.images.cache import Images
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import IdentityOnly, Output
from rnnha.scoring import attention, swap


@pytest.fixture(scope="module")
def pixels(tmp_path_factory) -> Images:
    return noise(tmp_path_factory.mktemp("images"))


# --- masks on the grid --------------------------------------------------------------------------


def test_mask_grid_is_the_exact_area_share(tmp_path):
    rng, files, expected = np.random.default_rng(0), [], []
    for i, (height, width) in enumerate([(10, 7), (6, 6), (3, 5)]):
        mask = rng.random((height, width)) < 0.4
        files.append(tmp_path / f"{i}.png")
        Image.fromarray(mask).save(files[-1])  # 1-bit, as the sets have them
        fine = np.kron(mask, np.ones((6, 4)))  # every pixel split, so that cells hold whole ones
        expected.append(fine.reshape(6, height, 4, width).mean((1, 3)))
    np.testing.assert_allclose(attention.mask_grid(files, 6, 4), expected, atol=1e-6)


def test_mask_grid_names_the_missing_mask(tmp_path):
    with pytest.raises(FileNotFoundError, match="0007_c001.png"):
        attention.mask_grid([tmp_path / "0007_c001.png"], 6, 6)


# --- localisation -------------------------------------------------------------------------------


def test_localisation_of_a_grid_worked_by_hand():
    maps = np.array([[[0.4, 0.3], [0.2, 0.1]]])
    grid = np.array([[[0.0, 0.5], [0.05, 0.02]]])  # positive: the 0.3 and, just, the 0.2
    row = attention.localisation(maps, grid).iloc[0]
    assert row.mass_ratio == pytest.approx((0.3 * 0.5 + 0.2 * 0.05 + 0.1 * 0.02) / (0.57 / 4))
    assert row.pointing == 0 and row.pointing_chance == 0.5
    assert row.auc == 0.5  # of the four pairs, .3 > .1 and .2 > .1 are right
    assert attention.localisation(maps, grid, positive=0.2).iloc[0].auc == pytest.approx(2 / 3)


def test_localisation_agrees_with_scikit_learn_also_with_ties():
    rng = np.random.default_rng(1)
    maps = rng.integers(0, 5, (40, 6, 6)) / 4
    grid = np.where(rng.random((40, 6, 6)) < 0.2, rng.random((40, 6, 6)), 0)
    rows = attention.localisation(maps, grid)
    for i in range(40):
        hit = grid[i].ravel() >= 0.05
        assert rows.auc[i] == pytest.approx(roc_auc_score(hit, maps[i].ravel()))
        highest = np.flatnonzero(maps[i].ravel() == maps[i].max())
        assert rows.pointing[i] == pytest.approx(np.mean([hit[cell] for cell in highest]))


@pytest.mark.parametrize("value", [0.0, 1 / 36])
def test_a_map_that_points_nowhere_scores_exactly_chance(value):
    grid = np.zeros((1, 6, 6))
    grid[0, 2, 1:4] = 0.8
    row = attention.localisation(np.full((1, 6, 6), value), grid).iloc[0]
    assert row.mass_ratio == pytest.approx(1) and row.auc == 0.5 and row.flat == 1
    assert row.pointing == row.pointing_chance == pytest.approx(3 / 36)


def test_a_map_on_the_cue_scores_full():
    grid = np.zeros((1, 6, 6))
    grid[0, 4, 4] = 1
    row = attention.localisation(grid.copy(), grid).iloc[0]
    assert row.mass_ratio == pytest.approx(36) and row.pointing == 1 and row.auc == 1


def test_images_that_cannot_be_scored_are_left_out_and_counted():
    grid = np.zeros((4, 6, 6))
    grid[0, 0, 0] = 1
    grid[1] = 1  # every cell positive
    grid[2, 0, 0] = 0.04  # visible, but no cell reaches 5 %; the last has no cue at all
    maps = np.random.default_rng(0).random((4, 6, 6))
    rows = attention.localisation(maps, grid)
    assert rows.auc.notna().tolist() == [True, False, False, False]
    summary = attention.summarise(rows)
    assert (summary["n_images"], summary["n_left_out"], summary["n_flat"]) == (1, 3, 0)
    assert summary["auc"] == rows.auc[0]


@pytest.mark.parametrize("bad", [-0.1, np.nan])
def test_localisation_refuses_what_is_no_map(bad):
    maps = np.ones((1, 2, 2))
    maps[0, 0, 0] = bad
    with pytest.raises(ValueError, match="finite"):
        attention.localisation(maps, np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="shape|must both"):
        attention.localisation(np.ones((2, 3)), np.ones((2, 3)))


# --- swap test ----------------------------------------------------------------------------------


def own_maps(n: int = 9) -> np.ndarray:
    maps = np.random.default_rng(5).random((n, 2, 3)).astype(np.float32)
    return maps / maps.sum((1, 2), keepdims=True)


def test_replacing_maps_are_distributions_defined_as_said():
    own = own_maps()
    own[3] = 1 / 6  # its inverse has nothing to share out
    cues = np.zeros_like(own)
    cues[0, 0, :2] = [0.3, 0.1]
    maps = swap.replacements(own, cues, seed=0)
    assert list(maps) == ["uniform", "another image", "inverse", "cues"]
    for found in maps.values():
        np.testing.assert_allclose(found.sum((1, 2)), 1, rtol=1e-5)
        assert found.min() >= 0 and found.dtype == np.float32
    assert np.unique(maps["uniform"]).size == 1
    top = np.unravel_index(own[0].argmax(), (2, 3))
    assert maps["inverse"][0][top] == 0
    assert maps["inverse"][0].ravel().argsort().tolist() == (-own[0]).ravel().argsort().tolist()
    np.testing.assert_allclose(maps["inverse"][3], 1 / 6, rtol=1e-6)
    np.testing.assert_allclose(maps["cues"][0], [[0.75, 0.25, 0], [0, 0, 0]], rtol=1e-6)
    np.testing.assert_allclose(maps["cues"][1], 1 / 6, rtol=1e-6)


@pytest.mark.parametrize("n", [2, 3, 9])
def test_every_image_gets_the_map_of_another_one_and_each_map_is_used_once(n):
    own = own_maps(n)
    for seed in range(5):
        given = swap.replacements(own, None, seed)["another image"]
        source = [int(np.flatnonzero((own == g).all((1, 2)))[0]) for g in given]
        assert sorted(source) == list(range(n)) and all(s != i for i, s in enumerate(source))
    again = swap.replacements(own, None, 4)["another image"]
    np.testing.assert_array_equal(given, again)


def test_swap_with_the_own_map_changes_nothing_and_uniform_gives_rnn_h(pixels):
    model, without = network(), network("uniform")
    model.attention.w4.weight.data *= 100  # an untrained map is nearly uniform; make it peaked
    without.load_state_dict(
        {k: v for k, v in model.state_dict().items() if not k.startswith("attention.")}
    )
    with torch.no_grad():
        own = model(batch_of(pixels))
        plain = without(batch_of(pixels)).o2.numpy()
    maps = swap.replacements(own.attention.numpy(), None, 0) | {"own": own.attention.numpy()}
    found = swap.swap(model, pixels, maps, batch_size=2)
    np.testing.assert_allclose(found["own"], own.o2.numpy(), atol=1e-6)
    np.testing.assert_allclose(found["uniform"], plain, atol=1e-6)
    assert np.abs(plain - own.o2.numpy()).max() > 1e-4


def test_swap_gives_each_image_the_map_in_its_place(pixels):
    class Reader(torch.nn.Module):
        """Embeds an image as the map it was given."""

        def __init__(self):
            super().__init__()
            self.backbone = torch.nn.Conv2d(3, 1, 1)

        def forward(self, images, attention):
            return Output(None, None, None, attention.flatten(1), attention)

    maps = own_maps(5)
    found = swap.swap(Reader(), pixels, {"a": maps, "b": maps[::-1]}, batch_size=2)
    np.testing.assert_array_equal(found["a"], maps.reshape(5, -1))
    np.testing.assert_array_equal(found["b"], maps[::-1].reshape(5, -1))
    with pytest.raises(ValueError, match="9 maps for 5"):
        swap.swap(Reader(), pixels, {"a": own_maps(9)})


# --- the whole table ----------------------------------------------------------------------------


def analysed(benchmark, model):
    paths = benchmark.gallery["path"]
    pixels = Images(paths, SIZE)
    with torch.no_grad():
        output = model(batch_of(pixels))
    outputs = {k: v.numpy() for k, v in output._asdict().items() if v is not None}
    table, cams, swapped = attention.analyse(model, benchmark, pixels, outputs)
    values = table.set_index(["map", "reference", "metric"])["value"].sort_index()
    assert values.index.is_unique and cams.shape == (15, CELLS, CELLS)
    return values, outputs, pixels, swapped


def test_the_table_holds_chance_for_uniform_and_the_swaps_as_scored_by_hand(tmp_path):
    benchmark, model = tiny_veri(tmp_path), network()
    model.attention.w4.weight.data *= 100
    values, outputs, pixels, swapped = analysed(benchmark, model)
    uniform = values["uniform", "cues"]
    assert uniform["mass_ratio"] == pytest.approx(1) and uniform["auc"] == 0.5
    assert uniform["pointing"] == pytest.approx(uniform["pointing_chance"])
    for name in ("attention", "gradcam", "uniform"):  # vehicle 1, in three cameras, has no cue
        assert (values[name, "cues", "n_images"], values[name, "cues", "n_left_out"]) == (12, 3)
    assert values["cues", "retrieval", "n_without_cue"] == 3

    gallery = benchmark.gallery
    same = {"uniform": np.full((15, CELLS, CELLS), 1 / CELLS**2)}
    for name, o2 in {"own": outputs["o2"], **swap.swap(model, pixels, same)}.items():
        unit = o2 / np.linalg.norm(o2, axis=1, keepdims=True)
        first = []
        for query in np.flatnonzero(gallery.camera_id == 1):
            own = (gallery.vehicle_id == gallery.vehicle_id[query]).to_numpy()
            counted = ~(own & (gallery.camera_id == 1).to_numpy())  # junk: also the image itself
            first.append(own[np.where(counted, unit @ unit[query], -2).argmax()])
        assert values[name, "retrieval", "top1"] == pytest.approx(100 * np.mean(first))
        # ... and the queries behind it are handed on, one by one
        kept = swapped[swapped["map"] == name].set_index("query")
        of_query = [Path(path).name for path in gallery.path[gallery.camera_id == 1]]
        assert (kept.loc[of_query, "first_rank"] == 1).tolist() == first
        owners = gallery.vehicle_id[gallery.camera_id == 1]
        assert kept.loc[of_query, "vehicle_id"].tolist() == owners.tolist()


def test_maps_are_scored_on_their_own_images_masks(tmp_path):
    """AUC by scikit-learn, image by image, on masks as PIL averages them over cells."""
    benchmark, model = tiny_veri(tmp_path), network()
    model.attention.w4.weight.data *= 100
    values, outputs, pixels, _ = analysed(benchmark, model)
    for reference, enough in (("cues", 0.05), ("vehicle", 0.5)):
        expected = []
        for path, found in zip(pixels.paths, outputs["attention"], strict=True):
            with Image.open(benchmark.mask(path, reference)) as mask:
                share = mask.convert("F").resize((CELLS, CELLS), Image.Resampling.BOX)
            hit = np.asarray(share).ravel() / 255 >= enough
            if 0 < hit.sum() < hit.size:
                expected.append(roc_auc_score(hit, found.ravel()))
        assert len(expected) >= 12
        assert values["attention", reference, "auc"] == pytest.approx(np.mean(expected))


def test_the_swap_tests_queries_average_to_its_table(tmp_path):
    values, _, _, swapped = analysed(tiny_veri(tmp_path), network())
    assert set(swapped["map"]) == {"own", "uniform", "another image", "inverse", "cues"}
    assert set(swapped["protocol"]) == {"image-to-image"}
    for name, part in swapped.groupby("map"):
        part = part[part["first_rank"] > 0]
        assert 100 * part["ap"].mean() == pytest.approx(values[name, "retrieval", "mAP"])
        top1 = 100 * (part["first_rank"] == 1).mean()
        assert top1 == pytest.approx(values[name, "retrieval", "top1"])


def test_networks_without_attention_and_sets_without_masks_give_what_they_have(tmp_path):
    benchmark = tiny_veri(tmp_path)
    plain = IdentityOnly(SmallVGGM((4, 6, 8)), 7).eval()
    values, _, _, swapped = analysed(benchmark, plain)
    assert swapped is None
    assert set(values.index.get_level_values("map")) == {"gradcam", "uniform"}
    assert set(values.index.get_level_values("reference")) == {"cues", "vehicle"}
    values, *_ = analysed(replace(benchmark, synthetic=False), network())
    assert set(values.index.get_level_values("reference")) == {"retrieval"}
    assert "cues" not in values.index.get_level_values("map")


def test_the_swap_test_is_given_for_every_test_list_of_vehicleid(tmp_path):
    veri = tiny_veri(tmp_path)
    rows = veri.gallery.assign(split="test", camera_id=None)
    names = rows["path"].map(lambda path: path.rsplit("/", 1)[1])
    lists = {3: tuple(names[rows["vehicle_id"] <= 3]), 5: tuple(names)}
    # The draws are kept under the set's name: an absolute one keeps them out of the results.
    benchmark = replace(
        veri,
        name=str(tmp_path / "tiny"),
        protocol="vehicleid",
        test_lists=lists,
        manifest=make_manifest(rows, tmp_path),
    )
    model, pixels = network(), Images(rows["path"], SIZE)
    with torch.no_grad():
        output = model(batch_of(pixels))
    outputs = {k: v.numpy() for k, v in output._asdict().items() if v is not None}
    table = attention.analyse(model, benchmark, pixels, outputs).table
    retrieval = table[table["reference"] == "retrieval"]
    assert retrieval.query("metric == 'mAP'").groupby("test_size")["map"].nunique().to_dict() == {
        "3": 5,
        "5": 5,
    }
    assert not retrieval.duplicated(["map", "test_size", "metric"]).any()
