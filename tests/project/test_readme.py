"""What README and docs say is what the repository holds."""

import json
import re
import shlex
import shutil
import textwrap
from pathlib import Path

import matplotlib
import numpy as np
import pandas as pd
import pytest

import rnnha
from rendering import criteria
from rnnha import cli, commands, markdown
from rnnha.data.archives import unpack
from rnnha.data.sets import SETS
from rnnha.paths import REFERENCE, ROOT
from rnnha.runs.results import Results
from rnnha.scoring import look_alikes
from rnnha.tables import build
from rnnha.tables.readme import CONTROLS

README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
GENERATED = re.compile(r"<!-- \S+: written by `rnnha tables` -->.*?<!-- end -->", re.DOTALL)
WORDS = 1500


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.name


# --- the README ---


def test_the_readme_is_short():
    """Beside the generated tables; what is longer belongs into docs/."""
    assert len(re.findall(r"\S*\w\S*", GENERATED.sub("", README))) <= WORDS


def test_the_python_door_opens(capsys):
    """The README's lines are those of the package's docstring, and do what they say."""
    (code,) = blocks(README, "python")
    assert textwrap.indent(code, "    ") in rnnha.__doc__
    unpack(SETS["rendered-veri"])
    matplotlib.use("Agg")
    with pd.option_context("display.max_columns", None, "display.width", 200):
        exec(code, {})
    # The model card of the shipped checkpoint says what it scores.
    card = (ROOT / "rnnha/assets/rnn_ha_rendered.md").read_text(encoding="utf-8")
    stated = re.search(r"^\| test \| (\d\S*) \| (\d\S*) \|", card, re.MULTILINE)
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    for metric, value in zip(("mAP", "top1"), stated.groups(), strict=True):
        (found,) = (line for line in lines if {"image-to-image", metric} <= set(line))
        assert any(
            abs(float(n) - float(value)) < 0.06 for n in found if re.fullmatch(r"\d+\.\d+", n)
        )


def shown(dataset: str) -> list[list[str]]:
    block = README.split(f"<!-- {dataset}: ")[1].split("<!-- end -->")[0]
    lines = [line for line in block.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]


@pytest.mark.parametrize("dataset", ["rendered-veri", "rendered-vehicleid"])
def test_tables_are_those_of_the_reference(dataset):
    """Not those of results/tables, where one's own `make reproduce` puts one's own numbers."""
    results = Results(REFERENCE, dataset)
    poster, table = results.poster, build.build(results)
    alike = poster.protocol + look_alikes.SUFFIX
    numbers = table.rows.set_index(["method", "test_size", "metric", "protocol"])
    sizes = [poster.largest, *(size for size in poster.sizes if size != poster.largest)]
    seen: dict[str, list[str]] = {size: [] for size in sizes}
    size = iter(sizes)
    for method, *cells, seeds in shown(dataset):
        if method == "method":
            here = next(size)
        elif (method, here, poster.metrics[0], poster.protocol) in numbers.index:
            seen[here].append(method)
            columns = [(metric, poster.protocol) for metric in poster.metrics]
            columns.append((poster.metrics[0], alike))
            cells.insert(-1, "")  # the paper has no number among look-alikes
            for column, paper, ours in zip(columns, cells[::2], cells[1::2], strict=True):
                n = numbers.loc[(method, here, *column)]
                assert paper == "" if pd.isna(n["paper"]) else float(paper) == n["paper"]
                spread = "" if pd.isna(n["sd"]) else f" ± {n['sd']:.1f}"
                assert ours == ("" if pd.isna(n["ours"]) else f"{n['ours']:.1f}{spread}")
                assert seeds == (str(int(n["n_seeds"])) if n["n_seeds"] else "")
    poster_rows = [title for _, title, kind in results.rows if kind == "paper"]
    controls = [title for slug, title, _ in results.rows if slug in CONTROLS]
    assert list(seen.values()) == [poster_rows + controls] * len(sizes)
    assert " ".join(table.conclusion.split()) in " ".join(README.split())


