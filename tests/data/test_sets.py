"""Names of data sets and of one's own, and where a set's layout lies below a folder."""

import pytest

import tiny_sets
from rnnha import profiles
from rnnha.data import sets
from rnnha.data.check import check
from rnnha.files import DataError
from rnnha.runs import plan
from tiny_sets import VEHICLEID_TEST, VEHICLEID_TRAIN


def rendered_vehicleid(folder):
    layout = tiny_sets.write_vehicleid(folder / "VehicleID_V1.0")
    rows = [(f"{image}.jpg", vehicle, "train") for image, vehicle in VEHICLEID_TRAIN.items()]
    rows += [(f"{image}.jpg", vehicle, "test") for image, vehicle in VEHICLEID_TEST.items()]
    tiny_sets.write_side_car(layout, rows)
    return layout


@pytest.mark.parametrize("name", ["nonsense", "VeRi", "veri ", "veri-holdout", "", "csv"])
def test_an_unknown_name_is_an_error_that_lists_the_known(name):
    for ask in (
        lambda: sets.load(name),
        lambda: sets.name_of(name),
        lambda: plan.targets([name], None, [0], profiles.profile("smoke")),
        lambda: plan.targets(["veri", name], ["rnn-ha"], [0], profiles.profile("smoke")),
    ):
        with pytest.raises(DataError) as caught:
            ask()
        assert all(known in str(caught.value) for known in sets.SETS)


@pytest.mark.parametrize(
    "file",
    [
        *("veri.csv", "VERI.csv", "Veri.CSV", "vehicleid.csv", "photographs.csv"),
        *("rendered-veri.csv", "Rendered-VeRi.csv", "veri-holdout.csv", "VeRi-HoldOut.csv"),
        *("rendered-vehicleid-holdout.csv", "veri-holdout-2.csv", "mine-holdout.csv"),
        *("..csv", ".csv", ".hidden.csv", "a b.csv", "$(x).csv", "-x.csv", "a;b.csv", "ü.csv"),
        *("a\nb.csv", "a'b.csv", 'a"b.csv', "a&b.csv", "a\\b.csv", "*.csv", "~.csv"),
        *("x" * 101 + ".csv", "x" * 251 + ".csv"),
    ],
)
def test_a_manifest_whose_name_is_taken_or_unsafe_is_refused(file):
    for path in (file, f"some/folder/{file}"):
        with pytest.raises(DataError, match="rename the file"):
            sets.name_of(path)
        with pytest.raises(DataError, match="rename the file"):
            sets.load(path)


@pytest.mark.parametrize("own", ["my-veri", "veri2", "city_2024.v1", "x" * 100, "7", "holdout"])
def test_any_other_name_is_kept(own):
    assert sets.name_of(f"some/$(folder)/{own}.csv") == own
    assert sets.name_of(f"{own}.CSV") == own


@pytest.mark.parametrize("outer", [".", "VehicleID_V1.0", "download/VehicleID_V1.0"])
def test_a_set_in_a_folder_of_its_own_name_is_seen_through(tmp_path, outer):
    """As archives unpack, with what macOS packs beside."""
    inner = tiny_sets.write_vehicleid(tmp_path / "data" / outer)
    top = tmp_path / "data"
    tiny_sets.write_crlf(top / "__MACOSX/VehicleID_V1.0/attribute/._img2vid.txt", ["x"])
    tiny_sets.write_crlf(top / "__MACOSX/VehicleID_V1.0/attribute/img2vid.txt", ["x"])
    tiny_sets.write_crlf(top / ".Trash/VehicleID_V1.0/attribute/img2vid.txt", ["x"])
    assert sets.find(top) == [(sets.SETS["vehicleid"], inner)]
    # Found and read: only the counts of the real set are not there.
    with pytest.raises(DataError, match=f"{inner}: .*found 5 images of 3 vehicles"):
        sets.load("vehicleid", top)
    assert "found 5 images of 3 vehicles" in str(check(top))


def test_the_default_place_is_seen_through_as_well(tmp_path, monkeypatch):
    monkeypatch.setattr(sets.paths, "DATA", tmp_path)
    inner = tiny_sets.write_veri(tmp_path / "VeRi/VeRi")
    with pytest.raises(DataError, match=f"{inner}: .*found 9 images of 7 vehicles"):
        sets.load("veri")


def test_a_rendered_set_loads_from_any_folder_above(tmp_path):
    layout = rendered_vehicleid(tmp_path / "data/rendered-vehicleid")
    tiny_sets.write_vehicleid(tmp_path / "data/VehicleID_V1.0")  # a real one is no candidate
    for root in (layout, layout.parent, tmp_path / "data"):
        assert sets.load("rendered-vehicleid", root).root == layout.resolve()


def test_two_candidates_are_an_error_that_names_both(tmp_path):
    places = [rendered_vehicleid(tmp_path / f"rendered-{k}") for k in "ab"]
    with pytest.raises(DataError, match="name the one that is meant") as caught:
        sets.load("rendered-vehicleid", tmp_path)
    assert all(str(place.resolve()) in str(caught.value) for place in places)
    assert sets.load("rendered-vehicleid", places[1]).root == places[1].resolve()


def test_a_folder_without_the_set_says_what_is_missing(tmp_path):
    (tmp_path / "VeRi/else").mkdir(parents=True)
    with pytest.raises(DataError, match="not a complete VeRi folder, missing: image_train"):
        sets.load("veri", tmp_path / "VeRi")
