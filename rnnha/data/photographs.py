"""Vehicle-Re-ID-Dataset: photographs of real vehicles from two cameras, Apache License 2.0.

github.com/Khoa-Nguyen-Truong/Vehicle-Re-ID-Dataset; files `<type>_<number>_cam<1|2>.jpg`, in
`images/train/` and `images/test/`, or all in `images/`. Camera 1 is the query side, camera 2 the
gallery.
"""

import hashlib
import re
from pathlib import Path

import pandas as pd

from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.files import DataError, image_names, some

TYPES = ("bus", "car", "motorcycle", "truck")  # coarse_id 1 to 4
# A number has four digits, as a rule: the source's motorcycle_153_cam1.jpg has three.
GRAMMAR = re.compile(
    rf"(?P<type>{'|'.join(TYPES)})_(?P<number>0*[0-9]{{1,4}})_cam(?P<camera>[12])\.jpg"
)


def read(root: Path, name: str = "photographs", synthetic: bool = False) -> Benchmark:
    """Read the repository's folder, or one whose `images/` holds the files directly.

    A vehicle's number is only unique within its type, so vehicle_id = 10,000 * coarse_id + number.
    Without the source's own `images/test/`, half of each type's vehicles (chosen by a hash of type
    and number, so always the same) are for training. Files of other names, and all but one of
    those that are the same vehicle, number and camera, are left out and noted.
    Raises DataError where most names are others.
    """
    folders = image_folders(root)
    if not folders:
        raise DataError(
            f"{root}: no files like car_0001_cam1.jpg in images/ or images/train and images/test"
        )
    notes: list[str] = []
    rows = pd.concat([_parse(folder, notes) for folder in folders], ignore_index=True)
    own_split = any(folder.name == "test" for folder in folders)
    if own_split:
        tested = rows["vehicle_id"].isin(rows.loc[rows["folder"] == "test", "vehicle_id"])
        leaked = tested & (rows["folder"] != "test")
        if leaked.any():
            notes.append(
                f"{leaked.sum():,} training images of vehicles also in images/test: dropped"
            )
        rows = rows[~leaked].reset_index(drop=True)
        train = rows["folder"] != "test"
    else:
        train = rows["vehicle_id"].isin(_training_half(rows))
        notes.append("no images/test: the project's own split into two halves of vehicles")
    rows["split"] = rows["camera_id"].map({1: "query", 2: "gallery"}).mask(train, "train")
    sides = rows[~train].groupby("vehicle_id")["split"].agg(set)
    alone = sides.index[sides.map(len) < 2]
    single = rows["vehicle_id"].isin(alone) & (rows["split"] == "query")
    if single.any():
        notes.append(f"{single.sum():,} queries without an image in the other camera: dropped")
    return Benchmark(
        name=name,
        root=root,
        manifest=make_manifest(rows[~single], root),
        protocol="cross-camera",
        synthetic=synthetic,
        notes=tuple(notes),
    )


def counts(root: Path) -> dict[str, tuple[int, int]]:
    """Nothing was published about how many there are."""
    return {}


def missing_entries(root: Path) -> list[str]:
    """Any part of it can be used."""
    return []


def recognises(folder: Path) -> bool:
    """Whether this looks like a clone of the repository."""
    return bool(image_folders(folder))


def image_folders(root: Path) -> list[Path]:
    """The folders that hold the photographs: images/, or images/train and images/test."""
    images = root / "images"
    found = [images / part for part in ("train", "test") if (images / part).is_dir()]
    found = found or ([images] if images.is_dir() else [])
    names = set().union(*(image_names(folder) for folder in found))
    return found if any(GRAMMAR.fullmatch(name) for name in names) else []


def _parse(folder: Path, notes: list[str]) -> pd.DataFrame:
    names = sorted(image_names(folder))
    matches = [GRAMMAR.fullmatch(name) for name in names]
    odd = [name for name, match in zip(names, matches, strict=True) if match is None]
    said = f"other than <type>_<number>_cam<1|2>.jpg with a type of {', '.join(TYPES)}: {some(odd)}"
    if 2 * len(odd) > len(names):
        raise DataError(
            f"{folder}: {len(odd):,} of {len(names):,} file names {said}. These are other "
            "photographs; write a CSV manifest for them"
        )
    if odd:
        notes.append(f"{folder.name}: {len(odd):,} files left out, with names {said}")
    fitting = [match for match in matches if match]
    coarse = [TYPES.index(match["type"]) + 1 for match in fitting]
    numbers = [int(match["number"]) for match in fitting]
    prefix = f"{folder.resolve()}/"
    rows = pd.DataFrame(
        {
            "path": [prefix + match[0] for match in fitting],
            "vehicle_id": [10_000 * k + number for k, number in zip(coarse, numbers, strict=True)],
            "coarse_id": coarse,
            "camera_id": [int(match["camera"]) for match in fitting],
            "type": [match["type"] for match in fitting],
            "folder": folder.name,
        }
    )
    # Nothing says whether car_7 and car_0007 are one vehicle: the usual spelling counts.
    usual = pd.Series([len(match["number"]) == 4 for match in fitting], index=rows.index)
    order = usual.sort_values(ascending=False, kind="stable").index
    again = rows.loc[order].duplicated(["vehicle_id", "camera_id"]).reindex(rows.index)
    if again.any():
        left = [Path(path).name for path in rows.loc[again, "path"]]
        notes.append(
            f"{folder.name}: {len(left):,} files left out, whose number is another file's, too: "
            f"{some(left)}"
        )
    return rows[~again]


def _training_half(rows: pd.DataFrame) -> set[int]:
    """Every other vehicle of each type, in the order of a hash of its identity."""
    chosen: set[int] = set()
    for _, of_type in rows.groupby("type"):
        vehicles = sorted(
            of_type["vehicle_id"].unique().tolist(),
            key=lambda vehicle: hashlib.sha256(f"photographs {vehicle}".encode()).digest(),
        )
        chosen.update(vehicles[: len(vehicles) // 2])
    return chosen
