"""The study: one condition at a time, and effects that can be worked out by hand."""

from dataclasses import asdict, replace

import numpy as np
import pandas as pd
import pytest

from rnnha import paths
from rnnha.data.archives import unpack
from rnnha.data.sets import SETS
from rnnha.profiles import PROFILES
from rnnha.runs.folder import locate
from rnnha.scoring.intervals import interval
from study import conditions, effects, page, run
from study.conditions import CONDITIONS, LEVELS, ROWS, Level, benchmark, profile

ENDS = [(c, end) for c in CONDITIONS for end in {c.low, c.high} - {"base"}]


@pytest.mark.parametrize("condition, end", ENDS, ids=lambda x: getattr(x, "title", x))
def test_an_end_of_a_condition_differs_from_the_base_in_one_thing(condition, end):
    recipes = pytest.importorskip("rendering.recipes")
    level, base = LEVELS[end], LEVELS["base"]
    changed = {k for k, v in asdict(level).items() if v != asdict(base)[k]} - {"name"}
    assert len(changed) == 1
    if changed == {"rendered"}:
        one, other = (asdict(recipes.recipe(x.rendered)) for x in (level, base))
        marks, known = one.pop("marks"), other.pop("marks")
        moved = {k for k in one if one[k] != other[k]} | {k for k in marks if marks[k] != known[k]}
        assert len(moved - {"number"}) == 1 and one["number"] != other["number"]


def test_the_plan_and_the_conditions_name_the_same_numbers():
    recipes = pytest.importorskip("rendering.recipes")
    text = " ".join((paths.ROOT / "docs" / "study.md").read_text().split())
    size = [recipes.recipe(f"study-{x}").marks.size for x in ("size-low", "base", "size-high")]
    assert (
        "| size of a mark, cm | {:.0f} | **{:.0f}** | {:.0f} |".format(*(100 * s for s in size))
        in text
    )
    own = [recipes.recipe(f"study-{x}").marks.own for x in ("marks-low", "base", "marks-high")]
    assert "| marks a side | {} | **{}** | {} |".format(*own) in text
    lines = (paths.ROOT / "docs" / "study.md").read_text().splitlines()
    rows = [line.split("|")[1:-1] for line in lines if line.startswith("| ")][1:]
    for condition, (title, *settings, idea) in zip(CONDITIONS, rows, strict=True):
        assert condition.title.split()[-1] in title
        assert condition.where.split()[-1] in idea, condition.title
        named = [cell.strip(" *") for cell in settings if cell.strip()]
        assert named == [s.removesuffix(" cm") for s in condition.settings]
    numbers = [recipe.number for recipe in recipes.RECIPES.values()]
    assert len(set(numbers)) == len(numbers)  # seeds of their own


def test_the_fine_map_has_four_times_the_cells():
    import torch

    from rnnha.models.backbones import BACKBONES

    names = [profile(LEVELS[x]).vgg_m.backbone for x in ("base", "cells-high")]
    coarse, fine = (BACKBONES[name]()(torch.zeros(1, 3, 96, 96)) for name in names)
    assert coarse.shape[2:] == (6, 6) and fine.shape[2:] == (12, 12)
    assert coarse.shape[1] == fine.shape[1]


def test_fewer_training_vehicles_keep_every_model_and_all_tests():
    unpack(SETS["rendered-veri"])
    folder = SETS["rendered-veri"].path.parent
    whole = benchmark(Level("whole", ""), folder)
    part = benchmark(Level("part", "", train_vehicles=75), folder)
    models = whole.side_car.drop_duplicates("vehicle_id").set_index("vehicle_id")["model"]
    counts = models[part.train["vehicle_id"].unique()].value_counts()
    assert (
        counts.sum() == 75 and len(counts) == models.nunique() and counts.max() - counts.min() <= 1
    )
    pd.testing.assert_frame_equal(part.query, whole.query)
    pd.testing.assert_frame_equal(part.gallery, whole.gallery)


# --- effects, from made-up results --------------------------------------------------------------


