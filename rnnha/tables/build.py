"""The poster's two tables, rebuilt from finished runs; beside them all the exploratory numbers.

What is primary, what exploratory, and how intervals are made is fixed in docs/analysis.md. Tables
need only the small text files of runs: no images, no weights, no torch.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data.sets import DataSet
from rnnha.experiments import row
from rnnha.paths import atomic
from rnnha.runs.results import Results, table_rows
from rnnha.scoring import look_alikes
from rnnha.tables import differences, order, steps
from rnnha.tables.notes import notes
from rnnha.tables.pages import (
    html_page,
    label,
    markdown_page,
    number,
    poster_page,
    published,
)

COLUMNS = [
    "method",
    "test_size",
    "metric",
    "paper",
    "ours",
    "sd",
    "ci_low",
    "ci_high",
    "n_seeds",
    "protocol",
]
EXPLORATORY = [
    "quantity",
    "method",
    "minus",
    "test_size",
    "metric",
    "protocol",
    "ours",
    "sd",
    "ci_low",
    "ci_high",
    "smallest",
    "n_seeds",
    "n_vehicles",
    "role",
]


@dataclass(frozen=True)
class Table:
    """A data set's results. `rows` has COLUMNS, `exploratory` has EXPLORATORY; percent."""

    data_set: DataSet
    title: str
    notes: tuple[str, ...]
    rows: pd.DataFrame
    exploratory: pd.DataFrame
    conclusion: str


def build(results: Results) -> Table:
    """Table of a data set from its finished runs.

    Beside the poster's columns stands its first metric among look-alikes, for all of our rows. Rows
    that have not been run have the paper's number and empty cells; rows trained on another
    data set come last, where there are any. Raises KeyError for a data set without a table,
    ResultsError where the runs of one row do not belong together.
    """
    poster, data_set = results.poster, results.data_set
    paper: dict[tuple[str, str, str], dict[str, float]] = {}
    for size in poster.sizes:
        for metric in poster.metrics:
            paper[size, metric, poster.protocol] = published(poster, size, metric)
        paper[size, poster.metrics[0], poster.protocol + look_alikes.SUFFIX] = {}
    rows = [
        {
            "method": title,
            "test_size": size,
            "metric": metric,
            "paper": printed.get(title, np.nan),
            "protocol": protocol,
            **differences.score(results, slug, protocol, size, metric),
        }
        for slug, title, _ in results.rows
        for (size, metric, protocol), printed in paper.items()
    ]
    title = f"{data_set.title}: the paper's table, rebuilt"
    if data_set.synthetic:
        title += " on rendered (synthetic) images; not comparable with the paper"
    return Table(
        data_set,
        title,
        notes(results),
        _frame(rows, COLUMNS),
        exploratory(results),
        "\n\n".join(
            filter(
                None,
                [
                    differences.conclusion(results),
                    steps.sentence(results),
                    order.sentence(results),
                ],
            )
        ),
    )


def pages(table: Table) -> dict[str, str]:
    """The texts by file name: <dataset>.csv, .md, .html and <dataset>-exploratory.csv, .md.

    The CSVs are tidy, the pages laid out like the poster.
    """
    data_set, name = table.data_set, table.data_set.name
    kinds = dict.fromkeys(table.rows["method"], "cross")
    kinds |= {title: kind for _, title, kind in table_rows(name)}
    page = poster_page(table.rows, data_set.poster, kinds)
    return {
        f"{name}.csv": _csv(table.rows),
        f"{name}.md": markdown_page(table.title, page, table.notes, table.conclusion),
        f"{name}.html": html_page(table.title, page, table.notes, table.conclusion),
        f"{name}-exploratory.csv": _csv(table.exploratory),
        f"{name}-exploratory.md": markdown_page(
            f"{data_set.place}: differences, and scores by other protocols",
            _exploratory_page(table.exploratory),
            _EXPLORATORY_NOTES,
        ),
    }


def write(table: Table, folder: Path) -> list[Path]:
    """Write `pages`; return their paths. Equal results give equal bytes."""
    contents = pages(table)
    for file, text in contents.items():
        with atomic(Path(folder) / file) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    return [Path(folder) / file for file in contents]


def remove(dataset: str, folder: Path) -> None:
    """Take away what `write` wrote of other runs."""
    for end in (".csv", ".md", ".html", "-exploratory.csv", "-exploratory.md"):
        (Path(folder) / f"{dataset}{end}").unlink(missing_ok=True)


def exploratory(results: Results) -> pd.DataFrame:
    """All paired differences (the primary one among them, so marked), what the second step brings
    each network, the swap tests of networks with attention, then each row's scores by the protocols
    and metrics that the main table does not show."""
    poster = results.poster
    rows = [
        _difference("difference", d, row(d.subject).title, row(d.minus).title)
        for d in differences.differences(results)
    ]
    titles = {slug: title for slug, title, _ in results.rows}
    rows += [_difference("step", d, titles[d.subject], d.minus) for d in steps.steps(results)]
    for slug, title in titles.items():
        rows += [_difference("swap", d, title, d.minus) for d in differences.swaps(results, slug)]
    for slug, title in titles.items():
        for protocol, size in differences.scored_with(results, slug):
            for metric in poster.further if protocol == poster.protocol else poster.metrics:
                rows.append(
                    {
                        "quantity": "score",
                        "method": title,
                        "test_size": size,
                        "metric": metric,
                        "role": "exploratory",
                        **differences.score(results, slug, protocol, size, metric),
                    }
                )
    return _frame(rows, EXPLORATORY)


def _difference(quantity: str, d: differences.Difference, method: str, minus: str) -> dict:
    return {
        "quantity": quantity,
        "method": method,
        "minus": minus,
        "test_size": d.test_size,
        "protocol": d.protocol,
        **differences.line_of(d),
        "role": "primary" if d.primary else "exploratory",
    }


def _frame(rows: list[dict], columns: list[str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows).reindex(columns=columns)
    for column in {"n_seeds", "n_vehicles"} & set(columns):
        frame[column] = frame[column].astype("Int64")
    return frame


def _csv(frame: pd.DataFrame) -> str:
    return frame.to_csv(index=False, float_format="%.2f", lineterminator="\n")


def _exploratory_page(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "what": [
                _WHAT[r.quantity].format(method=r.method, minus=r.minus) for r in frame.itertuples()
            ],
            "test": frame["test_size"],
            "protocol": frame["protocol"],
            "metric": frame["metric"].map(label, na_action="ignore"),
            "ours": [number(r.ours, r.sd, r.ci_low, r.ci_high) for r in frame.itertuples()],
            "detectable": ["" if pd.isna(s) else f"{s:.1f}" for s in frame["smallest"]],
            "seeds": frame["n_seeds"],
            "role": frame["role"],
        }
    )


# A line's first cell on the page, by its quantity.
_WHAT = {
    "difference": "{method} minus {minus}",
    "step": "{method}: o2 minus {minus}",
    "swap": "{method}, attention map: own minus {minus}",
    "score": "{method}",
}
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
