"""The notebooks as they are in git, and the runner that executes and shows them."""

import ast
import errno
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import nullcontext
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import pytest
from jupyter_client.connect import LocalPortCache

from rnnha.paths import ROOT
from rnnha.report import execute as executing
from rnnha.report.execute import NotebookError, checked_parameters, execute
from rnnha.report.site import report

IN_GIT = sorted((ROOT / "notebooks").glob("*.ipynb"))
EXPECTED = [
    "00_coarse_to_fine",
    "01_explore_data",
    "02_train",
    "03_table_veri",
    "04_table_vehicleid",
    "05_attention_maps",
]


def code(path: Path) -> list:
    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def python(cell) -> str:
    """A cell's source without its magics."""
    return re.sub(r"^%.*$", "", cell.source, flags=re.M)


# --- in git ---


def test_all_chapters_are_there():
    assert [path.stem for path in IN_GIT] == EXPECTED


@pytest.mark.parametrize("path", IN_GIT, ids=lambda path: path.stem)
def test_a_notebook_is_thin_whole_and_clean(path: Path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert notebook.metadata.kernelspec.name == "python3"
    first = notebook.cells[0]
    assert first.cell_type == "markdown" and first.source.startswith("# ")
    for word in ("Question", "Inputs", "Outputs", "Time"):
        assert f"**{word}" in first.source
    for cell in code(path):
        assert cell.outputs == [] and cell.execution_count is None, "make strip"
        assert not {"papermill", "execution"} & cell.metadata.keys(), "make strip"
        for node in ast.walk(ast.parse(python(cell))):
            assert not isinstance(node, (ast.FunctionDef, ast.ClassDef, ast.Lambda)), cell.source


@pytest.mark.parametrize("path", IN_GIT, ids=lambda path: path.stem)
def test_a_notebook_has_one_cell_of_literal_parameters(path: Path):
    tagged = [cell for cell in code(path) if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1
    for node in ast.parse(python(tagged[0])).body:
        assert isinstance(node, ast.Assign)
        ast.literal_eval(node.value)
    with pytest.raises(NotebookError, match="no parameter datset; it has"):
        checked_parameters(path, {"datset": "veri"})


def test_the_makefile_gives_training_only_parameters_that_it_has():
    names = set(re.findall(r"(?<!mkdir) -p (\w+) ", (ROOT / "Makefile").read_text()))
    assert {"dataset", "experiment", "seed", "profile"} <= names
    known = {
        target.id
        for path in IN_GIT
        for cell in code(path)
        if "parameters" in cell.metadata.get("tags", ())
        for node in ast.parse(python(cell)).body
        for target in node.targets
    }
    assert names <= known


# --- the runner ---

PARAMETERS = 'name = "a"\nseed = 0\nrate = 0.5\nflag = False\nwidths = (1, 2)'


@pytest.fixture
def write(tmp_path: Path):
    """write(*cells) -> path of a notebook with PARAMETERS and these code cells."""

    def make(*cells: str, markdown: str = "# Title", name: str = "nb.ipynb") -> Path:
        metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
        first = nbformat.v4.new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]})
        notebook = nbformat.v4.new_notebook(
            metadata=metadata,
            cells=[
                nbformat.v4.new_markdown_cell(markdown),
                first,
                *map(nbformat.v4.new_code_cell, cells),
            ],
        )
        path = tmp_path / "source" / name
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return make


def printed(path: Path) -> str:
    outputs = [o for cell in code(path) for o in cell.outputs]
    return "".join(o.text for o in outputs if o.output_type == "stream" and o.name == "stdout")


def test_parameters_take_the_type_of_their_defaults(write):
    path = write()
    given = {"name": "007", "seed": "7", "rate": "1e-3", "flag": "True", "widths": "(3, 4)"}
    assert checked_parameters(path, given) == {
        "name": "007",
        "seed": 7,
        "rate": 1e-3,
        "flag": True,
        "widths": (3, 4),
    }


@pytest.mark.parametrize(
    "name, value", [("seed", "x"), ("seed", "1.5"), ("seed", True), ("flag", "yes"), ("name", 7)]
)
def test_a_parameter_of_another_type_is_refused(write, name, value):
    with pytest.raises(NotebookError, match=f"parameter {name}: "):
        checked_parameters(write(), {name: value})


def test_a_missing_notebook_is_named_with_those_there_are():
    with pytest.raises(NotebookError, match="06_none.*02_train.ipynb"):
        checked_parameters(ROOT / "notebooks" / "06_none.ipynb", {})


