"""Label files released by the paper's authors (MATLAB), as another source of the lists.

Source: github.com/tzzcl/RNN-HA: `train_imdb_VeRi.mat`, `train_imdb_Vehi.mat` and
`test_list_{800,1600,2400}.mat`, each a struct `images` with the fields `name`, `class` and, in
the training lists, `model`. The readers use one that lies in the data set's folder when the
set's own list or label file is missing.
"""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from rnnha.files import DataError, expect_file, expect_names, some

VERI_TRAIN = "train_imdb_VeRi.mat"
VEHICLEID_TRAIN = "train_imdb_Vehi.mat"
VERI_NAME = re.compile(r"(?P<vehicle>[0-9]{4})_c(?P<camera>[0-9]{3})_[0-9]{8}_[0-9]+\.jpg")
VEHICLEID_NAME = re.compile(r"[0-9]+\.jpg")


class Known(NamedTuple):
    """What one of the lists holds: the form of its image names, and how many of each there are.

    coarse: types or models, 0 in a test list, which has none.
    """

    grammar: re.Pattern
    images: int
    vehicles: int
    coarse: int


LISTS = {
    VERI_TRAIN: Known(VERI_NAME, 37_778, 576, 9),
    VEHICLEID_TRAIN: Known(VEHICLEID_NAME, 90_168, 10_309, 228),
    "test_list_800.mat": Known(VEHICLEID_NAME, 6_493, 800, 0),
    "test_list_1600.mat": Known(VEHICLEID_NAME, 13_377, 1_600, 0),
    "test_list_2400.mat": Known(VEHICLEID_NAME, 19_777, 2_400, 0),
}


def read_list(path: Path) -> pd.DataFrame:
    """Columns image (string, file name), vehicle_class (int64), coarse_id (Int64).

    vehicle_class counts 1, 2, 3... in the training lists and is the vehicle's id in the test
    lists; coarse_id is VeRi's type or VehicleID's model, <NA> in the test lists.
    Raises DataError when the file is not the list that its name says.
    """
    path = Path(path)
    if path.name not in LISTS:
        raise DataError(
            f"{path}: no name of the authors' label files, {some(LISTS)}; if it is one of them, "
            "give it its name back"
        )
    known = LISTS[path.name]
    expect_file(path)
    try:
        columns = _columns(path, ["name", "class", *(["model"] if known.coarse else [])])
        table = pd.DataFrame(
            {
                "image": pd.array([_text(cell) for cell in columns["name"]], dtype="string"),
                "vehicle_class": _numbers(columns["class"]),
            }
        )
        models = _numbers(columns["model"]) if known.coarse else pd.NA
        table["coarse_id"] = pd.Series(models, index=table.index, dtype="Int64")
    except Exception as error:  # scipy raises its own, zlib's, struct's and others' exceptions
        raise DataError(
            f"{path}: not one of the authors' label files (MATLAB struct `images` with `name`, "
            f"`class` and, for training, `model`): {type(error).__name__}: {error}"
        ) from error
    _expect_known(table, known, path)
    return table


def _columns(path: Path, fields: list[str]) -> dict[str, np.ndarray]:
    """Fields of the struct, each a flat array."""
    from scipy.io import loadmat  # slow to import, and needed with these files only

    images = loadmat(path, variable_names=["images"])["images"]
    if images.dtype.names is None or images.size != 1:
        raise ValueError("`images` is no single struct")
    if absent := [name for name in fields if name not in images.dtype.names]:
        raise ValueError(f"no {some(absent)} among the fields {some(images.dtype.names)}")
    return {name: np.ravel(images[name].item()) for name in fields}


def _text(cell: object) -> str:
    """An image name, which scipy gives as an array of one string."""
    name = cell.item() if isinstance(cell, np.ndarray) else cell
    if not isinstance(name, str):
        raise ValueError(f"an image name that is no text: {name!r:.60}")
    return name


def _numbers(values: np.ndarray) -> np.ndarray:
    """Classes as int64; ValueError unless they are whole and not negative."""
    if values.dtype.kind not in "uif" or not np.isfinite(values).all():
        raise ValueError(f"classes that are no numbers ({values.dtype})")
    numbers = values.astype(np.int64)
    if (numbers != values).any() or (numbers < 0).any():
        raise ValueError("classes that are no whole numbers from 0 on")
    return numbers


def _expect_known(table: pd.DataFrame, known: Known, path: Path) -> None:
    names = table["image"].tolist()
    expect_names(names, path)
    if odd := [name for name in names if not known.grammar.fullmatch(name)]:
        raise DataError(
            f"{path}: {len(odd):,} of {len(names):,} names are no image names of this set: "
            f"{some(odd)}; take the file from the authors again"
        )
    found = (len(table), table["vehicle_class"].nunique(), table["coarse_id"].nunique())
    if found != known[1:]:
        shown = [
            f"{images:,} images, {vehicles:,} vehicles, {coarse:,} coarse classes"
            for images, vehicles, coarse in (found, known[1:])
        ]
        raise DataError(
            f"{path}: found {shown[0]}, expected {shown[1]}; take the file from the authors again"
        )
