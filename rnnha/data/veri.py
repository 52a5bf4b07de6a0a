"""VeRi-776: 776 vehicles seen by 20 cameras.

Liu et al., "Large-scale vehicle re-identification in urban surveillance videos", ICME 2016.
37,778 training images of 576 vehicles; 1,678 queries and 11,579 gallery images of 200 others.
Rendered-VeRi has the same layout, and is read here too.
"""

from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data import official
from rnnha.data.label_xml import read_label_xml
from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.files import (
    DataError,
    expect_names,
    image_names,
    read_lines,
    some,
    whole_number,
)

TYPES = dict(enumerate("sedan suv van hatchback mpv pickup bus truck estate".split(), start=1))
COLORS = dict(
    enumerate("yellow orange green gray red blue white golden brown black".split(), start=1)
)
# split -> (folder, list of its images)
PARTS = {
    "train": ("image_train", "name_train.txt"),
    "query": ("image_query", "name_query.txt"),
    "gallery": ("image_test", "name_test.txt"),
}
GRAMMAR = official.VERI_NAME  # vehicle, camera, frame, number of the box
# Index files circulate under three spellings.
INDEX_FILES = {
    kind: (f"{kind}_index.txt", f"{kind}_image.txt", f"{kind}_index_776.txt")
    for kind in ("gt", "jk")
}
# image,type_id of the images that train_label.xml lacks, from the authors' own training list.
# It lacks 3 of vehicle 0395's 9 images at camera 12; which 3 is not recorded, so all 9 are here.
MISSING_TYPES = files("rnnha.data") / "veri_types_missing.csv"
SUV_BY_ERRATUM = (3, 7, 41)  # typeID 0 in version 1.0; the authors' own list has type 2


def counts(root: Path) -> dict[str, tuple[int, int]]:
    """split -> (images, vehicles) of the real set."""
    return {"train": (37_778, 576), "query": (1_678, 200), "gallery": (11_579, 200)}


def recognises(folder: Path) -> bool:
    """Whether any part of VeRi's layout is in this folder."""
    return any((folder / entry).exists() for part in PARTS.values() for entry in part)


def missing_entries(root: Path) -> list[str]:
    """Files and folders that a VeRi folder must have and `root` has not."""
    has_mat = (root / official.VERI_TRAIN).is_file()
    required = [entry for part in PARTS.values() for entry in part]
    required += ["train_label.xml", "test_label.xml"]
    replaceable = {"name_train.txt", "train_label.xml"} if has_mat else set()
    return [e for e in required if e not in replaceable and not (root / e).exists()]


def read(root: Path, name: str = "veri", synthetic: bool = False) -> Benchmark:
    """Read a folder in VeRi's layout, whatever its size (`load` also checks the counts).

    Raises DataError naming the file at fault.
    """
    missing = missing_entries(root)
    if missing:
        raise DataError(
            f"{root}: not a complete VeRi folder, missing: {some(missing, 20)}. "
            "Unpack the whole archive there"
        )
    notes: list[str] = []
    names = {split: _names(root, split, notes) for split in PARTS}
    rows = pd.concat([_parse(names[split], root, split) for split in PARTS], ignore_index=True)
    rows = rows.join(_labels(root, rows, notes))
    tracks = _tracks(root, rows.loc[rows["split"] == "gallery", "image"], notes)
    rows["track_id"] = rows["image"].map(tracks).where(rows["split"] != "train")
    _compare_with_index_files(root, rows, notes)
    alone = len(set(names["query"]) - set(names["gallery"]))
    if alone:
        notes.append(f"{alone:,} query images are not in image_test, where VeRi has them all")
    return Benchmark(
        name=name,
        root=root,
        manifest=make_manifest(rows, root),
        protocol="veri",
        synthetic=synthetic,
        notes=tuple(notes),
    )


