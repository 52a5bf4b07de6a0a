"""An executed notebook as one HTML page that needs no network."""

from pathlib import Path

import nbformat
from jinja2 import DictLoader
from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

from rnnha.paths import ROOT, atomic

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

    EMPTY = ("html_head_js_requirejs", "html_head_js_mathjax", "html_head_js_mermaidjs",
             "jupyter_widgets")  # fmt: skip
    TEMPLATE = "{% extends 'lab/index.html.j2' %}" + "".join(
        f"{{% block {name} %}}{{% endblock %}}" for name in EMPTY
    )

    def __init__(self):
        super().__init__(
            extra_loaders=[DictLoader({"offline.html.j2": self.TEMPLATE})],
            template_file="offline.html.j2", embed_images=True,
        )  # fmt: skip

    def default_filters(self):
        yield from super().default_filters()
        yield "markdown2html", lambda source: MarkdownWithMath(
            _Renderer(escape=False, embed_images=True, path=str(ROOT / "notebooks"))
        ).render(source)
