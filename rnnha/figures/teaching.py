"""The lesson's figures by name, for slides and for other people's talks."""

from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from rnnha.data.manifest import Benchmark
from rnnha.figures import lesson, of_data, of_outcome
from rnnha.paths import atomic
from rnnha.runs.compare import CHECKPOINT

WIDTH = 1920  # pixels of a PNG


def drawn(benchmark: Benchmark, checkpoint: Path = CHECKPOINT) -> Iterator[tuple[str, Figure]]:
    """Name and figure, in the lesson's order. Raises as `of_data.twins` and `lesson.begin` do."""
    yield "models", of_data.one_of_each(benchmark, "model")
    twins = of_data.twins(benchmark)
    yield "look-alikes", of_data.plain(benchmark, twins, "four vehicles, one model, one paint")
    yield "cues", of_data.masked(benchmark, twins)
    opened, name = lesson.begin(benchmark, checkpoint), twins[0]
    found = lesson.steps(opened, name)
    yield "weights", lesson.map_figure(opened, name, found)
    even = np.full_like(found.a, 1 / found.a.size)
    yield "nearest", lesson.neighbours(opened, name)
    yield "nearest-even", lesson.neighbours(opened, name, attention=even)
    yield "attention", of_outcome.grid(opened.seen, twins, gradcam=False)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Save a figure as <name>.png, WIDTH pixels wide, and as <name>.svg; return their paths."""
    files = [Path(folder) / f"{name}.png", Path(folder) / f"{name}.svg"]
    with atomic(files[0]) as temporary:
        dpi = WIDTH / figure.get_figwidth()
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})
    with atomic(files[1]) as temporary, mpl.rc_context({"svg.hashsalt": name}):
        figure.savefig(temporary, metadata={"Date": None})
    return files
