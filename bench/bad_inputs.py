"""Bad inputs of every kind, each as a command on files of its own; see `faults.py`."""

import json
import os
import pickle
import shutil
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from rnnha.gallery.index import ABOUT, IMAGES, VECTORS, build
from rnnha.paths import DATA, REFERENCE, ROOT
from rnnha.runs.compare import CHECKPOINT

sys.path.insert(0, str(ROOT / "tests"))
import tiny_sets  # noqa: E402


@dataclass(frozen=True)
class Case:
    """make(folder) writes the files and returns the arguments of `rnnha`; `named`: what the error
    must name: the file, or the value."""

    kind: str
    what: str
    make: Callable[[Path], list]
    named: str


def cases() -> Iterator[Case]:
    yield from _pictures()
    yield from _manifests()
    yield from _embeddings()
    yield from _checkpoints()
    yield from _indexes()
    yield from _folders()
    yield from _states()
    yield from _notebooks()
    yield from _options()


# --- one good set, to be spoilt ---

VEHICLES, CAMERAS = 4, 2


def good_set(folder: Path, name: str = "my.csv", suffix: str = "png") -> Path:
    """Eight pictures of noise; vehicles 0 and 1 are for training."""
    rng = np.random.default_rng(0)
    lines = ["path,vehicle_id,coarse_id,camera_id,split"]
    for vehicle in range(VEHICLES):
        for camera in range(CAMERAS):
            file = f"{vehicle}_{camera}.{suffix}"
            Image.fromarray(rng.integers(0, 256, (24, 32, 3), dtype=np.uint8)).save(folder / file)
            split = "train" if vehicle < 2 else ("query", "gallery")[camera]
            lines.append(f"{file},{vehicle},{vehicle % 2},{camera},{split}")
    (folder / name).write_text("\n".join(lines) + "\n")
    return folder / name


def _run(manifest: Path) -> list:
    return ["run", "rnn-ha", "--dataset", manifest, "--profile", "smoke"]


# --- pictures ---


def _png(width: int, height: int, data: bytes) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body)
        )  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(data))
        + chunk(b"IEND", b"")
    )


def _pictures() -> Iterator[Case]:
    def spoilt(what: str, spoil: Callable[[Path], None], suffix: str = "png") -> Iterator[Case]:
        def make(folder: Path, command: str) -> list:
            manifest, file = good_set(folder, suffix=suffix), folder / f"3_1.{suffix}"
            spoil(file)
            if command == "compare":
                return ["compare", folder / f"2_0.{suffix}", file]
            if command == "rank":
                return ["rank", file, folder]
            return ["check", manifest] if command == "check" else _run(manifest)

        for command in ("check", "run", "compare", "rank"):
            yield Case(
                "pictures",
                f"{what}, {command}",
                lambda folder, c=command: make(folder, c),
                f"3_1.{suffix}",
            )

    def flip(place: float) -> Callable[[Path], None]:
        def spoil(file: Path) -> None:
            content = bytearray(file.read_bytes())
            content[int(place * len(content))] ^= 0xFF
            file.write_bytes(content)

        return spoil

    def cut(share: float) -> Callable[[Path], None]:
        return lambda file: file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])

    for place in (0.3, 0.6, 0.9):
        yield from spoilt(f"PNG with a byte flipped at {place:.0%}", flip(place))
    for share in (0.0, 0.1, 0.5, 0.95):
        yield from spoilt(f"PNG cut off at {share:.0%}", cut(share))
    for share in (0.0, 0.1):
        yield from spoilt(f"JPEG cut off at {share:.0%}", cut(share), "jpg")
    yield from spoilt(
        "PNG of 50,000 x 50,000", lambda file: file.write_bytes(_png(50_000, 50_000, b"\0" * 1000))
    )
    yield from spoilt("PNG without its pixels", lambda f: f.write_bytes(_png(24, 32, b"\0" * 9)))
    yield from spoilt("text in place of a picture", lambda file: file.write_text("no picture"))
    yield from spoilt("picture that is absent", lambda file: file.unlink())

    def fifo(file: Path) -> None:
        file.unlink()
        os.mkfifo(file)

    def directory(file: Path) -> None:
        file.unlink()
        file.mkdir()

    yield from spoilt("FIFO in place of a picture", fifo)
    yield from spoilt("folder in place of a picture", directory)


