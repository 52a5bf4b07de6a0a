"""What the benchmarks of full size and of training say of the machine, and how they keep it."""

import csv
import os
import platform
from pathlib import Path

from rnnha.paths import ROOT, atomic

TABLES = ROOT / "results" / "bench"


def processor() -> str:
    """The processor's name and how many of its cores this process may use."""
    name = platform.processor() or platform.machine()
    listing = Path("/proc/cpuinfo")
    if listing.exists():
        lines = [line for line in listing.read_text().splitlines() if line.startswith("model name")]
        name = lines[0].split(":")[1].strip() if lines else name
    return f"{name}, {cores()} cores"


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def keep(
    rows: list[dict], columns: list[str], name: str, threads: int, case: tuple[str, ...] = ()
) -> None:
    """Write results/bench/<name>, numbers with four digits that count; rows of other processors
    or another number of threads stay there, and those that differ from all new ones in `case`:
    columns that say what was measured, where a call may measure a part of it."""
    machine = {"processor": processor(), "threads": str(threads)}
    table, other = TABLES / name, []
    if table.exists():
        with open(table, newline="") as file:
            known = list(csv.DictReader(file))
        measured = {tuple(str(row[c]) for c in case) for row in rows}
        other = [
            row
            for row in known
            if machine.items() - row.items() or tuple(row[c] for c in case) not in measured
        ]
    with atomic(table) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, [*columns, *machine], lineterminator="\n")
        writer.writeheader()
        writer.writerows(other)
        writer.writerows(
            {
                key: f"{value:.4g}" if isinstance(value, float) else value
                for key, value in (row | machine).items()
            }
            for row in rows
        )
    print(f"written: {table.relative_to(ROOT)}")
