"""The lesson: one image through RNN-HA with all its numbers, to be followed by hand.

Everything is computed from the network at hand; nothing is typed.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.figures import maps, plots
from rnnha.figures.of_data import nearest, place
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.images.decode import pixels
from rnnha.methods.finetuned import seen_by
from rnnha.methods.network import load_checkpoint
from rnnha.models.rnn_ha import EPSILON
from rnnha.runs.compare import CHECKPOINT
from rnnha.runs.outcome import Outcome, of_checkpoint
from rnnha.scoring import ranking


class Lesson(NamedTuple):
    """A trained RNN-HA in evaluation mode, what it makes of the test images, and the names of its
    coarse classes [C]."""

    model: nn.Module
    size: int
    seen: Outcome
    classes: list[str]


class Steps(NamedTuple):
    """What one image becomes on its way, float32; the letters are the equations'.

    X [d, h, w]; x1 [d]; o1 [H]; coarse [C], probabilities; u [d]; s, a [h, w]; x2 [d]; o2 [H].
    a is the map that was used, the network's own or one that was given.
    """

    X: NDArray
    x1: NDArray
    o1: NDArray
    coarse: NDArray
    u: NDArray
    s: NDArray
    a: NDArray
    x2: NDArray
    o2: NDArray

    @property
    def positive(self) -> NDArray:
        """softplus(s) + epsilon, [h, w]: what is divided by its sum."""
        return np.logaddexp(0, self.s) + EPSILON


def begin(benchmark: Benchmark, checkpoint: Path = CHECKPOINT) -> Lesson:
    """Open a checkpoint of RNN-HA and embed the test images: some 10 s for a thousand.

    Raises as `load_checkpoint` does, and ValueError for a network without guided attention.
    """
    model, info = load_checkpoint(checkpoint)
    if not hasattr(getattr(model, "attention", None), "w3"):
        raise ValueError(f"{checkpoint}: {info['row']} has no attention that is guided by o1")
    seen = of_checkpoint(benchmark, checkpoint)
    learned = seen_by(checkpoint)[-1]["dataset"]
    classes = class_names(info["coarse_labels"], learned, benchmark)
    return Lesson(model, info["image_size"], seen, classes)


def class_names(labels: Sequence[int], learned: str, benchmark: Benchmark) -> list[str]:
    """Names of the coarse classes that a network has learned in the set `learned`: the set at hand
    may have other classes of the same numbers. Only the numbers where that set is not here."""
    if learned != benchmark.name:
        if learned not in sets.SETS or not sets.known(learned).path.is_dir():
            return list(map(str, labels))
        benchmark = sets.load(learned)
    named = benchmark.manifest.dropna(subset="coarse_id").drop_duplicates("coarse_id")
    names = named.set_index("coarse_id")["type"].fillna("?").to_dict()
    return [str(names.get(label, label)) for label in labels]


@torch.no_grad()
def steps(lesson: Lesson, name: str, attention: NDArray | None = None) -> Steps:
    """The numbers of one test image; attention: another map [h, w] in place of the network's."""
    path = lesson.seen.images["path"].iloc[lesson.seen.position(name)]
    model = lesson.model
    X = model.backbone(normalise(Images([path], lesson.size).stack([0])))
    x1 = X.mean(dim=(2, 3))
    o1 = model.steps.first(x1)
    u = model.attention.w4(F.relu(model.attention.w3(o1)))
    s = torch.einsum("bd,bdhw->bhw", u, X)
    a = model.attention(X, o1) if attention is None else torch.tensor(attention[None]).to(X)
    x2 = model.attended(X, a)
    o2 = model.steps.second(x2, model.before_second(x1, o1))
    found = X, x1, o1, model.w1(o1).softmax(1), u, s, a, x2, o2
    return Steps(*(value[0].numpy() for value in found))


def overview(found: Steps) -> pd.DataFrame:
    """One row a symbol: its equation, how many numbers it has, the first three, and its length."""
    equations = {
        "X": "the feature map",
        "x1": "mean of X over the cells",
        "o1": "GRU(x1, 0)",
        "u": "W4 ReLU(W3 o1 + b3) + b4",
        "s": "⟨u, X⟩ in each cell",
        "a": "softplus(s) + ε, divided by the sum",
        "x2": "sum of a · X over the cells",
        "o2": "GRU(x2, o1)",
    }
    rows = []
    for symbol, equation in equations.items():
        value = getattr(found, symbol)
        first = ", ".join(f"{number:.3f}" for number in value.ravel()[:3])
        shape, length = " × ".join(map(str, value.shape)), float(np.linalg.norm(value))
        rows.append((symbol, equation, shape, f"{first}, …", round(length, 2)))
    columns = ["symbol", "equation", "numbers", "the first", "length"]
    return pd.DataFrame(rows, columns=columns).set_index("symbol")


def best_classes(lesson: Lesson, found: Steps, count: int = 5) -> pd.DataFrame:
    """The coarse classes that o1 takes the image for, the likeliest first, in percent."""
    order = np.argsort(-found.coarse)[:count]
    likely = (100 * found.coarse[order].astype(float)).round(1)
    return pd.DataFrame({"class": [lesson.classes[i] for i in order], "percent": likely})


