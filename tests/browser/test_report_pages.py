"""The report in a browser: every page at two sizes, light and dark, and as it is printed."""

from pathlib import Path

import pytest

import small_site
from browsing import DESK, PHONE, barriers, sideways
from rnnha.report.site import report

SCHEMES = ("light", "dark")


@pytest.fixture(scope="module")
def index(tmp_path_factory) -> Path:
    return report(small_site.results(tmp_path_factory.mktemp("results")))


def pages_of(index: Path) -> list[Path]:
    """One of each kind; the further ones are made alike."""
    return [
        index.parent / name
        for name in (
            "index.html",
            "notebooks/00_a.html",
            "runs/rendered-veri/rnn-ha-seed0.html",
            "tables/rendered-veri.html",
            "tables/rendered-vehicleid-exploratory.html",
        )
    ]


def luminance(page, what: str, colour: str) -> float:
    """Of an element's colour, 0 black to 1 white."""
    return page.evaluate(
        f"""getComputedStyle(document.querySelector({what!r})).{colour}
            .match(/[\\d.]+/g).slice(0, 3).reduce((sum, v) => sum + v / 765, 0)"""
    )


def misfits(page) -> list[str]:
    """What does not fit: pictures that are not there, and what sticks out of the window, unless a
    box scrolls it."""
    absent = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.src)"
    out = page.evaluate(
        """[...document.querySelectorAll('main *')].filter(e => {
             const box = e.getBoundingClientRect();
             if (!box.width || box.right <= innerWidth + 1) return false;
             for (let p = e.parentElement; p; p = p.parentElement)
               if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX)) return false;
             return true;
           }).map(e => e.tagName)"""
    )
    return page.evaluate(absent) + out + ["the page itself"] * (sideways(page) > 0)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_fits_and_shows_its_pictures(index, visit, keep, size):
    for file in pages_of(index):
        page = visit(file, size)
        assert misfits(page) == [], file
        keep(page, f"report-{file.stem}-{size['width']}")


def look_at(report: Path, name: str, view: tuple[dict, str], visit, keep) -> set[str]:
    """Every page of a report, as it must be; the addresses of those that were seen."""
    size, scheme = view
    files = sorted(report.rglob("*.html"))
    for file in files:
        page = visit(file, size, color_scheme=scheme)
        assert misfits(page) == [], file
        assert barriers(page) == [], file
        address = file.relative_to(report).with_suffix("")
        keep(page, f"{name}-{'-'.join(address.parts)}-{size['width']}")
        page.context.close()
    return {file.relative_to(report).as_posix() for file in files}


VIEWS = pytest.mark.parametrize("view", [(PHONE, "light"), (DESK, "dark")], ids=["phone", "desk"])


@VIEWS
def test_every_page_of_a_fresh_checkout_fits_and_is_accessible(fresh, visit, keep, view):
    """The committed results, and chapters as they are executed without runs."""
    seen = look_at(fresh / "report", "fresh", view, visit, keep)
    chapters = "00_coarse_to_fine", "01_explore_data", "04_table_vehicleid"
    tables = {"tables/rendered-veri.html", "tables/rendered-vehicleid-exploratory.html"}
    assert {"index.html", *tables, *(f"notebooks/{name}.html" for name in chapters)} <= seen


@VIEWS
def test_every_page_of_a_run_of_the_whole_chain_fits_and_is_accessible(smoke, visit, keep, view):
    """Further chapters and trainings as papermill executed them, and their tables."""
    seen = look_at(smoke / "report", "smoke", view, visit, keep)
    chapters = "03_table_veri", "05_attention_maps"
    run = "runs/rendered-veri/rnn-ha-seed0.html"
    assert {run, *(f"notebooks/{name}.html" for name in chapters)} <= seen


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_page_is_accessible_and_follows_light_and_dark(index, visit, keep, scheme):
    for file in pages_of(index):
        page = visit(file, PHONE, color_scheme=scheme)
        ground, ink = luminance(page, "body", "backgroundColor"), luminance(page, "h1", "color")
        assert (ground < 0.2 and ink > 0.6) if scheme == "dark" else (ground > 0.8 and ink < 0.4)
        assert barriers(page) == [], file
        keep(page, f"report-{file.stem}-{scheme}")


def test_a_wide_table_scrolls_in_its_box(index, visit):
    page = visit(index.parent / "notebooks/00_a.html", PHONE)
    box = page.locator("div:has(> div > table.dataframe), div:has(> table.dataframe)").first
    assert box.evaluate("e => e.scrollWidth > e.clientWidth")


@pytest.mark.parametrize("scheme", SCHEMES)
def test_on_paper_it_is_black_on_white_without_navigation_and_whole(index, visit, keep, scheme):
    for file in pages_of(index)[:4]:
        page = visit(file, {"width": 720, "height": 1000}, color_scheme=scheme)
        page.emulate_media(media="print", color_scheme=scheme)
        assert page.locator("nav").is_hidden()
        assert luminance(page, "body", "backgroundColor") > 0.95
        assert luminance(page, "h1", "color") < 0.2
        keep(page, f"report-{file.stem}-print-{scheme}")
    page = visit(index, {"width": 720, "height": 1000})
    page.emulate_media(media="print")
    cut = page.evaluate(
        "[...document.querySelectorAll('.box')].filter(b => b.scrollWidth > b.clientWidth + 1)"
        ".length"
    )
    assert cut == 0
    folded = page.locator("details img")
    assert folded.count() > 1 and folded.first.bounding_box()["height"] > 100, "opened on paper"


def test_one_walks_there_and_back(index, visit):
    page = visit(index)
    page.get_by_role("link", name="The first chapter").click()
    assert page.get_by_role("heading", level=1).inner_text().startswith("The first chapter")
    page.get_by_role("link", name="Report").click()
    page.get_by_role("link", name="Explorer", exact=True).click()
    assert page.url.endswith("explorer.html")
