"""Comparing two pictures, and how well that separates vehicles."""

import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.stats import mannwhitneyu

import untrained_network
from rnnha.cli import main
from rnnha.figures import pair as pair_figure
from rnnha.files import DataError
from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.runs import compare
from rnnha.scoring import pairs


def checkpoint(folder, slug: str = "rnn-ha"):
    path = folder / f"{slug}.safetensors"
    return path, *untrained_network.save(path, slug, 3, 5)


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> list[str]:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    paths = [str(folder / f"{name}.png") for name in "abcdef"]
    for i, path in enumerate(paths):
        picture = rng.integers(0, 256, (30 + 9 * i, 80, 3), dtype=np.uint8)
        Image.fromarray(picture).save(path)
    return paths


def test_compare_gives_the_cosine_and_distance_of_o2_and_both_maps(tmp_path, files):
    path, model, size = checkpoint(tmp_path)
    pair = compare.compare(files[0], files[1], path)
    outputs = [model(normalise(Images([f], size)[0][None])) for f in files[:2]]
    a, b = (o.o2[0].detach().numpy().astype(float) for o in outputs)
    cosine = a @ b / np.sqrt(a @ a * (b @ b))
    assert pair.cosine == pytest.approx(cosine, abs=1e-5)
    assert pair.euclid == pytest.approx(np.sqrt(2 - 2 * cosine), abs=1e-4)
    for found, output in zip(pair.attention, outputs, strict=True):
        np.testing.assert_allclose(found, output.attention[0].detach(), atol=1e-6)
    for found, file in zip(pair.images, files, strict=False):
        np.testing.assert_array_equal(found, np.array(Image.open(file).convert("RGB")))
    again = compare.compare(files[1], files[0], path)
    assert again.cosine == pytest.approx(pair.cosine, abs=1e-6)
    assert compare.compare(files[0], files[0], path).cosine == pytest.approx(1, abs=1e-6)


def test_the_text_reads_the_cosine_against_what_was_measured(tmp_path, files):
    path, *_ = checkpoint(tmp_path)
    assert compare.compare(files[0], files[0], path).text.count("\n") == 0
    low, high = np.linspace(-1, 0, 101).tolist(), np.linspace(0.5, 1.5, 101).tolist()
    compare.keep({"all pairs": pairs.Separation(0.9, 10, 20, same=high, other=low)}, path)
    text = compare.compare(files[0], files[0], path).text  # cosine 1: above all of `other`,
    assert "100% of the 20 pairs of two vehicles" in text  # and in the middle of `same`
    assert "50% of the 10 pairs of one vehicle" in text
    assert json.loads((tmp_path / "rnn-ha.pairs.json").read_text())["all pairs"]["n_other"] == 20


def test_the_figure_holds_both_pictures_and_maps(tmp_path, files):
    path, *_ = checkpoint(tmp_path)
    pair = compare.compare(files[0], files[1], path)
    shown = [ax.images[0].get_array() for ax in pair_figure.figure(pair).axes if ax.images]
    np.testing.assert_array_equal(shown[0], pair.images[0])
    np.testing.assert_array_equal(shown[1], pair.images[1])
    assert len(shown) == 4
    pair_figure.save(pair, tmp_path / "pair.png")
    assert Image.open(tmp_path / "pair.png").width > 400


@pytest.mark.parametrize("name", ["pair", "pair.jpgg"])
def test_a_figure_of_no_known_format_is_refused_first(tmp_path, files, name, capsys):
    out = tmp_path / name
    assert main(["compare", *map(str, files[:2]), "--figure", str(out)]) == 1
    said = capsys.readouterr()
    assert str(out) in said.err and ".png" in said.err.replace(", ", " .") and not said.out


