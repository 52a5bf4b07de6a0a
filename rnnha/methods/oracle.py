"""Control: an oracle that knows some labels of a vehicle, and nothing of the picture."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from rnnha.protocols import oracle_distance


class Oracle:
    """Distance 0 where all the known columns agree, else 1; ties are broken by the protocol.

    labels: what can be known, one row an image, indexed by image name.
    """

    def __init__(self, labels: pd.DataFrame, columns: Sequence[str]):
        self.labels = labels
        self.compare = oracle_distance(columns)

    def fit(self, train: pd.DataFrame) -> list[dict]:
        return []

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """float32 [Q, G]; the frames are manifest rows with the image's file name as `name`."""
        query, gallery = (frame.join(self.labels, on="name") for frame in (query, gallery))
        return self.compare(query, gallery)
