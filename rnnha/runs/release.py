"""The shipped networks: an RNN-HA trained on rendered vehicles, which is the one that everything
reads, and two more for the explorer, all with their model cards."""

from pathlib import Path

from rnnha import markdown
from rnnha.data.sets import load
from rnnha.files import DataError
from rnnha.paths import ASSETS
from rnnha.runs import compare, outcome
from rnnha.runs.export import copy_weights, finished_run, model_card, write_card
from rnnha.runs.folder import RunFolder
from rnnha.runs.results import ResultsError
from rnnha.scoring.pairs import Separation

DATASET, ROW, SEED, PROFILE = "rendered-veri", "rnn-ha", 0, "rendered"
# Another training of the same row, and a row that attends otherwise.
FURTHER = {
    (ROW, 1): ASSETS / "rnn_ha_rendered_seed1.safetensors",
    ("fc-ha", 0): ASSETS / "fc_ha_rendered.safetensors",
}
NETWORKS = {(ROW, SEED): compare.CHECKPOINT, **FURTHER}  # (row, seed): file; trained on DATASET


def release() -> list[Path]:
    """Write the files of NETWORKS from finished runs; return the paths.

    Raises ResultsError where one of the runs is not there, or is of another profile.
    """
    (run, checkpoint), *further = [(_run(*network), file) for network, file in NETWORKS.items()]
    written = _release(run, checkpoint)
    for run, file in further:
        copy_weights(run, file)
        written += [file, write_card(model_card(run, EXPLORED), file)]
    return written


def _run(row: str, seed: int) -> RunFolder:
    run = finished_run(row, DATASET, seed)
    if (found := run.config()["profile"]) != PROFILE:
        raise ResultsError(f"{run.path}: is of profile {found}; a shipped one is of {PROFILE}")
    return run


def _release(run: RunFolder, checkpoint: Path) -> list[Path]:
    """The checkpoint that everything reads, with how well it separates pairs."""
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


EXPLORED = "Shipped with the project, written by `make accept`; the explorer offers it."

PAIRS = """\
Shipped with the project, written by `make accept`; the notebooks and `rnnha compare` read it.

How well the cosine of two embeddings separates pairs of one vehicle from pairs of two. AUC is the
probability that a pair of one vehicle is the more alike; 0.5 is chance. Only pairs across two
cameras count, and only vehicles that were not trained on.

{table}
"""
