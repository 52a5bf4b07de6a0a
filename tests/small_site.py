"""A results folder that has a bit of everything the report shows, made in seconds."""

import base64
from io import BytesIO
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from fake_runs import queries, write_run
from rnnha.report.rebuild import rebuild

ROWS = {"lomo": 0.2, "bow-cn": 0.1, "fc-ha": 0.5, "rnn-h": 0.6, "rnn-ha": 0.55, "oracle-cues": 0.9}


CODE = f'''# Each kind of word has a colour of its own.
import numpy as np
%matplotlib inline
@cached
def found(x: float = 1.5) -> str:
    """What is found."""
    if x is not None and x != 2 or not len([]):
        raise ValueError(f"{{x}}: 'text' \\n")
    return "a" + str(True)
class Shown: pass
draw({"an_argument=1, " * 20})
'''


def picture() -> str:
    """A PNG, as a notebook holds it."""
    pixels = np.random.default_rng(0).integers(0, 255, (60, 900, 3), np.uint8)
    Image.fromarray(pixels).save(file := BytesIO(), "PNG")
    return base64.b64encode(file.getvalue()).decode()


def notebook(path: Path, title: str) -> Path:
    """An executed notebook: equation, wide table, long lines, picture, links."""
    wide = pd.DataFrame(np.arange(60).reshape(2, 30), columns=[f"column {i}" for i in range(30)])
    shown = [
        new_output("display_data", {"text/html": wide._repr_html_(), "text/plain": "a table"}),
        new_output("display_data", {"image/png": picture()}),
        new_output("stream", text="a line that does not end " * 20 + "\n"),
    ]
    cells = [
        new_markdown_cell(f"# {title}\n\n| | |\n|---|---|\n| **Time** | {'long ' * 40} |"),
        new_markdown_cell(
            "## What is seen\n\nStripes $x_1 = \\frac{1}{hw}$. [More](../docs/results.md), "
            "and [the paper](https://doi.org/10.1007/978-3-030-20890-5_37).\n\n"
            "$$" + " + ".join(f"a_{{{i}}} x_{{{i}}}" for i in range(40)) + "$$"
        ),
        new_code_cell(CODE, outputs=shown, execution_count=1),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(new_notebook(cells=cells), path)
    return path


def results(folder: Path) -> Path:
    """Runs of ROWS on Rendered-VeRi, their tables and figures, two chapters, an explorer."""
    for slug, ap in ROWS.items():
        for seed in range(1 if slug == "lomo" else 3):
            scores = {f"{i}.jpg": (i, ap + seed / 100, 1 + i % 3) for i in range(8)}
            run = write_run(folder / "runs", "rendered-veri", slug, seed, queries(scores))
            if slug == "rnn-ha":
                notebook(run / "02_train.ipynb", "One training")
    rebuild(folder / "runs", folder)
    tables = folder / "tables"
    (tables / "rendered-veri-attention.md").write_text(
        "# Attention on Rendered-VeRi (rendered, synthetic)\n\n| map | mAP |\n| --- | --- |\n"
        "| its own | 1.0 |\n\n![chart](../figures/rendered-veri-attention.png)\n\n## Its parts\n\n"
        "- A note.\n"
    )
    Image.new("RGB", (640, 320), "white").save(folder / "figures/rendered-veri-attention.png")
    notebook(folder / "notebooks/00_a.ipynb", "The first chapter")
    notebook(folder / "notebooks/03_b.ipynb", "Another chapter")
    (folder / "explorer.html").write_text(
        '<!DOCTYPE html><html lang="en"><head><title>Explorer</title><meta name="viewport" '
        'content="width=device-width"></head><body><main><h1>The explorer</h1></main></body></html>'
    )
    return folder
