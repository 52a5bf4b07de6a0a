"""The report: executed notebooks as HTML pages that need no network, and an index of them."""

import base64
import hashlib
import html
import mimetypes
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote, unquote

import nbconvert
from jinja2 import DictLoader, pass_context
from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import (
    InvalidNotebook,
    IPythonRenderer,
    MarkdownWithMath,
)

from rnnha import paths
from rnnha.paths import atomic
from rnnha.report import clean
from rnnha.report.execute import FAILED, NOTEBOOKS, NotebookError, read_notebook, shown
from rnnha.runs import folder as runs_folder

WIDGET = "application/vnd.jupyter.widget-view+json"
ACTING = ("application/javascript", "text/vnd.mermaid")  # the page shows what else there is
_POLICY = f'<meta http-equiv="Content-Security-Policy" content="{clean.POLICY}">'


def page_of(notebook: Path, page: Path) -> Path:
    """Write an executed notebook as an HTML page, unless the page is of just this notebook.

    The page says which content it was made of, so that no clock decides. Nothing in it acts: see
    `clean`. Raises NotebookError for a file that is no notebook.
    """
    node = read_notebook(notebook)
    mark = f"of-{_digest(notebook)}"
    if _holds(page, mark):
        return page
    node.metadata.pop("widgets", None)
    for cell in node.cells:
        for output in cell.get("outputs", ()):
            data = output.get("data", {})
            acting = [data.pop(kind) for kind in ACTING if kind in data]
            if acting and not data:
                data["text/plain"] = "[a script, not shown]"
            if WIDGET in data:
                output.data = {"text/markdown": "*Interactive in JupyterLab: `make lab`.*"}
    text, _ = _OfflineExporter(mark).from_notebook_node(
        node, resources={"metadata": {"name": notebook.stem}}
    )
    _write(page, text)
    return page


def _digest(notebook: Path) -> str:
    """SHA-256 of all that decides a page: the notebook, and the code that makes pages of it."""
    total = hashlib.sha256(nbconvert.__version__.encode())
    for file in (Path(__file__), Path(clean.__file__), notebook):
        total.update(file.read_bytes())
    return total.hexdigest()


def _holds(page: Path, mark: str) -> bool:
    try:
        with page.open("rb") as stream:
            return mark.encode() in stream.read(2000)  # it stands at the head
    except OSError:
        return False


def _write(page: Path, text: str) -> None:
    with atomic(page) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="replace")


class _Renderer(IPythonRenderer):
    """Markdown with equations as MathML, which browsers draw themselves, and with pictures."""

    def block_math(self, body: str) -> str:
        return _equation(body, "block")

    def inline_math(self, body: str) -> str:
        return _equation(body, "inline")

    def image(self, text: str, url: str, title: str | None = None) -> str:
        """A picture of the notebooks' folder or an attachment; any other becomes a note later."""
        try:
            return super().image(text or url, _embedded(url), title)
        except InvalidNotebook:  # no such attachment
            return super().image(text or url, "", title)


def _equation(body: str, display: str) -> str:
    """MathML, or the source of an equation that the converter does not know."""
    try:
        return mathml(body, display=display)
    except Exception:  # it has a dozen classes of its own, and trips over some input
        return f"<code>{html.escape(body)}</code>"


def _embedded(url: str) -> str:
    """A picture in the notebooks' folder as a data URL; other addresses as they are."""
    kind, _ = mimetypes.guess_type(url)
    try:
        file = (NOTEBOOKS / unquote(url)).resolve()
        if not (file.is_relative_to(NOTEBOOKS.resolve()) and str(kind).startswith("image/")):
            return url
        return f"data:{kind};base64,{base64.b64encode(file.read_bytes()).decode()}"
    except (OSError, ValueError):  # not there, or nothing that names a file
        return url


