"""Images at one size, decoded each time or once into a memory-mapped file: the same pixels."""

import hashlib
import math
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import torch
import torchvision
from torch import Tensor
from tqdm import tqdm

from rnnha.files import DataError
from rnnha.images.decode import read_image, square
from rnnha.paths import alone, atomic


class Images:
    """Images at one size: `images[i]` is uint8 [3, size, size], RGB.

    cache: file of a uint8 memory map [N, size, size, 3]. It is built when absent, and again when
    the images' bytes, their order or the size are others than at the time of building.
    Raises DataError naming the unreadable images (at most ten; with a cache, at once).
    """

    def __init__(self, paths: Sequence[str | Path], size: int, cache: str | Path | None = None):
        self.paths = [str(path) for path in paths]
        self.size = size
        self.pixels = None if cache is None else self._open(Path(cache))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        if self.pixels is not None:
            return torch.from_numpy(self.pixels[index].transpose(2, 0, 1).copy())
        return square(read_image(self.paths[index]), self.size)

    def stack(self, indices: Sequence[int]) -> Tensor:
        """Images of `indices` as contiguous uint8 [B, 3, size, size]; names all unreadable ones."""
        if self.pixels is not None:
            return torch.from_numpy(self.pixels[indices]).permute(0, 3, 1, 2).contiguous()
        images, failures = [], []
        for index in indices:
            try:
                images.append(self[index])
            except DataError as error:
                failures.append(str(error))
        _raise_unreadable(failures)
        return torch.stack(images)

    def _open(self, cache: Path) -> np.ndarray:
        key_file = cache.with_name(f"{cache.name}.sha256")
        key = content_hash(self.paths, f"{self.size} torchvision {torchvision.__version__}")

        def current() -> bool:
            return cache.is_file() and key_file.is_file() and key_file.read_text().strip() == key

        if not current():
            with alone(cache, cache.name):
                if not current():  # nobody else built it meanwhile
                    # The old hash first: an interruption must never leave it by new pixels.
                    key_file.unlink(missing_ok=True)
                    self._build(cache)
                    with atomic(key_file) as temporary:
                        temporary.write_text(f"{key}\n")
        return np.load(cache, mmap_mode="r")

    def _build(self, cache: Path) -> None:
        shape = (len(self), self.size, self.size, 3)
        needed, free = math.prod(shape), shutil.disk_usage(cache.parent).free
        if needed > free:  # a full disk would kill the process without a word
            raise DataError(
                f"{cache}: decoded images take {needed / 1e9:.1f} GB and {free / 1e9:.1f} GB are "
                "free there; make room, or move the data and let RNNHA_DATA point to them"
            )
        failures: list[str] = []

        def pixels_of(path: str) -> np.ndarray | str:
            try:
                return square(read_image(path), self.size).permute(1, 2, 0).numpy()
            except DataError as error:
                return str(error)

        with atomic(cache) as temporary, ThreadPoolExecutor() as pool:
            array = np.lib.format.open_memmap(temporary, "w+", np.uint8, shape)
            chunks = range(0, len(self), 1024)  # so that decoded images do not pile up
            with tqdm(total=len(self), desc=f"images to {cache.name}", unit=" images") as bar:
                for start in chunks:
                    chunk = self.paths[start : start + 1024]
                    for index, result in enumerate(pool.map(pixels_of, chunk), start=start):
                        if isinstance(result, str):
                            failures.append(result)
                        else:
                            array[index] = result
                        bar.update()
            _raise_unreadable(failures)
            array.flush()


def _raise_unreadable(failures: list[str]) -> None:
    if failures:
        raise DataError(
            f"{len(failures):,} unreadable images; take them from the data set again:\n  "
            + "\n  ".join(failures[:10])
            + (f"\n  and {len(failures) - 10:,} more" if len(failures) > 10 else "")
        )


def content_hash(paths: Sequence[str | Path], label: str = "") -> str:
    """SHA-256 over `label` and each file's own SHA-256, in order: where they lie does not matter.

    Raises DataError naming the files that cannot be read.
    """

    failures: list[str] = []

    def digests(chunk: Sequence[str | Path]) -> bytes:
        found = []
        for path in chunk:
            try:
                with open(path, "rb", buffering=0) as file:
                    found.append(hashlib.sha256(file.read()).digest())
            except OSError as error:
                failures.append(f"{path}: {error.strerror}")
        return b"".join(found)

    paths = list(paths)
    # By the hundred: a task a file would cost more than hashing the file.
    chunks = [paths[start : start + 100] for start in range(0, len(paths), 100)]
    total = hashlib.sha256(label.encode())
    with ThreadPoolExecutor(max_workers=4) as pool:
        for found in pool.map(digests, chunks):
            total.update(found)
    _raise_unreadable(failures)
    return total.hexdigest()
