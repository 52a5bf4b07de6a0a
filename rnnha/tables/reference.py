"""The committed reference: take over the small files of one's runs, and compare runs with it."""

from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from rnnha import paths
from rnnha.data.sets import SETS, TABLES
from rnnha.experiments import VARIANTS, rows_of
from rnnha.paths import atomic
from rnnha.runs import folder
from rnnha.runs.folder import RunFolder, finished
from rnnha.runs.results import cross_rows, describe, side_car_vehicles
from rnnha.tables import photographs
from rnnha.tables.pages import label

SAME, WITHIN, DIFFERS, ABSENT = "same", "within", "DIFFERS", "not run"
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
        if (
            run.dataset not in (*TABLES, photographs.DATASET)
            or run.config().get("profile") == "smoke"
        ):
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


def half_width(sd: ArrayLike, n: ArrayLike, m: ArrayLike) -> NDArray[np.float64]:
    """Half the width of the 95 % prediction interval for a mean over m new seeds.

    sd: standard deviation of the n seeds that are known (divisor n - 1). Student's t, for seeds
    that are normal and alike: t(.975, n - 1) sd sqrt(1/n + 1/m). NaN where n is 1.
    """
    n, m = np.asarray(n, np.float64), np.asarray(m, np.float64)
    return stats.t.ppf(0.975, n - 1) * np.asarray(sd) * np.sqrt(1 / n + 1 / m)


def compare_with_reference(run_root: Path, reference_root: Path) -> pd.DataFrame:
    """Every number of the reference beside the one of the runs.

    Columns dataset, method, test_size, protocol, metric; reference and sd: over all its seeds;
    low, high: where 95 % of means over as many new seeds as ours lie, see `half_width`; ours: mean
    over the n_seeds seeds that both have, or over all of ours where they have none in common.

    verdict: `same` where each of these seeds has the reference's number, as printed; `within`
    the interval; else `DIFFERS`. Where the reference has one seed there is no interval: `DIFFERS`
    where settings, data and hardware are the reference's, which should give its numbers; else
    `one seed`, for nothing says how far another training may be. `not run`: no number of ours.
    """
    rows = []
    for dataset in (*TABLES, photographs.DATASET):
        poster = SETS[dataset].poster
        shown = rows_of(poster and poster.name, SETS[dataset].synthetic)
        own = [(r.slug, r.title) for r in (*shown, *VARIANTS)]
        crossed = [(slug, title) for slug, title, _ in cross_rows(reference_root, dataset)]
        for slug, title in own + crossed:
            reference = finished(reference_root, dataset, slug)
            if reference:
                frame = _compare(finished(run_root, dataset, slug), reference)
                rows.append(frame.assign(dataset=dataset, method=title))
    columns = ["dataset", "method", *KEYS, "reference", "sd", "low", "high", "ours", "n_seeds"]
    columns.append("verdict")
    return pd.concat(rows, ignore_index=True)[columns] if rows else pd.DataFrame(columns=columns)


def _compare(ours: dict[int, RunFolder], reference: dict[int, RunFolder]) -> pd.DataFrame:
    """All numbers of one row of a table."""
    common = sorted(ours.keys() & reference.keys())
    compared = common or list(ours)
    expected = pd.concat({seed: _numbers(reference[seed]) for seed in reference}, axis=1)
    frame = pd.DataFrame({"reference": expected.mean(axis=1), "sd": expected.std(axis=1, ddof=1)})
    frame["n_seeds"] = len(compared)
    if not compared:
        frame = frame.assign(ours=np.nan, low=np.nan, high=np.nan, verdict=ABSENT)
        return frame.reset_index()
    found = pd.concat({seed: _numbers(ours[seed]) for seed in compared}, axis=1)
    found = found.reindex(frame.index)
    frame["ours"] = found.mean(axis=1)
    half = half_width(frame["sd"], expected.count(axis=1), len(compared))
    frame["low"], frame["high"] = frame["reference"] - half, frame["reference"] + half
    alike = bool(common) and all(describe(ours[s]) == describe(reference[s]) for s in common)
    twin = expected.reindex(columns=compared)  # NaN, equal to nothing, for a seed of ours alone
    near = (frame["ours"] - frame["reference"]).abs() <= half + PRINTED
    frame["verdict"] = np.select(
        [
            frame["ours"].isna(),
            ((found - twin).abs() <= PRINTED).all(axis=1),
            near,
            frame["sd"].isna() & (not alike),
        ],
        [ABSENT, SAME, WITHIN, NO_SPREAD],
        DIFFERS,
    )
    return frame.reset_index()


def _numbers(run: RunFolder) -> pd.Series:
    """metrics.csv, averaged over its trials; indexed by KEYS."""
    return run.metrics().groupby(KEYS)["value"].mean()


def lines(comparison: pd.DataFrame) -> list[str]:
    """The comparison for reading: a line a number of the tables, the further ones counted; rows
    that were not run are counted, too."""
    if comparison.empty:
        return ["There is no reference to compare with."]
    text, further = [], []
    for dataset, frame in comparison.groupby("dataset", sort=False):
        protocol, _, metrics = photographs.shown(dataset)
        rows = frame["method"].nunique()
        frame = frame[frame["n_seeds"] > 0]
        absent = rows - frame["method"].nunique()
        shown = (frame["protocol"] == protocol) & frame["metric"].isin(metrics)
        further.append(frame[~shown])
        if absent < rows:
            text.append(
                f"{dataset} ({protocol}): ours; the reference, mean over all its seeds, "
                "[95 % prediction interval]"
            )
            text += _numbers_of_the_table(frame[shown])
        if absent:
            text.append(f"{dataset}: {absent} of the reference's {rows} rows were not run here.")
    counts = pd.concat(further)["verdict"].value_counts()
    if not counts.empty:
        text.append(f"Further numbers (other protocols and metrics): {_counted(counts)}.")
    return text + _closing(comparison[comparison["n_seeds"] > 0])


def _numbers_of_the_table(shown: pd.DataFrame) -> list[str]:
    width, text = max([28, *shown["method"].str.len()]), []
    for row in shown.itertuples():
        size = "" if row.test_size == "test" else f"{row.test_size:>5}"
        ours = "" if pd.isna(row.ours) else f"{row.ours:.2f}"
        band = "" if pd.isna(row.low) else f"[{row.low:.2f}, {row.high:.2f}]"
        text.append(
            f"  {row.method:<{width}}{size} {label(row.metric):<6} {ours:>6}  "
            f"{row.reference:>6.2f} {band:<15} {row.verdict}"
        )
    return text


def _closing(compared: pd.DataFrame) -> list[str]:
    """All verdicts, and how many of them chance alone would make DIFFERS."""
    if compared.empty:
        return []
    text = [f"All: {_counted(compared['verdict'].value_counts())}."]
    judged = compared[compared["low"].notna() & compared["verdict"].isin([WITHIN, DIFFERS])]
    if len(judged):
        outside = (judged["verdict"] == DIFFERS).sum()
        text.append(
            f"{outside} of the {len(judged)} numbers that were compared with a prediction interval "
            f"lie outside; by chance alone it would be about {len(judged) * 0.05:.0f} (5 %). They "
            "are not independent: all numbers of a training move together."
        )
    return text


def _counted(verdicts: pd.Series) -> str:
    return ", ".join(f"{n} {verdict}" for verdict, n in sorted(verdicts.items()))


def comparison_text(run_root: Path, reference_root: Path) -> str:
    """How one's runs compare with the reference, number by number, for reading."""
    return "\n".join(lines(compare_with_reference(run_root, reference_root)))
