"""The study for reading: its page, its sentences and its picture, from `effects`."""

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from rnnha.figures import plots
from rnnha.paths import atomic
from rnnha.tables.pages import markdown_page
from study.conditions import CONDITIONS, LEVELS
from study.effects import CONFIDENCE, MEASURES, PRIMARY, of_conditions, of_levels
from study.run import made


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
        canvas = plots.Drawing(figsize=(11, 6.4), layout="constrained")
        axes = canvas.subplots(2, 4, sharey=True)
        for ax, condition in zip(axes.flat, CONDITIONS, strict=False):
            settings = {k: text for k, text in condition.levels.items() if k in known.index}
            shown = known.loc[list(settings)]
            spread = [shown["value"] - shown["ci_low"], shown["ci_high"] - shown["value"]]
            # No row's colour: a point is a difference of two.
            ax.errorbar(range(len(shown)), shown["value"], spread, fmt="D-", color="black")
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
