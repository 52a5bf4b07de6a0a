"""pyproject.toml, requirements.lock and environment.yml say the same, and what is really used."""

import ast
import re
import sys
import tomllib
from functools import cache
from importlib.metadata import packages_distributions

import nbformat
import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from rnnha.paths import ROOT

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
# Programs and parts that are started, not imported: name -> the file that starts them, and how.
STARTED = {
    "jupyterlab": ("Makefile", "-m jupyterlab"),
    "ruff": ("Makefile", "-m ruff"),
    "nbstripout": ("Makefile", "-m nbstripout"),
    "ipykernel": ("rnnha/report/execute.py", 'kernel_name="python3"'),
    "import-linter": ("Makefile", "from importlinter.cli"),
}
# Imported by the package, but installed only where images are rendered anew, or a large gallery is
# indexed: module -> distribution.
OPTIONAL = {"mitsuba": "mitsuba", "drjit": "drjit", "faiss": "faiss-cpu"}
PLATFORMS = [
    ("linux", "Linux", "x86_64"),
    ("linux", "Linux", "aarch64"),
    ("darwin", "Darwin", "arm64"),
]


def lock() -> list[Requirement]:
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    return [Requirement(line) for line in lines if line and not line.startswith("#")]


def declared(extras: tuple[str, ...] = ("render", "index", "dev")) -> dict[str, Requirement]:
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    return {canonicalize_name(r.name): r for r in map(Requirement, lines)}


def python_files():
    for folder in ("rnnha", "rendering", "study", "tests", "bench"):
        yield from (ROOT / folder).rglob("*.py")


@cache
def imported() -> set[str]:
    """Top-level names of all imports in the package, its tests and its notebooks."""
    sources = [path.read_text() for path in python_files() if path.parent.name != "bench"]
    for path in (ROOT / "notebooks").glob("*.ipynb"):
        cells = [c.source for c in nbformat.read(path, 4).cells if c.cell_type == "code"]
        sources += [re.sub(r"^[%!].*$", "", cell, flags=re.M) for cell in cells]
    names = set()
    for source in sources:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names.add(node.module.split(".")[0])
    own = {path.stem for path in python_files()} | {"rnnha", "rendering", "study"}
    return names - set(sys.stdlib_module_names) - own


@cache
def distributions_imported() -> set[str]:
    known = packages_distributions()
    missing = {name for name in imported() if name not in known and name not in OPTIONAL}
    assert not missing, f"imported, but no installed distribution has it: {missing}"
    return {
        canonicalize_name(d)
        for name in imported()
        for d in known.get(name, [OPTIONAL.get(name, name)])
    }


def test_every_dependency_is_imported_or_started_somewhere():
    for name in declared():
        if name in STARTED:
            file, how = STARTED[name]
            assert how in (ROOT / file).read_text(), f"{name} is declared, but nothing starts it"
        else:
            assert name in distributions_imported(), f"{name} is declared, but never imported"


def test_every_import_of_another_package_is_declared():
    undeclared = distributions_imported() - declared().keys()
    assert not undeclared, f"imported, but not in pyproject.toml: {sorted(undeclared)}"


def test_the_lock_pins_one_version_of_each_package_exactly():
    for requirement in lock():
        assert re.fullmatch(r"==[^*]+", str(requirement.specifier)), requirement
    names = [canonicalize_name(r.name) for r in lock()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("system, platform, machine", PLATFORMS)
@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13"])
def test_the_lock_has_every_dependency_on_every_platform(system, platform, machine, python):
    here = default_environment() | {
        "sys_platform": system,
        "platform_system": platform,
        "platform_machine": machine,
        "os_name": "posix",
        "python_version": python,
        "python_full_version": f"{python}.1",
    }
    pinned = {
        canonicalize_name(r.name): next(iter(r.specifier)).version
        for r in lock()
        if r.marker is None or r.marker.evaluate(here)
    }
    for name, requirement in declared(extras=("dev",)).items():
        assert name in pinned, f"{name} is not in requirements.lock: make lock"
        assert requirement.specifier.contains(pinned[name]), f"{name}: make lock"
    assert ("nvidia-cublas" in pinned) == (system == "linux")


def test_the_lock_names_no_host_and_no_folder():
    text = (ROOT / "requirements.lock").read_text()
    assert not re.search(r"://|--|@|(^|\s)[./]", text)


def test_conda_installs_the_same_lock_for_the_same_pythons():
    lines = [line.strip() for line in (ROOT / "environment.yml").read_text().splitlines()]
    python = next(line for line in lines if line.startswith("- python "))
    assert SpecifierSet(python.split(maxsplit=2)[2]) == SpecifierSet(PROJECT["requires-python"])
    inside = [line.removeprefix("- ") for line in lines[lines.index("- pip:") + 1 :]]
    assert inside == ["-r requirements.lock", "-e ."]
    outside = lines[lines.index("dependencies:") + 1 : lines.index("- pip:")]
    assert [line.split()[1] for line in outside] == ["python", "pip"]


def test_make_looks_for_the_pythons_that_the_project_supports():
    supported = SpecifierSet(PROJECT["requires-python"])
    makefile = (ROOT / "scripts/find-python.sh").read_text()
    for minor in range(8, 20):
        version = f"3.{minor}"
        assert (f" python{version} " in makefile) == supported.contains(version)


def test_the_versions_tested_with_are_those_of_the_lock():
    """Not only promised: the environment that runs the tests is the locked one."""
    from importlib.metadata import version

    pinned = {r.name: next(iter(r.specifier)).version for r in lock()}
    for name in ("torch", "torchvision", "numpy", "pandas", "scipy", "scikit-learn"):
        assert version(name).split("+")[0] == pinned[name]
