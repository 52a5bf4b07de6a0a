"""Content keys: what a finished run was made from, so that `rnnha status` can say what is stale.

A key has three parts: the configuration, the data, and the sources that a result depends
on. Time stamps play no part; neither do comments and docstrings.
"""

import ast
import hashlib
import json
from functools import cache
from pathlib import Path

from rnnha.data.manifest import Benchmark
from rnnha.paths import PACKAGE

# The rooms that decide numbers. Of `data` it is what reads a set and parts it; what its checks say
# of a folder decides none.
ROOMS = ("images", "models", "training", "methods", "scoring", "data")
WORDS = ("check.py",)


def key_parts(config: dict, benchmark: Benchmark) -> dict[str, str]:
    """The key's parts by name, each a short SHA-256."""
    return {
        "configuration": _short(json.dumps(config, sort_keys=True)),
        "data": benchmark.key,
        "sources": _sources(),
    }


def source_key(package: Path = PACKAGE) -> str:
    """Hash over the sources that a result depends on, without comments and docstrings."""
    files = (path for room in ROOMS for path in sorted((package / room).rglob("*.py")))
    files = (path for path in files if path.name not in WORDS)
    return _short("\n".join(_code_only(path.read_text(encoding="utf-8")) for path in files))


@cache
def _sources() -> str:
    return source_key()


def _code_only(text: str) -> str:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
            and isinstance(body[0].value.value, str)
        ):
            node.body = body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
