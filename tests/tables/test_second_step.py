"""What the second step brings within a network, on runs whose values are made by hand."""

import pandas as pd
import pytest

from fake_runs import queries, write_run
from rnnha.runs.results import Results
from rnnha.tables import steps
from rnnha.tables.build import build

AFTER = {"a.jpg": (1, 0.9, 1), "b.jpg": (2, 0.5, 2), "c.jpg": (3, 0.4, 1)}
BEFORE = {"a.jpg": (1, 0.6, 2), "b.jpg": (2, 0.3, 2), "c.jpg": (3, 0.3, 1)}


def runs(folder, after=AFTER, before=BEFORE, seeds=(0, 1, 2), slug="rnn-ha"):
    for seed in seeds:
        frame = [queries(after)]
        if before:
            frame.append(queries(before, "image-to-image [o1]"))
        write_run(folder, "rendered-veri", slug, seed, pd.concat(frame))
    return Results(folder, "rendered-veri")


def test_o2_minus_o1_of_the_same_queries(tmp_path):
    found = steps.step(runs(tmp_path), "rnn-ha", "mAP")
    assert found.value == pytest.approx(100 * (0.3 + 0.2 + 0.1) / 3)
    assert found.by_seed == pytest.approx((20, 20, 20)) and found.n_vehicles == 3
    assert 10 <= found.low < 20 < found.high <= 30  # a mean of vehicles that gain 10, 20, 30
    (first,) = (d for d in steps.steps(Results(tmp_path, "rendered-veri")) if d.metric == "top1")
    assert first.value == pytest.approx(100 / 3)  # a.jpg alone is found first by o2 alone


@pytest.mark.parametrize(
    ("after", "before", "says"),
    [(AFTER, BEFORE, "support o2"), (BEFORE, AFTER, "support o1"), (AFTER, AFTER, "cannot tell")],
)
def test_the_sentence_says_which_of_the_two_states_finds_more(tmp_path, after, before, says):
    text = build(runs(tmp_path, after, before)).conclusion
    assert f"The data {says}" in text and "(exploratory), Rendered-VeRi (rendered, synth" in text


def test_a_line_of_the_exploratory_table(tmp_path):
    runs(tmp_path, slug="fc-ha")
    table = build(runs(tmp_path, before=None)).exploratory  # RNN-HA was not scored by o1
    (line,) = table[(table["quantity"] == "step") & (table["metric"] == "mAP")].itertuples()
    assert (line.method, line.minus, line.role) == ("FC-HA (w/o RNN)", "o1", "exploratory")
    assert line.ours == pytest.approx(20)


def test_rows_without_o1_or_without_runs_have_no_step(tmp_path):
    results = runs(tmp_path, before=None, slug="lomo")
    assert steps.steps(results) == [] and steps.sentence(results) == ""
