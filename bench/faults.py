"""Bad input, kills, full disks and races, in numbers: writes docs/reliability.md.

    PYTHONPATH=. python bench/faults.py [--kills 20] [--seed 0] [--write]

Longer than the tests (twenty-odd minutes on two cores), and not part of them. Every case is
a command of its own in a folder of its own. A bad input passes when the command ends by itself with
exit code 1 and one error that names the file: no traceback, no signal, no hang. Kills pass when the
chain, started again after each, ends with the same bytes as one that was never killed.
"""

import argparse
import filecmp
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import bad_inputs
from machine import processor

from rnnha.paths import ROOT, atomic

PAGE = ROOT / "docs" / "reliability.md"
PATIENCE = 120  # seconds; no command on these tiny inputs takes a tenth of that
ROWS = ("fc-ha", "rnn-h", "rnn-ha", "untrained")


@dataclass
class Outcome:
    """One case: `problem` is empty where it went as it should."""

    kind: str
    what: str
    problem: str = ""


def environment(results: Path, data: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "RNNHA_"))}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    return kept | threads | {
        "RNNHA_RESULTS": str(results),
        "RNNHA_DATA": str(data),
        "PYTHONPATH": str(ROOT),
    }  # fmt: skip


# --- bad inputs ---


def refused(case: bad_inputs.Case, folder: Path) -> Outcome:
    """Run one command on one bad input and judge how it ends."""
    arguments = case.make(folder)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "rnnha", *map(str, arguments)],
            env=environment(folder / "results", folder / "data"),
            cwd=folder,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE,
        )
    except subprocess.TimeoutExpired:
        return Outcome(case.kind, case.what, f"did not end within {PATIENCE} s")
    return Outcome(case.kind, case.what, problem(case, done) or left_behind(folder))


def problem(case: bad_inputs.Case, done: subprocess.CompletedProcess) -> str:
    """What is wrong with how a command ended; empty where it is as the page says."""
    said = done.stderr + done.stdout
    errors = [line for line in done.stderr.splitlines() if line.startswith("rnnha: ")]
    if done.returncode < 0:
        return f"ended by {signal.Signals(-done.returncode).name}"
    if "Traceback" in said:
        return f"traceback: {said.strip().splitlines()[-1][:120]}"
    if done.returncode == 0:
        return "was taken for good"
    if done.returncode != 1:
        return f"ended with exit code {done.returncode}"
    if len(errors) != 1 and "check" not in done.args:  # which reports all that it finds
        return f"told {len(errors)} errors: {said.strip()[:160]}"
    if case.named not in said:
        return f"the error does not name {case.named}: {said.strip()[:160]}"
    return ""


def left_behind(folder: Path) -> str:
    left = [path.name for path in folder.rglob(".*tmp*")]
    return f"left {left[0]} behind" if left else ""


# --- kills ---


def chain(results: Path, data: Path) -> subprocess.Popen:
    """The smoke profile by `make reproduce`, in a process group of its own."""
    command = ["make", f"PYTHON={sys.executable}", "reproduce", "PROFILE=smoke", "SEEDS=0"]
    command += ["DATASETS=rendered-veri", f"ROWS={' '.join(ROWS)}", "JOBS=2"]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(results, data),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen, how: signal.Signals) -> None:
    os.killpg(process.pid, how)
    process.communicate()


def undisturbed(folder: Path) -> tuple[Path, float]:
    """The chain without a kill: its results, and its seconds."""
    began = time.monotonic()
    process = chain(folder / "undisturbed", folder / "data-0")
    error = process.communicate()[1]
    if process.returncode:
        raise SystemExit(f"the chain itself failed:\n{error}")
    return folder / "undisturbed", time.monotonic() - began