def test_it_runs_in_the_notebooks_folder_with_this_python(write, tmp_path, capsys, monkeypatch):
    # Kernels of that name which somebody installed for another Python must not be taken.
    for place in ("home/.local/share/jupyter", "data", "more", "home/.ipython"):
        kernel = tmp_path / place / "kernels/python3"
        kernel.mkdir(parents=True)
        (kernel / "kernel.json").write_text(
            '{"argv": ["/bin/false"], "display_name": "another", "language": "python"}'
        )
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "more"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    path = write(
        "import os, sys; print(sys.executable, os.getcwd(), name, seed)",
        "print('50 %', end='\\r'); print('100 %')",
    )
    out = execute(path, tmp_path / "out" / "nb.ipynb", {"name": "007", "seed": "3"})
    assert printed(out) == f"{sys.executable} {path.parent} 007 3\n100 %\n"
    told = capsys.readouterr().out
    assert f"nb | {sys.executable}" in told and "nb | 50 %\n" in told
    assert [p.name for p in out.parent.iterdir() if not p.name.endswith(".lock")] == ["nb.ipynb"]


def test_what_a_run_says_is_labelled_with_its_name(write, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    execute(write("print('a\\nb')"), tmp_path / "runs/rendered-veri/rnn-ha/seed0/02_train.ipynb")
    said = capsys.readouterr().out
    assert said == "rendered-veri/rnn-ha/seed0 | a\nrendered-veri/rnn-ha/seed0 | b\n"


@pytest.mark.parametrize(
    "cell, message",
    [("1 / 0", "ZeroDivisionError"), ("import sys; sys.exit(0)", "before its last cell")],
)
def test_a_notebook_that_fails_is_not_there(write, tmp_path, cell, message):
    out = tmp_path / "out" / "nb.ipynb"
    with pytest.raises(NotebookError, match=message):
        execute(write(cell, "print('never')"), out)
    assert not out.exists()
    assert not list(out.parent.glob("*.tmp*"))


@pytest.mark.parametrize(
    "content",
    ["", "[1, 2]", '{"cells": [{"cell_type": "mark', '{"nbformat": 4, "cells": 3}', "\xff"],
    ids=["empty", "list", "cut", "other", "bytes"],
)
def test_a_damaged_notebook_is_one_error_that_names_it(tmp_path, content):
    path = tmp_path / "bad.ipynb"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(NotebookError, match="bad.ipynb is no whole Jupyter notebook") as told:
        execute(path, tmp_path / "out" / "nb.ipynb")
    assert "\n" not in str(told.value)
    assert not (tmp_path / "out").exists()


def test_a_default_that_is_computed_is_an_error_that_names_the_notebook(write):
    path = write()
    notebook = nbformat.read(path, 4)
    notebook.cells[1].source = "seed = int('3')"
    nbformat.write(notebook, path)
    with pytest.raises(NotebookError, match="nb.ipynb: its parameters"):
        checked_parameters(path, {"seed": "4"})


def test_a_kernel_that_dies_is_an_error_that_names_the_notebook(write, tmp_path):
    path = write("import os; os._exit(3)")
    with pytest.raises(NotebookError, match="nb.ipynb stopped: .*died"):
        execute(path, tmp_path / "out" / "nb.ipynb")
    # what it had said until then is kept, under the name of what failed
    assert [p.name for p in (tmp_path / "out").glob("*.ipynb")] == ["nb.failed.ipynb"]


@pytest.mark.parametrize("taken", [1, executing.STARTS])
def test_a_kernel_whose_port_is_taken_is_started_again(write, tmp_path, monkeypatch, taken):
    """Jupyter looks for free ports and lets them go; of two that start at once one may be late."""
    find, found = LocalPortCache.find_available_port, []

    def late(self, ip: str) -> int:
        found.append(find(self, ip))
        return port if len(found) <= 5 * taken else found[-1]  # a kernel has five

    monkeypatch.setattr(LocalPortCache, "find_available_port", late)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        out = tmp_path / "out.ipynb"
        if taken == 1:
            execute(write("print('done')"), out)
            assert "done" in out.read_text() and len(found) == 5 * 2
        else:
            with pytest.raises(NotebookError, match="stopped: .*died"):
                execute(write("print('done')"), out)
            assert not out.exists() and len(found) == 5 * executing.STARTS


def test_an_out_that_is_a_folder_is_refused_before_the_notebook_runs(write, tmp_path):
    mark = tmp_path / "mark"
    (tmp_path / "out").mkdir()
    with pytest.raises(NotebookError, match="out is a folder"):
        execute(write(f"open({str(mark)!r}, 'w')"), tmp_path / "out")
    assert not mark.exists()


def test_a_disk_that_fills_up_is_one_error_that_names_the_file(write, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("papermill.iorw.LocalHandler.write", full)
    with pytest.raises(OSError, match="out/nb.ipynb: the disk is full"):
        execute(write(), tmp_path / "out" / "nb.ipynb")
    assert not list((tmp_path / "out").glob("*.ipynb"))


def test_a_gpu_that_cannot_be_locked_is_said_with_what_to_do(write, tmp_path, monkeypatch):
    def no_locks(*_, **__):
        raise NotImplementedError("FileSystem does not appear to support flock")

    monkeypatch.setenv("RNNHA_GPUS", "3")
    out = tmp_path / "out" / "nb.ipynb"
    path = write()
    with monkeypatch.context() as patched:
        patched.setattr("rnnha.report.execute.alone", lambda *_: nullcontext())
        patched.setattr("filelock.FileLock.acquire", no_locks)
        with pytest.raises(NotebookError, match="gpu-3.lock: a GPU cannot be locked.*TMPDIR"):
            execute(path, out)


def test_the_whole_error_is_kept_until_the_notebook_succeeds(write, tmp_path):
    out, failed = tmp_path / "out/nb.ipynb", tmp_path / "out/nb.failed.ipynb"
    with pytest.raises(NotebookError, match="out/nb.failed.ipynb"):
        execute(write("assert flag"), out)
    assert failed.exists()
    execute(write("assert flag"), out, {"flag": True})
    assert out.exists() and not failed.exists()


def test_a_killed_runner_leaves_no_notebook_and_no_kernel(write, tmp_path):
    out, mark = tmp_path / "out" / "nb.ipynb", tmp_path / "pid"
    path = write(
        f"import os, time; open({str(mark)!r}, 'w').write(str(os.getpid()))",
        "time.sleep(0 if flag else 60)",
    )
    command = f"from rnnha.report.execute import execute; execute({str(path)!r}, {str(out)!r})"
    runner = subprocess.Popen([sys.executable, "-c", command], cwd=ROOT)
    wait_until(lambda: mark.exists() and mark.read_text())
    runner.send_signal(signal.SIGKILL)
    runner.wait()
    wait_until(lambda: gone(int(mark.read_text())))
    assert not out.exists()
    assert list(out.parent.glob(".nb.*.tmp.ipynb"))
    execute(path, out, {"flag": True})
    assert out.exists()
    assert not list(out.parent.glob(".nb.*.tmp.ipynb")), "what the killed one left is removed"


def test_notebooks_side_by_side_get_a_gpu_each(write, tmp_path, monkeypatch):
    monkeypatch.setenv("RNNHA_GPUS", "3 5")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    marks = tmp_path / "marks"
    marks.mkdir()
    # Each waits for the other, so that neither gives its GPU back before both have one.
    show = write(f"""import os, pathlib, time
print(gpu := os.environ['CUDA_VISIBLE_DEVICES'])
marks = pathlib.Path({str(marks)!r})
(marks / gpu).touch()
end = time.monotonic() + 60
while len(list(marks.iterdir())) < 2 and time.monotonic() < end:
    time.sleep(0.05)""")
    command = f"from rnnha.report.execute import execute; execute({str(show)!r}, %r)"
    outs = [tmp_path / "out" / f"{name}.ipynb" for name in "ab"]
    runners = [
        subprocess.Popen([sys.executable, "-c", command % str(out)], cwd=ROOT) for out in outs
    ]
    assert [runner.wait() for runner in runners] == [0, 0]
    assert sorted(printed(out) for out in outs) == ["3\n", "5\n"]


def wait_until(true, seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    status = Path(f"/proc/{pid}/status")  # a dead process nobody has waited for yet is gone
    return status.exists() and "\nState:\tZ" in status.read_text()


# --- the report ---


class Loads(HTMLParser):
    """Collects what a page would load, and the pages it links to."""

    def __init__(self, page: Path):
        super().__init__()
        self.loaded, self.links, self.tags = [], [], []
        self.feed(page.read_text())

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.tags.append(tag)
        if tag == "a":
            self.links.append(found.get("href"))
        else:
            self.loaded += [found[name] for name in ("src", "href", "data") if found.get(name)]


def test_the_report_opens_without_a_network(write, tmp_path):
    picture = (
        "from IPython.display import Image, display; import base64; display(Image("
        "base64.b64decode('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8A"
        "AQUBAScY42YAAAAASUVORK5CYII='), format='png'))"
    )
    widget = "import anywidget; anywidget.AnyWidget()"
    path = write(
        picture,
        widget,
        markdown=r"# One & all" "\n\n" r"With $o_1$ and $$\frac{a}{b}$$",
        name="00_one.ipynb",
    )
    execute(path, tmp_path / "results/notebooks/00_one.ipynb")
    run = tmp_path / "results/runs/veri/rnn-ha/seed3"
    execute(path, run / "02_train.ipynb")
    (run / "metrics.csv").write_text("experiment\n")
    index = report(tmp_path / "results")
    links = [link for link in Loads(index).links if link.startswith(("notebooks/", "runs/"))]
    pages = [index, *(index.parent / link for link in links)]
    assert len(pages) == 3
    assert "One &amp; all" in index.read_text() and "seed 3" in index.read_text()
    for page in pages:
        assert all(source.startswith(("data:", "figures/")) for source in Loads(page).loaded)
        assert not re.search(r"(?:import|@import|url)\W*\(?['\"]?https?:", page.read_text())
    shown = pages[1].read_text()
    assert Loads(pages[1]).tags.count("math") == 2
    assert "data:image/png;base64" in shown
    assert "Interactive in JupyterLab" in shown and "widget-view" not in shown


def test_a_failed_notebook_is_not_in_the_report(write, tmp_path):
    with pytest.raises(NotebookError):
        execute(write("1 / 0", name="00_bad.ipynb"), tmp_path / "notebooks/00_bad.ipynb")
    assert "00_bad" not in report(tmp_path).read_text()