class _OfflineExporter(HTMLExporter):
    """nbconvert's page without what acts or is loaded: MathJax, require.js, mermaid, scripts.

    Each text is cleaned for itself, so that a tag left open in one swallows no other, and all of
    them once more together, with whatever else of a notebook the template puts into its page.
    mark: what the page says it was made of.
    """

    EMPTY = ("html_head_js_requirejs", "html_head_js_mathjax", "html_head_js_mermaidjs")
    HEAD = _POLICY + '<meta name="made" content="{{ resources.mark }}">'
    TEMPLATE = (
        "{% extends 'lab/index.html.j2' %}"
        f"{{% block html_head %}}{HEAD}{{{{ super() }}}}{{% endblock %}}"
        "{% block body_loop %}{{ super() | clean_html }}{% endblock %}"
    ) + "".join(f"{{% block {name} %}}{{% endblock %}}" for name in EMPTY)

    def __init__(self, mark: str):
        super().__init__(
            extra_loaders=[DictLoader({"offline.html.j2": self.TEMPLATE})],
            template_file="offline.html.j2",
            sanitize_html=True,
        )
        self.mark = mark

    def _init_resources(self, resources):
        return super()._init_resources(resources) | {"mark": self.mark}

    def default_filters(self):
        yield from super().default_filters()
        yield "clean_html", clean.cleaned  # nbconvert's own knows no pictures and no equations
        yield "markdown2html", _markdown


@pass_context
def _markdown(context: Mapping, source: str) -> str:
    attachments = context.get("cell", {}).get("attachments", {})
    return MarkdownWithMath(_Renderer(escape=False, attachments=attachments)).render(source)


def report(results: Path | None = None) -> Path:
    """Export the executed notebooks of a results folder to `report/index.html`; return its path.

    Pages hold all they need and open without a network: images are embedded, equations are
    MathML, and widgets (which need scripts from elsewhere) say where to find them alive.
    """
    results = results or paths.RESULTS
    folder = results / "report"
    chapters = [
        (page_of(p, folder / f"{p.stem}.html"), _title(p))
        for p in sorted((results / "notebooks").glob("[0-9]*.ipynb"))
        if not p.stem.endswith(FAILED)
    ]
    runs = {}
    for run in runs_folder.every(results / "runs"):
        if run.notebook.exists():
            name = f"{run.slug}-seed{run.seed}.html"
            page = page_of(run.notebook, folder / "runs" / run.dataset / name)
            runs.setdefault((run.dataset, run.slug), []).append((page, f"seed{run.seed}"))
    if not chapters and not runs:
        raise NotebookError(f"no executed notebooks in {shown(results)}: `make reproduce` first")
    _write(folder / "index.html", _index(chapters, runs, folder))
    return folder / "index.html"


def _title(notebook: Path) -> str:
    """The notebook's first heading."""
    for cell in read_notebook(notebook).cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# (.+)", cell.source, re.M)):
            return found[1]
    return notebook.stem


def _index(chapters: list, runs: dict, folder: Path) -> str:
    def link(page: Path, text: str) -> str:
        address = quote(os.fsencode(page.relative_to(folder).as_posix()))
        return f'<a href="{address}">{html.escape(text)}</a>'

    lines = [f"<li>{link(page, title)}</li>" for page, title in chapters]
    table = [
        f"<tr><td>{html.escape(dataset)}</td><td>{html.escape(row)}</td>"
        f"<td>{' '.join(link(page, seed) for page, seed in pages)}</td></tr>"
        for (dataset, row), pages in runs.items()
    ]
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8">{_POLICY}<title>RNN-HA: report</title>
<style>body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 50rem; margin: 3rem auto; }}
td {{ padding: .1rem 1.5rem .1rem 0; }}</style></head><body>
<h1>Coarse-to-fine vehicle re-identification: report</h1>
<ul>{"".join(lines)}</ul>
<h2>Every training run</h2>
<table>{"".join(table)}</table>
</body></html>
"""
