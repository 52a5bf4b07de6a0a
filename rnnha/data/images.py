"""From image files to batches: decode, square resize, augment, normalise.

Training and embedding use the same steps, so the same file always gives the same numbers, with
or without the memory-mapped copy.
"""

import hashlib
import math
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms
from tqdm import tqdm

from rnnha.data.files import DataError
from rnnha.paths import alone, atomic

MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB
STD = (0.229, 0.224, 0.225)


def read_image(path: str | Path) -> Tensor:
    """Decode a file to uint8 [3, H, W] RGB: grey, CMYK, transparent and rotated (EXIF) ones, too.

    Raises DataError naming the file when it is absent, cut short or no image.
    """
    try:
        return decode_image(str(path), mode=ImageReadMode.RGB, apply_exif_orientation=True)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: unreadable image ({reason})") from error


def read_mask(path: str | Path) -> np.ndarray:
    """A mask file as bool [H, W]: not black is inside."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")) > 0


def square(image: Tensor, size: int) -> Tensor:
    """Resize [3, H, W] uint8 to [3, size, size], bilinear with antialias, aspect ratio ignored."""
    return transforms.resize(
        image, [size, size], interpolation=InterpolationMode.BILINEAR, antialias=True
    )


def unreadable(paths: Sequence[str | Path]) -> list[str]:
    """One message for each of `paths` that cannot be decoded."""

    def problem(path: str | Path) -> str | None:
        try:
            read_image(path)
        except DataError as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        return [message for message in pool.map(problem, paths) if message]


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


def batches(
    images: Images, order: np.ndarray, batch_size: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield (uint8 [B, 3, S, S], int64 indices [B]) for the image indices in `order`.

    The last batch may be smaller.
    """
    order = np.asarray(order, dtype=np.int64)
    for start in range(0, len(order), batch_size):
        part = order[start : start + batch_size]
        yield images.stack(part), torch.from_numpy(part.copy())


def evaluation_batch(size: int) -> int:
    """How many images of size x size pixels are embedded at once: 64, and 7 of 672 pixels, which
    then fit a GPU of 12 GB on which such images are trained."""
    return max(1, min(64, 64 * 224**2 // size**2))


def normalise(batch: Tensor) -> Tensor:
    """uint8 [B, 3, S, S] -> float32 [B, 3, S, S]: (x / 255 - mean) / std of ImageNet."""
    mean = torch.tensor(MEAN, device=batch.device).view(3, 1, 1) * 255
    std = torch.tensor(STD, device=batch.device).view(3, 1, 1) * 255
    return (batch.float() - mean) / std


def augment(
    batch: Tensor,
    indices: Tensor,
    seed: int,
    epoch: int,
    *,
    flip: bool = True,
    shift: int = 0,
    jitter: float = 0.0,
) -> Tensor:
    """Augment uint8 [B, 3, S, S]; image i's part of chance depends on (seed, epoch, i) only.

    flip: mirror half of the images left to right. shift: move by up to so many pixels in both
    directions, edge pixels repeated. jitter: brightness and contrast times factors drawn from
    [1 - jitter, 1 + jitter], rounded back to uint8.
    indices: int64 [B], the images' places in the data set.
    """
    chance = torch.from_numpy(_chance(seed, epoch, int(indices.max()) + 1)[indices.cpu().numpy()])
    chance = chance.to(batch.device)
    size = batch.shape[-1]
    grid = torch.arange(size, device=batch.device)
    down, right = ((chance[:, 1:3] * (2 * shift + 1)).floor().long() - shift).T
    rows = (grid + down[:, None]).clamp(0, size - 1)  # [B, S]
    columns = (grid + right[:, None]).clamp(0, size - 1)
    if flip:
        columns = torch.where(chance[:, :1] < 0.5, size - 1 - columns, columns)
    if flip or shift:
        moved = [
            image.index_select(1, r).index_select(2, c)
            for image, r, c in zip(batch, rows, columns, strict=True)
        ]
        batch = torch.stack(moved)
    if jitter:
        factors = (1 + jitter * (2 * chance[:, 3:5] - 1)).float()
        brightness, contrast = factors.T[..., None, None, None]
        pixels = batch.float()
        mean = pixels.mean(dim=(1, 2, 3), keepdim=True)
        pixels.mul_(brightness * contrast).add_(brightness * (1 - contrast) * mean)
        batch = pixels.round_().clamp_(0, 255).byte()
    return batch


def _chance(seed: int, epoch: int, count: int) -> np.ndarray:
    """Uniform numbers [>= count, 5], row i for image i.

    Philox is a counter-based generator: row i is the same however long the table is.
    """
    return _table(seed, epoch, 1 << max(10, (count - 1).bit_length()))


@lru_cache(maxsize=2)
def _table(seed: int, epoch: int, rows: int) -> np.ndarray:
    key = np.array([seed, epoch], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key)).random((rows, 5))
