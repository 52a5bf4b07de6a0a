"""One's own data set: a CSV file with one row an image.

    path,vehicle_id,split,camera_id
    crops/a.jpg,17,train,1
    crops/b.jpg,18,query,1
    crops/c.jpg,18,gallery,2

Required columns: path (relative to the CSV, or absolute), vehicle_id, split (train, query and
gallery; or train and test, for VehicleID's protocol with draws). Optional: coarse_id, camera_id,
track_id, type, color; empty cells mean unknown, and so do nan, NULL, None and NA. Ids may be whole
numbers (12.0 is 12), or any text: a column with text in it is numbered 0, 1, 2... in alphabetical
order. Without coarse_id the types, if given, are the coarse classes. Any other column is an error,
because a misspelt camera_id would silently change the score; so is one id in two spellings (1 and
001), a query that would find itself, and a track of two vehicles or cameras.
"""

import filecmp
import os
import re
from pathlib import Path

import pandas as pd

from rnnha.data import copies
from rnnha.data.csv_cells import numbers, one_spelling, read_blocks
from rnnha.data.manifest import COLUMNS, SPLITS, Benchmark, make_manifest
from rnnha.files import DataError, missing_files, some

REQUIRED = ("path", "vehicle_id", "split")
IDS = ("vehicle_id", "coarse_id", "camera_id")


def read(path: Path, *, images: bool = True) -> Benchmark:
    """Read a CSV manifest; its rows keep their order. The set's name is the file's.

    images: check that the image files exist (scoring stored embeddings needs none).
    The protocol is "vehicleid" when the split is test, "veri" when query and gallery have
    cameras, else "cross-camera". Raises DataError with the lines at fault.
    """
    path = Path(path).expanduser()
    rows = _read_table(path)
    notes: list[str] = []
    if "coarse_id" not in rows and "type" in rows:
        rows["coarse_id"] = rows["type"]
        notes.append("no coarse_id: the types are the coarse classes")
    if "track_id" in rows:
        rows["track_id"] = one_spelling(rows["track_id"], path)
    written = rows["vehicle_id"]
    for column in IDS:
        if column in rows:
            rows[column], note = numbers(rows[column], path)
            notes += [note] if note else []
    folder = path.resolve().parent
    files = [folder / name for name in rows["path"]]
    if images and (missing := set(missing_files(files))):
        lines = [line for line, file in zip(rows.index, files, strict=True) if file in missing]
        raise DataError(
            f"{path}: {len(missing):,} images not found, on lines {some(lines)}: "
            f"{some(sorted(missing), 3)}. Paths count from the folder of the CSV"
        )
    rows["path"] = [str(file) for file in files]
    splits = set(rows["split"])
    protocol = _protocol(path, rows, splits)
    _expect_apart(path, rows, written)
    _expect_once(path, rows)
    if protocol == "veri":
        _expect_whole_tracks(path, rows)
    if images:
        _expect_distinct_names(path, rows[rows["split"] != "train"])
    copies.expect_none(path, rows, protocol, images)
    manifest = make_manifest(rows, path)
    lists = {}
    if "test" in splits:
        test = manifest[manifest["split"] == "test"]
        names = tuple(Path(file).name for file in test["path"])
        if len(set(names)) < len(names):
            raise DataError(f"{path}: test images need distinct file names, whatever folder")
        lists = {test["vehicle_id"].nunique(): names}
    return Benchmark(
        name=name_of(path),
        root=path.resolve(),
        manifest=manifest,
        protocol=protocol,
        test_lists=lists,
        notes=(*notes, *_coarse_note(manifest)),
    )


def name_of(path: Path) -> str:
    """What a set's results are kept under: the file's name without .csv.

    Raises DataError for a name that is no safe name of a folder, or would need quotes in a shell.
    """
    name = Path(path).name[: -len(".csv")]
    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]*", name):
        raise DataError(
            f"{path}: the file's name names the set and a folder of results; expected letters, "
            f"digits, and . _ - after the first, and found {name!r}: rename the file"
        )
    return name


def _expect_distinct_names(path: Path, tested: pd.DataFrame) -> None:
    """Embeddings are kept by file name: one name in two folders must be one and the same file."""
    first: dict[str, str] = {}
    for file in tested["path"]:
        other = first.setdefault(Path(file).name, file)
        if other != file and not filecmp.cmp(other, file, shallow=False):
            raise DataError(
                f"{path}: {other} and {file} are two test images of one name; test images need "
                "distinct file names, whatever folder"
            )


