"""VeRi's reader against a folder with every known oddity, and against the authors' own list."""

import os
import shutil

import numpy as np
import pandas as pd
import pytest
from scipy.io import savemat

import tiny_sets
from rnnha.data import official, veri
from rnnha.data.sets import load
from rnnha.files import DataError
from tiny_sets import VERI_GALLERY, VERI_QUERY, VERI_TRACKS, VERI_TRAIN


@pytest.fixture
def root(tmp_path):
    # The folder above looks like a vehicle in a camera; only file names may be parsed.
    return tiny_sets.write_veri(tmp_path / "0776_c020_00000000_0" / "VeRi")


def names(rows):
    return [path.rsplit("/", 1)[1] for path in rows["path"]]


def test_order_ids_and_cameras_come_from_lists_and_file_names(root):
    benchmark = veri.read(root)
    assert names(benchmark.train) == list(VERI_TRAIN)
    assert names(benchmark.query) == list(VERI_QUERY)
    assert names(benchmark.gallery) == list(VERI_GALLERY)
    assert benchmark.gallery["vehicle_id"].tolist() == [2, 2, 2, 5, 5, 5]
    assert benchmark.gallery["camera_id"].tolist() == [2, 2, 3, 2, 4, 4]
    assert (benchmark.protocol, benchmark.synthetic) == ("veri", False)
    assert all(path.startswith(str(root.resolve())) for path in benchmark.manifest["path"])


def test_the_manifest_has_the_promised_dtypes(root):
    manifest = veri.read(root).manifest
    assert {column: str(dtype) for column, dtype in manifest.dtypes.items()} == {
        "path": "string",
        "vehicle_id": "int64",
        "coarse_id": "Int64",
        "camera_id": "Int64",
        "track_id": "string",
        "split": "string",
        "type": "string",
        "color": "string",
    }


def test_types_are_mended_where_the_label_file_is_known_to_be_wrong(root):
    benchmark = veri.read(root)
    types = dict(zip(names(benchmark.train), benchmark.train["coarse_id"], strict=True))
    assert types["0001_c001_00016450_0.jpg"] == 4
    assert types["0003_c001_00000001_0.jpg"] == 2  # typeID 0
    assert types["0324_c019_00024330_0.jpg"] == 1  # these three are absent from the XML
    assert types["0389_c014_00061220_0.jpg"] == 3
    assert types["0395_c012_00049505_0.jpg"] == 8
    assert pd.isna(types["0500_c001_00000001_0.jpg"])
    assert pd.isna(types["0600_c001_00000001_0.jpg"])
    notes = "\n".join(benchmark.notes)
    assert "1 images with typeID 0" in notes
    assert "3 images absent" in notes
    assert "2 training images have no type" in notes
    assert benchmark.gallery["type"].tolist() == ["estate"] * 3 + ["bus"] * 3
    assert benchmark.train["color"].tolist()[:4] == ["white", "white", "black", "red"]


def test_query_images_that_also_lie_in_the_gallery_stay_in_both(root):
    benchmark = veri.read(root)
    assert set(names(benchmark.query)) <= set(names(benchmark.gallery))
    assert set(benchmark.query["path"]).isdisjoint(benchmark.gallery["path"])


@pytest.mark.parametrize("named", [False, True])
def test_tracks_with_and_without_a_leading_name(root, named):
    if named:
        lines = [f"track-{k} " + " ".join(track) for k, track in enumerate(VERI_TRACKS)]
        tiny_sets.write_crlf(root / "test_track.txt", lines)
    benchmark = veri.read(root)
    of_gallery = dict(zip(names(benchmark.gallery), benchmark.gallery["track_id"], strict=True))
    grouped = {}
    for image, track in of_gallery.items():
        grouped.setdefault(track, []).append(image)
    assert sorted(map(tuple, grouped.values())) == sorted(VERI_TRACKS)
    assert ("track-0" in grouped) == named
    assert benchmark.query["track_id"].tolist() == [of_gallery[name] for name in VERI_QUERY]
    assert benchmark.train["track_id"].isna().all()


def test_a_track_over_two_cameras_is_refused(root):
    tiny_sets.write_crlf(root / "test_track.txt", [" ".join(VERI_GALLERY)])
    with pytest.raises(DataError, match="test_track.txt, line 1: a track is one vehicle"):
        veri.read(root)