@pytest.fixture
def results(monkeypatch, tmp_path):
    """A function that writes a level's small result: RNN-HA is `ahead` points before RNN-H, give or
    take 1 from vehicle to vehicle. The sets number their vehicles alike."""
    monkeypatch.setattr(run, "RESULTS", tmp_path / "study")

    def write(level: str, ahead: float, vehicles: int = 64, floor: float = 5.0, **other):
        """by_seed: so much more at each seed; views: so much ahead within each of them."""
        noise, rows = np.tile([1.0, -1.0], vehicles // 2), []
        by_seed = other.get("by_seed", (0, 0, 0))
        gaps = dict.fromkeys(("image-to-image", "image-to-image (look-alikes)"), ahead)
        gaps |= {f"image-to-image ({k})": gap for k, gap in other.get("views", {}).items()}
        for protocol, gap in gaps.items():
            for seed in (0, 1, 2):
                for slug in (*ROWS, "untrained"):
                    more = gap + by_seed[seed]
                    value = {"rnn-ha": 40 + more + noise, "untrained": floor + 0 * noise}
                    of = pd.DataFrame({"mAP": value.get(slug, 40 + 0 * noise)})
                    of["vehicle_id"] = range(vehicles)
                    rows.append(of.assign(row=slug, seed=seed, protocol=protocol, queries=2))
        run.keep(LEVELS[level], pd.concat(rows)[run.COLUMNS], ["commit 1a2b, a laptop"] * 9)

    return write


def test_the_effect_points_where_the_papers_idea_points(results):
    """Small cues: attention 3 points ahead; large ones: 1 behind. So it helps by 4 points more."""
    results("size-low", 3)
    results("size-high", -1)
    found = effects.of_conditions().set_index("condition").loc["size of a mark"]
    assert found["effect"] == pytest.approx(4)
    # Two means of 64 values that are 1 off: errors of 1/8 each, which add up by squares.
    half = effects.NORMAL * np.hypot(1 / 8, 1 / 8)
    assert found["high"] - found["effect"] == pytest.approx(half, rel=0.05)
    assert found["says"] == "attention helps more where cues are small"
    assert effects.NORMAL == pytest.approx(2.69, abs=0.005)  # 5 % / 7, two-sided


def test_against_the_idea_it_says_less_in_the_same_words(results):
    results("passing-low", 2)
    results("passing-high", -2)
    found = effects.of_conditions().set_index("condition").loc["distracting marks a side"]
    assert found["effect"] == pytest.approx(-4)
    assert found["says"] == "attention helps less where there is more to leave out"


def test_vehicles_of_one_set_are_paired(results):
    """The same noise on both sides cancels: the interval has no width."""
    results("base", 0)
    results("cells-high", 0.5)
    found = effects.of_conditions().set_index("condition").loc["cells of the map"]
    assert found["low"] == pytest.approx(0.5, abs=1e-6) == found["high"]


def table(sums: list[float], queries: list[int], first: int = 0) -> pd.DataFrame:
    index = pd.RangeIndex(first, first + len(sums))
    return pd.DataFrame({0: sums, "queries": queries}, index=index, dtype=float)


def test_a_measure_is_the_mean_over_queries_with_the_interval_of_the_tables():
    """As mAP is, and not over vehicles: 120 vehicles with one to four queries each, against the
    interval that all tables have, which takes the queries one by one."""
    rng = np.random.default_rng(5)
    queries = rng.integers(1, 5, 120)
    vehicles = np.repeat(np.arange(120), queries)
    values = rng.normal(size=len(vehicles))
    sums = pd.Series(values).groupby(vehicles).sum()
    found = effects.estimated([table(sums.tolist(), queries.tolist())])
    expected = interval(values, vehicles)
    assert found.value == pytest.approx(values.mean())
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert found.error == pytest.approx(expected.standard_error)


def test_a_level_of_views_is_the_mean_of_its_protocols():
    """Front: 6 points over 3 queries of two vehicles. Rear: -1 of one query of a third one. Twenty
    times each."""
    front, rear = table([2, 4] * 20, [1, 2] * 20), table([-1] * 20, [1] * 20, first=40)
    assert effects.estimated([front, rear]).value == pytest.approx((6 / 3 + -1 / 1) / 2)
    # Less the same at the base, where those three have (3 + 0 + 3) / 4 points a query.
    base = table([3, 0] * 20 + [3] * 20, [1, 2] * 20 + [1] * 20)
    found = effects.estimated([front, rear], minus=[base])
    assert found.value == pytest.approx(0.5 - 1.5) and found.by_seed[0] == pytest.approx(-1)
    assert found.n_vehicles == 60


def test_no_effect_tells_what_would_have_been_found(results):
    results("size-low", 0)
    results("size-high", 0.1)
    found = effects.of_conditions().set_index("condition").loc["size of a mark"]
    assert found["says"] == "no effect was found"
    assert found["smallest"] == pytest.approx((2.69 + 0.8416) * np.hypot(1 / 8, 1 / 8), rel=0.05)
    said = page.sentences(effects.of_conditions())
    assert "Size of a mark: no effect was found: -0.1 points [" in said
    assert "with 80 % probability" in said


def test_a_network_that_did_not_learn_says_nothing(results):
    results("size-low", 3, floor=36.0)
    results("size-high", -1, floor=36.0)
    found = effects.of_conditions().set_index("condition").loc["size of a mark"]
    assert found["says"] == "a network did not learn: says nothing"


def test_one_end_without_learning_is_enough_to_say_nothing(results):
    results("size-low", 3, floor=36.0)
    results("size-high", -1)
    found = effects.of_conditions().set_index("condition").loc["size of a mark"]
    assert found["says"] == "a network did not learn: says nothing"


@pytest.mark.parametrize("end", ["size-low", "size-high"])
def test_an_effect_that_a_seed_contradicts_is_none(results, end):
    """9, -0.5 and 9 points: over vehicles surely off 0, and not at every seed."""
    results("size-low", 0)
    results("size-high", 0)
    run.file_of(LEVELS[end]).unlink()
    results(end, 0, by_seed=(9, -0.5, 9))
    found = effects.of_conditions().set_index("condition").loc["size of a mark"]
    assert found["low"] > 0 or found["high"] < 0
    assert found["says"] == "no effect was found"


def test_one_side_is_the_mean_within_views_less_the_base(results):
    results("base", 1, views={"front": 4, "rear": 2})
    found = effects.of_conditions().set_index("condition").loc["query and gallery"]
    assert found["effect"] == pytest.approx((4 + 2) / 2 - 1)
    assert found["says"] == "attention helps more where query and gallery are seen from one side"


def test_what_a_row_reaches_is_a_mean_over_queries(results, monkeypatch):
    """A vehicle with one query at 100, one with three at 0."""
    lines = {"vehicle_id": [1, 2], "mAP": [100.0, 0.0], "queries": [1, 3]}
    kept = pd.DataFrame(lines).assign(row="rnn-h", seed=0, protocol="image-to-image")
    monkeypatch.setattr(effects, "read", lambda level: kept)
    assert effects.reached(LEVELS["base"], "rnn-h") == pytest.approx(25)


def test_table_and_picture_are_written_from_small_results(results, tmp_path):
    assert page.write(tmp_path) == []
    results("base", 1)
    results("cells-high", 2)
    table, csv, picture = page.write(tmp_path)
    text = table.read_text()
    assert "(rendered, synthetic)" in text and "| cells-high | +2.0 [" in text
    assert "| 40.0 |" in text  # what RNN-H has
    assert len(pd.read_csv(csv)) == 8 and picture.stat().st_size > 10_000
    panels = {ax.get_title(): ax for ax in page.figure(effects.of_levels()).axes}
    line, _, ((bars),) = panels["cells of the map"].containers[0]
    assert line.get_ydata() == pytest.approx([1, 2])  # low to high, as the ticks say
    ticks = [tick.get_text() for tick in panels["cells of the map"].get_xticklabels()]
    assert ticks == ["6 × 6", "12 × 12"]
    ends = np.array([segment[:, 1] for segment in bars.get_segments()])
    half = 1.96 / 8  # of a mean of 64 values that are 1 off
    assert ends == pytest.approx(np.array([[1 - half, 1 + half], [2 - half, 2 + half]]), abs=0.06)
    assert len(panels["size of a mark"].containers[0][0].get_ydata()) == 1  # the base alone
    # What is left is named; no query of these runs was scored within a view.
    assert "2 of 13 settings have been run; left: size-low, size-high, marks-low," in text
    for name in LEVELS:
        results(name, 0)
    text = page.write(tmp_path)[0].read_text()
    assert "Made by: commit 1a2b, a laptop (base, size-low, size-high, " in text
    assert "12 of 13 settings have been run; left: views-low." in text


def test_a_result_of_other_settings_is_named_and_not_used(results, monkeypatch, tmp_path):
    results("base", 1)
    results("size-low", 2)
    file, longer = run.file_of(LEVELS["size-low"]), dict(PROFILES)
    text = file.read_text()
    file.write_text(text.replace("settings ", "settings f", 1))
    with pytest.raises(ValueError, match=r"size-low\.csv: found 'settings f\w+', expected"):
        run.study([LEVELS["size-low"]], 1)
    with pytest.raises(ValueError, match=r"size-low\.csv: .* take the file away"):
        page.write(tmp_path)
    file.write_text(text)
    assert page.write(tmp_path)
    # One epoch more, and nothing that is kept is of these settings.
    rendered = PROFILES["rendered"]
    epochs = tuple(replace(phase, epochs=phase.epochs + 1) for phase in rendered.vgg_m.stage1)
    longer["rendered"] = replace(rendered, vgg_m=replace(rendered.vgg_m, stage1=epochs))
    # And twice as many steps, which stand in no phase.
    twice = dict(PROFILES) | {"rendered": replace(rendered, images=2 * rendered.images)}
    for other in (longer, twice):
        monkeypatch.setattr(conditions, "PROFILES", other)
        with pytest.raises(ValueError, match=r"base\.csv: "):
            page.write(tmp_path)


def test_every_level_has_settings_of_its_own():
    keys = {conditions.key(level) for level in LEVELS.values() if not level.views}
    assert len(keys) == len(LEVELS) - 1
    assert conditions.key(LEVELS["views-low"]) == conditions.key(LEVELS["base"])


def test_a_level_is_trained_once_and_kept_whole(monkeypatch, tmp_path):
    """On a few vehicles of the shipped set, in the smoke profile, without rendering anything."""
    unpack(SETS["rendered-veri"])
    monkeypatch.setattr(run, "RESULTS", tmp_path / "study")
    monkeypatch.setattr(paths, "RESULTS", tmp_path / "results")
    folder = SETS["rendered-veri"].path.parent
    found, made_with = run.train(LEVELS["base"], folder, "rnn-h", 0, "smoke")
    run.keep(LEVELS["base"], found, [made_with])
    kept = run.read(LEVELS["base"])
    views = ("", " (front)", " (rear)")
    assert set(kept["protocol"]) == {
        f"image-to-image{alike}{view}" for alike in ("", " (look-alikes)") for view in views
    }
    assert kept["vehicle_id"].nunique() == 40 and kept["mAP"].between(0, 100).all()
    own = locate("study-base", "rnn-h", 0).environment()
    head = run.file_of(LEVELS["base"]).read_text().splitlines()[0]
    assert head.startswith("# study-base, settings ")
    assert head.endswith(f", commit {own['commit']}, {own['hardware']}")
    assert run.views_of(LEVELS["size-low"]) == ()  # no level is scored within views by its runs
    scored = kept[kept["protocol"] == "image-to-image"].set_index("vehicle_id")
    per_query = pd.read_csv(paths.RESULTS / "runs/study-base/rnn-h/seed0/per_query.csv.gz")
    own = per_query[per_query["protocol"] == "image-to-image"]
    assert scored["queries"].sum() == len(own)
    assert (scored["queries"] * scored["mAP"]).sum() / len(own) == pytest.approx(
        100 * own["ap"].mean(), abs=0.001
    )
    monkeypatch.setattr(run, "rendered", lambda *a: pytest.fail("it is done already"))
    run.study([LEVELS["base"], LEVELS["views-low"]], 1)
    run.file_of(LEVELS["base"]).unlink()
    with pytest.raises(pytest.fail.Exception, match="it is done already"):
        run.study([LEVELS["views-low"]], 1)  # which is read off the base's
