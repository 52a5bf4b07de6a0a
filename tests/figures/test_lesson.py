"""The lesson's numbers against the equations in plain NumPy."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

import untrained_network
from masked_set import tiny_veri
from rnnha.figures import lesson
from rnnha.scoring import protocols

NAME = "0002_c001_00000001_0.png"


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return tiny_veri(tmp_path_factory.mktemp("set"))


@pytest.fixture(scope="module")
def opened(benchmark, tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "a.safetensors"
    untrained_network.save(file)
    return lesson.begin(benchmark, file)


def weights(layer):
    return layer.weight.detach().numpy(), layer.bias.detach().numpy()


def gru(cell, x, h):
    """Cho et al. 2014, as torch.nn.GRUCell orders its gates: reset, update, new."""
    wi, wh, bi, bh = (p.detach().numpy() for p in cell.parameters())
    i, g = np.split(wi @ x + bi, 3), np.split(wh @ h + bh, 3)
    r, z = (1 / (1 + np.exp(-(i[k] + g[k]))) for k in range(2))
    return (1 - z) * np.tanh(i[2] + r * g[2]) + z * h


def test_every_number_is_the_equations(opened):
    found = lesson.steps(opened, NAME)
    cell, attention = opened.model.steps.gru, opened.model.attention
    x1 = found.X.mean((1, 2))
    o1 = gru(cell, x1, np.zeros(len(found.o1)))
    (w3, b3), (w4, b4) = weights(attention.w3), weights(attention.w4)
    u = w4 @ np.maximum(w3 @ o1 + b3, 0) + b4
    s = np.tensordot(u, found.X, 1)
    positive = np.log1p(np.exp(s)) + 0.1
    a = positive / positive.sum()
    x2 = (a * found.X).sum((1, 2))
    w1, b1 = weights(opened.model.w1)
    e = np.exp(w1 @ o1 + b1)
    for symbol, expected in dict(x1=x1, o1=o1, u=u, s=s, a=a, x2=x2, coarse=e / e.sum()).items():
        np.testing.assert_allclose(getattr(found, symbol), expected, rtol=1e-3, atol=1e-5)
    np.testing.assert_allclose(found.o2, gru(cell, x2, o1), rtol=1e-3, atol=1e-5)
    assert found.a.sum() == pytest.approx(1) and (lesson.grid(found.a, 6).to_numpy() > 0).all()
    place = opened.seen.position(NAME)
    own = found.o2 / np.linalg.norm(found.o2)
    np.testing.assert_allclose(own, opened.seen.vectors["o2"][place], atol=1e-4)


def test_classes_are_named_as_in_the_set_that_was_learned(opened, benchmark, monkeypatch):
    assert opened.classes == ["1", "2"]  # a checkpoint that does not tell what it has learned
    assert lesson.class_names([1, 2], "rendered-veri", benchmark) == ["sedan", "van"]
    other = replace(benchmark, name="other", manifest=benchmark.manifest.assign(type="boat"))
    monkeypatch.setattr(lesson.sets, "load", {"rendered-veri": benchmark}.__getitem__)
    here = {"path": benchmark.root}
    monkeypatch.setattr(lesson.sets, "known", lambda name: SimpleNamespace(**here))
    assert lesson.class_names([2, 1], "rendered-veri", other) == ["van", "sedan"]
    here["path"] = benchmark.root / "nowhere"
    assert lesson.class_names([2, 1], "rendered-veri", other) == ["2", "1"]


def test_a_painted_map_is_what_the_fine_step_sees(opened):
    shape = lesson.steps(opened, NAME).a.shape
    mine = lesson.painted([(0, 0), (1, 2)], shape)
    assert mine[0, 0] == mine[1, 2] == 0.5 and mine.sum() == 1
    found = lesson.steps(opened, NAME, mine)
    np.testing.assert_allclose(found.x2, (found.X[:, 0, 0] + found.X[:, 1, 2]) / 2, rtol=1e-4)
    axes = lesson.neighbours(opened, NAME, attention=mine, count=3).axes
    o2 = found.o2 / np.linalg.norm(found.o2)
    distances = np.linalg.norm(opened.seen.vectors["o2"] - o2, axis=1)
    nearest = opened.seen.nearest(NAME, len(distances)).index  # the gallery without junk
    at = {name: distances[opened.seen.position(name)] for name in nearest}
    vehicles = opened.seen.images["vehicle_id"][sorted(at, key=at.get)[:3]]
    shown = [ax.get_xlabel().partition("\n")[0] for ax in axes[5:]]
    assert shown == [f"vehicle {vehicle}" for vehicle in vehicles]


def test_coarse_and_fine_searches_stand_beside_each_other(opened):
    axes = lesson.neighbours(opened, NAME, count=3).axes
    for row, by in ((axes[:4], "o1"), (axes[4:], "o2")):
        found = opened.seen.nearest(NAME, 3, by)["vehicle_id"]
        assert row[0].get_ylabel() == by
        assert [ax.get_xlabel().partition("\n")[0] for ax in row[1:]] == [
            f"vehicle {vehicle}" for vehicle in found
        ]


def test_a_painted_map_names_cells_of_the_grid(opened):
    shape = lesson.steps(opened, NAME).a.shape
    with pytest.raises(ValueError, match="not on the grid"):
        lesson.painted([(9, 0)], shape)
    with pytest.raises(ValueError, match="one cell at least"):
        lesson.painted([], shape)


def test_the_average_precision_is_the_protocols(opened):
    seen = opened.seen
    embed = protocols.by_name(seen.images.index, seen.vectors["o2"])
    scored = protocols.score(seen.benchmark, embed=embed, draws=None)
    scored = scored[scored["protocol"] == "image-to-image"].set_index("query")
    for name in scored.index:
        ranks = lesson.ranks(opened, name)
        precision = np.mean([i / rank for i, rank in enumerate(ranks, start=1)])
        assert precision == pytest.approx(scored.loc[name, "ap"])
        assert ranks[0] == scored.loc[name, "first_rank"] and len(ranks) == 2
        told = lesson.precisions(opened, name).loc["o2"]
        assert told.tolist() == [", ".join(map(str, ranks)), round(scored.loc[name, "ap"], 3)]


def test_the_ranks_with_another_map_are_those_of_the_image_with_that_map(opened):
    mine = lesson.painted([(1, 1)], lesson.steps(opened, NAME).a.shape)
    o2 = lesson.steps(opened, NAME, mine).o2
    distances = np.linalg.norm(opened.seen.vectors["o2"] - o2 / np.linalg.norm(o2), axis=1)
    kept = opened.seen.nearest(NAME, len(distances))["right"]  # the gallery without junk
    at = [distances[opened.seen.position(name)] for name in kept.index]
    expected = (np.flatnonzero(kept.to_numpy()[np.argsort(at)]) + 1).tolist()
    assert expected != lesson.ranks(opened, NAME)
    told = lesson.precisions(opened, NAME, mine)
    assert told.index.tolist() == ["o2, its own map", "o2, this map"]
    precision = np.mean([i / rank for i, rank in enumerate(expected, start=1)])
    assert told.iloc[1].tolist() == [", ".join(map(str, expected)), round(precision, 3)]


def test_the_figure_prints_each_cells_weight(opened):
    found = lesson.steps(opened, NAME)
    printed = [
        float(text.get_text()) for text in lesson.map_figure(opened, NAME, found).axes[1].texts
    ]
    np.testing.assert_allclose(printed, 100 * found.a.ravel(), atol=0.051)