@pytest.mark.parametrize("line", [VERI_GALLERY[0], "0002_c002_99999999_0.jpg"])
def test_a_track_with_an_image_twice_or_unknown_is_refused(root, line):
    tracks = [" ".join(track) for track in VERI_TRACKS]
    tiny_sets.write_crlf(root / "test_track.txt", [*tracks, line])
    with pytest.raises(DataError, match="test_track.txt, line 5: (already|not in image_test)"):
        veri.read(root)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["one " + VERI_GALLERY[2], "one " + VERI_GALLERY[3]], "line 2: a second track called one"),
        ([f"{VERI_GALLERY[0]} {VERI_GALLERY[0]}"], "listed more than once"),
        ([f"image_test\\{VERI_GALLERY[0]}"], "back-slashes"),
        (["0002_c02_1.jpg " + VERI_GALLERY[0]], "line 1: not in image_test: 0002_c02_1.jpg"),
    ],
)
def test_tracks_that_cannot_be_told_apart_or_found(root, lines, said):
    tiny_sets.write_crlf(root / "test_track.txt", lines)
    with pytest.raises(DataError, match=f"test_track.txt.*{said}"):
        veri.read(root)


def test_without_tracks_loading_works_and_says_so(root):
    (root / "test_track.txt").unlink()
    benchmark = veri.read(root)
    assert benchmark.gallery["track_id"].isna().all()
    assert any("test_track.txt" in note for note in benchmark.notes)


@pytest.mark.parametrize("suffix", ["_index.txt", "_image.txt", "_index_776.txt"])
@pytest.mark.parametrize("kind", ["gt", "jk"])
def test_every_spelling_of_the_index_files_is_compared_with_the_rule(root, kind, suffix):
    (root / f"{kind}_index.txt").rename(root / f"{kind}{suffix}")
    veri.read(root)
    tiny_sets.write_crlf(root / f"{kind}{suffix}", ["5 6 ", "1 3 "])
    with pytest.raises(DataError, match=f"{kind}{suffix}: . of 2 lines .*same vehicle.* line "):
        veri.read(root)


@pytest.mark.parametrize("kind", ["gt", "jk"])
@pytest.mark.parametrize("wrong", [2, 3])
def test_one_index_line_in_a_hundred_may_differ(tmp_path, kind, wrong):
    """200 queries of one vehicle each, each with one good and one junk image."""
    vehicles = range(1, 201)
    gallery = [f"{v:04d}_c{c:03d}_00000001_0.jpg" for v in vehicles for c in (1, 2)]
    root = tiny_sets.write_veri(tmp_path / "VeRi")
    for part, names in (("query", gallery[::2]), ("test", gallery)):
        shutil.rmtree(root / f"image_{part}")
        tiny_sets.write_images(root / f"image_{part}", names)
        tiny_sets.write_crlf(root / f"name_{part}.txt", names)
    shutil.rmtree(root / "image_train")
    train = ["0300_c001_00000001_0.jpg"]
    tiny_sets.write_images(root / "image_train", train)
    tiny_sets.write_crlf(root / "name_train.txt", train)
    (root / "train_label.xml").write_bytes(tiny_sets.label_xml("T", {train[0]: (1, 1)}))
    (root / "test_track.txt").unlink()
    lines = {
        "gt": [f"{2 * k + 2} " for k in range(200)],
        "jk": [f"{2 * k + 1} " for k in range(200)],
    }
    lines[kind][50 : 50 + wrong] = ["7 8 "] * wrong
    for which in lines:
        tiny_sets.write_crlf(root / f"{which}_index.txt", lines[which])
    if wrong > 2:
        with pytest.raises(DataError, match=f"{kind}_index.txt: 3 of 200 lines.*line 51 "):
            veri.read(root)
    else:
        notes = "\n".join(veri.read(root).notes)
        assert f"{kind}_index.txt: 2 lines are not" in notes and "51 (0051_c001" in notes


@pytest.mark.parametrize("word", ["four", "4.0", "-4", "9" * 20, "\u0664"])
def test_an_index_line_of_other_than_numbers_is_named(root, word):
    tiny_sets.write_crlf(root / "jk_index.txt", [word, "3 "])
    with pytest.raises(DataError, match="jk_index.txt, line 1: expected a whole number"):
        veri.read(root)


