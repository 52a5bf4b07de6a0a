"""A benchmark: the images of a data set, their labels, and how it is to be scored.

`load` is the one way in. A manifest is a DataFrame with one row an image:

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

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from rnnha.data.files import DataError, some
from rnnha.paths import dataset_dir

__all__ = ["COLUMNS", "NAMES", "Benchmark", "DataError", "load", "make_manifest", "names_of"]

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
SIDE_CAR_COLUMNS = (
    "image", "vehicle_id", "split", "type", "model", "paint", "view", "camera", "light", "cues",
)  # fmt: skip

_HOW_TO_GET = {
    "veri": "VeRi-776 is given by its authors (Xinchen Liu et al., BUPT and JD) for research: "
    "ask them by e-mail as https://vehiclereid.github.io/VeRi/ says",
    "vehicleid": "VehicleID V1.0 is given by Peking University for research: "
    "send the request form of the PKU VehicleID page to its authors",
    "photographs": "it is free: git clone "
    "https://github.com/Khoa-Nguyen-Truong/Vehicle-Re-ID-Dataset {folder}",
    "rendered-veri": "it comes with the project: run `make data`",
    "rendered-vehicleid": "it comes with the project: run `make data`",
}
NAMES = tuple(_HOW_TO_GET)


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

    @property
    def side_car(self) -> pd.DataFrame | None:
        """What only a renderer knows (model, paint, view, light, cues); None for real images."""
        return read_side_car(self.root) if self.synthetic else None

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
        raise DataError(f"{path}: columns missing: {some(absent)}")
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


def load(name: str | Path, root: str | Path | None = None) -> Benchmark:
    """Read and check a data set: one of `NAMES`, or the path of an own CSV manifest.

    root: folder of its layout; by default the place that `rnnha.paths` gives.
    Raises DataError: unknown name, folder absent (says whom to ask), files or labels missing,
    counts other than published.
    """
    # The readers build a Benchmark, so they can only be imported after this module.
    from rnnha.data import own, photographs, vehicleid, veri

    name = str(name)
    if name.lower().endswith(".csv"):
        return own.read(Path(name))
    if name not in NAMES:
        raise DataError(
            f"{name}: no such data set; known are {', '.join(NAMES)}, or a path to a .csv file"
        )
    folder = Path(root).expanduser() if root is not None else dataset_dir(name)
    if not folder.is_dir():
        raise DataError(
            f"{name}: no folder {folder}. {how_to_get(name, folder)}. "
            "The folder goes there, or elsewhere if RNNHA_DATA names the folder that holds it"
        )
    if name == "photographs":
        return photographs.read(folder)
    reader = veri if name.endswith("veri") else vehicleid
    benchmark = reader.read(folder.resolve(), name)
    if benchmark.synthetic:
        check_side_car(benchmark)
    else:
        expect_counts(benchmark, reader.counts(benchmark.root))
    return benchmark


def how_to_get(name: str, folder: Path) -> str:
    """One sentence: whom to ask for the data set, or which command fetches it."""
    return _HOW_TO_GET[name].format(folder=folder)
