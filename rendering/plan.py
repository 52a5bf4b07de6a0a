"""What is in a rendered set: a table with one row a shot, drawn up without rendering anything.

Everything random about a shot comes from generators seeded by (set version, set, vehicle, pass
or shot, purpose). Which cameras a vehicle passes is drawn without looking at it, and what surrounds
it without looking at its paint; only from its outline other things keep their distance.
"""

import zlib
from dataclasses import replace
from functools import lru_cache

import numpy as np
import pandas as pd

from rendering import camera as cameras
from rendering import identity, livery
from rendering.recipes import recipe

VERSION = 2  # of the sets
LONG_SIDE = 160  # pixels of an image's longer side
LIGHTS = {"sun": 0.32, "low sun": 0.1, "hazy": 0.2, "overcast": 0.38}  # name -> share

COLUMNS = (
    "image",
    "vehicle_id",
    "shot",
    "split",
    "query",
    "type",
    "model",
    "paint",
    "view",
    "camera",
    "light",
    "cues",
    "track",
    "step",
)


def generator(name: str, *key: int) -> np.random.Generator:
    """The random generator for a vehicle, pass or shot of a set."""
    return np.random.default_rng([VERSION, recipe(name).number, *key])


@lru_cache(maxsize=4)
def vehicles(name: str) -> dict:
    """All vehicles of a set by id (`identity.Vehicle`)."""
    r, draw = recipe(name), livery.draw_cues
    if r.marks:
        draw = r.marks.draw
    fleet = identity.fleet(r.models, r.per_model, 100 * VERSION + r.number, draw, r.other_paint)
    return {v.vehicle_id: _registered(name, v) for v in fleet}


def _registered(name: str, vehicle: identity.Vehicle) -> identity.Vehicle:
    """A vehicle with a plate of its own, and its paint in the shade of its model."""
    rng = generator(name, vehicle.vehicle_id, 0, 10)
    letter, number = "ABCDEFGHJKLMNPRSTUVWXYZ"[rng.integers(23)], rng.integers(1000, 10000)
    large = models(name)[vehicle.model].type in ("bus", "truck")
    drawn = generator(name, zlib.crc32(f"{vehicle.model}/{vehicle.paint}".encode()), 0, 11)
    shade = np.exp(drawn.normal(0, 0.16) + drawn.normal(0, 0.06, 3))
    plate = ("yellow" if large else "blue", f"{letter}{number}")
    return replace(vehicle, shade=tuple(shade.tolist()), plate=plate)


@lru_cache(maxsize=4)
def models(name: str) -> dict:
    """All models of a set by name (`templates.Model`)."""
    return {model.name: model for model in recipe(name).models}


@lru_cache(maxsize=4)
def _splits(name: str) -> dict[int, str]:
    """Vehicle id to "train" or "test": every model is in both in the same proportion."""
    r, rng = recipe(name), generator(name, 0, 1)
    members: dict[str, list[int]] = {}
    for vehicle in vehicles(name).values():
        members.setdefault(vehicle.model, []).append(vehicle.vehicle_id)
    # a place in its model's shuffled row, 0..1, decides; ties between models fall at random
    place = {
        v: (k + 0.5 + 0.2 * rng.random()) / len(row)
        for row in members.values()
        for k, v in enumerate(rng.permutation(row).tolist())
    }
    ranked = sorted(place, key=place.get)
    train, test = ranked[: r.train], ranked[len(ranked) - r.test :]
    return dict.fromkeys(train, "train") | dict.fromkeys(test, "test")


def light(rng: np.random.Generator) -> str:
    """The weather of a pass."""
    return str(rng.choice(list(LIGHTS), p=list(LIGHTS.values())))


def passage(name: str, vehicle_id: int, track: int, camera: int):
    """The camera and first pose of a pass, and the generator that draws its surroundings next."""
    rng = generator(name, vehicle_id, track, 2)
    if camera:
        viewer = cameras.CAMERAS[camera - 1]
    else:
        viewer = cameras.roadside(rng, front=rng.random() < 0.5)
    return viewer, cameras.first_pose(viewer, rng), rng


def _tracks(name: str, vehicle_id: int, split: str) -> list[tuple[int, int]]:
    """(camera, frames) of each pass of a vehicle; camera 0 is one of no fixed place."""
    rng = generator(name, vehicle_id, 0, 3)
    if recipe(name).layout == "vehicleid":
        return [(0, 1)] * int(rng.choice([5, 6]))
    seen = rng.permutation(len(cameras.CAMERAS)) + 1
    if split == "train":
        frames = rng.permutation([1, 1, 2, 2, 2])
        return [(int(c), int(n)) for c, n in zip(seen[:5], frames, strict=True)]
    return [(int(c), 2) for c in seen[:4]]


def _rows(name: str, vehicle_id: int, split: str) -> list[dict]:
    vehicle, rows = vehicles(name)[vehicle_id], []
    frames = generator(name, vehicle_id, 0, 4)
    for track, (camera, count) in enumerate(_tracks(name, vehicle_id, split), start=1):
        viewer, pose, rng = passage(name, vehicle_id, track, camera)
        weather = light(rng)
        frame, step, asked = int(frames.integers(100, 80000)), 0.0, int(frames.integers(count))
        for k in range(count):
            shown = pose.ahead(step)
            side = cameras.view(viewer, shown)
            if not camera:  # the real set knows front and rear only
                side = "front" if abs(cameras.bearing(viewer, shown)) < np.pi / 2 else "rear"
            rows.append(
                {
                    "image": f"{vehicle_id:04d}_c{camera:03d}_{frame:08d}_0.jpg",
                    "vehicle_id": vehicle_id,
                    "shot": len(rows),
                    "split": split,
                    "query": split == "test" and camera > 0 and k == asked,
                    "type": models(name)[vehicle.model].type,
                    "model": vehicle.model,
                    "paint": vehicle.paint,
                    "view": side,
                    "camera": camera or pd.NA,
                    "light": weather,
                    "cues": ";".join(sorted({cue.kind for cue in vehicle.cues})),
                    "track": track,
                    "step": step,
                }
            )
            advance = frames.uniform(1.6, 3.4)
            step, frame = step + advance, frame + int(round(advance * 3))
    return rows


@lru_cache(maxsize=4)
def plan(name: str) -> pd.DataFrame:
    """One row a shot, by vehicle and shot; columns: see `COLUMNS`.

    image: file name; shot: number within the vehicle; split: "train" or "test"; query: whether
    the shot also belongs to the queries; track: number of the pass within the vehicle; step:
    metres driven since its first frame. Raises KeyError for an unknown set.
    """
    split = _splits(name)
    table = pd.DataFrame([row for v in sorted(split) for row in _rows(name, v, split[v])])
    if recipe(name).layout == "vehicleid":  # 7-digit names that tell nothing
        numbers = generator(name, 0, 5).permutation(len(table)) + 1
        table["image"] = [f"{n:07d}.jpg" for n in numbers]
    return table.astype({"camera": "Int64"})[list(COLUMNS)]
