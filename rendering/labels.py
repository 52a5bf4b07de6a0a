"""The label files of a rendered set, byte for byte in the layouts of VeRi and VehicleID V1.0."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL.PngImagePlugin import PngInfo

from rendering import plan
from rendering.camera import CAMERAS
from rendering.recipes import recipe
from rnnha.data.manifest import SIDE_CAR_COLUMNS
from rnnha.paths import atomic

TYPES = ("sedan", "suv", "van", "hatchback", "mpv", "pickup", "bus", "truck", "estate")  # from 1
COLORS = (
    "yellow",
    "orange",
    "green",
    "gray",
    "red",
    "blue",
    "white",
    "golden",
    "brown",
    "black",
)  # from 1 in VeRi's files; from 0 in VehicleID's
VISIBLE = "visible_cues"  # a test image's column of the side-car
# metres along the imagined road at which the cameras stand, for camera_Dist.txt
CHAINAGE = (0, 260, 610, 980, 1250, 1700, 2040, 2390)


def write(name: str, shots: pd.DataFrame, folder: Path) -> None:
    """Write all label files and the side-car for `shots` (rows of `plan.plan`) below `folder`."""
    if recipe(name).layout == "veri":
        files = _veri(shots)
    else:
        files = _vehicleid(name, shots)
    for path, text in files.items():
        with atomic(folder / path) as temporary:
            temporary.write_bytes(text.encode("gb2312"))
    with atomic(folder / "images.csv") as temporary:
        side_car(shots).to_csv(temporary, index=False, lineterminator="\n")


def side_car(shots: pd.DataFrame) -> pd.DataFrame:
    """One row an image with what the layouts cannot say; split "query" is also in the gallery."""
    table = shots.copy()
    tests = table["split"] == "test"
    if table["camera"].notna().any():
        table.loc[tests, "split"] = np.where(table.loc[tests, "query"], "query", "gallery")
    return table[list(SIDE_CAR_COLUMNS)]


def noted(kind: str, visible) -> PngInfo | None:
    """What is written into a mask of cues: `shot.Pictures.visible`, kept there until all images
    of a set are made. look:side:pixels:contrast, joined by ";"."""
    if kind != "cues":
        return None
    note = PngInfo()
    note.add_text(VISIBLE, ";".join(":".join(map(str, cue)) for cue in visible))
    return note


def _lines(rows, end: str = "\n") -> str:
    return "".join(f"{row}{end}" for row in rows)


def _xml(root: str, shots: pd.DataFrame) -> str:
    items = [
        f'<Item imageName="{s.image}" vehicleID="{s.vehicle_id:04d}" cameraID="c{s.camera:03d}" '
        f'colorID="{COLORS.index(s.paint) + 1}" typeID="{TYPES.index(s.type) + 1}"/>'
        for s in shots.itertuples()
    ]
    return (
        f'<?xml version="1.0" encoding="gb2312"?>\n<{root} Version="1.0">\n'
        f'<Items number="{len(items)}">\n{_lines(items)}</Items>\n</{root}>\n'
    )


def answers(query: pd.DataFrame, gallery: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Lines of gt_index.txt and jk_index.txt: 1-based gallery places, a blank after each.

    Good is the same vehicle in another camera, junk the same vehicle in the same camera.
    """
    lines: tuple[list[str], list[str]] = [], []
    place = np.arange(1, len(gallery) + 1)
    for q in query.itertuples():
        same = (gallery["vehicle_id"] == q.vehicle_id).to_numpy()
        here = (gallery["camera"] == q.camera).to_numpy()
        for kept, chosen in zip(lines, (same & ~here, same & here), strict=True):
            kept.append("".join(f"{k} " for k in place[chosen]))
    return lines


def _veri(shots: pd.DataFrame) -> dict[str, str]:
    shots = shots.sort_values("image")
    train, gallery = shots[shots["split"] == "train"], shots[shots["split"] == "test"]
    query = gallery[gallery["query"]]
    good, junk = answers(query, gallery)
    tracks = gallery.groupby(["vehicle_id", "camera"])["image"].agg(" ".join)
    distance = np.abs(np.subtract.outer(CHAINAGE, CHAINAGE))
    files = {
        "name_train.txt": _lines(train["image"]),
        "name_query.txt": _lines(query["image"]),
        "name_test.txt": _lines(gallery["image"]),
        "train_label.xml": _xml("TrainingImages", train),
        "test_label.xml": _xml("TestImages", gallery),
        "test_track.txt": _lines(tracks),
        "gt_index.txt": _lines(good, "\r\n"),
        "jk_index.txt": _lines(junk, "\r\n"),
        "list_color.txt": _lines(f"{i} {color}" for i, color in enumerate(COLORS, 1)),
        "list_type.txt": _lines(f"{i} {kind}" for i, kind in enumerate(TYPES, 1)),
        "camera_ID.txt": _lines(f"c{camera.number:03d}" for camera in CAMERAS),
        "camera_Dist.txt": _lines(" ".join(map(str, row)) for row in distance.tolist()),
    }
    return {f"VeRi/{path}": text for path, text in files.items()}


def unlabelled(name: str) -> set[int]:
    """The train vehicles that have no model label, as a part of the real set's has none."""
    table = plan.plan(name)
    train = table.loc[table["split"] == "train", "vehicle_id"].unique()
    count = round(recipe(name).unlabelled * len(train))
    chosen = plan.generator(name, 0, 7).choice(train, count, replace=False)
    return {int(vehicle) for vehicle in chosen}


def test_vehicles(name: str, size: int) -> list[int]:
    """The vehicles of the test list of `size`: an independent draw from all test vehicles."""
    table = plan.plan(name)
    test = table.loc[table["split"] == "test", "vehicle_id"].unique()
    return sorted(plan.generator(name, 0, 8, size).choice(test, size, replace=False).tolist())


def _vehicleid(name: str, shots: pd.DataFrame) -> dict[str, str]:
    shots = shots.sort_values("image")
    numbers = shots["image"].str.removesuffix(".jpg")
    pairs = numbers + " " + shots["vehicle_id"].astype(str)
    models = [model.name for model in recipe(name).models]
    cars = shots.drop_duplicates("vehicle_id").sort_values("vehicle_id")
    known = cars[~cars["vehicle_id"].isin(unlabelled(name))]
    files = {
        "attribute/model_names.txt": _lines(models),
        "attribute/color_names.txt": _lines(COLORS),
        "attribute/img2vid.txt": _lines(pairs),
        "attribute/model_attr.txt": _lines(
            f"{car.vehicle_id} {models.index(car.model)}" for car in known.itertuples()
        ),
        "attribute/color_attr.txt": _lines(
            f"{car.vehicle_id} {COLORS.index(car.paint)}" for car in cars.itertuples()
        ),
        "train_test_split/train_list.txt": _lines(pairs[shots["split"] == "train"]),
    }
    for size in recipe(name).lists:
        chosen = shots["vehicle_id"].isin(test_vehicles(name, size))
        files[f"train_test_split/test_list_{size}.txt"] = _lines(pairs[chosen])
    return {f"VehicleID_V1.0/{path}": text for path, text in files.items()}
