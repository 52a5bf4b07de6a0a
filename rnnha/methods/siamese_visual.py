"""Siamese-Visual (Shen et al. 2017, the visual branch): a classifier of pairs ranks the gallery.

There is no public code. Our reading: a shared ResNet-50, |f(a) - f(b)|, one layer and a sigmoid,
cross-entropy over pairs 1 : 3, and the pair's score as the distance.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import nn

    from rnnha.training.loop import Losses

BLOCK = 2**22  # differences held at a time: 16 MB of float32, three arrays of it at most


class SiameseVisual(FromScratch, name="siamese-visual"):
    """Embeds every image once, and gives each pair the classifier's score."""

    ranks_by_embedding = False

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import SiamesePair

        return SiamesePair(backbone(row, scale))

    @classmethod
    def losses(cls) -> "Losses":
        from rnnha.training.losses import pairs

        return pairs

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """o2 float32 [N, D]: the features f, kept for `distance`."""
        outputs = super().embed(manifest)
        if outputs:
            names = manifest.path.map(lambda path: path.rpartition("/")[2])
            self.features = dict(zip(names, outputs["o2"], strict=True))
            self.weight = self.model.verdict.weight.detach().cpu().numpy().ravel()
        return outputs

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """Minus the logit of "one vehicle", float32 [Q, G]; its order is the score's."""
        a, b = (np.stack([self.features[n] for n in frame["name"]]) for frame in (query, gallery))
        return pair_distances(a, b, self.weight)


def pair_distances(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """-sum_d weight_d |a_qd - b_gd|, float32 [Q, G], for features [Q, D] and [G, D].

    The classifier's constant is left out: it moves all pairs alike. Differences are made for
    BLOCK numbers at a time, so that a large gallery needs little memory.
    """
    result = np.empty((len(a), len(b)), np.float32)
    step = max(1, BLOCK // max(1, b.size))
    across = max(1, BLOCK // b.shape[1])
    for row in range(0, len(a), step):
        for column in range(0, len(b), across):
            own, other = a[row : row + step, None], b[None, column : column + across]
            result[row : row + step, column : column + across] = -(np.abs(own - other) @ weight)
    return result