def killed(folder: Path, expected: Path, seconds: float, kills: int, rng: random.Random):
    """Kill the chain, everything that it has started with it, at random moments of its way."""
    results, data = folder / "killed", folder / "data-1"
    moments = []
    while len(moments) < kills:
        process = chain(results, data)
        # A start takes some seconds before it trains; moments are spread over all of the rest.
        moment = rng.uniform(0.5, max(8.0, 2.5 * seconds / kills + 8))
        try:
            process.wait(moment)
            break  # done before the next kill
        except subprocess.TimeoutExpired:
            end(process, signal.SIGKILL)
            moments.append(moment)
    process = chain(results, data)
    error = process.communicate()[1]
    what = f"SIGKILL at {len(moments)} random moments of the smoke chain"
    if process.returncode:
        return Outcome("kills", what, f"the last start failed: {error[-200:]}"), len(moments)
    return Outcome("kills", what, differing(expected, results)), len(moments)


def interrupted(folder: Path, expected: Path, seconds: float, rng: random.Random) -> Outcome:
    """Ctrl-C (SIGINT to all) in the middle of `make reproduce`, then the same command again."""
    results, data = folder / "interrupted", folder / "data-2"
    process = chain(results, data)
    time.sleep(rng.uniform(0.3, 0.7) * seconds)
    end(process, signal.SIGINT)
    error = chain_again(results, data)
    return Outcome("kills", "make reproduce interrupted", error or differing(expected, results))


def chain_again(results: Path, data: Path) -> str:
    process = chain(results, data)
    error = process.communicate()[1]
    return f"failed: {error[-200:]}" if process.returncode else ""


def differing(expected: Path, found: Path) -> str:
    """What is unlike in two results folders, in the files that hold numbers."""
    for name in ("per_query.csv.gz", "metrics.csv", "weights.safetensors"):
        for file in sorted(expected.glob(f"runs/*/*/seed*/{name}")):
            other = found / file.relative_to(expected)
            if not other.exists():
                return f"{other.relative_to(found)} is missing"
            if not filecmp.cmp(file, other, shallow=False):
                return f"{other.relative_to(found)} differs"
    return left_behind(found)


def at_once(folder: Path, expected: Path) -> Outcome:
    """Two processes train one row at the same time."""
    results, data = folder / "at once", folder / "data-3"
    shutil.copytree(folder / "data-0", data, ignore=shutil.ignore_patterns("cache"))
    command = [sys.executable, "-m", "rnnha", "run", "rnn-ha", "--profile", "smoke"]
    both = [
        subprocess.Popen(command, env=environment(results, data), stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        process.communicate()
    codes = [process.returncode for process in both]
    found = f"exit codes {codes}" if any(codes) else ""
    for name in ("per_query.csv.gz", "metrics.csv"):
        ours, theirs = (s / "runs/rendered-veri/rnn-ha/seed0" / name for s in (results, expected))
        if not found and not filecmp.cmp(ours, theirs, shallow=False):
            found = f"{name} differs"
    return Outcome("races", "two runs of one row at once", found)


# --- full disks ---


def full(folder: Path, megabytes: int, where: str, expected: Path) -> Outcome:
    """A disk of so many MB for the results, or for the data with its cache; then room again."""
    what = f"disk of {megabytes} MB for the {where}"
    small, other = folder / f"small-{where}", folder / f"other-{where}"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(small)],
        capture_output=True,
    )
    if mounted.returncode:
        return Outcome("full disks", what, "not tried: mounting a small disk needs root")
    results, data = (small, other) if where == "results" else (other, small)
    try:
        if where == "results":
            shutil.copytree(folder / "data-0", data, ignore=shutil.ignore_patterns("cache"))
        else:
            (data / "rendered-veri").symlink_to(folder / "data-0" / "rendered-veri")
        command = [sys.executable, "-m", "rnnha", "run", "rnn-ha", "--profile", "smoke"]
        done = subprocess.run(
            command, env=environment(results, data), capture_output=True, text=True
        )
        said = done.stderr
        if done.returncode < 0:
            return Outcome("full disks", what, f"ended by signal {-done.returncode}")
        if done.returncode != 1 or "Traceback" in said:
            return Outcome("full disks", what, f"exit {done.returncode}: {said[-200:]}")
        if not re.search(r"full|free", said.splitlines()[-1]):
            return Outcome("full disks", what, f"not named: {said.splitlines()[-1][:160]}")
        subprocess.run(["mount", "-o", "remount,size=1g", str(small)], check=True)
        again = subprocess.run(command, env=environment(results, data), capture_output=True)
        ours, theirs = (
            s / "runs/rendered-veri/rnn-ha/seed0/per_query.csv.gz" for s in (results, expected)
        )
        if again.returncode or not filecmp.cmp(ours, theirs, shallow=False):
            return Outcome("full disks", what, "with room again it did not end as usual")
        return Outcome("full disks", what)
    finally:
        subprocess.run(["umount", str(small)], capture_output=True)


