"""The shipped checkpoint: one finished RNN-HA on rendered vehicles, with its model card."""

from pathlib import Path

from rnnha import markdown
from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.runs import compare, outcome
from rnnha.runs.export import copy_weights, finished_run, model_card, write_card
from rnnha.runs.results import ResultsError
from rnnha.scoring.pairs import Separation

DATASET, ROW, SEED, PROFILE = "rendered-veri", "rnn-ha", 0, "rendered"


def release(checkpoint: Path = compare.CHECKPOINT) -> list[Path]:
    """Write checkpoint, pair statistics and model card from the finished run of seed 0.

    Raises ResultsError where that run is not there, or is of another profile.
    """
    run = finished_run(ROW, DATASET, SEED)
    if (found := run.config()["profile"]) != PROFILE:
        raise ResultsError(f"{run.path}: is of profile {found}; the shipped one is of {PROFILE}")
    copy_weights(run, checkpoint)
    rendered = compare.measure(checkpoint, outcome.test_table(load(DATASET)))
    compare.keep(rendered, checkpoint)
    measured = {f"rendered test vehicles, {what}": found for what, found in rendered.items()}
    try:
        photographs = compare.measure(checkpoint, load("photographs").manifest)
    except DataError:  # the only real set that is free; without it the card says nothing of it
        photographs = {}
    measured |= {f"real photographs, {what}": found for what, found in photographs.items()}
    return [checkpoint, write_card(model_card(run, _pairs(measured)), checkpoint)]


def _pairs(measured: dict[str, Separation]) -> str:
    heads = ["pairs", "AUC", "of one vehicle", "of two vehicles"]
    rows = [[w, f"{s.auc:.3f}", f"{s.n_same:,}", f"{s.n_other:,}"] for w, s in measured.items()]
    return PAIRS.format(table=markdown.table(heads, rows))


PAIRS = """\
Shipped with the project, written by `make accept`; the notebooks and `rnnha compare` read it.

How well the cosine of two embeddings separates pairs of one vehicle from pairs of two. AUC is the
probability that a pair of one vehicle is the more alike; 0.5 is chance. Only pairs across two
cameras count, and only vehicles that were not trained on.

{table}
"""
