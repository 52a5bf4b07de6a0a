"""The report: executed notebooks as HTML pages that need no network, and an index of them."""

import html
import re
from pathlib import Path

import nbformat
from jinja2 import DictLoader
from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from rnnha import paths
from rnnha.paths import ROOT, atomic
from rnnha.report.execute import FAILED, NotebookError, shown
from rnnha.runs import folder as runs_folder

WIDGET = "application/vnd.jupyter.widget-view+json"


def page_of(notebook: Path, page: Path) -> Path:
    """Write an executed notebook as an HTML page, unless the page is newer; return its path."""
    if page.exists() and page.stat().st_mtime > notebook.stat().st_mtime:
        return page
    node = nbformat.read(notebook, as_version=4)
    for cell in node.cells:
        for output in cell.get("outputs", ()):
            if WIDGET in output.get("data", {}):
                output.data = {"text/markdown": "*Interactive in JupyterLab: `make lab`.*"}
    text, _ = _OfflineExporter().from_notebook_node(
        node, resources={"metadata": {"name": notebook.stem}}
    )
    with atomic(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


class _Renderer(IPythonRenderer):
    """Markdown with equations as MathML, which browsers draw themselves."""

    def block_math(self, body: str) -> str:
        return mathml(body, display="block")

    def inline_math(self, body: str) -> str:
        return mathml(body)


class _OfflineExporter(HTMLExporter):
    """nbconvert's page without what it would load: MathJax, require.js, mermaid, widgets."""

    EMPTY = (
        "html_head_js_requirejs",
        "html_head_js_mathjax",
        "html_head_js_mermaidjs",
        "jupyter_widgets",
    )
    TEMPLATE = "{% extends 'lab/index.html.j2' %}" + "".join(
        f"{{% block {name} %}}{{% endblock %}}" for name in EMPTY
    )

    def __init__(self):
        super().__init__(
            extra_loaders=[DictLoader({"offline.html.j2": self.TEMPLATE})],
            template_file="offline.html.j2",
            embed_images=True,
        )

    def default_filters(self):
        yield from super().default_filters()
        yield (
            "markdown2html",
            lambda source: MarkdownWithMath(
                _Renderer(escape=False, embed_images=True, path=str(ROOT / "notebooks"))
            ).render(source),
        )


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
