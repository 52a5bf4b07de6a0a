"""A benchmark: the images of a data set, their labels, and how it is to be scored.

`rnnha.data.sets.load` is the one way to get one. A manifest is a DataFrame with one row an image:

| column     | dtype  | meaning                                                            |
|------------|--------|--------------------------------------------------------------------|
| path       | string | absolute path of the image                                         |
| vehicle_id | int64  | identity, as the data set numbers it (not contiguous)              |
| coarse_id  | Int64  | coarse class (VeRi: type; VehicleID: model) as the set numbers it  |
| camera_id  | Int64  | camera, or <NA> where the set has none                             |
| track_id   | string | track of a test image, or <NA>                                     |
| split      | string | train, query, gallery; VehicleID has test instead of the last two  |
| type       | string | name of the coarse class where known                               |
| color      | string | name of the colour where known                                     |
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from rnnha.files import DataError, some

COLUMNS = {
    "path": "string",
    "vehicle_id": "int64",
    "coarse_id": "Int64",
    "camera_id": "Int64",
    "track_id": "string",
    "split": "string",
    "type": "string",
    "color": "string",
}
SPLITS = ("train", "query", "gallery", "test")
MASKS = ("cues", "vehicle")
HELD_OUT = "-holdout"  # ends the name of a benchmark whose test vehicles are training vehicles
SIDE_CAR_COLUMNS = (
    "image",
    "vehicle_id",
    "split",
    "type",
    "model",
    "paint",
    "view",
    "camera",
    "light",
    "cues",
    "visible_cues",
)


@dataclass(frozen=True)
class Benchmark:
    """A data set, checked and ready to train and score on.

    name: as given to `load`; root: the folder its layout begins in (an own set: the CSV).
    protocol: "veri" (junk = same vehicle in the same camera), "vehicleid" (seeded draws of one
        gallery image a vehicle, per test list) or "cross-camera" (query against gallery, no junk).
    test_lists: size -> image file names (VehicleID only, else empty).
    synthetic: rendered images; only these have a side-car table, and masks of test images.
    held_out: the test images are training images in truth (see `data.subset`).
    notes: what loading dropped, repaired or did not find; for people to read.
    """

    name: str
    root: Path
    manifest: pd.DataFrame
    protocol: str
    test_lists: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    synthetic: bool = False
    held_out: bool = False
    notes: tuple[str, ...] = ()

    @property
    def of(self) -> str:
        """The name of the set, of which vehicles may be held out."""
        return self.name.removesuffix(HELD_OUT)

    def split(self, name: str) -> pd.DataFrame:
        """Rows of one split in their official order, with a fresh index."""
        return self.manifest[self.manifest["split"] == name].reset_index(drop=True)

    @property
    def train(self) -> pd.DataFrame:
        return self.split("train")

    @property
    def query(self) -> pd.DataFrame:
        return self.split("query")

    @property
    def gallery(self) -> pd.DataFrame:
        return self.split("gallery")

    @property
    def test(self) -> pd.DataFrame:
        """VehicleID: every image that is not for training, a superset of all test lists."""
        return self.split("test")

    @cached_property
    def key(self) -> str:
        """Short SHA-256 over each image's name, labels, split and file size."""
        labels = self.manifest.drop(columns="path").to_csv(index=False)
        files = "\n".join(f"{Path(p).name} {os.path.getsize(p)}" for p in self.manifest.path)
        return hashlib.sha256((labels + files).encode()).hexdigest()[:16]

    @property
    def side_car(self) -> pd.DataFrame | None:
        """What only a renderer knows, SIDE_CAR_COLUMNS; None for real images."""
        return read_side_car(self.root) if self.synthetic else None

    def rendered(self, *columns: str) -> pd.DataFrame:
        """Columns of the side-car, one row an image, by its name; of a synthetic set."""
        return self.side_car.drop_duplicates("image").set_index("image")[list(columns)]

    def mask(self, path: str | Path, kind: str) -> Path:
        """1-bit PNG of the visible identity `cues`, or of the whole `vehicle`, for a test image.

        Raises DataError for real images, another kind, and an image without a mask.
        """
        if not self.synthetic or kind not in MASKS:
            raise DataError(
                f"{self.name}: no masks of kind {kind!r}; rendered sets have {' and '.join(MASKS)}"
            )
        mask = self.root.parent / "masks" / kind / f"{Path(path).stem}.png"
        if not mask.is_file():
            raise DataError(f"{mask}: not found (test images only have masks); run `make data`")
        return mask


