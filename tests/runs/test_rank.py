"""One picture against a folder: the order by the network itself, the sheet, and what is refused."""

import itertools
import re

import numpy as np
import pytest
import torch
from PIL import Image

import untrained_network
from rnnha.cli import main
from rnnha.figures import rank as sheet
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.runs.compare import SEEN
from rnnha.runs.rank import rank

COUNT = 7


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(COUNT):
        picture = rng.integers(0, 256, (40 + i, 50, 3), dtype=np.uint8)
        Image.fromarray(picture).save(folder / f"car <{i}>.png")
    (folder / "notes.txt").write_text("no picture")
    return folder


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    file = tmp_path_factory.mktemp("weights") / "a.safetensors"
    return file, *untrained_network.save(file)


def test_the_order_is_that_of_the_networks_distances(pictures, trained):
    file, model, size = trained
    query = pictures / "car <2>.png"
    others = [f"car <{i}>.png" for i in range(COUNT) if i != 2]
    with torch.no_grad():
        pixels = Images([query, *(pictures / name for name in others)], size).stack(range(COUNT))
        o2 = model(normalise(pixels)).o2
    distance = torch.cdist(*(torch.nn.functional.normalize(v) for v in (o2[:1], o2[1:])))[0]
    ranked = rank(query, pictures, 4, file)
    order = distance.argsort()[:4]
    assert [path.name for path in ranked.found["path"]] == [others[i] for i in order]
    np.testing.assert_allclose(ranked.found["distance"], distance[order], atol=1e-4)
    cosine = 1 - distance[order].numpy() ** 2 / 2
    np.testing.assert_allclose(ranked.found["cosine"], cosine, atol=1e-4)
    assert ranked.own.sum() == pytest.approx(1, abs=1e-4) and len(ranked.maps) == 4
    assert ranked.note == ""  # nothing is known of this network
    assert len(rank(query, pictures, 99, file).found) == COUNT - 1


def test_the_page_holds_all_pictures_and_needs_no_network(pictures, trained, tmp_path):
    ranked = rank(pictures / "car <0>.png", pictures, 5, trained[0])
    png, page = sheet.save(ranked, tmp_path)
    text = page.read_text()
    assert text.count("data:image/jpeg;base64,") == 2 * 6
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
    assert "car &lt;0&gt;.png" in text and "<0>" not in text
    with Image.open(png) as image:
        assert image.width > 1000
    titles = [ax.get_title() for ax in sheet.figure(ranked).axes]
    assert sum("distance" in title for title in titles) == 5


def test_captions_of_long_names_do_not_reach_into_each_other(pictures, trained, tmp_path):
    """VeRi's names have 24 letters, and others more."""
    for i, file in enumerate(sorted(pictures.glob("*.png"))):
        (tmp_path / f"0002_c002_0003060{i}_0{'_more' * i}.png").write_bytes(file.read_bytes())
    ranked = rank(min(tmp_path.iterdir()), tmp_path, 6, trained[0])
    drawn = sheet.figure(ranked)
    drawn.canvas.draw()
    boxes = [ax.title.get_window_extent() for ax in drawn.axes if ax.get_title()]
    assert len(boxes) == COUNT
    for one, other in itertools.combinations(boxes, 2):
        assert not one.overlaps(other)


def test_the_command_prints_says_what_it_saw_and_writes(pictures, tmp_path, capsys):
    query = str(pictures / "car <1>.png")
    assert main(["rank", query, str(pictures), "--count", "3", "--out", str(tmp_path)]) == 0
    told = capsys.readouterr().out
    assert SEEN in told and len(re.findall(r"car <\d>\.png", told)) == 3
    assert "rank.html" in told and SEEN in (tmp_path / "rank.html").read_text()


def test_what_cannot_be_ranked_is_refused(pictures, trained, tmp_path):
    query, empty = pictures / "car <0>.png", tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(DataError, match="no pictures but the query"):
        rank(query, empty, 3, trained[0])
    with pytest.raises(FileNotFoundError, match="absent.jpg"):
        rank(pictures / "absent.jpg", pictures, 3, trained[0])
    with pytest.raises(ValueError, match="1 or more"):
        rank(query, pictures, 0, trained[0])
    untrained_network.save(tmp_path / "b.safetensors", "identity-only")
    with pytest.raises(ValueError, match="no attention map"):
        rank(query, pictures, 3, tmp_path / "b.safetensors")