def test_what_cannot_be_compared_is_named(tmp_path, files):
    path, *_ = checkpoint(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere.jpg"):
        compare.compare(files[0], tmp_path / "nowhere.jpg", path)
    with pytest.raises(FileNotFoundError, match="no.safetensors"):
        compare.compare(files[0], files[1], tmp_path / "no.safetensors")
    (tmp_path / "text.jpg").write_text("not a picture")
    with pytest.raises(ValueError, match="text.jpg"):
        compare.compare(files[0], tmp_path / "text.jpg", path)
    plain, *_ = checkpoint(tmp_path, "identity-only")
    with pytest.raises(ValueError, match="no attention"):
        compare.compare(files[0], files[1], plain)


# --- separation ---------------------------------------------------------------------------------


def labelled(n: int = 40):
    rng = np.random.default_rng(2)
    vehicles, cameras = rng.integers(0, 6, n), rng.integers(0, 3, n)
    centres = rng.normal(size=(6, 8))
    return centres[vehicles] + rng.normal(size=(n, 8)), vehicles, cameras, vehicles % 2


@pytest.mark.parametrize("with_cameras", [True, False])
@pytest.mark.parametrize("with_alike", [True, False])
def test_separation_is_mann_whitney_over_the_pairs_that_count(with_cameras, with_alike):
    embeddings, vehicles, cameras, alike = labelled()
    same, other = [], []
    for i in range(40):
        for j in range(i):
            if with_cameras and cameras[i] == cameras[j]:
                continue
            a, b = embeddings[i], embeddings[j]
            cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
            if vehicles[i] == vehicles[j]:
                same.append(cosine)
            elif not with_alike or alike[i] == alike[j]:
                other.append(cosine)
    found = pairs.separation(
        embeddings, vehicles, cameras if with_cameras else None, alike if with_alike else None
    )
    assert (found.n_same, found.n_other) == (len(same), len(other))
    u = mannwhitneyu(same, other).statistic
    assert found.auc == pytest.approx(u / len(same) / len(other), abs=1e-6)
    assert found.same[50] == pytest.approx(np.median(same), abs=1e-4)
    assert found.other[0] == pytest.approx(min(other), abs=1e-4)


def test_constant_embeddings_separate_nothing():
    _, vehicles, cameras, _ = labelled()
    assert pairs.separation(np.ones((40, 8)), vehicles, cameras).auc == pytest.approx(0.5)


def test_separation_needs_both_kinds_of_pairs():
    with pytest.raises(ValueError, match="0 pairs of one vehicle and 3 of two"):
        pairs.separation(np.eye(3), [1, 2, 3])


# --- what is kept of it -------------------------------------------------------------------------

LOW, MIDDLE, HIGH = (np.linspace(a, a + 1, 101).tolist() for a in (-1, 0, 0.5))
ALL = pairs.Separation(0.9, 10, 2000, same=HIGH, other=LOW)
ALIKE = pairs.Separation(0.6, 10, 30, same=HIGH, other=MIDDLE)


def test_both_kinds_are_kept_and_a_cosine_is_read_against_each(tmp_path):
    file = tmp_path / "a.pairs.json"
    pairs.write({"all pairs": ALL, "same model and paint": ALIKE}, file)
    kept = pairs.read(file)
    assert kept == {"all pairs": ALL, "same model and paint": ALIKE}
    # 0.755 is above all of -1..0, above 76 of the 101 values of 0..1, and above 26 of 0.5..1.5.
    assert pairs.told(0.755, kept).splitlines() == [
        "more alike than 100% of the 2,000 pairs of two vehicles",
        "and than 75% of the 30 pairs of two vehicles of the same model and paint",
        "and than 26% of the 10 pairs of one vehicle, on rendered vehicles never trained on",
    ]


def test_a_file_of_all_pairs_alone_is_still_read(tmp_path):
    file = tmp_path / "a.pairs.json"
    file.write_text(json.dumps(ALL._asdict()))
    assert pairs.read(file) == {"all pairs": ALL}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[1]",
        "{}",
        '{"all pairs": {"auc": 0.9}}',
        json.dumps({"same type": ALIKE._asdict()}),
        json.dumps(ALL._replace(other=LOW[:50])._asdict()),
        json.dumps(ALL._replace(other=LOW[::-1])._asdict()),
        json.dumps(ALL._replace(same=[float("nan")] * 101)._asdict()),
        json.dumps(ALL._replace(n_same="10")._asdict()),
        json.dumps(ALL._replace(auc=90)._asdict()),
        json.dumps({"all pairs": ALL._asdict()})[:-30],
    ],
)
def test_damaged_statistics_are_refused_by_name(tmp_path, content):
    file = tmp_path / "a.pairs.json"
    file.write_text(content)
    with pytest.raises(DataError, match="a.pairs.json: damaged pair statistics .*remove it"):
        pairs.read(file)


def test_measuring_files_uses_the_checkpoints_embedding_and_what_looks_alike(tmp_path, files):
    path, model, size = checkpoint(tmp_path)
    o2 = np.array([model(normalise(Images([f], size)[0][None])).o2[0].detach() for f in files])
    images = pd.DataFrame(
        {
            "path": files,
            "vehicle_id": [1, 1, 2, 2, 3, 3],
            "camera_id": [1, 2, 1, 2, 1, 2],
            "type": list("ttttuu"),
        }
    )
    found = compare.measure(path, images)
    assert list(found) == ["all pairs", "same type"]
    expected = pairs.separation(o2, images.vehicle_id, images.camera_id)
    assert found["all pairs"].auc == pytest.approx(expected.auc)
    assert (found["all pairs"].n_same, found["all pairs"].n_other) == (3, 6)
    assert (found["same type"].n_same, found["same type"].n_other) == (3, 2)
    known = compare.measure(path, images.assign(model=list("mmmmnn"), paint=list("rrrrgg")))
    assert "same model and paint" in known and "same type" not in known


def test_photographs_of_real_vehicles_can_be_compared(shared, tmp_path):
    path, *_ = checkpoint(tmp_path)
    folder = shared / "data" / "photographs" / "images"
    pair = compare.compare(folder / "bus_0001_cam1.jpg", folder / "bus_0001_cam2.jpg", path)
    assert -1 <= pair.cosine <= 1 and pair.attention.sum((1, 2)) == pytest.approx([1, 1])
