"""The table of the photographs: a comparison on real pictures that needs nobody's leave.

The paper has no numbers for this set, so the table has ours alone.
"""

from pathlib import Path
from typing import NamedTuple

import pandas as pd

from rnnha.data.sets import SETS
from rnnha.experiments import row, rows_of
from rnnha.paths import atomic
from rnnha.runs.folder import finished
from rnnha.runs.results import Results, configurations
from rnnha.tables import differences
from rnnha.tables.differences import Difference
from rnnha.tables.notes import (
    adversaries,
    made_by,
    not_trained_out,
    of_others,
    readings,
    training,
)
from rnnha.tables.pages import HEADINGS, label, markdown_page, number

DATASET, PROTOCOL, SIZE = "photographs", "cross-camera", "test"
METRICS = ("mAP", "top1", "top5")
COLUMNS = ["method", "minus", "metric", "ours", "sd", "ci_low", "ci_high", "n_seeds", "n_vehicles"]


class Shown(NamedTuple):
    """By which numbers a data set stands in its table."""

    protocol: str
    size: str
    metrics: tuple[str, ...]


def shown(dataset: str) -> Shown:
    """Of the poster's sets as it has them, by the largest test list; else the photographs'."""
    if poster := SETS[dataset].poster:
        return Shown(poster.protocol, poster.largest, poster.metrics)
    return Shown(PROTOCOL, SIZE, METRICS)


def build(results: Results) -> pd.DataFrame:
    """Tidy numbers, columns COLUMNS: a row each for method and metric, in percent, then one each
    for the differences of mAP, in points. Rows that have not been run are left out."""
    scores = [
        {
            "method": each.title,
            "metric": metric,
            **differences.score(results, each.slug, PROTOCOL, SIZE, metric),
        }
        for each in rows_of(None, synthetic=False)
        if finished(results.source, DATASET, each.slug)
        for metric in METRICS
    ]
    found = [
        {
            "method": row(d.subject).title,
            "minus": row(d.minus).title,
            **differences.line_of(d),
        }
        for d in contrasts(results)
    ]
    return pd.DataFrame([*scores, *found], columns=COLUMNS)


def contrasts(results: Results) -> list[Difference]:
    """The differences that the other tables have, too, in mAP."""
    found = (
        differences.difference(results, *pair, PROTOCOL, SIZE, "mAP")
        for pair in differences.CONTRASTS
    )
    return [d for d in found if d]


def write(results: Results, folder: Path) -> list[Path]:
    """Write photographs.csv and photographs.md; return their paths. Of fewer than two rows nothing
    is written, and what lies there of other runs goes."""
    table = build(results)
    csv, page = (Path(folder) / f"{DATASET}{suffix}" for suffix in (".csv", ".md"))
    if table["method"].nunique() < 2:  # nothing is compared
        for other in (csv, page):
            other.unlink(missing_ok=True)
        return []
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.2f", lineterminator="\n")
    title = f"{results.data_set.title}: photographs of real vehicles"
    with atomic(page) as temporary:
        text = markdown_page(title, _page(table), _notes(results), conclusion(results))
        temporary.write_text(text, encoding="utf-8")
    return [csv, page]


def conclusion(results: Results) -> str:
    """The paper's question on these photographs, as a sentence; empty where a row was not run."""
    return "".join(
        differences.sentence(d, results.data_set.place, row(d.subject).title, row(d.minus).title)
        for d in contrasts(results)
        if (d.subject, d.minus) == differences.CONTRASTS[0]
    )


def _page(table: pd.DataFrame) -> pd.DataFrame:
    controls = {r.title for r in rows_of(None, synthetic=False) if r.kind == "control"}
    lines: dict[str, dict[str, str]] = {}
    scores = table[table["minus"].isna()]
    for method, numbers in scores.groupby("method", sort=False):
        if method in controls:
            lines.setdefault(HEADINGS["control"], {})
        cells = {
            label(n.metric): number(n.ours, n.sd, n.ci_low, n.ci_high) for n in numbers.itertuples()
        }
        lines[method] = cells | {"seeds": str(numbers["n_seeds"].max())}
    page = pd.DataFrame.from_dict(lines, orient="index").fillna("")
    return page.rename_axis("method").reset_index()


def _notes(results: Results) -> list[str]:
    rows = rows_of(None, synthetic=False)
    configs = [c for r in rows for c in configurations(results.source, DATASET, r.slug)]
    learned = next((c for c in configs if "train_vehicles" in c), None)
    told = [
        "Real photographs from two cameras (Vehicle-Re-ID-Dataset): a query of camera 1 is ranked "
        "against all test images of camera 2. Percent; mean ± standard deviation over seeds "
        "[95 % interval over test vehicles].",
        "Which of the source's pictures, and how they are divided: docs/real-data.md.",
        "A small set: it says which systems cope with few pictures, not what the paper's table "
        "says. The coarse label is the type, and all that the oracles know: neither models nor "
        "paint are told.",
    ]
    if learned:
        images, vehicles = learned["train_images"], learned["train_vehicles"]
        told.append(f"Trained on {images:,} images of {vehicles:,} vehicles.")
    named = [(r.slug, r.title) for r in rows]
    told += training(results, named)
    told += readings([r for r in rows if finished(results.source, results.dataset, r.slug)])
    told += of_others(results) + not_trained_out(results, named) + adversaries(results)
    return told + made_by(results, named)
