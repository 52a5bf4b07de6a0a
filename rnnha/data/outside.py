"""Car models learned outside a set: CompCars, or what plays it for a rendered set."""

import hashlib
import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from rnnha import paths
from rnnha.data import sets
from rnnha.data.manifest import make_manifest, names_of
from rnnha.data.subset import fewer_vehicles
from rnnha.files import DataError, read_lines

COMPCARS = "CompCars"
#: Of its classification part (Yang et al. 2015): training images and models.
COMPCARS_COUNTS = 16_016, 431
#: In its folder: weights of torchvision's GoogLeNet that know these models already.
CHECKPOINT = "googlenet.pth"
_LIST = Path("train_test_split", "classification", "train.txt")


class CarModels(NamedTuple):
    """Training images whose coarse_id is a car model; key: a short hash of what they are."""

    name: str
    manifest: pd.DataFrame
    key: str


def of(dataset: str, vehicles: int | None = None) -> CarModels:
    """The car models that GoogLeNet learns for a set of this name.

    Of a rendered set, and of one's own: those of the rendered set that its record names, as its
    side-car knows them (vehicles: only so many). Of a real one: CompCars. DataError where the
    images are absent.
    """
    other = _other(dataset)
    if other == COMPCARS:
        return compcars(paths.DATA / COMPCARS)
    return _of_rendered(other, vehicles)


def checkpoint(dataset: str) -> Path | None:
    """Weights that know CompCars' models, for a set that wants these; None where nobody has put
    any at data/CompCars/CHECKPOINT."""
    file = paths.DATA / COMPCARS / CHECKPOINT
    return file if _other(dataset) == COMPCARS and file.is_file() else None


def counts(dataset: str) -> tuple[int, int, int]:
    """Images, vehicles and models that GoogLeNet learns from for a set; it knows no vehicles, so
    there are as many as models. CompCars need not be there, a rendered set must."""
    other = _other(dataset)
    if other == COMPCARS:
        images, models = COMPCARS_COUNTS
        return images, models, models
    rows = _of_rendered(other, None).manifest
    return len(rows), rows["vehicle_id"].nunique(), rows["coarse_id"].nunique()


def _other(dataset: str) -> str:
    known = sets.SETS.get(dataset)
    return known.car_models if known else sets.SETS["rendered-veri"].car_models


@lru_cache(maxsize=2)
def _of_rendered(other: str, vehicles: int | None) -> CarModels:
    found = sets.load(other)
    if vehicles is not None:
        found = fewer_vehicles(found, vehicles, None)
    models = found.rendered("model")["model"]
    train = found.train
    named = names_of(train).map(models)
    codes = pd.Categorical(named).codes
    manifest = train.assign(coarse_id=pd.array(codes, "Int64"), type=named.astype("string"))
    return CarModels(other, manifest, found.key)


def compcars(root: Path) -> CarModels:
    """The training images of CompCars' classification part (web pictures, 431 models).

    root: its folder `data`, with `image/<make>/<model>/<year>/<name>.jpg` and `train_test_split`.
    Raises DataError where it is absent or incomplete.
    """
    listing = root / _LIST
    if not listing.is_file():
        raise DataError(
            f"{listing}: not found. GoogLeNet learns its car models from CompCars: ask for it as "
            "http://mmlab.ie.cuhk.edu.hk/datasets/comp_cars/ says, and put its folder `data` at "
            f"{root}; or put weights of torchvision's GoogLeNet that know its 431 models at "
            f"{root / CHECKPOINT}"
        )
    lines = [line for line in read_lines(listing) if line]
    frame = pd.DataFrame({"path": [str(root / "image" / line) for line in lines]})
    parts = pd.Series(lines, dtype="string").str.split("/")
    known = re.compile(r"[^/]+/\d{1,9}/[^/]+/[^/]+")
    if odd := [line for line in lines if not known.fullmatch(line)] or ["nothing"] * (not lines):
        raise DataError(
            f"{listing}: found {odd[0]!r}; expected a line <make>/<model>/<year>/<name>.jpg an "
            "image, the model as a number"
        )
    frame["coarse_id"] = parts.str[1].astype("int64")
    frame["vehicle_id"] = frame["coarse_id"]  # it knows no single vehicles
    manifest = make_manifest(frame.assign(split="train"), listing)
    found = len(manifest), manifest["coarse_id"].nunique()
    if found != COMPCARS_COUNTS:
        raise DataError(
            f"{listing}: found {found[0]:,} images of {found[1]} models; expected "
            f"{COMPCARS_COUNTS[0]:,} of {COMPCARS_COUNTS[1]}. Unpack the archive again"
        )
    key = hashlib.sha256(listing.read_bytes()).hexdigest()[:16]
    return CarModels(COMPCARS, manifest, key)
