"""Overlays show the pixels they should, and figures the images they were given."""

import numpy as np
import pytest
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.text import Text

from rnnha.figures import maps

IMAGE = np.random.default_rng(0).integers(0, 256, (40, 60, 3)).astype(np.uint8)
CORNER = np.array([[0.0, 0.0], [0.0, 1.0]])


def pictures(figure):
    return [ax for ax in figure.axes if ax.images]


def test_overlay_leaves_the_image_where_the_map_is_zero_or_the_strength_is():
    assert (maps.overlay(IMAGE, CORNER, 0.0) == IMAGE).all()
    assert (maps.overlay(IMAGE, np.zeros((3, 3)), 1.0) == IMAGE).all()
    changed = (maps.overlay(IMAGE, CORNER, 1.0) != IMAGE).any(axis=2)
    assert not changed[:10].any() and not changed[:, :15].any()  # cells are bilinearly enlarged
    assert changed[30:, 45:].all()


def test_overlay_covers_the_hottest_place_with_one_colour_and_a_uniform_map_all_places():
    covered = maps.overlay(IMAGE, CORNER, 1.0)
    assert len(np.unique(covered[31:, 46:].reshape(-1, 3), axis=0)) == 1
    scaled = maps.overlay(IMAGE, CORNER / 36, 1.0)  # maps of sum 1 look like maps of maximum 1
    assert np.abs(covered.astype(int) - scaled).max() <= 1
    black = maps.overlay(np.zeros_like(IMAGE), np.full((6, 6), 1 / 36), 1.0)
    assert len(np.unique(black.reshape(-1, 3), axis=0)) == 1
    # ... in the colour of the scale's middle: it has no place that is hotter than the others.
    assert np.abs(black[0, 0] - 0.5 * 255 * np.array(colormaps["inferno"](0.5)[:3])).max() <= 1


def test_overlay_enlarges_between_the_centres_of_cells():
    # Two cells over four pixels: centres at 1 and 3, so pixels at .5, 1.5, 2.5, 3.5 get 0, 1/4,
    # 3/4, 1; on black each shows that share of the colour for that share.
    shown = maps.overlay(np.zeros((2, 4, 3), np.uint8), np.array([[0.0, 1.0]]), 1.0)
    shares = np.array([0, 0.25, 0.75, 1])
    expected = shares[:, None] * 255 * colormaps["inferno"](shares)[:, :3]
    assert np.abs(shown - expected[None]).max() <= 0.51


@pytest.mark.parametrize(
    ("image", "heat", "strength", "message"),
    [
        (IMAGE.astype(float), CORNER, 0.5, "uint8"),
        (IMAGE, np.full((2, 2), np.nan), 0.5, "finite"),
        (IMAGE, -CORNER, 0.5, "not negative"),
        (IMAGE, CORNER[0], 0.5, "h, w"),
        (IMAGE, CORNER, 1.5, "strength"),
    ],
)
def test_overlay_refuses_what_is_not_an_image_or_a_map(image, heat, strength, message):
    with pytest.raises(ValueError, match=message):
        maps.overlay(image, heat, strength)


def test_mask_overlay_tints_the_mask_and_greys_the_rest():
    mask = np.zeros((40, 60), bool)
    mask[5:9, 20:30] = True
    shown = maps.mask_overlay(IMAGE, mask).astype(int)
    coloured = np.ptp(shown, axis=2) > 0
    assert coloured[mask].all() and not coloured[~mask].any()
    with pytest.raises(ValueError, match="does not fit"):
        maps.mask_overlay(IMAGE, mask[:-1])


def test_attention_grid_has_a_row_for_each_thing_shown():
    masks = [np.zeros((40, 60), bool)] * 4
    plain = maps.attention_grid([IMAGE] * 4, [CORNER] * 4, titles="abcd", columns=3)
    full = maps.attention_grid([IMAGE] * 4, [CORNER] * 4, cams=[CORNER] * 4, masks=masks)
    assert len(pictures(plain)) == 8 and len(pictures(full)) == 16
    assert [ax.get_title() for ax in plain.axes if ax.get_title()] == list("abcd")
    assert (pictures(plain)[0].images[0].get_array() == IMAGE).all()
    with pytest.raises(ValueError):
        maps.attention_grid([IMAGE] * 4, [CORNER] * 3)


def test_searches_mark_right_and_wrong_in_order_a_row_each():
    captions = ["a", "b\nb", "c"]
    found = [
        maps.Search(name, [IMAGE] * 3, right, captions)
        for name, right in {"coarse": [False] * 3, "fine": [True, False, True]}.items()
    ]
    axes = maps.retrieval(IMAGE, found).axes
    assert [ax.get_title() for ax in axes[:4]] == ["query", "1 ✗", "2 ✗", "3 ✗"]
    assert [ax.get_title() for ax in axes[4:]] == ["query", "1 ✓", "2 ✗", "3 ✓"]
    assert [axes[0].get_ylabel(), axes[4].get_ylabel()] == ["coarse", "fine"]
    frames = [ax.spines["left"].get_edgecolor() for ax in axes[4:]]
    assert same_color(frames[1], frames[3]) and not same_color(frames[1], frames[2])


def test_pair_figure_shows_both_images_both_maps_and_the_text():
    figure = maps.pair_figure(IMAGE, CORNER, IMAGE, CORNER.T, "similarity 0.8")
    assert len(pictures(figure)) == 4 and figure.get_suptitle() == "similarity 0.8"


def test_what_a_comparison_says_fits_into_its_figure():
    said = "more alike than 100% of the 1,234,567 pairs of two vehicles of one model and paint, and"
    tall = np.zeros((300, 100, 3), np.uint8)
    figure = maps.pair_figure(tall, CORNER, tall, CORNER, f"{said}\n{said}\n{said}\n{said}")
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    box = figure.findobj(lambda a: isinstance(a, Text) and a.get_text().startswith(said))[0]
    extent = box.get_window_extent(canvas.get_renderer())
    assert 0 <= extent.x0 and extent.x1 <= figure.bbox.width and extent.y1 <= figure.bbox.height
