"""The poster's order and ours, on runs whose values are made by hand."""

import itertools

import numpy as np
import pytest

from fake_runs import queries, write_run
from rnnha.runs.results import Results
from rnnha.tables import order

POSTER = ["lomo", "bow-cn", "googlenet", "fact", "rnn-ha"]  # 9.64, 12.20, 17.89, 18.75, 52.88


def runs(folder, values, vehicles=6):
    """A run of each method; values: method -> AP of each vehicle's query."""
    for slug, aps in values.items():
        scores = {f"{i}.jpg": (i, ap, 1) for i, ap in enumerate(np.broadcast_to(aps, vehicles))}
        write_run(folder, "rendered-veri", slug, 0, queries(scores))
    return Results(folder, "rendered-veri")


@pytest.mark.parametrize(("ours", "tau"), [([1, 2, 3, 4, 5], 1), ([5, 4, 3, 2, 1], -1)])
def test_the_same_order_and_its_reverse(tmp_path, ours, tau):
    found = order.order(runs(tmp_path, {s: v / 10 for s, v in zip(POSTER, ours, strict=True)}))
    assert (found.tau, found.low, found.high) == pytest.approx((tau, tau, tau))
    ranks = found.rows.set_index("method")
    assert ranks.loc["RNN-HA", ["paper_rank", "paper"]].tolist() == [1, 52.88]
    assert ranks.loc["RNN-HA", ["rank", "rank_low", "rank_high"]].tolist() == [6 - ours[-1]] * 3


def test_tau_counts_pairs_and_ties(tmp_path):
    ours = {"lomo": 0.2, "bow-cn": 0.2, "googlenet": 0.1, "fact": 0.4, "rnn-ha": 0.3}
    found = order.order(runs(tmp_path, ours))
    pairs = list(itertools.combinations(ours.values(), 2))  # the poster's numbers ascend
    agree, against = sum(a < b for a, b in pairs), sum(a > b for a, b in pairs)
    tied = len(pairs) - agree - against
    expected = (agree - against) / np.sqrt(len(pairs) * (len(pairs) - tied))
    assert found.tau == pytest.approx(expected)


def test_an_order_that_vehicles_do_not_agree_on_has_a_wide_interval(tmp_path):
    split = {"lomo": [0.9, 0.1, 0.9, 0.1, 0.9, 0.1], "bow-cn": [0.1, 0.9, 0.1, 0.9, 0.1, 0.9]}
    found = order.order(runs(tmp_path, split | {"rnn-ha": 1.0}))
    assert found.rows.set_index("method").loc["LOMO", ["rank_low", "rank_high"]].tolist() == [2, 3]
    assert found.low == pytest.approx(1 / 3) and found.high == 1
    text = order.sentence(Results(tmp_path, "rendered-veri"))
    assert "3 methods" in text and "(rendered, synthetic)" in text and "0.33 to 1.00" in text


def test_two_methods_have_no_order(tmp_path):
    results = runs(tmp_path, {"lomo": 0.5, "rnn-ha": 0.6, "identity-only": 0.7})
    assert order.order(results) is None and order.sentence(results) == ""


@pytest.mark.parametrize(
    ("ours", "says"),
    [
        ([1, 2, 3, 4, 5], "The poster's order holds here."),
        ([2, 1, 3, 4, 5], "The poster's order holds in part here."),  # one pair of ten: .8, surely
        ([5, 4, 3, 2, 1], "The poster's order does not hold here."),
        ([3, 4, 1, 2, 2.5], "The poster's order does not hold here."),  # four of ten agree
    ],
)
def test_whether_the_order_holds_is_said_by_its_interval(tmp_path, ours, says):
    text = order.sentence(runs(tmp_path, {s: v / 10 for s, v in zip(POSTER, ours, strict=True)}))
    assert text.startswith(says)


def test_an_order_that_other_vehicles_might_repeat_holds(tmp_path):
    """Two neighbours of five change places on half of the vehicles, so that 1 is in reach."""
    ours = {s: np.full(6, v / 10) for s, v in zip(POSTER, range(1, 6), strict=True)}
    ours["lomo"] = np.array([0.1, 0.1, 0.1, 0.3, 0.3, 0.32])  # mean .203, BOW-CN's is .2
    assert order.sentence(runs(tmp_path, ours)).startswith("The poster's order holds here.")
