"""VehicleID's reader against a tiny folder, and against the authors' list of 800 vehicles."""

import os

import pandas as pd
import pytest

import tiny_sets
from rnnha.data import official, vehicleid
from rnnha.data.sets import load
from rnnha.files import DataError
from tiny_sets import VEHICLEID_TEST, VEHICLEID_TRAIN


@pytest.fixture
def root(tmp_path):
    return tiny_sets.write_vehicleid(tmp_path / "VehicleID_V1.0")


def names(rows):
    return [path.rsplit("/", 1)[1].removesuffix(".jpg") for path in rows["path"]]


def test_splits_ids_and_absent_cameras(root):
    benchmark = vehicleid.read(root)
    assert dict(zip(names(benchmark.train), benchmark.train["vehicle_id"], strict=True)) == (
        VEHICLEID_TRAIN
    )
    assert dict(zip(names(benchmark.test), benchmark.test["vehicle_id"], strict=True)) == (
        VEHICLEID_TEST
    )
    assert benchmark.protocol == "vehicleid"
    assert benchmark.manifest["camera_id"].isna().all()
    assert len(benchmark.query) == len(benchmark.gallery) == 0


def test_images_without_a_model_stay_unlabelled_and_are_counted(root):
    benchmark = vehicleid.read(root)
    coarse = dict(zip(names(benchmark.train), benchmark.train["coarse_id"], strict=True))
    assert [coarse[k] for k in ("0000001", "0000002", "0000003")] == [1, 1, 0]
    assert pd.isna(coarse["0000004"]) and pd.isna(coarse["0000005"])
    (note,) = (note for note in benchmark.notes if "model label" in note)
    assert "2 of 5 training images" in note
    assert "keeps 3 images of 2 vehicles in 2 models" in note


def test_all_test_lists_are_read_with_their_sizes_from_the_file_names(root):
    lists = vehicleid.read(root).test_lists
    assert list(lists) == [1, 2, 3]
    assert lists[1] == ("0000015.jpg",)
    assert lists[2] == ("0000013.jpg", "0000014.jpg", "0000011.jpg", "0000012.jpg")


def test_name_files_of_unknown_encoding_never_fail(root):
    train = vehicleid.read(root).train
    assert train["type"].iloc[:3].tolist() == ["大众帕萨特", "大众帕萨特", "奥迪A6"]
    assert train["color"].iloc[2] == "red"  # beside a name whose bytes no encoding explains
    (root / "attribute/model_names.txt").unlink()
    assert vehicleid.read(root).train["type"].iloc[0] == "model 1"


def test_a_list_with_another_number_of_vehicles_than_its_name_says(root):
    split = root / "train_test_split"
    (split / "test_list_2.txt").rename(split / "test_list_4.txt")
    with pytest.raises(DataError, match="test_list_4.txt: found 2 vehicles, expected 4"):
        vehicleid.read(root)


@pytest.mark.parametrize("listing", ["test_list_1.txt", "train_list.txt"])
def test_a_list_that_contradicts_img2vid(root, listing):
    tiny_sets.write_crlf(root / "train_test_split" / listing, ["0000015 21"])
    with pytest.raises(DataError, match=f"{listing}: 1 lines disagree.*0000015"):
        vehicleid.read(root)


def test_training_images_in_a_test_list(root):
    tiny_sets.write_crlf(root / "train_test_split/test_list_1.txt", ["0000001 10"])
    with pytest.raises(DataError, match="for training: 0000001.jpg"):
        vehicleid.read(root)


def test_a_broken_line_is_named_with_its_number(root):
    tiny_sets.write_crlf(root / "attribute/model_attr.txt", ["10 1", "11 zero"])
    with pytest.raises(DataError, match="model_attr.txt, line 2: .*'11 zero'"):
        vehicleid.read(root)


IMAGE_LISTS = (
    "attribute/img2vid.txt",
    "train_test_split/train_list.txt",
    "train_test_split/test_list_2.txt",
)
LABELS = ("attribute/model_attr.txt", "attribute/color_attr.txt")


@pytest.mark.parametrize("file", [*IMAGE_LISTS, *LABELS])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda line: f"{line} 7", "line 1: expected"),
        (lambda line: line.split()[0], "line 1: expected"),
        (lambda line: f"{line.split()[0]} {'9' * 20}", "line 1: expected"),
        (lambda line: f"{line.split()[0]} -1", "line 1: expected"),
        (lambda line: f"{line}\0", "NUL bytes"),
        (lambda line: f"{line}\r\n{line.split()[0]} 99", "line 2: .* is on an earlier line"),
    ],
)
def test_a_line_of_a_list_that_is_wrong(root, file, change, said):
    first, *rest = (root / file).read_text(encoding="utf-8").splitlines()
    tiny_sets.write_crlf(root / file, [change(first), *rest])
    with pytest.raises(DataError, match=f"{file}.*{said}"):
        vehicleid.read(root)