# --- all pages ---


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    heads = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_and_pictures_exist(page):
    broken = []
    for target in re.findall(r"\]\((?!http)([^)\s]+)\)", page.read_text(encoding="utf-8")):
        file, _, anchor = target.partition("#")
        other = page.parent / file if file else page
        if not other.exists() or (anchor and anchor not in anchors(other)):
            broken.append(target)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_that_are_named_exist(page):
    """Files in backticks: from the root, or from a room; not those that a run or a reader makes."""
    named = re.findall(r"`(?:python )?([\w.-]+(?:/[\w.-]+)+\.\w+)\b[^`]*`", _code(page, "`"))
    if page.name == "adding-a-row.md":  # its example is made while one reads
        named = [path for path in named if "mean_color" not in path]
    places = (ROOT, ROOT / "rnnha", ROOT / "results")
    made = ("data/", "results/runs/", "build/")
    lost = [path for path in named if not any((place / path).exists() for place in places)]
    assert [path for path in lost if not path.startswith(made)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_commands_are_understood(page):
    """Each `rnnha ...` line of a shell block is parsed by the command line itself; of those inside
    a sentence, which may be cut short, the command is there."""
    for block in blocks(page.read_text(encoding="utf-8"), "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if found := re.match(r"(?:\S*torchrun .*-m )?rnnha (.*)", line):
                words = shlex.split(found[1].partition(" > ")[0], comments=True)
                assert cli._parser().parse_args(words).call
    named = re.findall(r"^rnnha ([a-z]+)", _code(page), re.MULTILINE)
    assert [command for command in named if not hasattr(commands, command)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_exist(page):
    named = set(re.findall(r"(?:`|^|\s)make ([a-z]+)\b(?=[^\n]*`|[^\n]*$)", _code(page), re.M))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert named <= targets
    if page.name == "README.md":
        assert {"test", "reproduce"} <= named


def _code(page: Path, mark: str = "") -> str:
    """What a page has in backticks and in shell blocks, a piece a line, between `mark`s."""
    text = page.read_text(encoding="utf-8")
    inline = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL))
    pieces = [" ".join(piece.split()) for piece in inline] + blocks(text, "sh")
    return "\n".join(f"{mark}{piece}{mark}" for piece in pieces)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_cell_is_left_to_fill_in(page):
    assert re.findall(r"\b[A-Z]+_(?:TIME|DISK|DOWNLOAD)\b", page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("page", ["README.md", "docs/results.md", "docs/real-data.md"])
def test_intervals_in_prose_are_in_the_tables(page):
    """A number and its [interval], as `+0.4 points of mAP [−0.2, 1.0]`, is one of a difference in
    the tables of the reference, up to rounding and to which of the two rows comes first."""
    tables = ROOT / "results/tables"
    files = [*sorted(tables.glob("*-*-*.csv")), *sorted(tables.glob("photographs*.csv"))]
    numbers = ["ours", "ci_low", "ci_high"]
    ahead = dict(zip(["ahead", "ahead_low", "ahead_high"], numbers, strict=True))
    frames = [pd.read_csv(file) for file in files]
    frames = [f[list(ahead)].rename(columns=ahead) if "ahead" in f else f for f in frames]
    known = pd.concat(frames)[numbers].to_numpy()
    text = " ".join(GENERATED.sub("", (ROOT / page).read_text(encoding="utf-8")).split())
    text = text.replace("−", "-")
    quoted = re.findall(
        r"([+-]?\d+\.\d+)(?: points)?(?: (?:of|by) [\w-]+)? \[(-?\d+\.\d+), (-?\d+\.\d+)\]", text
    )
    assert len(quoted) == len(re.findall(r"\[-?\d+\.\d+, -?\d+\.\d+\]", text)) > 0
    for value in quoted:
        value, low, high = map(float, value)
        near = [
            (abs(known - wanted) < 0.0551).all(axis=1).any()
            for wanted in ([value, low, high], [-value, -high, -low])
        ]
        assert any(near), (value, low, high)


@pytest.mark.parametrize(
    "words, quantity, method, minus, protocol",
    [
        ("RNN-HA minus RNN-H is", "difference", "RNN-HA", "RNN-H w/o attention", ""),
        ("less well than its own o1", "step", "RNN-HA", "o1", ""),
        (
            "two plain heads minus identity only, as long is",
            "difference",
            "two plain heads",
            "identity only, as long",
            "",
        ),
        (
            "on Rendered-VeRi, and",
            "difference",
            "two plain heads",
            "identity only, as long",
            " (look-alikes)",
        ),
        ("own minus uniform is", "swap", "RNN-HA", "uniform", ""),
    ],
)
def test_what_came_out_is_of_the_rows_that_it_names(words, quantity, method, minus, protocol):
    """The README's conclusions, each by its own line of Rendered-VeRi's table."""
    table = pd.read_csv(ROOT / "results/tables/rendered-veri-exploratory.csv")
    line = table[
        (table["quantity"] == quantity)
        & (table["method"] == method)
        & (table["minus"] == minus)
        & (table["metric"] == "mAP")
        & (table["protocol"] == f"image-to-image{protocol}")
    ]
    expected = line[["ours", "ci_low", "ci_high"]].to_numpy()
    part = README[README.index("### What came out") : README.index("## Real data")]
    part = re.sub(r"\]\([^)]*\)|[*\[](?![−\d])", "", " ".join(part.split())).replace("−", "-")
    number = r"([+-]?\d\.\d)"
    found = re.findall(rf"{words}:? {number}[\w ]*? \[{number}, {number}\]", part)
    assert np.abs(np.array(found, float) - expected).max() < 0.051 and len(found) == 1


def test_the_data_card_has_each_criterion_as_the_results_have_it():
    found = criteria.criteria()
    card = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    assert markdown.table(found.columns, found.itertuples(index=False)) in card
    assert set(found["criterion"].str[:2]) == {"1.", "2.", "3.", "4."}


def test_a_criterion_without_its_number_names_the_file(tmp_path):
    for name in ("data_audit.csv", "bench/learnable.csv", "tables/rendered-veri.csv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "results" / name, tmp_path / name)
    further = pd.read_csv(ROOT / "results" / "tables" / "rendered-veri-exploratory.csv")
    target = tmp_path / "tables" / "rendered-veri-exploratory.csv"
    further[further["role"] != "primary"].to_csv(target, index=False)
    with pytest.raises(ValueError, match="exploratory.csv: the primary comparison is not in it"):
        criteria.criteria(tmp_path)
    further.to_csv(target, index=False)
    audit = pd.read_csv(tmp_path / "data_audit.csv")
    audit[audit["what"] != "camera alone"].to_csv(tmp_path / "data_audit.csv", index=False)
    with pytest.raises(ValueError, match="data_audit.csv: mAP of camera alone is not in it"):
        criteria.criteria(tmp_path)


def test_the_data_card_tells_the_audit():
    """The best of each part, and the oracles, as `results/data_audit.csv` has them."""
    audit = pd.read_csv(ROOT / "results" / "data_audit.csv")
    of_map = audit[audit["measure"] == "mAP"].groupby("what", sort=False)["value"]
    best, oracle = of_map.max(), of_map.get_group("oracle: model and paint")
    card = " ".join((ROOT / "docs" / "data.md").read_text(encoding="utf-8").split())
    assert (
        f"background alone reaches mAP {best['background alone']:.1f}, of shots without cues "
        f"{best['rendered without cues']:.1f}, where a random order has "
        f"{best['a random order']:.1f} and the oracle {oracle.iloc[0]:.1f} and "
        f"{oracle.iloc[1]:.1f}."
    ) in card
    assert best["background alone"] < oracle.iloc[0]
    assert best["rendered without cues"] < oracle.iloc[1]


# --- notebooks ---


def cells(notebook: str) -> list[dict]:
    return json.loads((ROOT / "notebooks" / notebook).read_text(encoding="utf-8"))["cells"]


def test_the_two_table_notebooks_differ_in_the_data_set_only():
    """In their titles, the parameter, and the words about the data set's protocol: in no code."""
    veri, vehicleid = cells("03_table_veri.ipynb"), cells("04_table_vehicleid.ipynb")
    differ = [i for i, (a, b) in enumerate(zip(veri, vehicleid, strict=True)) if a != b]
    assert differ == [0, 1, 3, 7, 16]
    assert {book[i]["cell_type"] for book in (veri, vehicleid) for i in differ[2:]} == {"markdown"}
    named = [["".join(book[i]["source"]) for book in (veri, vehicleid)] for i in (0, 1)]
    assert named[0][0].replace("on VeRi", "on VehicleID") == named[0][1]
    assert named[1][0].replace("rendered-veri", "rendered-vehicleid") == named[1][1]


@pytest.mark.parametrize("path", sorted((ROOT / "notebooks").glob("*.ipynb")), ids=name)
def test_every_notebook_begins_with_one_header(path):
    head = "".join(cells(path.name)[0]["source"])
    rows = re.findall(r"^\| \*\*(\w+)\*\* \| \S.* \|$", head, re.MULTILINE)
    assert head.startswith("# ") and rows == ["Question", "Inputs", "Outputs", "Time"]
    tagged = [c for c in cells(path.name) if "parameters" in c["metadata"].get("tags", ())]
    assert len(tagged) == 1
