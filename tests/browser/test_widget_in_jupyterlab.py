"""The explorer as a widget in a JupyterLab that was started for it, moved by keyboard."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request

import nbformat
import pytest

from rnnha.explorer import answers, sources
from rnnha.explorer.sources import Source
from rnnha.paths import ROOT
from small_explorer import VERI, small

LAST = "05_attention_maps.ipynb"
CODE = """\
from pathlib import Path
from small_explorer import small
few = small(Path("no-runs"))
few.__enter__()
from rnnha.explorer.widget import Explorer
Explorer()"""
SETTINGS = (
    "--no-browser",
    "--ServerApp.ip=127.0.0.1",
    "--IdentityProvider.token=",
    "--ServerApp.password=",
    "--ServerApp.allow_root=True",
    "--LabApp.extension_manager=readonly",
    "--LabApp.news_url=",
    "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
)


@pytest.fixture(scope="module")
def lab(browser, rendered, tmp_path_factory):
    """The address of a JupyterLab with notebook 05, and one that shows few vehicles' explorer."""
    folder = tmp_path_factory.mktemp("lab")
    cells = [nbformat.v4.new_code_cell(CODE)]
    cells += [nbformat.v4.new_markdown_cell(f"paragraph {i}\n\n" * 8) for i in range(8)]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    notebook = nbformat.v4.new_notebook(cells=cells, metadata=kernel)
    nbformat.write(notebook, folder / "explorer.ipynb")
    shutil.copyfile(ROOT / "notebooks" / LAST, folder / LAST)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    rooms = {f"JUPYTER_{name}_DIR": str(folder / name) for name in ("CONFIG", "DATA", "RUNTIME")}
    rooms["JUPYTERLAB_SETTINGS_DIR"] = rooms["JUPYTERLAB_WORKSPACES_DIR"] = str(folder / "lab")
    path = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    place = [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}"]
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *SETTINGS, *place],
            env=os.environ | rooms | {"PYTHONPATH": path, "RNNHA_RESULTS": str(folder / "none")},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            wait_for(f"{address}/api", server, folder / "log")
            yield address
        finally:
            server.terminate()
            server.wait(20)


def wait_for(address: str, server: subprocess.Popen, log) -> None:
    for _ in range(240):
        assert server.poll() is None, log.read_text()[-3000:]
        try:
            return urllib.request.urlopen(address, timeout=5).close()
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text()[-3000:]}")


def test_the_widget_is_played_by_keyboard(lab, browser, keep, capsys, tmp_path):
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(40_000)
    page.goto(f"{lab}/lab/tree/explorer.ipynb")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()  # before, a cell is not run
    page.locator(".jp-Notebook .cm-content").first.click()
    page.keyboard.press("Shift+Enter")
    found, trouble = ".rnnha-explorer .found li", ".jp-OutputArea [data-mime-type*=stderr]"
    page.locator(f"{found}, {trouble}").first.wait_for()
    assert page.locator(found).count(), page.locator(trouble).all_inner_texts()
    keep(page, "widget", full=False)

    listed = "[...document.querySelectorAll('.found li')].map(n => +n.dataset.place)"

    def places():
        return page.evaluate(listed)

    with small(tmp_path):
        seen = sources.seen(Source(VERI, shipped=True))
        start = answers.index([Source(VERI, shipped=True)])["sets"][VERI]["start"]
        ranked = seen.nearest(seen.images.index[start], 12)
    own = [seen.position(name) for name in ranked.index]
    assert places() == own

    page.locator("[role=gridcell]").first.focus()
    still = "[document.querySelector('.jp-WindowedPanel-outer').scrollTop, "
    still += "document.querySelectorAll('.jp-Notebook-cell').length, "
    still += "[...document.querySelectorAll('.jp-Notebook-cell')].findIndex("
    still += "n => n.classList.contains('jp-mod-active'))]"
    before = page.evaluate(still)
    # Some of these would move among the notebook's cells, add or cut one, or run it.
    for key in ("ArrowDown", "ArrowDown", "ArrowRight", "a", "b", "x", "Enter", "+", "PageDown"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.cell") == "13"
    assert page.evaluate(still) == before
    assert page.locator(".note").inner_text().startswith("Your own attention")
    assert places() != own
    took = page.locator(".panel").get_attribute("data-milliseconds")

    page.get_by_role("button", name="its own").press("Enter")
    assert places() == own
    began = time.perf_counter()
    page.locator(".images input").nth(3).press("Space")
    page.wait_for_selector(".panel:not([aria-busy])")
    page.wait_for_function(f"JSON.stringify({own}) !== JSON.stringify({listed})")
    asked = 1000 * (time.perf_counter() - began)
    keep(page, "widget-played", full=False)
    with capsys.disabled():
        print(f"\nin JupyterLab a new map took {took} ms, another image {asked:.0f} ms")

    page.get_by_role("menuitem", name="Settings", exact=True).click()
    page.locator(".lm-Menu-item").filter(has_text="Theme").first.click()
    page.get_by_text("JupyterLab Dark", exact=True).click()
    page.wait_for_selector("body[data-jp-theme-light=false]", state="attached")
    light = "getComputedStyle(document.querySelector('.rnnha-explorer')).color"
    page.wait_for_function(f"{light} === 'rgb(232, 235, 238)'")  # as in the page's dark style
    page.wait_for_selector("#jupyterlab-splash", state="detached")  # shown while the theme changes
    keep(page, "widget-dark", full=False)
    context.close()


def test_notebook_05_runs_without_a_run_and_its_widget_moves(lab, browser, keep):
    """As a student opens it in a fresh clone: the shipped network, figures before the widget."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, reduced_motion="reduce")
    page = context.new_page()
    page.set_default_timeout(240_000)
    # In a workspace of its own: the other's tabs, opened again, would hold a widget, too.
    page.goto(f"{lab}/lab/workspaces/student/tree/{LAST}")
    page.get_by_text("Python 3 (ipykernel) | Idle").wait_for()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    found = page.locator(".rnnha-explorer .found li")
    # JupyterLab hides what is far from the window, and cells grow as their outputs come.
    to_the_end = "const n = document.querySelector('.jp-WindowedPanel-outer');"
    to_the_end += "n.scrollTop = n.scrollHeight;"
    shown = "document.querySelector('.rnnha-explorer .found li')?.offsetParent"
    page.wait_for_function(f"() => {{ {to_the_end} return {shown} }}", polling=500)
    assert not page.locator(".jp-OutputArea [data-mime-type*=stderr]").count()
    assert page.locator(".jp-OutputArea img").count()
    keep(page, "notebook-05", full=False)
    before = found.all_inner_texts()
    cell = page.locator(".rnnha-explorer [role=gridcell]").first
    cell.scroll_into_view_if_needed()
    cell.focus()
    for key in ("ArrowDown", "ArrowRight", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.cell") == "7"  # of 6 x 6
    assert page.locator(".note").inner_text().startswith("Your own attention")
    assert found.all_inner_texts() != before
    keep(page, "notebook-05-played", full=False)
    context.close()
