"""What the swap test says in words, of made-up runs in which one map is better by far."""

import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.figures import of_maps
from rnnha.runs.results import Results
from rnnha.runs.small_files import write_per_query

GOOD = {f"{k}": (k, 0.8 + k / 100, 1) for k in range(8)}
BAD = {f"{k}": (k, 0.3 + k / 100, 2) for k in range(8)}


def said(source, seeds: int, **maps) -> list[str]:
    for seed in range(seeds):
        run = write_run(source, "rendered-veri", "rnn-ha", seed, queries(GOOD))
        frames = [
            queries(scores).assign(map=name.replace("_", " ")) for name, scores in maps.items()
        ]
        if frames:
            write_per_query(pd.concat(frames), run / "swap.csv.gz")
    return of_maps.swapped(Results(source, "rendered-veri"), "rnn-ha").splitlines()


@pytest.mark.parametrize(
    ("own", "other", "difference", "uniform", "image"),
    [
        (
            GOOD,
            BAD,
            "+50.0 points of mAP",
            "needs its attention: without it",
            "depends on the image",
        ),
        (
            BAD,
            GOOD,
            "-50.0 points of mAP",
            "does not need its attention",
            "is worse than another image",
        ),
        (GOOD, GOOD, "+0.0 points of mAP", "is not shown", "is not shown"),
    ],
)
def test_each_line_follows_the_difference(tmp_path, own, other, difference, uniform, image):
    lines = said(tmp_path, 3, own=own, uniform=other, another_image=other, cues=GOOD)
    assert len(lines) == 2 and all(difference in line for line in lines)
    assert uniform in lines[0] and "own minus uniform" in lines[0]
    assert image in lines[1] and "own minus another image" in lines[1]


def test_two_trainings_show_nothing(tmp_path):
    lines = said(tmp_path, 2, own=GOOD, uniform=BAD)
    assert len(lines) == 1 and "is not shown" in lines[0] and "2 trainings" in lines[0]


def test_runs_without_the_queries_of_the_test_say_so(tmp_path):
    assert said(tmp_path, 1) == ["No run has kept the queries of its swap test."]
