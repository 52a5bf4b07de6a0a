"""What the browser tests ask of every page."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 800}


def sideways(page: Page) -> int:
    """By how many pixels the page can be scrolled sideways: 0 where it fits its window."""
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def barriers(page: Page, preload: bool = True) -> list[str]:
    """What axe-core finds that keeps people out: rule, and the elements it is about.

    preload: whether axe-core reads style sheets beside the page for itself, which a page that was
    opened from the disk may not.
    """
    found = Axe().run(page, options={"preload": preload}).response["violations"]
    return [
        f"{v['id']}: {v['help']} ({'; '.join(str(n['target']) for n in v['nodes'][:3])})"
        for v in found
    ]
