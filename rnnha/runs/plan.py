"""Which runs the tables want, which of them are left, and how long these will take."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cache

import pandas as pd

from rnnha import experiments, methods, profiles
from rnnha.data import sets
from rnnha.experiments import ABLATION, POSTER, VARIANTS, Row
from rnnha.profiles import Profile, Scale
from rnnha.runs import folder

Target = tuple[str, str, int]  # data set, row, seed

GROUPS = {"poster": POSTER, "ablation": ABLATION, "released": VARIANTS}
# Data loading and augmentation as a share of the training step, and what a run spends on its
# start, embeddings, scores and maps: for the plan, not for any result.
BESIDE_TRAINING = 0.25
SECONDS_WITHOUT_TRAINING = 20


def targets(
    datasets: Iterable[str], slugs: Iterable[str] | None, seeds: Iterable[int], profile: Profile
) -> list[Target]:
    """Every run that the tables want, each after its stage 0.

    slugs: only these rows, or the names of GROUPS. Raises KeyError for an unknown row, DataError
    for an unknown data set, ValueError for a row that is in none of these tables, and for a
    manifest of one's own.
    """
    datasets = list(datasets)
    if own := [d for d in datasets if sets.is_own(d)]:
        raise ValueError(f"{own[0]}: there are no tables for a manifest; use rnnha run")
    result: dict[Target, None] = {}
    slugs, seeds = list(slugs or ()), tuple(seeds)
    wanted = chosen(slugs)
    for dataset in datasets:
        for r in [*rows_of(dataset), *(VARIANTS if wanted else ())]:
            if wanted and r not in wanted:
                continue
            every = profile.seeds_of_large_rows if r.large else None
            for seed in seeds[: every if methods.of(r).seeded else 1]:
                for each in [*methods.needed(r), r]:
                    result[dataset, each.slug, seed] = None
    runs = {slug for _, slug, _ in result}
    for slug in slugs:
        # Of a group, a set has what it can: rendered sets alone have the oracle of cues.
        if not any(r.slug in runs for r in chosen([slug])):
            title = slug if slug in GROUPS else experiments.row(slug).title
            raise ValueError(f"{title} is no row of the table of {' or '.join(datasets)}")
    return list(result)


def rows_of(dataset: str) -> list[Row]:
    """The rows of a data set, in the order of its table; of both tables for a set that the poster
    has not."""
    known = sets.known(dataset)
    return experiments.rows_of(known.poster.name if known.poster else None, known.synthetic)


def chosen(slugs: Iterable[str]) -> list[Row]:
    """The rows of these names, or of the names of GROUPS; KeyError for an unknown one."""
    return [r for slug in slugs for r in GROUPS.get(slug) or [experiments.row(slug)]]


def left_of(targets: Sequence[Target]) -> list[Target]:
    """Those of `targets` that are not complete."""
    return [t for t in targets if not folder.locate(*t).complete]


def plan(
    targets: Sequence[Target],
    profile: str,
    jobs: int,
    step_seconds: float | None = None,
    force: bool = False,
    precision: str = "float32",
) -> Iterator[str]:
    """The runs that are left and the time they will take, line by line.

    Minutes are from a step timed now, in `precision` where it is the faster one. At the paper's own
    size, where that would say nothing of the machine that trains, each row is tried by
    `dryrun.plan`, which raises after its last line where data are missing; step_seconds is for
    that. force: finished runs are left, too. Finished runs that are stale come first: they are not
    made anew without `force`.
    """
    if jobs < 1:
        raise ValueError(f"{jobs} runs side by side: expected 1 or more")
    scale, left = profiles.profile(profile), list(targets) if force else left_of(targets)
    yield from _stale([t for t in targets if t not in left], scale)
    if not left:
        yield f"All {len(targets)} runs are complete; nothing to train."
        return
    if scale.full_size:
        from rnnha.runs import dryrun

        yield f"Plan: {len(left)} of {len(targets)} runs are left"
        yield from dryrun.plan(left, profile, jobs, 1.0 if step_seconds is None else step_seconds)
        return
    frame = pd.DataFrame(left, columns=["dataset", "row", "seed"])
    frame["minutes"] = [_seconds(d, r, scale, precision) / 60 for d, r, _ in left]
    summary = frame.groupby(["dataset", "row"], sort=False).agg(
        runs=("seed", "size"), minutes=("minutes", "sum")
    )
    yield (
        f"Plan: {len(left)} of {len(targets)} runs are left; minutes by a training step timed now\n"
        f"{summary.to_string(float_format='%.1f')}\n"
        f"In all {frame.minutes.sum() / jobs:.1f} minutes with {jobs} runs side by side."
    )


def _stale(finished: Sequence[Target], profile: Profile) -> Iterator[str]:
    """Finished runs are kept; which of them other code, data or settings would make today."""
    from rnnha.runs import status

    for target, now in ((t, status.state(*t, profile)) for t in finished):
        if now != "complete":
            yield f"{'/'.join(map(str, target))} is {now}"


def _seconds(dataset: str, slug: str, profile: Profile, precision: str) -> float:
    from rnnha.methods.network import with_coarse_label
    from rnnha.runs.status import benchmark

    row = experiments.row(slug)
    images = len(with_coarse_label(benchmark(dataset, profile).train))
    scale = profile.scale(row, images)
    epochs = sum(phase.epochs for phase in methods.of(row).phases(row, scale))
    if not epochs:
        return SECONDS_WITHOUT_TRAINING
    step = images * epochs * _seconds_per_image(scale, precision)
    return step * (1 + BESIDE_TRAINING) + SECONDS_WITHOUT_TRAINING


@cache
def _seconds_per_image(scale: Scale, precision: str) -> float:
    from rnnha.methods.network import build
    from rnnha.training import device, timing

    batch = scale.stage1[0].batch
    model = build(experiments.row("rnn-ha"), scale, 10, 200)
    where, tried = device.default_device(), {"float32", precision}
    steps = [timing.seconds_per_step(model, scale.image_size, batch, where, p) for p in tried]
    return min(steps) / batch