def _names(root: Path, split: str, notes: list[str]) -> list[str]:
    """Image names of a split in the order of its list, each of them a file of its folder."""
    folder, listing = PARTS[split]
    path = root / listing
    if split == "train" and not path.exists():
        path = root / official.VERI_TRAIN
        names = official.read_list(path)["image"].tolist()
    else:
        names = _listed(path)
    present = image_names(root / folder)
    absent = [name for name in names if name not in present]
    if absent:
        raise DataError(
            f"{root / folder}: {len(absent):,} of the {len(names):,} images that {path.name} lists "
            f"are missing: {some(absent)}. Unpack the archive again"
        )
    unlisted = len(present) - len(set(names))
    if unlisted:
        notes.append(f"{folder}: {unlisted:,} image files that {path.name} does not list; not used")
    return names


def _listed(path: Path) -> list[str]:
    """Image names of a list, one a line."""
    names = []
    for number, line in enumerate(read_lines(path), start=1):
        if len(line.split()) > 1:
            raise DataError(f"{path}, line {number}: expected one image name, found {line[:60]!r}")
        if line:
            names.append(line)
    if not names:
        raise DataError(f"{path}: lists no images; unpack the archive again")
    expect_names(names, path)
    return names


def _parse(names: list[str], root: Path, split: str) -> pd.DataFrame:
    """Vehicle and camera from the file *name*: folders above may look like a vehicle, too."""
    folder, listing = PARTS[split]
    matches = [GRAMMAR.fullmatch(name) for name in names]
    odd = [name for name, match in zip(names, matches, strict=True) if match is None]
    if odd:
        raise DataError(
            f"{root / listing}: not VeRi file names (VVVV_cCCC_FFFFFFFF_B.jpg): {some(odd)}"
        )
    prefix = f"{(root / folder).resolve()}/"
    return pd.DataFrame(
        {
            "image": names,
            "path": [prefix + name for name in names],
            "vehicle_id": [int(match["vehicle"]) for match in matches],
            "camera_id": [int(match["camera"]) for match in matches],
            "split": split,
        }
    )


