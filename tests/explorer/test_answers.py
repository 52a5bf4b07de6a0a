"""What the explorer is told of the shipped network, against the network and plain NumPy."""

import json
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from rnnha.explorer import answers, page, sources
from rnnha.explorer.packing import unpack
from rnnha.explorer.sources import Source
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.images.decode import read_mask
from rnnha.scoring.ranking import unit
from small_explorer import VEHICLEID, VEHICLES, VERI, small

HERE = Source(VERI, shipped=True)


@pytest.fixture(scope="module")
def seen(rendered, tmp_path_factory):
    with small(tmp_path_factory.mktemp("no-runs")):
        yield sources.seen(HERE)


@pytest.fixture(scope="module")
def weights(seen):
    found = answers.weights(HERE)
    assert found["kind"] == "recurrent"
    return {name: unpack(packed) for name, packed in found["weights"].items()}


def gru(weights, x, h):
    """Cho et al. 2014, gates in the order reset, update, new."""
    i = np.split(weights["weight_ih"] @ x + weights["bias_ih"], 3)
    g = np.split(weights["weight_hh"] @ h + weights["bias_hh"], 3)
    r, z = (1 / (1 + np.exp(-(i[k] + g[k]))) for k in range(2))
    return (1 - z) * np.tanh(i[2] + r * g[2]) + z * h


def fine_step(weights, answer, attention):
    """o2 of a map [h, w], of length 1, from what the browser is told."""
    X, own = unpack(answer["X"]), unpack(answer["own"])
    x2 = unpack(answer["x2"]) + X @ (attention - own).ravel()
    return unit(gru(weights, x2, unpack(answer["before"]))[None])[0]


def truth(seen, name, attention):
    """The same by the network itself."""
    model, size = sources.network(HERE)
    image = normalise(Images([seen.images.loc[name, "path"]], size).stack([0]))
    with torch.no_grad():
        output = model(image, attention=torch.tensor(attention[None], dtype=torch.float32))
    return unit(output.o2.numpy())[0]


def maps(answer):
    rng = np.random.default_rng(0)
    own = unpack(answer["own"])
    one = np.zeros_like(own)
    one[2, 3] = 1
    return {
        "own": own,
        "uniform": np.full_like(own, 1 / own.size),
        "one cell": one,
        "any": rng.dirichlet(np.ones(own.size)).reshape(own.shape).astype(np.float32),
    }


def test_a_new_map_gives_the_networks_o2_up_to_rounding(seen, weights):
    for place in range(0, len(seen.images), 21):
        answer = answers.image(HERE, place)
        name = seen.images.index[place]
        np.testing.assert_allclose(unpack(answer["own"]), seen.views(name)["attention"], atol=1e-6)
        for kind, attention in maps(answer).items():
            found = fine_step(weights, answer, attention)
            off = np.linalg.norm(found - truth(seen, name, attention))
            assert off < (2e-4 if kind == "own" else 2e-2), (name, kind, off)


def test_the_scores_are_those_that_the_attention_is_made_of(seen):
    answer = answers.image(HERE, 5)
    positive = np.log1p(np.exp(unpack(answer["scores"]).astype(float))) + 0.1
    np.testing.assert_allclose(unpack(answer["own"]), positive / positive.sum(), rtol=1e-4)


def test_every_query_finds_in_rounded_numbers_whom_it_finds_in_full_ones(seen, weights):
    """The whole order of the gallery; two images may change places only if they are as near."""
    gallery = answers.network(HERE)
    vectors, places = unpack(gallery["o2"]), np.array(gallery["places"])
    moved = 0
    for name in seen.images.index[seen.images["query"]]:
        answer = answers.image(HERE, seen.position(name))
        query = fine_step(weights, answer, unpack(answer["own"]))
        ranked = seen.nearest(name, len(seen.images))
        by_place = dict(zip(places, np.linalg.norm(vectors - query, axis=1), strict=True))
        rounded = np.array([by_place[seen.position(other)] for other in ranked.index])
        assert np.abs(rounded - ranked["distance"]).max() < 2e-4
        moved += (np.diff(rounded) < 0).sum()
        np.testing.assert_array_less(-4e-4, np.diff(rounded))
        assert (np.diff(rounded[:12]) > 0).all(), "the page shows twelve"
    assert moved < 0.001 * len(seen.images) * seen.images["query"].sum()


def test_the_coarse_ranking_is_the_protocols(seen):
    for place in (0, 17, 40):
        found = answers.image(HERE, place)["rankings"]["o1"]
        ranked = seen.nearest(seen.images.index[place], len(seen.images), "o1")
        assert seen.images.index[found["places"]].tolist() == ranked.index[:12].tolist()
        assert found["right"] == [i for i, right in enumerate(ranked["right"], start=1) if right]


def test_a_run_with_a_part_of_the_set_names_its_images_by_their_place_in_the_whole(
    seen, monkeypatch
):
    places = [60, 7, 33, 8, 41]
    part = replace(
        seen,
        images=seen.images.iloc[places],
        vectors={by: vectors[places] for by, vectors in seen.vectors.items()},
        maps={title: values[places] for title, values in seen.maps.items()},
    )
    whole = unpack(answers.network(HERE)["o2"])
    monkeypatch.setattr(sources, "seen", lambda source: part)
    told = answers.network(HERE)
    assert told["places"] == places
    np.testing.assert_array_equal(unpack(told["o2"]), whole[places])
    listed = answers.image(HERE, 33)["rankings"]["o1"]["places"]
    ranked = part.nearest(seen.images.index[33], 5, "o1")
    assert seen.images.index[listed].tolist() == ranked.index.tolist()