def grid(values: NDArray, decimals: int = 3) -> pd.DataFrame:
    """A map [h, w] as a table of numbers, rows from the top of the picture."""
    names = [f"column {j}" for j in range(values.shape[1])]
    rows = [f"row {i}" for i in range(values.shape[0])]
    return pd.DataFrame(np.asarray(values, float).round(decimals), rows, names)


def painted(cells: Sequence[tuple[int, int]], shape: tuple[int, int]) -> NDArray[np.float32]:
    """An attention map of one's own: all weight, evenly, on the cells (row, column) named.

    Raises ValueError for no cell, or one that is not on the grid.
    """
    found = np.zeros(shape, np.float32)
    for row, column in cells:
        if not (0 <= row < shape[0] and 0 <= column < shape[1]):
            raise ValueError(
                f"cell ({row}, {column}) is not on the grid of {shape[0]} × {shape[1]}"
            )
        found[row, column] = 1
    if not found.any():
        raise ValueError("name one cell at least, as in [(2, 3)]")
    return found / found.sum()


def map_figure(lesson: Lesson, name: str, found: Steps) -> Figure:
    """The image, and the map with each cell's weight in percent printed on it."""
    row = lesson.seen.images.iloc[lesson.seen.position(name)]
    image, (h, w) = pixels(row["path"]), found.a.shape
    with plots.style(grid=False):
        figure = plots.Drawing(figsize=(10.5, 4.8), layout="constrained")
        left, right = figure.subplots(1, 2)
        left.imshow(image)
        right.imshow(maps.overlay(image, found.a, 0.7), extent=(0, w, h, 0), aspect="auto")
        for i in range(h):
            for j in range(w):
                text = f"{100 * found.a[i, j]:.1f}"
                box = {"facecolor": "black", "alpha": 0.45, "pad": 1, "linewidth": 0}
                at = (j + 0.5, i + 0.5)
                right.text(
                    *at, text, ha="center", va="center", color="white", fontsize=10, bbox=box
                )
        right.set(xticks=np.arange(w) + 0.5, yticks=np.arange(h) + 0.5)
        right.set(xticklabels=range(w), yticklabels=range(h), xlabel="column", ylabel="row")
        left.set(xticks=[], yticks=[], xlabel=f"vehicle {row['vehicle_id']}")
        even, where = 100 / (h * w), place(lesson.seen.benchmark)
        figure.suptitle(f"{where}: weight of each cell in percent, even is {even:.1f}\n{name}")
    return figure


def neighbours(
    lesson: Lesson, name: str, attention: NDArray | None = None, count: int = 5
) -> Figure:
    """The gallery images nearest to an image, by o1 above and by o2 below.

    attention [h, w]: above by o2 with the network's own map, below by o2 with this one; the gallery
    keeps its own.
    """
    found = {
        title: seen.nearest(name, count, by)
        for title, (seen, by) in _searches(lesson, name, attention).items()
    }
    return nearest(lesson.seen, name, found)


def precisions(lesson: Lesson, name: str, attention: NDArray | None = None) -> pd.DataFrame:
    """What the searches of `neighbours` are worth: of each the ranks of the right images, and the
    average precision (0 to 1)."""
    found = {
        title: _ranks(seen, name, by)
        for title, (seen, by) in _searches(lesson, name, attention).items()
    }
    return pd.DataFrame(
        [(", ".join(map(str, at)), round(precision, 3)) for at, precision in found.values()],
        index=pd.Index(found, name="search by"),
        columns=["right images at ranks", "average precision"],
    )


def ranks(lesson: Lesson, name: str) -> list[int]:
    """At which ranks the images of its vehicle come by o2, nearest first and without junk."""
    return _ranks(lesson.seen, name, "o2")[0]


def _searches(
    lesson: Lesson, name: str, attention: NDArray | None
) -> dict[str, tuple[Outcome, str]]:
    """By title, in which embeddings and by which state is searched."""
    if attention is None:
        return {by: (lesson.seen, by) for by in lesson.seen.vectors}
    other = _with_map(lesson, name, attention)
    return {"o2, its own map": (lesson.seen, "o2"), "o2, this map": (other, "o2")}


def _with_map(lesson: Lesson, name: str, attention: NDArray) -> Outcome:
    """All embeddings as they are, but for o2 of one image, which has another map."""
    vectors = lesson.seen.vectors["o2"].copy()
    o2 = steps(lesson, name, attention).o2[None]
    vectors[lesson.seen.position(name)] = ranking.unit(o2)[0]
    return replace(lesson.seen, vectors=lesson.seen.vectors | {"o2": vectors})


def _ranks(seen: Outcome, name: str, by: str) -> tuple[list[int], float]:
    """The ranks, and the average precision that they make: (1/N) sum i/r_i."""
    found = seen.nearest(name, len(seen.images), by)
    places = np.flatnonzero(found["right"]) + 1
    return places.tolist(), float(np.mean(np.arange(1, len(places) + 1) / places))
