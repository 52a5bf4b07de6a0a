"""The explorer's page in a browser: what it shows, what it computes, by mouse and by keyboard."""

import json
import re

import numpy as np
import pytest
import torch

from browsing import DESK, PHONE, barriers, sideways
from rnnha.explorer import page as explorer
from rnnha.explorer import sources
from rnnha.explorer.sources import Source
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.scoring.attention import mask_grid
from rnnha.scoring.ranking import unit
from rnnha.scoring.swap import distribution
from small_explorer import VEHICLEID, VERI, small, write_run

BEAMER = {"width": 1920, "height": 1080}


@pytest.fixture(scope="module")
def made(rendered, tmp_path_factory):
    """The page of a few vehicles, and what the network made of those of Rendered-VeRi."""
    with small(tmp_path_factory.mktemp("results")):
        for slug in ("fc-ha", "identity-only"):
            write_run(slug)
        file = tmp_path_factory.mktemp("explorer") / "explorer.html"
        assert explorer.save(file, vehicles=6, images=2) == []
        yield file, {name: sources.seen(Source(name, shipped=True)) for name in (VERI, VEHICLEID)}


@pytest.fixture
def opened(made, visit):
    def opened(size=DESK, **settings):
        page = visit(made[0], size, reduced_motion="reduce", **settings)
        page.wait_for_selector(".found li")
        return page

    return opened


def shown(page, panel=0):
    """Places and distances of the images that are listed, and the ranks of all right ones."""
    node = page.locator(".panel").nth(panel)
    found = node.locator(".found li").evaluate_all(
        "nodes => nodes.map(n => [+n.dataset.place, +n.innerText.match(/d (\\d\\.\\d+)/)[1]])"
    )
    places, distances = zip(*found, strict=True)
    ranks = re.search(r"rank ([\d, ]+)", node.locator(".strip p").inner_text())[1]
    return list(places), list(distances), [int(rank) for rank in ranks.split(",")]


def place_of(page, panel=0):
    return int(page.locator(".panel").nth(panel).locator(".images :checked").get_attribute("value"))


def expected(ranked, seen):
    """`Outcome.nearest`, as `shown` gives it."""
    first = ranked.head(12)
    return (
        [seen.position(name) for name in first.index],
        first["distance"].round(2).tolist(),
        (np.flatnonzero(ranked["right"]) + 1).tolist(),
    )


def equal(found, wanted):
    assert found[0] == wanted[0] and found[2] == wanted[2]
    np.testing.assert_allclose(found[1], wanted[1], atol=0.011)


def nearest_with(seen, place, attention, source=None):
    """Whom the image finds with another map, by the network itself."""
    name = seen.images.index[place]
    model, size = sources.network(source or Source(seen.benchmark.name, shipped=True))
    image = normalise(Images([seen.images["path"].iloc[place]], size).stack([0]))
    with torch.no_grad():
        o2 = model(image, attention=torch.tensor(attention[None], dtype=torch.float32)).o2
    ranked = seen.nearest(name, len(seen.images))
    own = seen.vectors["o2"][[seen.position(other) for other in ranked.index]]
    distance = np.linalg.norm(own - unit(o2.numpy()), axis=1)
    return ranked.assign(distance=distance).sort_values("distance", kind="stable")


