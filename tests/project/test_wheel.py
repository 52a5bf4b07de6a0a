"""The package as a wheel: all that it needs is in it, and it works far from a checkout."""

import os
import subprocess
import sys
import zipfile

import pytest

from rnnha.paths import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A folder with the unpacked wheel, as site-packages would have it."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", folder, ROOT], check=True, cwd=folder)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def call(installed, cwd, *arguments: str) -> subprocess.CompletedProcess:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("RNNHA_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "rnnha", *arguments],
        cwd=cwd,
        env=kept | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
    )


def test_the_renderer_and_the_tests_are_not_in_it(installed):
    names = {path.name for path in installed.iterdir()}
    assert names == {"rnnha", next(n for n in names if n.endswith(".dist-info"))}


def test_what_the_explorer_is_made_of_is_in_it(installed):
    made_of = {path.name for path in (ROOT / "rnnha/explorer").glob("*.[!p]*") if path.is_file()}
    assert {"explorer.js", "explorer.css", "page.html"} <= made_of
    assert made_of <= {path.name for path in (installed / "rnnha/explorer").iterdir()}


def test_tables_and_the_shipped_checkpoint_work_from_anywhere(installed, tmp_path):
    done = call(installed, tmp_path, "tables", "--source", "runs")
    assert done.returncode == 0, done.stderr
    table = (tmp_path / "results/tables/rendered-veri.csv").read_text()
    assert "RNN-HA (ResNet),test,mAP,56.80" in table
    done = call(installed, tmp_path, "report")
    assert done.returncode == 0, done.stderr
    assert "RNN-HA (ResNet)" in (tmp_path / "build/report/index.html").read_text()
    pictures = [str(path) for path in sorted((ROOT / "docs").glob("*.png"))[:2]]
    done = call(installed, tmp_path, "compare", *pictures)
    assert done.returncode == 0 and done.stdout.startswith("cosine "), done.stderr
    assert not list(tmp_path.glob("*.png"))  # no file unasked


def test_what_turns_the_slides_is_in_it(installed):
    for file in ("assets/reveal.js/reveal.js", "report/templates/slides.css"):
        assert (installed / "rnnha" / file).read_bytes() == (ROOT / "rnnha" / file).read_bytes()


def test_what_only_a_checkout_has_is_said(installed, tmp_path):
    done = call(installed, tmp_path, "data")
    assert done.returncode == 1 and "rendered-veri-v2-pictures.tar: not found" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
