"""What does this folder hold, is it complete, and what is to be done? (`rnnha check PATH`)"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data import official
from rnnha.data.manifest import MASKS, Benchmark
from rnnha.data.matches import expect_matches
from rnnha.data.sets import SETS, DataSet, expect_one, find, load
from rnnha.files import DataError, image_names, some

SAMPLE = 32  # images decoded of each split


@dataclass
class Report:
    """What a check found. `str(report)` is for people; `ok` is False when anything is wrong.

    sets: names of the data sets recognised; found, wrong, advice: a line each.
    """

    path: Path
    sets: list[str] = field(default_factory=list)
    found: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return bool(self.sets) and not self.wrong

    def __str__(self) -> str:
        lines = [f"{self.path}: {', '.join(self.sets) or 'no data set recognised'}"]
        for title, entries in (
            ("found", self.found),
            ("missing or wrong", self.wrong),
            ("what to do", self.advice),
        ):
            if entries:
                lines.append(f"{title}:")
                lines += [f"  - {entry}" for entry in entries]
        lines.append("nothing wrong" if self.ok else "not ready to use")
        return "\n".join(lines)


def check(path: str | Path) -> Report:
    """Recognise the data sets in a folder (or a CSV manifest) and check each of them.

    Files, counts and labels are checked in full, and an even sample of the images is decoded.
    Never raises for bad data: the report says what is wrong.
    """
    path = Path(path).expanduser()
    report = Report(path)
    if path.is_file() and path.suffix.lower() == ".csv":
        report.sets.append("own set")
        _check_own(path, report)
        return report
    if path.is_file() and path.suffix.lower() == ".mat":
        _check_label_files([path], report)
        return report
    try:
        folders = find(path.resolve()) if path.is_dir() else []
    except (DataError, OSError) as error:
        report.wrong.append(str(error))
        return report
    for data_set, folder in folders:
        part = Report(folder)
        _check_set(data_set.name, folder, part)
        report.sets.append(data_set.name)
        prefix = f"{data_set.name}: " if len(folders) > 1 else ""
        for ours, theirs in (
            (report.found, part.found),
            (report.wrong, part.wrong),
            (report.advice, part.advice),
        ):
            ours += [prefix + line for line in theirs]
    _expect_each_once(folders, report)
    label_files = sorted(path.glob("*.mat")) if path.is_dir() and not folders else []
    if label_files:
        _check_label_files(label_files, report)
    elif not folders:
        _explain(path, report)
    return report


def _expect_each_once(folders: list[tuple[DataSet, Path]], report: Report) -> None:
    for data_set in SETS.values():
        try:
            expect_one(data_set, [folder for found, folder in folders if found is data_set])
        except DataError as error:
            report.wrong.append(str(error))


def _check_set(name: str, folder: Path, report: Report) -> None:
    if missing := SETS[name].layout.missing_entries(folder):
        report.wrong += [f"{folder / entry} is missing" for entry in missing]
        report.advice.append(
            f"unpack the whole archive again; if you have none: {SETS[name].get()}"
        )
        return
    try:
        benchmark = load(name, folder)
    except (DataError, OSError) as error:
        report.wrong.append(str(error))
        report.advice.append(f"mend what is named above, or take the set anew: {SETS[name].get()}")
        return
    _describe(benchmark, report)
    if benchmark.synthetic:
        _check_masks(benchmark, report)


def _check_own(path: Path, report: Report) -> None:
    try:
        _describe(load(path), report)
    except (DataError, OSError) as error:
        report.wrong.append(str(error))
        report.advice.append(
            "mend the CSV file; `pydoc rnnha.data.csv_manifest` describes its columns"
        )


def _describe(benchmark: Benchmark, report: Report) -> None:
    """Counts, labels, notes, and a decoded sample."""
    from rnnha.images.decode import unreadable

    sample: list[str] = []
    for split, rows in benchmark.manifest.groupby("split", sort=False):
        parts = [f"{len(rows):,} images", f"{rows['vehicle_id'].nunique():,} vehicles"]
        for column, word, plural in (
            ("coarse_id", "coarse class", "coarse classes"),
            ("camera_id", "camera", "cameras"),
            ("track_id", "track", "tracks"),
        ):
            if count := rows[column].nunique():
                parts.append(f"{count:,} {word if count == 1 else plural}")
        report.found.append(f"{split}: {', '.join(parts)}")
        places = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).round().astype(int))
        sample += rows["path"].iloc[places].tolist()
    types = benchmark.manifest["type"].value_counts()
    if len(types):
        shown = [f"{name} {count:,}" for name, count in types.items()]
        report.found.append(f"images per type: {some(shown, 9)}")
    if benchmark.test_lists:
        sizes = {size: len(names) for size, names in benchmark.test_lists.items()}
        lists = [f"{size} vehicles ({images:,} images)" for size, images in sizes.items()]
        report.found.append(f"test lists: {', '.join(lists)}")
    report.found += benchmark.notes
    if (benchmark.manifest["split"] != "train").any():
        try:
            report.found.append(expect_matches(benchmark).text)
        except DataError as error:
            report.wrong.append(str(error))
    unreadable_images = unreadable(sample)
    decoded, rows = len(sample) - len(unreadable_images), len(benchmark.manifest)
    report.found.append(f"{decoded:,} of {len(sample):,} images decoded, a sample of {rows:,}")
    if unreadable_images:
        report.wrong += unreadable_images
        report.advice.append("take the unreadable images from the archive again")


def _check_masks(benchmark: Benchmark, report: Report) -> None:
    manifest = benchmark.manifest
    tested = {Path(path).stem for path in manifest.loc[manifest["split"] != "train", "path"]}
    for kind in MASKS:
        folder = benchmark.root.parent / "masks" / kind
        present = {Path(name).stem for name in image_names(folder)} if folder.is_dir() else set()
        absent = sorted(tested - present)
        report.found.append(f"masks of {kind}: {len(tested) - len(absent):,} of {len(tested):,}")
        if absent:
            report.wrong.append(f"{folder}: {len(absent):,} masks are missing: {some(absent)}")
            report.advice.append("remove the folder and run `make data`")


def _check_label_files(paths: list[Path], report: Report) -> None:
    report.sets.append("the authors' label files")
    for path in paths:
        try:
            table = official.read_list(path)
        except DataError as error:
            report.wrong.append(str(error))
            continue
        classes = table["coarse_id"].dropna()
        report.found.append(
            f"{path.name}: {len(table):,} images, {table['vehicle_class'].nunique():,} vehicles"
            + (f", {classes.nunique():,} coarse classes" if len(classes) else "")
        )
        if 0 < classes.nunique() <= 9:
            counts: pd.Series = classes.value_counts().sort_index()
            shown = ", ".join(f"{kind} {count:,}" for kind, count in counts.items())
            report.found.append(f"{path.name}: images per type: {shown}")
    report.advice.append(
        "lists only, without images: put a file into the data set's folder, and it stands in for "
        "the list or label file that is missing there"
    )


def _explain(path: Path, report: Report) -> None:
    if not path.exists():
        report.wrong.append(f"{path} does not exist")
    elif path.is_dir():
        entries = sorted(entry.name for entry in path.iterdir())
        report.wrong.append(f"found {some(entries) or 'an empty folder'}")
    else:
        report.wrong.append("a file other than a .csv manifest or one of the authors' .mat lists")
    report.advice.append(
        "VeRi-776 has image_train/, name_train.txt, train_label.xml...; VehicleID has image/, "
        "attribute/, train_test_split/; the photographs lie in images/"
    )
    report.advice += [f"{data_set.name}: {data_set.get()}" for data_set in SETS.values()]
    report.advice.append("your own images: write a CSV manifest with path, vehicle_id, split")
