"""Car models learned outside a set: CompCars, and the rendered set that plays it."""

import pytest

from rnnha.data import outside, vehicleid
from rnnha.data.sets import SETS, load
from rnnha.files import DataError


def write_compcars(root, lines):
    (root / "train_test_split" / "classification").mkdir(parents=True)
    (root / "train_test_split/classification/train.txt").write_text("\n".join(lines) + "\n")


def test_compcars_labels_are_the_models_in_the_paths(tmp_path, monkeypatch):
    monkeypatch.setattr(outside, "COMPCARS_COUNTS", (3, 2))
    write_compcars(tmp_path, ["78/1/2014/aa.jpg", "78/3/2013/bb.jpg", "81/3/2014/cc.jpg"])
    found = outside.compcars(tmp_path)
    assert found.manifest.coarse_id.tolist() == [1, 3, 3]
    assert found.manifest.path[1] == str(tmp_path / "image/78/3/2013/bb.jpg")
    assert set(found.manifest.split) == {"train"} and len(found.key) == 16


def test_compcars_that_is_absent_broken_or_short_is_named(tmp_path):
    with pytest.raises(DataError, match="not found. GoogLeNet learns .* CompCars"):
        outside.compcars(tmp_path)
    write_compcars(tmp_path, ["78/1/2014/aa.jpg", "bb.jpg"])
    with pytest.raises(DataError, match=r"train.txt: found 'bb.jpg'; expected a line <make>"):
        outside.compcars(tmp_path)
    file = tmp_path / "train_test_split/classification/train.txt"
    file.write_text("78/x/2014/aa.jpg\n")
    with pytest.raises(DataError, match="train.txt: found '78/x/2014/aa.jpg'; .* as a number"):
        outside.compcars(tmp_path)
    file.write_bytes("78/1/2014/\xe9.jpg\n\0".encode("latin-1"))
    with pytest.raises(DataError, match="train.txt"):
        outside.compcars(tmp_path)
    file.write_text("78/1/2014/aa.jpg\n")
    with pytest.raises(DataError, match="found 1 images of 1 models; expected 16,016 of 431"):
        outside.compcars(tmp_path)


def test_compcars_is_not_taken_for_vehicleid(tmp_path):
    """Both have a folder train_test_split; CompCars' is where the project asks for it."""
    write_compcars(tmp_path, ["78/1/2014/aa.jpg"])
    assert not vehicleid.recognises(tmp_path)
    (tmp_path / "train_test_split/test_list_800.txt").write_text("")
    assert vehicleid.recognises(tmp_path)


def test_real_sets_learn_from_compcars_and_rendered_ones_from_each_other():
    assert {name: s.car_models for name, s in SETS.items() if s.poster} == {
        "veri": "CompCars",
        "vehicleid": "CompCars",
        "rendered-veri": "rendered-vehicleid",
        "rendered-vehicleid": "rendered-veri",
    }


def test_a_rendered_sets_models_come_from_the_other_sets_training_part(rendered):
    benchmark = load("rendered-vehicleid")
    found = outside.of(benchmark.of)
    other = load("rendered-veri")
    assert found.name == "rendered-veri"
    assert set(found.manifest.path) == set(other.train.path)
    models = other.side_car.set_index("image")["model"]
    assert found.manifest.coarse_id.nunique() == models.nunique() > 9  # models, and not types
    for path, code in zip(found.manifest.path[:50], found.manifest.coarse_id[:50], strict=True):
        same = found.manifest.coarse_id == code
        names = {models[p.rpartition("/")[2]] for p in found.manifest.path[same]}
        assert names == {models[path.rpartition("/")[2]]}
