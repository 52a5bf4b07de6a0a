"""Measure the maps of finished runs: do they lie on the cues, and does retrieval hang on them?

Every map stands beside its control, the *mean map*: the same kind of map, averaged over training
images. It knows that vehicles are in the middle of their pictures and nothing of the picture at
hand, so what a map has ahead of it is what it knows of that picture.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rnnha import methods, profiles
from rnnha.data import sets
from rnnha.data.manifest import HELD_OUT, Benchmark, names_of
from rnnha.data.sets import load
from rnnha.data.subset import test_images
from rnnha.experiments import ABLATION
from rnnha.files import DataError
from rnnha.images.cache import Images
from rnnha.methods.network import load_checkpoint
from rnnha.models.rnn_ha import CoarseToFine, UniformAttention
from rnnha.runs import folder
from rnnha.runs.folder import MEAN, RunFolder
from rnnha.runs.plan import GROUPS, chosen
from rnnha.runs.run import prepared
from rnnha.scoring import attention, leaving_out
from rnnha.scoring.cams import CAMS, cam
from rnnha.scoring.swap import distribution

# Enough that the mean map no longer moves: of a network's map, that of a thousand images.
TRAINING_IMAGES = 1000
BATCH = 200
LOCALISED = ("mass_ratio", "pointing", "auc")

Maps = dict[str, NDArray[np.float32]]


class Measured(NamedTuple):
    """What the maps of a trained network are worth.

    values: map, measure, vehicle_id, value, the mean over the vehicle's images. map: "attention"
    (where the network has one), those of CAMS, each also with MEAN; "cues", the true ones, and
    "chance", random cells. measure, of each image that shows a cue: mass_ratio, pointing and auc of
    `attention.localisation`; of each query: insertion and deletion, see `leaving_out.areas`;
    beside_mean and beside_even: the squared distance of a map, as shares of its sum, to its mean
    map and to an even one.
    curves: of each map, see `leaving_out.heights`.
    """

    values: pd.DataFrame
    curves: pd.DataFrame


def measurable(
    datasets: Sequence[str] | None = None,
    rows: Sequence[str] | None = None,
    seeds: Sequence[int] | None = None,
) -> list[RunFolder]:
    """One's own finished runs whose maps can be measured: of the ablation's trained rows, on
    rendered sets; None: all. rows may be names of `plan.GROUPS`. Not of held-out vehicles, whose
    images have no masks. Raises KeyError for unknown rows, DataError for unknown sets, and
    ValueError for other rows, and where there is no such run."""
    for name in datasets or ():
        sets.known(name)
    wanted = chosen(rows) if rows else ABLATION
    slugs = [r.slug for r in ABLATION if methods.of(r).has_weights and r.method != "untrained"]
    if other := [slug for slug in rows or () if slug not in GROUPS and slug not in slugs]:
        known = ", ".join(slugs)
        raise ValueError(f"{', '.join(other)}: maps are measured of {known} alone")
    slugs = [r.slug for r in wanted if r.slug in slugs]
    found = [
        run
        for run in folder.every(folder.own())
        if run.slug in slugs
        and not run.dataset.endswith(HELD_OUT)
        and (run.dataset in datasets if datasets else run.config().get("synthetic"))
        and (seeds is None or run.seed in seeds)
    ]
    if not found:
        raise ValueError(
            f"no finished run in {folder.own()} whose maps can be measured; "
            "make some with `make reproduce ROWS=ablation`"
        )
    return found


def measure_maps(run: RunFolder) -> Path:
    """Write the run's `maps.csv.gz` and `curves.csv`, unless they are there; return the path of the
    first. A quarter of a minute.

    See `Measured`. Raises DataError where the run's weights are gone, or its set has no masks.
    """
    if run.maps() is None or run.curves() is None:
        config = run.config()
        benchmark = prepared(load(config["dataset"]), profiles.profile(config["profile"]))
        model, info = load_checkpoint(run.whole_weights())
        run.write_maps(*measured(model, info["image_size"], benchmark))
    return run.maps_file


def measured(model: nn.Module, size: int, benchmark: Benchmark) -> Measured:
    """What each map of a trained network is worth to each test vehicle.

    Raises DataError for a set without cue masks.
    """
    if not benchmark.synthetic:
        raise DataError(f"{benchmark.name}: no cue masks; maps are measured on rendered sets only")
    test = test_images(benchmark)
    vehicles = test["vehicle_id"].to_numpy()
    X = leaving_out.features(model, Images(test["path"], size))
    seen = leaving_out.features(model, Images(_some(benchmark)["path"], size))
    head = leaving_out.on_features(model)
    maps = _maps(head, X)
    means = {name: values.mean(0) for name, values in _maps(head, seen).items()}
    both = maps | {f"{name}{MEAN}": np.repeat(m[None], len(X), 0) for name, m in means.items()}
    files = [benchmark.mask(path, "cues") for path in test["path"]]
    cues = attention.mask_grid(files, *X.shape[2:])
    both["cues"] = cues
    both["chance"] = np.random.default_rng(0).random(cues.shape, np.float32)
    parts = [_localised(both, cues, vehicles), _beside(maps, means, vehicles)]
    curves = leaving_out.curves(head, benchmark, names_of(test).to_numpy(str), X, both)
    areas = leaving_out.areas(curves).rename(columns={"curve": "measure", "area": "value"})
    parts.append(areas.drop(columns="query"))
    found = pd.concat(parts, ignore_index=True).dropna(subset="value")
    values = found.groupby(["map", "measure", "vehicle_id"], as_index=False)["value"].mean()
    return Measured(values, leaving_out.heights(curves))


def _some(benchmark: Benchmark) -> pd.DataFrame:
    """TRAINING_IMAGES of the training images, drawn by chance."""
    train = benchmark.train
    return train.sample(min(TRAINING_IMAGES, len(train)), random_state=0)


def _maps(head: nn.Module, X: Tensor) -> Maps:
    """The network's own maps and those of CAMS, float32 [N, h, w]."""
    found = {kind: _in_parts(X, lambda part, k=kind: cam(head, part, k)) for kind in CAMS}
    if isinstance(head, CoarseToFine) and not isinstance(head.attention, UniformAttention):
        with torch.no_grad():
            own = _in_parts(X, lambda part: head(part).attention.numpy())
        found = {"attention": own} | found
    return found


def _in_parts(X: Tensor, of: Callable[[Tensor], NDArray]) -> NDArray[np.float32]:
    return np.concatenate([of(part) for part in X.split(BATCH)])


def _localised(maps: Maps, cues: NDArray, vehicles: NDArray) -> pd.DataFrame:
    parts = []
    for name, values in maps.items():
        rows = attention.localisation(values, cues, attention.POSITIVE["cues"])[[*LOCALISED]]
        tidy = rows.assign(vehicle_id=vehicles).melt("vehicle_id", var_name="measure")
        parts.append(tidy.assign(map=name))
    return pd.concat(parts)


def _beside(maps: Maps, means: Maps, vehicles: NDArray) -> pd.DataFrame:
    parts = []
    for name, values in maps.items():
        even = np.full_like(means[name], 1 / means[name].size)
        own = distribution(values)
        for measure, other in (
            ("beside_mean", distribution(means[name][None])),
            ("beside_even", even),
        ):
            value = ((own - other) ** 2).sum((1, 2))
            parts.append(
                pd.DataFrame(
                    {"map": name, "measure": measure, "vehicle_id": vehicles, "value": value}
                )
            )
    return pd.concat(parts)
