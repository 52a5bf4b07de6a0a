"""Render a set into its folder, shot by shot; a second call goes on where the first one stopped.

Only `render` and `render_one` need mitsuba (the optional extra "render").
"""

from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor, as_completed
from functools import lru_cache
from importlib.util import find_spec
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from tqdm.auto import tqdm

from rendering import labels
from rendering.archive import pack
from rendering.plan import LONG_SIDE, generator, light, models, passage, plan, vehicles
from rendering.recipes import recipe
from rnnha.paths import alone, atomic

__all__ = ["pack", "plan", "render", "render_one"]

NEIGHBOURS = 12  # different vehicles that the other traffic is drawn from


@lru_cache(maxsize=NEIGHBOURS)
def _neighbour_body(name: str, number: int):
    everyone = list(vehicles(name).values())
    return _make_body(name, everyone[number * len(everyone) // NEIGHBOURS], None)


def _make_body(name: str, vehicle, cues):
    from rendering import bodies, scene

    return scene.Body(bodies.parts(models(name)[vehicle.model], vehicle, cues))


def _day(name: str, vehicle_id: int, track: int):
    """What a vehicle has about it in a pass; drawn from its model and the pass alone, but that a
    study's discs keep clear of its own marks."""
    from rendering import bodies, scene, today

    vehicle = vehicles(name)[vehicle_id]
    model, marks = models(name)[vehicle.model], recipe(name).marks
    pieces = today.today(model, generator(name, vehicle_id, track, 9))
    if marks:
        rng = generator(name, vehicle_id, track, 12)
        pieces += marks.today(model, vehicle.paint, vehicle.cues, rng)
    return scene.Body([bodies.part(f"day {i}", *piece) for i, piece in enumerate(pieces)])


@lru_cache(maxsize=2)
def _body(name: str, vehicle_id: int, cues):
    body = _make_body(name, vehicles(name)[vehicle_id], cues)
    if cues is not None:  # the same frame, though luggage and flags are gone
        body.outline = _body(name, vehicle_id, None).outline
    return body


@lru_cache(maxsize=2)
def _setting(name: str, vehicle_id: int, track: int, camera: int):
    from rendering import shot

    def neighbour(rng):
        return _neighbour_body(name, int(rng.integers(NEIGHBOURS)))

    viewer, pose, rng = passage(name, vehicle_id, track, camera)
    weather = light(rng)
    body, day = _body(name, vehicle_id, None), _day(name, vehicle_id, track)
    return shot.stage(viewer, pose, weather, body, neighbour, rng, LONG_SIDE, day)


def row(name: str, vehicle_id: int, shot: int) -> pd.Series:
    """The plan's row of a shot; KeyError where the set has no such vehicle or shot."""
    table = plan(name)
    found = table[(table["vehicle_id"] == vehicle_id) & (table["shot"] == shot)]
    if found.empty:
        raise KeyError(f"{name} has no shot {shot} of vehicle {vehicle_id}")
    return found.iloc[0]


def _arguments(name: str, chosen, cues):
    camera = 0 if pd.isna(chosen.camera) else int(chosen.camera)
    vehicle_id = int(chosen.vehicle_id)
    setting = _setting(name, vehicle_id, int(chosen.track), camera)
    rng = generator(name, vehicle_id, int(chosen.shot), 6)
    return setting, _body(name, vehicle_id, cues), float(chosen.step), rng


def render_one(name: str, vehicle_id: int, shot: int, cues=None, masks: bool = True):
    """One shot, regenerated from set, vehicle and shot: `shot.Pictures`.

    cues: None for the vehicle's own, () for the vehicle without any, in the same frame and
    surroundings; masks: render them too.
    """
    from rendering.shot import take

    return take(*_arguments(name, row(name, vehicle_id, shot), cues), masks)


def image_path(name: str, chosen) -> Path:
    """Path of a shot's image inside the set's folder."""
    if recipe(name).layout == "veri":
        part = "image_train" if chosen.split == "train" else "image_test"
        return Path("VeRi", part, chosen.image)
    return Path("VehicleID_V1.0", "image", chosen.image)


def mask_path(kind: str, chosen) -> Path:
    """Path of a test image's mask ("cues" or "vehicle") inside the set's folder."""
    return Path("masks", kind, Path(chosen.image).with_suffix(".png").name)


def _wanted(name: str, chosen) -> list[Path]:
    paths = [image_path(name, chosen)]
    if chosen.split == "test":
        paths += [mask_path("cues", chosen), mask_path("vehicle", chosen)]
    return paths


def _render_vehicle(name: str, out: Path, vehicle_id: int, shots: list[int]) -> int:
    """Render some shots of a vehicle; runs in a worker."""
    from rendering.develop import save_jpeg

    for shot in shots:
        chosen = row(name, vehicle_id, shot)
        pictures = render_one(name, vehicle_id, shot, masks=chosen.split == "test")
        if chosen.split == "test":
            for kind, mask in (("cues", pictures.cues), ("vehicle", pictures.vehicle)):
                with atomic(out / mask_path(kind, chosen)) as temporary:
                    Image.fromarray(mask).save(
                        temporary, optimize=True, pnginfo=labels.noted(kind, pictures.visible)
                    )
        with atomic(out / image_path(name, chosen)) as temporary:
            save_jpeg(pictures.image, temporary)
    return len(shots)


def renderers(workers: int) -> ProcessPoolExecutor:
    """Processes that render; mitsuba must not be forked after its threads have started.

    Raises RuntimeError where mitsuba is not installed.
    """
    if find_spec("mitsuba") is None:
        raise RuntimeError(
            "mitsuba is not installed; in the project's folder: "
            ".venv/bin/python -m pip install --no-build-isolation -e '.[render]'"
        )
    return ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start_worker)


def _start_worker() -> None:
    import drjit

    drjit.set_thread_count(1)  # two workers of one thread beat one worker of two


def _chosen_shots(name: str, only: Iterable[int] | None, limit: int | None) -> pd.DataFrame:
    shots = plan(name)
    if only is not None:
        only = set(only)
        unknown = only - set(shots["vehicle_id"])
        if unknown:
            raise KeyError(f"{name} has no vehicle {sorted(unknown)}")
        shots = shots[shots["vehicle_id"].isin(only)]
    if limit is not None and limit < len(shots):
        ids = shots["vehicle_id"].unique()
        count = max(2, round(limit * len(ids) / len(shots)))
        evenly = ids[np.linspace(0, len(ids) - 1, count).astype(int)]
        shots = shots[shots["vehicle_id"].isin(evenly)]
    return shots


def render(
    name: str,
    out: Path,
    *,
    vehicles: Iterable[int] | None = None,
    shot: int | None = None,
    limit: int | None = None,
    workers: int = 1,
    progress: bool = True,
) -> Path:
    """Render a set into the folder `out` and write label files of all that is there, images.csv
    last.

    vehicles: only these ids; shot: only this one of each; limit: about so many images, from
    vehicles spread over the set. Finished images are kept, so that an interrupted call can be
    repeated; another process that renders there is waited for. workers: processes of one thread
    each. Raises KeyError for an unknown set, vehicle or shot.
    """
    out = Path(out)
    shots = _chosen_shots(name, vehicles, limit)
    if shot is not None:
        shots = shots[shots["shot"] == shot]
        if shots.empty:
            raise KeyError(f"{name} has no shot {shot} of these vehicles")
    with alone(out, name):
        missing = shots[~_finished(name, shots, out)]
        jobs = {int(v): of["shot"].tolist() for v, of in missing.groupby("vehicle_id")}
        done, unit = len(shots) - len(missing), "image"
        with tqdm(
            total=len(shots), initial=done, unit=unit, desc=name, disable=not progress
        ) as bar:
            if jobs:
                _run(name, out, jobs, workers, bar)
        everything = plan(name)
        shots = everything[_finished(name, everything, out)]
        if recipe(name).layout == "veri":
            _copy_queries(shots, out)
        shots = shots.assign(visible_cues=[_noted(out, s) for s in shots.itertuples()])
        labels.write(name, shots, out)
    return out


def _finished(name: str, shots: pd.DataFrame, out: Path) -> np.ndarray:
    """bool [N]: of which shots all files are there."""
    there = (
        all((out / path).is_file() for path in _wanted(name, shot)) for shot in shots.itertuples()
    )
    return np.fromiter(there, bool, len(shots))


def _noted(out: Path, chosen) -> str:
    """What a test image's mask says of the cues in sight."""
    if chosen.split != "test":
        return ""
    with Image.open(out / mask_path("cues", chosen)) as mask:
        return mask.text[labels.VISIBLE]


def _run(name: str, out: Path, jobs: dict[int, list[int]], workers: int, bar) -> None:
    pool = renderers(workers)
    try:
        futures = [pool.submit(_render_vehicle, name, out, v, shots) for v, shots in jobs.items()]
        for future in as_completed(futures):
            bar.update(future.result())
    finally:
        pool.shutdown(cancel_futures=True)


def _copy_queries(shots: pd.DataFrame, out: Path) -> None:
    for image in shots.loc[shots["query"], "image"]:
        target = out / "VeRi" / "image_query" / image
        if not target.is_file():
            with atomic(target) as temporary:
                temporary.write_bytes((out / "VeRi" / "image_test" / image).read_bytes())
