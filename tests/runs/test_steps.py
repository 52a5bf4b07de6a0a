"""A smaller set is trained for more epochs, so that as many are shown of every set."""

from dataclasses import replace

import pandas as pd
import pytest

from rnnha import experiments
from rnnha.data.manifest import Benchmark, make_manifest
from rnnha.profiles import PROFILES
from rnnha.runs.run import Run


def run(images: int, labelled: int, slug: str = "rnn-ha", profile: str = "rendered") -> Run:
    frame = pd.DataFrame(
        {
            "path": [f"/{i}.jpg" for i in range(images)],
            "vehicle_id": [i // 4 for i in range(images)],
            "coarse_id": [1 if i < labelled else pd.NA for i in range(images)],
            "split": "train",
        }
    )
    benchmark = Benchmark("x", None, make_manifest(frame, None), "veri")
    return Run(experiments.row(slug), PROFILES[profile], benchmark, 0)


@pytest.mark.parametrize(("labelled", "epochs"), [(4800, 12), (2205, 26), (184, 313), (57_600, 1)])
def test_as_many_images_are_shown_of_every_set(labelled, epochs):
    [phase] = run(max(labelled, 100), labelled).scale.stage1
    assert phase.epochs == epochs
    assert phase.epochs * labelled == pytest.approx(12 * 4800, rel=0.02)


def test_images_without_a_coarse_label_do_not_count():
    assert run(2758, 2205).scale.stage0 == run(2205, 2205).scale.stage0
    assert run(1000, 0).scale.stage0[0].epochs == round(12 * 4.8)  # none is labelled: all are used


def test_systems_with_phases_of_their_own_and_profiles_without_the_rule():
    whole = run(2400, 2400, "triplet").scale.whole
    assert [phase.epochs for phase in whole] == [24, 24]
    small, large = (run(n, n, profile="paper").scale for n in (100, 4800))
    assert small == large
    assert replace(PROFILES["rendered"], images=None).scale(experiments.row("rnn-ha"), 100) == (
        PROFILES["rendered"].scale(experiments.row("rnn-ha"))
    )
