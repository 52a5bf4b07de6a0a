"""The deck in a browser: it opens from the disk, and the arrow keys lead through all of it."""

import shutil
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import small_site
from browsing import barriers
from rnnha.report import slides
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


@pytest.fixture(scope="module")
def lessons(fresh, tmp_path_factory) -> Path:
    """What `rnnha slides` writes, of the lesson as it was executed for the report already."""
    executed = fresh / "notebooks" / "00_coarse_to_fine.ipynb"

    def execute(notebook: Path, out: Path, parameters: dict) -> Path:
        asked = nbformat.read(executed, 4).metadata.papermill
        assert (notebook, parameters) == (NOTEBOOKS / executed.name, asked.parameters)
        out.parent.mkdir(parents=True)
        return Path(shutil.copy(executed, out))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slides, "execute", execute)
        return slides.slides(tmp_path_factory.mktemp("lesson") / "slides")


# What sticks out of the slide that is shown, is cut off in a box of it or lies upon what stands
# above, and pictures that are shrunk so far that nobody reads them.
FAULTS = """() => {
  const slide = Reveal.getCurrentSlide(), frame = slide.getBoundingClientRect();
  const say = e => `${e.tagName} ${e.className}: ${e.innerText ?? ""}`.slice(0, 80);
  const all = [...slide.querySelectorAll("*")].filter(e => e.getBoundingClientRect().width);
  const out = all.filter(e => {
    const box = e.getBoundingClientRect();
    return box.left < frame.left - 1 || box.top < frame.top - 1
        || box.right > frame.right + 1 || box.bottom > frame.bottom + 1;
  });
  const cut = all.filter(e => {
    const { display, overflow } = getComputedStyle(e);
    return display !== "inline" && overflow !== "visible"
        && (e.scrollWidth > e.clientWidth + 1 || e.scrollHeight > e.clientHeight + 1);
  });
  const cells = [...slide.children].filter(e => e.getBoundingClientRect().height);
  const upon = cells.filter((e, i) => i && e.getBoundingClientRect().top
                                         < cells[i - 1].getBoundingClientRect().bottom - 1);
  const small = [...slide.querySelectorAll("img")].filter(
    i => !i.naturalWidth || i.clientWidth < 0.6 * i.naturalWidth
                         || i.clientHeight < 0.6 * i.naturalHeight);
  return { out: out.map(say), cut: cut.map(say), upon: upon.map(say), small: small.map(say) };
}"""


def test_every_slide_of_the_lesson_fits_its_frame(lessons, visit, keep):
    page = visit(lessons, WINDOW)
    page.wait_for_function("Reveal.isReady()")
    count = page.evaluate("Reveal.getTotalSlides()")
    pictures = 0
    for number in range(1, count + 1):
        assert page.locator(".slide-number").inner_text().split() == [f"{number}", "/", f"{count}"]
        found = page.evaluate(FAULTS)
        assert not any(found.values()), f"slide {number}: {found}"
        pictures += page.locator("section.present:not(.stack) img").count()
        keep(page, f"lesson-{number:02d}", full=False)
        page.keyboard.press("Space")
    assert count >= 12 and pictures >= 6
    assert page.evaluate("Reveal.isLastSlide()")


def test_the_lessons_slides_are_accessible(lessons, visit):
    page = visit(lessons, WINDOW)
    page.wait_for_function("Reveal.isReady()")
    for _ in range(page.evaluate("Reveal.getTotalSlides()")):
        assert barriers(page, preload=False) == []
        page.keyboard.press("Space")


def test_the_lessons_figures_and_licences_are_handed_on_with_it(lessons):
    folder = lessons.parent
    drawn = {file.stem for file in (folder / "figures").iterdir()}
    assert {"models", "look-alikes", "cues", "weights", "nearest"} <= drawn
    for name in drawn:
        assert {f"{name}.png", f"{name}.svg"} <= {f.name for f in (folder / "figures").iterdir()}
    assert "CC BY 4.0" in (folder / "LICENSE.txt").read_text()
    assert (folder / "reveal.js/LICENSE").is_file() and not list(folder.rglob("*.ipynb"))
