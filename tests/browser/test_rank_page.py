"""The page of `rnnha rank`, in a browser."""

import numpy as np
import pytest
from PIL import Image

from browsing import DESK, PHONE, barriers, sideways
from rnnha.figures.rank import save
from rnnha.runs.rank import rank


@pytest.fixture(scope="module")
def ranked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    for name in ("query", *(f"a-rather-long-name-of-a-picture-{i}" for i in range(6))):
        Image.fromarray(rng.integers(0, 255, (60, 80, 3), np.uint8)).save(folder / f"{name}.png")
    return save(rank(folder / "query.png", folder, count=5), folder / "out")[1]


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_is_accessible_and_asks_for_nothing(ranked, visit, keep, size, scheme):
    page = visit(ranked, size, color_scheme=scheme)
    assert page.locator("figure").count() == 6
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth)")
    assert sideways(page) == 0
    assert barriers(page) == []
    keep(page, f"rank-{size['width']}-{scheme}")
