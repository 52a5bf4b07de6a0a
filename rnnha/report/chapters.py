"""What `make` has to do: the runs that are left, and the chapters that show what came out.

`fragment` writes it in make's own language. Make then only keeps the order and runs side by side;
whether something is done is decided here, by what files hold and not by who touched them.
"""

import hashlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnha import methods, paths
from rnnha.data.sets import SETS, known
from rnnha.experiments import row
from rnnha.runs import folder
from rnnha.runs.plan import Target

LESSON, DATA, VERI, VEHICLEID, MAPS = (
    "00_coarse_to_fine",
    "01_explore_data",
    "03_table_veri",
    "04_table_vehicleid",
    "05_attention_maps",
)
SUBJECT = "rnn-ha"  # the row whose maps are shown
_OF_RUNS = ".of-runs"  # beside the tables, where they are of one's own runs


def chapters(wanted: Sequence[Target], datasets: Sequence[str]) -> dict[str, dict[str, object]]:
    """The notebooks that the wanted runs can fill, each with its parameters: about the first
    fitting data set and seed."""
    records = [known(name) for name in datasets]
    source = {"source": "runs"} if wanted else {}
    found: dict[str, dict[str, object]] = {}
    shown = [(d, s) for d, slug, s in wanted if slug == SUBJECT]
    # The lesson needs to know model and paint, which rendered sets tell.
    if lesson := next((d for d, _ in shown if SETS[d].synthetic), None):
        found[LESSON] = {"dataset": lesson}
    if records:
        found[DATA] = {"dataset": records[0].name}
    for chapter, poster in ((VERI, "VeRi"), (VEHICLEID, "VehicleID")):
        fitting = [r.name for r in records if r.poster and r.poster.name == poster]
        if fitting:
            found[chapter] = {"dataset": fitting[0], **source}
    if shown:
        found[MAPS] = {"dataset": shown[0][0], "experiment": SUBJECT, "seed": shown[0][1]}
    return found


def fragment(wanted: Sequence[Target], datasets: Sequence[str], force: bool = False) -> str:
    """Lines for make: RUNS that are left (data set/row/seed), each after its stage 0 if that is
    left, too; CHAPTERS that are left and their parameters; TABLES, where they are to be made.

    force: the wanted runs are left whether they are finished or not.
    """
    runs = [t for t in wanted if force or not _done(t)]
    pages = chapters(wanted, datasets)
    stale = bool(runs) or not tables_are_of_runs()
    lines = [f"RUNS += {' '.join(map(_target, runs))}", f"TABLES += {'yes' if stale else ''}"]
    for dataset, slug, seed in runs:
        start = methods.stage0_of(row(slug))
        if start is not None and (dataset, start.slug, seed) in runs:
            before = _target((dataset, start.slug, seed))
            lines.append(f"run/{_target((dataset, slug, seed))}: run/{before}")
    left = [name for name in pages if stale or not _shown(name)]
    lines.append(f"CHAPTERS += {' '.join(left)}")
    for name, parameters in pages.items():
        asked = " ".join(f"-p {key} {value}" for key, value in parameters.items())
        lines.append(f"FOR_{name} ?= {asked}")
    return "\n".join(lines)


def finished_targets(datasets: Iterable[str]) -> list[Target]:
    """The runs of these data sets that are finished."""
    names = list(datasets)
    return [
        (run.dataset, run.slug, run.seed)
        for run in folder.every(folder.own())
        if run.dataset in names
    ]


def _target(target: Target) -> str:
    return "/".join(map(str, target))


def _done(target: Target) -> bool:
    run = folder.locate(*target)
    return run.complete and run.notebook.exists()


def _shown(chapter: str) -> bool:
    """Whether an executed chapter is younger than its notebook and than the tables."""
    page, source = (base / "notebooks" / f"{chapter}.ipynb" for base in (paths.RESULTS, paths.ROOT))
    made_after = [source, paths.RESULTS / "tables" / _OF_RUNS]
    return page.exists() and all(page.stat().st_mtime >= p.stat().st_mtime for p in made_after)


# --- are the tables those of one's own runs? ---


def tables_are_of_runs() -> bool:
    """Whether `results/tables` was made of the runs as they are, and not of the reference."""
    mark = paths.RESULTS / "tables" / _OF_RUNS
    return mark.is_file() and mark.read_text(encoding="utf-8") == _digest()


def mark_tables(of_runs: bool) -> None:
    """Note what the tables are of; before they are written they are of nothing."""
    mark = paths.RESULTS / "tables" / _OF_RUNS
    mark.unlink(missing_ok=True)
    if of_runs:
        with paths.atomic(mark) as temporary:
            temporary.write_text(_digest(), encoding="utf-8")


def _digest() -> str:
    """Short SHA-256 over the numbers of all finished runs."""
    total = hashlib.sha256()
    for run in folder.every(folder.own()):
        total.update(f"{run.dataset}/{run.slug}/{run.seed} ".encode())
        total.update(Path(run.metrics_file).read_bytes())
    return total.hexdigest()[:16]
