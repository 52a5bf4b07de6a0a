"""Figures that set rows beside one another: differences with intervals, and two orders.

Like `plots`, from data frames alone.
"""

from collections.abc import Iterable
from types import MappingProxyType

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnha.figures.plots import GREY, PALETTE, Drawing, Markers, Palette, style


def forest(differences: pd.DataFrame, title: str) -> Figure:
    """Differences with their 95 % intervals around a line at 0, the primary one in colour.

    `differences`: columns label, difference, ci_low, ci_high (percentage points), primary (bool);
    drawn from top to bottom in the order given.
    """
    with style():
        figure = Drawing(figsize=(11, 1.6 + 0.42 * len(differences)), layout="constrained")
        ax = figure.subplots()
        for y, row in enumerate(differences.itertuples()):
            colour = PALETTE[3] if row.primary else PALETTE[0]
            ax.errorbar(
                row.difference,
                y,
                color=colour,
                fmt="D" if row.primary else "o",
                capsize=3,
                xerr=[[row.difference - row.ci_low], [row.ci_high - row.difference]],
            )
            ax.annotate(
                "{:+.1f} [{:+.1f}, {:+.1f}]".format(
                    *(round(v, 1) + 0.0 for v in (row.difference, row.ci_low, row.ci_high))
                ),
                (1.01, y),
                xycoords=("axes fraction", "data"),
                va="center",
                color=colour,
                fontsize=10,
            )
        ax.axvline(0, color=GREY, linewidth=1.2)
        ax.set_yticks(range(len(differences)), differences["label"])
        for text, primary in zip(ax.get_yticklabels(), differences["primary"], strict=True):
            text.set_fontweight("bold" if primary else "normal")
        ax.set_ylim(len(differences) - 0.4, -0.6)
        ax.set(xlabel="percentage points, 95 % interval")
        figure.suptitle(title)
    return figure


