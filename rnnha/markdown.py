"""Tables in Markdown: the one place that writes them; and pages that stand inside of others."""

import re
from collections.abc import Iterable, Sequence


def table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of `rows` under `heads`, without a last line end; a `|` in a cell is escaped."""
    cells = [[str(cell).replace("|", "\\|") for cell in row] for row in [heads, *rows]]
    cells.insert(1, ["---"] * len(heads))
    return "\n".join("| " + " | ".join(row) + " |" for row in cells)


def lowered(page: str, levels: int) -> str:
    """A page with its headings so many levels deeper, to stand below those of another one."""
    return re.sub(r"^(?=#+ )", "#" * levels, page, flags=re.MULTILINE)