@pytest.mark.parametrize("listing", ["name_train.txt", "name_query.txt", "name_test.txt"])
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda names: [f"image\\{name}" for name in names], "back-slashes, as on Windows"),
        (lambda names: [f"image/{name}" for name in names], "a path with slashes"),
        (lambda names: [names[0], f"{names[1]} 7"], "line 2: expected one image name"),
        (lambda names: [*names, names[0]], "1 images are listed more than once"),
        (lambda names: [f"{names[0]}\0", *names[1:]], "NUL bytes"),
        (lambda names: [], "lists no images"),
    ],
)
def test_a_list_that_is_none_is_refused(root, listing, change, said):
    names = (root / listing).read_text(encoding="utf-8").split()
    tiny_sets.write_crlf(root / listing, change(names))
    with pytest.raises(DataError, match=f"{listing}.*{said}"):
        veri.read(root)


FILES = ("name_test.txt", "train_label.xml", "test_track.txt", "jk_index.txt")


@pytest.mark.parametrize("file", FILES)
def test_what_is_no_file_is_refused_and_never_waited_for(root, file):
    content = (root / file).read_bytes()
    (root / file).unlink()
    (root / file).mkdir()
    with pytest.raises(DataError, match=f"{file}: expected a file, found a folder"):
        veri.read(root)
    (root / file).rmdir()
    os.mkfifo(root / file)
    with tiny_sets.seconds(5), pytest.raises(DataError, match=f"{file}: .*found a pipe"):
        veri.read(root)
    (root / file).unlink()
    with open(root / file, "wb") as stream:
        stream.write(content)
        stream.truncate(2**40)  # takes no room on the disk, but would in memory
    with pytest.raises(DataError, match=f"{file}: 1,099,511,627,776 bytes"):
        veri.read(root)


def test_a_file_in_place_of_a_folder_of_images(root):
    shutil.rmtree(root / "image_query")
    (root / "image_query").write_bytes(b"")
    with pytest.raises(DataError, match="image_query: expected a folder of images"):
        veri.read(root)


def test_a_pipe_among_the_images_is_a_missing_image(root):
    (root / "image_test" / VERI_GALLERY[2]).unlink()
    os.mkfifo(root / "image_test" / VERI_GALLERY[2])
    with pytest.raises(DataError, match=f"1 of the 6 images.*missing: {VERI_GALLERY[2]}"):
        veri.read(root)


def test_lists_that_windows_saved_as_unicode(root):
    (root / "name_test.txt").write_bytes("\r\n".join(VERI_GALLERY).encode("utf-16"))
    assert names(veri.read(root).gallery) == list(VERI_GALLERY)


HEAD = b'<?xml version="1.0" encoding="gb2312"?>'
LAUGHS = b'<!ENTITY a0 "ha">' + b"".join(
    b'<!ENTITY a%d "%s">' % (k, b"&a%d;" % (k - 1) * 10) for k in range(1, 10)
)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (b'typeID="4"', b'typeID="sedan"', "typeID of 0001_c001.*found 'sedan'"),
        (b'typeID="4"', b'typeID="' + b"9" * 20 + b'"', "typeID of .*at most 18 digits"),
        (b' typeID="4"', b"", "an item without typeID"),
        (b'cameraID="c001" ', b"", "an item without cameraID"),
        (b"imageName=", b"image=", "an item without imageName"),
        (b"<Item ", b"<Image ", "no <Item>"),
        (b"</Items>", b"", "ParseError"),
        (b'imageName="0', b'imageName="image_train\\0', "back-slashes"),
        (HEAD, HEAD + b"<!DOCTYPE T [" + LAUGHS + b"]>", "document type"),
        (HEAD, HEAD + b'<!DOCTYPE T [<!ENTITY x SYSTEM "file:///etc/hostname">]>', "document type"),
        (b'encoding="gb2312"', b'encoding="zip"', "LookupError"),
    ],
)
def test_a_label_file_that_is_none_is_refused(root, old, new, said):
    path = root / "train_label.xml"
    content = path.read_bytes()
    assert old in content
    if b"<!DOCTYPE" in new:
        content = content.replace(b'colorID="7"', b'colorID="&a9;&x;"')
    path.write_bytes(content.replace(old, new))
    with pytest.raises(DataError, match=f"train_label.xml: .*{said}"):
        veri.read(root)


def test_a_label_file_of_other_images_is_refused(root):
    items = {f"0700_c001_0000000{k}_0.jpg": (1, 1) for k in range(3)}
    (root / "train_label.xml").write_bytes(tiny_sets.label_xml("TrainingImages", items))
    tiny_sets.write_crlf(root / "name_train.txt", ["0500_c001_00000001_0.jpg"])
    with pytest.raises(DataError, match="a type of none of the training images"):
        veri.read(root)


