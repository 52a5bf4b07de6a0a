"""Execute notebooks so that an unfinished one never looks done, and show them as a web page."""

import ast
import html
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import nbformat
import papermill
from papermill.exceptions import PapermillExecutionError

from rnnha.paths import DATA, RESULTS, ROOT, alone, atomic, locked

NOTEBOOKS = ROOT / "notebooks"
FAILED = ".failed"


class NotebookError(RuntimeError):
    """A notebook cannot be executed as asked; the message says why and what to do."""


def execute(notebook: Path, out: Path, parameters: Mapping[str, object] | None = None) -> Path:
    """Execute `notebook` with this Python and write it to `out`, by rename, once it is whole.

    parameters: values for names of the notebook's cell tagged "parameters". A string takes the
    type of the default value there, so that a name like 007 stays a name. What the notebook
    prints appears on the terminal, each line with the name of the run. Raises NotebookError for
    an unknown or ill-typed parameter and for a notebook that fails; a failed one is kept beside
    `out` as <name>.failed.ipynb. Two calls with the same `out` wait for each other.
    """
    notebook, out = Path(notebook).resolve(), Path(out).resolve()
    values = checked_parameters(notebook, parameters or {})
    failed = out.with_name(f"{out.stem}{FAILED}{out.suffix}")
    with alone(out, _label(out)), _own_gpu() as gpu, _environment(gpu), atomic(out) as temporary:
        try:
            executed = papermill.execute_notebook(
                str(notebook), str(temporary), values, kernel_name="python3", progress_bar=False,
                cwd=str(notebook.parent), extra_arguments=["--log-level=CRITICAL"],
                stdout_file=_Lines(sys.stdout, _label(out)),
                stderr_file=_Lines(sys.stderr, _label(out)), coalesce_streams=True,
            )  # fmt: skip
        except PapermillExecutionError as error:
            os.replace(temporary, failed)
            raise NotebookError(
                f"{_shown(notebook)} failed: {error.ename}: {error.evalue}\n"
                f"The cell with the whole error is in {_shown(failed)}."
            ) from None
        _raise_unfinished(executed, notebook)
        failed.unlink(missing_ok=True)
    return out


def checked_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, object]:
    """The values for a notebook's parameters, in the types of their defaults.

    papermill only warns about a name that the notebook does not have; here it is an error.
    """
    if not notebook.is_file():
        known = ", ".join(sorted(p.name for p in NOTEBOOKS.glob("*.ipynb")))
        raise NotebookError(f"no notebook {_shown(notebook)}; there are {known}")
    defaults = {
        name: ast.literal_eval(found["default"])
        for name, found in papermill.inspect_notebook(str(notebook)).items()
    }
    if unknown := sorted(given.keys() - defaults.keys()):
        raise NotebookError(
            f"{_shown(notebook)} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(defaults) or 'none'}"
        )
    return {name: _typed(name, value, defaults[name]) for name, value in given.items()}


def _typed(name: str, value: object, default: object) -> object:
    if isinstance(value, str) and not isinstance(default, str):
        try:
            value = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            pass  # it stays a string, and is refused below
    if default is not None and type(value) is not type(default):
        raise NotebookError(
            f"parameter {name}: {value!r} is not of type {type(default).__name__} "
            f"like its default, {default!r}"
        )
    return value


def _raise_unfinished(executed: nbformat.NotebookNode, notebook: Path) -> None:
    """papermill takes sys.exit(0) for success, although the cells after it have not run."""
    left = [c for c in executed.cells if c.cell_type == "code" and c.source.strip()
            and c.metadata.get("papermill", {}).get("status") != "completed"]  # fmt: skip
    exits = [o for c in executed.cells for o in c.get("outputs", ()) if o.output_type == "error"]
    if left or exits:
        raise NotebookError(f"{_shown(notebook)} stopped before its last cell (sys.exit?)")


