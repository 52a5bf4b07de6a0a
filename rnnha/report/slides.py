"""The lesson as slides, with its figures as files: a folder that opens without a network.

The deck is nbconvert's, of the executed notebook 00, whose cells say which of them are slides;
code stays out. reveal.js, which turns the pages, lies in the package (`assets/reveal.js`: two files
of dist/ of its npm release 6.0.2, unchanged) and goes along: nothing is fetched, whatever tools and
network a machine has.
"""

import shutil
from pathlib import Path

from jinja2 import DictLoader
from nbconvert import SlidesExporter

from rnnha import paths
from rnnha.data.sets import load
from rnnha.figures import teaching
from rnnha.paths import atomic
from rnnha.report.chapters import LESSON
from rnnha.report.execute import NOTEBOOKS, execute, read_notebook
from rnnha.report.page import FILTERS, TEMPLATES, describe_pictures, title_of

DATASET = "rendered-veri"
REVEAL = paths.ASSETS / "reveal.js"
SIZE = 1280, 720  # of a slide, in CSS pixels
_TEMPLATE, _THEME = TEMPLATES / "slides.html.j2", TEMPLATES / "slides.css"
# Where nbconvert's page looks for reveal.js and a theme, below the folder of the deck.
_PARTS = {
    REVEAL / "reveal.js": "reveal.js/dist/reveal.js",
    REVEAL / "reveal.css": "reveal.js/dist/reveal.css",
    REVEAL / "LICENSE": "reveal.js/LICENSE",
    _THEME: "reveal.js/dist/theme/rnnha.css",
}
LICENCE = """The figures and slides: Creative Commons Attribution 4.0 (CC BY 4.0),
https://creativecommons.org/licenses/by/4.0/

Use, change and share them, with this line:

    Rendered (synthetic) vehicles and figures: the rnnha authors, CC BY 4.0.
    The method: Wei, Zhang, Liu, Shen and Wu, ACCV 2018.

reveal.js, in the folder of its name, is MIT; its licence lies beside it.
"""


def slides(folder: Path, dataset: str = DATASET) -> Path:
    """Write figures/ (SVG, PNG), LICENSE.txt and the deck; return the deck, `index.html`.

    It executes the lesson. Raises DataError where the data set is not there, NotebookError where
    the lesson fails.
    """
    folder = Path(folder)
    for name, figure in teaching.drawn(load(dataset)):
        teaching.save(figure, folder / "figures", name)
    with atomic(folder / "LICENSE.txt") as temporary:
        temporary.write_text(LICENCE, encoding="utf-8")
    executed = folder.parent / "lesson" / f"{LESSON}.ipynb"  # not among what is handed on
    return deck(execute(NOTEBOOKS / executed.name, executed, {"dataset": dataset}), folder)


def deck(lesson: Path, folder: Path) -> Path:
    """Write the slides of an executed notebook, and reveal.js beside them; return the page."""
    for source, place in _PARTS.items():
        with atomic(folder / place) as temporary:
            shutil.copyfile(source, temporary)
    node = read_notebook(lesson)
    describe_pictures(node)
    text, _ = _Deck().from_notebook_node(node, resources={"metadata": {"name": title_of(lesson)}})
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(text, encoding="utf-8")
    return folder / "index.html"


class _Deck(SlidesExporter):
    """nbconvert's slides with reveal.js from beside the page, without all else that it loads."""

    def __init__(self):
        width, height = map(str, SIZE)
        super().__init__(
            extra_loaders=[DictLoader({_TEMPLATE.name: _TEMPLATE.read_text(encoding="utf-8")})],
            template_file=_TEMPLATE.name,
            sanitize_html=True,
            exclude_input=True,
            exclude_input_prompt=True,
            exclude_output_prompt=True,
            reveal_url_prefix="reveal.js",
            reveal_theme="rnnha",
            reveal_number="c/t",
            reveal_width=width,
            reveal_height=height,
        )

    def default_filters(self):
        yield from super().default_filters()
        yield from FILTERS.items()