# --- the page ---


def page(outcomes: list[Outcome], kills: int, minutes: float, seed: int) -> str:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    kinds = Counter(o.kind for o in outcomes)
    good = Counter(o.kind for o in outcomes if not o.problem)
    lines = [f"| {kind} | {count} | {good[kind]} |" for kind, count in kinds.items()]
    odd = [f"- {o.kind}: {o.what}: {o.problem}" for o in outcomes if o.problem]
    return PAGE_TEXT.format(
        kills=kills,
        minutes=minutes,
        seed=seed,
        commit=commit,
        processor=processor(),
        table="\n".join(lines),
        odd="\n".join(odd) or "None in this run.",
    )


PAGE_TEXT = """\
# Reliability, in numbers

Written by `make faults WRITE=1` (`bench/faults.py`, `bench/bad_inputs.py`): {minutes:.0f} minutes
on {processor}, commit `{commit}`, seed {seed}. The tests have one case of each kind; this has more
of each, and real kills.

| what was done | cases | ended as they should |
|---|---|---|
{table}

- **Bad input** ends as it should when the command ends by itself, with exit code 1 and one error
  that names the file: no traceback, no signal, no hang within two minutes, nothing half-written.
- **Kills**, two cases: the smoke chain by `make reproduce`, killed {kills} times with all that it
  had started and started again each time, and once interrupted as Ctrl-C does. It ends as it
  should when all per-query scores, metrics and weights have the same bytes as those of a chain
  that was never killed.
- **Races**: two processes train one row at once; both end well, with the usual bytes.
- **Full disks**: a small disk under the results, or under the data with their cache of decoded
  images. The run ends with one error that says so, and with room again the same command ends as
  usual.

## What did not

{odd}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0, help="draws the moments of the kills")
    parser.add_argument("--only", help="bad inputs of this kind alone, and nothing else")
    parser.add_argument("--write", action="store_true", help="write docs/reliability.md")
    options = parser.parse_args()
    began, rng, outcomes, kills = time.monotonic(), random.Random(options.seed), [], 0

    def tell(outcome: Outcome) -> None:
        outcomes.append(outcome)
        print(f"{'ok ' if not outcome.problem else 'BAD'} {outcome.kind}: {outcome.what}"
              f"{': ' if outcome.problem else ''}{outcome.problem}", flush=True)  # fmt: skip

    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for number, case in enumerate(bad_inputs.cases()):
            if options.only in (None, case.kind):
                place = folder / f"bad-{number}"
                place.mkdir()
                tell(refused(case, place))
                shutil.rmtree(place)
        if options.only is None:
            expected, seconds = undisturbed(folder)
            outcome, kills = killed(folder, expected, seconds, options.kills, rng)
            tell(outcome)
            tell(interrupted(folder, expected, seconds, rng))
            tell(at_once(folder, expected))
            for where, megabytes in (("results", 1), ("results", 2), ("data", 2)):
                tell(full(folder, megabytes, where, expected))
                shutil.rmtree(folder / f"small-{where}", ignore_errors=True)
                shutil.rmtree(folder / f"other-{where}", ignore_errors=True)
    bad = sum(bool(o.problem) for o in outcomes)
    print(f"{len(outcomes)} cases, {bad} not as they should")
    if options.write:
        with atomic(PAGE) as target:
            minutes = (time.monotonic() - began) / 60
            target.write_text(page(outcomes, kills, minutes, options.seed), encoding="utf-8")
        print(f"written: {PAGE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
