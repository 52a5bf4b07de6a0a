"""Run folders with made-up scores, for the tests of tables and figures."""

import json
from pathlib import Path

import pandas as pd

from rnnha.runs.small_files import write_per_query
from rnnha.scoring.protocols import summarise


def queries(
    scores: dict[str, tuple[int, float, int]],
    protocol: str = "image-to-image",
    test_size: str = "test",
    trial: int = 0,
) -> pd.DataFrame:
    """Per-query rows from {query: (vehicle, AP, rank of the first match)}."""
    return pd.DataFrame(
        [
            {
                "test_size": test_size,
                "protocol": protocol,
                "trial": trial,
                "query": name,
                "vehicle_id": vehicle,
                "ap": ap,
                "ap_trapezoid": ap / 2,
                "first_rank": rank,
                "n_gallery": 10,
            }
            for name, (vehicle, ap, rank) in scores.items()
        ]
    )


def write_run(
    source: Path,
    dataset: str,
    experiment: str,
    seed: int,
    frame: pd.DataFrame,
    key: str = "k",
    hardware: str = "h",
) -> Path:
    """A complete run folder with these per-query rows; returns it."""
    folder = source / dataset / experiment / f"seed{seed}"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"settings_key": key}))
    (folder / "env.json").write_text(json.dumps({"hardware": hardware}))
    (folder / "history.csv").write_text("\n")
    write_per_query(frame, folder / "per_query.csv.gz")
    metrics = summarise(frame).assign(experiment=experiment, seed=seed, dataset=dataset)
    metrics.to_csv(folder / "metrics.csv", index=False)
    return folder
