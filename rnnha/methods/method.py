"""What a runner asks of every system in the tables, published or ours.

A system either embeds images, and is then ranked by the Euclidean distance of its
L2-normalised embeddings, or it has a distance of its own (`distance`).
"""

from typing import Protocol

import numpy as np
import pandas as pd


class Embedding(Protocol):
    """A system that turns each image into a vector."""

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Learn from the training manifest; return the history, one dict per epoch."""

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """`o2` float32 [N, D], the embedding, and whatever else there is to look at."""


class Distance(Protocol):
    """A system that compares images without embedding them, such as an oracle."""

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """As above."""

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """Distances float32 [Q, G] between the images of two manifests."""
