"""One's own CSV manifest: what is accepted, and what the errors say."""

import io

import pandas as pd
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
    (tmp_path / "crops").mkdir()
    for seed, name in enumerate(("a.jpg", "b.jpg", "c.jpg")):
        (tmp_path / "crops" / name).write_bytes(tiny_sets.jpeg(seed=seed))
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


def with_ids(column, *ids):
    table = pd.read_csv(io.StringIO(GOOD), dtype=str, keep_default_na=False)
    table["coarse_id"] = "1"
    table[column] = ids
    return table.to_csv(index=False)


@pytest.mark.parametrize("one", ["1", "1.0", "1."])
@pytest.mark.parametrize("column", ["vehicle_id", "camera_id", "coarse_id"])
def test_a_whole_number_written_as_a_decimal_is_that_number(folder, one, column):
    """pandas writes a column of numbers with a gap as decimals."""
    manifest = load(write(folder, with_ids(column, "3", one, "1"))).manifest
    assert manifest[column].tolist() == [3, 1, 1]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (("3", "1", "001"), "1 on line 3 and 001 on line 4: one number in two spellings"),
        (("KA-7", "7", "07.0"), "7 on line 3 and 07 on line 4"),
        (("3", "0.50", "0.5"), "0.50 on line 3 and 0.5 on line 4"),
        (("3", "1.23E+17", "5"), r"1.23E\+17 on lines 3; .*write it in full"),
        (("3", "9223372036854775808", "5"), "9223372036854775808 on lines 3; .*shorten it"),
        (("3", "9" * 5000, "5"), "9{40} on lines 3; .*shorten it"),
    ],
)
@pytest.mark.parametrize("column", ["vehicle_id", "camera_id", "coarse_id"])
def test_ids_that_may_be_one_or_two(folder, ids, message, column):
    with pytest.raises(DataError, match=f"mine.csv: {column} is .*{message}"):
        load(write(folder, with_ids(column, *ids)))


def test_the_largest_and_smallest_number_of_64_bits_stay_what_they_are(folder):
    large, small = 2**63 - 1, -(2**63)
    text = GOOD.replace(",7,", f",{large},").replace("query,1", f"query,{small}")
    manifest = load(write(folder, text)).manifest
    assert manifest["vehicle_id"].tolist() == [large, 8, 8]
    assert manifest["camera_id"].tolist() == [1, small, 2]


@pytest.mark.parametrize("word", ["", "nan", "NaN", "None", "NULL", "NA", "<NA>", " nan "])
def test_a_word_for_nothing_known_is_an_empty_cell(folder, word):
    manifest = load(
        write(folder, GOOD.replace("train,1,van,red", f"train,{word},{word},red"))
    ).manifest
    assert manifest["camera_id"].isna().tolist() == [True, False, False]
    assert manifest["type"].isna().tolist() == [True, True, False]
    with pytest.raises(DataError, match="vehicle_id is empty on lines 2"):
        load(write(folder, GOOD.replace(",7,", f",{word},")))


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
        (
            ("crops/a.jpg,7", "crops/a.jpg,8"),
            "vehicles both for training and for test: 8; .* on line 2 and on line 3",
        ),
    ],
)
def test_errors_name_what_is_wrong_and_where(folder, change, message):
    with pytest.raises(DataError, match=f"mine.csv.*({message})"):
        load(write(folder, GOOD.replace(*change)))


def test_two_test_images_of_one_name_are_refused_unless_they_are_one_file(folder):
    """Their embeddings are looked up by name: one would be scored with the other's."""
    (folder / "gallery").mkdir()
    copy = folder / "gallery" / "b.jpg"
    text = GOOD.replace("crops/c.jpg,8,gallery,2", "gallery/b.jpg,8,gallery,1")
    copy.write_bytes((folder / "crops/b.jpg").read_bytes())
    assert len(load(write(folder, text)).gallery) == 1
    copy.write_bytes(b"another picture")
    with pytest.raises(DataError, match="mine.csv.*b.jpg.*distinct file names"):
        load(write(folder, text))


@pytest.mark.parametrize("again", ["crops/a.jpg", "crops/../crops/a.jpg", "./crops/a.jpg"])
def test_an_image_listed_twice_in_a_split(folder, again):
    with pytest.raises(DataError, match="a.jpg is listed twice in a split, on lines 2, 5"):
        load(write(folder, GOOD + f"{again},7,train,1,van,red\n"))


def test_an_image_of_two_vehicles(folder):
    with pytest.raises(DataError, match="a.jpg is of several vehicles, on lines 2, 5"):
        load(write(folder, GOOD + "crops/a.jpg,8,gallery,2,van,red\n"))


# --- a query that would find itself --------------------------------------------------------------

NO_CAMERAS = "path,vehicle_id,split\ncrops/b.jpg,1,query\n%s,1,gallery\ncrops/c.jpg,1,gallery\n"


def copied(folder):
    (folder / "crops/copy.jpg").write_bytes((folder / "crops/b.jpg").read_bytes())
    return "crops/copy.jpg"


@pytest.mark.parametrize("images", [True, False])
@pytest.mark.parametrize("again", ["crops/b.jpg", "crops/./b.jpg", "crops/../crops/b.jpg"])
def test_a_query_in_the_gallery_is_refused_without_cameras(folder, again, images):
    with pytest.raises(
        DataError, match=r"mine.csv: 1 .*b.jpg \(line 2\).*\(line 3\); give camera_id"
    ):
        csv_manifest.read(write(folder, NO_CAMERAS % again), images=images)


