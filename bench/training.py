"""Training speed beside the authors' way, on the processor, in one run.

    PYTHONPATH=. python bench/training.py [--threads 2] [--images FOLDER] [--compile] [--write]

| case                     | authors' way                         | rnnha                        |
|--------------------------|--------------------------------------|------------------------------|
| a training step of VGG-M | contiguous memory, PyTorch's LRN,    | channels last, our LRN,      |
| and of ResNet-50         | float32, a loop over the parameters  | bfloat16 where it is faster  |
|                          | in the optimizer                     | here, fused Adam, memory     |
|                          |                                      | kept by the process          |
| JPEG files to batches    | PIL, one worker process              | torchvision, or a memory map |
| torch.compile on VGG-M   |                                      | with and without;            |
|                          |                                      | only with `--compile`        |

Both compute the same function: the released code's reading of the method, with VehicleID's 228
models and 10,309 vehicles; see `authors_way.py`. Steps are taken on random images, ours from uint8,
by the loop of `rnnha.training.loop`. Each way has a process of its own, since memory settings count
from a process's start; the ways take turns, so that a busy machine slows both, and the ratio of
the medians is the result. The first turn (warming up, or compiling) is timed apart. `--write` keeps
the table in results/bench.
"""

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from unittest.mock import patch

import authors_way
import numpy as np
import torch
from machine import cores, keep, processor
from PIL import Image
from torchvision.transforms import Normalize

from rnnha import experiments
from rnnha.experiments import STAGES0, Row
from rnnha.images.batches import MEAN, STD, batches, normalise
from rnnha.images.cache import Images
from rnnha.methods.network import build
from rnnha.profiles import profile
from rnnha.training import loop, losses, timing

AUTHORS, OURS = "authors' way", "rnnha"
# As the Makefile sets them for every training.
MEMORY = {"MALLOC_MMAP_THRESHOLD_": "1073741824", "MALLOC_TRIM_THRESHOLD_": "4294967296"}
MODELS, VEHICLES = 228, 10_309
VGG_M = experiments.row("rnn-ha-released"), 16, 1.5  # row, images a step, goal
STEPS = {  # ResNet-50 has no row of its own for the released reading
    "VGG-M, stage 0": (experiments.row("stage0-released"), 16, None),
    "VGG-M, stage 1": VGG_M,
    "ResNet-50, stage 1": (replace(experiments.row("rnn-ha-resnet"), variant="released"), 8, 2.5),
}
BATCH = 16  # of the input path
PICTURES = 256
COLUMNS = [
    "case",
    "way",
    "seconds_per_image",
    "images_per_second",
    "ratio",
    "goal",
    "first_turn_seconds",
    "note",
]

Turn = Callable[[], int]  # does something with images and says with how many
CPU = torch.device("cpu")


# --- what runs in the process of a way ---

_turns: dict[str, Turn] = {}


def prepare(way: str, make: Callable[..., tuple[Turn, str]], *given) -> str:
    """Make a way's turn ready in this process; a note on it."""
    _turns[way], note = make(*given)
    return note


def take_turn(way: str) -> tuple[float, int]:
    """Seconds, and images."""
    start = time.perf_counter()
    images = _turns[way]()
    return time.perf_counter() - start, images


def authors_step(row: Row, size: int, batch: int) -> tuple[Turn, str]:
    """A step in the authors' way. The rate is small: noise must not drive the loss to infinity."""
    torch.manual_seed(0)
    scale = profile("paper").scale(row)
    vgg_m = scale.backbone == "vgg-m"
    backbone = authors_way.vgg_m() if vgg_m else authors_way.resnet_50()
    features = 512 if vgg_m else 2048
    fine = torch.randint(VEHICLES, (batch,))
    if row in STAGES0:
        model = authors_way.Stage0(backbone, features, VEHICLES).train()
        optimizer, labels = torch.optim.Adam(model.parameters(), 1e-6), (fine,)
    else:
        shape = features, scale.state_width, MODELS, VEHICLES
        model = authors_way.Stage1(backbone, *shape, doubled=vgg_m).train()
        labels = torch.randint(MODELS, (batch,)), fine
        optimizer = torch.optim.RMSprop(model.parameters(), 1e-6)
    images = torch.rand(batch, 3, size, size)

    def turn() -> int:
        authors_way.step(model, optimizer, images, labels)
        return batch

    return turn, "float32"


