"""Intervals and paired differences that respect what is independent: the test vehicles.

Queries of one vehicle succeed and fail together, so vehicles are resampled, each with all its
queries (and, for VehicleID, with its queries in all draws); the gallery stays as it is. Values
are one per query, averaged over seeds beforehand: the interval is about other test vehicles,
not about other trainings.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

RESAMPLES = 9999
TAIL = (1 - 0.95) / 2  # to the last bit as scipy.stats.bootstrap has it
# A two-sided test at 5 % finds a true difference of so many standard errors in 80 % of cases.
POWER_80 = stats.norm.ppf(0.975) + stats.norm.ppf(0.80)


class Interval(NamedTuple):
    """A mean with its 95 % interval, in the unit of the values."""

    estimate: float
    low: float
    high: float
    standard_error: float
    n_vehicles: int


class Difference(NamedTuple):
    """A mean paired difference a - b with its 95 % interval, in the unit of the values."""

    estimate: float
    low: float
    high: float
    standard_error: float
    n_vehicles: int
    smallest: float
    """Smallest true difference found with 80 % probability at 5 %: 2.8 standard errors."""


def interval(values: ArrayLike, vehicles: ArrayLike) -> Interval:
    """95 % percentile bootstrap interval of the mean over queries, resampling vehicles.

    values: [N] one per query; NaN (no good match) is left out. vehicles: [N] identities.
    The standard error is that of the resamples; bounds are NaN with fewer than two vehicles.
    Raises ValueError when the lengths differ or no value is left.
    """
    sums, counts = _per_vehicle(values, vehicles)
    estimate = sums.sum() / counts.sum()
    if len(sums) < 2:
        return Interval(float(estimate), np.nan, np.nan, np.nan, len(sums))
    means = _means(sums, counts)
    low, high = stats.quantile(means, [TAIL, 1 - TAIL])
    return Interval(float(estimate), float(low), float(high), float(means.std(ddof=1)), len(sums))


def resampled_means(values: ArrayLike, vehicles: ArrayLike) -> NDArray[np.float64]:
    """Means of several systems over the same resamples of vehicles, [resamples, systems].

    values: [N, systems], of the same queries; a query is NaN for all systems or for none.
    """
    columns = [_per_vehicle(column, vehicles) for column in np.asarray(values, np.float64).T]
    return np.stack([_means(*column) for column in columns], axis=1)


def _means(sums: NDArray, counts: NDArray) -> NDArray[np.float64]:
    """The mean over queries in each resample of vehicles."""
    return np.concatenate(
        [
            np.take(sums, chosen).sum(axis=1) / np.take(counts, chosen).sum(axis=1)
            for chosen in _resamples(len(sums))
        ]
    )


def paired_difference(a: ArrayLike, b: ArrayLike, vehicles: ArrayLike) -> Difference:
    """Mean of a - b over the queries both were scored on, and its interval over vehicles.

    a, b: [N] values of the same queries in the same order; vehicles: [N] identities.
    Raises ValueError when lengths differ or one of a pair is NaN where the other is not.
    """
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.shape != b.shape or (np.isnan(a) != np.isnan(b)).any():
        raise ValueError(
            f"a {a.shape} and b {b.shape} are not values of the same queries; "
            "expected the same queries, with the same ones left out, in one order"
        )
    found = interval(a - b, vehicles)
    return Difference(*found, smallest=float(POWER_80 * found.standard_error))


def _per_vehicle(values: ArrayLike, vehicles: ArrayLike) -> tuple[NDArray, NDArray]:
    """Sum and number of the values of each vehicle that has any."""
    values, vehicles = np.asarray(values, np.float64), np.asarray(vehicles)
    if values.ndim != 1 or values.shape != vehicles.shape:
        raise ValueError(
            f"values {values.shape} and vehicles {vehicles.shape}; expected one vehicle a value"
        )
    known = ~np.isnan(values)
    if not known.any():
        raise ValueError("no query has a good match; nothing to average")
    _, vehicle = np.unique(vehicles[known], return_inverse=True)
    return np.bincount(vehicle, values[known]), np.bincount(vehicle).astype(np.float64)


def _resamples(n: int) -> Iterator[NDArray[np.intp]]:
    """The vehicles, 0..n - 1, of each resample, [some resamples, n] at a time.

    Resamples and bounds are those of scipy.stats.bootstrap, to the last bit. But a table has
    hundreds of cells over the same few numbers of vehicles, and scipy draws anew for each.
    """
    drawn = _drawn(n, RESAMPLES)
    rows = max(1, 10**5 // n)  # a block that the processor's cache holds
    for first in range(0, len(drawn), rows):
        yield drawn[first : first + rows].astype(np.intp)


@lru_cache(maxsize=32)
def _drawn(n: int, resamples: int) -> NDArray[np.unsignedinteger]:
    """All of `_resamples`, of the smallest type that holds n."""
    chosen = np.random.default_rng(0).integers(0, n, (resamples, n))
    return chosen.astype(np.min_scalar_type(n))
