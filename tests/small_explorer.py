"""The shipped network on a few vehicles of both rendered sets, for tests of the explorer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

import untrained_network
from rnnha import paths
from rnnha.data import sets
from rnnha.data.subset import fewer_vehicles
from rnnha.explorer import answers, sources
from rnnha.images.cache import Images
from rnnha.runs import folder, outcome
from rnnha.scoring.cams import cam_maps as gradcam
from rnnha.training.embedding import embed

VERI, VEHICLEID = "rendered-veri", "rendered-vehicleid"
VEHICLES = 8


def _few(name: str):
    """VEHICLES test vehicles; of Rendered-VehicleID, too, which has lists of many."""
    benchmark = replace(load(name), test_lists={})
    return fewer_vehicles(benchmark, 1, VEHICLES)


load = sets.load


@contextmanager
def small(results: Path) -> Iterator[None]:
    """Whatever opens a set in here finds few vehicles in it; runs are in `results`."""
    caches = outcome.shipped, outcome.of_run, answers.test_set, sources.network
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # one image at a time is no work for two
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sets, "load", _few)
        patched.setattr(paths, "RESULTS", results)
        for cache in caches:
            cache.cache_clear()
        yield
    torch.set_num_threads(threads)
    for cache in caches:
        cache.cache_clear()


def write_run(slug: str, seed: int = 0) -> nn.Module:
    """A finished run on Rendered-VeRi of an untrained network, which is returned."""
    run, images = folder.locate(VERI, slug, seed), outcome.test_table(_few(VERI))
    run.path.mkdir(parents=True)
    model, size = untrained_network.save(run.weights, slug)
    pixels = Images(images["path"], size)
    arrays = embed(model, pixels, torch.device("cpu"))
    run.write_embeddings(images.index.to_numpy(str), arrays | {"gradcam": gradcam(model, pixels)})
    run.metrics_file.with_name("config.json").write_text("{}")
    run.metrics_file.write_text("experiment\n")
    return model