def make_manifest(frame: pd.DataFrame, source: Path) -> pd.DataFrame:
    """Bring `frame` to the manifest's columns and dtypes and check what every set must satisfy.

    Columns that `frame` lacks become <NA>. Raises DataError, naming `source`.
    """
    manifest = pd.DataFrame(
        {
            column: frame[column].astype(dtype)
            if column in frame
            else pd.Series(pd.NA, index=frame.index, dtype=dtype)
            for column, dtype in COLUMNS.items()
        }
    ).reset_index(drop=True)
    if manifest.empty:
        raise DataError(f"{source}: no images")
    unknown = sorted(set(manifest["split"].dropna()) - set(SPLITS))
    if unknown or manifest["split"].isna().any():
        raise DataError(f"{source}: split {some(unknown) or 'missing'}; expected {some(SPLITS)}")
    twice = manifest.loc[manifest.duplicated(["path", "split"]), "path"]
    if len(twice):
        raise DataError(f"{source}: {len(twice)} images are listed twice: {some(twice)}")
    train = manifest["split"] == "train"
    both = set(manifest.loc[train, "vehicle_id"]) & set(manifest.loc[~train, "vehicle_id"])
    if both:
        raise DataError(
            f"{source}: vehicles both for training and for test: {some(sorted(both))}; "
            "re-identification is tested on vehicles never seen in training"
        )
    return manifest


def names_of(manifest: pd.DataFrame) -> pd.Series:
    """The image names (file names) of a manifest's rows."""
    return manifest["path"].map(lambda path: Path(path).name)


def expect_counts(benchmark: Benchmark, expected: Mapping[str, tuple[int, int]]) -> None:
    """Raise DataError unless each split has the (images, vehicles) it is known to have."""
    wrong = []
    for split, (images, vehicles) in expected.items():
        rows = benchmark.split(split)
        found = (len(rows), rows["vehicle_id"].nunique())
        if found != (images, vehicles):
            wrong.append(
                f"{split}: found {found[0]:,} images of {found[1]:,} vehicles, "
                f"expected {images:,} of {vehicles:,}"
            )
    if wrong:
        raise DataError(
            f"{benchmark.root}: not the complete {benchmark.name} set; {'; '.join(wrong)}. "
            "Unpack the archive again; to use a part on purpose, write it as an own set (CSV)"
        )


def read_side_car(root: Path) -> pd.DataFrame:
    """The table `images.csv` beside a rendered set's layout; empty cells are empty strings."""
    path = root.parent / "images.csv"
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); run `make data`") from error
    absent = [column for column in SIDE_CAR_COLUMNS if column not in table]
    if absent:
        raise DataError(
            f"{path}: columns missing: {some(absent)}, so the set is of an older version; remove "
            f"{root.parent} and run `make data`"
        )
    return table.astype({"vehicle_id": "int64"})


def check_side_car(benchmark: Benchmark) -> None:
    """Raise DataError unless layout and side-car name the same images with the same vehicles."""
    table = benchmark.side_car
    rows = benchmark.manifest
    names = names_of(rows)
    for part, in_layout, in_table in (
        ("training", rows["split"] == "train", table["split"] == "train"),
        ("test", rows["split"] != "train", table["split"] != "train"),
    ):
        found = set(zip(names[in_layout], rows.loc[in_layout, "vehicle_id"], strict=True))
        of_part = table[in_table]
        expected = set(zip(of_part["image"], of_part["vehicle_id"], strict=True))
        if found != expected:
            odd = sorted(name for name, _ in found ^ expected)
            raise DataError(
                f"{benchmark.root}: {part} images do not match {benchmark.root.parent.name}/"
                f"images.csv: found {len(found):,}, expected {len(expected):,}, differing "
                f"{some(odd)}. Remove the folder and run `make data`"
            )
