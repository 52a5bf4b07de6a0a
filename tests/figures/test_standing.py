"""What o1 and o2 find over all queries, with states that know the model or the vehicle."""

import numpy as np
import pandas as pd
import pytest

from masked_set import tiny_veri
from rnnha.data.manifest import Benchmark, names_of
from rnnha.figures import standing
from rnnha.runs import outcome
from rnnha.scoring.draws import draw
from rnnha.scoring.ranking import unit
from small_benchmarks import vehicleid

AMONG = ("Among all vehicles", "Among look-alikes")


@pytest.fixture(scope="module")
def benchmark(tmp_path_factory):
    return tiny_veri(tmp_path_factory.mktemp("set"))


def states(benchmark, o1, o2):
    images = outcome.test_table(benchmark)
    vectors = {
        by: pd.get_dummies(images[column]).to_numpy(np.float32)
        for by, column in (("o1", o1), ("o2", o2))
    }
    return outcome.Outcome("made up", benchmark, images, vectors, {})


def test_states_that_know_the_model_or_the_vehicle(benchmark):
    seen = states(benchmark, "model", "vehicle_id")
    table = standing.table(standing.answers(seen)).set_index(["by", "question"])["percent"]
    assert (table["o2"] == 100).all() and set(table["o2"].index) == set(standing.QUESTIONS)
    assert (table["o1"][["type", "model", "model and paint"]] == 100).all()
    assert table["o1", "vehicle, among look-alikes"] < 100
    page = standing.page(standing.answers(seen))
    assert page.loc["vehicle", "o2"] == "100.0 [100.0, 100.0]"


def test_look_alikes_of_vehicleid_are_asked_in_the_first_draw_of_the_largest_list():
    """By a plain loop: is the nearest of the gallery's images of one's own looks one's own?"""
    small, embed = vehicleid(vehicles=12, seed=3)
    table = pd.DataFrame({"image": names_of(small.manifest)})
    table["model"] = [f"m{v % 3}" for v in small.manifest["vehicle_id"]]
    table = table.assign(paint="red", visible_cues="")

    class Rendered(Benchmark):
        side_car = table

    own = Rendered(small.name, small.root, small.manifest, "vehicleid", small.test_lists, True)
    images = small.manifest.assign(name=table["image"], model=table["model"], paint="red")
    images = images.set_index("name", drop=False).assign(query=True, gallery=True)
    vectors = unit(embed(images))
    seen = outcome.Outcome("made up", own, images, {"o2": vectors}, {})
    found = standing.answers(seen)["o2"][standing.QUESTIONS[-1]]

    chosen = draw(images.reset_index(drop=True), 0)
    expected = []
    for place, query in enumerate(images.itertuples()):
        alike = (images["model"] == query.model) & images["name"].isin(chosen)
        if query.name not in chosen:
            distance = np.linalg.norm(vectors - vectors[place], axis=1)
            nearest = images[alike].index[distance[alike].argmin()]
            expected.append(images.loc[nearest, "vehicle_id"] == query.vehicle_id)
    assert len(found) == len(expected) and found.sum() == sum(expected)
    assert 0 < sum(expected) < len(expected)


def told(benchmark, o1, o2):
    return standing.verdict(standing.answers(states(benchmark, o1, o2))).splitlines()


def test_the_verdict_says_who_is_ahead(benchmark):
    for line, among in zip(told(benchmark, "model", "vehicle_id"), AMONG, strict=True):
        assert line.startswith(f"{among}: o2 finds the vehicle more often (o2 minus o1 is +")
    for line, among in zip(told(benchmark, "vehicle_id", "model"), AMONG, strict=True):
        assert line.startswith(f"{among}: o1 finds the vehicle more often (o2 minus o1 is -")
    for line, among in zip(told(benchmark, "vehicle_id", "vehicle_id"), AMONG, strict=True):
        same = "o1 and o2 cannot be told apart (o2 minus o1 is +0.0 points [+0.0, +0.0]"
        assert line.startswith(f"{among}: {same}")
