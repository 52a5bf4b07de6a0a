"""The explorer's JavaScript as one module, which pages and JupyterLab take alike."""

import re
from pathlib import Path

HERE = Path(__file__).parent
# Each after those that it imports; no two of them define the same name.
MODULES = (
    "packing",
    "model",
    "ranking",
    "store",
    "drawing",
    "controls",
    "stage",
    "results",
    "panel",
    "explorer",
)


def script(last: str) -> str:
    """The modules one after another, without imports and exports, and then `last` (page, widget),
    which uses them."""
    parts = [(HERE / f"{name}.js").read_text(encoding="utf-8") for name in (*MODULES, last)]
    text = re.sub(r"^import .*\n", "", "\n".join(parts), flags=re.M)
    return re.sub(r"^export (?!default)", "", text, flags=re.M)


def style() -> str:
    return (HERE / "explorer.css").read_text(encoding="utf-8")
