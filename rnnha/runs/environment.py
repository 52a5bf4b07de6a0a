"""What a run was computed with: versions, hardware and commit, for its `env.json`."""

import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch

from rnnha.paths import PACKAGE

_PACKAGES = ("torch", "torchvision", "numpy", "pandas", "scipy", "scikit-learn", "grad-cam")


def environment() -> dict:
    """Versions, hardware and commit of this process, for a run's `env.json`."""
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "commit": _commit(),
    }


def hardware() -> str:
    """The device that computes: two runs are only expected to agree to the bit on the same."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    features = torch.backends.cpu.get_cpu_capability()
    return f"{torch.cpu.get_capabilities()['cpu_name']}, {platform.machine()} {features}"


def _commit() -> str:
    """The commit, with "-dirty" where the package differs from it. (Runs rewrite tables.)"""
    top = _git("rev-parse", "--show-toplevel")
    # Not that of a repository that happens to lie around an unpacked or installed copy.
    if top is None or Path(top).resolve() != PACKAGE.parent:
        return "unknown (not a git checkout)"
    changed = _git("status", "--porcelain", "--", "rnnha")
    return f"{_git('rev-parse', '--short=12', 'HEAD')}{'-dirty' if changed else ''}"


def _git(*arguments: str) -> str | None:
    """What git says in the package's folder; None where it says nothing good."""
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=PACKAGE.parent, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return result.stdout.strip()
