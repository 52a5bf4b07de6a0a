"""How long the explorer takes for an answer, in a real browser and in the notebook's kernel.

    PYTHONPATH=. python bench/explorer.py [--write]

Needs Chromium. The page of the shipped network is made into a temporary folder and opened. A new
map: uniform, the true cues and its own again, of one image each of VEHICLES vehicles a set; the
page itself takes the time from the asking to the last change of what is shown. Another image: from
the choice until it stands there, by the clock of the script that drives the browser. In the kernel:
what Python answers to a widget that shows another image; what Jupyter adds, the test of the widget
prints. `--write` keeps the table in results/bench.
"""

import argparse
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from machine import keep, processor
from playwright.sync_api import Page, sync_playwright

from rnnha.data.sets import SETS
from rnnha.explorer import answers, page
from rnnha.explorer.sources import Source

VEHICLES = 20
MAPS = ("uniform", "true cues", "its own")
GOALS = {"a new map, in the page": 100, "another image, in the page": 100}
GOALS |= {"another image, in the kernel": 300}  # milliseconds
COLUMNS = ["what", "dataset", "answers", "median_ms", "most_ms", "goal_ms"]
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")

Times = dict[str, list[float]]  # milliseconds by GOALS


def in_page(opened: Page, dataset: str) -> Times:
    """Play with the explorer as a reader does."""
    found: Times = {"a new map, in the page": [], "another image, in the page": []}
    opened.get_by_label("Data set").select_option(dataset)
    opened.wait_for_selector(".panel:not([aria-busy])")
    vehicles = opened.get_by_label("Vehicle", exact=True)
    offered = vehicles.locator("option").evaluate_all("all => all.map(o => o.value)")
    for vehicle in offered[:VEHICLES]:
        began = time.perf_counter()
        vehicles.select_option(vehicle)
        opened.wait_for_selector(".panel:not([aria-busy])")
        found["another image, in the page"].append(1000 * (time.perf_counter() - began))
        for name in MAPS:
            button = opened.get_by_role("button", name=name)
            if button.is_enabled():  # where no cue is visible there is no map of the cues
                button.click()
                took = opened.locator(".panel").get_attribute("data-milliseconds")
                found["a new map, in the page"].append(float(took))
    return found


def in_kernel(dataset: str) -> Times:
    """What Python needs for another image, the first left out: it opens network and set."""
    source = Source(dataset, shipped=True)  # the shipped network
    took = []
    for place in range(VEHICLES + 1):
        began = time.perf_counter()
        answers.image(source, place)
        took.append(1000 * (time.perf_counter() - began))
    return {"another image, in the kernel": took[1:]}


def measured() -> Iterator[tuple[str, Times]]:
    """(data set, times), of the shipped sets."""
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        raise SystemExit(f"explorer.py: no browser ({', '.join(NAMES)}) is installed")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        file = Path(folder) / "explorer.html"
        page.save(file)
        chromium = playwright.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        opened = chromium.new_page()
        opened.goto(file.as_uri())
        opened.locator(".panel .found li").first.wait_for()
        for dataset in [name for name, each in SETS.items() if each.archives]:
            yield dataset, in_page(opened, dataset) | in_kernel(dataset)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep results/bench/explorer.csv")
    options = parser.parse_args()
    print(processor())
    rows = []
    for dataset, times in measured():
        for what, goal in GOALS.items():
            half, most = float(np.median(times[what])), max(times[what])
            row = (what, dataset, len(times[what]), half, most, goal)
            rows.append(dict(zip(COLUMNS, row, strict=True)))
            print(f"{what}, {dataset}: {half:.0f} ms, at most {most:.0f} (goal {goal})", flush=True)
    if options.write:
        keep(rows, COLUMNS, "explorer.csv", threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
