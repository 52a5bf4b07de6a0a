"""Siamese-Visual (Shen et al. 2017, the visual branch): a classifier of pairs ranks the gallery.

There is no public code. Our reading: a shared ResNet-50, |f(a) - f(b)|, one layer and a sigmoid,
cross-entropy over pairs 1 : 3, and the pair's score as the distance.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.data.manifest import names_of
from rnnha.experiments import Row
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale
from rnnha.scoring.protocols import by_name

if TYPE_CHECKING:
    from torch import nn


BLOCK = 2**19  # differences held at a time: 2 MB of float32, three arrays of it at most


class SiameseVisual(FromScratch, name="siamese-visual"):
    """Embeds every image once, and gives each pair the classifier's score."""

    loss = "pairs"

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import SiamesePair

        return SiamesePair(backbone(row, scale))

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """o2 float32 [N, D]: the features f, kept for `distance`."""
        outputs = super().embed(manifest)
        if outputs:
            self.features = by_name(names_of(manifest), outputs["o2"])
            self.weight = self.model.verdict.weight.detach().cpu().numpy().ravel()
        return outputs

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """Minus the logit of "one vehicle", float32 [Q, G]; its order is the score's.

        The gallery is looked up a stretch at a time: at VeRi's size and 2,048 numbers an image, all
        pairs take 200 MB with the features themselves.
        """
        asked = self.features(query)
        result = np.empty((len(query), len(gallery)), np.float32)
        step = max(1, BLOCK // asked.shape[1])
        for start in range(0, len(gallery), step):
            stretch = slice(start, start + step)
            found = self.features(gallery.iloc[stretch])
            result[:, stretch] = pair_distances(asked, found, self.weight)
        return result


def pair_distances(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """-sum_d weight_d |a_qd - b_gd|, float32 [Q, G], for features [Q, D] and [G, D].

    The classifier's constant is left out: it moves all pairs alike. Differences are made for so
    many of `a` at a time as have BLOCK numbers, or for one.
    """
    result = np.empty((len(a), len(b)), np.float32)
    step = max(1, BLOCK // max(1, b.size))
    for row in range(0, len(a), step):
        own = a[row : row + step, None]
        result[row : row + step] = -(np.abs(own - b) @ weight)
    return result