@pytest.mark.parametrize("file", IMAGE_LISTS)
def test_an_image_is_listed_once_and_by_its_name(root, file):
    lines = (root / file).read_text(encoding="utf-8").splitlines()
    tiny_sets.write_crlf(root / file, [*lines, lines[0]])
    with pytest.raises(DataError, match=f"{file}, line {len(lines) + 1}: .*earlier line"):
        vehicleid.read(root)
    tiny_sets.write_crlf(root / file, [f"image\\{line}" for line in lines])
    with pytest.raises(DataError, match=f"{file}: .*back-slashes"):
        vehicleid.read(root)


def test_a_vehicles_label_may_be_repeated(root):
    before = vehicleid.read(root).train["type"].tolist()
    lines = (root / LABELS[0]).read_text(encoding="utf-8").splitlines()
    tiny_sets.write_crlf(root / LABELS[0], [*lines, lines[0]])
    assert vehicleid.read(root).train["type"].tolist() == before


@pytest.mark.parametrize("file", [*IMAGE_LISTS, *LABELS])
def test_an_empty_list_a_folder_and_a_pipe_are_refused(root, file):
    (root / file).write_bytes(b"\r\n")
    with pytest.raises(DataError, match=f"{file}: empty, expected lines of"):
        vehicleid.read(root)
    (root / file).unlink()
    (root / file).mkdir()
    with pytest.raises(DataError, match=f"{file}: expected a file, found a folder"):
        vehicleid.read(root)
    (root / file).rmdir()
    os.mkfifo(root / file)
    with tiny_sets.seconds(5), pytest.raises(DataError, match=f"{file}: .*found a pipe"):
        vehicleid.read(root)


def test_missing_images_are_named(root):
    (root / "image/0000012.jpg").unlink()
    with pytest.raises(DataError, match="1 of 10 listed images are missing: 0000012.jpg"):
        vehicleid.read(root)


def test_absence_of_test_lists_is_told(root):
    assert any("800, 1600, 2400, 3200, 6000, 13164" in n for n in vehicleid.read(root).notes)
    for path in (root / "train_test_split").glob("test_list_*"):
        path.unlink()
    with pytest.raises(DataError, match=r"missing: train_test_split/test_list_\*.txt"):
        vehicleid.read(root)


def test_a_part_of_the_real_set_is_not_taken_for_the_whole(root):
    with pytest.raises(DataError, match="found 5 images of 3 vehicles, expected 113,346 of 13,164"):
        load("vehicleid", root)


def test_a_rendered_set_has_its_own_counts_and_may_have_vehicles_outside_all_lists(root):
    for size in (1, 3):
        (root / f"train_test_split/test_list_{size}.txt").unlink()
    rows = [(f"{image}.jpg", vehicle, "train") for image, vehicle in VEHICLEID_TRAIN.items()]
    rows += [(f"{image}.jpg", vehicle, "test") for image, vehicle in VEHICLEID_TEST.items()]
    tiny_sets.write_side_car(root, rows)
    benchmark = load("rendered-vehicleid", root)
    assert benchmark.synthetic and not any("not found" in note for note in benchmark.notes)
    assert set(benchmark.test["vehicle_id"]) == {20, 21, 22}  # 22 is in no list now
    assert list(benchmark.test_lists) == [2]


def test_the_authors_lists_stand_in_for_missing_ones(root, monkeypatch):
    tiny_sets.expect_mat(monkeypatch, official.VEHICLEID_TRAIN, 3, 2, 2)
    test_list = official.LISTS["test_list_800.mat"]._replace(images=5, vehicles=3)
    monkeypatch.setitem(official.LISTS, "test_list_3.mat", test_list)
    (root / "train_test_split/train_list.txt").unlink()
    (root / "train_test_split/test_list_3.txt").unlink()
    (root / "attribute/model_attr.txt").unlink()
    labelled = ["0000001.jpg", "0000002.jpg", "0000003.jpg"]
    tiny_sets.write_mat(root / official.VEHICLEID_TRAIN, labelled, [1, 1, 2], [2, 2, 1])
    tested = [f"{image}.jpg" for image in VEHICLEID_TEST]
    tiny_sets.write_mat(root / "test_list_3.mat", tested, list(VEHICLEID_TEST.values()), None)
    benchmark = vehicleid.read(root)
    assert benchmark.train["vehicle_id"].tolist() == [10, 10, 11]
    assert benchmark.train["coarse_id"].tolist() == [2, 2, 1]
    assert benchmark.test_lists[3] == tuple(tested)
    assert set(benchmark.test["vehicle_id"]) == {20, 21, 22}  # unlabelled 12 is not for testing


def test_the_authors_list_of_800_has_the_published_counts(shared):
    table = official.read_list(shared / "data/official/test_list_800.mat")
    assert len(table) == 6_493
    assert table["vehicle_class"].nunique() == 800
    assert table["coarse_id"].isna().all()
    assert table.iloc[0].tolist()[:2] == ["0279029.jpg", 23781]
