"""How the poster's tables look: which numbers they hold, and the pages that show them."""

import html
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rnnha import markdown
from rnnha.data.sets import Poster
from rnnha.scoring import look_alikes

# The line above a block of rows, by the rows' kind; the poster's own stand without one.
HEADINGS = {"control": "controls, not in the paper", "cross": "trained on another data set"}
PUBLISHED = Path(__file__).with_name("published.csv")  # typed from the poster


def published(poster: Poster, size: str, metric: str) -> dict[str, float]:
    """The poster's numbers of one column: row title -> percent."""
    frame = pd.read_csv(PUBLISHED, dtype={"test_size": str})
    frame = frame[
        (frame["dataset"] == poster.name)
        & (frame["metric"] == metric)
        & (frame["test_size"] == poster.sizes[size])
    ]
    return dict(zip(frame["method"], frame["percent"], strict=True))


def label(metric: str) -> str:
    """A metric as it is written in tables: top1 -> top-1."""
    return metric.replace("top", "top-")


def of_list(size: str) -> str:
    """A test list after what is said of it: ", 200 vehicles"; nothing where a set has but one."""
    return "" if size == "test" else f", {size} vehicles"


def poster_page(
    rows: pd.DataFrame, poster: Poster, kinds: Mapping[str, str]
) -> dict[str, pd.DataFrame]:
    """Tidy rows as tables to read: one for each test list, by the heading that stands above it.

    A line a method, two columns a metric, "paper" and "ours", and ours among look-alikes; cells are
    text. kinds: of each
    method; those of HEADINGS stand under a line of their own. A lone test list has no heading.
    """
    return {
        _heading(poster, size): _block(part, poster, kinds)
        for size, part in rows.groupby("test_size", sort=False)
    }


def _heading(poster: Poster, size: str) -> str:
    if len(poster.sizes) == 1:
        return ""
    paper = poster.sizes[size]
    return f"{size} vehicles" + (f" (paper: {paper})" if paper != size else "")


def _block(rows: pd.DataFrame, poster: Poster, kinds: Mapping[str, str]) -> pd.DataFrame:
    lines = {}
    for method, numbers in rows.groupby("method", sort=False):
        if (heading := HEADINGS.get(kinds[method])) is not None:
            lines.setdefault(heading, {})
        cells = {}
        for n in numbers.itertuples():
            ours = number(n.ours, n.sd, n.ci_low, n.ci_high)
            if n.protocol.endswith(look_alikes.SUFFIX):
                cells[f"{label(n.metric)} among look-alikes", "ours"] = ours
                continue
            paper = "" if pd.isna(n.paper) else f"{n.paper:.{_digits(poster)}f}"
            cells[label(n.metric), "paper"], cells[label(n.metric), "ours"] = paper, ours
        cells["", "seeds"] = str(numbers["n_seeds"].max() or "")
        lines[method] = cells
    page = pd.DataFrame.from_dict(lines, orient="index").fillna("")
    page.columns = pd.MultiIndex.from_tuples(page.columns)
    return page.rename_axis("method").reset_index(col_level=1)


def number(value: float, sd: float, low: float, high: float) -> str:
    """`67.6 ± 0.9 [65.1, 70.0]`; without ± where there is one seed; empty where no number."""
    if pd.isna(value):
        return ""
    spread = "" if pd.isna(sd) else f" ± {sd:.1f}"
    return f"{value:z.1f}{spread}" + ("" if pd.isna(low) else f" [{low:z.1f}, {high:z.1f}]")


def _digits(poster: Poster) -> int:
    return 2 if poster.name == "VeRi" else 1  # as many as the poster prints


Page = pd.DataFrame | Mapping[str, pd.DataFrame]  # a table, or several by their headings


def _tables(page: Page) -> Mapping[str, pd.DataFrame]:
    return {"": page} if isinstance(page, pd.DataFrame) else page


def markdown_page(title: str, page: Page, notes: Sequence[str], conclusion: str = "") -> str:
    """A Markdown page: title, tables, conclusion, notes. A two-level heading becomes one line."""
    parts = [f"# {title}"]
    for heading, frame in _tables(page).items():
        heads = [
            " ".join(filter(None, column)) if isinstance(column, tuple) else column
            for column in frame.columns
        ]
        parts += [f"## {heading}" if heading else ""]
        parts += [markdown.table(heads, frame.itertuples(index=False))]
    parts += [conclusion, "\n".join(f"- {n}" for n in notes)]
    return "\n\n".join(filter(None, parts)) + "\n"


_STYLE = """body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; }
h1, p, ul { max-width: 75rem; } h1 { font-size: 1.3rem; } h2 { font-size: 1.1rem; }
table { border-collapse: collapse; }
th, td { padding: .25rem .6rem; text-align: right; white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
thead th { border-bottom: 1px solid #555; } tbody tr:nth-child(even) { background: #f4f4f4; }"""


def html_page(title: str, page: Page, notes: Sequence[str], conclusion: str = "") -> str:
    """The same as one HTML file that needs no network."""
    tables = "\n".join(
        (f"<h2>{html.escape(heading)}</h2>\n" if heading else "")
        + frame.to_html(index=False, border=0)
        for heading, frame in _tables(page).items()
    )
    points = "\n".join(f"<li>{html.escape(note)}</li>" for note in notes)
    title = html.escape(title)
    said = "\n".join(f"<p>{html.escape(text)}</p>" for text in conclusion.split("\n\n"))
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head><meta charset="utf-8">'
        f"<title>{title}</title>\n<style>\n{_STYLE}\n</style></head>\n<body>\n"
        f"<h1>{title}</h1>\n{tables}\n{said}\n"
        f"<ul>\n{points}\n</ul>\n</body>\n</html>\n"
    )