def test_masks_and_cues_are_where_the_renderer_put_them(seen):
    cues = 0
    for place, name in enumerate(seen.images.index[:12]):
        answer = answers.image(HERE, place)
        mask = read_mask(seen.benchmark.mask(seen.images.loc[name, "path"], "cues"))
        drawn = np.zeros(answer["mask"]["size"], bool)
        for row, first, end in answer["mask"]["runs"]:
            drawn[row, first:end] = True
        np.testing.assert_array_equal(drawn, mask)
        assert (answer["cues"] is None) == (not mask.any())
        if answer["cues"]:
            fine = np.kron(mask, np.ones((6, 6)))  # no pixel lies in two cells
            shares = fine.reshape(6, len(mask), 6, mask.shape[1]).mean((1, 3))
            np.testing.assert_allclose(unpack(answer["cues"]), shares / shares.sum(), atol=1e-6)
            cues += 1
    assert cues > 5


def test_the_index_names_every_image_of_every_vehicle_once(seen):
    found = answers.index([HERE, Source(VEHICLEID, shipped=True)])
    assert [n["trained"] for n in found["networks"]] == [
        "trained on Rendered-VeRi (rendered, synthetic)",
        "trained on Rendered-VeRi (rendered, synthetic), another set",
    ]
    veri = found["sets"][VERI]
    assert len(veri["vehicles"]) == VEHICLES and "synthetic" in veri["title"]
    places = [place for _, _, own in veri["vehicles"] for place in own]
    assert sorted(places) == list(range(len(seen.images)))
    for vehicle, _, own in veri["vehicles"]:
        assert (seen.images["vehicle_id"].iloc[own] == vehicle).all()
    assert veri["camera"] == seen.images["camera_id"].tolist()
    assert set(found["sets"][VEHICLEID]["camera"]) == {None}


def test_a_picture_is_the_file_and_a_thumbnail_is_less(seen):
    whole, small_one = answers.picture(VERI, 3), answers.thumbnail(VERI, 3)
    assert whole.startswith("data:image/jpeg;base64,") and len(small_one) < len(whole)


# --- the page ---


def embedded(file):
    text = re.search(r'id="answers">(.*?)</script>', file.read_text(), re.DOTALL)[1]
    return json.loads(text)


def test_the_page_takes_what_fits_and_says_what_does_not(seen, tmp_path):
    whole, part = tmp_path / "whole.html", tmp_path / "part.html"
    assert page.save(whole, vehicles=3, images=2) == []
    found = embedded(whole)
    networks = [n["title"] + ", " + n["set"] for n in found["index"]["networks"]]
    assert networks == [
        f"RNN-HA, seed 0 (shipped), {VERI}",
        f"RNN-HA, seed 0 (shipped), {VEHICLEID}",
        f"FC-HA (w/o RNN), seed 0 (shipped), {VERI}",
        f"RNN-HA, seed 1 (shipped), {VERI}",
    ]
    for name in (VERI, VEHICLEID):
        vehicles = found["index"]["sets"][name]["vehicles"]
        assert [len(own) for _, _, own in vehicles] == [2, 2, 2]
    asked = pd.Series([key.split("|")[0] for key in found["answers"]]).value_counts()
    assert asked.to_dict() == {"image": 24, "network": 4, "weights": 3}, "shared by both sets"
    largest = whole.stat().st_size - 10_000
    (sentence,) = page.save(part, vehicles=3, images=2, largest=largest)
    assert "RNN-HA, seed 1 (shipped) on rendered-veri: no room" in sentence
    assert part.stat().st_size <= largest
    assert len(embedded(part)["index"]["networks"]) == 3


def test_a_set_whose_gallery_has_no_room_leaves_it_to_the_others(seen, tmp_path, monkeypatch):
    """VeRi's 11,579 thumbnails alone would fill the page."""
    thumbnail = answers.thumbnail
    monkeypatch.setattr(
        answers,
        "thumbnail",
        lambda name, place: "x" * 1_000_000 if name == VEHICLEID else thumbnail(name, place),
    )
    left = page.save(file := tmp_path / "page.html", vehicles=2, images=1)
    assert [sentence.split(":")[0] for sentence in left] == [
        "RNN-HA, seed 0 (shipped) on rendered-vehicleid"
    ]
    found = embedded(file)
    assert found["index"]["sets"].keys() == {VERI} and file.stat().st_size < page.LARGEST
    assert not any(VEHICLEID in key for key in [*found["pictures"], *found["answers"]])


def test_more_images_of_a_vehicle_than_there_are_is_as_many_as_there_are(seen, tmp_path):
    """Photographs have one query a vehicle."""
    assert page.save(file := tmp_path / "page.html", vehicles=2, images=50) == []
    most = seen.images[seen.images["query"]]["vehicle_id"].value_counts().max()
    vehicles = embedded(file)["index"]["sets"][VERI]["vehicles"]
    assert {len(own) for _, _, own in vehicles} == {most}


def test_it_is_one_file_that_names_nothing_elsewhere(seen, tmp_path):
    page.save(file := tmp_path / "page.html", vehicles=2, images=1)
    text = re.sub(r'id="answers">.*?</script>', "", file.read_text(), flags=re.DOTALL)
    assert "{{" not in text and "synthetic" in json.dumps(embedded(file)["index"])
    assert not re.search(r"""(?:src|href)=|url\(|https?:|^import |^export """, text, re.MULTILINE)
