"""Plan, label files, archives and leak audit of the rendered sets; nothing here renders."""

import re
import subprocess
import sys
import tarfile
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from rendering import archive, dataset, labels, plan
from rendering.__main__ import main
from rnnha.data import archives
from rnnha.data.manifest import SIDE_CAR_COLUMNS
from rnnha.data.sets import SETS
from rnnha.files import DataError

VERI, VEHICLEID = "rendered-veri", "rendered-vehicleid"


def test_using_the_sets_needs_no_renderer():
    code = (
        "import sys; from rendering import archive, dataset, labels; "
        "dataset.plan('rendered-veri'); assert not {'mitsuba', 'drjit'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_the_renderer_one_error_says_how_to_get_it(monkeypatch, capsys, tmp_path):
    monkeypatch.setitem(sys.modules, "mitsuba", None)  # as if it were not installed
    assert main([VERI, "--out", str(tmp_path / "out"), "--limit", "4"]) == 1
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("rendering: mitsuba is not installed") and "'.[render]'" in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("option", ["--seen", "--pairs", "--workers", "--limit"])
def test_none_of_something_is_no_number_of_it(option, capsys, tmp_path):
    with pytest.raises(SystemExit):
        main([VERI, "--out", str(tmp_path / "out"), option, "0"])
    assert f"{option}: expected 1 or more, found 0" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_one_picture_more_leaves_the_labels_of_the_others(monkeypatch, tmp_path):
    """`--vehicle 12 --shot 3` in a folder that holds a part of the set."""

    def drawn(name, out, jobs, workers, bar):
        table = plan.plan(name)
        for vehicle, shots in jobs.items():
            chosen = table[(table["vehicle_id"] == vehicle) & table["shot"].isin(shots)]
            for shot in chosen.itertuples():
                for path in dataset._wanted(name, shot):
                    (out / path).parent.mkdir(parents=True, exist_ok=True)
                    Image.new("L", (2, 2)).save(out / path, pnginfo=labels.noted("cues", ()))

    monkeypatch.setattr(dataset, "_run", drawn)
    first, second, *_ = plan.plan(VERI).query("split == 'train'")["vehicle_id"].unique()
    dataset.render(VERI, tmp_path / "set", vehicles=[first], progress=False)
    assert len(pd.read_csv(tmp_path / "set" / "images.csv")) == 8
    dataset.render(VERI, tmp_path / "set", vehicles=[second], shot=3, progress=False)
    table = pd.read_csv(tmp_path / "set" / "images.csv")
    assert table["vehicle_id"].value_counts().to_dict() == {first: 8, second: 1}
    names = (tmp_path / "set" / "VeRi" / "name_train.txt").read_text().split()
    assert len(names) == 9


@pytest.mark.parametrize("name", [VERI, VEHICLEID])
def test_todays_plan_has_the_labels_that_are_shipped(name, rendered, tmp_path):
    """All label files, to the byte; which cues are seen is the renderer's to say."""
    shipped = SETS[name].path
    shipped = shipped if (shipped / "images.csv").is_file() else shipped.parent
    told = pd.read_csv(shipped / "images.csv", keep_default_na=False)
    seen = told.drop_duplicates("image").set_index("image")["visible_cues"]
    shots = plan.plan(name)
    labels.write(name, shots.assign(visible_cues=shots["image"].map(seen)), tmp_path)
    written = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert len(written) >= 5
    for file in written:
        assert file.read_bytes() == (shipped / file.relative_to(tmp_path)).read_bytes(), file.name


def test_an_unknown_set_is_named():
    with pytest.raises(KeyError, match="rendered-veri"):
        plan.plan("rendered-boats")


def test_veri_plan_has_the_promised_size_and_shape():
    shots = plan.plan(VERI)
    train, test = shots[shots.split == "train"], shots[shots.split == "test"]
    assert train.vehicle_id.nunique() == 600 and test.vehicle_id.nunique() == 210
    assert not set(train.vehicle_id) & set(test.vehicle_id)
    cars = shots.drop_duplicates("vehicle_id")
    assert cars.model.nunique() >= 18 and (cars.model.value_counts() >= 8).all()
    assert set(cars.type) == set(labels.TYPES)
    assert set(train.model) == set(test.model)
    assert test.groupby("vehicle_id").camera.nunique().min() >= 4
    assert set(shots.camera) == set(range(1, 9))
    assert shots.groupby(["vehicle_id", "track"]).size().isin([1, 2]).all()
    # one query per vehicle and camera, as in VeRi
    assert (test[test["query"]].groupby(["vehicle_id", "camera"]).size() == 1).all()
    assert test["query"].sum() == test.groupby(["vehicle_id", "camera"]).ngroups
    assert shots.image.is_unique
    assert shots.image.str.fullmatch(r"\d{4}_c00[1-8]_\d{8}_[0-3]\.jpg").all()


def test_vehicleid_plan_has_the_promised_size_and_shape():
    shots = plan.plan(VEHICLEID)
    cars = shots.drop_duplicates("vehicle_id")
    assert cars.model.nunique() >= 24
    assert (cars.split == "train").sum() >= 500 and (cars.split == "test").sum() >= 250
    assert 3900 <= len(shots) <= 4400
    assert set(shots.view) == {"front", "rear"} and shots.camera.isna().all()
    assert shots.image.str.fullmatch(r"\d{7}\.jpg").all() and shots.image.is_unique
    # the names are shuffled, so that neighbours in number tell nothing
    order = shots.image.str[:7].astype(int).corr(shots.vehicle_id, method="spearman")
    assert abs(order) < 0.1


def test_most_vehicles_of_a_model_share_its_paint():
    cars = plan.plan(VERI).drop_duplicates("vehicle_id")
    most = cars.groupby("model").paint.agg(lambda p: p.value_counts(normalize=True).iloc[0])
    assert 0.6 < most.mean() < 0.9


def test_where_a_vehicle_is_seen_does_not_depend_on_its_looks():
    shots = plan.plan(VERI).drop_duplicates(["vehicle_id", "track"])
    table = pd.crosstab(shots.paint, shots.camera)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.values.sum()
    chi2 = ((table - expected) ** 2 / expected).values.sum()
    freedom = (table.shape[0] - 1) * (table.shape[1] - 1)
    assert chi2 < freedom + 4 * np.sqrt(2 * freedom)


def test_answers_by_hand():
    gallery = pd.DataFrame({"vehicle_id": [1, 1, 2, 1, 2], "camera": [1, 2, 1, 2, 3]})
    query = pd.DataFrame({"vehicle_id": [1, 2], "camera": [2, 3]})
    assert labels.answers(query, gallery) == (["1 ", "3 "], ["2 4 ", "5 "])


@pytest.fixture(scope="module")
def veri(tmp_path_factory):
    folder = tmp_path_factory.mktemp("veri")
    labels.write(VERI, plan.plan(VERI).assign(visible_cues="x:front:1:1"), folder)
    return folder


def test_veri_files_follow_the_real_grammar(veri):
    root = veri / "VeRi"
    names = {k: (root / f"name_{k}.txt").read_text().split() for k in ("train", "query", "test")}
    assert set(names["query"]) < set(names["test"])
    xml = (root / "train_label.xml").read_bytes()
    assert xml.startswith(b'<?xml version="1.0" encoding="gb2312"?>')
    items = re.findall(
        r'<Item imageName="(\S+)" vehicleID="(\d{4})" cameraID="(c\d{3})" colorID="(\d+)" '
        r'typeID="([1-9])"/>',
        xml.decode("gb2312"),
    )
    assert [item[0] for item in items] == names["train"]
    assert all(image.startswith(f"{v}_{c}_") for image, v, c, _, _ in items)
    assert f'<Items number="{len(items)}">'.encode() in xml

    def parse(image):
        return image[:4], image[5:9]

    raw = {kind: (root / f"{kind}_index.txt").read_bytes() for kind in ("gt", "jk")}
    assert all(b" \r\n" in text for text in raw.values())
    gt, jk = (text.decode().split("\r\n")[:-1] for text in raw.values())
    assert len(gt) == len(jk) == len(names["query"])
    for line in (0, 100, len(gt) - 1):
        vehicle, camera = parse(names["query"][line])
        same = [k for k, image in enumerate(names["test"], 1) if parse(image)[0] == vehicle]
        good = [k for k in same if parse(names["test"][k - 1])[1] != camera]
        assert gt[line] == "".join(f"{k} " for k in good)
        assert jk[line] == "".join(f"{k} " for k in same if k not in good)
    tracks = [line.split() for line in (root / "test_track.txt").read_text().splitlines()]
    assert sorted(sum(tracks, [])) == sorted(names["test"])
    assert all(len({parse(image) for image in track}) == 1 for track in tracks)


def test_side_car_has_a_row_an_image(veri):
    table = pd.read_csv(veri / "images.csv", keep_default_na=False)
    assert tuple(table.columns) == SIDE_CAR_COLUMNS
    assert set(table.split) == {"train", "query", "gallery"}
    assert set(table.image) == set(plan.plan(VERI).image)
    assert table.cues.str.len().gt(0).all()


def test_vehicleid_files_follow_the_real_grammar(tmp_path):
    labels.write(VEHICLEID, plan.plan(VEHICLEID).assign(visible_cues=""), tmp_path)
    root = tmp_path / "VehicleID_V1.0"

    def pairs(path):
        return dict(line.split() for line in (root / path).read_text().splitlines())

    everything, train = pairs("attribute/img2vid.txt"), pairs("train_test_split/train_list.txt")
    lists = {n: pairs(f"train_test_split/test_list_{n}.txt") for n in (50, 100, 200)}
    for n, images in lists.items():
        assert len(set(images.values())) == n
        assert not set(images.values()) & set(train.values())
        assert images.items() <= everything.items()
        chosen = set(images.values())  # every image of a chosen vehicle
        assert len(images) == sum(v in chosen for v in everything.values())
    assert not set(lists[50].values()) <= set(lists[100].values())  # independent, not nested
    models = pairs("attribute/model_attr.txt")
    without = set(train.values()) - set(models)
    assert len(without) / len(set(train.values())) == pytest.approx(0.2, abs=0.005)
    names = (root / "attribute/model_names.txt").read_text().splitlines()
    assert {int(m) for m in models.values()} == set(range(len(names)))
    assert set(pairs("attribute/color_attr.txt")) == set(everything.values())


@pytest.fixture
def small_set(tmp_path):
    """A folder like a finished set's: two gallery images, one of them also a query."""
    files = {
        "VeRi/image_test/a.jpg": b"A" * 700,
        "VeRi/image_test/b.jpg": b"B" * 90,
        "VeRi/image_query/b.jpg": b"B" * 90,
        "masks/cues/a.png": b"m",
        "images.csv": b"image\n",
    }
    for path, content in files.items():
        target = tmp_path / VERI / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return tmp_path, files


def test_packing_twice_gives_the_same_bytes(small_set):
    data, files = small_set
    first = [path.read_bytes() for path in archive.pack(VERI, data)]
    for path in (data / VERI).rglob("*"):
        if path.is_file():
            path.touch()
    (data / VERI / "VeRi/.a.jpg.tmp").write_bytes(b"left by a killed writer")
    packed = archive.pack(VERI, data)
    assert [path.read_bytes() for path in packed] == first
    members = []
    for path in packed:
        with tarfile.open(path) as tar:
            members += tar.getmembers()
    assert sorted(m.name for m in members) == sorted(f"{VERI}/{path}" for path in files)
    assert all((m.mtime, m.uid, m.gid) == (0, 0, 0) for m in members)
    assert [m.name for m in members if m.islnk()] == [f"{VERI}/VeRi/image_query/b.jpg"]


def test_unpacking_restores_every_file_and_checks_the_sum(small_set, tmp_path):
    data, files = small_set
    packed, truth = archive.pack(VERI, data)
    with tarfile.open(truth) as tar:  # the first is what a real set gives
        assert tar.getnames() == [f"{VERI}/images.csv", f"{VERI}/masks/cues/a.png"]
    home = tmp_path / "elsewhere"
    folder = archives.unpack(SETS[VERI], home, source=data)
    found = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}
    assert {path: p.read_bytes() for path, p in found.items()} == files
    (folder / "images.csv").write_text("mine")
    assert archives.unpack(SETS[VERI], home, source=data) == folder  # leaves what is there alone
    assert (folder / "images.csv").read_text() == "mine"

    content = bytearray(packed.read_bytes())
    content[600] ^= 1
    packed.write_bytes(content)
    with pytest.raises(ValueError, match="damaged"):
        archives.unpack(SETS[VERI], tmp_path / "third", source=data)
    assert not list((tmp_path / "third").glob("[!.]*"))


