"""Every system on every set at a glance: what it reaches and what it costs.

The numbers stand in the sets' own tables, too; here a reader can follow one system across them.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from rnnha import methods
from rnnha.data.sets import SETS
from rnnha.experiments import Row, rows_of
from rnnha.paths import atomic
from rnnha.runs.folder import RunFolder, finished
from rnnha.runs.results import Results
from rnnha.tables import differences, photographs
from rnnha.tables.notes import readings
from rnnha.tables.pages import HEADINGS, label, markdown_page, number, of_list

FILE = "systems"
COLUMNS = ["method", "dataset", "test_size", "metric", "ours", "sd", "n_seeds", "minutes"]


def build(sets: Sequence[Results]) -> pd.DataFrame:
    """Tidy numbers, columns COLUMNS, of rows with finished runs: the first metric of each set's
    largest test list in percent, and minutes a seed."""
    found = []
    for results in sets:
        protocol, size, (metric, *_) = photographs.shown(results.dataset)
        for row in rows_of(None, synthetic=True):
            score = differences.score(results, row.slug, protocol, size, metric)
            if score["n_seeds"]:
                place = {"dataset": results.dataset, "test_size": size}
                numbers = {name: score[name] for name in ("ours", "sd", "n_seeds")}
                spent = {"metric": metric, "minutes": minutes(results, row)}
                found.append({"method": row.title} | place | numbers | spent)
    return pd.DataFrame(found, columns=COLUMNS)


def minutes(results: Results, row: Row) -> float:
    """Mean minutes of a training over seeds, with the stage 0 that it starts from, or of making all
    features where a system is not trained; NaN where neither was timed."""
    stages = [stage for stage in (row, methods.stage0_of(row)) if stage]
    runs = [finished(results.source, results.dataset, s.slug).values() for s in stages]
    spent = [[s / 60 for run in part if (s := _seconds(run)) is not None] for part in runs]
    return sum(np.mean(part) for part in spent if part) or np.nan


def _seconds(run: RunFolder) -> float | None:
    if len(history := run.history()):
        return history["seconds"].sum() if "seconds" in history else None
    return run.environment().get("seconds")


def write(sets: Sequence[Results], folder: Path) -> list[Path]:
    """Write systems.csv and systems.md; return their paths."""
    table = build(sets)
    csv, page = (Path(folder) / f"{FILE}{suffix}" for suffix in (".csv", ".md"))
    with atomic(csv) as temporary:
        table.to_csv(temporary, index=False, float_format="%.2f", lineterminator="\n")
    with atomic(page) as temporary:
        ran = [results for results in sets if results.dataset in set(table["dataset"])]
        text = markdown_page("All systems, set by set", _page(table), _notes(ran, table))
        temporary.write_text(text, encoding="utf-8")
    return [csv, page]


def _page(table: pd.DataFrame) -> pd.DataFrame:
    lines: dict[str, dict[str, str]] = {}
    columns = list(dict.fromkeys(table["dataset"]))
    for row in rows_of(None, synthetic=True):
        numbers = table[table["method"] == row.title].set_index("dataset")
        if numbers.empty:
            continue
        if row.kind in HEADINGS:
            lines.setdefault(HEADINGS[row.kind], {})
        cells = {}
        for n in numbers.itertuples():
            cells[_head(n.Index)] = number(n.ours, n.sd, np.nan, np.nan)
            cells[_head(n.Index, spent=True)] = _told(n.minutes)
        lines[row.title] = cells
    heads = [_head(name, spent) for name in columns for spent in (False, True)]
    page = pd.DataFrame.from_dict(lines, orient="index", columns=None).reindex(columns=heads)
    return page.fillna("").rename_axis("method").reset_index()


def _told(minutes: float) -> str:
    return "" if pd.isna(minutes) else "< 0.1" if minutes < 0.05 else f"{minutes:.1f}"


def _head(dataset: str, spent: bool = False) -> str:
    if spent:
        return f"minutes, {SETS[dataset].title}"
    _, size, (metric, *_) = photographs.shown(dataset)
    return f"{label(metric)}, {SETS[dataset].place}{of_list(size)}"


def _notes(sets: Sequence[Results], table: pd.DataFrame) -> list[str]:
    protocols = [f"{r.data_set.title} {photographs.shown(r.dataset).protocol}" for r in sets]
    found = [
        "percent, mean ± standard deviation over seeds; intervals, seeds and the paper's numbers "
        f"stand in each set's own table. Protocols: {'; '.join(protocols)}.",
        "minutes: of one training with one seed, stage 0 included where a row starts from it; "
        "where nothing is trained by steps, of making the features of all test images, and the "
        "words that they are told in. FACT takes GoogLeNet's and BOW-CN's runs.",
    ]
    found += readings([r for r in rows_of(None, synthetic=True) if r.title in set(table["method"])])
    timed = table.dropna(subset="minutes").set_index(["dataset", "method"]).index
    runs = [
        run
        for results in sets
        for row in rows_of(None, synthetic=True)
        if (results.dataset, row.title) in timed
        for run in finished(results.source, results.dataset, row.slug).values()
    ]
    if machines := sorted({run.environment()["hardware"] for run in runs}):
        found.append(f"Timed on {' and '.join(machines)}, other work beside it as it came.")
    if any("viewpoints_from" in run.config() for run in runs):
        found.append(
            "VAMI where nobody labelled viewpoints: without the classifier that told them, which "
            "learns as long as stage 0 of Rendered-VeRi."
        )
    return found
