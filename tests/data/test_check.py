"""`rnnha check`: it recognises a folder, says what is there, what is not, and what to do."""

import shutil
import subprocess
import sys

import numpy as np
import pytest
from scipy.io import savemat

import tiny_sets
from rnnha.data.check import check
from tiny_sets import VEHICLEID_TEST, VEHICLEID_TRAIN, VERI_GALLERY, VERI_TRAIN


def rendered_veri(folder):
    layout = tiny_sets.write_veri(folder / "VeRi")
    rows = [(name, int(name[:4]), "train") for name in VERI_TRAIN]
    tiny_sets.write_side_car(layout, rows + [(n, int(n[:4]), "gallery") for n in VERI_GALLERY])
    for kind in ("cues", "vehicle"):
        tiny_sets.write_images(folder / "masks" / kind, [f"{n[:-4]}.png" for n in VERI_GALLERY])
    return folder


def rendered_vehicleid(folder):
    layout = tiny_sets.write_vehicleid(folder / "VehicleID_V1.0")
    rows = [(f"{image}.jpg", vehicle, "train") for image, vehicle in VEHICLEID_TRAIN.items()]
    rows += [(f"{image}.jpg", vehicle, "test") for image, vehicle in VEHICLEID_TEST.items()]
    tiny_sets.write_side_car(layout, rows)
    for kind in ("cues", "vehicle"):
        tiny_sets.write_images(folder / "masks" / kind, [f"{n}.png" for n in VEHICLEID_TEST])
    return folder


@pytest.mark.parametrize("inner", [".", "VeRi"])
def test_a_rendered_set_is_recognised_from_either_folder(tmp_path, inner):
    report = check(rendered_veri(tmp_path / "rendered-veri") / inner)
    assert report.ok and report.sets == ["rendered-veri"]
    text = str(report)
    assert "gallery: 6 images, 2 vehicles, 2 coarse classes, 3 cameras, 4 tracks" in text
    assert "masks of cues: 6 of 6" in text
    assert "gt_index.txt: as the rule says" in text and "jk_index.txt: as the rule" in text
    assert "17 of 17 images decoded, a sample of 17" in text
    assert "3 images absent from the label XML" in text


def test_a_folder_of_several_sets_reports_each(tmp_path):
    rendered_veri(tmp_path / "rendered-veri")
    rendered_vehicleid(tmp_path / "rendered-vehicleid")
    report = check(tmp_path)
    assert sorted(report.sets) == ["rendered-vehicleid", "rendered-veri"]
    assert report.ok
    assert "rendered-vehicleid: test lists: 1 vehicles (1 images), 2 vehicles" in str(report)


def test_a_sample_says_of_how_many(tmp_path):
    tiny_sets.write_images(tmp_path, [f"{k}.jpg" for k in range(40)])
    lines = [f"{k}.jpg,{k // 2},{'query' if k % 2 else 'gallery'}" for k in range(40)]
    manifest = tmp_path / "m.csv"
    manifest.write_text("\n".join(["path,vehicle_id,split", *lines]), encoding="utf-8")
    assert "40 of 40 images decoded, a sample of 40" in str(check(manifest))
    tiny_sets.write_images(tmp_path, [f"{k}.jpg" for k in range(40, 100)])
    lines = [f"{k}.jpg,{k // 2},{'query' if k % 2 else 'gallery'}" for k in range(100)]
    manifest.write_text("\n".join(["path,vehicle_id,split", *lines]), encoding="utf-8")
    assert "64 of 64 images decoded, a sample of 100" in str(check(manifest))


def test_a_set_found_twice_is_not_ready(tmp_path):
    for copy in ("a", "b"):
        tiny_sets.write_veri(tmp_path / copy / "VeRi")
    report = check(tmp_path)
    twice = [line for line in report.wrong if "found in" in line]
    assert len(twice) == 1
    assert all(str(tmp_path / copy / "VeRi") in twice[0] for copy in ("a", "b"))


