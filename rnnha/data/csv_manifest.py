"""One's own data set: a CSV file with one row an image.

    path,vehicle_id,split,camera_id
    crops/a.jpg,17,train,1
    crops/b.jpg,18,query,1
    crops/c.jpg,18,gallery,2

Required columns: path (relative to the CSV, or absolute), vehicle_id, split (train, query and
gallery; or train and test, for VehicleID's protocol with draws). Optional: coarse_id, camera_id,
track_id, type, color; empty cells mean unknown. Ids may be whole numbers, or any text: a column
with text in it is numbered 0, 1, 2... in alphabetical order. Without coarse_id the types, if
given, are the coarse classes. Any other column is an error, because a misspelt camera_id would
silently change the score.
"""

import filecmp
import re
from pathlib import Path

import pandas as pd

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
    table = _read_table(path)
    notes: list[str] = []
    rows = table.copy()
    if "coarse_id" not in rows and "type" in rows:
        rows["coarse_id"] = rows["type"]
        notes.append("no coarse_id: the types are the coarse classes")
    for column in IDS:
        if column in rows:
            rows[column] = _numbers(rows[column], notes)
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
    manifest = make_manifest(rows, path)
    if images:
        _expect_distinct_names(path, manifest[manifest["split"] != "train"])
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
        notes=tuple(notes),
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


def _read_table(path: Path) -> pd.DataFrame:
    """The cells as stripped text, <NA> where empty, indexed by line number in the file."""
    try:
        table = pd.read_csv(path, dtype="string", keep_default_na=False, encoding="utf-8-sig")
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{path}: not a readable CSV file in UTF-8: {error}") from error
    table.columns = [str(column).strip() for column in table.columns]
    table.index = table.index + 2  # line 1 is the header
    absent = [column for column in REQUIRED if column not in table]
    unknown = [column for column in table if column not in COLUMNS]
    if absent or unknown:
        raise DataError(
            f"{path}: "
            + (f"columns missing: {some(absent)}; " if absent else "")
            + (f"unknown columns: {some(unknown)}; " if unknown else "")
            + f"required are {', '.join(REQUIRED)}, "
            + f"optional {', '.join(column for column in COLUMNS if column not in REQUIRED)}"
        )
    if table.empty:
        raise DataError(f"{path}: no rows below the header")
    table = table.apply(lambda column: column.str.strip())
    table = table.mask(table == "", pd.NA)
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


def _numbers(column: pd.Series, notes: list[str]) -> pd.Series:
    """Ids as Int64: whole numbers stay what they are, text is numbered in alphabetical order."""
    known = column.dropna()
    if known.str.fullmatch(r"-?\d{1,18}").all():
        numbers = known.astype("int64")
        if numbers.nunique() == known.nunique():  # else "7" and "007" would become one
            return numbers.reindex(column.index).astype("Int64")
    texts = sorted(known.unique())
    notes.append(
        f"{column.name}: {len(texts):,} texts numbered from 0 in alphabetical order "
        f"({some((f'{text} = {number}' for number, text in enumerate(texts)), 3)})"
    )
    number_of = {text: number for number, text in enumerate(texts)}
    return column.map(number_of, na_action="ignore").astype("Int64")


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
