"""The data sets that the project knows, one record each; `load` is the one way to any set."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from rnnha import paths
from rnnha.data import csv_manifest, photographs, vehicleid, veri
from rnnha.data.manifest import HELD_OUT, Benchmark, check_side_car, expect_counts
from rnnha.files import DataError


@dataclass(frozen=True)
class Poster:
    """The table of the paper's poster that a data set is shown in.

    name: the poster's data set, "VeRi" or "VehicleID".
    metrics: the table's; further: ours beside them, for the exploratory table.
    protocol: by which our numbers in the table are scored.
    sizes: our test lists, small to large, each with the poster's that stands beside it.
    """

    name: str
    metrics: tuple[str, ...]
    further: tuple[str, ...]
    protocol: str
    sizes: dict[str, str]

    @property
    def largest(self) -> str:
        """The test list that a sentence or a figure is about."""
        return list(self.sizes)[-1]


def _veri() -> Poster:
    further = ("mAP-trapezoid", "top10")
    return Poster("VeRi", ("mAP", "top1", "top5"), further, "image-to-image", {"test": "test"})


def _vehicleid(sizes: dict[str, str]) -> Poster:
    return Poster("VehicleID", ("top1", "top5"), ("top10",), "vehicleid-10-draws", sizes)


@dataclass(frozen=True)
class DataSet:
    """All that the project knows of a data set before it is there.

    folder: of its layout, below the data folder. layout: the module that reads it.
    how_to_get: whom to ask, or which command fetches it; `{folder}` is where it goes.
    poster: the table that it is shown in; None for a set that the paper has not.
    trained_on: (images, vehicles, coarse classes) where even the label files are absent, from
        the authors' own training lists. archives: the files in the repository that hold it: its
        pictures in its layout, and the truth behind them.
    car_models: where GoogLeNet learns car models for it, outside the set: CompCars, or another
        set; see `data.outside`.
    """

    name: str
    title: str
    folder: str
    layout: ModuleType
    how_to_get: str
    poster: Poster | None = None
    synthetic: bool = False
    trained_on: tuple[int, int, int] | None = None
    archives: tuple[str, str] | None = None
    car_models: str = "rendered-vehicleid"

    @property
    def path(self) -> Path:
        """Where it is expected."""
        return paths.DATA / self.folder

    @property
    def place(self) -> str:
        """Its name for headings, never without saying that it is synthetic."""
        return f"{self.title}{' (rendered, synthetic)' if self.synthetic else ''}"

    def get(self) -> str:
        """One sentence: whom to ask, or which command fetches it."""
        return self.how_to_get.format(folder=self.path)


SETS = {
    data_set.name: data_set
    for data_set in (
        DataSet(
            "veri",
            "VeRi-776",
            "VeRi",
            veri,
            "VeRi-776 is given by its authors (Xinchen Liu et al., BUPT and JD) for research: ask "
            "them by e-mail as https://vehiclereid.github.io/VeRi/ says",
            poster=_veri(),
            trained_on=(37_778, 576, 9),
            car_models="CompCars",
        ),
        DataSet(
            "vehicleid",
            "VehicleID",
            "VehicleID_V1.0",
            vehicleid,
            "VehicleID V1.0 is given by Peking University for research: send the request form of "
            "the PKU VehicleID page to its authors",
            poster=_vehicleid({size: size for size in ("800", "1600", "2400")}),
            trained_on=(90_168, 10_309, 228),
            car_models="CompCars",
        ),
        DataSet(
            "photographs",
            "Vehicle-Re-ID-Dataset",
            "photographs",
            photographs,
            "It is free: git clone "
            "https://github.com/Khoa-Nguyen-Truong/Vehicle-Re-ID-Dataset {folder}",
        ),
        DataSet(
            "rendered-veri",
            "Rendered-VeRi",
            "rendered-veri/VeRi",
            veri,
            "it comes with the project: run `make data`",
            poster=_veri(),
            synthetic=True,
            archives=("rendered-veri-v2-pictures.tar", "rendered-veri-v2-truth.tar"),
        ),
        DataSet(
            "rendered-vehicleid",
            "Rendered-VehicleID",
            "rendered-vehicleid/VehicleID_V1.0",
            vehicleid,
            "it comes with the project: run `make data`",
            # The rendered test lists stand in for the poster's by their place, small to large.
            poster=_vehicleid({"50": "800", "100": "1600", "200": "2400"}),
            synthetic=True,
            archives=("rendered-vehicleid-v2-pictures.tar", "rendered-vehicleid-v2-truth.tar"),
            car_models="rendered-veri",
        ),
    )
}
LONGEST_NAME = 100  # characters of an own set's name: file names of results have 255, with more
#: The sets that have a table, in the order in which tables are written.
TABLES = ("veri", "rendered-veri", "vehicleid", "rendered-vehicleid")


def known(name: str) -> DataSet:
    """The record of a data set; DataError with all names for an unknown one."""
    if name not in SETS:
        raise DataError(
            f"{name}: no such data set; known are {', '.join(SETS)}, or a path to a .csv file"
        )
    return SETS[name]


def with_table(name: str) -> DataSet:
    """The record of a data set that the poster has a table for; KeyError for any other."""
    if name not in TABLES:
        raise KeyError(f"no table for {name!r}; there is one for {', '.join(TABLES)}")
    return SETS[name]


def title(name: str) -> str:
    """A data set's name for headings; one's own sets are called by their files."""
    return SETS[name].title if name in SETS else name


def place(name: str) -> str:
    """As `title`, never without saying that it is synthetic; never raises, for a network may have
    learned from what is no set of ours."""
    return SETS[name].place if name in SETS else name


def is_own(name: str | Path) -> bool:
    """Whether this is the path of a manifest of one's own."""
    return str(name).lower().endswith(".csv")