def our_step(row: Row, size: int, batch: int, compiled: bool = False) -> tuple[Turn, str]:
    """A step of the training loop, with the precision that it would choose here."""
    torch.manual_seed(0)
    scale = profile("paper").scale(row)
    phase = (scale.stage0 if row in STAGES0 else scale.stage1)[0]
    phase = replace(phase, batch=batch, lr=1e-6)
    model = build(row, scale, MODELS, VEHICLES)
    probe = size, phase, CPU, Path("no checkpoint"), ""
    precision = timing.choose_precision("bfloat16", model, *probe)
    model.to(memory_format=torch.channels_last).train()
    optimizer = loop.make_optimizer(model, phase)
    schedule = loop._schedule(optimizer, phase, per_epoch=1)
    model = torch.compile(model) if compiled else model
    coarse, fine = torch.randint(MODELS, (batch,)), torch.randint(VEHICLES, (batch,))
    part = 1.0, torch.randint(256, (batch, 3, size, size), dtype=torch.uint8), torch.arange(batch)

    def turn() -> int:
        labels, settings = (coarse, fine), (optimizer, schedule, CPU, precision, phase.clip)
        loop._epoch(model, iter([[part]]), labels, losses.both_heads, *settings)
        return batch

    return turn, precision


def authors_input(paths: list[str], size: int) -> tuple[Turn, str]:
    loader = authors_way.loader(authors_way.Pictures(paths, size, Normalize(MEAN, STD)), BATCH)
    return lambda: sum(len(batch) for batch in loader), "PIL, one worker"


def our_input(paths: list[str], size: int, cache: Path | None) -> tuple[Turn, str]:
    images, order = Images(paths, size, cache), np.arange(len(paths))

    def turn() -> int:
        return sum(len(normalise(pixels)) for pixels, _ in batches(images, order, BATCH))

    return turn, "memory map" if cache else "torchvision"


# --- the race ---


@dataclass
class Racer:
    """One way: its turn is made by `make(*given)` in the process of `pool`.

    goal: how many times as fast as the first way it should be.
    """

    way: str
    pool: ProcessPoolExecutor
    make: Callable
    given: tuple
    goal: float | None = None


def start(stack: ExitStack, settings: dict[str, str], threads: int) -> ProcessPoolExecutor:
    """One process with these environment variables and so many threads."""
    pool = stack.enter_context(ProcessPoolExecutor(1, get_context("spawn")))
    clean = {name: value for name, value in os.environ.items() if name not in MEMORY}
    with patch.dict(os.environ, clean | settings | {"OMP_NUM_THREADS": str(threads)}, clear=True):
        pool.submit(torch.set_num_threads, threads).result()
    return pool


def race(case: str, racers: list[Racer], repeats: int) -> list[dict]:
    """Let the racers take turns; `ratio` is how many times as fast as the first one each is."""
    notes, first = {}, {}
    for r in racers:
        notes[r.way] = r.pool.submit(prepare, r.way, r.make, *r.given).result()
        first[r.way] = r.pool.submit(take_turn, r.way).result()[0]
    seconds: dict[str, list[float]] = {r.way: [] for r in racers}
    for _ in range(repeats):
        for r in racers:
            taken, images = r.pool.submit(take_turn, r.way).result()
            seconds[r.way].append(taken / images)
    for r in racers:
        r.pool.submit(_forget).result()
    reference = median(seconds[racers[0].way])
    rows = []
    for r in racers:
        taken = median(seconds[r.way])
        rows.append(
            {
                "case": case,
                "way": r.way,
                "seconds_per_image": taken,
                "images_per_second": 1 / taken,
                "ratio": reference / taken,
                "goal": r.goal,
                "first_turn_seconds": first[r.way],
                "note": notes[r.way],
            }
        )
        show(rows[-1])
    return rows


def _forget() -> None:
    _turns.clear()


def steps(pools: dict[str, ProcessPoolExecutor], size: int, repeats: int) -> list[dict]:
    rows = []
    for case, (row, batch, goal) in STEPS.items():
        given = row, size, batch
        rows += race(
            f"{case}, {batch} images of {size}",
            [
                Racer(AUTHORS, pools[AUTHORS], authors_step, given),
                Racer(OURS, pools[OURS], our_step, given, goal),
            ],
            repeats,
        )
    return rows