def test_so_is_a_copy_under_another_name_where_there_are_files(folder):
    path = write(folder, NO_CAMERAS % copied(folder))
    with pytest.raises(DataError, match=r"b.jpg \(line 2\) and .*copy.jpg \(line 3\)"):
        csv_manifest.read(path)
    assert len(csv_manifest.read(path, images=False).gallery) == 2
    (folder / "crops/copy.jpg").write_bytes(b"x" + (folder / "crops/b.jpg").read_bytes()[1:])
    assert len(csv_manifest.read(path).gallery) == 2  # as large, and alike at the end


def test_a_copy_is_junk_in_the_same_camera_and_an_error_in_another(folder):
    text = GOOD + f"{copied(folder)},8,gallery,%s,,\n"
    assert len(load(write(folder, text % "1")).gallery) == 2
    with pytest.raises(DataError, match=r"b.jpg \(line 3\) and .*copy.jpg \(line 5\); .*labels"):
        load(write(folder, text % "2"))


def test_two_copies_in_one_list_of_test_images(folder):
    text = (
        f"path,vehicle_id,split\ncrops/a.jpg,1,test\ncrops/b.jpg,1,test\n{copied(folder)},1,test\n"
    )
    with pytest.raises(DataError, match=r"b.jpg \(line 3\) and .*copy.jpg \(line 4\); .*once"):
        load(write(folder, text))


# --- tracks and coarse labels --------------------------------------------------------------------

TRACKS = """path,vehicle_id,split,camera_id,track_id
b.jpg,8,query,1,1
c.jpg,8,gallery,2,1
d.jpg,8,gallery,2,%s
e.jpg,8,gallery,3,%s
"""


def test_tracks_numbered_anew_in_each_camera_are_refused_with_their_lines(folder):
    for name in "de":
        (folder / f"crops/{name}.jpg").write_bytes(tiny_sets.jpeg(seed=ord(name)))
    folder = folder / "crops"
    for images in (True, False):
        with pytest.raises(DataError, match="mine.csv: track 1 on lines 3 and 5 is of two"):
            csv_manifest.read(write(folder, TRACKS % ("1", "1")), images=images)
    tracks = load(write(folder, TRACKS % ("1.0", "2"))).gallery["track_id"]
    assert tracks.tolist() == ["1", "1", "2"]  # the query's track is nothing that is ranked
    with pytest.raises(DataError, match="track_id is 1 on line 2 and 01 on line 4"):
        load(write(folder, TRACKS % ("01", "2")))


def test_a_note_says_how_many_training_images_have_a_coarse_label(folder):
    text = "path,vehicle_id,split,coarse_id\ncrops/a.jpg,1,train,4\ncrops/b.jpg,2,train,\n"
    assert any("1 of 2 training images have a coarse" in n for n in load(write(folder, text)).notes)


# --- the structure of the file -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("crops/b", "\ncrops/b"), "line 3: blank"),
        (("crops/b", " , ,\ncrops/b"), "line 3: blank"),
        (("path", "\npath"), "line 1: blank"),
        (("red", "r\0d"), "line 2: NUL"),
        (("red", 'red\nx,9,query,1,"open'), "line 3: not CSV .*quote left open"),
        (("red", "red,blue"), "line 2: 7 cells, but the head has 6 columns"),
        (("\nc", "\n0,c"), "line 2: 7 cells, but the head has 6 columns .*index=False"),
        ((",suv,", ",suv,blue,left"), "line 4: 7 cells"),
        ((",2,suv,", ",2,suv"), "line 4: 5 cells"),
        (("color", "type"), "line 1: two columns are called type"),
        (("color", "'color"), "unknown columns: 'color"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_does_not_fit_the_head_is_refused_with_its_line(folder, change, message, end):
    path = folder / "mine.csv"
    path.write_bytes(GOOD.replace(*change).replace("\n", end).encode())
    with pytest.raises(DataError, match=f"mine.csv.*{message}"):
        load(path)


def test_an_index_without_a_head_is_refused(folder):
    text = pd.read_csv(io.StringIO(GOOD)).to_csv()
    with pytest.raises(DataError, match="line 2: '0' stands in column 1, which has no head"):
        load(write(folder, text))


def test_commas_and_blank_lines_at_the_ends_do_not_matter(folder):
    expected = load(write(folder, GOOD)).manifest
    for text in (GOOD.replace("\n", ",,\n"), GOOD.rstrip(), GOOD + "\n\n", GOOD + ",,,,,\n"):
        pd.testing.assert_frame_equal(load(write(folder, text)).manifest, expected)


def test_lines_are_those_of_the_file_after_a_cell_of_several(folder):
    text = GOOD.replace("red", '"dark\nred"').replace("crops/c", "crops/x")
    with pytest.raises(DataError, match="on lines 5: .*x.jpg"):
        load(write(folder, text))
    text = GOOD.replace("red", '"dark\nred"').replace("query", "probe")
    with pytest.raises(DataError, match="'probe' on lines 4"):
        load(write(folder, text))


def test_a_file_that_is_no_utf_8(folder):
    for encoding in ("utf-16", "utf-16-le"):
        (folder / "mine.csv").write_bytes(GOOD.encode(encoding))
        with pytest.raises(DataError, match="mine.csv.*UTF-8"):
            load(folder / "mine.csv")


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
