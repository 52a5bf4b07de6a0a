"""What Python answers to the explorer's questions, as JSON.

`index` says what there is to choose; `network`, `weights`, `image`, `picture` and `thumbnail` are
asked for as they are needed. A *place* is the number of a test image in its data set, in the order
of `outcome.test_table`.
"""

import base64
from functools import lru_cache
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.explorer import sources
from rnnha.explorer.packing import pack
from rnnha.explorer.sources import Source
from rnnha.figures.maps import CUE
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.images.decode import pixels
from rnnha.models.rnn_ha import EPSILON, FullyConnectedSteps, UnguidedAttention
from rnnha.runs.outcome import Outcome, test_table
from rnnha.scoring.attention import mask_grid
from rnnha.scoring.swap import distribution

LISTED = 12  # nearest images of a ranking that Python made, as many as are shown
THUMBNAIL = 112  # pixels of the longer side, in lists
COLOURS = 33  # of the colour map, to be interpolated


@lru_cache(maxsize=8)
def test_set(dataset: str) -> tuple[Benchmark, pd.DataFrame]:
    """A data set, and its test images with their places as the order."""
    benchmark = sets.load(dataset)
    return benchmark, test_table(benchmark)


# --- what there is to choose --------------------------------------------------------------------


def index(offered: list[Source], images: dict[str, list[str]] | None = None) -> dict:
    """Data sets, networks, and the images that can be looked into, by vehicle.

    images: their names by data set, first the one to begin with; a set that is not named offers
    every test image.
    """
    images = images or {}
    names = list(dict.fromkeys(source.dataset for source in offered))
    colours = mpl.colormaps["inferno"](np.linspace(0, 1, COLOURS))[:, :3]
    return {
        "sets": {name: _set(name, images.get(name)) for name in names},
        "networks": [_network(source) for source in offered],
        "epsilon": EPSILON,
        "colours": np.rint(255 * colours).astype(int).tolist(),
        "cue": np.rint(255 * np.array(CUE)).astype(int).tolist(),
    }


def _network(source: Source) -> dict:
    sets_seen = source.learned_from
    trained = (
        f"trained on {' and '.join(map(sets.place, sets_seen))}" if sets_seen else "not trained"
    )
    other = bool(sets_seen) and source.dataset not in sets_seen
    return {
        "key": source.key,
        "set": source.dataset,
        "title": source.title,
        "weights": source.weights,
        "trained": trained + (", another set" if other else ""),
        "attends": source.attends,
    }


def _set(name: str, images: list[str] | None) -> dict:
    benchmark, table = test_set(name)
    shown = table if images is None else table.loc[images]
    shown = shown.assign(place=table.index.get_indexer(shown.index))
    return {
        "name": sets.title(sets.name_of(name)),
        "title": sets.place(sets.name_of(name)),
        "synthetic": benchmark.synthetic,
        "protocol": _protocol(benchmark, table),
        "vehicle": table["vehicle_id"].tolist(),
        "camera": [None if pd.isna(camera) else int(camera) for camera in table["camera_id"]],
        "gallery": table["gallery"].astype(int).tolist(),
        "looks": table.apply(_kind, axis=1).tolist(),
        "tells": "model" in table,
        "seen": table.apply(_seen, axis=1).tolist(),
        "start": int(shown["place"].iloc[0]),
        "vehicles": [
            [int(vehicle), _kind(rows.iloc[0]), rows["place"].tolist()]
            for vehicle, rows in shown.groupby("vehicle_id")
        ],
    }


def _protocol(benchmark: Benchmark, table: pd.DataFrame) -> str:
    ranked = f"{int(table['gallery'].sum()):,} gallery images are ranked"
    if benchmark.protocol == "veri":
        return f"{ranked}; those of the vehicle from the same camera are left out, as on VeRi-776."
    if benchmark.protocol == "vehicleid":
        return f"{ranked}; the tables draw one image a vehicle instead."
    return f"{ranked}."


def _kind(row: pd.Series) -> str:
    """What all images of a vehicle share. Where a set tells model and paint, vehicles with the same
    text look alike but for cues."""
    known = [row.get("model"), row.get("paint")] if "model" in row else [row["type"], row["color"]]
    return ", ".join(str(value) for value in known if not pd.isna(value))


def _seen(row: pd.Series) -> str:
    """From where an image was taken."""
    view = str(row["view"]).replace("-", " ") if "view" in row else ""
    camera = "" if pd.isna(row["camera_id"]) else f"camera {row['camera_id']}"
    return ", ".join(filter(None, [view, camera]))


# --- a network ----------------------------------------------------------------------------------


def network(source: Source) -> dict:
    """o2 of all test images that it embedded, by `places`.

    scale: of x2, 1 but for the rows "as released".
    """
    found, (model, _) = sources.seen(source), sources.network(source)
    return {
        "scale": _scale(model, found.maps["attention"].shape[1:]),
        "places": _places(source.dataset, found),
        "o2": pack(found.vectors["o2"], 16),
    }