# --- manifests and embeddings ---


def _scored(folder: Path, text: str | bytes) -> list:
    manifest = folder / "m.csv"
    manifest.write_bytes(text if isinstance(text, bytes) else text.encode())
    count = max(0, len(manifest.read_bytes().strip().splitlines()) - 1)
    np.save(folder / "e.npy", np.random.default_rng(0).normal(size=(count, 8)).astype(np.float32))
    return ["score", "--embeddings", folder / "e.npy", "--manifest", manifest]


HEAD = "path,vehicle_id,split,camera_id\n"
GOOD = HEAD + "a.jpg,1,query,1\nb.jpg,1,gallery,2\nc.jpg,2,gallery,2\n"


def _manifests() -> Iterator[Case]:
    texts: dict[str, str | bytes] = {
        "two spellings of one camera": GOOD.replace("c.jpg,2,gallery,2", "c.jpg,2,gallery,002"),
        "two spellings of one vehicle": GOOD.replace("c.jpg,2,", "c.jpg,01,"),
        "empty vehicle": GOOD.replace("b.jpg,1,", "b.jpg,,"),
        "vehicle nan": GOOD.replace("b.jpg,1,", "b.jpg,nan,"),
        "vehicle beyond 64 bits": GOOD.replace("b.jpg,1,", f"b.jpg,{2**70},"),
        "a line with a cell too many": GOOD.replace("b.jpg,1,gallery,2", "b.jpg,1,gallery,2,9"),
        "every line with a cell too many": GOOD.replace("\n", ",9\n").replace("id,9", "id", 1),
        "an index column without a head": HEAD + "0,a.jpg,1,query,1\n1,b.jpg,1,gallery,2\n",
        "a blank line inside": GOOD.replace("b.jpg", "\nb.jpg"),
        "NUL bytes": GOOD.replace("b.jpg", "b\0.jpg").encode(),
        "no header": GOOD.removeprefix(HEAD),
        "a misspelt column": GOOD.replace("camera_id", "camera"),
        "an unknown split": GOOD.replace("gallery", "galery", 1),
        "a query without an answer": GOOD.replace("b.jpg,1", "b.jpg,3"),
        "only one camera": GOOD.replace(",2\n", ",1\n"),
        "an image that finds itself": HEAD.replace(",camera_id", "")
        + "a.jpg,1,query\na.jpg,1,gallery\nc.jpg,2,gallery\n",
        "query without gallery": HEAD + "a.jpg,1,query,1\nb.jpg,2,query,1\n",
        "test and query": GOOD + "d.jpg,3,test,1\n",
        "a vehicle trained and tested": GOOD + "d.jpg,1,train,1\n",
        "the same line twice": GOOD + "c.jpg,2,gallery,2\n",
        "nothing": b"",
        "a header alone": HEAD,
        "UTF-16": GOOD.encode("utf-16"),
        "binary": np.random.default_rng(0).bytes(400),
    }
    for what, text in texts.items():
        yield Case("manifests", what, lambda folder, t=text: _scored(folder, t), "m.csv")
    for name in ("rendered-veri.csv", "veri.csv", "..csv", "a b.csv", "$(touch x).csv", "-x.csv"):
        yield Case(
            "names of sets",
            name,
            lambda folder, n=name: _run(good_set(folder, n).with_name(n)),
            name.removesuffix(".csv"),
        )


def _embeddings() -> Iterator[Case]:
    rng = np.random.default_rng(0)
    arrays: dict[str, np.ndarray] = {
        "all zero": np.zeros((3, 8), np.float32),
        "a row of zeros": np.vstack([rng.normal(size=(2, 8)), np.zeros((1, 8))]),
        "NaN": np.full((3, 8), np.nan),
        "infinity": np.full((3, 8), np.inf),
        "width 0": np.zeros((3, 0), np.float32),
        "too large for float32": np.full((3, 8), 1e300),
        "too small for float32": np.full((3, 8), 1e-300),
        "too few rows": rng.normal(size=(2, 8)),
        "one dimension": rng.normal(size=24),
        "text": np.array([["a"] * 8] * 3),
    }
    for what, array in arrays.items():

        def make(folder: Path, array=array) -> list:
            arguments = _scored(folder, GOOD)
            np.save(folder / "e.npy", array)
            return arguments

        yield Case("embeddings", what, make, "e.npy")
    for what, content in {"empty": b"", "text": b"1 2 3", "cut off": b"\x93NUMPY\x01\x00"}.items():

        def spoil(folder: Path, content=content) -> list:
            arguments = _scored(folder, GOOD)
            (folder / "e.npy").write_bytes(content)
            return arguments

        yield Case("embeddings", f"a file that is {what}", spoil, "e.npy")


