"""Figures from arrays and data frames: nothing here knows of files, runs or data sets.

Every function returns a matplotlib `Figure` without pyplot's state, so a notebook shows it once, as
the last value of a cell, and a script saves it without a display. Colours are seaborn's
colour-blind-safe palette; where colour says something (right or wrong), a sign says it too.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import BytesIO
from itertools import cycle
from types import MappingProxyType

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

PALETTE = sns.color_palette("colorblind", 10)
OTHER_PALETTE = sns.color_palette("Dark2", 8)  # where a colour must not mean what it did beside
GREY = "0.35"


class Drawing(Figure):
    """A figure that a notebook shows although pyplot does not know it."""

    def _repr_png_(self) -> bytes:
        buffer = BytesIO()
        self.savefig(buffer, format="png")
        return buffer.getvalue()


@contextmanager
def style(grid: bool = True) -> Iterator[None]:
    """Readable sizes for a page-wide figure, whatever style the caller has set."""
    style = sns.axes_style("whitegrid" if grid else "white")
    with mpl.rc_context({**style, **sns.plotting_context("notebook"), "figure.dpi": 110}):
        yield


Palette = Mapping[str, str | tuple[float, float, float]]  # a colour a name
Markers = Mapping[str, str]  # a matplotlib marker a name


def colours(names: Sequence[str]) -> Palette:
    """One colour a name, in order: ten that all eyes tell apart, then the same again."""
    return dict(zip(names, cycle(PALETTE), strict=False))


def cmc_curves(
    curves: dict[str, np.ndarray],
    title: str,
    dashed: Sequence[str] = (),
    palette: Palette | None = None,
    markers: Markers = MappingProxyType({}),
) -> Figure:
    """CMC curves: `curves[name]` float [ranks], in percent; names in `dashed` are drawn dashed."""
    palette = palette or colours(list(curves))
    with style():
        height = max(5.5, 0.27 * len(curves) + 0.6)  # so that the legend fits beside it
        figure = Drawing(figsize=(11, height), layout="constrained")
        ax = figure.subplots()
        for name, values in curves.items():
            ranks = np.arange(1, len(values) + 1)
            ax.plot(
                ranks,
                values,
                "--" if name in dashed else "-",
                color=palette[name],
                marker=markers.get(name, "o"),
                markersize=5,
                markevery=2,
                linewidth=1.4,
                label=name,
            )
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set(xlabel="rank k", ylabel="queries with a right match in the first k, %")
        _legend_beside(ax)
        figure.suptitle(title, fontsize=12)
    return figure


def training_curves(
    history: pd.DataFrame,
    title: str,
    palette: Palette | None = None,
    markers: Markers = MappingProxyType({}),
) -> Figure:
    """Loss and training accuracy of both heads, and the whole loss, over all epochs of all stages.

    `history` has columns method, seed, step (epochs counted through the stages), stage, loss and
    coarse_loss, fine_loss (nats), coarse_accuracy, fine_accuracy (percent); a head that a stage
    does not train is NaN there. Whole losses are of different kinds (a sum of heads, distances,
    adversaries), so each is shown as a share of what it is in the stage's first epoch. Lines are
    means over seeds, bands one standard deviation. A dotted vertical stands where the rows that
    start from a stage 0 begin.
    """
    stages = history.sort_values("step").groupby(["method", "seed", "stage"])
    first = stages["loss"].transform("first")
    history = history.assign(share=history["loss"] / first)
    panels = {
        "coarse_loss": "loss, coarse head",
        "fine_loss": "loss, fine head",
        "coarse_accuracy": "train accuracy, coarse head, %",
        "fine_accuracy": "train accuracy, fine head, %",
        "share": "whole loss, first epoch: 1",
    }
    names = list(history["method"].unique())
    palette = {name: (palette or colours(names))[name] for name in names}
    markers = {name: markers.get(name, "o") for name in names}
    # Where a stage begins: the first step of each stage but the first.
    changes = sorted(history.groupby("stage")["step"].min())[1:]
    with style():
        figure = Drawing(figsize=(11, 9.5), layout="constrained")
        *axes, beside = figure.subplots(3, 2, sharex=True).flat
        for ax, (column, label) in zip(axes, panels.items(), strict=True):
            shown = history.dropna(subset=column)
            if len(shown):  # a network without a coarse head has no such curve
                sns.lineplot(
                    shown,
                    x="step",
                    y=column,
                    hue="method",
                    hue_order=list(palette),
                    palette=palette,
                    style="method",
                    style_order=list(palette),
                    markers=markers,
                    dashes=False,
                    markevery=4,
                    errorbar="sd",
                    ax=ax,
                    legend=False,
                )
            for change in changes:
                ax.axvline(change - 0.5, color=GREY, linestyle=":", linewidth=1)
            ax.set(xlabel="epoch, stages one after the other", ylabel=label)
            ax.xaxis.get_major_locator().set_params(integer=True)
            ax.tick_params(labelbottom=True)
        handles = [
            Line2D([], [], color=palette[name], marker=markers[name], label=name) for name in names
        ]
        beside.set_axis_off()
        beside.legend(
            handles=handles, loc="center", ncols=2 if len(names) > 10 else 1, frameon=False
        )
        figure.suptitle(title)
    return figure


def adversaries(history: pd.DataFrame, title: str) -> Figure:
    """How VAMI's discriminator and generator stand against each other, epoch by epoch.

    `history` has columns seed, epoch, source_loss (nats) and, for the kinds real and generated,
    <kind>_told and <kind>_accuracy (percent). Lines are means over seeds, bands one standard
    deviation; dotted: a discriminator that cannot tell.
    """
    panels = {
        "told": ("taken for what they are, %", 50),
        "accuracy": ("vehicle told from them, %", None),
    }
    names = {"real": "real features", "generated": "inferred by the generator"}
    with style():
        figure = Drawing(figsize=(11, 4.2), layout="constrained")
        first, *others = figure.subplots(1, 3)
        how = dict(x="epoch", errorbar="sd", markersize=5, markeredgewidth=0, markevery=3)
        sns.lineplot(history, y="source_loss", color=GREY, marker="s", ax=first, **how)
        first.axhline(np.log(2), color=GREY, linestyle=":")
        first.set(ylabel='loss, "real or inferred"', ylim=(0, None))
        for ax, (measure, (label, chance)) in zip(others, panels.items(), strict=True):
            for (kind, name), colour, mark in zip(names.items(), PALETTE, "o^", strict=False):
                sns.lineplot(
                    history,
                    y=f"{kind}_{measure}",
                    color=colour,
                    marker=mark,
                    label=name,
                    legend=False,
                    ax=ax,
                    **how,
                )
            if chance is not None:
                ax.axhline(chance, color=GREY, linestyle=":")
            ax.set(ylabel=label, ylim=(0, 102))
        handles, _ = others[0].get_legend_handles_labels()
        handles.append(Line2D([], [], color=GREY, linestyle=":", label="it cannot tell"))
        figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False)
        figure.suptitle(title)
    return figure


def per_type(
    values: pd.DataFrame,
    title: str,
    ylabel: str = "mAP, %",
    palette: Palette | None = None,
    markers: Markers = MappingProxyType({}),
) -> Figure:
    """One group a vehicle type, one mark a method, bars = 95 % interval.

    `values`: columns type, method, n_vehicles, ours, ci_low, ci_high (percent).
    """
    types, methods = list(values["type"].unique()), list(values["method"].unique())
    counts = values.groupby("type")["n_vehicles"].first()
    offsets = np.linspace(-0.32, 0.32, len(methods)) if len(methods) > 1 else np.zeros(1)
    with style():
        figure = Drawing(figsize=(11, 6), layout="constrained")
        ax = figure.subplots()
        palette = palette or colours(methods)
        for method, offset in zip(methods, offsets, strict=True):
            rows = values[values["method"] == method].set_index("type").reindex(types)
            spread = np.stack([rows["ours"] - rows["ci_low"], rows["ci_high"] - rows["ours"]])
            ax.errorbar(
                np.arange(len(types)) + offset,
                rows["ours"],
                spread,
                fmt=markers.get(method, "o"),
                markersize=5,
                elinewidth=1.3,
                color=palette[method],
                label=method,
            )
        ax.set_xticks(range(len(types)), [f"{t}\n{counts[t]} vehicles" for t in types])
        ax.set_xlim(-0.5, len(types) - 0.5)
        ax.grid(False, axis="x")
        for edge in np.arange(len(types) - 1) + 0.5:
            ax.axvline(edge, color="0.85", linewidth=1)
        ax.set(ylabel=ylabel)
        figure.legend(loc="outside lower center", ncols=5, frameon=False)
        figure.suptitle(title, fontsize=12)
    return figure


def embedding_maps(
    planes: dict[str, np.ndarray], kind: Sequence, vehicle: Sequence, title: str
) -> Figure:
    """Points of several embeddings in two dimensions, a row each: by kind, then by vehicle.

    `planes[name]`: float [N, 2]; `kind` and `vehicle`: N labels. A kind has its mark in all panels,
    and in the left ones its colour; in the right ones the vehicles of a kind differ in colour, of
    another palette. At most 8 kinds, and 8 vehicles of each, can be told apart.
    """
    kind, vehicle = np.asarray(kind), np.asarray(vehicle)
    kinds = list(dict.fromkeys(kind))
    with style(grid=False):
        figure = Drawing(figsize=(11, 5 * len(planes) + 0.8), layout="constrained")
        grid = figure.subplots(len(planes), 2, squeeze=False)
        for (left, right), (name, points) in zip(grid, planes.items(), strict=True):
            for i, label in enumerate(kinds):
                _scatter(left, points[kind == label], i, PALETTE[i % 10], str(label))
                vehicles = dict.fromkeys(vehicle[kind == label])
                for colour, each in zip(cycle(OTHER_PALETTE), vehicles, strict=False):
                    _scatter(right, points[vehicle == each], i, colour, str(each))
            for ax, by in ((left, "kind"), (right, "vehicle")):
                ax.set_title(f"{name}, by {by}", fontsize=12)
                ax.set(xticks=[], yticks=[])
                ax.set_aspect("equal", adjustable="datalim")
        figure.legend(
            *grid[0, 0].get_legend_handles_labels(),
            loc="outside lower center",
            ncols=3,
            frameon=False,
            title="left: a colour is a kind; right: a colour and a mark together are one vehicle",
        )
        figure.suptitle(title)
    return figure


def _scatter(ax: Axes, points: np.ndarray, mark: int, colour: object, label: str) -> None:
    marker = "o^sDvPX*"[mark % 8]
    ax.scatter(
        *points.T, s=34, color=colour, marker=marker, edgecolor="white", linewidth=0.5, label=label
    )


def _legend_beside(ax: Axes) -> None:
    ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0, frameon=False)
