"""The poster's two tables, rebuilt from finished runs; beside them all the exploratory numbers.

What is primary, what exploratory, and how intervals are made is fixed in docs/analysis.md. Tables
need only the small text files of runs: no images, no weights, no torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import comparisons, variants
from rnnha.experiments import VARIANTS, row, table_rows
from rnnha.layout import (
    TABLES,
    html_page,
    label,
    layout_of,
    markdown_page,
    number,
    poster_page,
    published,
)
from rnnha.notes import notes
from rnnha.paths import atomic
from rnnha.reference import compare_with_reference, lines
from rnnha.results import Results, cross_rows, runs

COLUMNS = ["method", "test_size", "metric", "paper", "ours", "sd", "ci_low", "ci_high", "n_seeds",
           "protocol"]  # fmt: skip
EXPLORATORY = ["quantity", "method", "minus", "test_size", "metric", "protocol", "ours", "sd",
               "ci_low", "ci_high", "smallest", "n_seeds", "n_vehicles", "role"]  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A data set's results. `rows` has COLUMNS, `exploratory` has EXPLORATORY; percent."""

    dataset: str
    title: str
    notes: tuple[str, ...]
    rows: pd.DataFrame
    exploratory: pd.DataFrame
    conclusion: str


def build(results: Results) -> Table:
    """Table of a data set from its finished runs.

    Rows not built or not run have the paper's number and empty cells; rows trained on another
    data set come last, where there are any. Raises KeyError for a data set without a table,
    ResultsError where the runs of one row do not belong together.
    """
    dataset, source = results.dataset, results.source
    layout = layout_of(dataset)
    paper = {(size, metric): published(layout, size, metric)
             for size in layout.sizes for metric in layout.metrics}
    rows = [
        {"method": title, "test_size": size, "metric": metric,
         "paper": paper[size, metric].get(title, np.nan),
         **comparisons.score(results, slug, layout.protocol, size, metric)}
        for slug, title, _ in [*table_rows(dataset), *cross_rows(source, dataset)]
        for size, metric in paper
    ]
    title = f"{layout.title}: the paper's table, rebuilt"
    if layout.synthetic:
        title += " on rendered (synthetic) images; not comparable with the paper"
    return Table(dataset, title, notes(results), _frame(rows, COLUMNS),
                 exploratory(results), comparisons.conclusion(results))


def write(table: Table, folder: Path) -> list[Path]:
    """Write <dataset>.csv, .md, .html and <dataset>-exploratory.csv, .md; return their paths.

    Equal results give equal bytes. The CSVs are tidy, the pages laid out like the poster.
    """
    layout, name = layout_of(table.dataset), table.dataset
    kinds = dict.fromkeys(table.rows["method"], "cross")
    kinds |= {title: kind for _, title, kind in table_rows(name)}
    page = poster_page(table.rows, layout, kinds)
    heading = f"{layout.place}: "
    contents = {
        f"{name}.csv": _csv(table.rows),
        f"{name}.md": markdown_page(table.title, page, table.notes, table.conclusion),
        f"{name}.html": html_page(table.title, page, table.notes, table.conclusion),
        f"{name}-exploratory.csv": _csv(table.exploratory),
        f"{name}-exploratory.md": markdown_page(
            heading + "differences, and scores by other protocols",
            _exploratory_page(table.exploratory), _EXPLORATORY_NOTES),
    }
    for file, text in contents.items():
        with atomic(Path(folder) / file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return [Path(folder) / file for file in contents]


def write_all(source: Path, results_root: Path) -> list[Path]:
    """Tables (`tables/`) and figures (`figures/`) of every data set; return their paths.

    The rendered sets' tables are always written; those of the real sets where runs exist.
    """
    from rnnha.figures import figures  # the tables alone need no drawing

    written = []
    for dataset in TABLES:
        ran = any(runs(source, dataset, slug)
                  for slug, _, _ in [*table_rows(dataset), *cross_rows(source, dataset)])
        results = Results(source, dataset)
        if ran or layout_of(dataset).synthetic:
            written += write(build(results), Path(results_root) / "tables")
        if ran:
            written += figures(results, Path(results_root) / "figures")
        if any(runs(source, dataset, v.slug) for v in VARIANTS):
            written += variants.write(results, Path(results_root) / "tables")
    return written


def comparison_text(run_root: Path, reference_root: Path) -> str:
    """How one's runs compare with the reference, number by number, for reading."""
    return "\n".join(lines(compare_with_reference(run_root, reference_root)))


def exploratory(results: Results) -> pd.DataFrame:
    """All paired differences (the primary one among them, so marked), then each row's scores by
    the protocols and metrics that the main table does not show."""
    layout = layout_of(results.dataset)
    rows = [
        {"quantity": "difference", "method": row(comparisons.SUBJECT).title,
         "minus": row(d.minus).title, "test_size": d.test_size, "metric": d.metric,
         "protocol": d.protocol, "ours": d.value, "sd": comparisons.sd(d.by_seed), "ci_low": d.low,
         "ci_high": d.high, "smallest": d.smallest, "n_seeds": len(d.by_seed),
         "n_vehicles": d.n_vehicles, "role": "primary" if d.primary else "exploratory"}
        for d in comparisons.differences(results)
    ]
    rows_of = [*table_rows(results.dataset), *cross_rows(results.source, results.dataset)]
    for slug, title, _ in rows_of:
        for protocol, size in comparisons.scored_with(results, slug):
            for metric in layout.further if protocol == layout.protocol else layout.metrics:
                rows.append({"quantity": "score", "method": title, "test_size": size,
                             "metric": metric, "role": "exploratory",
                             **comparisons.score(results, slug, protocol, size, metric)})
    return _frame(rows, EXPLORATORY)


def _frame(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=columns)
    for column in {"n_seeds", "n_vehicles"} & set(columns):
        frame[column] = frame[column].astype("Int64")
    return frame


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, float_format="%.2f", lineterminator="\n")


def _exploratory_page(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame({
        "what": [f"{r.method} minus {r.minus}" if r.quantity == "difference" else r.method
                 for r in frame.itertuples()],
        "test": frame["test_size"],
        "protocol": frame["protocol"],
        "metric": frame["metric"].map(label, na_action="ignore"),
        "ours": [number(r.ours, r.sd, r.ci_low, r.ci_high) for r in frame.itertuples()],
        "detectable": ["" if pd.isna(s) else f"{s:.1f}" for s in frame["smallest"]],
        "seeds": frame["n_seeds"],
        "role": frame["role"],
    })


_EXPLORATORY_NOTES = (
    "Exploratory, but for a primary comparison that is marked so (docs/analysis.md; it tells, too, "
    "what was added after the plan). No correction for their number: of a hundred independent "
    "intervals about five would be off 0 by chance, and these are not independent.",
    "Percent, or percentage points for differences: mean ± standard deviation over seeds "
    "[95 % interval over test vehicles].",
    "detectable: a true difference of that size would put such an interval off 0 with 80 % "
    "probability (2.8 standard errors; other test vehicles, the same trainings).",
    "Without a suffix the embedding is o2. image-to-image AP is the rectangle; mAP-trapezoid is "
    "that of VeRi's authors. Suffixes: [o1], [o1,o2] another embedding; (front), (rear) queries "
    "and gallery of that view only.",
)
