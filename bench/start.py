"""What the commands that need no network cost before their work begins.

    PYTHONPATH=. python bench/start.py [--write]

CPU seconds (user and system) of the whole process, the least of five after one that warms up.
`tables` rebuilds all tables and figures of the reference, into a temporary folder. A goal is what
was aimed at. `--write` keeps the table in results/bench.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile

from machine import keep, processor

from rnnha.paths import ROOT

COMMANDS = {  # arguments: CPU seconds aimed at
    ("--help",): 1.5,
    ("check", "nowhere"): 1.5,
    ("status", "--datasets", "rendered-veri"): 1.5,
    ("tables",): 15.0,
}
COLUMNS = ["command", "cpu_seconds", "goal_seconds"]
REPEATS = 5


def seconds(arguments: tuple[str, ...], results: str) -> float:
    """CPU seconds of one call, whatever it says."""
    environment = os.environ | {"RNNHA_RESULTS": results, "PYTHONPATH": str(ROOT)}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "rnnha", *arguments],
        env=environment,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep results/bench/start.csv")
    options = parser.parse_args()
    print(processor())
    rows = []
    with tempfile.TemporaryDirectory() as results:
        for arguments, goal in COMMANDS.items():
            spent = min(seconds(arguments, results) for _ in range(1 + REPEATS))
            command = " ".join(["rnnha", *arguments])
            rows.append({"command": command, "cpu_seconds": spent, "goal_seconds": goal})
            print(f"{command:44}{spent:6.2f} s of CPU (goal {goal} s)", flush=True)
    if options.write:
        keep(rows, COLUMNS, "start.csv", threads=1)


if __name__ == "__main__":
    main()
