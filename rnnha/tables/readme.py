"""The tables in README.md and docs/systems.md: short copies of the pages, written by
`rnnha tables`, and tested."""

import re
from pathlib import Path

from rnnha.experiments import row
from rnnha.paths import ROOT, atomic
from rnnha.tables.pages import HEADINGS

README = ROOT / "README.md"
SYSTEMS = ROOT / "docs" / "systems.md"
_BLOCK = re.compile(r"(<!-- (\S+): written by `rnnha tables` -->\n).*?(<!-- end -->)", re.DOTALL)
# Besides the poster's rows the README shows these controls; all others stand on the page.
CONTROLS = (
    "identity-only",
    "two-heads",
    "rnn-ha-unguided",
    "bnneck",
    "oracle-model-paint",
    "oracle-cues",
)
_INTERVAL = re.compile(r" \[-?\d+\.\d, -?\d+\.\d\]")


def refresh(tables: Path, readme: Path = README) -> None:
    """Put the `excerpt` of `tables`/<name>.md between the marks of each name: a data set, or
    "systems"."""
    text = readme.read_text(encoding="utf-8")
    new = _BLOCK.sub(lambda block: block[1] + excerpt(tables / f"{block[2]}.md") + block[3], text)
    if new != text:
        with atomic(readme) as temporary:
            temporary.write_text(new, encoding="utf-8")


def excerpt(page: Path) -> str:
    """A Markdown page of a table as it stands in the README: no intervals, no notes, of the
    controls those of CONTROLS; of several test lists the largest, with the others folded."""
    title, *paragraphs = page.read_text(encoding="utf-8").strip().split("\n\n")
    heading, tables, conclusion = "", {}, []
    for paragraph in paragraphs:
        if paragraph.startswith("## "):
            heading = paragraph.removeprefix("## ")
        elif paragraph.startswith("| "):
            tables[heading] = _short(paragraph)
        elif not paragraph.startswith("- "):
            conclusion.append(paragraph)
    largest, table = tables.popitem()
    parts = [f"**{title.removeprefix('# ')}**", f"{largest}:" if largest else "", table]
    for smaller, table in tables.items():
        parts += [f"<details>\n<summary>{smaller}</summary>", table, "</details>"]
    return "\n\n".join(filter(None, [*parts, *conclusion])) + "\n"


def _short(table: str) -> str:
    controls = [HEADINGS["control"], *(row(slug).title for slug in CONTROLS)]
    kept, of_poster = [], True
    for line in table.splitlines():
        method = line.split("|")[1].strip()
        of_poster = of_poster and method not in HEADINGS.values()
        if of_poster or method in controls:
            kept.append(_INTERVAL.sub("", line))
    return "\n".join(kept)