def test_packing_an_unfinished_set_is_refused(tmp_path):
    (tmp_path / VERI).mkdir()
    with pytest.raises(FileNotFoundError, match="images.csv"):
        archive.pack(VERI, tmp_path)
    with pytest.raises(DataError, match="not found; it is part of the repository"):
        archives.unpack(SETS[VERI], tmp_path, source=tmp_path / "none")


def test_rendering_goes_on_where_it_stopped(tmp_path, monkeypatch):
    asked: list[tuple[int, int]] = []

    def pretend(name, out, jobs, workers, bar):
        for vehicle, shots in jobs.items():
            for shot in shots:
                asked.append((vehicle, shot))
                for path in dataset._wanted(name, dataset.row(name, vehicle, shot)):
                    (out / path).parent.mkdir(parents=True, exist_ok=True)
                    note = labels.noted(path.parent.name, [("band red", "left", 30, 40)])
                    if path.suffix == ".png":
                        Image.new("1", (2, 2)).save(out / path, pnginfo=note)
                    else:
                        (out / path).write_bytes(b"x")

    monkeypatch.setattr(dataset, "_run", pretend)
    shots = plan.plan(VERI)
    vehicle = int(shots.loc[shots.split == "test", "vehicle_id"].iloc[0])
    dataset.render(VERI, tmp_path, vehicles=[vehicle], progress=False)
    count = int((shots.vehicle_id == vehicle).sum())
    assert asked == [(vehicle, k) for k in range(count)]
    assert len(list((tmp_path / "VeRi/image_query").iterdir())) == 4
    listed = pd.read_csv(tmp_path / "images.csv")
    assert (listed["visible_cues"] == "band red:left:30:40").all() and len(listed) == count
    lost = shots[(shots.vehicle_id == vehicle) & (shots.shot == 3)].iloc[0]
    (tmp_path / dataset.mask_path("cues", lost)).unlink()
    asked.clear()
    dataset.render(VERI, tmp_path, vehicles=[vehicle], progress=False)
    assert asked == [(vehicle, 3)]
    with pytest.raises(KeyError, match="no vehicle"):
        dataset.render(VERI, tmp_path, vehicles=[999999], progress=False)


