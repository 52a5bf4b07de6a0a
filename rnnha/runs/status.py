"""What is complete, unfinished, stale or missing, and why."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

from rnnha import experiments, paths, profiles
from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.profiles import Profile
from rnnha.runs import folder, keys
from rnnha.runs.plan import Target
from rnnha.runs.run import FROM_SCRATCH, Run, prepared


def lines(targets: Sequence[Target], profile: str) -> Iterator[str]:
    """One line a run: data set, row, seed, and its state."""
    scale = profiles.profile(profile)
    for dataset, slug, seed in targets:
        yield f"{dataset:20} {slug:20} seed {seed}  {state(dataset, slug, seed, scale)}"


def state(dataset: str, slug: str, seed: int, profile: Profile) -> str:
    """ "complete", "missing", "unfinished", or "stale: ..." with what has changed since."""
    place = folder.locate(sets.name_of(dataset), slug, seed)
    if not place.complete:
        return "unfinished: goes on from a checkpoint" if place.started else "missing"
    recorded = place.config()
    run = Run(experiments.row(slug), profile, benchmark(dataset, profile), seed)
    run = replace(run, precision=recorded.get("precision", run.precision))
    # Imported weights are not looked for: they may have been needed for that run only.
    config = run.config(recorded.get("pretrained", FROM_SCRATCH))
    if run.start is not None:  # it may have gone on from another checkpoint, which may be gone
        config["checkpoint"] = recorded["checkpoint"]
    now = keys.key_parts(config, run.benchmark)
    changed = [part for part in now if recorded["key_parts"].get(part) != now[part]]
    if not changed:
        return "complete"
    again = f"make reproduce FORCE=1 DATASETS={dataset} ROWS={slug} SEEDS={seed}"
    again += f" PROFILE={profile.name}"
    if paths.RESULTS != paths.ROOT / "results":
        again += f" RNNHA_RESULTS={paths.RESULTS}"
    return f"stale: {' and '.join(changed)} changed since ({again})"


@cache
def benchmark(dataset: str, profile: Profile) -> Benchmark:
    """The data set as a profile uses it, read once."""
    return prepared(sets.load(dataset), profile)
