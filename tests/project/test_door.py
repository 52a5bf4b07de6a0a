"""`from rnnha import ...`: the functions of the door lead where their names say."""

import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

import rnnha


def test_the_door_is_light():
    code = "import sys, rnnha; assert not {'torch', 'pandas', 'numpy'} & sys.modules.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_run_score_embed_and_compare_agree(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    monkeypatch.setattr("rnnha.paths.DATA", tmp_path / "data")
    trained = rnnha.run("rnn-ha", str(tiny), profile="smoke")
    weights = tmp_path / "runs/tiny/rnn-ha/seed0/weights.safetensors"
    again = rnnha.embed(rnnha.load(tiny), weights)
    first, second = (
        rnnha.score(seen).query("protocol == 'image-to-image'").set_index("metric")["value"]
        for seen in (trained, again)
    )
    assert first["mAP"] == pytest.approx(second["mAP"], abs=0.01)
    a, b = trained.images["path"].iloc[[0, 5]]
    pair = rnnha.compare(a, b, weights)
    expected = cosine_similarity(again.vectors["o2"])
    places = [again.position(path.rsplit("/", 1)[1]) for path in (a, b)]
    assert pair.cosine == pytest.approx(expected[tuple(places)], abs=1e-4)
    assert [image.shape for image in pair.images] == [(40, 50, 3)] * 2  # as they are, not squares
    figure = rnnha.attention(again, again.images.index[0])
    assert "nearest gallery images" in figure.get_suptitle()
    assert np.allclose(pair.attention.sum(axis=(1, 2)), 1, atol=1e-5)


@pytest.mark.parametrize("row", ["oracle-model", "fact"])
def test_what_embeds_nothing_is_refused_before_it_runs(row, tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    with pytest.raises(ValueError, match=f"without embedding them.*`rnnha run {row}`"):
        rnnha.run(row, str(tiny), profile="smoke")
    assert not any(tmp_path.glob("runs/*"))
