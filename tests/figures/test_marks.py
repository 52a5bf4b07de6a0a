"""What all figures have in common: each row's colour and mark, readable text, and the label."""

from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

import untrained_network
from fake_runs import queries, write_run
from masked_set import tiny_veri
from rnnha.experiments import ROWS, STAGES0
from rnnha.figures import comparisons, maps, of_data, of_results, teaching
from rnnha.figures.marks import mark
from rnnha.runs.folder import RunFolder
from rnnha.runs.results import Results

SIZES = {"rendered-veri": "test", "rendered-vehicleid": "200"}
PROTOCOLS = {"rendered-veri": "image-to-image", "rendered-vehicleid": "vehicleid-10-draws"}
SLUGS = ("lomo", "bow-cn", "vami", "fc-ha", "rnn-h", "rnn-ha", "identity-only", "oracle-cues")
SMALLEST = 9  # points


@pytest.fixture(scope="module")
def figures(tmp_path_factory) -> dict[str, Figure]:
    """All result figures of two small sets, by <set>-<name>."""
    source, found = tmp_path_factory.mktemp("runs"), {}
    for dataset, size in SIZES.items():
        for i, slug in enumerate((*SLUGS, "stage0")):
            scores = {f"{k}": (k, 0.3 + 0.05 * i, 1 + (k > i)) for k in range(10)}
            frame = queries(scores, PROTOCOLS[dataset], size)
            run = write_run(source, dataset, slug, 0, frame)
            history = {"stage": 1, "epoch": range(1, 9), "loss": 1.0, "coarse_loss": 2.0}
            history |= {"fine_loss": 3.0, "coarse_accuracy": 0.5, "fine_accuracy": 0.4}
            if slug == "vami":
                history |= {"source_loss": 0.5, "real_told": 0.8, "generated_told": 0.7}
                history |= {"real_accuracy": 0.3, "generated_accuracy": 0.2}
            pd.DataFrame(history).to_csv(run / "history.csv", index=False)
        RunFolder(source / dataset / "rnn-ha" / "seed0").write_maps(measured_maps(), curves())
        pd.DataFrame(
            {"vehicle_id": range(10), "type": list("aaaaabbbbb"), "model": "m", "paint": "p"}
        ).to_csv(source / dataset / "vehicles.csv", index=False)
        rng = np.random.default_rng(0)
        known = pd.DataFrame(
            {"image": [f"{k}.jpg" for k in range(24)], "vehicle_id": np.repeat(range(8), 3)}
        ).assign(model=np.repeat(["m", "n"], 12), coarse=np.repeat(["m", "n"], 12))
        np.savez(
            source / dataset / "rnn-ha" / "seed0" / "embeddings.npz",
            names=known["image"].to_numpy(str),
            o1=rng.random((24, 8)),
            o2=rng.random((24, 8)),
        )
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(of_results, "image_labels", lambda dataset, known=known: known)
            drawn = of_results.drawn(Results(source, dataset))
        found |= {f"{dataset}-{name}": figure for name, figure in drawn.items()}
    return found


def measured_maps() -> pd.DataFrame:
    measures = ("auc", "pointing", "mass_ratio", "insertion", "deletion")
    lines = [
        {"map": name, "measure": measure, "vehicle_id": vehicle, "value": vehicle / 10 + k}
        for k, name in enumerate(("attention", "attention (mean)", "gradcam", "gradcam (mean)"))
        for measure in (*measures, *("beside_mean", "beside_even") * ("(" not in name))
        for vehicle in range(10)
    ]
    return pd.DataFrame(lines)


def curves() -> pd.DataFrame:
    lines = [
        {"map": name, "curve": curve, "share": share, "value": 50 * share + k}
        for k, name in enumerate(("attention", "attention (mean)", "gradcam", "cues", "chance"))
        for curve in ("insertion", "deletion")
        for share in (0.1, 0.5, 1)
    ]
    return pd.DataFrame(lines)


@pytest.fixture(scope="module")
def lesson(tmp_path_factory) -> dict[str, Figure]:
    folder = tmp_path_factory.mktemp("lesson")
    benchmark = tiny_veri(folder)
    untrained_network.save(folder / "a.safetensors")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(of_data, "twins", lambda b: sorted(of_data.test_table(b).index)[3:7])
        return dict(teaching.drawn(benchmark, folder / "a.safetensors"))


def texts(figure: Figure) -> list[Text]:
    """All that is written in a figure, as drawn."""
    figure.draw_without_rendering()
    return [t for t in figure.findobj(Text) if t.get_visible() and t.get_text().strip()]


def test_every_result_figure_is_here(figures):
    assert {name.rpartition("-")[2] for name in figures} == set(of_results.MADE)
    assert len(figures) == 2 * len(of_results.MADE)


