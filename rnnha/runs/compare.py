"""Compare two pictures, by a network that comes with what was measured of it.

A similarity alone says little: two white vans are alike without being the same. So a checkpoint
comes with how well it separates vehicles that it never saw (`scoring.pairs.Separation`, kept beside
it as `<checkpoint>.pairs.json`), and a comparison is read against that.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from rnnha.images.batches import normalise
from rnnha.images.cache import Images
from rnnha.images.decode import pixels as read_pixels
from rnnha.methods.finetuned import SHIPPED
from rnnha.methods.network import load_checkpoint
from rnnha.runs import seen
from rnnha.scoring import pairs
from rnnha.scoring.pairs import Separation, separation
from rnnha.training.embedding import embed

CHECKPOINT = SHIPPED
SEEN = "The shipped network has seen rendered (synthetic) vehicles only, no photograph."


class Pair(NamedTuple):
    """Two pictures and what the network says of them.

    images: the pictures as they are, uint8 [H, W, 3] each; attention: float32 [2, h, w], each sums
        to 1, on the grid of the square that the network saw.
    cosine: of the embeddings o2, in -1..1; euclid: their distance after L2 normalisation, in 0..2.
    """

    images: tuple[NDArray[np.uint8], NDArray[np.uint8]]
    attention: NDArray[np.float32]
    cosine: float
    euclid: float
    reference: dict[str, Separation] | None
    note: str = ""

    @property
    def text(self) -> str:
        """What the comparison says, in one to five lines."""
        line = f"cosine {self.cosine:.3f}, Euclidean distance {self.euclid:.3f}"
        told = pairs.told(self.cosine, self.reference) if self.reference else ""
        return "\n".join(filter(None, [line, told, self.note]))


@torch.inference_mode()
def compare(image_a: Path | str, image_b: Path | str, checkpoint: Path = CHECKPOINT) -> Pair:
    """How alike two pictures of vehicles are, by a trained RNN-HA.

    The pictures should be cut to the vehicle, as re-identification crops are. FileNotFoundError
    names a missing picture or checkpoint; ValueError one that cannot be read, or a checkpoint of
    a network without attention.
    """
    expect_files(image_a, image_b, checkpoint)
    model, info = load_checkpoint(checkpoint)
    pixels = Images([str(image_a), str(image_b)], info["image_size"])
    batch = torch.stack([pixels[0], pixels[1]])
    output = model(normalise(batch))
    if output.attention is None:
        raise ValueError(f"{checkpoint} is a {info['row']!r}, which has no attention map to show")
    a, b = torch.nn.functional.normalize(output.o2.float(), dim=1)
    return Pair(
        (read_pixels(image_a), read_pixels(image_b)),
        output.attention.float().numpy(),
        float((a @ b).clamp(-1, 1)),
        float(torch.linalg.vector_norm(a - b)),
        _reference(checkpoint),
        has_seen(checkpoint, info),
    )


def has_seen(checkpoint: Path, info: dict) -> str:
    """What a checkpoint has learned from, in a sentence; empty where its info does not tell."""
    if Path(checkpoint) == CHECKPOINT:
        return SEEN
    return f"The network has seen {seen.told(info['seen'])}." if info.get("seen") else ""


def expect_files(*files: Path | str) -> None:
    """Raise FileNotFoundError for the first that is no file."""
    for file in map(Path, files):
        if not file.is_file():
            hint = " (`make accept` writes it from finished runs)" if file == CHECKPOINT else ""
            raise FileNotFoundError(f"no file {file}{hint}")


def _beside(checkpoint: Path) -> Path:
    return Path(checkpoint).with_suffix(".pairs.json")


def _reference(checkpoint: Path) -> dict[str, Separation] | None:
    file = _beside(checkpoint)
    return pairs.read(file) if file.exists() else None


def keep(measured: dict[str, Separation], checkpoint: Path) -> None:
    """Keep what `measure` gave beside the checkpoint, where `compare` finds it."""
    pairs.write(measured, _beside(checkpoint))


def measure(checkpoint: Path, images: pd.DataFrame) -> dict[str, Separation]:
    """How well a checkpoint separates image files across cameras; vehicles it was not trained on.

    images: a row each with path, vehicle_id, camera_id and type, or model and paint instead of
    the type (`outcome.test_table` of a rendered set; the manifest of the photographs).
    Returns "all pairs", and "same model and paint" or "same type": pairs of two vehicles that
    only differ in small things.
    """
    model, info = load_checkpoint(checkpoint)
    pixels = Images(images["path"], info["image_size"])
    o2 = embed(model, pixels, next(model.parameters()).device)["o2"]
    known = {"model", "paint"} <= set(images.columns)
    alike = images["model"] + "/" + images["paint"] if known else images["type"]
    vehicles, cameras = images["vehicle_id"], images["camera_id"]
    return {
        "all pairs": separation(o2, vehicles, cameras),
        "same model and paint" if known else "same type": separation(o2, vehicles, cameras, alike),
    }
