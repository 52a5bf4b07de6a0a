"""Vehicle-level intervals against plain resampling, the normal formula and simulated truth."""

import numpy as np
import pytest
from scipy import stats

from rnnha.scoring import intervals
from rnnha.scoring.intervals import interval, paired_difference


def clustered(rng, vehicles=60, between=10.0, within=5.0):
    """Values whose vehicles differ, 1 to 9 queries each; true mean 50."""
    counts = rng.integers(1, 10, vehicles)
    vehicle = np.repeat(np.arange(vehicles), counts)
    shift = rng.normal(0, between, vehicles)
    return 50 + shift[vehicle] + rng.normal(0, within, len(vehicle)), vehicle


def test_interval_equals_plain_resampling_of_vehicles():
    rng = np.random.default_rng(0)
    values, vehicle = clustered(rng)
    means = []
    groups = [values[vehicle == v] for v in np.unique(vehicle)]
    for _ in range(3000):
        chosen = rng.integers(0, len(groups), len(groups))
        means.append(np.concatenate([groups[c] for c in chosen]).mean())
    found = interval(values, vehicle)
    assert found.estimate == pytest.approx(values.mean())
    low, high = np.percentile(means, [2.5, 97.5])
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.08 * (high - low))
    assert found.standard_error == pytest.approx(np.std(means), rel=0.05)
    assert found.n_vehicles == 60


@pytest.mark.parametrize("vehicles", [2, 13, 300])  # 300: more than a byte holds
def test_interval_is_scipys_percentile_bootstrap_to_the_last_bit(vehicles):
    values, vehicle = clustered(np.random.default_rng(7), vehicles)
    sums = np.bincount(vehicle, values)
    counts = np.bincount(vehicle).astype(float)
    expected = stats.bootstrap(
        (sums, counts),
        lambda s, n, axis: s.sum(axis) / n.sum(axis),
        paired=True,
        vectorized=True,
        n_resamples=9999,
        method="percentile",
        rng=np.random.default_rng(0),
    )
    for _ in range(2):  # the second time from what was drawn before
        found = interval(values, vehicle)
        assert (found.low, found.high) == tuple(expected.confidence_interval)
        assert found.standard_error == expected.standard_error


def test_one_query_a_vehicle_gives_the_textbook_interval():
    values = np.random.default_rng(1).normal(30, 8, 500)
    found = interval(values, np.arange(500))
    error = values.std(ddof=1) / np.sqrt(500)
    assert found.standard_error == pytest.approx(error, rel=0.03)
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.1 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.1 * error)


def test_interval_covers_the_truth_and_single_queries_would_not(monkeypatch):
    monkeypatch.setattr(intervals, "RESAMPLES", 299)
    rng = np.random.default_rng(2)
    by_vehicle = by_query = 0
    for _ in range(100):
        values, vehicle = clustered(rng)
        found = interval(values, vehicle)
        by_vehicle += found.low <= 50 <= found.high
        naive = interval(values, np.arange(len(values)))
        by_query += naive.low <= 50 <= naive.high
    assert 0.88 <= by_vehicle / 100 <= 0.99
    assert by_query / 100 < 0.8


def test_queries_without_match_are_left_out():
    values, vehicle = clustered(np.random.default_rng(3))
    padded = np.append(values, [np.nan, np.nan]), np.append(vehicle, [0, 999])
    assert interval(*padded) == interval(values, vehicle)
    with pytest.raises(ValueError, match="no query has a good match"):
        interval([np.nan], [1])
    with pytest.raises(ValueError, match="one vehicle a value"):
        interval([1.0, 2.0], [1])


def test_one_vehicle_has_a_mean_but_no_interval():
    found = interval([1.0, 3.0], [7, 7])
    assert found.estimate == 2
    assert np.isnan([found.low, found.high, found.standard_error]).all()


def test_pairing_removes_what_both_methods_share():
    rng = np.random.default_rng(4)
    values, vehicle = clustered(rng, vehicles=200)
    better = values + 1 + rng.normal(0, 1, len(values))
    found = paired_difference(better, values, vehicle)
    assert found.estimate == pytest.approx((better - values).mean())
    assert 0 < found.low < 1 < found.high
    assert found.high - found.low < 0.2 * (
        interval(values, vehicle).high - interval(values, vehicle).low
    )
    # The other way round is the mirror image.
    mirrored = paired_difference(values, better, vehicle)
    assert mirrored.estimate == -found.estimate
    assert mirrored.low == pytest.approx(-found.high, abs=0.02)


def test_interval_is_that_of_the_paired_test_where_queries_are_vehicles():
    rng = np.random.default_rng(5)
    a = rng.normal(50, 10, 300)
    b = a + rng.normal(0.6, 5, 300)
    found = paired_difference(a, b, np.arange(300))
    expected = stats.ttest_rel(a, b).confidence_interval()
    assert (found.low, found.high) == pytest.approx(tuple(expected), abs=0.05)


def test_smallest_difference_is_found_four_times_in_five():
    # A normal estimate that far from 0 has an interval without 0 with probability 0.8.
    a, vehicle = clustered(np.random.default_rng(6))
    found = paired_difference(a, np.zeros_like(a), vehicle)
    shown = stats.norm.sf(1.96, loc=found.smallest / found.standard_error)
    assert shown == pytest.approx(0.8, abs=0.001)


def test_the_queries_must_be_the_same():
    with pytest.raises(ValueError, match="same queries"):
        paired_difference([1.0, np.nan], [1.0, 2.0], [1, 2])
    with pytest.raises(ValueError, match="same queries"):
        paired_difference([1.0], [1.0, 2.0], [1, 2])
