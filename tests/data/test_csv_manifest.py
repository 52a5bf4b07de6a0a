"""One's own CSV manifest: what is accepted, and what the errors say."""

import pytest

import tiny_sets
from rnnha.data import csv_manifest
from rnnha.data.sets import load
from rnnha.files import DataError

GOOD = """path,vehicle_id,split,camera_id,type,color
crops/a.jpg,7,train,1,van,red
crops/b.jpg,8,query,1,,
crops/c.jpg,8,gallery,2,suv,
"""


@pytest.fixture
def folder(tmp_path):
    tiny_sets.write_images(tmp_path / "crops", ["a.jpg", "b.jpg", "c.jpg"])
    return tmp_path


def write(folder, text):
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_numbers_stay_paths_count_from_the_csv_and_empty_cells_are_unknown(folder):
    benchmark = load(write(folder, GOOD))
    assert (benchmark.name, benchmark.protocol) == ("mine", "veri")
    assert benchmark.train["path"].tolist() == [str(folder.resolve() / "crops/a.jpg")]
    assert benchmark.query["vehicle_id"].tolist() == [8]
    assert benchmark.gallery["camera_id"].tolist() == [2]
    assert benchmark.query["type"].isna().all()
    assert benchmark.manifest["coarse_id"].isna().tolist() == [False, True, False]  # from type


def test_rows_keep_the_order_of_the_file(folder):
    lines = GOOD.splitlines()
    shuffled = "\n".join([lines[0], lines[3], lines[1], lines[2]])
    manifest = load(write(folder, shuffled)).manifest
    assert manifest["split"].tolist() == ["gallery", "train", "query"]


def test_text_ids_are_numbered_alphabetically_and_the_notes_say_so(folder):
    text = GOOD.replace(",7,", ",KA-77,").replace(",8,", ",BX-1,").replace(",1,", ",north,")
    benchmark = load(write(folder, text.replace(",2,", ",gate,")))
    assert benchmark.manifest["vehicle_id"].tolist() == [1, 0, 0]
    assert benchmark.manifest["camera_id"].tolist() == [1, 1, 0]
    assert any("BX-1 = 0, KA-77 = 1" in note for note in benchmark.notes)


def test_ids_that_only_differ_in_leading_zeros_stay_apart(folder):
    benchmark = load(write(folder, GOOD.replace(",7,", ",008,")))
    assert benchmark.train["vehicle_id"][0] != benchmark.query["vehicle_id"][0]


def test_without_cameras_nothing_is_junk(folder):
    text = "path,vehicle_id,split\ncrops/a.jpg,1,query\ncrops/b.jpg,1,gallery\n"
    assert load(write(folder, text)).protocol == "cross-camera"


def test_a_test_split_is_scored_by_draws(folder):
    text = "path,vehicle_id,split\ncrops/a.jpg,1,test\ncrops/b.jpg,1,test\ncrops/c.jpg,2,test\n"
    benchmark = load(write(folder, text))
    assert benchmark.protocol == "vehicleid"
    assert benchmark.test_lists == {2: ("a.jpg", "b.jpg", "c.jpg")}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("camera_id", "camera"), "unknown columns: camera; required are path, vehicle_id, split"),
        (("vehicle_id", "id"), "columns missing: vehicle_id; unknown columns: id"),
        (("b.jpg,8", "b.jpg,"), "vehicle_id is empty on lines 3"),
        (("query", "probe"), "'probe' on lines 3"),
        (("query", "train"), "vehicles both|both query and gallery"),
        (("gallery,2", "gallery,"), "camera_id is empty on lines 4"),
        (("crops/c.jpg", "crops/x.jpg"), "1 images not found, on lines 4: .*x.jpg"),
        (("crops/a.jpg,7", "crops/a.jpg,8"), "vehicles both for training and for test: 8"),
    ],
)
def test_errors_name_what_is_wrong_and_where(folder, change, message):
    with pytest.raises(DataError, match=f"mine.csv.*({message})"):
        load(write(folder, GOOD.replace(*change)))


def test_two_test_images_of_one_name_are_refused_unless_they_are_one_file(folder):
    """Their embeddings are looked up by name: one would be scored with the other's."""
    (folder / "gallery").mkdir()
    copy = folder / "gallery" / "b.jpg"
    text = GOOD.replace("crops/c.jpg", "gallery/b.jpg")
    copy.write_bytes((folder / "crops/b.jpg").read_bytes())
    assert len(load(write(folder, text)).gallery) == 1
    copy.write_bytes(b"another picture")
    with pytest.raises(DataError, match="mine.csv.*b.jpg.*distinct file names"):
        load(write(folder, text))


def test_an_image_listed_twice_in_a_split(folder):
    with pytest.raises(DataError, match="listed twice: .*a.jpg"):
        load(write(folder, GOOD + "crops/a.jpg,7,train,1,van,red\n"))


def test_stored_embeddings_can_be_scored_without_the_images(folder):
    path = write(folder, GOOD.replace("crops/", "elsewhere/"))
    with pytest.raises(DataError, match="3 images not found"):
        csv_manifest.read(path)
    assert len(csv_manifest.read(path, images=False).manifest) == 3


def test_excel_s_mark_and_line_ends_do_not_matter(folder):
    path = folder / "mine.csv"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert len(load(path).manifest) == 3


def test_no_csv_at_all(folder):
    with pytest.raises(DataError, match="nothing.csv: not a readable CSV"):
        load(folder / "nothing.csv")
    with pytest.raises(DataError, match="no rows"):
        load(write(folder, "path,vehicle_id,split\n"))
