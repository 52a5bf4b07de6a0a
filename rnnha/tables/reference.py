"""The committed reference: take over the small files of one's runs, and compare runs with it."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import paths
from rnnha.data.sets import SETS, TABLES
from rnnha.experiments import VARIANTS
from rnnha.paths import atomic
from rnnha.runs import folder
from rnnha.runs.folder import RunFolder, finished
from rnnha.runs.results import cross_rows, describe, side_car_vehicles, table_rows
from rnnha.tables.pages import label

SAME, WITHIN, DIFFERS, ABSENT = "same", "within 2 sd", "DIFFERS", "not run"
NO_SPREAD = "one seed"
# Tables print one decimal, the CSVs two: a difference below that is none.
PRINTED = 0.005

KEYS = ["test_size", "protocol", "metric"]


def accept(run_root: Path, reference_root: Path, data_root: Path | None = None) -> list[Path]:
    """Copy the small text files of the finished runs into the reference; return the folders.

    Runs on sets without a table (held-out vehicles, one's own) and smoke runs are passed over.

    A run appears whole or not at all: the old metrics.csv goes first, the new one comes last.
    For rendered sets `vehicles.csv` (type, model, paint of each test vehicle) is written from the
    side-car, so that the figures need no images. Nothing else in the reference is touched.
    """
    accepted = []
    for run in folder.every(run_root):
        if run.dataset not in TABLES or run.config().get("profile") == "smoke":
            continue
        target = folder.locate(run.dataset, run.slug, run.seed, Path(reference_root))
        run.copy_small_files(target)
        accepted.append(target)
    for dataset in sorted({run.dataset for run in accepted}):
        side_car = Path(data_root or paths.DATA) / dataset / "images.csv"
        if (vehicles := side_car_vehicles(side_car)) is not None:
            with atomic(Path(reference_root) / dataset / "vehicles.csv") as temporary:
                vehicles.to_csv(temporary, index=False, lineterminator="\n")
    return [run.path for run in accepted]


def compare_with_reference(run_root: Path, reference_root: Path) -> pd.DataFrame:
    """Every number of the reference beside the one of the runs, averaged over their common seeds.

    Columns dataset, method, test_size, protocol, metric, reference, ours, sd, n_seeds, verdict:
    `same` where key and hardware of all these runs match and all values are equal; else
    `within 2 sd` of the reference's mean, sd over all its seeds (or equal as printed); else
    `DIFFERS`. `one seed` where the reference has no sd, so that nothing says how much a training
    on other hardware may differ. `not run` where no run is there to compare.
    """
    rows = []
    for dataset in TABLES:
        rows_of = [
            *table_rows(dataset),
            *((v.slug, v.title, v.kind) for v in VARIANTS),
            *cross_rows(reference_root, dataset),
        ]
        for slug, title, _ in rows_of:
            reference = finished(reference_root, dataset, slug)
            if reference:
                frame = _compare(finished(run_root, dataset, slug), reference)
                rows.append(frame.assign(dataset=dataset, method=title))
    columns = ["dataset", "method", *KEYS, "reference", "ours", "sd", "n_seeds", "verdict"]
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _compare(ours: dict[int, RunFolder], reference: dict[int, RunFolder]) -> pd.DataFrame:
    """All numbers of one row of a table."""
    common = sorted(ours.keys() & reference.keys())
    expected = pd.concat({seed: _numbers(reference[seed]) for seed in reference}, axis=1)
    frame = pd.DataFrame(
        {
            "reference": expected[common or list(reference)].mean(axis=1),
            "sd": expected.std(axis=1, ddof=1),
        }
    )
    frame["n_seeds"] = len(common)
    if not common:
        return frame.assign(ours=np.nan, verdict=ABSENT).reset_index()
    found = pd.concat({seed: _numbers(ours[seed]) for seed in common}, axis=1).reindex(frame.index)
    frame["ours"] = found.mean(axis=1)
    alike = all(describe(ours[seed]) == describe(reference[seed]) for seed in common)
    equal = (found == expected[common]).all(axis=1)
    near = (frame["ours"] - frame["reference"]).abs() <= 2 * frame["sd"].fillna(0) + PRINTED
    lone = frame["sd"].isna() & (not alike)
    frame["verdict"] = np.select(
        [frame["ours"].isna(), equal & alike, near, lone],
        [ABSENT, SAME, WITHIN, NO_SPREAD],
        DIFFERS,
    )
    return frame.reset_index()


def _numbers(run: RunFolder) -> pd.Series:
    """metrics.csv, averaged over its trials; indexed by KEYS."""
    return run.metrics().groupby(KEYS)["value"].mean()


def lines(comparison: pd.DataFrame) -> list[str]:
    """The comparison for reading: a line a number of the tables, the further ones counted."""
    if comparison.empty:
        return ["There is no reference to compare with."]
    text, further = [], []
    for dataset, frame in comparison.groupby("dataset", sort=False):
        poster = SETS[dataset].poster
        shown = (frame["protocol"] == poster.protocol) & frame["metric"].isin(poster.metrics)
        further.append(frame[~shown])
        width = max(28, *frame["method"].str.len())
        text.append(f"{dataset} ({poster.protocol}), ours and reference, mean over common seeds:")
        for row in frame[shown].itertuples():
            size = "" if row.test_size == "test" else f"{row.test_size:>5}"
            ours = "" if pd.isna(row.ours) else f"{row.ours:.2f}"
            text.append(
                f"  {row.method:<{width}}{size} {label(row.metric):<6} {ours:>6}  "
                f"{row.reference:>6.2f}  {row.verdict}"
            )
    counts = pd.concat(further)["verdict"].value_counts()
    if not counts.empty:
        text.append(
            "Further numbers (other protocols and metrics): "
            + ", ".join(f"{n} {verdict}" for verdict, n in sorted(counts.items()))
            + "."
        )
    total = comparison["verdict"].value_counts()
    text.append("All: " + ", ".join(f"{n} {v}" for v, n in sorted(total.items())) + ".")
    return text


def comparison_text(run_root: Path, reference_root: Path) -> str:
    """How one's runs compare with the reference, number by number, for reading."""
    return "\n".join(lines(compare_with_reference(run_root, reference_root)))
