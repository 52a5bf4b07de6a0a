"""The tables in README.md are copies: written by `rnnha tables`, and tested to be the same."""

import re
from pathlib import Path

from rnnha.paths import ROOT, atomic

README = ROOT / "README.md"
_BLOCK = re.compile(r"(<!-- (\S+): written by `rnnha tables` -->\n).*?(<!-- end -->)", re.DOTALL)


def refresh(tables: Path, readme: Path = README) -> None:
    """Put `tables`/<data set>.md, without its title, between the marks of each data set."""
    text = readme.read_text(encoding="utf-8")
    new = _BLOCK.sub(lambda block: block[1] + excerpt(tables / f"{block[2]}.md") + block[3], text)
    if new != text:
        with atomic(readme) as temporary:
            temporary.write_text(new, encoding="utf-8")


def excerpt(page: Path) -> str:
    """A Markdown page of a table as it stands in the README: the title as a bold line, the
    table, the conclusion; the notes stay with the page."""
    title, *paragraphs = page.read_text(encoding="utf-8").strip().split("\n\n")
    shown = [p for p in paragraphs if not p.startswith("- ")]
    return "\n\n".join([f"**{title.removeprefix('# ')}**", *shown]) + "\n"
