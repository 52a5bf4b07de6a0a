"""What is complete, unfinished, stale or missing; and how long the rest will take."""

import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from rnnha import dryrun, experiments, keys, profiles, training
from rnnha.data.benchmark import Benchmark, load
from rnnha.methods.network import build, with_coarse_label
from rnnha.paths import run_dir
from rnnha.profiles import Profile, Scale
from rnnha.run import describe, prepared

Target = tuple[str, str, int]  # data set, row, seed

# Data loading and augmentation as a share of the training step, and what a run spends on its
# start, embeddings, scores and maps: for the plan, not for any result.
BESIDE_TRAINING = 0.25
SECONDS_WITHOUT_TRAINING = 20


def text(targets: Sequence[Target], profile: str) -> str:
    """One line a run: data set, row, seed, and its state."""
    scale = profiles.profile(profile)
    lines = [f"{d:20} {r:20} seed {s}  {state(d, r, s, scale)}" for d, r, s in targets]
    return "\n".join(lines)


def state(dataset: str, slug: str, seed: int, profile: Profile) -> str:
    """"complete", "missing", "unfinished", or "stale: ..." with what has changed since."""
    folder = run_dir(Path(dataset).stem, slug, seed)
    if not (folder / "metrics.csv").exists():
        return "unfinished: goes on from a checkpoint" if _started(folder) else "missing"
    config = json.loads((folder / "config.json").read_text())
    changed = [
        part for part, now in _key_now(dataset, slug, seed, profile, config).items()
        if config["key_parts"][part] != now
    ]  # fmt: skip
    if not changed:
        return "complete"
    again = f"make reproduce FORCE=1 DATASETS={dataset} ROWS={slug} SEEDS={seed}"
    again += f" PROFILE={profile.name}"
    return f"stale: {' and '.join(changed)} changed since ({again})"


def _started(folder: Path) -> bool:
    return any(folder.glob("checkpoint*.pt"))


def _key_now(
    dataset: str, slug: str, seed: int, profile: Profile, recorded: dict
) -> dict[str, str]:
    row, benchmark = experiments.row(slug), _benchmark(dataset, profile)
    stage0 = experiments.stage0_of(row)
    start = stage0 and run_dir(benchmark.name, stage0.slug, seed)
    if start is not None and not (start / "config.json").exists():
        start = None
    # Imported weights are not looked for: they may have been needed for that run only.
    imported = recorded.get("pretrained", "from scratch")
    config = describe(row, profile, benchmark, seed, start, imported)
    if "precision" in recorded:
        config["precision"] = recorded["precision"]
    return keys.key_parts(config, benchmark.manifest)


@cache
def _benchmark(dataset: str, profile: Profile) -> Benchmark:
    return prepared(load(dataset), profile)


def plan(
    targets: Sequence[Target], profile: str, jobs: int, step_seconds: float | None = None
) -> Iterator[str]:
    """The runs that are left and the time they will take, line by line.

    Minutes are from a step timed now. At the paper's own size, where that would say nothing of
    the machine that trains, each row is tried by `dryrun.plan`, which raises after its last line
    where data are missing; step_seconds is for that.
    """
    scale = profiles.profile(profile)
    left = [
        (dataset, row, seed) for dataset, row, seed in targets
        if not (run_dir(Path(dataset).stem, row, seed) / "metrics.csv").exists()
    ]  # fmt: skip
    if not left:
        yield f"All {len(targets)} runs are complete; nothing to train."
        return
    if scale.full_size:
        yield f"Plan: {len(left)} of {len(targets)} runs are left"
        yield from dryrun.plan(left, profile, jobs, step_seconds or 1.0)
        return
    frame = pd.DataFrame(left, columns=["dataset", "row", "seed"])
    frame["minutes"] = [_seconds(d, r, scale) / 60 for d, r, _ in left]
    summary = frame.groupby(["dataset", "row"], sort=False).agg(
        runs=("seed", "size"), minutes=("minutes", "sum")
    )
    total = frame.minutes.sum() / jobs
    yield (
        f"Plan: {len(left)} of {len(targets)} runs are left; minutes by a training step timed now\n"
        f"{summary.to_string(float_format='%.1f')}\n"
        f"About {total:.0f} minutes with {jobs} runs side by side."
    )


@cache
def _seconds_per_image(scale: Scale) -> float:
    batch = scale.stage1[0].batch
    model = build(experiments.row("rnn-ha"), scale, 10, 200)
    device = training.default_device()
    return training.seconds_per_step(model, scale.image_size, batch, device) / batch


def _seconds(dataset: str, slug: str, profile: Profile) -> float:
    row = experiments.row(slug)
    if row.method not in ("network", "identity-only"):
        return SECONDS_WITHOUT_TRAINING
    scale = profile.scale(row)
    phases = scale.stage0 if row in experiments.STAGES0 else scale.stage1
    images = len(with_coarse_label(_benchmark(dataset, profile).train))
    steps = images * sum(phase.epochs for phase in phases)
    return steps * _seconds_per_image(scale) * (1 + BESIDE_TRAINING) + SECONDS_WITHOUT_TRAINING
