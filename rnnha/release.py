"""The shipped checkpoint: one finished RNN-HA on rendered vehicles, with its model card."""

import json
import shutil
from pathlib import Path

import pandas as pd

from rnnha import pairs
from rnnha.data.benchmark import DataError, load
from rnnha.paths import RESULTS, atomic
from rnnha.results import ResultsError
from rnnha.run import known_labels, test_images

DATASET, ROW, SEED = "rendered-veri", "rnn-ha", 0


def release(checkpoint: Path = pairs.CHECKPOINT) -> list[Path]:
    """Write checkpoint, pair statistics and model card from the finished run of seed 0.

    Raises ResultsError where that run is not there.
    """
    run = RESULTS / "runs" / DATASET / ROW / f"seed{SEED}"
    if not (run / "metrics.csv").exists():
        raise ResultsError(f"{run}: no finished run; `make reproduce` trains it")
    with atomic(checkpoint) as temporary:
        shutil.copyfile(run / "weights.safetensors", temporary)
    rows = [("rendered test vehicles, all pairs across cameras", _rendered(checkpoint, False))]
    rows[0][1].save(checkpoint)
    rows.append(("the same, pairs of one model and paint only", _rendered(checkpoint, True)))
    try:
        rows.append(("real photographs, 185 vehicles, two cameras", _photographs(checkpoint)))
    except DataError:
        rows.append(("real photographs", None))
    card = checkpoint.with_suffix(".md")
    with atomic(card) as temporary:
        temporary.write_text(_card(run, rows))
    return [checkpoint, card]


def _rendered(checkpoint: Path, hard: bool) -> pairs.Separation:
    """Pairs of held-out rendered vehicles; hard: those of two vehicles look alike but for cues."""
    benchmark = load(DATASET)
    test = test_images(benchmark)
    alike = None
    if hard:
        labels = known_labels(benchmark).loc[[Path(path).name for path in test.path]]
        alike = labels.groupby(list(labels.columns)).ngroup().to_numpy()
    return pairs.separation_of(
        checkpoint, list(test.path), test.vehicle_id, cameras=test.camera_id, alike=alike
    )


def _photographs(checkpoint: Path) -> pairs.Separation:
    manifest = load("photographs").manifest.drop_duplicates("path")
    return pairs.separation_of(
        checkpoint, list(manifest.path), manifest.vehicle_id, cameras=manifest.camera_id
    )


def _card(run: Path, rows: list[tuple[str, pairs.Separation | None]]) -> str:
    config = json.loads((run / "config.json").read_text())
    environment = json.loads((run / "env.json").read_text())
    table = pd.DataFrame(
        [(what, f"{s.auc:.3f}", f"{s.n_same:,}", f"{s.n_other:,}") if s else (what, "", "", "")
         for what, s in rows],
        columns=["pairs", "AUC", "of one vehicle", "of two vehicles"],
    )  # fmt: skip
    lines = ["| " + " | ".join(row) + " |" for row in [table.columns, *table.values.tolist()]]
    lines.insert(1, "|---|---|---|---|")
    return CARD.format(
        images=f"{config['train_images']:,}", vehicles=config["train_vehicles"],
        size=config["profile"]["image_size"], commit=environment["commit"], seed=SEED,
        table="\n".join(lines),
    )  # fmt: skip


CARD = """\
# Model card: RNN-HA on rendered vehicles

RNN-HA (Wei et al., ACCV 2018) with a reduced VGG-M-like backbone, trained on {images} rendered
(synthetic) images of {vehicles} vehicles at {size} x {size} pixels, seed {seed}, commit {commit}.
Written by `make accept`; read by `rnnha compare` and the notebooks.

**For**: teaching, trying the code, looking at attention maps.
**Not for**: recognising real vehicles. It has never seen a photograph.

How well the cosine of two embeddings separates pairs of one vehicle from pairs of two. AUC is the
probability that a pair of one vehicle is the more alike; 0.5 is chance. An empty cell was not
measured.

{table}

Licence: MIT, like the code; the rendered images are CC BY 4.0.
"""
