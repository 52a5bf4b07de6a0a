"""The report: one folder of pages that opens from the disk, and the same as one file to send.

Its first page has the question, the answer, the tables as numbers and as pictures, then all that
lies behind them: notebooks, runs, explorer. Numbers and sentences are those of `tables/` and
`figures/` of a results folder; nothing is computed here.
"""

import os
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, PackageLoader
from markupsafe import Markup, escape
from PIL import Image

from rnnha import paths
from rnnha.data.sets import SETS, TABLES
from rnnha.markdown import lowered
from rnnha.paths import atomic
from rnnha.report.captions import ABOVE, BELOW, BESIDE, FOLDED, FURTHER, OF_A_SET, about
from rnnha.report.chapters import tables_are_of_runs
from rnnha.report.clean import cleaned
from rnnha.report.execute import FAILED, NotebookError, shown
from rnnha.report.page import markdown, page_of, title_of
from rnnha.runs import folder as runs_folder
from rnnha.tables import answer, readme
from rnnha.tables.pages import HEADINGS

# Nothing runs, nothing is loaded but the pictures beside the page.
POLICY = (
    "default-src 'none'; img-src 'self' file: data:; style-src 'unsafe-inline'; "
    "base-uri 'none'; form-action 'none'"
)
EXPLORER = "explorer.html"
_TEMPLATES = Environment(
    loader=PackageLoader("rnnha.report"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)


@dataclass(frozen=True)
class Page:
    """A link of the first page."""

    address: str
    title: str


@dataclass
class Section:
    """A part of the first page: a body of HTML, pictures above and below it, further tables."""

    name: str
    short: str
    title: str
    body: Markup = Markup("")
    above: list[dict] = field(default_factory=list)
    below: list[dict] = field(default_factory=list)
    folded: list[dict] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)


def report(results: Path | None = None) -> Path:
    """Write the report of a results folder; return its first page, `index.html`.

    Beside the folder comes report.zip, the same to be sent. What an earlier report left in the
    folder goes. A results folder without tables shows the committed ones. Raises NotebookError
    where there is nothing to show.
    """
    results = results or paths.RESULTS
    site = _Site(paths.report_of(results))
    source = results if any((results / "tables").glob("*.md")) else paths.ROOT / "results"
    chapters, runs = site.chapters(results), site.runs(results)
    sections = site.sections(source)
    if not chapters and not runs and not sections:
        raise NotebookError(f"nothing to report in {shown(results)}: `make reproduce` first")
    _, said = _read(source / "tables" / answer.FILE)
    index = site.write(
        "index.html",
        "index.html.j2",
        title=answer.QUESTION,
        answer=said.split("\n\n") if said else [],
        of_others=_tables_are_of_others(results),
        sections=sections,
        explorer=site.explorer(site.folder.with_name(EXPLORER)),
        chapters=chapters,
        runs=runs.items(),
        synthetic=any(SETS[s.name].synthetic for s in sections if s.name in SETS),
    )
    site.prune()
    with atomic(site.folder.with_suffix(".zip")) as temporary:
        base = temporary.with_suffix("")
        shutil.make_archive(str(base), "zip", site.folder.parent, site.folder.name)
    return index


def _tables_are_of_others(results: Path) -> bool:
    """Whether there are finished runs, and the tables are not made of them as they are."""
    ran = any(run.complete for run in runs_folder.every(results / "runs"))
    return ran and results == paths.RESULTS and not tables_are_of_runs()