@contextmanager
def _own_gpu() -> Iterator[dict[str, str]]:
    """The setting that gives one of the GPUs in RNNHA_GPUS to us alone; no GPUs, no setting."""
    gpus = os.environ.get("RNNHA_GPUS", "").split()
    paths = [Path(tempfile.gettempdir(), f"rnnha-{os.getuid()}-gpu-{gpu}.lock") for gpu in gpus]
    for gpu, path in zip(gpus, paths, strict=True):
        if lock := locked(path, wait=path is paths[-1]):
            with lock:
                yield {"CUDA_VISIBLE_DEVICES": gpu}
            return
    yield {}


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """What the kernel inherits. It starts in another folder, so all paths are absolute."""
    before = dict(os.environ)
    path = os.pathsep.join(filter(None, [str(ROOT), before.get("PYTHONPATH")]))
    os.environ.update(more, RNNHA_DATA=str(DATA), RNNHA_RESULTS=str(RESULTS), PYTHONPATH=path)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


class _Lines:
    """A stream that puts a label before each line, so that two runs side by side can be read."""

    def __init__(self, stream: TextIO, label: str):
        self.stream, self.label, self.rest, self.last = stream, label, "", ""

    def write(self, text: str) -> None:
        # A progress bar redraws itself with carriage returns: each new state becomes a line.
        *lines, self.rest = re.split(r"[\r\n]+", self.rest + text)
        for line in map(str.rstrip, lines):
            if line and line != self.last:
                self.stream.write(f"{self.label} | {line}\n")
                self.last = line

    def flush(self) -> None:
        self.stream.flush()


def _label(out: Path) -> str:
    """The run's name (data set/row/seed) for a notebook in a run's folder, else its own name."""
    runs = RESULTS / "runs"
    return str(out.parent.relative_to(runs)) if out.is_relative_to(runs) else out.stem


def _shown(path: Path) -> str:
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)


def report(results: Path = RESULTS) -> Path:
    """Export the executed notebooks of a results folder to `report/index.html`; return its path.

    Pages hold all they need and open without a network: images are embedded, equations are
    MathML, and widgets (which need scripts from elsewhere) say where to find them alive.
    """
    from rnnha.webpage import page_of  # takes a second, which no training should wait for

    folder = results / "report"
    chapters = [(page_of(p, folder / f"{p.stem}.html"), _title(p))
                for p in sorted((results / "notebooks").glob("[0-9]*.ipynb"))
                if not p.stem.endswith(FAILED)]  # fmt: skip
    runs = {}
    for path in sorted((results / "runs").glob("*/*/seed*/02_train.ipynb")):
        dataset, row, seed = path.relative_to(results / "runs").parts[:3]
        page = page_of(path, folder / "runs" / dataset / f"{row}-{seed}.html")
        runs.setdefault((dataset, row), []).append((page, seed))
    if not chapters and not runs:
        raise NotebookError(f"no executed notebooks in {_shown(results)}: `make reproduce` first")
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(_index(chapters, runs, folder), encoding="utf-8")
    return folder / "index.html"


def _title(notebook: Path) -> str:
    """The notebook's first heading."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# (.+)", cell.source, re.M)):
            return found[1]
    return notebook.stem


def _index(chapters: list, runs: dict, folder: Path) -> str:
    def link(page: Path, text: str) -> str:
        return f'<a href="{page.relative_to(folder).as_posix()}">{html.escape(text)}</a>'

    lines = [f"<li>{link(page, title)}</li>" for page, title in chapters]
    table = [
        f"<tr><td>{html.escape(dataset)}</td><td>{html.escape(row)}</td>"
        f"<td>{' '.join(link(page, seed) for page, seed in pages)}</td></tr>"
        for (dataset, row), pages in runs.items()
    ]
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>RNN-HA: report</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; }}
td {{ padding: .1rem 1.5rem .1rem 0; }}</style></head><body>
<h1>Coarse-to-fine vehicle re-identification: report</h1>
<ul>{"".join(lines)}</ul>
<h2>Every training run</h2>
<table>{"".join(table)}</table>
</body></html>
"""
