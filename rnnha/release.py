"""The shipped checkpoint: one finished RNN-HA on rendered vehicles, with its model card."""

import json
import shutil
from pathlib import Path

from rnnha import outcome, pairs
from rnnha.data.benchmark import DataError, load
from rnnha.paths import RESULTS, atomic
from rnnha.results import ResultsError

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
    rendered = pairs.measure(checkpoint, outcome.test_table(load(DATASET)))
    rendered["all pairs"].save(checkpoint)
    measured = {f"rendered test vehicles, {what}": found for what, found in rendered.items()}
    try:
        photographs = pairs.measure(checkpoint, load("photographs").manifest)
    except DataError:  # the only real set that is free; without it the card says nothing of it
        photographs = {}
    measured |= {f"real photographs, {what}": found for what, found in photographs.items()}
    card = checkpoint.with_suffix(".md")
    with atomic(card) as temporary:
        temporary.write_text(_card(run, measured))
    return [checkpoint, card]


def _card(run: Path, measured: dict[str, pairs.Separation]) -> str:
    config = json.loads((run / "config.json").read_text())
    environment = json.loads((run / "env.json").read_text())
    lines = ["| pairs | AUC | of one vehicle | of two vehicles |", "|---|---|---|---|"]
    lines += [f"| {w} | {s.auc:.3f} | {s.n_same:,} | {s.n_other:,} |" for w, s in measured.items()]
    return CARD.format(
        images=f"{config['train_images']:,}", vehicles=config["train_vehicles"],
        size=config["image_size"], commit=environment["commit"], seed=SEED,
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
probability that a pair of one vehicle is the more alike; 0.5 is chance. Only pairs across two
cameras count, and only vehicles that were not trained on.

{table}

Licence: MIT, like the code; the rendered images are CC BY 4.0.
"""
