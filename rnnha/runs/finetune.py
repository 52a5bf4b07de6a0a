"""Fine-tune a trained RNN-HA on another set, and score the checkpoint there as it was before."""

from collections.abc import Iterable
from pathlib import Path

from rnnha.experiments import ADAPTED
from rnnha.methods.finetuned import SHIPPED
from rnnha.runs import folder
from rnnha.runs.folder import RunFolder
from rnnha.runs.run import run

GIVEN, FINE_TUNED = (row.slug for row in ADAPTED)
FROM_SCRATCH = "rnn-ha"  # the same network, trained on that set alone: the control


def finetune(
    dataset: str,
    seeds: Iterable[int] = (0, 1, 2),
    profile: str = "rendered",
    checkpoint: Path = SHIPPED,
    force: bool = False,
) -> list[RunFolder]:
    """Score the checkpoint as it is, then fine-tune it once for each seed, and score that.

    Both are runs, `rnn-ha-given` and `rnn-ha-finetuned`; the arguments are those of `run.run`,
    which says what is raised. Returns their folders, the given checkpoint's first.
    """
    wanted = [(GIVEN, 0), *((FINE_TUNED, seed) for seed in seeds)]
    return [
        folder.RunFolder(run(slug, dataset, seed, profile, force=force, checkpoint=checkpoint))
        for slug, seed in wanted
    ]
