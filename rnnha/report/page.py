"""Executed notebooks as HTML pages that need no network."""

import base64
import hashlib
import html
import mimetypes
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

import nbconvert
import nbformat
from jinja2 import DictLoader, pass_context
from latex2mathml.converter import convert as mathml
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import (
    InvalidNotebook,
    IPythonRenderer,
    MarkdownWithMath,
)

from rnnha.paths import atomic
from rnnha.report import clean
from rnnha.report.execute import NOTEBOOKS, read_notebook

WIDGET = "application/vnd.jupyter.widget-view+json"
ACTING = ("application/javascript", "text/vnd.mermaid")  # the page shows what else there is
RESULTS = "../docs/results.md"  # links to it lead to the report's first page, which has them
TEMPLATES = Path(__file__).with_name("templates")
_TEMPLATE, _STYLE = TEMPLATES / "notebook.html.j2", TEMPLATES / "notebook.css"


def page_of(notebook: Path, page: Path, home: str = "") -> Path:
    """Write an executed notebook as an HTML page, unless the page is of just this notebook.
    home: address of the page that it leads back to.

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
    describe_pictures(node)
    text, _ = _OfflineExporter(mark, home).from_notebook_node(
        node, resources={"metadata": {"name": title_of(notebook)}}
    )
    _write(page, text)
    return page


def _digest(notebook: Path) -> str:
    """SHA-256 of all that decides a page: the notebook, and the code that makes pages of it."""
    total = hashlib.sha256(nbconvert.__version__.encode())
    for file in (Path(__file__), Path(clean.__file__), _TEMPLATE, _STYLE, notebook):
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
    mark: what the page says it was made of. home: the address of the page to go back to.
    """

    def __init__(self, mark: str, home: str):
        super().__init__(
            extra_loaders=[DictLoader({_TEMPLATE.name: _TEMPLATE.read_text(encoding="utf-8")})],
            template_file=_TEMPLATE.name,
            sanitize_html=True,
        )
        self.mark, self.home = mark, home

    def _init_resources(self, resources):
        style = _STYLE.read_text(encoding="utf-8")
        own = {"mark": self.mark, "home": self.home, "policy": clean.POLICY, "style": style}
        return super()._init_resources(resources) | own

    def default_filters(self):
        yield from super().default_filters()
        yield from FILTERS.items()


def describe_pictures(node: nbformat.NotebookNode) -> None:
    """Note in each code cell what its pictures are, for those who cannot see them: the heading
    they stand under, and what the text before them says first."""
    heading, text = "", ""
    for cell in node.cells:
        if cell.cell_type == "markdown":
            found = re.search(r"^#+ (.+)", cell.source, re.M)
            heading = found[1] if found else heading
            text = _first_sentence(cell.source) or text
        elif cell.cell_type == "code":
            cell.metadata["alt"] = ". ".join(filter(None, ["Picture", heading, text]))


def _first_sentence(source: str) -> str:
    plain = re.sub(r"^(?:#|\||\$\$).*$", "", source, flags=re.M)
    plain = " ".join(re.sub(r"[*`$\\]|\]\([^)]*\)|\[", "", plain).split())
    return re.split(r"(?<=[.?!:]) ", plain)[0]


def with_alt(html_of_picture: str, cell: Mapping) -> str:
    """A picture's HTML with the alternative text that its cell has noted."""
    text = html.escape(str(cell["metadata"].get("alt", "Picture")))
    return str(html_of_picture).replace("<img ", f'<img alt="{text}" ')


@pass_context
def notebook_markdown(context: Mapping, source: str) -> str:
    attachments = context.get("cell", {}).get("attachments", {})
    if home := context.get("resources", {}).get("home"):
        source = source.replace(f"]({RESULTS})", f"]({home})")
    return markdown(source, attachments)


def markdown(source: str, attachments: Mapping | None = None) -> str:
    """Markdown as HTML, not cleaned yet; attachments: pictures that it names."""
    renderer = _Renderer(escape=False, attachments=attachments or {})
    return MarkdownWithMath(renderer).render(source)


def title_of(notebook: Path) -> str:
    """The notebook's first heading."""
    for cell in read_notebook(notebook).cells:
        if cell.cell_type == "markdown" and (found := re.search(r"^# (.+)", cell.source, re.M)):
            return found[1]
    return notebook.stem


def reachable(text: str) -> str:
    """Cleaned HTML in which boxes that may scroll are reached by keys, and no heading is empty."""
    return headed(
        text.replace(
            '<div class="jp-RenderedHTMLCommon', '<div tabindex="0" class="jp-RenderedHTMLCommon'
        )
    )


def headed(text: str) -> str:
    """Cleaned HTML without the empty headings that pandas gives tables: they are plain cells."""
    return re.sub(r"<th\b([^>]*)></th>", r"<td\1></td>", text)


# What templates take in place of nbconvert's, which knows no pictures and no equations.
FILTERS = {
    "clean_html": clean.cleaned,
    "markdown2html": notebook_markdown,
    "with_alt": with_alt,
    "reachable": reachable,
    "headed": headed,
}