def _labels(root: Path, rows: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    """coarse_id, type and color of each row, with the known faults of the label files mended."""
    if (root / "train_label.xml").exists():
        train = read_label_xml(root / "train_label.xml")
    else:
        train = official.read_list(root / official.VERI_TRAIN).set_index("image")
        train = train.rename(columns={"coarse_id": "type_id"})[["type_id"]]
        notes.append(f"types of the training images from {official.VERI_TRAIN}; colours unknown")
    labels = _joined(root, train, read_label_xml(root / "test_label.xml"))
    labels = labels.reindex(rows["image"]).reset_index(drop=True)
    differs = (labels["vehicle"] != rows["vehicle_id"]) | (labels["camera"] != rows["camera_id"])
    differs = differs.fillna(False)
    if differs.any():
        notes.append(
            f"{differs.sum():,} images have another vehicle or camera in the label XML than in the "
            f"file name, which counts: {some(rows.loc[differs, 'image'], 3)}"
        )
    kind = labels["type_id"].copy()
    zero = (kind == 0).fillna(False) & rows["vehicle_id"].isin(SUV_BY_ERRATUM)
    if zero.any():
        kind[zero] = 2
        notes.append(f"{zero.sum():,} images with typeID 0 (vehicles 3, 7, 41) are type 2, suv")
    kind[~kind.isin(TYPES).fillna(False)] = pd.NA
    table = pd.read_csv(MISSING_TYPES, index_col="image")
    from_table = rows["image"].map(table["type_id"]).astype("Int64")
    mended = kind.isna() & from_table.notna() & (rows["split"] == "train")
    kind[mended] = from_table[mended]
    if mended.any():
        notes.append(f"{mended.sum():,} images absent from the label XML: types from the table")
    unknown = kind.isna() & (rows["split"] == "train")
    if unknown.sum() == (rows["split"] == "train").sum():
        raise DataError(
            f"{root}: the label file has a type of none of the training images; it belongs to "
            "another set, or names its images otherwise"
        )
    if unknown.any():
        notes.append(f"{unknown.sum():,} training images have no type; a coarse head drops them")
    return pd.DataFrame(
        {"coarse_id": kind, "type": kind.map(TYPES), "color": labels["color_id"].map(COLORS)}
    )


def _joined(root: Path, train: pd.DataFrame, test: pd.DataFrame) -> pd.DataFrame:
    """The labels of both files; an image may stand in both, with the same labels."""
    both = train.index.intersection(test.index)
    differs = train.loc[both].ne(test.loc[both, train.columns]).fillna(False).any(axis=1)
    if differs.any():
        raise DataError(
            f"{root}: {differs.sum():,} images have other labels in test_label.xml than in the "
            f"label file of the training images: {some(both[differs], 3)}. Unpack the archive again"
        )
    return pd.concat([train, test.drop(index=both)])


def _tracks(root: Path, gallery: pd.Series, notes: list[str]) -> dict[str, str]:
    """Gallery image -> track; a track is named by its line's leading name, or its line number."""
    path = root / "test_track.txt"
    if not path.exists():
        notes.append("test_track.txt not found: no image-to-track scores")
        return {}
    known = set(gallery)
    track_of: dict[str, str] = {}
    tracks: set[str] = set()
    for number, line in enumerate(read_lines(path), start=1):
        images = line.split()
        name = f"{number:04d}"
        if images and not images[0].endswith(".jpg"):
            name, *images = images
        expect_names(images, path)
        unknown = [image for image in images if image not in known]
        if unknown:
            raise DataError(f"{path}, line {number}: not in image_test: {some(unknown)}")
        again = [image for image in images if image in track_of]
        if name in tracks:
            raise DataError(f"{path}, line {number}: a second track called {name}")
        if again:
            raise DataError(f"{path}, line {number}: already in another track: {some(again)}")
        sources = {image.rsplit("_", 2)[0] for image in images}
        if len(sources) > 1:
            raise DataError(
                f"{path}, line {number}: a track is one vehicle in one camera, "
                f"found {some(sorted(sources))}"
            )
        tracks.add(name)
        track_of.update(dict.fromkeys(images, name))
    if len(track_of) < len(known):
        notes.append(f"{len(known) - len(track_of):,} gallery images are in no track")
    return track_of


def _compare_with_index_files(root: Path, rows: pd.DataFrame, notes: list[str]) -> None:
    """The published answers must be what the rule says: good = same vehicle in another camera,
    junk = same vehicle in the same camera. Scoring uses the rule.

    Public name lists and index files differ in an image or so; up to one line in a hundred is
    noted, more is another set.
    """
    query, gallery = (rows[rows["split"] == split] for split in ("query", "gallery"))
    ids, cameras = gallery["vehicle_id"].to_numpy(), gallery["camera_id"].to_numpy()
    for kind, spellings in INDEX_FILES.items():
        path = next((root / name for name in spellings if (root / name).exists()), None)
        if path is None:
            notes.append(f"no {kind} index file; not needed, scoring goes by vehicle and camera")
            continue
        lines = read_lines(path)
        lines += [""] * (len(query) - len(lines))  # trailing queries without an entry
        if len(lines) != len(query):
            raise DataError(
                f"{path}: found {len(lines):,} lines, expected {len(query):,}, one a query"
            )
        odd = []
        of_query = zip(query["image"], query["vehicle_id"], query["camera_id"], lines, strict=True)
        for number, (image, vehicle, camera, line) in enumerate(of_query, start=1):
            same_camera = cameras == camera
            wanted = (ids == vehicle) & (same_camera if kind == "jk" else ~same_camera)
            if _indices(line, path, number) != (np.flatnonzero(wanted) + 1).tolist():
                odd.append(f"{number} ({image})")
        place = "the same" if kind == "jk" else "another"
        said = f"the gallery images of the same vehicle in {place} camera"
        if len(odd) > len(query) // 100:
            raise DataError(
                f"{path}: {len(odd):,} of {len(query):,} lines are not {said}: "
                f"line {some(odd, 3)}. The file belongs to other lists; take it away to go by the "
                "rule"
            )
        if odd:
            notes.append(f"{path.name}: {len(odd)} lines are not {said}: {some(odd)}; not used")
        else:
            notes.append(f"{path.name}: as the rule says (it names {said})")


def _indices(line: str, path: Path, number: int) -> Sequence[int]:
    try:
        return sorted(whole_number(word) for word in line.split())
    except ValueError as error:
        raise DataError(f"{path}, line {number}: {error}") from error
