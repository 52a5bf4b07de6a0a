"""Batches of images: augmented for training, in order for embedding, normalised for networks.

Training and embedding use the same steps, so the same file always gives the same numbers.
"""

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from rnnha.images.cache import Images

MEAN = (0.485, 0.456, 0.406)  # ImageNet, RGB
STD = (0.229, 0.224, 0.225)


def batches(images: Images, order: np.ndarray, batch_size: int) -> Iterator[tuple[Tensor, Tensor]]:
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
