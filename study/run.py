"""Render a level's set, train its rows, and keep what each test vehicle scored.

Finished images, runs and levels are kept, so a killed call goes on where it was. A level that has
its file in results/study is done: neither its pictures nor its runs are needed any more.
"""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

from rnnha import experiments, paths
from rnnha.data.manifest import Benchmark
from rnnha.paths import atomic
from rnnha.runs.folder import RunFolder
from rnnha.runs.run import Run, carry_out, prepared
from rnnha.scoring import look_alikes
from rnnha.scoring.protocols import by_name
from study.conditions import LEVELS, ROWS, SEEDS, Level, benchmark, key, profile

BUILD = paths.ROOT / "build"
RESULTS = paths.ROOT / "results" / "study"
COLUMNS = ["row", "seed", "protocol", "vehicle_id", "queries", "mAP"]
UNTRAINED = "untrained"


def file_of(level: Level) -> Path:
    return RESULTS / f"{level.name}.csv"


def study(levels: list[Level], jobs: int, profile_name: str = "rendered") -> None:
    """Bring these levels to their files, one after another; jobs: processes side by side. A level
    of views is read off the base's runs."""
    for level in dict.fromkeys(LEVELS[level.trained] for level in levels):
        if read(level) is not None:
            continue
        folder = rendered(level.rendered, jobs)
        print(f"{level.name}: training", flush=True)
        made_with: list[str] = []
        pool = ProcessPoolExecutor(jobs, get_context("spawn"), initializer=_one_thread)
        try:
            for slugs in (["stage0"], [*ROWS, UNTRAINED]):
                asked = [(slug, seed) for slug in slugs for seed in SEEDS[: _seeds(slug)]]
                tasks = [pool.submit(train, level, folder, *a, profile_name) for a in asked]
                tables, by = zip(*(task.result() for task in tasks), strict=True)
                made_with += by
        finally:
            pool.shutdown(cancel_futures=True)  # after an error or Ctrl-C nothing new is begun
        keep(level, pd.concat(tables, ignore_index=True), made_with)


def _seeds(slug: str) -> int:
    return 1 if slug == UNTRAINED else len(SEEDS)


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def rendered(name: str, jobs: int) -> Path:
    """The folder of a set, rendered as far as it is not."""
    from rendering import dataset

    return dataset.render(name, BUILD / "render" / name, workers=jobs)


def train(
    level: Level, folder: Path, slug: str, seed: int, profile_name: str
) -> tuple[pd.DataFrame, str]:
    """Bring one run to its end: what its test vehicles scored, COLUMNS, and by what it was made."""
    scale = profile(level, profile_name)
    whole = prepared(benchmark(level, folder), scale)
    run = carry_out(Run(experiments.row(slug), scale, whole, seed))
    made_with = run.environment()
    by = f"commit {made_with['commit']}, {made_with['hardware']}"
    return scores(run, whole, views_of(level)), by


def views_of(level: Level) -> tuple[str, ...]:
    """The views that some level is scored within by this one's runs."""
    return tuple(v for other in LEVELS.values() if other.trained == level.name for v in other.views)


def scores(run: RunFolder, whole: Benchmark, views: Sequence[str] = ()) -> pd.DataFrame:
    """How many queries each test vehicle has, and their mean AP in percent, by protocol; image to
    image, by o2. views: score look-alikes within them, too."""
    found = run.per_query()
    if views:
        vectors = run.embeddings()
        embed = by_name(vectors["names"], vectors["o2"])
        alike = [look_alikes.score(whole, embed=embed, view=view) for view in views]
        found = pd.concat([found, *alike], ignore_index=True)
    found = found[found["protocol"].str.startswith("image-to-image") & (found["first_rank"] > 0)]
    found = found[~found["protocol"].str.contains("[", regex=False)]
    table = found.groupby(["protocol", "vehicle_id"])["ap"].agg(queries="size", mAP="mean")
    table = table.assign(mAP=100 * table["mAP"]).reset_index()
    return table.assign(row=run.slug, seed=run.seed)[COLUMNS]


def keep(level: Level, found: pd.DataFrame, made_with: Iterable[str]) -> None:
    """Write a level's small result; at its head the set, what was set, and what made the runs."""
    head = ", ".join([level.rendered, f"settings {key(level)}", *dict.fromkeys(made_with)])
    text = found.to_csv(index=False, float_format="%.3f", lineterminator="\n")
    with atomic(file_of(level)) as temporary:
        temporary.write_text(f"# {head}\n{text}", encoding="utf-8")


def made(level: Level) -> str:
    """Commit and hardware of a level's small result, from its first line.

    Raises ValueError where something else was set than now.
    """
    level = LEVELS[level.trained]
    file = file_of(level)
    with file.open(encoding="utf-8") as opened:
        head = opened.readline().removeprefix("# ").strip()
    _, _, rest = head.partition(", ")
    then, _, by = rest.partition(", ")
    if then != f"settings {key(level)}":
        raise ValueError(
            f"{file}: found {then or head!r}, expected settings {key(level)}: what is rendered or "
            "trained at this level was changed; take the file away to have it made anew"
        )
    return by


def read(level: Level) -> pd.DataFrame | None:
    """A level's small result, COLUMNS; None where it is not there. A level of views has the
    base's. Raises ValueError as `made` does."""
    file = file_of(LEVELS[level.trained])
    if not file.is_file():
        return None
    made(level)
    return pd.read_csv(file, comment="#")


def results_folder() -> None:
    """Runs of the study lie in build/study, apart from those of the tables. Before rnnha is used:
    it reads the variable once, and the processes inherit it."""
    os.environ["RNNHA_RESULTS"] = str(BUILD / "study")
    paths.RESULTS = BUILD / "study"