@torch.no_grad()
def weights(source: Source) -> dict:
    """The fine step's weights.

    kind "recurrent": a GRU cell's, gates in PyTorch's order (reset, update, new);
    "fully-connected": ReLU(v x + c).
    """
    steps = sources.network(source)[0].steps
    if isinstance(steps, FullyConnectedSteps):
        kind, named = "fully-connected", {"v": steps.v2.weight, "c": steps.v2.bias}
    else:
        kind, named = "recurrent", dict(steps.gru.named_parameters())
    packed = {name: pack(v.numpy(), 16 if v.ndim == 2 else 32) for name, v in named.items()}
    return {"kind": kind, "weights": packed}


@torch.no_grad()
def _scale(model: nn.Module, grid: tuple[int, int]) -> float:
    """What the network makes of a feature map that is 1 everywhere, with even weights."""
    X = torch.ones(1, model.backbone.channels, *grid)
    return float(model.attended(X, torch.full((1, *grid), 1 / (grid[0] * grid[1])))[0, 0])


def _places(dataset: str, found: Outcome) -> list[int]:
    """The place of each image of an outcome; a run of profile smoke has a part of the set."""
    return test_set(dataset)[1].index.get_indexer(found.images.index).tolist()


# --- one image ----------------------------------------------------------------------------------


def image(source: Source, place: int) -> dict:
    """One test image as the network sees it: maps, cues, rankings, and what a new map needs.

    A network that attends is answered with X [d, h w], own (its attention), x2 of that attention,
    scores <u, X>, and before (the state that the fine step starts from), so that another map gives
    x2 + sum (a - own) X: the rounding of X then counts for the difference only.
    Raises KeyError for an image that the run does not have.
    """
    found = sources.seen(source)
    name = test_set(source.dataset)[1].index[place]
    found.position(name)
    gradcam = found.views(name).get("Grad-CAM")
    answer = {"gradcam": None if gradcam is None else pack(gradcam)}
    answer |= _cues(found, name, _grid(found))
    states = ["o1"] if source.attends else ["o1", "o2"]
    places = np.array(_places(source.dataset, found))
    answer["rankings"] = {
        by: _ranking(found, name, by, places) for by in states if by in found.vectors
    }
    return answer | (_steps(source, found, name) if source.attends else {})


def _grid(found: Outcome) -> tuple[int, int] | None:
    return next((values.shape[1:] for values in found.maps.values()), None)


def _cues(found: Outcome, name: str, grid: tuple[int, int] | None) -> dict:
    """mask: the runs of cue pixels, [row, first, end]; cues: the true cues as an attention map."""
    mask = found.cue_mask(name)
    if mask is None:
        return {"mask": None, "cues": None}
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    (rows, starts), (_, ends) = np.nonzero(edges == 1), np.nonzero(edges == -1)
    cues = None
    if grid is not None and mask.any():
        file = found.benchmark.mask(found.images.loc[name, "path"], "cues")
        cues = pack(distribution(mask_grid([file], *grid))[0])
    runs = np.stack([rows, starts, ends], axis=1)
    return {"mask": {"size": list(mask.shape), "runs": runs.tolist()}, "cues": cues}


def _ranking(found: Outcome, name: str, by: str, places: NDArray) -> dict:
    """The nearest LISTED places with their distances, and the ranks of all right ones."""
    ranked = found.nearest(name, len(found.images), by)
    first = ranked.head(LISTED)
    return {
        "places": places[found.images.index.get_indexer(first.index)].tolist(),
        "distances": [round(float(d), 5) for d in first["distance"]],
        "right": (np.flatnonzero(ranked["right"]) + 1).tolist(),
    }


@torch.no_grad()
def _steps(source: Source, found: Outcome, name: str) -> dict:
    model, size = sources.network(source)
    X = model.backbone(normalise(Images([found.images.loc[name, "path"]], size).stack([0])))
    x1 = X.mean(dim=(2, 3))
    o1 = model.steps.first(x1)
    a = model.attention(X, o1)
    if isinstance(model.attention, UnguidedAttention):
        u = model.attention.u[None]
    else:
        u = model.attention.w4(torch.relu(model.attention.w3(o1)))
    return {
        "X": pack(X[0].flatten(1).numpy(), 8, rows=1),
        "own": pack(a[0].numpy()),
        "scores": pack(torch.einsum("bd,bdhw->bhw", u, X)[0].numpy()),
        "x2": pack(model.attended(X, a)[0].numpy()),
        "before": pack(model.before_second(x1, o1)[0].numpy()),
    }


# --- a picture ----------------------------------------------------------------------------------


def picture(dataset: str, place: int) -> str:
    """The file of a test image as it is, as a data URL."""
    path = test_set(dataset)[1]["path"].iloc[place]
    with open(path, "rb") as file:
        content = file.read()
    kind = "png" if content.startswith(b"\x89PNG") else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"


def thumbnail(dataset: str, place: int) -> str:
    """A test image, small, as a data URL."""
    small = Image.fromarray(pixels(test_set(dataset)[1]["path"].iloc[place]))
    small.thumbnail((THUMBNAIL, THUMBNAIL), Image.Resampling.LANCZOS)
    small.save(file := BytesIO(), "WEBP", quality=45)
    return "data:image/webp;base64," + base64.b64encode(file.getvalue()).decode()
