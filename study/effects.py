"""From the levels' small results to the study's table, sentences and picture."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy import stats

from rnnha.figures import plots
from rnnha.paths import atomic
from rnnha.scoring.intervals import POWER_80
from rnnha.scoring.look_alikes import SUFFIX
from rnnha.tables.pages import markdown_page
from study.conditions import CONDITIONS, LEVELS, ROWS, Condition, Level
from study.run import UNTRAINED, made, read

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


# --- for reading --------------------------------------------------------------------------------


def write(folder: Path) -> list[Path]:
    """Write tables/study.md, tables/study.csv and figures/study.png; none without results."""
    levels, conditions = of_levels(), of_conditions()
    if levels.empty:
        return []
    page, csv = (folder / "tables" / f"study{end}" for end in (".md", ".csv"))
    with atomic(csv) as temporary:
        levels.to_csv(temporary, index=False, float_format="%.3f", lineterminator="\n")
    with atomic(page) as temporary:
        notes = [*NOTES, *_left(levels), _made(levels)]
        text = markdown_page(TITLE, _page(levels, conditions), notes, sentences(conditions))
        temporary.write_text(text, encoding="utf-8")
    picture = folder / "figures" / "study.png"
    with atomic(picture) as temporary:
        figure(levels).savefig(temporary, dpi=120, metadata={"Software": None})
    return [page, csv, picture]


TITLE = "When does attention help? (rendered, synthetic)"
NOTES = (
    "The plan, written before any of these pictures: docs/study.md. RNN-HA minus another row in "
    "points of mAP, image to image, o2, three seeds, 95 % intervals over test vehicles.",
    f"An effect is the difference of a condition's two ends, where the paper's idea says that "
    f"attention helps more minus the other; its interval is one of {100 * CONFIDENCE:.1f} %, for "
    f"{len(CONDITIONS)} conditions are asked. Look-alikes are vehicles of one model and paint; "
    "within one side their pictures from that side are ranked.",
)


def _left(levels: pd.DataFrame) -> list[str]:
    """What has not been run yet, so that nobody takes a part of the study for the whole."""
    left = [name for name in LEVELS if name not in set(levels["level"])]
    done = len(LEVELS) - len(left)
    return [f"{done} of {len(LEVELS)} settings have been run; left: {', '.join(left)}."] * bool(
        left
    )


def _made(levels: pd.DataFrame) -> str:
    """By which states of the code: who reads effects across several can look at what differs."""
    heads: dict[str, list[str]] = {}
    for name in levels["level"].unique():
        heads.setdefault(made(LEVELS[name]), []).append(name)
    return "Made by: " + "; ".join(f"{what} ({', '.join(names)})" for what, names in heads.items())


def _page(levels: pd.DataFrame, conditions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    cells = levels.assign(
        cell=[f"{r.value:+z.1f} [{r.ci_low:+z.1f}, {r.ci_high:+z.1f}]" for r in levels.itertuples()]
    )
    wide = cells.pivot(index="level", columns="measure", values="cell").fillna("")
    wide = wide.loc[levels["level"].unique(), [m for m in MEASURES if m in wide]]
    of_rnn_h = levels.groupby("level")["mAP of rnn-h"].first().map("{:.1f}".format)
    wide = wide.assign(**{"mAP of RNN-H": of_rnn_h}).reset_index()
    pages = {"Every setting": wide}
    if len(conditions):
        effects = pd.DataFrame(
            {
                "condition": conditions["condition"],
                "effect": [
                    f"{r.effect:+z.1f} [{r.low:+z.1f}, {r.high:+z.1f}]"
                    for r in conditions.itertuples()
                ],
                "seed by seed": conditions["by_seed"],
                "says": conditions["says"],
            }
        )
        pages = {"The conditions": effects} | pages
    return pages


def sentences(conditions: pd.DataFrame) -> str:
    """What each condition says, one sentence each."""
    return " ".join(_sentences(conditions))


def _sentences(conditions: pd.DataFrame) -> Iterator[str]:
    for r in conditions.itertuples():
        found = f"{r.effect:+z.1f} points [{r.low:+z.1f}, {r.high:+z.1f}]"
        power = (
            f"; {r.smallest:.1f} points would have been found with 80 % probability"
            if r.says.startswith("no effect")
            else ""
        )
        yield f"{r.condition.capitalize()}: {r.says}: {found}{power}."


def figure(levels: pd.DataFrame) -> Figure:
    """The measure with its interval at the settings of every condition, a panel each."""
    known = levels[levels["measure"] == PRIMARY].set_index("level")
    with plots.style():
        canvas = plots.Drawing(figsize=(13, 6.4), layout="constrained")
        axes = canvas.subplots(2, 4, sharey=True)
        for ax, condition in zip(axes.flat, CONDITIONS, strict=False):
            settings = {k: text for k, text in condition.levels.items() if k in known.index}
            shown = known.loc[list(settings)]
            spread = [shown["value"] - shown["ci_low"], shown["ci_high"] - shown["value"]]
            ax.errorbar(range(len(shown)), shown["value"], spread, fmt="o-", color=plots.PALETTE[0])
            ax.axhline(0, color=plots.GREY, linewidth=1.2)
            ax.set_xticks(range(len(shown)), settings.values())
            ax.set_xlim(-0.5, max(len(shown) - 0.5, 0.5))
            ax.set_title(condition.title, fontsize=12)
        for ax in axes.flat[len(CONDITIONS) :]:
            ax.set_axis_off()
        for ax in axes[:, 0]:
            ax.set_ylabel("RNN-HA minus RNN-H,\npoints of mAP")
        canvas.suptitle(f"{TITLE}: above 0 attention is ahead; 95 % intervals over vehicles")
    return canvas