@pytest.mark.parametrize("size", [PHONE, DESK, BEAMER], ids=["phone", "desk", "beamer"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_is_accessible_and_asks_for_nothing(opened, keep, size, scheme):
    page = opened(size, color_scheme=scheme)
    said = page.locator(".provenance").inner_text()
    assert "Rendered-VeRi (rendered, synthetic). RNN-HA, seed 0 (shipped), trained on" in said
    assert sideways(page) == 0 and barriers(page) == []
    page.get_by_role("button", name="true cues").click()
    page.get_by_role("button", name="Second vehicle").click()
    page.locator(".panel").nth(1).locator(".found li").first.wait_for()
    page.locator(".panel").nth(1).locator("[data-cell='14']").click()
    page.wait_for_timeout(300)
    assert sideways(page) == 0 and barriers(page) == []
    keep(page, f"explorer-{size['width']}-{scheme}")


def test_nothing_is_cut_off_on_320_pixels(opened, keep):
    """As a phone's 1,280 pixels are at 400 % (WCAG 1.4.10)."""
    page = opened({"width": 320, "height": 640})
    cut = "nodes => nodes.filter(n => n.scrollWidth > n.clientWidth).map(n => n.innerText)"
    assert page.locator(".segments > div").evaluate_all(cut) == []
    assert sideways(page) == 0
    keep(page, "explorer-320")


def test_what_is_chosen_is_seen_where_the_system_sets_the_colours(opened, keep):
    """Windows' contrast themes: without a rule of ours chosen and not chosen look the same."""
    page = opened(forced_colors="active")

    def looks(selector: str) -> set[str]:
        colours = "[s.backgroundColor, s.color, s.borderColor]"
        one = f"n => {{ const s = getComputedStyle(n); return {colours}.join(); }}"
        return set(page.locator(selector).evaluate_all(f"nodes => nodes.map({one})"))

    for chosen, other in (
        (".segments :checked + span", ".segments :enabled:not(:checked) + span"),
        (".stops [aria-pressed=true]", ".stops [aria-pressed=false]"),
        (".images :checked + img", ".images :not(:checked) + img"),
        (".ranks .now", ".ranks .own"),
    ):
        first, second = looks(chosen), looks(other)
        assert len(first) == 1 and second and not first & second, chosen
    keep(page, "explorer-forced-colours")


@pytest.mark.parametrize("dataset", [VERI, VEHICLEID])
def test_its_own_attention_finds_whom_the_network_finds(opened, made, dataset):
    page, seen = opened(), made[1][dataset]
    page.get_by_label("Data set").select_option(dataset)
    page.wait_for_selector(".panel:not([aria-busy])")
    vehicles = page.get_by_label("Vehicle", exact=True)
    for vehicle in vehicles.locator("option").evaluate_all("all => all.map(o => o.value)"):
        vehicles.select_option(vehicle)
        for image in page.locator(".images label").all():
            image.click()
            page.wait_for_selector(".panel:not([aria-busy])")
            place = place_of(page)
            assert seen.images["vehicle_id"].iloc[place] == int(vehicle)
            ranked = seen.nearest(seen.images.index[place], len(seen.images))
            equal(shown(page), expected(ranked, seen))
            right = page.locator(".found li.right").count()
            assert right == ranked["right"].head(12).sum()


def test_o1_is_ranked_by_o1_and_attention_does_not_change_it(opened, made):
    page, seen = opened(), made[1][VERI]
    page.get_by_text("o1, coarse").click()
    name = seen.images.index[place_of(page)]
    wanted = expected(seen.nearest(name, len(seen.images), "o1"), seen)
    equal(shown(page), wanted)
    page.get_by_role("button", name="uniform").click()
    equal(shown(page), wanted)
    assert page.locator(".note").inner_text().endswith("its ranking does not change.")


def test_blending_computes_o2_anew(opened, made):
    page, seen = opened(), made[1][VERI]
    place = place_of(page)
    own = seen.maps["attention"][place]
    before = shown(page)
    slider = page.get_by_label("Attention", exact=True)
    slider.focus()
    page.keyboard.press("Home")
    even = np.full_like(own, 1 / own.size)
    equal(shown(page), expected(nearest_with(seen, place, even), seen))
    assert slider.get_attribute("aria-valuetext") == "uniform"
    assert shown(page) != before
    for _ in range(50):
        page.keyboard.press("ArrowRight")
    equal(shown(page), expected(nearest_with(seen, place, (own + even) / 2), seen))
    page.get_by_role("button", name="its own").click()
    assert shown(page) == before


def test_blending_to_the_true_cues(opened, made):
    page, seen = opened(), made[1][VERI]
    place = place_of(page)
    own = seen.maps["attention"][place]
    file = seen.benchmark.mask(seen.images["path"].iloc[place], "cues")
    cues = distribution(mask_grid([file], *own.shape))[0]
    slider = page.get_by_label("Attention", exact=True)
    slider.focus()
    page.keyboard.press("End")
    equal(shown(page), expected(nearest_with(seen, place, cues), seen))
    assert slider.get_attribute("aria-valuetext") == "true cues"
    for _ in range(50):
        page.keyboard.press("ArrowLeft")
    equal(shown(page), expected(nearest_with(seen, place, (own + cues) / 2), seen))


@pytest.mark.parametrize("layer", ["attention", "Grad-CAM"])
def test_after_a_cell_the_next_click_below_it_counts(opened, layer):
    """The text between them must not shrink under the pointer."""
    page = opened(PHONE)
    page.get_by_text(layer, exact=True).first.click()
    page.locator("[data-cell='14']").click()
    assert page.locator(".panel.is-painted").count() == 1
    page.get_by_role("button", name="its own").click()
    assert page.locator(".panel.is-painted").count() == 0
    page.locator("[data-cell='14']").click()
    page.get_by_role("button", name="clear, to paint").click()
    assert page.locator(".note").inner_text().startswith("Nothing is painted yet")


def test_a_fast_stroke_has_no_holes_and_goes_both_ways(opened):
    page = opened()
    boxes = [page.locator(f"[data-cell='{cell}']").bounding_box() for cell in (12, 17)]
    (x, y), (to, _) = [(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes]
    painted = "all => all.map(n => +n.dataset.cell)"
    for left in (list(range(12, 18)), []):
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(to, y, steps=1)
        page.mouse.up()
        assert page.locator(".grid .painted").evaluate_all(painted) == left


def test_a_finger_that_scrolls_paints_nothing_and_one_that_taps_does(opened):
    page = opened(PHONE, has_touch=True)
    before = shown(page)
    touch = """(node, [kind, other]) => {
      const box = document.querySelector(`[data-cell='${other}']`).getBoundingClientRect();
      node.dispatchEvent(new PointerEvent(kind, {
        pointerType: "touch", button: 0, buttons: 1, bubbles: true, cancelable: true,
        clientX: box.x + box.width / 2, clientY: box.y + box.height / 2,
      }));
    }"""
    cell = page.locator("[data-cell='14']")
    cell.scroll_into_view_if_needed()
    for kind, at in (("pointerdown", 14), ("pointermove", 14), ("pointercancel", 14)):
        cell.evaluate(touch, [kind, at])
    assert shown(page) == before and page.locator(".grid .painted").count() == 0
    for kind, at in (("pointerdown", 14), ("pointermove", 16), ("pointerup", 16)):
        cell.evaluate(touch, [kind, at])
    assert page.locator(".grid .painted").count() == 3
    page.get_by_role("button", name="its own").click()
    page.locator("[data-cell='20']").tap()
    assert page.locator(".grid .painted").get_attribute("data-cell") == "20"


def test_while_another_set_is_asked_for_the_old_answer_stays_as_it_was(opened):
    """Answers come later than clicks: what is on the screen is of the set that it was asked of."""
    page = opened()
    strip = page.locator(".strip p").inner_text()
    found = page.evaluate(
        """name => {
          const sets = [...document.querySelectorAll("select")][0];
          sets.value = name;
          sets.dispatchEvent(new Event("change"));
          document.querySelector("input[value=smooth]").click();
          document.querySelector(".stops button").click();
          const panel = document.querySelector(".panel");
          return [panel.getAttribute("aria-busy"), panel.querySelector(".strip p").innerText];
        }""",
        VEHICLEID,
    )
    assert found == ["true", strip]
    page.wait_for_selector(".panel:not([aria-busy])")
    assert page.get_by_role("button", name="its own").get_attribute("aria-pressed") == "true"


def test_a_query_that_nobody_can_find_is_told_so(made, visit, tmp_path):
    text = made[0].read_text(encoding="utf-8")
    start = text.index('{"index":')
    found, end = json.JSONDecoder().raw_decode(text[start:].replace("\\u003c", "<"))
    of = found["index"]["sets"][VERI]
    own = of["vehicle"][of["start"]]
    of["gallery"] = [int(g and v != own) for g, v in zip(of["gallery"], of["vehicle"], strict=True)]
    file = tmp_path / "alone.html"
    file.write_text(explorer.page(found), encoding="utf-8")
    page = visit(file, DESK, reduced_motion="reduce")
    page.wait_for_selector(".found li")
    assert page.locator(".score").inner_text() == "No other image of this vehicle is in the gallery"
    page.wait_for_timeout(600)
    said = page.get_by_role("status").inner_text()
    assert said == f"Vehicle {own}: No other image of this vehicle is in the gallery."
    assert "NaN" not in page.locator(".rnnha-explorer").inner_text()


def test_a_map_is_painted_by_mouse_and_the_change_of_each_rank_is_told(opened, made, keep, capsys):
    page, seen = opened(), made[1][VERI]
    place = place_of(page)
    own = expected(seen.nearest(seen.images.index[place], len(seen.images)), seen)
    boxes = [page.locator(f"[data-cell='{cell}']").bounding_box() for cell in (13, 15)]
    (x, y), (to, _) = [(b["x"] + b["width"] / 2, b["y"] + b["height"] / 2) for b in boxes]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(to, y, steps=12)
    page.mouse.up()
    painted = np.zeros((6, 6))
    painted[2, 1:4] = 1 / 3
    ranked = nearest_with(seen, place, painted)
    equal(shown(page), expected(ranked, seen))
    assert shown(page)[0] != own[0]
    before = seen.nearest(seen.images.index[place], len(seen.images)).index
    changes = page.locator(".found .change").all_inner_texts()
    assert len(changes) == 12
    for i, text in enumerate(changes):
        gained = before.get_loc(ranked.index[i]) - i
        assert text == ("=" if gained == 0 else f"▲ {gained}" if gained > 0 else f"▼ {-gained}")
    ranks = np.flatnonzero(ranked["right"]) + 1
    ap = 100 * np.mean(np.arange(1, len(ranks) + 1) / ranks)
    assert float(page.locator(".score strong").inner_text()) == pytest.approx(ap, abs=0.051)
    then = 100 * np.mean(np.arange(1, len(own[2]) + 1) / own[2])
    gain = page.locator(".gain").inner_text().replace("−", "-")
    assert float(gain) == pytest.approx(ap - then, abs=0.051) and ap != then
    page.wait_for_timeout(600)
    assert f": average precision {ap:.1f}, with its own" in page.get_by_role("status").inner_text()
    keep(page, "explorer-painted")
    took = page.locator(".panel").get_attribute("data-milliseconds")
    with capsys.disabled():
        print(f"\nthe explorer's answer to a new map took {took} ms of {len(seen.images)} images")


def test_a_cell_tells_its_score_and_weight(opened, made):
    page, seen = opened(), made[1][VERI]
    own = seen.maps["attention"][place_of(page)]
    page.locator("[data-cell='20']").hover()
    read = page.locator(".readout").inner_text()
    assert re.search(r"row 3, column 2: weight ([\d.]+) %", read, re.I)
    assert f"its own is {100 * own[3, 2]:.1f} %, even 2.8 %" in read
    score, total = re.search(r"softplus\((-?[\d.]+)\) \+ 0\.1\) / ([\d.]+)", read).groups()
    by_hand = (np.logaddexp(0, float(score)) + 0.1) / float(total)
    assert by_hand == pytest.approx(own[3, 2], rel=0.02, abs=5e-4)
    name = page.locator("[data-cell='20']").get_attribute("aria-label")
    assert name == f"row 3, column 2: weight {100 * own[3, 2]:.1f} %, score {score}"
    page.get_by_text("Grad-CAM", exact=True).first.click()
    page.locator("[data-cell='20']").hover()
    cam = f"Grad-CAM {seen.maps['Grad-CAM'][place_of(page)][3, 2]:.3f}"
    assert f": {cam}, weight" in page.locator(".readout").inner_text()
    assert f": {cam}, weight" in page.locator("[data-cell='20']").get_attribute("aria-label")


def test_everything_is_done_by_keyboard(opened, made):
    page, seen = opened(), made[1][VERI]

    def tab_to(selector):
        for _ in range(40):
            page.keyboard.press("Tab")
            if page.evaluate(f"document.activeElement.matches({selector!r})"):
                return
        pytest.fail(f"Tab does not reach {selector}")

    tab_to("select")
    page.keyboard.press("Tab")
    tab_to("input[value=attention]")
    page.keyboard.press("ArrowRight")
    assert page.locator("input[value=gradcam]").is_checked()
    page.keyboard.press("ArrowLeft")
    tab_to("select")
    first = place_of(page)
    page.keyboard.press("ArrowUp")  # nothing happens at the end of the list, so both ways
    page.wait_for_selector(".panel:not([aria-busy])")
    if place_of(page) == first:
        page.keyboard.press("ArrowDown")
        page.wait_for_selector(".panel:not([aria-busy])")
    place = place_of(page)
    assert place != first
    tab_to("[role=gridcell]")
    top = page.evaluate("scrollY")
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "Enter", "ArrowDown", "+", "+", "+"):
        page.keyboard.press(key)
    painted = np.zeros((6, 6))
    painted[1, 2], painted[2, 2] = 1, 1.5
    equal(shown(page), expected(nearest_with(seen, place, painted / 2.5), seen))
    for key in ["ArrowDown"] * 9 + ["ArrowRight"] * 9:
        page.keyboard.press(key)
    assert page.evaluate("document.activeElement.dataset.cell") == "35"
    assert page.evaluate("scrollY") == top
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.dataset.cell") == "30"


def test_layers_are_drawn_at_the_screens_pixels(opened, made, keep):
    page = opened(DESK, device_scale_factor=2)
    canvas = page.locator(".stage canvas")

    def pixels():
        return np.array(
            canvas.evaluate(
                "c => [...c.getContext('2d').getImageData(0, c.height >> 1, c.width, 1).data]"
            )
        ).reshape(-1, 4)[:, :3]

    assert canvas.evaluate("c => c.width === Math.round(2 * c.clientWidth)")
    kinds = {}
    for layer in ("image", "attention", "Grad-CAM", "cue mask"):
        page.get_by_text(layer, exact=True).first.click()
        kinds[layer] = pixels()
        keep(page, f"explorer-{layer.replace(' ', '-')}", full=False)
    for layer in ("attention", "Grad-CAM", "cue mask"):
        assert (kinds[layer] != kinds["image"]).any(), layer
    page.get_by_text("attention", exact=True).first.click()
    page.get_by_text("smoothed").click()
    assert (pixels() != kinds["attention"]).any()
    page.get_by_label("Overlay").fill("0")
    np.testing.assert_array_equal(pixels(), kinds["image"])


def test_other_rows_are_offered_with_what_they_have(opened):
    page = opened()
    rows = page.get_by_label("Network")
    rows.select_option(label="FC-HA (w/o RNN), seed 0")
    page.wait_for_selector(".panel:not([aria-busy])")
    source = Source(VERI, "fc-ha")
    seen, place = sources.seen(source), place_of(page)
    own = seen.maps["attention"][place]
    equal(shown(page), expected(seen.nearest(seen.images.index[place], len(seen.images)), seen))
    one = np.zeros_like(own)
    one.flat[0] = 1
    page.locator("[data-cell='0']").click()
    equal(shown(page), expected(nearest_with(seen, place, one, source), seen))

    rows.select_option(label="identity only, as long, seed 0")
    page.wait_for_selector(".panel:not([aria-busy])")
    seen = sources.seen(Source(VERI, "identity-only"))
    equal(shown(page), expected(seen.nearest(seen.images.index[place], len(seen.images)), seen))
    assert page.locator("input[value=attention]").is_disabled()
    assert page.get_by_role("button", name="uniform").is_hidden()
    page.get_by_text("Grad-CAM", exact=True).first.click()
    page.locator("[data-cell='7']").hover()
    read = page.locator(".readout").inner_text().lower()
    cam = seen.maps["Grad-CAM"][place]
    row, column = divmod(7, cam.shape[1])
    said = f"row {row}, column {column}: grad-cam {cam[row, column]:.3f}"
    assert "no attention of its own" in read and said in read


def test_two_vehicles_stand_side_by_side(opened, made):
    page, seen = opened(), made[1][VERI]
    page.get_by_role("button", name="Second vehicle").click()
    page.locator(".panel").nth(1).locator(".found li").first.wait_for()
    assert place_of(page, 0) != place_of(page, 1)
    second = page.get_by_role("region", name="Second vehicle")
    assert second.get_by_label("Vehicle", exact=True).count() == 1
    for panel in (0, 1):
        name = seen.images.index[place_of(page, panel)]
        equal(shown(page, panel), expected(seen.nearest(name, len(seen.images)), seen))
    page.locator(".panel").nth(1).get_by_role("button", name="uniform").click()
    one = page.locator(".panel").nth(0).get_by_role("button", name="its own")
    assert one.get_attribute("aria-pressed") == "true", "each has a map of its own"
    page.get_by_role("button", name="Second vehicle").click()
    assert page.locator(".panel").count() == 1


# By place: the corner of each card that is listed; the first keyframe of each that is on its way.
CORNERS = """() => Object.fromEntries([...document.querySelectorAll(".found li")].map(
    n => [n.dataset.place, [n.getBoundingClientRect().left, n.getBoundingClientRect().top]]))"""
STARTS = """() => Object.fromEntries([...document.querySelectorAll(".found li")].map(
    n => [n.dataset.place, n.getAnimations()[0]?.effect.getKeyframes()[0]]))"""
RECORD = """() => {
  const animate = Element.prototype.animate;
  window.begun = [];
  Element.prototype.animate = function (frames, how) {
    begun.push([this.dataset.place, frames[0]]);
    return animate.call(this, frames, how);
  };
}"""
ARRIVE = "() => document.getAnimations().forEach(a => a.finish())"


def test_cards_that_stay_move_from_where_they_were_and_new_ones_fade_in(made, visit):
    page = visit(made[0], DESK)
    page.wait_for_selector(".found li")
    page.evaluate(ARRIVE)
    before = page.evaluate(CORNERS)
    metrics = page.context.new_cdp_session(page)
    metrics.send("Performance.enable")

    def layouts():
        found = metrics.send("Performance.getMetrics")["metrics"]
        return next(m["value"] for m in found if m["name"] == "LayoutCount")

    had = layouts()
    uniform = page.get_by_role("button", name="uniform")
    starts = uniform.evaluate(f"button => {{ button.click(); return ({STARTS})(); }}")
    assert layouts() - had < 8, "the page is not laid out once a card"
    page.evaluate(ARRIVE)
    after = page.evaluate(CORNERS)
    moved = 0
    for place in before.keys() & after.keys():
        if after[place] == before[place]:
            assert starts[place] is None
            continue
        way = [float(v) for v in re.findall(r"(-?[\d.]+)px", starts[place]["transform"])]
        np.testing.assert_allclose(way, np.subtract(before[place], after[place]), atol=0.1)
        moved += 1
    assert moved > 1

    page.evaluate(RECORD)
    vehicles = page.get_by_label("Vehicle", exact=True)
    offered = vehicles.locator("option").evaluate_all("all => all.map(o => o.value)")
    vehicles.select_option(next(v for v in offered if v != vehicles.input_value()))
    page.wait_for_selector(".panel:not([aria-busy])")
    listed = page.locator(".found li").evaluate_all("all => all.map(n => n.dataset.place)")
    assert page.evaluate("begun") == [[place, {"opacity": 0}] for place in listed]
