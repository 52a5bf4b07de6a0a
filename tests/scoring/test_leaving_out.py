"""Insertion and deletion, against a literal version that builds every shortened query by hand."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import average_precision_score

from masked_set import tiny_veri
from noise_pictures import CELLS, batch_of, network, noise
from rnnha.data import subset
from rnnha.data.manifest import names_of
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import IdentityOnly
from rnnha.scoring import leaving_out
from rnnha.scoring.draws import draw
from small_benchmarks import vehicleid

KINDS = [("guided", "recurrent"), ("unguided", "recurrent"), ("uniform", "fully-connected")]


def by_hand(model, x: torch.Tensor, cells: list[tuple[int, int]]) -> torch.Tensor:
    """o2 of one map [d, h, w] from a list of its cells, as the equations have it."""
    columns = torch.stack([x[:, i, j] for i, j in cells])
    x1 = columns.mean(0, keepdim=True)
    o1 = model.steps.first(x1)
    own = model.attention(x[None], o1)[0]
    weights = torch.stack([own[i, j] for i, j in cells])
    x2 = (weights / weights.sum()) @ columns
    return model.steps.second(x2[None], o1)[0]


@pytest.mark.parametrize("kind, steps", KINDS)
def test_a_query_with_some_cells_is_the_network_on_these_cells(tmp_path, kind, steps):
    model = network(kind, steps)
    X = model.backbone(batch_of(noise(tmp_path))).detach()
    kept = torch.rand(len(X), CELLS, CELLS, generator=torch.Generator().manual_seed(0)) < 0.4
    kept[:, 1, 2] = True
    found = leaving_out.with_cells(leaving_out.on_features(model), X, kept)
    for o2, x, cells in zip(found, X, kept, strict=True):
        expected = by_hand(model, x, [tuple(c) for c in cells.nonzero().tolist()])
        torch.testing.assert_close(o2, expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind, steps", KINDS)
def test_with_all_cells_it_is_the_network_itself(tmp_path, kind, steps):
    model, pixels = network(kind, steps), noise(tmp_path)
    X = leaving_out.features(model, pixels)
    all_cells = torch.ones(len(X), CELLS, CELLS)
    found = leaving_out.with_cells(leaving_out.on_features(model), X, all_cells)
    torch.testing.assert_close(found, model(batch_of(pixels)).o2, atol=1e-5, rtol=1e-4)
    assert not isinstance(model.backbone, torch.nn.Identity)


def test_a_network_without_steps_is_the_mean_of_its_cells(tmp_path):
    model = IdentityOnly(SmallVGGM((4, 6, 8)), 7).eval()
    X = leaving_out.features(model, noise(tmp_path))
    kept = torch.zeros(len(X), CELLS, CELLS)
    kept[:, 0, 1] = kept[:, 3, 3] = 1
    found = leaving_out.with_cells(leaving_out.on_features(model), X, kept)
    torch.testing.assert_close(found, (X[:, :, 0, 1] + X[:, :, 3, 3]) / 2)


def test_the_highest_cells_and_chance_among_equal_ones():
    rng = np.random.default_rng(0)
    maps = rng.random((50, 3, 4))
    for count in (1, 5, 11):
        found = leaving_out.highest(maps, count)
        for values, chosen in zip(maps, found, strict=True):
            assert chosen.sum() == count and values[chosen].min() > values[~chosen].max()
    flat = leaving_out.highest(np.ones((4000, 2, 2)), 1)
    np.testing.assert_allclose(flat.mean(0), 0.25, atol=0.03)


def test_the_curves_are_those_of_a_literal_search(tmp_path):
    """Every query with its few cells, ranked against the whole gallery without junk, and scored by
    scikit-learn; areas by the trapezoid rule, worked out here."""
    benchmark, model = tiny_veri(tmp_path), network()
    test = subset.test_images(benchmark)
    names = np.array([Path(path).name for path in test["path"]])
    X = torch.randn(len(test), 8, CELLS, CELLS, generator=torch.Generator().manual_seed(0))
    maps = {"some": np.random.default_rng(1).random((len(test), CELLS, CELLS)).astype(np.float32)}
    head = leaving_out.on_features(model)
    found = leaving_out.curves(head, benchmark, names, X, maps)

    place = {name: i for i, name in enumerate(names)}
    model.requires_grad_(False)
    known = [torch.nn.functional.normalize(model.head(x[None]).o2[0], dim=0) for x in X]
    rows = {path: row for path, row in zip(names, test.itertuples(), strict=True)}
    for line in found.itertuples():
        i, query = place[line.query], rows[line.query]
        order = np.argsort(-maps["some"][i].ravel())
        count = round(line.share * CELLS**2)
        cells = order[:count] if line.curve == "insertion" else order[CELLS**2 - count :]
        o2 = by_hand(model, X[i], [divmod(int(c), CELLS) for c in cells])
        o2 = torch.nn.functional.normalize(o2, dim=0)
        ranked = [
            (rows[name].vehicle_id == query.vehicle_id, float(o2 @ known[place[name]]))
            for name in names
            if (rows[name].vehicle_id, rows[name].camera_id) != (query.vehicle_id, query.camera_id)
        ]
        assert line.ap == pytest.approx(average_precision_score(*zip(*ranked, strict=True)))
    assert set(found["curve"]) == {"insertion", "deletion"} and found["share"].nunique() > 8

    areas = leaving_out.areas(found).set_index(["curve", "query"])["area"]
    for (curve, query), part in found.groupby(["curve", "query"]):
        points = sorted(zip(part["share"], part["ap"], strict=True))
        steps = zip(points[:-1], points[1:], strict=True)
        area = sum((b[0] - a[0]) * (a[1] + b[1]) / 2 for a, b in steps)
        width = points[-1][0] - points[0][0]
        assert areas[curve, query] == pytest.approx(100 * area / width)


def test_vehicleids_curves_are_those_of_the_first_draw_of_its_largest_list(monkeypatch):
    """With all its cells a query is ranked among the one image of each vehicle that was drawn."""
    monkeypatch.setattr(leaving_out, "kept_draws", lambda: None)
    benchmark, _ = vehicleid(vehicles=12)
    images = benchmark.manifest.assign(name=names_of(benchmark.manifest))
    X = torch.randn(len(images), 8, CELLS, CELLS, generator=torch.Generator().manual_seed(4))
    model, maps = network(), {"some": np.random.default_rng(2).random((len(X), CELLS, CELLS))}
    names = images["name"].to_numpy()
    found = leaving_out.curves(leaving_out.on_features(model), benchmark, names, X, maps)

    with torch.no_grad():
        vectors = torch.nn.functional.normalize(model.head(X).o2, dim=1).numpy()
    drawn = draw(images, 0)
    gallery = np.array([name in drawn for name in names])
    owners = images["vehicle_id"].to_numpy()
    whole = found[found["share"] == 1].drop_duplicates("query").set_index("query")["ap"]
    assert set(whole.index) == set(names) - drawn
    for place in np.flatnonzero(~gallery):
        nearer = np.argsort(np.linalg.norm(vectors[gallery] - vectors[place], axis=1))
        rank = 1 + list(owners[gallery][nearer]).index(owners[place])
        assert whole[names[place]] == pytest.approx(1 / rank)


def test_a_map_that_knows_the_way_inserts_early_and_deletes_early():
    """Three queries whose AP is all or nothing with one cell: the area is what that cell brings."""
    shares = [1 / 4, 1 / 2, 1]
    lines = [
        {"map": "m", "curve": curve, "share": share, "query": f"q{q}", "vehicle_id": q, "ap": ap}
        for q in range(3)
        for curve, heights in (("insertion", (1, 1, 1)), ("deletion", (0, 0, 1)))
        for share, ap in zip(shares, heights, strict=True)
    ]
    areas = leaving_out.areas(pd.DataFrame(lines)).groupby("curve")["area"].mean()
    assert areas["insertion"] == pytest.approx(100)
    assert areas["deletion"] == pytest.approx(100 * (0.5 * 0.5) / 0.75)