def test_a_missing_image_is_named(root):
    (root / "image_test" / VERI_GALLERY[2]).unlink()
    with pytest.raises(DataError, match=f"image_test.*1 of the 6.*{VERI_GALLERY[2]}"):
        veri.read(root)


def test_all_missing_entries_are_named_at_once(root):
    shutil.rmtree(root / "image_query")
    (root / "test_label.xml").unlink()
    with pytest.raises(DataError, match="missing: image_query, test_label.xml"):
        veri.read(root)


def test_files_that_macos_leaves_behind_are_no_images(root):
    (root / "image_train" / "._0001_c001_00016450_0.jpg").write_bytes(b"x")
    (root / "image_train" / ".DS_Store").write_bytes(b"x")
    assert not any("does not list" in note for note in veri.read(root).notes)


def test_the_file_name_counts_where_the_label_file_contradicts_it(root):
    text = (root / "test_label.xml").read_bytes()
    (root / "test_label.xml").write_bytes(text.replace(b'cameraID="c003"', b'cameraID="c004"'))
    benchmark = veri.read(root)
    assert benchmark.gallery["camera_id"].tolist() == [2, 2, 3, 2, 4, 4]
    assert any("file name, which counts: 0002_c003" in note for note in benchmark.notes)


def test_an_image_in_both_label_files_is_labelled_once_or_refused(root):
    """As where somebody has put one file's items into the other, too."""
    before = veri.read(root).manifest
    train, test = ((root / f"{part}_label.xml").read_bytes() for part in ("train", "test"))
    items = b"\n".join(line for line in train.splitlines() if b"<Item " in line)
    end = test.index(b"<Item ")
    (root / "test_label.xml").write_bytes(test[:end] + items + b"\n" + test[end:])
    pd.testing.assert_frame_equal(veri.read(root).manifest, before)
    other = items.replace(b'typeID="4"', b'typeID="5"', 1)
    assert other != items
    (root / "test_label.xml").write_bytes(test[:end] + other + b"\n" + test[end:])
    with pytest.raises(DataError, match=r"1 images have other labels in test_label.xml"):
        veri.read(root)


def test_a_part_of_the_real_set_is_not_taken_for_the_whole(root):
    with pytest.raises(DataError, match="found 9 images of 7 vehicles, expected 37,778 of 576"):
        load("veri", root)


def test_an_absent_set_says_whom_to_ask_and_where_it_goes(tmp_path):
    with pytest.raises(DataError, match="(?s)nowhere.*Xinchen Liu.*vehiclereid.github.io/VeRi"):
        load("veri", tmp_path / "nowhere")
    with pytest.raises(DataError, match="make data"):
        load("rendered-veri", tmp_path / "nowhere")
    with pytest.raises(DataError, match="no such data set.*veri.*photographs"):
        load("market1501")


def test_a_rendered_set_is_checked_against_its_side_car(tmp_path):
    layout = tiny_sets.write_veri(tmp_path / "VeRi")
    rows = [(name, int(name[:4]), "train") for name in VERI_TRAIN]
    rows += [(name, int(name[:4]), "gallery") for name in VERI_GALLERY]
    tiny_sets.write_side_car(layout, rows)
    mask = tmp_path / "masks/cues" / f"{VERI_QUERY[0][:-4]}.png"
    tiny_sets.write_images(mask.parent, [mask.name])
    benchmark = load("rendered-veri", layout)
    assert benchmark.synthetic
    assert benchmark.side_car.set_index("image").loc[VERI_GALLERY[0], "cues"] == "dent;sticker"
    assert benchmark.mask(benchmark.query["path"][0], "cues") == mask
    with pytest.raises(DataError, match="not found"):
        benchmark.mask(benchmark.query["path"][1], "cues")
    with pytest.raises(DataError, match="cues and vehicle"):
        benchmark.mask(benchmark.query["path"][0], "wheels")
    tiny_sets.write_side_car(layout, rows[:-1])
    with pytest.raises(DataError, match=f"test images do not match.*{VERI_GALLERY[-1]}"):
        load("rendered-veri", layout)


def test_real_images_have_neither_side_car_nor_masks(root):
    benchmark = veri.read(root)
    assert benchmark.side_car is None
    with pytest.raises(DataError, match="no masks"):
        benchmark.mask(benchmark.query["path"][0], "cues")


