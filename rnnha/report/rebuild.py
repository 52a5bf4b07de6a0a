"""All tables and figures of a source of runs, written anew."""

from pathlib import Path

from rnnha import paths
from rnnha.data.sets import TABLES
from rnnha.experiments import VARIANTS
from rnnha.figures.of_results import figures
from rnnha.report.chapters import mark_tables
from rnnha.runs import folder
from rnnha.runs.results import Results
from rnnha.tables import (
    answer,
    attention,
    build,
    finetuned,
    photographs,
    readme,
    released,
    systems,
)


def rebuild(source: Path, results_root: Path) -> list[Path]:
    """Tables (`tables/`) and figures (`figures/`) of every data set; return their paths.

    The rendered sets' tables are always written; those of the real sets where runs exist. What
    lies there of other runs, and cannot be made of these, goes.
    """
    tables, own = Path(results_root) / "tables", results_root == paths.RESULTS
    if own:
        mark_tables(of_runs=False)
    written, shown = [], []
    for dataset in TABLES:
        results = Results(source, dataset)
        ran = any(folder.finished(source, dataset, slug) for slug, _, _ in results.rows)
        if ran or results.data_set.synthetic:
            written += build.write(build.build(results), tables)
            shown.append(results)
        else:
            build.remove(dataset, tables)
        written += figures(results, Path(results_root) / "figures")
        written += attention.write(results, tables)
        if any(folder.finished(source, dataset, v.slug) for v in VARIANTS):
            written += released.write(results, tables)
        else:
            released.remove(dataset, tables)
    written.append(answer.write(shown, tables))
    written += systems.write([*shown, Results(source, photographs.DATASET)], tables)
    for of in (photographs, finetuned):
        written += of.write(Results(source, of.DATASET), tables)
    if own and source == folder.own():
        mark_tables(of_runs=True)
    elif source == paths.REFERENCE and results_root == paths.ROOT / "results":
        for page in (readme.README, readme.SYSTEMS):
            readme.refresh(tables, page)
    return written
