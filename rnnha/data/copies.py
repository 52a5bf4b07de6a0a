"""Pictures that are query and gallery at once: a query that finds itself scores 100 %."""

import hashlib
import os
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable
from pathlib import Path

import pandas as pd

from rnnha.files import DataError

TAIL = 2**12  # bytes; pictures of one size differ here, and are then not read in full

ADVICE = {
    "cross-camera": "give camera_id for every query and gallery image, so that they count as junk, "
    "or take them out of the gallery",
    "veri": "a picture has one vehicle and one camera: mend the labels, or take one row out",
    "vehicleid": "list each picture once",
}


def expect_none(path: Path, rows: pd.DataFrame, protocol: str, images: bool) -> None:
    """Raise DataError, naming `path` and both lines, where a query would find itself.

    rows: path, vehicle_id, split, camera_id where known, indexed by line. images: files of equal
    bytes are one picture, whatever their names; else only equal paths are. By the protocol "veri"
    a picture may be in both with the same labels, as it is in VeRi itself: that is junk.
    """
    tested = rows[(rows["split"] != "train").to_numpy(bool)]
    tested = tested.reindex(columns=["path", "vehicle_id", "camera_id", "split"])
    tested = tested.rename_axis("line").reset_index()
    tested["picture"] = [os.path.normpath(file) for file in tested["path"]]
    if images:
        tested["picture"] = tested["picture"].replace(_first_of_equal(tested["picture"].unique()))
    if protocol == "vehicleid":
        again = tested.duplicated("picture")
        sides = tested[~again], tested[again]
    else:
        sides = (tested[tested["split"] == split] for split in ("query", "gallery"))
    query, gallery = sides
    both = query.merge(gallery, on="picture", suffixes=("", "_2"))
    if protocol == "veri":
        junk = (both["vehicle_id"] == both["vehicle_id_2"]) & (
            both["camera_id"] == both["camera_id_2"]
        )
        both = both[~junk.to_numpy(bool)]
    if len(both):
        one = both.iloc[0]
        raise DataError(
            f"{path}: {len(both):,} images are both query and gallery and would find themselves, "
            f"such as {one['path']} (line {one['line']}) and {one['path_2']} (line "
            f"{one['line_2']}); {ADVICE[protocol]}"
        )


def _first_of_equal(files: Iterable[str]) -> dict[str, str]:
    """File -> the first file of the same bytes, for those that are not the first."""
    groups = [list(files)]
    for key in (os.path.getsize, _tail, _digest):
        groups = [part for group in groups for part in _alike(group, key)]
    return {file: group[0] for group in groups for file in group[1:]}


def _alike(files: list[str], key: Callable[[str], Hashable]) -> list[list[str]]:
    found = defaultdict(list)
    for file in files:
        try:
            found[key(file)].append(file)
        except OSError as error:
            raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    return [group for group in found.values() if len(group) > 1]


def _tail(file: str) -> bytes:
    with open(file, "rb") as opened:
        opened.seek(max(0, os.path.getsize(file) - TAIL))
        return hashlib.sha256(opened.read()).digest()


def _digest(file: str) -> bytes:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").digest()