def name_of(name: str | Path) -> str:
    """What a set's results are kept under: its name, or for a manifest the file's.

    Raises DataError for an unknown name, and for a manifest whose name cannot be kept apart.
    """
    if not is_own(name):
        return known(str(name)).name
    own = csv_manifest.name_of(Path(name))
    folded = own.lower()  # some file systems take VERI and veri for one folder
    if any(folded == taken or folded.startswith(taken + HELD_OUT) for taken in SETS):
        raise DataError(
            f"{name}: a manifest of this name would be taken for the data set {folded}; rename the "
            "file, to my-set.csv for instance"
        )
    if folded.endswith(HELD_OUT):
        raise DataError(
            f"{name}: results of the vehicles held out of {own[: -len(HELD_OUT)]}.csv are kept "
            "under this name; rename the file, to my-set.csv for instance"
        )
    if len(own) > LONGEST_NAME:
        raise DataError(
            f"{name}: the file's name names the set and its results; expected at most "
            f"{LONGEST_NAME} characters, found {len(own)}: rename the file"
        )
    return own


def find(path: Path) -> list[tuple[DataSet, Path]]:
    """Each data set's layout in a folder: the folder itself, else all up to two folders below.

    Two, because archives unpack into a folder of their own, and a rendered set's layout lies
    beside its masks (rendered-veri/VeRi). What macOS packs beside (__MACOSX) holds no images.
    """
    found, level = [], [path]
    for _ in range(3):
        below: list[Path] = []
        for folder in level:
            if data_set := _recognised(folder):
                found.append((data_set, folder))
            else:
                below += sorted(inner for inner in folder.glob("*/") if _may_hold_data(inner))
        level = below
    return found


def _may_hold_data(folder: Path) -> bool:
    return folder.name != "__MACOSX" and not folder.name.startswith(".")


def _recognised(folder: Path) -> DataSet | None:
    rendered = (folder.parent / "images.csv").is_file() or folder.parent.name.startswith("rendered")
    found = (s for s in SETS.values() if s.synthetic == rendered and s.layout.recognises(folder))
    return next(found, None)


def expect_one(data_set: DataSet, folders: Sequence[Path]) -> None:
    """Raise DataError where a set is found twice: nothing says which is meant."""
    if len(folders) > 1:
        raise DataError(
            f"{data_set.name}: found in {' and in '.join(str(folder) for folder in folders)}; "
            "name the one that is meant, or move the other away"
        )


def _layout_in(folder: Path, data_set: DataSet) -> Path:
    """The folder of a set's layout: `folder`, or the one that it was unpacked to below."""
    if data_set.layout.recognises(folder):
        return folder
    places = [place for found, place in find(folder) if found is data_set]
    expect_one(data_set, places)
    return places[0] if places else folder


def load(name: str | Path, root: str | Path | None = None) -> Benchmark:
    """Read and check a data set: a name of `SETS`, or the path of a CSV manifest of one's own.

    root: folder of its layout, or one that holds it up to two folders below; by default the place
        that its record gives.
    Raises DataError: unknown name, folder absent (says whom to ask) or holding the set twice,
    files or labels missing, counts other than published.
    """
    if is_own(name):
        name_of(name)
        return csv_manifest.read(Path(name))
    data_set = known(str(name))
    folder = Path(root).expanduser() if root is not None else data_set.path
    if not folder.is_dir():
        raise DataError(
            f"{name}: no folder {folder}. {data_set.get()}. "
            "The folder goes there, or elsewhere if RNNHA_DATA names the folder that holds it"
        )
    layout = _layout_in(folder.resolve(), data_set)
    benchmark = data_set.layout.read(layout, data_set.name, data_set.synthetic)
    if benchmark.synthetic:
        check_side_car(benchmark)
    else:
        expect_counts(benchmark, data_set.layout.counts(benchmark.root))
    return benchmark
