"""Make `.venv-bench`: the scorers of fast-reid and torchreid in an environment of their own.

Both come from PyPI without the libraries they would pull in: scoring needs NumPy only.
The fastreid wheel carries its Cython scorer as source, which is compiled here as that
project's own Makefile would; torchreid 0.2.5 has the Python scorer only.

    python bench/peers.py
"""

import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv-bench"
PYTHON = VENV / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
PEERS = VENV / "peers"

COMPILER = ["numpy==2.4.6", "cython==3.2.4", "setuptools==80.9.0"]
IMPORTED = ["threadpoolctl==3.6.0", "filelock==4.2.12", "psutil==7.2.2"]  # by our side of the race
CYTHON_SCORER = ("fastreid==1.4.0", "fastreid/evaluation/rank_cylib/rank_cy.pyx")
PYTHON_SCORER = ("torchreid==0.2.5", "torchreid-0.2.5/torchreid/reid/metrics/rank.py")


def main() -> None:
    done, wanted = VENV / "complete", "\n".join([*COMPILER, *IMPORTED])
    if done.exists() and done.read_text() == wanted:
        return
    print("making .venv-bench with the scorers of fast-reid and torchreid", flush=True)
    venv.create(VENV, with_pip=True, clear=True)
    pip("install", *COMPILER, *IMPORTED)
    PEERS.mkdir()
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(download(CYTHON_SCORER[0], Path(folder), "--only-binary")) as wheel:
            (PEERS / "rank_cy.pyx").write_bytes(wheel.read(CYTHON_SCORER[1]))
        with tarfile.open(download(PYTHON_SCORER[0], Path(folder), "--no-binary")) as source:
            (PEERS / "torchreid_rank.py").write_bytes(source.extractfile(PYTHON_SCORER[1]).read())
    compile_cython()
    done.write_text(wanted)


def pip(*arguments: str) -> None:
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--quiet", *arguments]
    subprocess.run(command, check=True)


def download(requirement: str, folder: Path, kind: str) -> Path:
    """The one file of a requirement, without what it depends on."""
    name = requirement.split("==")[0]
    pip(
        "download",
        "--no-deps",
        "--no-build-isolation",
        kind,
        name,
        "--dest",
        str(folder),
        requirement,
    )
    return next(folder.glob(f"{name}-*"))


def compile_cython() -> None:
    (PEERS / "setup.py").write_text(
        "import numpy\n"
        "from Cython.Build import cythonize\n"
        "from setuptools import Extension, setup\n"
        "scorer = Extension('rank_cy', ['rank_cy.pyx'], include_dirs=[numpy.get_include()])\n"
        "setup(name='rank_cy', ext_modules=cythonize([scorer]))\n"
    )
    build = [PYTHON, "setup.py", "--quiet", "build_ext", "--inplace"]
    if subprocess.run(build, cwd=PEERS).returncode:
        sys.exit(
            "fast-reid's scorer did not compile: a C compiler is needed "
            "(Debian: apt install build-essential; macOS: xcode-select --install)"
        )


if __name__ == "__main__":
    main()
