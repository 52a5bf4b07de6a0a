"""PKU VehicleID V1.0: 26,328 vehicles, front and rear views, no camera labels.

Liu et al., "Deep relative distance learning: tell the difference between similar vehicles",
CVPR 2016. 113,346 training images of 13,164 vehicles, of which 90,168 images of 10,309 vehicles
carry one of 228 model labels; 108,221 test images of 13,164 others, in six test lists that are
independent draws. Rendered-VehicleID has the same layout (lists of 50, 100, 200).
"""

import re
from pathlib import Path

import pandas as pd

from rnnha.data import official
from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.files import DataError, expect_names, image_names, read_lines, some, whole_number

LIST_SIZES = (800, 1600, 2400, 3200, 6000, 13164)
TRAIN_LIST = "train_test_split/train_list.txt"
MODELS = "attribute/model_attr.txt"
LIST_NAME = re.compile(r"test_list_([0-9]{1,9})")


def counts(root: Path) -> dict[str, tuple[int, int]]:
    """split -> (images, vehicles) of the real set, by the training list that `root` has."""
    if (root / TRAIN_LIST).is_file():
        return {"train": (113_346, 13_164), "test": (108_221, 13_164)}
    return {"train": (90_168, 10_309)}


def recognises(folder: Path) -> bool:
    """Whether some list of VehicleID's layout is in this folder. (CompCars has a folder
    train_test_split, too.)"""
    lists = any((folder / "train_test_split").glob("*_list*.txt"))
    return lists or (folder / "attribute/img2vid.txt").is_file()


def missing_entries(root: Path) -> list[str]:
    """Files and folders that a VehicleID folder must have and `root` has not."""
    has_mat = (root / official.VEHICLEID_TRAIN).is_file()
    required = ["image", "attribute/img2vid.txt", *(() if has_mat else (MODELS, TRAIN_LIST))]
    missing = [entry for entry in required if not (root / entry).exists()]
    if not _list_files(root):
        missing.append("train_test_split/test_list_*.txt")
    return missing


def read(root: Path, name: str = "vehicleid", synthetic: bool = False) -> Benchmark:
    """Read a folder in VehicleID's layout, whatever its size (`load` also checks the counts).

    Images without a model label stay, with coarse_id <NA>; the notes say how many there are.
    Raises DataError naming the file at fault.
    """
    missing = missing_entries(root)
    if missing:
        raise DataError(
            f"{root}: not a complete VehicleID folder, missing: {some(missing, 20)}. "
            "Unpack the whole archive there"
        )
    notes: list[str] = []
    vehicle_of = _read_pairs(root / "attribute/img2vid.txt", images=True)
    train = _train_list(root, vehicle_of, notes)
    in_train = set(train)
    test = [image for image in vehicle_of if image not in in_train]
    _compare_with_folder(root, vehicle_of, notes)
    test_lists = _test_lists(root, vehicle_of, in_train)
    prefix = f"{(root / 'image').resolve()}/"
    images = train + test
    rows = pd.DataFrame(
        {
            "image": images,
            "path": [prefix + image for image in images],
            "vehicle_id": [vehicle_of[image] for image in images],
            "split": ["train"] * len(train) + ["test"] * len(test),
        }
    )
    rows = rows.join(_attributes(root, rows))
    _note_unlabelled(rows, notes)
    if not synthetic:
        absent = [size for size in LIST_SIZES if size not in test_lists]
        if absent:
            notes.append(f"test lists not found: {some(absent)}")
    return Benchmark(
        name=name,
        root=root,
        manifest=make_manifest(rows, root),
        protocol="vehicleid",
        test_lists=test_lists,
        synthetic=synthetic,
        notes=tuple(notes),
    )


def _read_pairs(path: Path, images: bool) -> dict:
    """`KEY NUMBER` lines as a dict; keys are image file names, or vehicle ids.

    An image stands in a list once; a vehicle's label may be repeated, but not contradicted.
    """
    pairs: dict = {}
    wanted = "an image and a vehicle id" if images else "two numbers"
    for number, line in enumerate(read_lines(path), start=1):
        words = line.split()
        if not words:
            continue
        try:
            key, value = words
            key = f"{key.removesuffix('.jpg')}.jpg" if images else whole_number(key)
            value = whole_number(value)
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: expected {wanted}, found {line[:60]!r}"
            ) from error
        if key in pairs and (images or pairs[key] != value):
            raise DataError(f"{path}, line {number}: {key} is on an earlier line, too; keep one")
        pairs[key] = value
    if not pairs:
        raise DataError(f"{path}: empty, expected lines of {wanted}; unpack the archive again")
    if images:
        expect_names(pairs, path)
    return pairs


def _train_list(root: Path, vehicle_of: dict[str, int], notes: list[str]) -> list[str]:
    path = root / TRAIN_LIST
    if path.exists():
        pairs = _read_pairs(path, images=True)
        _compare_with_img2vid(path, pairs, vehicle_of)
        return list(pairs)
    # The authors' list leaves the images without a model out. They must not slip into the test
    # split, so vehicles outside every test list are for training whenever this list is used.
    path = root / official.VEHICLEID_TRAIN
    images = official.read_list(path)["image"].tolist()
    unknown = [image for image in images if image not in vehicle_of]
    if unknown:
        raise DataError(f"{path}: images that attribute/img2vid.txt has not: {some(unknown)}")
    notes.append(f"training list from {path.name}: it leaves out images without a model label")
    listed = set(images).union(*(_read_list(path) for path in _list_files(root).values()))
    for image in [image for image in vehicle_of if image not in listed]:
        del vehicle_of[image]
    return images