class _Site:
    """A folder that is being filled; what was not written by it goes at the end."""

    def __init__(self, folder: Path):
        self.folder, self.written = folder, set()

    def write(self, name: str, template: str, **context) -> Path:
        home = "../" * name.count("/") + "index.html"
        text = _TEMPLATES.get_template(template).render(policy=POLICY, home=home, **context)
        with atomic(self._new(name)) as temporary:
            temporary.write_text(text, encoding="utf-8", errors="replace")
        return self.folder / _portable(name)

    def copy(self, file: Path, name: str) -> str:
        with atomic(self._new(name)) as temporary:
            shutil.copyfile(file, temporary)
        return _address(name)

    def prune(self) -> None:
        """Take away files of an earlier report, and folders that are empty then."""
        for path in sorted(self.folder.rglob("*"), reverse=True):
            if path.is_dir():
                if not any(path.iterdir()):
                    path.rmdir()
            elif path not in self.written:
                path.unlink()

    def chapters(self, results: Path) -> list[Page]:
        found = sorted((results / "notebooks").glob("[0-9]*.ipynb"))
        return [
            self._notebook(p, f"notebooks/{p.stem}.html", title_of(p))
            for p in found
            if not p.stem.endswith(FAILED)
        ]

    def runs(self, results: Path) -> dict[tuple[str, str], list[Page]]:
        """The pages of the training runs, by data set and row."""
        found: dict[tuple[str, str], list[Page]] = {}
        for run in runs_folder.every(results / "runs"):
            if run.notebook.exists():
                name = f"runs/{run.dataset}/{run.slug}-seed{run.seed}.html"
                page = self._notebook(run.notebook, name, f"seed {run.seed}")
                found.setdefault((run.dataset, run.slug), []).append(page)
        return found

    def explorer(self, file: Path) -> str:
        """The explorer's address, where one was made beside the report; else empty."""
        return self.copy(file, EXPLORER) if file.is_file() else ""

    def sections(self, source: Path) -> list[Section]:
        """A part for each data set with a table, then those of the further tables."""
        tables, figures = source / "tables", source / "figures"
        files = sorted(tables.glob("*.md"), key=lambda file: file.stem)
        left = {file.stem: file for file in files if file.name != answer.FILE}
        found = []
        for name in (name for name in TABLES if name in left):
            part = Section(name, SETS[name].title, SETS[name].place)
            part.body = _html(readme.excerpt(left[name]), part.short)
            part.above = self._figures(figures, [f"{name}-{kind}" for kind in ABOVE])
            part.below = self._figures(figures, [f"{name}-{kind}" for kind in BELOW])
            part.folded = self._figures(figures, [f"{name}-{kind}" for kind in FOLDED])
            for kind, text in OF_A_SET.items():
                if stem := left.pop(f"{name}{kind}", None):
                    part.pages.append(self._table(stem, text))
            found.append(part)
        for stem, file in left.items():
            title, body = _read(file)
            name, _, kind = stem.rpartition("-")
            short = FURTHER.get(kind, title)
            if name in SETS:
                short = f"{short}, {SETS[name].title}"
            part = Section(stem, short, title, _html(lowered(body, 1), title))
            stems = [stem, *(f"{name}-{other}" for other in BESIDE.get(kind, ()))]
            part.above = self._figures(figures, stems, title)
            found.append(part)
        return found

    def _table(self, file: Path, text: str) -> Page:
        title, body = _read(file)
        name = f"tables/{file.stem}.html"
        self.write(name, "table.html.j2", title=title, body=_html(body, title))
        return Page(_address(name), text)

    def _figures(self, folder: Path, stems: Iterable[str], title: str = "") -> list[dict]:
        found = []
        for file in (folder / f"{stem}.png" for stem in stems):
            if file.is_file():
                with Image.open(file) as picture:
                    width, height = picture.size
                alt, caption = about(file.stem, title)
                found.append(
                    {
                        "kind": file.stem.rpartition("-")[2],
                        "address": self.copy(file, f"figures/{file.name}"),
                        "alt": alt,
                        "caption": caption,
                        "width": width,
                        "height": height,
                    }
                )
        return found

    def _notebook(self, notebook: Path, name: str, title: str) -> Page:
        page_of(notebook, self._new(name), "../" * name.count("/") + "index.html")
        return Page(_address(name), title)

    def _new(self, name: str) -> Path:
        path = self.folder / _portable(name)
        self.written.add(path)
        return path


def _portable(name: str) -> str:
    """A file's name that every system and a zip can hold, whatever data sets are called."""
    return quote(os.fsencode(name))


def _address(name: str) -> str:
    return quote(_portable(name))


def _read(file: Path) -> tuple[str, str]:
    """Title and body of a Markdown page; both empty where it is not there."""
    if not file.is_file():
        return "", ""
    title, _, body = file.read_text(encoding="utf-8").strip().partition("\n\n")
    return title.removeprefix("# "), body


_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)\s*")  # the report shows them itself
_BOX = '<div class="box" tabindex="0" role="region" aria-label="{}, table {}"><table>'


def _html(body: str, title: str) -> Markup:
    """Markdown of a table's page as HTML; each table in a box of its own, which scrolls."""
    html = cleaned(markdown(_PICTURE.sub("", body)))
    for heading in HEADINGS.values():
        html = html.replace(f"<td>{heading}</td>", f'<td class="block">{heading}</td>')
    parts = html.replace("</table>", "</table></div>").split("<table>")
    boxed = [_BOX.format(escape(title), i) + part for i, part in enumerate(parts[1:], start=1)]
    return Markup("".join([parts[0], *boxed]))
