"""The minutes of a plan, by hand from a step whose seconds are known."""

import pytest

from coloured_set import coloured
from rnnha.experiments import row
from rnnha.profiles import profile
from rnnha.runs import plan
from rnnha.training import timing


@pytest.mark.parametrize(
    "precision, half, per_step",
    [("float32", 1.0, 4.0), ("bfloat16", 1.0, 1.0), ("bfloat16", 9.0, 4.0)],
)
def test_a_plan_takes_the_faster_of_the_precisions_that_are_asked_for(
    tmp_path, monkeypatch, precision, half, per_step
):
    """Two seeds of stage 0, a step of 4 s in float32: batches times seconds, a quarter for what
    stands beside the steps, 20 s for what stands beside the training."""
    benchmark = coloured(tmp_path / "set")
    monkeypatch.setattr("rnnha.paths.RESULTS", tmp_path / "results")
    monkeypatch.setattr("rnnha.runs.status.benchmark", lambda *which: benchmark)
    seconds = {"float32": 4.0, "bfloat16": half}
    monkeypatch.setattr(timing, "seconds_per_step", lambda *given: seconds[given[-1]])
    plan._seconds_per_image.cache_clear()
    targets = [("rendered-veri", "stage0", seed) for seed in (0, 1)]
    *_, last = plan.plan(targets, "rendered", jobs=2, precision=precision)
    scale = profile("rendered").scale(row("stage0"), len(benchmark.train))
    epochs = sum(phase.epochs for phase in scale.stage0)
    steps = len(benchmark.train) * epochs / scale.stage1[0].batch
    minutes = (steps * per_step * 1.25 + 20) / 60
    assert last.endswith(f"In all {minutes:.1f} minutes with 2 runs side by side.")
    plan._seconds_per_image.cache_clear()
