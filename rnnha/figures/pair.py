"""Two pictures side by side, as `rnnha compare` shows them."""

from pathlib import Path

from matplotlib.backend_bases import FigureCanvasBase
from matplotlib.figure import Figure

from rnnha.figures import maps
from rnnha.paths import atomic
from rnnha.runs.compare import Pair


def figure(pair: Pair) -> Figure:
    """Both pictures with their attention maps."""
    (a, b), (map_a, map_b) = pair.images, pair.attention
    return maps.pair_figure(a, map_a, b, map_b, pair.text)


def expect_format(path: Path) -> None:
    """Raise ValueError unless the suffix is of a format that a figure can be saved in."""
    known = FigureCanvasBase.filetypes
    if path.suffix.lower().lstrip(".") not in known:
        raise ValueError(f"{path}: no format of figures; known: .{', .'.join(sorted(known))}")


def save(pair: Pair, path: Path) -> None:
    """Save `figure`; the suffix decides the format."""
    with atomic(path) as temporary:
        figure(pair).savefig(temporary, dpi=120)
