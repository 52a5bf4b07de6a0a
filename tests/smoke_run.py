"""`make smoke`, as the tests call it."""

import os
import subprocess
import sys
from pathlib import Path

from rnnha.paths import ROOT


def environment(**more: str) -> dict[str, str]:
    """As make starts it: single threads, and not as part of the make that runs the tests."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MAKE", "MFLAGS", "RNNHA_R"))}
    threads = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "MKL", "OPENBLAS")}
    return kept | threads | {"PYTHONPATH": str(ROOT)} | more


def make() -> Path:
    """Run it; return its results folder."""
    command = ["make", f"PYTHON={sys.executable}", "smoke"]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return ROOT / "build" / "smoke"