def _compare_with_img2vid(path: Path, pairs: dict[str, int], vehicle_of: dict[str, int]) -> None:
    odd = [image for image, vehicle in pairs.items() if vehicle_of.get(image) != vehicle]
    if odd:
        raise DataError(
            f"{path}: {len(odd):,} lines disagree with attribute/img2vid.txt, "
            f"or are not in it: {some(odd)}"
        )


def _compare_with_folder(root: Path, vehicle_of: dict[str, int], notes: list[str]) -> None:
    present = image_names(root / "image")
    absent = [image for image in vehicle_of if image not in present]
    if absent:
        raise DataError(
            f"{root / 'image'}: {len(absent):,} of {len(vehicle_of):,} listed images are missing: "
            f"{some(absent)}. Unpack the archive again"
        )
    if len(present) > len(vehicle_of):
        notes.append(f"{len(present) - len(vehicle_of):,} files in image/ that no list names")


def _list_files(root: Path) -> dict[int, Path]:
    """Test lists by size; a .txt goes before the authors' .mat of the same size."""
    found = [*root.glob("test_list_*.mat"), *root.glob("train_test_split/test_list_*.txt")]
    matched = [(LIST_NAME.fullmatch(path.stem), path) for path in found]
    sizes = {int(match[1]): path for match, path in matched if match}
    return dict(sorted(sizes.items()))


def _read_list(path: Path) -> dict[str, int]:
    if path.suffix == ".txt":
        return _read_pairs(path, images=True)
    table = official.read_list(path)
    return dict(zip(table["image"], table["vehicle_class"].tolist(), strict=True))


def _test_lists(
    root: Path, vehicle_of: dict[str, int], in_train: set[str]
) -> dict[int, tuple[str, ...]]:
    lists = {}
    for size, path in _list_files(root).items():
        pairs = _read_list(path)
        _compare_with_img2vid(path, pairs, vehicle_of)
        trained = [image for image in pairs if image in in_train]
        if trained:
            raise DataError(f"{path}: images that are for training: {some(trained)}")
        vehicles = len(set(pairs.values()))
        if vehicles != size:
            raise DataError(f"{path}: found {vehicles:,} vehicles, expected {size:,} by its name")
        lists[size] = tuple(pairs)
    return lists


def _read_names(path: Path) -> dict[int, str]:
    """Number -> name, from a file of unknown encoding: `NAME NUMBER`, `NUMBER NAME`, or names in
    the order of their numbers, counted from 0.
    """
    if not path.exists():
        return {}
    lines = [line for line in read_lines(path) if line]
    for pattern in (
        r"(?P<name>.*\S)[\s,:]+(?P<number>[0-9]{1,9})",
        r"(?P<number>[0-9]{1,9})[\s,:]+(?P<name>.+)",
    ):
        matches = [re.fullmatch(pattern, line) for line in lines]
        if all(matches):
            numbers = {int(match["number"]): match["name"] for match in matches}
            if set(numbers) == set(range(len(lines))):
                return numbers
    return dict(enumerate(lines))


def _attributes(root: Path, rows: pd.DataFrame) -> pd.DataFrame:
    """coarse_id (model 0..249), its name and the colour's name; <NA> where no label is."""
    names = _read_names(root / "attribute/model_names.txt")
    if (root / MODELS).exists():
        models = _read_pairs(root / MODELS, images=False)
        coarse = rows["vehicle_id"].map(models).astype("Int64")
    else:
        table = official.read_list(root / official.VEHICLEID_TRAIN).set_index("image")
        coarse = rows["image"].map(table["coarse_id"]).astype("Int64")
        names = {}  # its models are numbered afresh, so the names do not belong to them
    path = root / "attribute/color_attr.txt"
    colors = rows["vehicle_id"].map(_read_pairs(path, images=False) if path.exists() else {})
    color_names = _read_names(root / "attribute/color_names.txt")

    def named(numbers: pd.Series, names: dict[int, str], word: str) -> pd.Series:
        return numbers.map(lambda number: names.get(number, f"{word} {number}"), na_action="ignore")

    return pd.DataFrame(
        {
            "coarse_id": coarse,
            "type": named(coarse, names, "model").astype("string"),
            "color": named(colors.astype("Int64"), color_names, "colour").astype("string"),
        }
    )


def _note_unlabelled(rows: pd.DataFrame, notes: list[str]) -> None:
    train = rows[rows["split"] == "train"]
    labelled = train[train["coarse_id"].notna()]
    dropped = len(train) - len(labelled)
    if dropped:
        notes.append(
            f"{dropped:,} of {len(train):,} training images have no model label; training with a "
            f"coarse head drops them and keeps {len(labelled):,} images of "
            f"{labelled['vehicle_id'].nunique():,} vehicles in {labelled['coarse_id'].nunique():,} "
            "models"
        )
