"""Execute notebooks so that an unfinished one never looks done."""

import ast
import os
import re
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import nbformat
import nbformat.reader
import papermill
from filelock import FileLock, Timeout
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from papermill.exceptions import PapermillExecutionError

from rnnha import paths
from rnnha.paths import ROOT, alone, atomic
from rnnha.runs import folder

NOTEBOOKS = ROOT / "notebooks"
FAILED = ".failed"
STARTS = 3  # of a kernel: Jupyter may give two that start at once one port, and one of them dies


class NotebookError(RuntimeError):
    """A notebook cannot be executed as asked; the message says why and what to do."""


def execute(notebook: Path, out: Path, parameters: Mapping[str, object] | None = None) -> Path:
    """Execute `notebook` with this Python and write it to `out`, by rename, once it is whole.

    parameters: values for names of the notebook's cell tagged "parameters". A string takes the
    type of the default value there, so that a name like 007 stays a name. What the notebook
    prints appears on the terminal, each line with the name of the run. Raises NotebookError for
    a file that is no notebook, for an unknown or ill-typed parameter and for a notebook that
    fails; a failed one is kept beside `out` as <name>.failed.ipynb. Two calls with the same `out`
    wait for each other.
    """
    notebook, out = Path(notebook).resolve(), Path(out).expanduser().resolve()
    values = checked_parameters(notebook, parameters or {})
    if out.is_dir():
        raise NotebookError(f"{shown(out)} is a folder; name the file to write")
    failed = out.with_name(f"{out.stem}{FAILED}{out.suffix}")
    with alone(out, _label(out)), _own_gpu() as gpu, _environment(gpu), atomic(out) as temporary:
        try:
            executed = _executed(notebook, temporary, values, _label(out))
        except PapermillExecutionError as error:
            os.replace(temporary, failed)
            raise NotebookError(
                f"{shown(notebook)} failed: {error.ename}: {error.evalue}\n"
                f"The cell with the whole error is in {shown(failed)}."
            ) from None
        except RuntimeError as error:  # the kernel did not start, or was killed
            if temporary.exists():
                os.replace(temporary, failed)
            raise NotebookError(f"{shown(notebook)} stopped: {error}") from error
        _raise_unfinished(executed, notebook)
        failed.unlink(missing_ok=True)
    return out


def _executed(
    notebook: Path, out: Path, values: Mapping[str, object], label: str
) -> nbformat.NotebookNode:
    """As papermill does it; a kernel that dies before it has done anything is started again."""
    for left in reversed(range(STARTS)):
        try:
            return papermill.execute_notebook(
                str(notebook),
                str(out),
                values,
                kernel_name="python3",
                kernel_manager_class=_ThisPython,
                progress_bar=False,
                cwd=str(notebook.parent),
                extra_arguments=["--log-level=CRITICAL"],
                stdout_file=_Lines(sys.stdout, label),
                stderr_file=_Lines(sys.stderr, label),
                coalesce_streams=True,
            )
        except RuntimeError as error:
            if not left or not re.search("before replying|didn't respond", str(error)):
                raise
    raise AssertionError("the last start returns or raises")


def checked_parameters(notebook: Path, given: Mapping[str, object]) -> dict[str, object]:
    """The values for a notebook's parameters, in the types of their defaults.

    papermill only warns about a name that the notebook does not have; here it is an error.
    """
    if not notebook.is_file():
        known = ", ".join(sorted(p.name for p in NOTEBOOKS.glob("*.ipynb")))
        raise NotebookError(f"no notebook {shown(notebook)}; there are {known}")
    read_notebook(notebook)
    try:
        defaults = {
            name: ast.literal_eval(found["default"])
            for name, found in papermill.inspect_notebook(str(notebook)).items()
        }
    except (ValueError, SyntaxError) as error:  # no language, or a default that is computed
        raise NotebookError(f"{shown(notebook)}: its parameters cannot be read: {error}") from error
    if unknown := sorted(given.keys() - defaults.keys()):
        raise NotebookError(
            f"{shown(notebook)} has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(defaults) or 'none'}"
        )
    return {name: _typed(name, value, defaults[name]) for name, value in given.items()}


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """A notebook in format 4; NotebookError that names the file unless it is a whole, valid one."""
    try:
        found = nbformat.convert(nbformat.reader.reads(path.read_text(encoding="utf-8")), 4)
        nbformat.validate(found)
    except OSError as error:
        raise NotebookError(f"{shown(path)}: cannot be read ({error.strerror})") from error
    except Exception as error:  # of JSON that is no notebook nbformat raises whatever it trips over
        reason = str(error).partition("\n")[0][:200]
        raise NotebookError(
            f"{shown(path)} is no whole Jupyter notebook ({type(error).__name__}: {reason}); "
            "take it anew from where it came, or execute it again"
        ) from error
    return found


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


class _ThisPython(AsyncKernelManager):
    """Starts the kernel with the Python that runs us, whatever kernels are installed.

    Jupyter's folders may hold a `python3` of another Python; without any folder to look into,
    jupyter_client takes the spec that ipykernel writes for `sys.executable`.
    """

    def __init__(self, **settings: object):
        super().__init__(kernel_spec_manager=KernelSpecManager(kernel_dirs=[]), **settings)


def _raise_unfinished(executed: nbformat.NotebookNode, notebook: Path) -> None:
    """papermill takes sys.exit(0) for success, although the cells after it have not run."""
    left = [
        c
        for c in executed.cells
        if c.cell_type == "code"
        and c.source.strip()
        and c.metadata.get("papermill", {}).get("status") != "completed"
    ]
    exits = [o for c in executed.cells for o in c.get("outputs", ()) if o.output_type == "error"]
    if left or exits:
        raise NotebookError(f"{shown(notebook)} stopped before its last cell (sys.exit?)")


@contextmanager
def _own_gpu() -> Iterator[dict[str, str]]:
    """The setting that gives one of the GPUs in RNNHA_GPUS to us alone; no GPUs, no setting."""
    gpus = os.environ.get("RNNHA_GPUS", "").split()
    for gpu in gpus:
        lock = FileLock(Path(tempfile.gettempdir(), f"rnnha-{os.getuid()}-gpu-{gpu}.lock"))
        try:
            lock.acquire(blocking=gpu == gpus[-1])
        except Timeout:
            continue
        except (NotImplementedError, OSError) as error:
            raise NotebookError(
                f"{lock.lock_file}: a GPU cannot be locked there ({error}); set TMPDIR to a "
                "folder on a local disk, or unset RNNHA_GPUS and start one run at a time"
            ) from error
        try:
            yield {"CUDA_VISIBLE_DEVICES": gpu}
        finally:
            lock.release()
        return
    yield {}


@contextmanager
def _environment(more: Mapping[str, str]) -> Iterator[None]:
    """What the kernel inherits. It starts in another folder, so all paths are absolute."""
    before = dict(os.environ)
    path = os.pathsep.join(filter(None, [str(ROOT), before.get("PYTHONPATH")]))
    places = {"RNNHA_DATA": str(paths.DATA), "RNNHA_RESULTS": str(paths.RESULTS)}
    os.environ.update(more, PYTHONPATH=path, **places)
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
    runs = folder.own()
    return str(out.parent.relative_to(runs)) if out.is_relative_to(runs) else out.stem


def shown(path: Path) -> str:
    """A path for messages: from the project's folder, where it is in there."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
