"""One's own runs beside the reference: verdicts worked by hand, and how often chance alone errs."""

import numpy as np
import pytest

from fake_runs import queries, write_run
from rnnha.tables.reference import compare_with_reference, half_width, lines


def compared(tmp_path, ours, reference=(0.50, 0.52, 0.54), key="k", hardware="h"):
    """The comparison of RNN-HA's mAP; ours: seed -> AP of the one query."""
    ours = ours if isinstance(ours, dict) else dict(enumerate(ours))
    for seed, ap in enumerate(reference):
        write_run(tmp_path / "reference", "veri", "rnn-ha", seed, queries({"a": (1, ap, 1)}))
    for seed, ap in ours.items():
        scores = queries({"a": (1, ap, 1)})
        write_run(tmp_path / "runs", "veri", "rnn-ha", seed, scores, key=key, hardware=hardware)
    frame = compare_with_reference(tmp_path / "runs", tmp_path / "reference")
    return frame, frame.set_index("metric").loc["mAP"]


# Mean 52, sd 2, t(.975, 2) = 4.3027: a mean over 3 new seeds lies within 4.3027 * 2 * sqrt(2/3) =
# 7.026 of 52, one new seed within 4.3027 * 2 * sqrt(4/3) = 9.937.
@pytest.mark.parametrize(
    ("ours", "half", "verdict"),
    [
        ((0.50, 0.52, 0.54), 7.026, "same"),
        ((0.54, 0.52, 0.50), 7.026, "within"),  # the same mean of other trainings
        ((0.59, 0.59, 0.59), 7.026, "within"),  # 7.00 above
        ((0.591, 0.591, 0.591), 7.026, "DIFFERS"),  # 7.10 above
        ((0.449, 0.449, 0.449), 7.026, "DIFFERS"),  # 7.10 below
        ((0.50,), 9.937, "same"),  # seed 0 is the reference's, though its mean is 52
        ((0.619,), 9.937, "within"),  # 9.90 above
        ((0.62,), 9.937, "DIFFERS"),  # 10.00 above
        ({7: 0.619}, 9.937, "within"),  # a seed that the reference has not
        ({7: 0.52}, 9.937, "within"),  # the mean itself is not the reference's number of a seed
        ({0: 0.50, 9: 0.90}, 9.937, "same"),  # common seeds are compared where there are any
    ],
)
def test_verdict_against_a_prediction_interval_worked_by_hand(tmp_path, ours, half, verdict):
    _, found = compared(tmp_path, ours, hardware="other")
    assert found["verdict"] == verdict
    assert (found["reference"], found["sd"]) == (pytest.approx(52), pytest.approx(2))
    assert found["high"] - 52 == pytest.approx(half, abs=1e-3)
    assert 52 - found["low"] == pytest.approx(half, abs=1e-3)


def test_a_correct_replication_lies_outside_once_in_twenty():
    rng = np.random.default_rng(0)
    for n, m in ((3, 3), (3, 1), (2, 5), (5, 2)):
        reference, ours = rng.normal(15, 0.5, (20_000, n)), rng.normal(15, 0.5, (20_000, m))
        off = np.abs(ours.mean(axis=1) - reference.mean(axis=1))
        outside = off > half_width(reference.std(axis=1, ddof=1), n, m)
        assert outside.mean() == pytest.approx(0.05, abs=0.006)  # 4 standard errors


def test_the_photographs_are_compared_by_their_own_protocol(tmp_path):
    """Their reference is committed, although no poster has them."""
    for room in ("reference", "runs"):
        scores = queries({"a": (1, 0.5, 2)}, "cross-camera")
        write_run(tmp_path / room, "photographs", "lomo", 0, scores)
    text = "\n".join(lines(compare_with_reference(tmp_path / "runs", tmp_path / "reference")))
    assert "photographs (cross-camera): ours" in text
    assert [line.split()[-1] for line in text.splitlines() if "LOMO" in line] == ["same"] * 3


@pytest.mark.parametrize(
    ("ap", "key", "hardware", "verdict"),
    [
        (0.9, "k", "other", "one seed"),  # how far may another processor's training be?
        (0.9, "another", "h", "one seed"),  # or that of other settings
        (0.9, "k", "h", "DIFFERS"),  # the same training on the same hardware gives its numbers
        (0.5, "k", "other", "same"),  # as an oracle does anywhere
        (0.50004, "k", "other", "same"),  # 50.004 is printed as 50.00
    ],
)
def test_a_reference_of_one_seed_has_no_interval(tmp_path, ap, key, hardware, verdict):
    frame, found = compared(tmp_path, [ap], reference=[0.5], key=key, hardware=hardware)
    assert found["verdict"] == verdict and np.isnan([found["low"], found["high"]]).all()
    assert "prediction interval lie outside" not in "\n".join(lines(frame))


def test_seeds_that_all_agree_leave_an_interval_of_what_is_printed(tmp_path):
    frame, found = compared(tmp_path, {7: 0.50004}, reference=(0.5, 0.5))
    assert found["verdict"] == "within" and (found["low"], found["high"]) == (50, 50)


def test_rows_that_were_not_run_are_counted_in_one_line(tmp_path):
    for slug in ("fc-ha", "rnn-h", "untrained"):
        write_run(tmp_path / "reference", "veri", slug, 0, queries({"a": (1, 0.5, 1)}))
    write_run(tmp_path / "reference", "rendered-veri", "rnn-h", 0, queries({"a": (1, 0.5, 1)}))
    frame, _ = compared(tmp_path, (0.50, 0.52, 0.54))
    assert set(frame.loc[frame["method"] != "RNN-HA", "verdict"]) == {"not run"}
    told = lines(frame)
    assert [line for line in told if "not run" in line] == [
        "veri: 3 of the reference's 4 rows were not run here.",
        "rendered-veri: 1 of the reference's 1 rows were not run here.",
    ]
    assert len([line for line in told if line.startswith("  ")]) == 3  # mAP, top-1, top-5


def test_it_is_said_how_many_would_lie_outside_by_chance(tmp_path):
    # AP, half of it by the trapezoids, and first rank 1: mAP and mAP-trapezoid (52 and 26) are
    # off; three top-k, 100 everywhere, and no query without match are the same.
    frame, _ = compared(tmp_path, (0.7, 0.72, 0.74))
    told = lines(frame)
    assert "All: 2 DIFFERS, 4 same." in told
    assert any(line.startswith("2 of the 2 numbers that were compared") for line in told)
    assert "about 0 (5 %)" in told[-1] and "not independent" in told[-1]
    (line,) = [line for line in told if "mAP" in line and line.startswith("  ")]
    assert line.split()[-5:] == ["72.00", "52.00", "[44.97,", "59.03]", "DIFFERS"]