# --- weights, indexes ---


def _garbage(whole: bytes) -> dict[str, bytes]:
    return {
        "empty": b"",
        "text": b"no weights",
        "garbage": np.random.default_rng(0).bytes(3000),
        "cut off": whole[: len(whole) // 2],
        "a pickle": pickle.dumps({"a": [1, 2]}),
        "a JSON list": b"[1, 2]",
    }


def _checkpoints() -> Iterator[Case]:
    for what, content in _garbage(CHECKPOINT.read_bytes()).items():

        def make(folder: Path, command: str, content=content) -> list:
            file = folder / "weights.safetensors"
            file.write_bytes(content)
            manifest = good_set(folder)
            if command == "compare":
                pair = [folder / "2_0.png", folder / "3_1.png"]
                return ["compare", *pair, "--checkpoint", file]
            if command == "rank":
                return ["rank", folder / "2_0.png", folder, "--checkpoint", file]
            if command == "finetune":
                return ["finetune", manifest, "--profile", "smoke", "--checkpoint", file]
            if command == "import":
                return ["weights", "import", file]
            return ["score", "--checkpoint", file, "--dataset", manifest]

        for command in ("score", "compare", "rank", "finetune", "import"):
            yield Case(
                "weights",
                f"{what}, {command}",
                lambda folder, c=command, m=make: m(folder, c),
                "weights.safetensors",
            )


def _indexes() -> Iterator[Case]:
    for name in (ABOUT, IMAGES, VECTORS):
        for what in ("absent", *_garbage(b"")):
            if what == "cut off":
                continue

            def make(folder: Path, name=name, what=what) -> list:
                arguments = _scored(folder, GOOD)
                build(folder / "e.npy", folder / "m.csv", folder / "g.index")
                file = folder / "g.index" / name
                file.unlink()
                if what != "absent":
                    file.write_bytes(_garbage(b"")[what])
                return ["search", "--index", folder / "g.index", *arguments[1:]]

            yield Case("indexes", f"{name} {what}", make, "g.index")


# --- data sets on disk, states of runs ---


def _folders() -> Iterator[Case]:
    def veri(what: str, named: str, spoil: Callable[[Path], None]) -> Iterator[Case]:
        def make(folder: Path, command: str) -> list:
            root = tiny_sets.write_veri(folder / "data" / "VeRi")
            spoil(root)
            return ["check", root] if command == "check" else ["run", "rnn-ha", "--dataset", "veri"]

        for command in ("check", "run"):
            told = f"VeRi: {what}, {command}"
            yield Case("data sets", told, lambda f, c=command: make(f, c), named)

    def written(what: str, name: str, content: bytes) -> Iterator[Case]:
        yield from veri(what, name, lambda root: (root / name).write_bytes(content))

    yield from veri("complete, but tiny", "VeRi", lambda root: None)
    labels = "train_label.xml"
    yield from veri("no label file", labels, lambda root: (root / labels).unlink())
    yield from written("label file is text", labels, b"no XML")
    bomb = b'<!DOCTYPE a [<!ENTITY a "' + b"a" * 999 + b'">]><TrainingImages>&a;</TrainingImages>'
    yield from written("label file with entities", labels, bomb)
    large = (
        b'<TrainingImages><Items><Item imageName="a" vehicleID="%d" cameraID="c001" '
        b'typeID="1" colorID="1"/></Items></TrainingImages>' % 2**80
    )
    yield from written("a number beyond 64 bits", labels, large)
    yield from written("list of other names", "name_train.txt", b"a.jpg\nb.jpg\n")
    yield from written("list with back-slashes", "name_train.txt", b"image_train\\a.jpg\n")
    yield from written("binary list", "name_query.txt", np.random.default_rng(0).bytes(99))
    yield from written("tracks of other images", "test_track.txt", b"a.jpg b.jpg\n")
    for content in (b"", b"MATLAB 5.0", np.random.default_rng(0).bytes(999)):
        yield Case(
            "data sets",
            f"a .mat of {len(content)} bytes",
            lambda folder, c=content: _file(folder, "train_imdb_VeRi.mat", c),
            "train_imdb_VeRi.mat",
        )


def _file(folder: Path, name: str, content: bytes) -> list:
    (folder / name).write_bytes(content)
    return ["check", folder / name]


def _states() -> Iterator[Case]:
    for name in ("config.json", "env.json", "per_query.csv.gz", "metrics.csv"):
        for what, content in _garbage(b"x" * 9).items():
            if (name, what) == ("metrics.csv", "empty"):
                continue  # that is an unfinished run, and no fault

            def make(folder: Path, name=name, content=content) -> list:
                run = folder / "results/runs/rendered-veri/rnn-ha/seed0"
                shutil.copytree(REFERENCE / "rendered-veri/rnn-ha/seed0", run)
                (run / name).write_bytes(content)
                if name in ("metrics.csv", "env.json"):
                    return ["tables", "--compare"]
                return ["tables", "--source", "runs"]

            yield Case("states of runs", f"{name} {what}", make, name)

    for what, content in _garbage(CHECKPOINT.read_bytes()).items():

        def measure(folder: Path, content=content) -> list:
            run = folder / "results/runs/rendered-veri/rnn-ha/seed0"
            shutil.copytree(REFERENCE / "rendered-veri/rnn-ha/seed0", run)
            (run / "maps.csv.gz").unlink()
            (run / "weights.safetensors").write_bytes(content)
            (folder / "data").symlink_to(DATA)
            return ["maps"]

        yield Case("states of runs", f"weights {what}, maps", measure, "weights.safetensors")


# --- notebooks, options ---


def _notebooks() -> Iterator[Case]:
    cell = {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": []}
    cells = [cell | {"source": "1/0", "id": "a"}]
    whole = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells}
    contents = {
        "empty": b"",
        "text": b"no notebook",
        "a JSON list": b"[1, 2]",
        "a JSON object": b"{}",
        "cut off": json.dumps(whole).encode()[:60],
        "that fails": json.dumps(whole).encode(),
    }
    for what, content in contents.items():

        def make(folder: Path, content=content) -> list:
            (folder / "n.ipynb").write_bytes(content)
            return ["notebook", folder / "n.ipynb", folder / "out.ipynb"]

        yield Case("notebooks", what, make, "n.ipynb")


def _options() -> Iterator[Case]:
    run = ["run", "rnn-ha", "--profile", "smoke"]
    seed = ["run", "untrained", "--profile", "smoke", "--seed"]
    calls = {
        "a row that is not known": (["run", "rnn-hha"], "rnn-hha"),
        "a set that is not known": ([*run, "--dataset", "nowhere"], "nowhere"),
        "a manifest that is not there": ([*run, "--dataset", "nowhere.csv"], "nowhere.csv"),
        "seed -1": ([*seed, "-1"], "-1"),
        "seed 2^63": ([*seed, str(2**63)], str(2**63)),
        "a negative time of a step": ([*run, "--dry-run", "--step-seconds", "-1"], "-1"),
        "NaN as the time of a step": ([*run, "--dry-run", "--step-seconds", "nan"], "nan"),
        "no runs side by side": (["status", "--plan", "--jobs", "0"], "0 runs"),
        "status of a set that is not known": (["status", "--datasets", "nonsense"], "nonsense"),
        "a notebook that is not there": (["notebook", "nowhere.ipynb", "out.ipynb"], "nowhere.ip"),
        "no images to compare": (["compare", "nowhere.jpg", "nowhere.png"], "nowhere.jpg"),
        "no image to rank by": (["rank", "nowhere.jpg", "."], "nowhere.jpg"),
        "no folder to rank": (["rank", CHECKPOINT, "nowhere"], "nowhere"),
        "maps of a row that has none": (["maps", "--rows", "lomo"], "lomo"),
        "maps without runs": (["maps"], "make reproduce"),
        "a set that is not known, to fine-tune on": (["finetune", "nowhere"], "nowhere"),
        "a page of an explorer without sets": (["explorer", "--out", "page.html"], "make data"),
        "a dry run of what trains nothing": (["run", "oracle-model", "--dry-run"], "oracle"),
    }
    for what, (call, named) in calls.items():
        yield Case("options", what, lambda folder, c=call: c, named)
