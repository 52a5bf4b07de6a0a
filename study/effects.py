"""From the levels' small results to the study's measures and effects."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rnnha.scoring.intervals import POWER_80
from rnnha.scoring.look_alikes import SUFFIX
from study.conditions import CONDITIONS, LEVELS, ROWS, Condition, Level
from study.run import UNTRAINED, read

MEASURES = {  # name: (row minus row, protocol); the first decides
    "RNN-HA minus RNN-H": ("rnn-ha", "rnn-h", "image-to-image"),
    "RNN-HA minus unguided": ("rnn-ha", "rnn-ha-unguided", "image-to-image"),
    "RNN-HA minus RNN-H, look-alikes": ("rnn-ha", "rnn-h", f"image-to-image{SUFFIX}"),
    "RNN-HA minus unguided, look-alikes": (
        *("rnn-ha", "rnn-ha-unguided"),
        f"image-to-image{SUFFIX}",
    ),
}
PRIMARY = next(iter(MEASURES))
CONFIDENCE = 1 - 0.05 / len(CONDITIONS)
LEARNED = 5.0  # points of mAP above the network that is not trained
NORMAL = stats.norm.ppf((1 + CONFIDENCE) / 2)


def differences(level: Level, measure: str) -> list[pd.DataFrame] | None:
    """What each test vehicle's queries add to a measure; None without results.

    A table for each protocol whose mean the level is: a line a vehicle, a column a seed with the
    sum of differences in points of AP, and "queries", their number.
    """
    found = read(level)
    if found is None:
        return None
    subject, minus, protocol = MEASURES[measure]
    parts = [
        _difference(found[found["protocol"] == each], subject, minus)
        for each in _inside(level, protocol)
    ]
    return None if any(part.empty for part in parts) else parts


def _inside(level: Level, protocol: str) -> list[str]:
    """The protocols whose mean a level is: one within each of its views, or the one itself."""
    return [f"{protocol} ({view})" for view in level.views] or [protocol]


def _difference(found: pd.DataFrame, subject: str, minus: str) -> pd.DataFrame:
    wide = found.pivot(index="vehicle_id", columns=["row", "seed"], values="mAP")
    if wide.empty:
        return wide
    queries = found.groupby("vehicle_id")["queries"].first()
    return (wide[subject] - wide[minus]).mul(queries, axis=0).assign(queries=queries)


class Estimate(NamedTuple):
    """A difference in points of mAP, the same seed by seed, and how far other test vehicles would
    move it: its standard error and its 95 % interval."""

    value: float
    by_seed: pd.Series
    error: float
    low: float
    high: float
    n_vehicles: int


def estimated(parts: list[pd.DataFrame], minus: Sequence[pd.DataFrame] = ()) -> Estimate:
    """The mean over protocols of `parts`, less that of `minus`, which has the same vehicles.

    Of each protocol it is the mean over queries, as mAP is. The bootstrap resamples vehicles, with
    all that they have in every protocol.
    """
    tables = [*parts, *minus]
    weights = [sign / len(side) for sign, side in ((1, parts), (-1, minus)) for _ in side]
    vehicles = sorted(set().union(*(table.index for table in tables)))
    tables = [table.reindex(vehicles, fill_value=0) for table in tables]

    def statistic(*columns, axis=-1):
        pairs = zip(weights, columns[::2], columns[1::2], strict=True)
        return sum(w * np.sum(s, axis=axis) / np.sum(n, axis=axis) for w, s, n in pairs)

    sums = [table.drop(columns="queries") for table in tables]
    counts = [table["queries"].to_numpy(float) for table in tables]
    data = [x for s, n in zip(sums, counts, strict=True) for x in (s.mean(axis=1).to_numpy(), n)]
    found = stats.bootstrap(data, statistic, paired=True, method="percentile", rng=0)
    by_seed = sum(w * s.sum() / n.sum() for w, s, n in zip(weights, sums, counts, strict=True))
    bounds = found.confidence_interval
    return Estimate(
        float(statistic(*data)),
        by_seed,
        float(found.standard_error),
        *map(float, bounds),
        len(vehicles),
    )


def reached(level: Level, row: str) -> float:
    """The mAP of a row over seeds, image to image; at a level of views the mean of theirs."""
    found, protocol = read(level), MEASURES[PRIMARY][2]
    of_row = found[found["row"] == row]
    parts = [of_row[of_row["protocol"] == each] for each in _inside(level, protocol)]
    return float(np.mean([np.average(p["mAP"], weights=p["queries"]) for p in parts]))


def has_learned(level: Level) -> bool:
    """Whether RNN-H is LEARNED points above the untrained network (within all views)."""
    whole = LEVELS[level.trained]
    return reached(whole, "rnn-h") > reached(whole, UNTRAINED) + LEARNED


def of_levels() -> pd.DataFrame:
    """Every measure at every level with its 95 % interval: level, measure, value, low, high,
    n_vehicles, by_seed, and the mAP of each row at the level."""
    rows = []
    for level in LEVELS.values():
        if differences(level, PRIMARY) is None:
            continue
        means = {f"mAP of {row}": reached(level, row) for row in ROWS}
        for measure in MEASURES:
            if (parts := differences(level, measure)) is None:
                continue
            found = estimated(parts)
            rows.append(
                {
                    "level": level.name,
                    "measure": measure,
                    "value": found.value,
                    "ci_low": found.low,
                    "ci_high": found.high,
                    "n_vehicles": found.n_vehicles,
                    "by_seed": " ".join(f"{v:+z.2f}" for v in found.by_seed),
                    **means,
                }
            )
    return pd.DataFrame(rows)


def of_conditions() -> pd.DataFrame:
    """The effect of every condition whose two ends have results, in the direction of the paper's
    idea: condition, effect, low, high (at CONFIDENCE), smallest, by_seed, says."""
    rows = []
    for condition in CONDITIONS:
        found = _effect(LEVELS[condition.helped], LEVELS[condition.other])
        if found is None:
            continue
        effect, error, by_seed = found
        low, high = effect - NORMAL * error, effect + NORMAL * error
        learned = all(has_learned(LEVELS[end]) for end in (condition.low, condition.high))
        side = int(np.sign(by_seed.iloc[0])) if by_seed.map(np.sign).nunique() == 1 else 0
        rows.append(
            {
                "condition": condition.title,
                "effect": effect,
                "low": low,
                "high": high,
                "smallest": (NORMAL - stats.norm.ppf(0.975) + POWER_80) * error,
                "by_seed": " ".join(f"{v:+z.2f}" for v in by_seed),
                "says": _says(condition, low, high, side, learned),
            }
        )
    return pd.DataFrame(rows)


def _effect(helped: Level, other: Level) -> tuple[float, float, pd.Series] | None:
    """The difference of two levels, its standard error, and the difference seed by seed; None
    where one of them has no results.

    Vehicles of one rendered set are paired. Those of two sets are different ones, though their
    numbers may be the same, and variances add up.
    """
    one, two = differences(helped, PRIMARY), differences(other, PRIMARY)
    if one is None or two is None:
        return None
    if helped.rendered == other.rendered:
        found = estimated(one, minus=two)
        return found.value, found.error, found.by_seed
    first, second = estimated(one), estimated(two)
    error = np.hypot(first.error, second.error)
    return first.value - second.value, error, first.by_seed - second.by_seed


def _says(condition: Condition, low: float, high: float, side: int, learned: bool) -> str:
    if not learned:
        return "a network did not learn: says nothing"
    if low > 0 and side > 0:
        return f"attention helps more where {condition.where}"
    if high < 0 and side < 0:
        return f"attention helps less where {condition.where}"
    return "no effect was found"
