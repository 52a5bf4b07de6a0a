"""Figures show the numbers they were given."""

import itertools

import numpy as np
import pandas as pd

from rnnha.figures import comparisons, plots


def test_cmc_curves_draw_the_given_values():
    figure = plots.cmc_curves(
        {"one": np.array([50.0, 75.0]), "two": np.array([20.0, 30.0])}, "t", dashed=["two"]
    )
    one, two = figure.axes[0].lines
    assert one.get_ydata().tolist() == [50, 75] and one.get_xdata().tolist() == [1, 2]
    assert (one.get_linestyle(), two.get_linestyle()) == ("-", "--")
    assert [t.get_text() for t in figure.axes[0].get_legend().get_texts()] == ["one", "two"]


def test_forest_draws_intervals_where_they_are_and_marks_the_primary_one():
    rows = pd.DataFrame(
        {
            "label": ["a", "b"],
            "difference": [1.0, -0.04],
            "ci_low": [0.5, -4.0],
            "ci_high": [2.0, 0.0],
            "primary": [True, False],
        }
    )
    ax = comparisons.forest(rows, "t").axes[0]
    ends = [bar.get_segments()[0][:, 0].tolist() for bar in ax.collections]
    assert ends == [[0.5, 2.0], [-4.0, 0.0]]
    weights = [t.get_fontweight() for t in ax.get_yticklabels()]
    assert weights == ["bold", "normal"] and ax.texts[0].get_text() == "+1.0 [+0.5, +2.0]"
    assert ax.texts[1].get_text() == "+0.0 [-4.0, +0.0]"


def test_training_curves_average_over_seeds_and_leave_out_heads_that_are_not_trained():
    rows = [
        {
            "method": m,
            "seed": seed,
            "stage": stage,
            "step": stage + 1,
            "loss": 2.0 + 2.0 * stage,
            "coarse_loss": coarse,
            "fine_loss": 1.0 + seed,
            "coarse_accuracy": coarse,
            "fine_accuracy": 50.0,
        }
        for m in ("A", "B")
        for seed in (0, 1)
        for stage, coarse in ((0, np.nan), (1, 3.0 if m == "A" else np.nan))
    ]
    figure = plots.training_curves(pd.DataFrame(rows), "t")
    coarse, fine = figure.axes[:2]
    assert [line.get_ydata().tolist() for line in fine.lines[:2]] == [[1.5, 1.5], [1.5, 1.5]]
    drawn = [line.get_ydata().tolist() for line in coarse.lines if len(line.get_xdata()) == 1]
    assert drawn == [[3.0]]
    # Whole losses of different kinds are told as shares of the stage's first epoch.
    share = [line.get_ydata().tolist() for line in figure.axes[4].lines[:2]]
    assert share == [[1.0, 1.0], [1.0, 1.0]]
    assert 1.5 in [line.get_xdata()[0] for line in fine.lines]  # the next stage begins here


def test_embedding_maps_colour_by_kind_then_by_vehicle():
    points = np.random.default_rng(0).random((6, 2))
    figure = plots.embedding_maps(
        {"o1": points, "o2": points}, list("aaabbb"), [1, 1, 2, 3, 3, 4], "t"
    )
    assert [len(ax.collections) for ax in figure.axes] == [2, 4, 2, 4]
    by_kind, by_vehicle = (
        [(tuple(c.get_facecolor()[0]), c.get_paths()[0].vertices.tobytes()) for c in ax.collections]
        for ax in figure.axes[:2]
    )
    assert len(set(by_vehicle)) == 4, "a colour and a mark are one vehicle"
    assert not {c for c, _ in by_kind} & {c for c, _ in by_vehicle}, "no colour means two things"
    (a, b), (first, _, third, _) = ([m for _, m in marks] for marks in (by_kind, by_vehicle))
    assert (a, b) == (first, third) and a != b
    shown = np.concatenate([c.get_offsets() for c in figure.axes[3].collections])
    assert np.allclose(shown, points)


def test_a_notebook_shows_a_figure_without_pyplot():
    figure = plots.cmc_curves({"one": np.array([50.0, 75.0])}, "t")
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_intervals_of_ranks_do_not_cover_each_other():
    """Bars that reach into each other stand apart, however many there are."""
    names = list("abcdefg")
    rows = pd.DataFrame({"method": names, "paper": 10.0, "ours": range(7), "rank": range(1, 8)})
    rows = rows.assign(paper_rank=rows["rank"], rank_low=[1, 1, 1, 1, 4, 5, 7])
    rows["rank_high"] = [3, 2, 4, 5, 6, 6, 7]
    marks = dict.fromkeys(names, "o")
    figure = comparisons.two_orders(rows, "orders", dict.fromkeys(names, "black"), marks)
    bars = [line.get_xydata() for line in figure.axes[0].lines if line.get_linewidth() == 3]
    assert len(bars) == 7
    for bar, other in itertools.combinations(bars, 2):
        if max(bar[0, 1], other[0, 1]) <= min(bar[1, 1], other[1, 1]):
            assert abs(bar[0, 0] - other[0, 0]) > 0.01
    texts = [text.xy[0] for text in figure.axes[0].texts if text.xy[0] > 0]
    assert min(texts) > max(bar[:, 0].max() for bar in bars)
