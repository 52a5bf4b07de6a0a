"""Which networks are offered, and what each kind of row answers, against the network itself."""

import hashlib
import json

import numpy as np
import pytest
import torch

from rnnha import paths
from rnnha.explorer import answers, sources
from rnnha.explorer.packing import unpack
from rnnha.explorer.sources import Source
from rnnha.explorer.widget import Explorer
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.methods.network import load_checkpoint
from rnnha.runs import folder, release
from rnnha.scoring.ranking import unit
from small_explorer import VEHICLEID, VERI, small, write_run

ATTEND = ("rnn-ha", "fc-ha", "rnn-ha-unguided", "rnn-ha-released", "fc-ha-released")


@pytest.fixture(scope="module")
def models(rendered, tmp_path_factory):
    with small(tmp_path_factory.mktemp("results")):
        yield {slug: write_run(slug, 1) for slug in (*ATTEND, "rnn-h", "identity-only")}


@pytest.mark.parametrize("slug", ATTEND)
def test_every_row_that_attends_tells_enough_to_compute_o2_of_any_map(models, slug):
    source, place = Source(VERI, slug, 1), 11
    assert source.attends
    seen, answer = sources.seen(source), answers.image(source, place)
    gallery, steps = answers.network(source), answers.weights(source)
    w = {name: unpack(packed) for name, packed in steps["weights"].items()}
    X, own = unpack(answer["X"]), unpack(answer["own"])
    new = np.random.default_rng(0).dirichlet(np.ones(own.size)).reshape(own.shape)
    x2 = unpack(answer["x2"]) + gallery["scale"] * X @ (new - own).ravel()
    if steps["kind"] == "fully-connected":
        o2 = np.maximum(w["v"] @ x2 + w["c"], 0)
    else:
        cell = torch.nn.GRUCell(len(x2), len(w["bias_hh"]) // 3)
        cell.load_state_dict({name: torch.tensor(value) for name, value in w.items()})
        before = torch.tensor(unpack(answer["before"]))
        o2 = cell(torch.tensor(x2, dtype=torch.float32), before).detach().numpy()
    model, size = sources.network(source)
    image = normalise(Images([seen.images["path"].iloc[place]], size).stack([0]))
    with torch.no_grad():
        given = torch.tensor(new[None], dtype=torch.float32)
        truth = model(image, attention=given).o2.numpy()
    np.testing.assert_allclose(unit(o2[None]), unit(truth), atol=5e-3)


def test_what_a_network_has_seen_is_what_its_run_says(tmp_path, monkeypatch):
    """GoogLeNet learned elsewhere; a fine-tuned network on two sets; some have not learned."""
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    seen = {"checkpoint": {"seen": [{"dataset": VERI}]}}
    runs = {
        "googlenet": {"outside": VEHICLEID, "phases": [{}]},
        "rnn-ha": {"phases": [{}]},
        "rnn-ha-finetuned": seen | {"phases": [{}]},
        "rnn-ha-given": seen | {"phases": []},
        "untrained": {"phases": []},
        "bow-cn": {},
        "lomo": {},
    }
    for slug, config in runs.items():
        folder = tmp_path / "runs" / "photographs" / slug / "seed0"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text(json.dumps(config))
    found = {slug: Source("photographs", slug).learned_from for slug in runs}
    assert found == {
        "googlenet": [VEHICLEID],
        "rnn-ha": ["photographs"],
        "rnn-ha-finetuned": [VERI, "photographs"],
        "rnn-ha-given": [VERI],
        "untrained": [],
        "bow-cn": ["photographs"],
        "lomo": [],
    }
    assert Source("photographs", "rnn-ha-given").attends


@pytest.mark.parametrize("elsewhere", ["CompCars", "my-set", "a set that it does not name"])
def test_a_network_that_learned_from_no_set_of_ours_is_offered_as_that(models, elsewhere):
    """GoogLeNet on real sets learns from CompCars, a fine-tuned network from anything."""
    source = Source(VERI, "rnn-ha", 1)
    config = folder.locate(VERI, "rnn-ha", 1).metrics_file.with_name("config.json")
    before = config.read_text()
    config.write_text(json.dumps({"outside": elsewhere}))
    (network,) = answers.index([source])["networks"]
    config.write_text(before)
    assert network["trained"] == f"trained on {elsewhere}, another set"


def test_a_row_without_attention_has_its_rankings(models):
    for slug, states in (("rnn-h", {"o1", "o2"}), ("identity-only", {"o2"})):
        source = Source(VERI, slug, 1)
        answer = answers.image(source, 3)
        assert not source.attends and "own" not in answer
        assert answer["rankings"].keys() == states
        seen = sources.seen(source)
        nearest = seen.nearest(seen.images.index[3], 12)
        assert seen.images.index[answer["rankings"]["o2"]["places"]].tolist() == list(nearest.index)


def test_the_run_that_the_shipped_network_comes_from_stands_for_it(models, monkeypatch, tmp_path):
    shipped = [(s.dataset, s.slug, s.seed) for s in sources.every() if s.shipped]
    first, other = [(VERI, "rnn-ha", 0), (VEHICLEID, "rnn-ha", 0)], (VERI, "fc-ha", 0)
    assert shipped == [*first, other], "seed 1 of RNN-HA is a finished run"
    assert sources.find(*first[0]) == Source(VERI, shipped=True), "no such run, but it is shipped"
    assert sources.find(*other) == Source(*other, shipped=True)
    assert sources.find(VERI, "rnn-ha", 1) == Source(VERI, "rnn-ha", 1)
    with pytest.raises(FileNotFoundError, match="rnnha run rnn-h "):
        sources.find(VERI, "rnn-h", 0)
    with pytest.raises(FileNotFoundError, match="rnnha run rnn-ha"):
        sources.find(VEHICLEID, "rnn-ha", 0)
    monkeypatch.setattr(paths, "RESULTS", tmp_path)
    write_run("rnn-ha", 0)
    assert Source(VERI, shipped=True) not in sources.every()
    assert Source(VEHICLEID, shipped=True) in sources.every(), "of another set: no run is the same"
    assert sources.find(*first[0]) == Source(*first[0])


def test_the_shipped_networks_are_those_of_their_names_and_cards(models):
    """Another training is another network; on the set that it is from, each finds vehicles."""
    shipped = [s for s in sources.every() if s.shipped] + [Source(VERI, "rnn-ha", 1, shipped=True)]
    found = {}
    for source in shipped:
        file = release.NETWORKS[source.slug, source.seed]
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        card = file.with_suffix(".md").read_text(encoding="utf-8")
        assert digest in card and f"(`{source.slug}`)" in card
        assert f"| profile, seed | rendered, {source.seed} |" in card
        assert load_checkpoint(file)[1]["row"] == source.slug
        o2 = sources.seen(source).vectors["o2"]
        own = sources.seen(source).images["vehicle_id"].to_numpy()
        alike, same = o2 @ o2.T, own[:, None] == own
        np.fill_diagonal(alike, -1)
        found[source] = same[np.arange(len(own)), alike.argmax(1)].mean(), digest
    assert len({digest for _, digest in found.values()}) == 3
    assert min(right for right, _ in found.values()) > 0.8


def test_the_widget_answers_and_tells_what_it_cannot(models, monkeypatch):
    first = Source(VERI, "fc-ha", 1)
    name = sources.seen(first).images.index[17]
    widget, sent = Explorer(first, name), []
    monkeypatch.setattr(widget, "send", sent.append)
    for i, question in enumerate((["index"], ["image", first.key, 17], ["image", first.key, 999])):
        widget._answer(widget, {"id": f"q{i}", "question": question}, [])
    index, image, missing = sent
    assert index["id"] == "q0" and index["answer"]["networks"][0]["key"] == first.key
    assert index["answer"]["sets"][VERI]["start"] == 17
    assert image["answer"] == answers.image(first, 17)
    assert missing["id"] == "q2" and "999" in missing["error"]
    with pytest.raises(KeyError, match="no-such.jpg"):
        Explorer(first, "no-such.jpg")
