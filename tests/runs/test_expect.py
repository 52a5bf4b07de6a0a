"""What must hold before a run is begun, or taken for finished."""

import json
from dataclasses import replace
from types import SimpleNamespace

import pandas as pd
import pytest

import tiny_sets
from rnnha import experiments, profiles
from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.runs.expect import expect_same, expect_trainable
from rnnha.runs.run import Run


def test_a_finished_run_is_the_same_when_its_settings_come_back_from_a_file():
    """The losses on distances have a pair among their settings, which a file holds as a list."""
    config = {"phases": [{"decay": (0.7, 10_000)}]}

    def wanted(asked: dict, lists: tuple[int, ...] = (50,)) -> SimpleNamespace:
        found = json.loads(json.dumps(config)) | {"key_parts": {"data": "k"}}
        metrics = pd.DataFrame({"test_size": ["50", "100"]})
        return SimpleNamespace(
            folder=SimpleNamespace(config=lambda: found, path="runs/x", metrics=lambda: metrics),
            row=experiments.row("ccl"),
            config=lambda: asked,
            checkpoint=None,
            benchmark=SimpleNamespace(key="k", test_lists=dict.fromkeys(lists)),
            precision="float32",
        )

    expect_same(wanted(config))
    with pytest.raises(ValueError, match="another phases"):
        expect_same(wanted({"phases": [{"decay": (0.7, 5_000)}]}))
    # A test list that came later has no scores in the run.
    expect_same(wanted(config, lists=(50, 100)))
    with pytest.raises(ValueError, match="another test lists; `rnnha run ccl --force`"):
        expect_same(wanted(config, lists=(50, 100, 200)))


def test_only_who_learns_from_the_set_asks_for_its_coarse_labels(tmp_path):
    """Two of twelve training images have a type. GoogLeNet learns car models elsewhere."""
    names = [f"{k}.jpg" for k in range(16)]
    tiny_sets.write_images(tmp_path, names)
    lines = ["path,vehicle_id,split,type"]
    for k, name in enumerate(names):
        split = "train" if k < 12 else "query" if k % 2 else "gallery"
        lines.append(f"{name},{k // 2},{split},{'sedan' if k < 2 else ''}")
    (tmp_path / "my.csv").write_text("\n".join(lines) + "\n")
    benchmark = replace(load(str(tmp_path / "my.csv")), synthetic=True)

    def wanted(slug: str) -> Run:
        return Run(experiments.row(slug), profiles.profile("smoke"), benchmark, 0)

    expect_trainable(wanted("googlenet"))
    expect_trainable(wanted("fact"))
    with pytest.raises(DataError, match="found them for 2 of 12 training images"):
        expect_trainable(wanted("rnn-ha"))
