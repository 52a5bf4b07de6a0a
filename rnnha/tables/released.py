"""The small table of the two readings: the paper's equations and the released code.

Rows of `experiments.VARIANTS` beside the rows that they are variants of. Exploratory throughout.
"""

from pathlib import Path

import pandas as pd

from rnnha.data.sets import DataSet
from rnnha.experiments import VARIANTS, row
from rnnha.paths import atomic
from rnnha.runs.results import Results
from rnnha.tables import differences
from rnnha.tables.pages import label, markdown_page, number, of_list

COLUMNS = [
    "method",
    "variant",
    "test_size",
    "metric",
    "ours",
    "sd",
    "ci_low",
    "ci_high",
    "n_seeds",
    "protocol",
]
HEADINGS = {
    "paper": "by the equations",
    "released": "as released",
    "released minus paper": "difference",
}
NOTES = (
    "The released code differs from the equations in three ways: another 1/hw on the attended "
    "feature x2, a first GRU step that is taken twice before the attended one (VGG-M), and raw "
    "colours in [0, 1] instead of normalised ones. Each reading has a stage 0 of its own.",
    "RNN-HA is what the authors released. RNN-H w/o attention is the same code with a uniform map, "
    "so that what the oddities do to it can be compared. FC-HA was never released: the column only "
    "says how two fully connected layers bear an input that is 1/hw as large.",
    "Both readings begin from random weights here. The authors fed raw colours to ImageNet "
    "weights that expected normalised ones, which is what the profile `paper` does with the "
    "released rows; what that does these numbers do not show.",
    "Percent, or points for the difference: mean ± standard deviation over seeds [95 % interval "
    "over test vehicles]. Exploratory, as docs/analysis.md has it.",
)


def build(results: Results) -> pd.DataFrame:
    """Tidy numbers, a row each for method, variant ("paper", "released", "released minus paper"),
    test size and metric; columns COLUMNS. Empty where no variant has been run."""
    poster, rows = results.poster, []
    for variant in VARIANTS:
        base = row(variant.slug.removesuffix("-released"))
        for size in poster.sizes:
            for metric in poster.metrics:
                place = (poster.protocol, size, metric)
                change = differences.difference(results, variant.slug, base.slug, *place)
                if change is None:
                    continue
                difference = differences.line_of(change) | {"protocol": poster.protocol}
                for name, found in (
                    ("paper", differences.score(results, base.slug, *place)),
                    ("released", differences.score(results, variant.slug, *place)),
                    ("released minus paper", difference),
                ):
                    rows.append(
                        {
                            "method": base.title,
                            "variant": name,
                            "test_size": size,
                            "metric": metric,
                            **found,
                        }
                    )
    return pd.DataFrame(rows, columns=COLUMNS)


def write(results: Results, folder: Path) -> list[Path]:
    """Write <dataset>-released.csv and .md; return their paths."""
    frame = build(results)
    text = {
        "csv": frame.to_csv(index=False, float_format="%.2f", lineterminator="\n"),
        "md": page(results.data_set, frame),
    }
    written = []
    for kind, content in text.items():
        written.append(Path(folder) / _name(results.dataset, kind))
        with atomic(written[-1]) as temporary:
            temporary.write_text(content, encoding="utf-8", newline="\n")
    return written


def remove(dataset: str, folder: Path) -> None:
    """Take away what `write` wrote of other runs."""
    for kind in ("csv", "md"):
        (Path(folder) / _name(dataset, kind)).unlink(missing_ok=True)


def _name(dataset: str, kind: str) -> str:
    return f"{dataset}-released.{kind}"


def page(data_set: DataSet, frame: pd.DataFrame) -> str:
    """The Markdown page of the table."""
    lines, cell = [], ["method", "test_size", "metric"]
    for (method, size, metric), part in frame.groupby(cell, sort=False):
        size = of_list(size)
        line = {"method": method, "metric": label(metric) + size}
        for r in part.itertuples():
            line[HEADINGS[r.variant]] = number(r.ours, r.sd, r.ci_low, r.ci_high)
        lines.append(line | {"seeds": part["n_seeds"].iloc[-1]})
    title = f"{data_set.place}: the equations and the released code"
    return markdown_page(title, pd.DataFrame(lines), NOTES)
