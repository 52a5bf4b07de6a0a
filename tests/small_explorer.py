"""The shipped network on a few vehicles of both rendered sets, for tests of the explorer."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch

from rnnha.data import sets
from rnnha.data.subset import fewer_vehicles
from rnnha.explorer import answers
from rnnha.runs import outcome

VERI, VEHICLEID = "rendered-veri", "rendered-vehicleid"
VEHICLES = 8


def _few(name: str):
    """VEHICLES test vehicles; of Rendered-VehicleID, too, which has lists of many."""
    benchmark = replace(load(name), test_lists={})
    return fewer_vehicles(benchmark, 1, VEHICLES)


load = sets.load


@contextmanager
def small() -> Iterator[None]:
    """Whatever opens a set in here finds few vehicles in it."""
    caches, threads = (outcome.shipped, answers.test_set), torch.get_num_threads()
    torch.set_num_threads(1)  # one image at a time is no work for two
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sets, "load", _few)
        patched.setattr(outcome, "finished", dict)
        for cache in caches:
            cache.cache_clear()
        yield
    torch.set_num_threads(threads)
    for cache in caches:
        cache.cache_clear()
