"""docs/adding-a-row.md, done to the letter in a copy of the package."""

import json
import os
import re
import shutil
import subprocess
import sys

import pandas as pd
import pytest

from rnnha.paths import ROOT

LOOK = """
import json
from rnnha.figures import marks, of_results
from rnnha.runs import folder
from rnnha.runs.results import Results
from rnnha.tables import build
results = Results(folder.own(), "rendered-veri")
figure = of_results.cmc(results)
looks = {title: marks.mark(slug) for slug, title, _ in results.rows}
table = build.build(results)
print(json.dumps({
    "legend": [text.get_text() for text in figure.axes[0].get_legend().get_texts()],
    "looks": looks,
    "page": build.pages(table)["rendered-veri.md"],
}))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The package with the toy row, as the document has it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "rnnha", folder / "rnnha", ignore=shutil.ignore_patterns("__pycache__"))
    text = (ROOT / "docs/adding-a-row.md").read_text(encoding="utf-8")
    method, entry = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (folder / "rnnha/methods/mean_color.py").write_text(method, encoding="utf-8")
    rows = folder / "rnnha/experiments.py"
    before, after = rows.read_text(encoding="utf-8").split("\n)\n\n# The rows of the paper's", 1)
    rows.write_text(f"{before}\n{entry})\n\n# The rows of the paper's{after}", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def python(copy):
    def call(*arguments: str) -> str:
        environment = os.environ | {
            "PYTHONPATH": str(copy),
            "RNNHA_RESULTS": str(copy / "results"),
            "RNNHA_DATA": os.environ.get("RNNHA_DATA", str(ROOT / "data")),
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return call


@pytest.fixture(scope="module")
def ran(python, rendered):
    """The toy row and another one have been run on a few vehicles."""
    for row in ("mean-color", "oracle-model", "color-histogram"):
        python("-m", "rnnha", "run", row, "--profile", "smoke")


def test_it_runs_and_its_numbers_are_those_of_the_mean_colour(ran, copy):
    folder = copy / "results/runs/rendered-veri/mean-color/seed0"
    metrics = pd.read_csv(folder / "metrics.csv")
    value = metrics.query("protocol == 'image-to-image' and metric == 'mAP'").value.item()
    assert 2 < value < 60  # 40 test vehicles: above a random order, and no oracle
    assert json.loads((folder / "config.json").read_text())["method"] == "mean-color"
    assert not (folder / "weights.safetensors").exists()


def test_status_and_the_plan_know_it_with_one_seed(ran, python):
    asked = ["--datasets", "rendered-veri", "--profile", "smoke"]
    lines = python("-m", "rnnha", "status", *asked).splitlines()
    assert [line for line in lines if "mean-color" in line and line.endswith("complete")]
    assert sum("mean-color" in line for line in lines) == 1
    plan = python("-m", "rnnha", "status", "--make", *asked)
    assert "rendered-veri/mean-color/0" in plan.splitlines()[0]  # its notebook is not there yet


def test_the_table_the_note_the_figure_and_the_colours_have_it(ran, python):
    found = json.loads(python("-c", LOOK))
    line = next(li for li in found["page"].splitlines() if li.startswith("| mean colour |"))
    assert re.search(r"\d+\.\d", line)
    assert "mean colour: the mean over the whole image, background and all" in found["page"]
    assert {"mean colour", "oracle: model"} <= set(found["legend"])
    looks = [tuple(look) for look in found["looks"].values()]
    assert "mean colour" in found["looks"] and len(set(looks)) == len(looks)


def test_an_unknown_method_is_an_error_that_lists_the_known_ones(copy, python):
    code = (
        "from dataclasses import replace; from rnnha import experiments, methods\n"
        "row = replace(experiments.row('rnn-ha'), method='netwrok')\n"
        "try: methods.of(row)\n"
        "except KeyError as error: print(error)"
    )
    told = python("-c", code)
    assert "unknown method 'netwrok'" in told and "mean-color" in told and "network" in told
