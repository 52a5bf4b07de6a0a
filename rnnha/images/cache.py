"""Images at one size, decoded each time or once into a memory-mapped file: the same pixels."""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import PIL
import torch
import torchvision
from torch import Tensor
from tqdm import tqdm

from rnnha.files import DataError
from rnnha.images.decode import image_file, read_image, square
from rnnha.images.store import stored


class Images:
    """Images at one size: `images[i]` is uint8 [3, size, size], RGB.

    cache: where the decoded pixels are kept, uint8 [N, size, size, 3]. `train-96.npy` becomes
    `train-96-<hash>.npy`, named by the images' bytes, their order, the size and the decoders, and
    is built when absent or damaged; then the older ones of this cache go.
    Raises DataError naming the unreadable images (at most ten; with a cache, at once), and where
    the cache cannot be written.
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
        decoders = f"torchvision {torchvision.__version__} pillow {PIL.__version__}"
        key = content_hash(self.paths, f"{self.size} {decoders}")
        shape = len(self), self.size, self.size, 3
        return stored(cache, key, shape, lambda: self._decoded(cache.name))

    def _decoded(self, name: str) -> Iterator[np.ndarray]:
        """All images in order, uint8 [size, size, 3]; unreadable ones are told after the last."""
        failures: list[str] = []

        def pixels_of(path: str) -> np.ndarray | str:
            try:
                return square(read_image(path), self.size).permute(1, 2, 0).numpy()
            except DataError as error:
                return str(error)

        bar = tqdm(total=len(self), desc=f"images to {name}", unit=" images")
        with ThreadPoolExecutor() as pool, bar:
            for start in range(0, len(self), 1024):  # so that decoded images do not pile up
                for result in pool.map(pixels_of, self.paths[start : start + 1024]):
                    if isinstance(result, str):
                        failures.append(result)
                    else:
                        yield result
                    bar.update()
        _raise_unreadable(failures)


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
                with image_file(path) as file:
                    found.append(hashlib.sha256(file.read()).digest())
            except DataError as error:
                failures.append(str(error))
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
