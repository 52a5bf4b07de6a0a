"""The photographs' reader: grammar, identities, split, and the 370 real ones."""

import subprocess
import sys

import pytest
from PIL import Image

import tiny_sets
from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.paths import ROOT


def write(folder, vehicles, cameras=(1, 2)):
    tiny_sets.write_images(folder, [f"{v}_cam{c}.jpg" for v in vehicles for c in cameras])


def test_a_number_is_one_vehicle_only_within_its_type(tmp_path):
    write(tmp_path / "images", ["car_0001", "truck_0001", "car_0002", "truck_0002"])
    benchmark = load("photographs", tmp_path)
    assert benchmark.manifest["vehicle_id"].nunique() == 4
    per_vehicle = benchmark.manifest.groupby("vehicle_id")["type"].nunique()
    assert (per_vehicle == 1).all()
    assert benchmark.protocol == "cross-camera"


def test_halves_of_vehicles_query_from_camera_1_gallery_from_camera_2(tmp_path):
    write(tmp_path / "images", [f"car_{k:04d}" for k in range(20)] + ["bus_0001", "bus_0002"])
    benchmark = load("photographs", tmp_path)
    trained, tested = set(benchmark.train["vehicle_id"]), set(benchmark.query["vehicle_id"])
    assert len(trained) == len(tested) == 11 and not trained & tested
    assert (benchmark.train["type"] == "bus").sum() == 2  # one bus of two, with both its images
    assert set(benchmark.gallery["vehicle_id"]) == tested
    assert set(benchmark.query["camera_id"]) == {1} and set(benchmark.gallery["camera_id"]) == {2}
    cars = sorted(v for v in trained if v // 10_000 == 2)
    assert cars != list(range(20_000, 20_010))  # chosen by hash, not the first ones


def test_the_split_does_not_depend_on_where_the_folder_lies(tmp_path):
    for place in ("a", "b"):
        write(tmp_path / place / "images", [f"car_{k:04d}" for k in range(8)])
    splits = [load("photographs", tmp_path / p).train["vehicle_id"].tolist() for p in "ab"]
    assert splits[0] == splits[1]


def test_the_source_repository_keeps_its_own_test_folder(tmp_path):
    write(tmp_path / "images/train", ["car_0001", "car_0002", "motorcycle_0001"])
    write(tmp_path / "images/test", ["car_0003", "car_0002"])
    write(tmp_path / "images/test", ["truck_0009"], cameras=[1])
    benchmark = load("photographs", tmp_path)
    assert sorted(set(benchmark.query["vehicle_id"])) == [20_002, 20_003]
    assert sorted(set(benchmark.train["type"])) == ["car", "motorcycle"]
    assert 20_002 not in set(benchmark.train["vehicle_id"])  # it is for testing, so not for both
    notes = "\n".join(benchmark.notes)
    assert "2 training images of vehicles also in images/test" in notes
    assert "1 queries without an image in the other camera" in notes


def test_a_number_may_have_other_than_four_digits(tmp_path):
    """As the source's images/train/motorcycle_153_cam1.jpg."""
    write(tmp_path / "images/train", ["motorcycle_153"], cameras=[1])
    write(tmp_path / "images/train", ["motorcycle_0152", "car_7", "car_00008"])
    write(tmp_path / "images/test", ["car_0003"])
    benchmark = load("photographs", tmp_path)
    trained = set(benchmark.train["vehicle_id"])
    assert trained == {30_153, 30_152, 20_007, 20_008} and benchmark.notes == ()


def test_a_number_beyond_four_digits_is_no_vehicle_of_another_type(tmp_path):
    write(tmp_path / "images", ["car_10001", "motorcycle_0001", "motorcycle_0002"])
    benchmark = load("photographs", tmp_path)
    assert set(benchmark.manifest["vehicle_id"]) == {30_001, 30_002}
    assert any("2 files left out" in n and "car_10001_cam1.jpg" in n for n in benchmark.notes)


def test_of_two_files_of_one_number_the_usual_spelling_counts(tmp_path):
    write(tmp_path / "images", ["car_0001", "car_0002", "car_1", "car_00002", "car_3", "car_03"])
    benchmark = load("photographs", tmp_path)
    kept = sorted(path.rsplit("/", 1)[1] for path in benchmark.manifest["path"])
    assert [name for name in kept if "cam1" in name] == [
        "car_0001_cam1.jpg",
        "car_0002_cam1.jpg",
        "car_03_cam1.jpg",
    ]
    (note,) = (note for note in benchmark.notes if "another file's" in note)
    assert "6 files left out" in note and "car_1_cam2.jpg" in note


def test_some_files_of_other_names_are_left_out_and_noted(tmp_path):
    write(tmp_path / "images", ["car_0001", "car_0002"])
    others = ["IMG_2042.jpg", "car_0001_cam3.jpg", "boat_0001_cam1.jpg", "car__cam1.jpg"]
    tiny_sets.write_images(tmp_path / "images", others)
    benchmark = load("photographs", tmp_path)
    assert set(benchmark.manifest["vehicle_id"]) == {20_001, 20_002}
    (note,) = (note for note in benchmark.notes if "left out" in note)
    assert "4 files" in note and all(name in note for name in others)


def test_a_folder_of_mostly_other_files_is_refused_by_name(tmp_path):
    write(tmp_path / "images", ["car_0001"])
    tiny_sets.write_images(tmp_path / "images", ["IMG_2042.jpg", "IMG_2043.jpg", "IMG_2044.jpg"])
    with pytest.raises(DataError, match="3 of 5 file names other than.*IMG_2042.jpg"):
        load("photographs", tmp_path)


def test_an_empty_folder_for_testing(tmp_path):
    write(tmp_path / "images/train", ["car_0001", "car_0002"])
    (tmp_path / "images/test").mkdir()
    benchmark = load("photographs", tmp_path)
    assert set(benchmark.train["vehicle_id"]) == {20_001, 20_002}
    assert len(benchmark.manifest) == 4


def test_a_folder_without_photographs(tmp_path):
    with pytest.raises(DataError, match="no files like car_0001_cam1.jpg"):
        load("photographs", tmp_path)
    with pytest.raises(DataError, match="git clone https://github.com/Khoa-Nguyen-Truong"):
        load("photographs", tmp_path / "nowhere")


def test_the_370_photographs(shared):
    benchmark = load("photographs", shared / "data/photographs")
    assert len(benchmark.manifest) == 370
    vehicles = benchmark.manifest.groupby("type")["vehicle_id"].nunique().to_dict()
    assert vehicles == {"car": 125, "truck": 56, "bus": 4}
    assert len(benchmark.query) == len(benchmark.gallery) == 93


def test_the_part_that_the_results_are_about_is_made_from_a_clone(tmp_path):
    """Cars of images/train, at most 256 pixels; no motorcycle, and nothing of images/test."""
    sizes = {"train/car_1": (512, 256), "train/motorcycle_1": (64, 64), "test/bus_1": (64, 64)}
    for name, size in sizes.items():
        for camera in (1, 2):
            file = tmp_path / "clone" / "images" / f"{name}_cam{camera}.jpg"
            file.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", size, (200, 30, 30)).save(file)
    script = ROOT / "scripts" / "photographs.py"
    command = [sys.executable, script, tmp_path / "clone", tmp_path / "photographs"]
    subprocess.run(command, check=True, cwd=ROOT)
    files = sorted((tmp_path / "photographs/images").iterdir())
    assert [f.name for f in files] == ["car_1_cam1.jpg", "car_1_cam2.jpg"]
    assert Image.open(files[0]).size == (256, 128)
    again = [sys.executable, script, tmp_path, tmp_path / "photographs"]
    refused = subprocess.run(again, capture_output=True, text=True, cwd=ROOT)
    assert refused.returncode == 1 and "has no files like car_0001_cam1.jpg" in refused.stderr
