"""From which side each training image shows its vehicle: what VAMI learns from (Zhou & Shao 2018).

Five viewpoints, as its authors labelled VeRi; their VehicleID has two. Rendered sets know the side
that they drew. For the real sets the authors published label files, beside their code at
github.com/csyizhou/Vehicle-Re-ID: the user puts them into the set's folder. Where there are no
labels, `methods.told_viewpoints` tells viewpoints. Test images need none.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from rnnha.data import vehicleid, veri
from rnnha.data.manifest import Benchmark, names_of
from rnnha.files import DataError, expect_file, image_names, read_lines, some

VIEWS = ("front", "rear", "side", "front-side", "rear-side")
OF_SIDE = {  # the eight sides of a rendered set
    "front": 0,
    "rear": 1,
    "left": 2,
    "right": 2,
    "front-left": 3,
    "front-right": 3,
    "rear-left": 4,
    "rear-right": 4,
}
COLOURS = 16  # more than any set here has
UNKNOWN_VIEW, UNKNOWN_COLOUR = 7, 31  # the largest numbers that their three and five bits hold

AUTHORS = "github.com/csyizhou/Vehicle-Re-ID"
FILES = {"veri": "veri_train_id_tp_cl_vp.mat", "vehicleid": "vehicle_train_label.mat"}
Numbers = TypeVar("Numbers")  # an array of NumPy or a tensor of torch, int64


def pack(coarse: Numbers, colour: Numbers, view: Numbers) -> Numbers:
    """Three labels of an image in one whole number: coarse, then five bits, then three.

    The training loop hands two labels of an image to a loss, the coarse one and the vehicle. VAMI
    learns from four; a loop that knew of them would know of one system's affairs. So the method
    packs them into the coarse label, and its loss, which alone reads it, unpacks them.
    """
    return (coarse * (UNKNOWN_COLOUR + 1) + colour) * (UNKNOWN_VIEW + 1) + view


def unpack(packed: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """coarse, colour and view of `pack`."""
    rest, view = packed // (UNKNOWN_VIEW + 1), packed % (UNKNOWN_VIEW + 1)
    return rest // (UNKNOWN_COLOUR + 1), rest % (UNKNOWN_COLOUR + 1), view


def colours_of(manifest: pd.DataFrame) -> np.ndarray:
    """int64 [N]: 0, 1, 2... in the order of the colours' names; UNKNOWN_COLOUR where none is."""
    codes, names = pd.factorize(manifest["color"], sort=True)
    if len(names) > COLOURS:
        raise DataError(
            f"{len(names)} colours: {some(names)}; VAMI's network tells at most {COLOURS} apart: "
            "name fewer in the column color, or empty it"
        )
    return np.where(codes < 0, UNKNOWN_COLOUR, codes).astype(np.int64)


def labelled(benchmark: Benchmark) -> bool:
    """Whether the set's viewpoints are known: it is rendered, or the authors' file is there."""
    file = FILES.get(benchmark.of)
    return benchmark.synthetic or file is not None and (benchmark.root / file).exists()


def viewpoints_of(benchmark: Benchmark, manifest: pd.DataFrame) -> np.ndarray:
    """int64 [N], indices of VIEWS, for training images of a labelled set; UNKNOWN_VIEW where an
    image has none.

    Raises DataError where the label file is another set's or damaged.
    """
    if benchmark.synthetic:
        found = _of_side_car(benchmark)
    else:
        read = {"veri": _of_veri, "vehicleid": _of_vehicleid}[benchmark.of]
        found = read(benchmark.root)
    names = names_of(manifest)
    if absent := [image for image in names if image not in found]:
        raise DataError(
            f"{benchmark.root}: no viewpoint of {len(absent):,} training images: {some(absent)}; "
            "unpack the set's archive again"
        )
    return np.array([found[image] for image in names], np.int64)


def _of_side_car(benchmark: Benchmark) -> dict[str, int]:
    table = benchmark.side_car
    table = table[table["split"] == "train"]
    if odd := sorted(set(table["view"]) - set(OF_SIDE)):
        raise DataError(
            f"{benchmark.root.parent / 'images.csv'}: sides {some(odd)}; expected "
            f"{some(OF_SIDE)}. Remove the folder and run `make data`"
        )
    return dict(zip(table["image"], table["view"].map(OF_SIDE), strict=True))