def _expect_once(path: Path, rows: pd.DataFrame) -> None:
    """One row an image and split, and one vehicle an image, however its path is written."""
    known = rows.assign(image=[os.path.normpath(file) for file in rows["path"]])
    known = known[known.duplicated("image", keep=False)]
    several = known[known.groupby("image")["vehicle_id"].transform("nunique") > 1]
    twice = known[known.duplicated(["image", "split"], keep=False)]
    for odd, fault in ((several, "is of several vehicles"), (twice, "is listed twice in a split")):
        if len(odd):
            image = odd["image"].iloc[0]
            raise DataError(
                f"{path}: {image} {fault}, on lines {some(odd.index[odd['image'] == image])} "
                f"({odd['image'].nunique():,} such images); keep one row"
            )


def _expect_apart(path: Path, rows: pd.DataFrame, written: pd.Series) -> None:
    """No vehicle is both for training and for test; `written`: the ids as they stand there."""
    train = (rows["split"] == "train").to_numpy(bool)
    both = rows["vehicle_id"].isin(rows["vehicle_id"][train]) & ~train
    if both.any():
        line = rows.index[both][0]
        same = rows.index[train & (rows["vehicle_id"] == rows["vehicle_id"][line])]
        raise DataError(
            f"{path}: vehicles both for training and for test: {some(written[both].unique())}; "
            f"the first is on line {same[0]} and on line {line}; re-identification is tested on "
            "vehicles never seen in training"
        )


def _expect_whole_tracks(path: Path, rows: pd.DataFrame) -> None:
    """Tracks that are numbered anew for each camera would be ranked as one."""
    known = rows[(rows["split"] == "gallery").to_numpy(bool)]
    known = known.dropna(subset="track_id") if "track_id" in known else known[:0]
    first: dict[str, tuple] = {}
    columns = (known.get(column, ()) for column in ("track_id", "vehicle_id", "camera_id"))
    for line, track, *labels in zip(known.index, *columns, strict=True):
        before, expected = first.setdefault(track, (line, labels))
        if labels != expected:
            raise DataError(
                f"{path}: track {track} on lines {before} and {line} is of two vehicles or "
                "cameras; a track is one vehicle seen by one camera: where numbers begin anew, "
                "put the camera's name before them"
            )


def _coarse_note(manifest: pd.DataFrame) -> list[str]:
    """How many training images a network with a coarse head can learn from."""
    coarse = manifest.loc[manifest["split"] == "train", "coarse_id"]
    if coarse.empty:
        return []
    known = int(coarse.notna().sum())
    rest = "" if known == len(coarse) else "; networks learn from these alone"
    return [f"{known:,} of {len(coarse):,} training images have a coarse label{rest}"]


def _read_table(path: Path) -> pd.DataFrame:
    """The cells as stripped text, <NA> where unknown, indexed by line number in the file."""
    (table,) = read_blocks(path)
    absent = [column for column in REQUIRED if column not in table]
    unknown = [column for column in table if column not in COLUMNS]
    if absent or unknown:
        raise DataError(
            f"{path}: "
            + (f"columns missing: {some(absent)}; " if absent else "")
            + (f"unknown columns: {some(unknown)}; " if unknown else "")
            + f"required are {', '.join(REQUIRED)}, "
            + f"optional {', '.join(column for column in COLUMNS if column not in REQUIRED)}; "
            + "cells are separated by commas"
        )
    if table.empty:
        raise DataError(f"{path}: no rows below the header")
    for column in REQUIRED:
        if table[column].isna().any():
            lines = table.index[table[column].isna()]
            raise DataError(f"{path}: {column} is empty on lines {some(lines)}")
    odd = table[~table["split"].isin(SPLITS)]
    if len(odd):
        raise DataError(
            f"{path}: split must be one of {', '.join(SPLITS)}; found {odd['split'].iloc[0]!r} on "
            f"lines {some(odd.index)}"
        )
    return table


def _protocol(path: Path, rows: pd.DataFrame, splits: set[str]) -> str:
    if "test" in splits and splits & {"query", "gallery"}:
        raise DataError(f"{path}: split has both test and query or gallery; use one way of testing")
    if ("query" in splits) != ("gallery" in splits):
        raise DataError(f"{path}: split needs both query and gallery, or neither")
    if "test" in splits:
        return "vehicleid"
    tested = rows[rows["split"].isin(("query", "gallery"))]
    if "camera_id" not in rows or tested["camera_id"].isna().all():
        return "cross-camera"
    if tested["camera_id"].isna().any():
        lines = tested.index[tested["camera_id"].isna()]
        raise DataError(
            f"{path}: camera_id is empty on lines {some(lines)}; give it for every query and "
            "gallery image, or for none"
        )
    return "veri"
