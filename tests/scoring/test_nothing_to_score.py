"""A set that cannot serve is refused before anything is trained, and by `score --embeddings`."""

import numpy as np
import pandas as pd
import pytest

from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.runs import run as runs
from rnnha.runs.expect import expect_trainable
from rnnha.scoring.files import score_files


def own(tiny, folder, change):
    """The tiny set with a changed manifest: 16 training vehicles, 8 test, four cameras each."""
    frame = pd.read_csv(tiny, dtype="string")
    frame["path"] = [str(tiny.parent / name) for name in frame["path"]]
    change(frame).to_csv(folder / "own.csv", index=False)
    return folder / "own.csv"


def one_camera(frame):
    return frame.assign(camera_id="1")


def no_match(frame):
    return frame[(frame.split != "gallery") | (frame.vehicle_id.astype(int) % 2 == 0)][
        lambda kept: (kept.split != "query") | (kept.vehicle_id.astype(int) % 2 == 1)
    ]


def one_image_a_vehicle(frame):
    return frame[frame.split != "gallery"].replace({"split": {"query": "test"}})


def label(count):
    """Leave `count` of the 64 training images a coarse label."""

    def change(frame):
        frame.loc[frame.index >= count, "coarse_id"] = pd.NA
        return frame

    return change


@pytest.mark.parametrize("change", [one_camera, no_match, one_image_a_vehicle])
def test_nothing_is_trained_where_no_query_has_a_match(tiny, tmp_path, monkeypatch, change):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    manifest = own(tiny, tmp_path, change)
    with pytest.raises(DataError, match="own.csv: nothing can be scored"):
        runs.run("rnn-ha", str(manifest), 0, "smoke")
    assert not (tmp_path / "runs").exists()
    rows = len(pd.read_csv(manifest))
    np.save(tmp_path / "e.npy", np.random.default_rng(0).normal(size=(rows, 4)))
    with pytest.raises(DataError, match="own.csv: nothing can be scored"):
        score_files(tmp_path / "e.npy", manifest)


def test_a_coarse_head_needs_labels_on_half_of_the_training_images(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path)
    manifest = own(tiny, tmp_path, label(4))
    with pytest.raises(DataError, match="4 of 64 training images.*fill.*identity-only"):
        runs.run("rnn-ha", str(manifest), 0, "smoke")
    assert not (tmp_path / "runs").exists()
    for slug, count, fits in (
        ("rnn-ha", 31, False),
        ("rnn-ha", 32, True),
        ("identity-only", 0, True),
        ("identity-only", 31, False),
        ("identity-only", 32, True),
    ):
        benchmark = load(own(tiny, tmp_path, label(count)))
        row = runs.experiments.row(slug)
        wanted = runs.Run(row, runs.profiles.profile("rendered"), benchmark, 0)
        if fits:
            expect_trainable(wanted)
        else:
            with pytest.raises(DataError, match=f"{count} of 64"):
                expect_trainable(wanted)
