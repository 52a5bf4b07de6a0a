"""What `make` has to do: the runs that are left, and the chapters that show what came out.

`fragment` writes it in make's own language. Make then only keeps the order and runs side by side;
whether something is done is decided here: of runs and tables by what files hold, and of pages,
which are made in a minute, by what is younger.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

from rnnha import methods, paths
from rnnha.data.sets import known
from rnnha.experiments import EVERY, row
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
SHIPPED_ON = "rendered-veri"  # the set of the shipped network, whose maps are shown without a run
_OF_RUNS = ".of-runs"  # beside the tables, where they are of one's own runs


def chapters(wanted: Sequence[Target], datasets: Sequence[str]) -> dict[str, dict[str, object]]:
    """The notebooks that the wanted runs can fill, each with its parameters: about the first
    fitting data set and seed."""
    records = [known(name) for name in datasets]
    source = {"source": "runs"} if wanted else {}
    found: dict[str, dict[str, object]] = {}
    shown = [(d, s) for d, slug, s in wanted if slug == SUBJECT]
    # The lesson has the shipped network, and needs model and paint, which rendered sets tell.
    if lesson := next((r.name for r in records if r.synthetic), None):
        found[LESSON] = {"dataset": lesson}
    if records:
        found[DATA] = {"dataset": records[0].name}
    for chapter, poster in ((VERI, "VeRi"), (VEHICLEID, "VehicleID")):
        fitting = [r.name for r in records if r.poster and r.poster.name == poster]
        if fitting:
            found[chapter] = {"dataset": fitting[0], **source}
    if shown:
        found[MAPS] = {"dataset": shown[0][0], "experiment": SUBJECT, "seed": shown[0][1]}
    elif not wanted and SHIPPED_ON in datasets:
        found[MAPS] = {"dataset": SHIPPED_ON}
    return found


def fragment(wanted: Sequence[Target], datasets: Sequence[str], force: bool = False) -> str:
    """Lines for make: TRAIN, the runs that are left (data set/row/seed), as `_in_order`, each after
    those of them that it needs; CHAPTERS that are left and their parameters; TABLES and
    REPORT, where they are to be made.

    force: the wanted runs are left whether they are finished or not. A finished run that lost its
    notebook is left, too; it does not train again, so that the tables stay.
    """
    places = {t: folder.locate(*t) for t in wanted}
    new = [t for t, place in places.items() if force or not place.complete]
    runs = [t for t, place in places.items() if t in new or not place.notebook.exists()]
    runs = _in_order(runs)
    pages = chapters(wanted, datasets)
    # Without runs the tables are the committed ones, of which nothing notes what they are of.
    stale = bool(wanted) and (bool(new) or not tables_are_of_runs())
    left = [name for name, asked in pages.items() if stale or not _shown(name, asked)]
    report = bool(runs or left) or stale or not _reported(wanted, pages)
    lines = [
        f"TRAIN += {' '.join(map(_target, runs))}",
        f"TABLES += {'yes' if stale else ''}",
        f"CHAPTERS += {' '.join(left)}",
        f"REPORT += {'yes' if report else ''}",
    ]
    for dataset, slug, seed in runs:
        for start in methods.needed(row(slug)):
            before = dataset, start.slug, seed
            if before in runs:
                lines.append(f"run/{_target((dataset, slug, seed))}: run/{_target(before)}")
    for name, parameters in pages.items():
        asked = " ".join(f"-p {key} {value}" for key, value in parameters.items())
        lines.append(f"FOR_{name} ?= {asked}")
    return "\n".join(lines)


def _in_order(runs: Sequence[Target]) -> list[Target]:
    """The runs as make shall begin them, so that no long one is left with one core at the end.

    make goes through the list once; a run whose stage 0 is not finished when its turn comes is
    begun after all others. So the large stages 0 come first, and the large rows in the middle.
    """
    large = [target for target in runs if row(target[1]).large]
    first = [target for target in large if row(target[1]).kind == "stage"]
    others = [target for target in runs if target not in large]
    half = len(others) // 2
    later = [target for target in large if target not in first]
    return [*first, *others[:half], *later, *others[half:]]


def finished_targets(datasets: Iterable[str]) -> list[Target]:
    """The finished runs of the rows, in the order of these data sets."""
    rows = {r.slug for r in EVERY}  # not what `rnnha cross` has scored
    names = list(datasets)
    found = [
        (run.dataset, run.slug, run.seed)
        for run in folder.every(folder.own())
        if run.dataset in names and run.slug in rows
    ]
    return sorted(found, key=lambda t: (names.index(t[0]), *t[1:]))


def _target(target: Target) -> str:
    return "/".join(map(str, target))


def _shown(chapter: str, asked: dict[str, object]) -> bool:
    """Whether a chapter was executed with these parameters, after its notebook and the tables."""
    page, source = _page(chapter), paths.ROOT / "notebooks" / f"{chapter}.ipynb"
    tables = [_mark()] if _mark().is_file() else (paths.RESULTS / "tables").glob("*.md")
    if not _younger(page, [source, *tables]):
        return False
    try:
        executed = json.loads(page.read_text(encoding="utf-8"))
        return executed["metadata"]["papermill"]["parameters"] == asked
    except (ValueError, KeyError, TypeError):
        return False  # damaged, or not executed by papermill


def _reported(wanted: Iterable[Target], pages: Iterable[str]) -> bool:
    """Whether the report is younger than the notebooks of these runs and chapters."""
    executed = [*(folder.locate(*t).notebook for t in wanted), *map(_page, pages)]
    return _younger(paths.report_of(paths.RESULTS) / "index.html", executed)


def _page(chapter: str) -> Path:
    return paths.RESULTS / "notebooks" / f"{chapter}.ipynb"


def _younger(made: Path, sources: Iterable[Path]) -> bool:
    return made.exists() and all(made.stat().st_mtime >= p.stat().st_mtime for p in sources)


# --- are the tables those of one's own runs? ---


def tables_are_of_runs() -> bool:
    """Whether tables and figures are as they were made of the runs as they are: `make tables` and
    `git checkout` bring those of the reference, and a lost table is to be made again."""
    return _mark().is_file() and _mark().read_text(encoding="utf-8") == _digest()


def mark_tables(of_runs: bool) -> None:
    """Note what the tables are of; before they are written they are of nothing."""
    _mark().unlink(missing_ok=True)
    if of_runs:
        with paths.atomic(_mark()) as temporary:
            temporary.write_text(_digest(), encoding="utf-8")


def _mark() -> Path:
    return paths.RESULTS / "tables" / _OF_RUNS


def _digest() -> str:
    """Short SHA-256 over the numbers of all finished runs, the tables and the figures."""
    shown = [
        p
        for room in ("tables", "figures")
        for p in (paths.RESULTS / room).glob("[!.]*")
        if p.is_file()
    ]
    files = [*(run.metrics_file for run in folder.every(folder.own())), *sorted(shown)]
    total = hashlib.sha256()
    for file in files:
        total.update(f"{file.relative_to(paths.RESULTS)} {paths.sha256(file)} ".encode())
    return total.hexdigest()[:16]
