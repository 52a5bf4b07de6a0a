"""Compare two pictures, and say how well that separates vehicles.

A similarity alone says little: two white vans are alike without being the same. So a checkpoint
comes with what was measured on vehicles it never saw (`Separation`, kept beside it as
`<checkpoint>.pairs.json`), and a comparison is read against that.
"""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_auc_score

from rnnha import plots, retrieval, training
from rnnha.data.images import Images, normalise
from rnnha.methods.network import load_checkpoint
from rnnha.paths import ASSETS, atomic

CHECKPOINT = ASSETS / "rnn_ha_rendered.safetensors"


class Separation(NamedTuple):
    """How well the similarity tells pairs of one vehicle from pairs of two.

    auc: probability that a pair of one vehicle is more alike than a pair of two; 0.5 is chance.
    same, other: the 0th to 100th percentile of the cosine in either kind of pair.
    """

    auc: float
    n_same: int
    n_other: int
    same: list[float]
    other: list[float]

    def save(self, checkpoint: Path) -> None:
        """Keep beside the checkpoint, where `compare` finds it."""
        with atomic(_beside(checkpoint)) as temporary:
            temporary.write_text(json.dumps(self._asdict()) + "\n")


class Pair(NamedTuple):
    """Two pictures and what the network says of them.

    images: uint8 [2, S, S, 3]; attention: float32 [2, h, w], each sums to 1.
    cosine: of the embeddings o2, in -1..1; euclid: their distance after L2 normalisation, in 0..2.
    """

    images: NDArray[np.uint8]
    attention: NDArray[np.float32]
    cosine: float
    euclid: float
    reference: Separation | None

    @property
    def text(self) -> str:
        """What the comparison says, in one or three lines."""
        line = f"cosine {self.cosine:.3f}, Euclidean distance {self.euclid:.3f}"
        if self.reference is None:
            return line
        other = np.mean(np.array(self.reference.other) < self.cosine)
        same = np.mean(np.array(self.reference.same) < self.cosine)
        return (
            f"{line}\nmore alike than {other:.0%} of the pairs of two vehicles"
            f"\nand than {same:.0%} of the pairs of one vehicle, on vehicles never trained on"
        )

    def figure(self) -> Figure:
        """Both pictures with their attention maps."""
        (a, b), (map_a, map_b) = self.images, self.attention
        return plots.pair_figure(a, map_a, b, map_b, self.text)


def save_figure(pair: Pair, path: Path) -> None:
    """Save `pair.figure()`; the suffix decides the format."""
    with atomic(path) as temporary:
        pair.figure().savefig(temporary, dpi=120)


@torch.inference_mode()
def compare(image_a: Path | str, image_b: Path | str, checkpoint: Path = CHECKPOINT) -> Pair:
    """How alike two pictures of vehicles are, by a trained RNN-HA.

    The pictures should be cut to the vehicle, as re-identification crops are. FileNotFoundError
    names a missing picture or checkpoint; ValueError one that cannot be read, or a checkpoint of
    a network without attention.
    """
    for file in map(Path, (image_a, image_b, checkpoint)):
        if not file.is_file():
            hint = " (`make accept` writes it from finished runs)" if file == CHECKPOINT else ""
            raise FileNotFoundError(f"no file {file}{hint}")
    model, info = load_checkpoint(checkpoint)
    pixels = Images([str(image_a), str(image_b)], info["image_size"])
    batch = torch.stack([pixels[0], pixels[1]])
    output = model(normalise(batch))
    if output.attention is None:
        raise ValueError(f"{checkpoint} is a {info['row']!r}, which has no attention map to show")
    a, b = torch.nn.functional.normalize(output.o2.float(), dim=1)
    return Pair(
        batch.permute(0, 2, 3, 1).numpy(),
        output.attention.float().numpy(),
        float((a @ b).clamp(-1, 1)),
        float(torch.linalg.vector_norm(a - b)),
        _reference(checkpoint),
    )


def _beside(checkpoint: Path) -> Path:
    return Path(checkpoint).with_suffix(".pairs.json")


def _reference(checkpoint: Path) -> Separation | None:
    file = _beside(checkpoint)
    return Separation(**json.loads(file.read_text())) if file.exists() else None


def separation(
    embeddings: NDArray, vehicles: ArrayLike, cameras: ArrayLike | None = None,
    alike: ArrayLike | None = None,
) -> Separation:  # fmt: skip
    """Pairs of one vehicle against pairs of two, by the cosine of their embeddings.

    embeddings float [N, D]; vehicles [N]. With cameras [N], only pairs across two cameras count.
    With alike [N] (model and paint, say), pairs of two vehicles count only within one such group:
    the pairs that are hard. Raises ValueError where there is no pair of either kind.
    """
    unit = retrieval.unit(embeddings)
    first, second = np.triu_indices(len(unit), k=1)

    def equal(labels: ArrayLike) -> NDArray[np.bool_]:
        codes = np.unique(np.asarray(labels), return_inverse=True)[1]
        return codes[first] == codes[second]

    same = equal(vehicles)
    counts = np.ones(len(same), bool) if cameras is None else ~equal(cameras)
    if alike is not None:
        counts &= same | equal(alike)
    same, first, second = same[counts], first[counts], second[counts]
    if same.all() or not same.any():
        raise ValueError(
            f"{same.sum()} pairs of one vehicle and {(~same).sum()} of two: both are needed"
        )
    cosine = (unit @ unit.T)[first, second]
    percentiles = np.arange(101)
    return Separation(
        float(roc_auc_score(same, cosine)), int(same.sum()), int((~same).sum()),
        np.percentile(cosine[same], percentiles).round(4).tolist(),
        np.percentile(cosine[~same], percentiles).round(4).tolist(),
    )  # fmt: skip


def measure(checkpoint: Path, images: pd.DataFrame) -> dict[str, Separation]:
    """How well a checkpoint separates image files across cameras; vehicles it was not trained on.

    images: a row each with path, vehicle_id, camera_id and type, or model and paint instead of
    the type (`outcome.test_table` of a rendered set; the manifest of the photographs).
    Returns "all pairs", and "same model and paint" or "same type": pairs of two vehicles that
    only differ in small things.
    """
    model, info = load_checkpoint(checkpoint)
    pixels = Images(images["path"], info["image_size"])
    o2 = training.embed(model, pixels, next(model.parameters()).device)["o2"]
    known = {"model", "paint"} <= set(images.columns)
    alike = images["model"] + "/" + images["paint"] if known else images["type"]
    vehicles, cameras = images["vehicle_id"], images["camera_id"]
    return {
        "all pairs": separation(o2, vehicles, cameras),
        "same model and paint" if known else "same type": separation(o2, vehicles, cameras, alike),
    }