@pytest.mark.parametrize("wish", ["--audit", "--criteria"])
def test_only_the_set_of_the_criteria_is_held_against_them(wish, capsys):
    """The audit would overwrite the shipped set's, the criteria tell another set's numbers."""
    assert main(["rendered-veri-dev", wish]) == 1
    assert "criteria are rendered-veri's" in capsys.readouterr().err


def test_audit_refuses_a_set_without_cameras(tmp_path):
    from rendering import audit

    with pytest.raises(ValueError, match="rendered-vehicleid has no cameras"):
        audit.audit("rendered-vehicleid", tmp_path, tmp_path / "audit.csv")
    assert not (tmp_path / "audit.csv").exists()


def test_audit_hides_the_vehicle_and_scores_by_the_protocol():
    from rendering import audit

    image = np.full((40, 60, 3), 90, np.uint8)
    mask = np.zeros((40, 60), bool)
    mask[10:30, 20:40] = True
    image[mask] = 250
    assert (audit.blanked(image, mask) == 90).all()

    shots = pd.DataFrame(
        {
            "vehicle_id": [1, 1, 2, 2],
            "camera": [1, 2, 1, 2],
            "image": list("abcd"),
            "model": ["m"] * 4,
            "paint": ["red", "red", "blue", "blue"],
        }
    )
    everyone = np.arange(4)
    assert audit.score(shots, everyone, audit.oracle(shots)) == (100.0, 100.0)
    backwards = 1 - audit.oracle(shots)
    assert audit.score(shots, everyone, backwards)[1] == 0.0


def test_colour_features_see_colours_only():
    from rendering import audit

    red, blue = np.zeros((2, 8, 8, 3), np.uint8)
    red[..., 0], blue[..., 2] = 200, 200
    features = audit.colours([red, red[::-1], blue])
    assert np.allclose(features @ features.T, [[1, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_paths_match_the_layouts():
    shot = SimpleNamespace(split="test", image="0001_c001_00000001_0.jpg")
    assert dataset.image_path(VERI, shot).as_posix().startswith("VeRi/image_test/0001_")
    assert dataset.mask_path("cues", shot).as_posix() == "masks/cues/0001_c001_00000001_0.png"
    shot = SimpleNamespace(split="train", image="0000001.jpg")
    assert dataset.image_path(VEHICLEID, shot).as_posix() == "VehicleID_V1.0/image/0000001.jpg"
