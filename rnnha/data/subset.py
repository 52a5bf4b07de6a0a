"""Parts of a benchmark: its test images and what is known of them, fewer vehicles for a quick
look, vehicles held out.

Settings are chosen on held-out training vehicles; the test split is for the final tables.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from rnnha.data.manifest import HELD_OUT, Benchmark, names_of
from rnnha.files import DataError


def fewer_vehicles(benchmark: Benchmark, train: int | None, test: int | None) -> Benchmark:
    """Keep `train` and `test` vehicles, spread evenly over the ids (None: all).

    Of a VehicleID-like set the smallest test list stays, with all its vehicles.
    """
    manifest = benchmark.manifest
    is_train = manifest.split == "train"
    lists = dict(sorted(benchmark.test_lists.items())[: None if test is None else 1])
    if lists and test is not None:
        (listed,) = lists.values()
        tested = set(manifest[~is_train & names_of(manifest).isin(set(listed))].vehicle_id)
    else:
        tested = _spread(manifest[~is_train], test)
    keep = _spread(manifest[is_train], train) | tested
    part = manifest[manifest.vehicle_id.isin(keep)].reset_index(drop=True)
    used = "all" if test is None else f"{len(tested)}"
    note = f"only {train or 'all'} training and {used} test vehicles are used"
    return replace(benchmark, manifest=part, test_lists=lists, notes=(*benchmark.notes, note))


def hold_out(benchmark: Benchmark, share: float = 0.2) -> Benchmark:
    """A benchmark from the training images alone: `share` of the vehicles become the test.

    With cameras, a held-out vehicle's first image in each camera is a query and all are
    gallery, scored as VeRi; without, there is one test list of all held-out vehicles, scored
    as VehicleID. Which ones is drawn from a fixed seed. Raises DataError where too few vehicles are
    for training to leave some of both, and where two of their images have one file name, by which
    test images are told apart.
    """
    train = benchmark.train
    vehicles = np.sort(train.vehicle_id.unique())
    count = max(1, round(share * len(vehicles)))
    if count >= len(vehicles):
        raise DataError(
            f"{benchmark.root}: {len(vehicles)} training vehicles, of which {count} would be held "
            "out; expected more, so that some of them are left to train on"
        )
    chosen = np.random.default_rng(0).choice(vehicles, count, replace=False)
    held = train[train.vehicle_id.isin(chosen)]
    rest = train[~train.vehicle_id.isin(chosen)]
    names = names_of(held)
    if len(twice := names[names.duplicated()]):
        one, other = held.path[names == twice.iloc[0]][:2]
        raise DataError(
            f"{benchmark.root}: {one} and {other} would be held out to be tested on, where images "
            "are told apart by their file names; rename one of each such pair"
        )
    name, lists = benchmark.name + HELD_OUT, {}
    if held.camera_id.isna().any():
        protocol, parts = "vehicleid", [rest, held.assign(split="test")]
        lists = {count: tuple(names)}
    else:
        protocol = "veri"  # whatever the set's own: a query must not find itself in the gallery
        query = held.groupby(["vehicle_id", "camera_id"]).head(1)
        parts = [rest, query.assign(split="query"), held.assign(split="gallery")]
    manifest = pd.concat(parts, ignore_index=True)
    note = f"{count} of {len(vehicles)} training vehicles are held out and serve as the test"
    return replace(
        benchmark,
        name=name,
        held_out=True,
        manifest=manifest,
        protocol=protocol,
        test_lists=lists,
        notes=(*benchmark.notes, note),
    )


def test_images(benchmark: Benchmark) -> pd.DataFrame:
    """Every test image that is scored, once: VeRi's query images are also files of its gallery."""
    test = benchmark.manifest[benchmark.manifest.split != "train"]
    if benchmark.test_lists:
        listed = {name for names in benchmark.test_lists.values() for name in names}
        test = test[names_of(test).isin(listed)]
    return test.loc[~names_of(test).duplicated()].reset_index(drop=True)


def known_labels(benchmark: Benchmark) -> pd.DataFrame:
    """What is known of the looks of test images: model, paint, visible_cues, by image name.

    Rendered sets have all three in the side-car. Of real ones the coarse class and the colour are
    known, <NA> where not even these are.
    """
    if benchmark.side_car is not None:
        return benchmark.rendered("model", "paint", "visible_cues")
    test = test_images(benchmark)
    labels = pd.DataFrame({"model": test.coarse_id, "paint": test.color})
    return labels.set_axis(names_of(test), axis=0)


def _spread(manifest: pd.DataFrame, count: int | None) -> set[int]:
    vehicles = np.sort(manifest.vehicle_id.unique())
    if count is None or count >= len(vehicles):
        return set(vehicles)
    return set(vehicles[np.linspace(0, len(vehicles) - 1, count).round().astype(int)])
