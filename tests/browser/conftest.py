"""A real browser for the tests of the pages: Chromium as the system has it, driven by Playwright.

Skipped without a Chromium, unless RNNHA_REQUIRE_BROWSER is set, as `.ci/run` does. Screenshots
stay in build/screenshots, to be looked at.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

import smoke_run
from browsing import DESK
from rnnha.paths import ROOT

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# Nothing of the browser's own asks the network, so that each request that is seen is the page's.
QUIET = "--no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync".split()
QUIET += ["--disable-background-networking", "--disable-component-update"]
OWN = ("file:", "data:", "blob:")
SCREENSHOTS = ROOT / "build" / "screenshots"


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        missing = f"no browser ({', '.join(NAMES)}) is installed"
        (pytest.fail if "RNNHA_REQUIRE_BROWSER" in os.environ else pytest.skip)(missing)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found, args=QUIET)
        yield chromium
        chromium.close()


@pytest.fixture
def visit(browser) -> Iterator[Callable[..., Page]]:
    """Open a file in a window of a size; what went wrong there is asserted when the test ends:
    no error on the console or in a script, and no request but for files of this machine."""
    opened, wrong = [], []

    def visit(file: Path, size: dict = DESK, **settings) -> Page:
        context = browser.new_context(viewport=size, **settings)
        opened.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"{file.name}: {error}"))
        page.on("console", lambda m: m.type == "error" and wrong.append(f"{file.name}: {m.text}"))
        page.on(
            "request",
            lambda r: r.url.startswith(OWN) or wrong.append(f"{file.name} asks for {r.url}"),
        )
        page.goto(file.resolve().as_uri())
        return page

    yield visit
    for context in opened:
        context.close()
    assert not wrong


@pytest.fixture
def keep() -> Callable[[Page, str], None]:
    """Keep a screenshot of a page, to be looked at."""

    def keep(page: Page, name: str, full: bool = True) -> None:
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full)

    return keep


@pytest.fixture(scope="session")
def fresh(rendered, tmp_path_factory) -> Path:
    """The results folder of `make notebooks` in a checkout without runs: its report has the
    committed tables, and the chapters that `make smoke` leaves out, executed."""
    folder = tmp_path_factory.mktemp("fresh")
    left_out = "00_coarse_to_fine 01_explore_data 04_table_vehicleid"
    done = subprocess.run(
        ["make", f"PYTHON={sys.executable}", "notebooks", f"CHAPTERS={left_out}"],
        cwd=ROOT,
        env=smoke_run.environment(RNNHA_RESULTS=str(folder)),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return folder
