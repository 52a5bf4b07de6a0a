"""The deck in a browser: it opens from the disk, and the arrow keys lead through all of it."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import small_site
from rnnha.report.execute import NOTEBOOKS
from rnnha.report.slides import SIZE, deck

WINDOW = dict(zip(("width", "height"), SIZE, strict=True))


def as_a(kind: str, cell):
    cell.metadata["slideshow"] = {"slide_type": kind}
    return cell


@pytest.fixture(scope="module")
def opened(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    picture = new_output("display_data", {"image/png": small_site.picture()})
    cells = [
        as_a("slide", new_markdown_cell("# The first\n\nWhat it is about.")),
        as_a("skip", new_code_cell("secret = 1")),
        as_a("slide", new_markdown_cell("## The second\n\n$$x_1 = \\frac{1}{hw}\\sum X$$")),
        new_code_cell("draw()", outputs=[picture]),
        as_a("subslide", new_markdown_cell("Below it. [Not there](../docs/results.md)")),
        as_a("slide", new_markdown_cell("## The last")),
    ]
    nbformat.write(new_notebook(cells=cells), folder / "lesson.ipynb")
    return deck(folder / "lesson.ipynb", folder / "deck")


def test_arrow_keys_lead_through_all_slides(opened, visit, keep):
    page = visit(opened, WINDOW)
    page.wait_for_function("Reveal.isReady()")
    assert page.evaluate("Reveal.getTotalSlides()") == 4
    read = []
    for key in ("ArrowRight", "ArrowDown", "ArrowRight", None):
        slide = page.locator("section.present:not(.stack)")
        assert slide.is_visible()
        read.append(slide.inner_text().split("\n")[0])
        over = slide.evaluate("s => [s.scrollHeight - s.clientHeight, s.scrollWidth - innerWidth]")
        assert max(over) <= 0
        assert page.evaluate(
            "[...Reveal.getCurrentSlide().querySelectorAll('img')]"
            ".every(i => i.naturalWidth && i.getBoundingClientRect().bottom <= innerHeight)"
        )
        keep(page, f"slides-{len(read)}", full=False)
        if key:
            page.keyboard.press(key)
    assert read == ["The first", "The second", "Below it. Not there", "The last"]


def test_code_stays_out_and_equations_are_set(opened, visit):
    page = visit(opened, WINDOW)
    text = page.content()
    assert "secret" not in text and "draw()" not in text
    assert page.locator("math mfrac").count() == 1
    assert page.locator("img[alt*='The second']").count() == 1
    assert page.locator("a[href*='docs/results']").count() == 0


def test_the_lesson_says_which_cells_are_slides():
    """Made of pictures and text; the exercises and the settings stay in the notebook."""
    cells = nbformat.read(NOTEBOOKS / "00_coarse_to_fine.ipynb", 4).cells
    kinds = [cell.metadata.get("slideshow", {}).get("slide_type", "-") for cell in cells]
    assert kinds.count("slide") >= 8 and kinds[0] == "slide"
    for cell, kind in zip(cells, kinds, strict=True):
        if cell.source.startswith("**Exercise") or "parameters" in cell.metadata.get("tags", ()):
            assert kind == "skip"