def _of_veri(root: Path) -> dict[str, int]:
    """The file's codes are 0..4, in the order of VIEWS; those of the test files are 1..5."""
    names = sorted(n for n in image_names(root / "image_train") if veri.GRAMMAR.fullmatch(n))
    vehicles = [int(name[:4]) for name in names]
    path = root / FILES["veri"]
    codes = _read(path, [(names, vehicles)])[1]
    if odd := sorted(set(codes) - set(range(len(VIEWS)))):
        raise DataError(
            f"{path}: found viewpoint codes {some(odd)}; expected 0 to 4, as in the authors' file "
            f"of training images (those of query and test images count from 1): take it from "
            f"{AUTHORS} again"
        )
    return dict(zip(names, codes.astype(int).tolist(), strict=True))


def _of_vehicleid(root: Path) -> dict[str, int]:
    """Codes 0 and 1; any other is an image without a viewpoint.

    Which of them is the front is not known. It does not matter here: "front" and "rear" are then
    names of two numbers. Nor is the order of the rows sure: that of the names, or of the list.
    """
    if not (listing := root / vehicleid.TRAIN_LIST).is_file():
        raise DataError(
            f"{listing}: not found; {FILES['vehicleid']} tells viewpoints in its order. Unpack the "
            f"set again, or move {FILES['vehicleid']} away: then a classifier tells them"
        )
    pairs = [line.split() for line in read_lines(listing) if line]
    listed = {f"{image.removesuffix('.jpg')}.jpg": int(vehicle) for image, vehicle in pairs}
    orders = [(names, [listed[n] for n in names]) for names in (sorted(listed), list(listed))]
    path = root / FILES["vehicleid"]
    names, codes = _read(path, orders)
    if not {0, 1} <= set(codes):
        raise DataError(
            f"{path}: found viewpoint codes {some(sorted(set(codes)))}; expected 0 and 1 for the "
            f"two sides: take the file from {AUTHORS} again"
        )
    codes = np.where(np.isin(codes, (0, 1)), codes, UNKNOWN_VIEW)
    return dict(zip(names, codes.astype(int).tolist(), strict=True))


def _read(path: Path, orders: list[tuple[list[str], list[int]]]) -> tuple[list[str], np.ndarray]:
    """The names that the rows belong to, and the last column: the viewpoint's codes.

    What the file calls its array is not known here, so the one array with a row an image is
    taken. orders: names in the orders that its rows may have, with the vehicles they show. The
    first column, the vehicles in a numbering of its own, must go along with one of them.
    """
    expect_file(path)
    from scipy.io import loadmat  # slow to import, and needed with these files only

    try:
        found = loadmat(path)
    except Exception as error:  # scipy raises its own, zlib's, struct's and others' exceptions
        raise DataError(
            f"{path}: not a MATLAB file that can be read ({type(error).__name__}: {error}); take "
            f"it from {AUTHORS} again"
        ) from error
    count = len(orders[0][0])
    table = _only(path, found, lambda a: a.shape[0] == count and a.shape[1] > 1, count)
    for names, vehicles in orders:
        if _go_together(table[:, 0], vehicles):
            return names, table[:, -1]
    raise DataError(
        f"{path}: its first column does not follow the vehicles of the set's {count:,} training "
        f"images in the order of their names; expected a number for each vehicle: take it from "
        f"{AUTHORS} again, and the set's archive"
    )


def _only(
    path: Path, found: dict[str, object], fits: Callable[[np.ndarray], bool], count: int
) -> np.ndarray:
    """The one array of numbers that fits."""
    arrays = {
        name: value
        for name, value in found.items()
        if isinstance(value, np.ndarray) and value.ndim == 2 and value.dtype.kind in "uif"
    }
    chosen = [value for value in arrays.values() if fits(value)]
    if len(chosen) != 1:
        shapes = [f"{name} {' x '.join(map(str, a.shape))}" for name, a in arrays.items()]
        raise DataError(
            f"{path}: found the arrays of numbers {some(shapes) or 'none'}; expected one with a "
            f"row for each of the {count:,} training images and the viewpoint in its last column: "
            f"take the file from {AUTHORS} again, or the set's archive if images are missing"
        )
    return chosen[0]


def _go_together(numbers: np.ndarray, vehicles: Sequence[int]) -> bool:
    """Whether each vehicle has one number, and each number one vehicle."""
    pairs = set(zip(numbers.tolist(), vehicles, strict=True))
    return len(pairs) == len(set(vehicles)) == len(set(numbers.tolist()))