def test_all_that_is_written_can_be_read_and_says_that_it_is_rendered(figures, lesson):
    for name, figure in (figures | lesson).items():
        found = texts(figure)
        assert min(t.get_fontsize() for t in found) >= SMALLEST, name
        assert any("(rendered, synthetic)" in t.get_text() for t in found), name
        assert figure.get_figwidth() <= 11.5, f"{name}: too small at 1280 pixels"


def test_nothing_that_is_written_is_cut_off(figures, lesson):
    for name, figure in (figures | lesson).items():
        for text in texts(figure):
            box = text.get_window_extent()
            inside = box.x0 > -1 and box.y0 > -1
            inside &= box.x1 < figure.bbox.x1 + 1 and box.y1 < figure.bbox.y1 + 1
            # Tick labels outside of the axes' range are made, and not drawn.
            assert inside or text.get_text().strip("−").replace(".", "").isdigit(), (
                f"{name}: {text.get_text()} at {box.extents} in {figure.bbox.extents}"
            )


def shown(figure: Figure) -> dict[str, set]:
    """(colour, mark) of each row that a figure has a line, a point or a legend's entry for."""
    found: dict[str, set] = {}
    for ax in figure.axes:
        handles, names = ax.get_legend_handles_labels()
        for legend in (ax.get_legend(), *figure.legends):
            if legend:
                handles = [*handles, *legend.legend_handles]
                names = [*names, *(t.get_text() for t in legend.get_texts())]
        for handle, name in zip(handles, names, strict=True):
            if isinstance(handle, PathCollection):
                continue  # a model or vehicle, not a row
            line = handle[0] if isinstance(handle, tuple) else handle
            line = line.lines[0] if hasattr(line, "lines") else line
            if hasattr(line, "get_marker"):
                found.setdefault(name, set()).add((to_hex(line.get_color()), line.get_marker()))
    return found


def test_a_row_looks_the_same_in_every_figure_of_every_set(figures):
    expected = {r.title: mark(r.slug) for r in (*ROWS, *STAGES0)}
    seen: dict[str, set] = {}
    for figure in figures.values():
        for name, looks in shown(figure).items():
            seen.setdefault(name, set()).update(looks)
    rows = {name: looks for name, looks in seen.items() if name in expected}
    assert len(rows) >= len(SLUGS)
    assert rows == {name: {expected[name]} for name in rows}
    # The order has no legend: its lines stand beside the names.
    for dataset in SIZES:
        (ax,) = figures[f"{dataset}-order"].axes
        looks = {(to_hex(x.get_color()), x.get_marker()) for x in ax.lines[::2]}
        paper = [s for s in SLUGS if s not in ("identity-only", "oracle-cues")]
        assert looks == {mark(slug) for slug in paper}


def test_no_map_looks_like_a_row():
    """The curves of maps stand beside figures of rows."""
    rows = {mark(row.slug) for row in (*ROWS, *STAGES0)}
    maps = {(to_hex(x["color"]), x.get("marker")) for x in comparisons._LINES.values()}
    assert len(maps) == len(comparisons._LINES) and not maps & rows
    hues = {mark(s)[0] for s in ("rnn-ha", "rnn-h", "fc-ha", "rnn-ha-unguided", "two-heads")}
    assert not hues & {colour for colour, _ in maps}


def test_no_two_rows_look_alike_and_variants_look_like_their_rows():
    looks = [mark(row.slug) for row in (*ROWS, *STAGES0)]
    assert len(set(looks)) == len(looks)
    assert mark("rnn-ha-released") == mark("rnn-ha-from-rendered-veri") == mark("rnn-ha")
    assert len({colour for colour, _ in map(mark, ("rnn-ha", "rnn-h", "fc-ha"))}) == 3


def test_a_row_that_somebody_added_has_a_mark_too():
    assert mark("somebodys-own") not in [mark(row.slug) for row in (*ROWS, *STAGES0)]


def test_maps_have_no_bands():
    """A smooth map stays smooth: neighbouring pixels differ by little."""
    heat = np.add.outer(np.arange(6.0), np.arange(6.0))
    grey = np.full((120, 120, 3), 128, np.uint8)
    steps = np.abs(np.diff(maps.overlay(grey, heat).astype(int), axis=1))
    assert steps.max() <= 12


def test_the_lessons_figures_are_saved_for_a_wide_screen_and_as_drawings(lesson, tmp_path):
    assert list(lesson) == [
        *("models", "look-alikes", "cues", "weights"),
        *("nearest", "nearest-even", "attention"),
    ]
    for name in ("look-alikes", "weights"):
        png, svg = teaching.save(lesson[name], tmp_path, name)
        with Image.open(png) as picture:
            assert picture.width == 1920
        root = ElementTree.parse(svg).getroot()
        assert root.tag.endswith("svg") and root.findall(".//{*}image")
        before = svg.read_bytes()
        assert teaching.save(lesson[name], tmp_path, name)[1].read_bytes() == before