def test_a_matlab_file_of_something_else_is_not_ready(tmp_path):
    struct = {"name": np.array([["a.jpg"]], dtype=object), "class": np.array([[1]])}
    for name, content in (
        ("test_list_800.mat", {"images": struct}),
        ("train_imdb_VeRi.mat", {"x": np.ones(3)}),
        ("other.mat", {"images": struct}),
    ):
        savemat(tmp_path / name, content)
        report = check(tmp_path / name)
        assert not report.ok and name in report.wrong[0], name


def test_an_absent_folder_needs_no_slow_import(tmp_path):
    """Neither torch, nor scipy: an answer within a second or so."""
    code = (
        "import sys; from rnnha.cli import main; main(['check', sys.argv[1]]); "
        "print([m for m in ('torch', 'scipy', 'torchvision', 'matplotlib') if m in sys.modules])"
    )
    call = [sys.executable, "-c", code, str(tmp_path / "nowhere")]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    assert "does not exist" in done.stdout and done.stdout.splitlines()[-1] == "[]"


def test_missing_masks_are_an_error(tmp_path):
    folder = rendered_veri(tmp_path / "rendered-veri")
    (folder / "masks/cues" / f"{VERI_GALLERY[0][:-4]}.png").unlink()
    report = check(folder)
    assert not report.ok
    assert "1 masks are missing" in str(report) and "make data" in str(report)


def test_a_part_of_the_real_set_is_not_ready(tmp_path):
    report = check(tiny_sets.write_veri(tmp_path / "VeRi"))
    assert report.sets == ["veri"] and not report.ok
    assert "expected 37,778" in str(report) and "Xinchen Liu" in str(report)


def test_everything_that_is_missing_is_listed(tmp_path):
    root = tiny_sets.write_vehicleid(tmp_path / "VehicleID_V1.0")
    shutil.rmtree(root / "attribute")
    report = check(root)
    assert report.sets == ["vehicleid"] and not report.ok
    assert [line.rsplit("/", 1)[1] for line in report.wrong] == [
        "img2vid.txt is missing",
        "model_attr.txt is missing",
    ]
    assert "Peking University" in str(report)


def test_an_unreadable_image_is_named(tmp_path):
    layout = rendered_veri(tmp_path / "rendered-veri") / "VeRi"
    (layout / "image_test" / VERI_GALLERY[4]).write_bytes(b"")
    report = check(layout)
    assert not report.ok
    assert any(VERI_GALLERY[4] in line and "unreadable" in line for line in report.wrong)


def test_an_own_manifest(tmp_path):
    tiny_sets.write_images(tmp_path, ["a.jpg", "b.jpg"])
    manifest = tmp_path / "m.csv"
    manifest.write_text("path,vehicle_id,split\na.jpg,1,query\nb.jpg,1,gallery\n", encoding="utf-8")
    assert check(manifest).ok
    manifest.write_text("path,vehicle,split\na.jpg,1,query\n", encoding="utf-8")
    report = check(manifest)
    assert not report.ok and "unknown columns: vehicle" in str(report)


def test_a_folder_of_nothing_known_says_what_would_be(tmp_path):
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    for path in (tmp_path, tmp_path / "notes.txt", tmp_path / "nowhere"):
        report = check(path)
        assert not report.ok and not report.sets
        assert "image_train/" in str(report) and "git clone" in str(report)
    assert "does not exist" in str(check(tmp_path / "nowhere"))


def test_the_photographs_and_the_authors_lists(shared):
    report = check(shared / "data/photographs")
    assert report.ok and report.sets == ["photographs"]
    assert "car 250, truck 112, bus 8" in str(report)
    report = check(shared / "data/official")
    assert report.ok
    assert "6,493 images, 800 vehicles" in str(report)
    assert "1 19,916, 2 4,162, 3 2,041" in str(report)
