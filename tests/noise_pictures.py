"""A very small network on noise, for tests of what is made of a network's map."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.models.backbones import SmallVGGM
from rnnha.models.rnn_ha import CoarseToFine

SIZE, CELLS = 64, 4


def network(kind: str = "guided", steps: str = "recurrent") -> CoarseToFine:
    torch.manual_seed(0)
    return CoarseToFine(SmallVGGM((4, 6, 8)), steps, kind, 12, 3, 7).eval()


def noise(folder: Path) -> Images:
    """Five pictures of different sizes."""
    rng, files = np.random.default_rng(3), []
    for i in range(5):
        picture = rng.integers(0, 256, (40 + 10 * i, 70, 3), dtype=np.uint8)
        files.append(str(folder / f"{i}.png"))
        Image.fromarray(picture).save(files[-1])
    return Images(files, SIZE)


def batch_of(pixels: Images) -> torch.Tensor:
    return normalise(torch.stack([pixels[i] for i in range(len(pixels))]))
