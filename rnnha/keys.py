"""Content keys: what a finished run was made from, so that `rnnha status` can say what is stale.

A key has three parts: the configuration, the data, and the sources that a result depends
on. Time stamps play no part; neither do comments and docstrings.
"""

import ast
import hashlib
import json
import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import pandas as pd
import torch

from rnnha.paths import ROOT

_SOURCES = (
    "data", "models", "methods", "training.py", "retrieval.py", "draws.py", "protocols.py",
    "attention.py", "pretrained.py", "run.py", "distributed.py",
)  # fmt: skip
_PACKAGES = ("torch", "torchvision", "numpy", "pandas", "scipy", "scikit-learn", "grad-cam")


def key_parts(config: dict, manifest: pd.DataFrame) -> dict[str, str]:
    """The key's parts by name, each a short SHA-256."""
    return {
        "configuration": _short(json.dumps(config, sort_keys=True)),
        "data": data_key(manifest),
        "sources": source_key(),
    }


def data_key(manifest: pd.DataFrame) -> str:
    """Hash over each image's name, labels, split and file size."""
    labels = manifest.drop(columns="path").to_csv(index=False)
    files = "\n".join(f"{Path(p).name} {os.path.getsize(p)}" for p in manifest.path)
    return _short(labels + files)


def source_key(folder: Path = ROOT / "rnnha") -> str:
    """Hash over the sources that a result depends on, without comments and docstrings."""
    files = []
    for name in _SOURCES:
        path = folder / name
        files += sorted(path.glob("*.py")) if path.is_dir() else [path]
    return _short("\n".join(_code_only(path.read_text()) for path in files))


def _code_only(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list) and body and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant) and isinstance(body[0].value.value, str)
        ):  # fmt: skip
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


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
    changed = _git("status", "--porcelain", "--", "rnnha")
    return _git("rev-parse", "--short=12", "HEAD") + ("-dirty" if changed else "")


def _git(*arguments: str) -> str:
    try:
        result = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown (not a git checkout)"
    return result.stdout.strip()