def test_the_authors_list_stands_in_for_a_missing_label_file(root, monkeypatch):
    tiny_sets.expect_mat(monkeypatch, official.VERI_TRAIN, 3, 2, 2)
    (root / "train_label.xml").unlink()
    (root / "name_train.txt").unlink()
    kept = list(VERI_TRAIN)[:3]
    tiny_sets.write_mat(root / official.VERI_TRAIN, kept, [1, 1, 2], [4, 4, 2])
    train = veri.read(root).train
    assert names(train) == kept
    assert train["type"].tolist() == ["hatchback", "hatchback", "suv"]


def test_the_authors_veri_list_has_the_published_counts(shared):
    table = official.read_list(shared / "data/official" / official.VERI_TRAIN)
    assert len(table) == 37_778
    assert table["vehicle_class"].nunique() == 576
    counts = table["coarse_id"].value_counts().sort_index().tolist()
    assert counts == [19916, 4162, 2041, 2006, 912, 2417, 2782, 3422, 120]


def test_the_table_of_missing_types_agrees_with_the_authors_list(shared):
    table = pd.read_csv(veri.MISSING_TYPES).set_index("image")["type_id"]
    theirs = official.read_list(shared / "data/official" / official.VERI_TRAIN).set_index("image")
    assert (table == theirs["coarse_id"].reindex(table.index)).all()
    vehicle_and_camera = table.index.str[:9]
    assert sum(vehicle_and_camera.str.startswith("0389")) == 24
    assert sum(vehicle_and_camera == "0324_c019") == 5
    # Which three of vehicle 0395's nine images at camera 12 the XML lacks is not recorded.
    assert sum(vehicle_and_camera == "0395_c012") == 9
    assert len(table) == 38


def test_a_file_that_is_no_label_file_is_refused(tmp_path):
    (tmp_path / "train_imdb_VeRi.mat").write_bytes(b"not MATLAB")
    with pytest.raises(DataError, match="not one of the authors' label files"):
        official.read_list(tmp_path / "train_imdb_VeRi.mat")


NAMES = ["0001_c001_00000001_0.jpg", "0002_c001_00000001_0.jpg"]


def struct(names=NAMES, classes=(1, 2), models=(1, 2), **others):
    fields = {"name": np.array([list(names)], dtype=object), "class": np.array([list(classes)])}
    return fields | {"model": np.array([list(models)])} | others


@pytest.mark.parametrize(
    ("images", "said"),
    [
        ({"filename": np.array([[1, 2]]), "label": np.array([[1, 2]])}, "no name, class, model"),
        ({k: v for k, v in struct().items() if k != "model"}, "no model among the fields"),
        (np.array([[1, 2, 3]]), "no single struct"),
        (struct([], [], []), "label file|found 0 images"),
        (struct(["cat.jpg", NAMES[0]]), "1 of 2 names are no image names.*cat.jpg"),
        (struct(["0279029.jpg", "0279030.jpg"]), "2 of 2 names are no image names"),
        (struct([f"image_train\\{name}" for name in NAMES]), "back-slashes"),
        (struct([NAMES[0], NAMES[0]]), "listed more than once"),
        (struct([3, 4]), "no text"),
        (struct(classes=(1, -2)), "no whole numbers from 0"),
        (struct(classes=(1, 2.5)), "no whole numbers from 0"),
        (struct(classes=(1, np.nan)), "no numbers"),
        (struct(classes=(1, 2, 3)), "label file"),
        (struct(models=(1, -1)), "no whole numbers from 0"),
        (struct(classes=(1, 1)), "found 2 images, 1 vehicles.*expected 2 images, 2 vehicles"),
    ],
)
def test_another_matlab_file_of_this_name_is_refused(tmp_path, monkeypatch, images, said):
    path = tmp_path / official.VERI_TRAIN
    tiny_sets.expect_mat(monkeypatch, path.name, 2, 2, 2)
    savemat(path, {"images": struct()})
    assert official.read_list(path)["image"].tolist() == NAMES
    savemat(path, {"images": images})
    with pytest.raises(DataError, match=f"(?s){path}.*({said})"):
        official.read_list(path)


def test_a_label_file_has_its_own_name_and_published_counts(tmp_path):
    for name, said in (
        ("train (1).mat", "no name of the authors' label files.*test_list_800.mat"),
        (official.VERI_TRAIN, "found 2 images.*expected 37,778 images, 576 vehicles, 9 coarse"),
    ):
        savemat(tmp_path / name, {"images": struct()})
        with pytest.raises(DataError, match=said):
            official.read_list(tmp_path / name)