def compiling(pools: dict[str, ProcessPoolExecutor], size: int, repeats: int) -> list[dict]:
    """torch.compile on VGG-M's stage 1, where there is a compiler."""
    if not any(map(shutil.which, (os.environ.get("CXX", "c++"), "g++", "clang++"))):
        print("torch.compile: not measured, there is no C++ compiler")
        return []
    row, batch, _ = VGG_M
    given = row, size, batch
    try:
        return race(
            f"torch.compile, VGG-M, stage 1, {batch} images of {size}",
            [
                Racer(OURS, pools[OURS], our_step, given),
                Racer("rnnha, compiled", pools[OURS], our_step, (*given, True)),
            ],
            repeats,
        )
    except Exception as error:  # whatever a compiler may find to complain of
        print(f"torch.compile: not measured, it failed ({str(error).splitlines()[0][:200]})")
        return []


def reading(
    pools: dict[str, ProcessPoolExecutor], paths: list[str], size: int, cache: Path, repeats: int
) -> list[dict]:
    rows = race(
        f"{len(paths)} files to batches of {size}",
        [
            Racer(AUTHORS, pools[AUTHORS], authors_input, (paths, size)),
            Racer("rnnha, JPEG", pools[OURS], our_input, (paths, size, None), 1.4),
            Racer("rnnha, cached", pools[OURS], our_input, (paths, size, cache), 4.0),
        ],
        repeats,
    )
    largest, share = difference(paths, size)
    told = f"at most {largest} of 255 from PIL's pixels, in {share:.2%} of the values"
    print(told)
    for row in rows[1:]:
        row["note"] += f"; {told}"
    return rows


def difference(paths: list[str], size: int) -> tuple[int, float]:
    """Our pixels beside PIL's: the largest difference, and the share of values that differ."""
    theirs = authors_way.Pictures(paths, size, Normalize(MEAN, STD))
    largest, differing, total = 0, 0, 0
    for i, pixels in enumerate(Images(paths, size)):
        wanted = np.asarray(theirs.resized(i)).transpose(2, 0, 1)
        gap = np.abs(pixels.numpy().astype(int) - wanted)
        largest = max(largest, int(gap.max()))
        differing, total = differing + int((gap > 0).sum()), total + gap.size
    return largest, differing / total


def draw_pictures(folder: Path, count: int) -> list[str]:
    """JPEGs of clouds, coarse and fine, 200 to 500 pixels a side: about as large as the sets'."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for number in range(count):
        width, height = rng.integers(200, 501, 2).tolist()
        picture = np.full((height, width, 3), 127.0)
        for cells, strength in ((4, 60), (16, 40), (64, 20), (128, 10)):
            noise = rng.integers(0, 256, (cells, cells, 3), dtype=np.uint8)
            cloud = Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC)
            picture += (np.asarray(cloud) / 127.5 - 1) * strength
        pixels = picture.clip(0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04d}.jpg", quality=90)
    return sorted(map(str, folder.glob("*.jpg")))


def show(row: dict) -> None:
    goal = f" (goal {row['goal']}x)" if row["goal"] else ""
    print(
        f"{row['case']:52}{row['way']:17}{1000 * row['seconds_per_image']:9.2f} ms an image"
        f"{row['ratio']:7.2f}x{goal:13} first turn {row['first_turn_seconds']:5.1f} s  "
        f"{row['note']}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=224, help="pixels a side")
    parser.add_argument("--threads", type=int, default=cores())
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--images", type=Path, help="folder of .jpg files; by default drawn ones")
    parser.add_argument(
        "--compile",
        action="store_true",
        help="torch.compile, too: the first turn may take many minutes",
    )
    parser.add_argument("--write", action="store_true", help="keep results/bench/training.csv")
    arguments = parser.parse_args()
    given = sorted(map(str, arguments.images.glob("*.jpg")))[:PICTURES] if arguments.images else []
    if arguments.images and not given:
        parser.error(f"{arguments.images}: no .jpg files there")
    size, repeats, threads = arguments.size, arguments.repeats, arguments.threads
    print(f"{processor()}, {threads} threads, {torch.backends.cpu.get_cpu_capability()}")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = MEMORY | {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
        pools = {AUTHORS: start(stack, {}, threads), OURS: start(stack, kept, threads)}
        paths = given or draw_pictures(folder / "pictures", PICTURES)
        rows = reading(pools, paths, size, folder / "pixels.npy", repeats)
        rows += steps(pools, size, repeats)
        if arguments.compile:
            rows += compiling(pools, size, repeats)
    if arguments.write:
        keep(rows, COLUMNS, "training.csv", threads)


if __name__ == "__main__":
    main()