def ahead(
    values: pd.DataFrame,
    panels: dict[str, str],
    title: str,
    palette: Palette,
    markers: Markers = MappingProxyType({}),
) -> Figure:
    """Differences with 95 % intervals around a line at 0: a panel a measure, a group a map, a
    colour and a marker a method.

    `values`: columns map, method, measure, ahead, ahead_low, ahead_high. panels: measure -> label.
    """
    maps = list(dict.fromkeys(values["map"]))
    methods = list(dict.fromkeys(values["method"]))
    offsets = np.linspace(-0.36, 0.36, len(methods))
    with style():
        rows = -(-len(panels) // 2)
        height = rows * (1.1 + 0.17 * len(maps) * len(methods)) + 1
        figure = Drawing(figsize=(11, height), layout="constrained")
        axes = figure.subplots(rows, 2, sharey=True).flat
        for ax, (measure, label) in zip(axes, panels.items(), strict=True):
            for row in values[values["measure"] == measure].itertuples():
                ax.errorbar(
                    row.ahead,
                    maps.index(row.map) + offsets[methods.index(row.method)],
                    xerr=[[row.ahead - row.ahead_low], [row.ahead_high - row.ahead]],
                    fmt=markers.get(row.method, "o"),
                    markersize=5,
                    color=palette[row.method],
                )
            ax.axvline(0, color=GREY, linewidth=1.2)
            ax.set(xlabel=label, ylim=(len(maps) - 0.5, -0.5))
            ax.set_yticks(range(len(maps)), maps)
            ax.grid(False, axis="y")
            for edge in np.arange(len(maps) - 1) + 0.5:
                ax.axhline(edge, color="0.85", linewidth=1)
        handles = [
            Line2D([], [], color=palette[name], marker=markers.get(name, "o"), label=name)
            for name in methods
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
        figure.suptitle(title)
    return figure


# A line a map, none of which looks like a row of the other figures (`marks`).
_LINES = {
    "attention": {"color": "black", "marker": "o", "zorder": 3},
    "attention, its mean map": {"color": "black", "linestyle": "--"},
    "Grad-CAM": {"color": "#4169e1", "marker": "H"},
    "Grad-CAM++": {"color": "#d81b60", "marker": "8"},
    "Eigen-CAM": {"color": "#c7a008", "marker": "v"},
    "the true cues": {"color": "#00875a", "linestyle": ":", "marker": "*"},
    "random cells": {"color": "0.45", "linestyle": ":", "marker": "|"},
}


def insertion_and_deletion(curves: pd.DataFrame, title: str) -> Figure:
    """mAP of searches with the highest cells of a map alone, and without them: a row of panels a
    method, a line a map.

    `curves`: columns method, map (of _LINES), curve, share (of the cells that are there), value.
    """
    methods = list(dict.fromkeys(curves["method"]))
    with style():
        height = 1.5 + 2.1 * len(methods)
        figure = Drawing(figsize=(11, height), layout="constrained")
        grid = figure.subplots(len(methods), 2, sharey=True, squeeze=False)
        for axes, method in zip(grid, methods, strict=True):
            for ax, curve in zip(axes, ("insertion", "deletion"), strict=True):
                part = curves[(curves["method"] == method) & (curves["curve"] == curve)]
                for name, look in _LINES.items():
                    line = part[part["map"] == name].sort_values("share")
                    kept = 100 * line["share"]
                    x = kept if curve == "insertion" else 100 - kept
                    ax.plot(x, line["value"], markersize=5, linewidth=1.3, **look)
                ax.set_title(f"{curve}, {method}", fontsize=11)
            axes[0].set_ylabel("mAP, %")
        grid[-1, 0].set_xlabel("the highest cells that are there alone, %")
        grid[-1, 1].set_xlabel("the highest cells that are left out, %")
        shown = {name: look for name, look in _LINES.items() if name in set(curves["map"])}
        handles = [Line2D([], [], label=name, **look) for name, look in shown.items()]
        figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
        figure.suptitle(title)
    return figure


def two_orders(rows: pd.DataFrame, title: str, palette: Palette, markers: Markers) -> Figure:
    """The poster's ranks on the left, ours on the right, a line a method; the best is on top.

    `rows`: columns method, paper, ours (percent), paper_rank, rank, rank_low, rank_high; a bar on
    the right is the 95 % interval of a rank.
    """
    with style(grid=False):
        figure = Drawing(figsize=(9.5, 1.6 + 0.36 * len(rows)), layout="constrained")
        ax = figure.subplots()
        lanes = _lanes(rows["rank_low"], rows["rank_high"])
        for row, lane in zip(rows.itertuples(), lanes, strict=True):
            colour, beside = palette[row.method], 1.025 + 0.015 * lane
            ends = [row.paper_rank, row.rank]
            ax.plot([0, 1], ends, markers[row.method], linestyle="-", color=colour)
            ax.plot([beside, beside], [row.rank_low, row.rank_high], color=colour, linewidth=3)
        # Equal numbers share a rank, and so a line of text; the axes' range has room for it.
        for (rank, paper), tied in rows.groupby(["paper_rank", "paper"]):
            text = f"{', '.join(tied['method'])}  {paper:.1f}"
            ax.annotate(text, (-0.03, rank), ha="right", va="center").set_in_layout(False)
        for (rank, ours), tied in rows.groupby(["rank", "ours"]):
            text = f"{ours:.1f}  {', '.join(tied['method'])}"
            aside = 1.04 + 0.015 * (max(lanes) + 1)
            ax.annotate(text, (aside, rank), va="center").set_in_layout(False)
        ax.set(xlim=(-0.95, 1.85), ylim=(len(rows) + 0.6, 0.4), yticks=[])
        ax.set_xticks([0, 1], ["poster", "here (bar: 95 % interval of the rank)"])
        sns.despine(ax=ax, left=True, bottom=True)
        figure.suptitle(title)
    return figure


def _lanes(low: Iterable[float], high: Iterable[float]) -> list[int]:
    """A lane for each interval, as few as can be, in which none touches another."""
    lanes: dict[int, int] = {}
    ends: list[float] = []  # where the last interval of each lane ends
    for number, (start, end) in sorted(enumerate(zip(low, high, strict=True)), key=lambda x: x[1]):
        lane = next((k for k, last in enumerate(ends) if last < start), len(ends))
        ends[lane : lane + 1] = [end]
        lanes[number] = lane
    return [lanes[number] for number in range(len(lanes))]
