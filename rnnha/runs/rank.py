"""Rank the pictures of a folder by how alike they are to one picture, by a trained RNN-HA."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from rnnha.files import DataError, image_names
from rnnha.images.cache import Images
from rnnha.methods.network import load_checkpoint
from rnnha.runs.compare import CHECKPOINT, expect_files, has_seen
from rnnha.scoring import ranking
from rnnha.training.embedding import embed


class Ranking(NamedTuple):
    """The pictures that are nearest to a query, nearest first.

    found: rank (from 1), path, distance (Euclidean, of the L2-normalised o2, 0..2) and cosine.
    own, maps: attention of the query [h, w] and of those found [N, h, w], float32, each sums to 1.
    note: what the network has been trained on, where that is known.
    """

    query: Path
    folder: Path
    found: pd.DataFrame
    own: NDArray[np.float32]
    maps: NDArray[np.float32]
    note: str

    @property
    def text(self) -> str:
        """The ranking as lines, and the note."""
        table = self.found.assign(path=[path.name for path in self.found["path"]])
        lines = table.to_string(index=False, float_format="%.3f", justify="left")
        return "\n".join(filter(None, [lines, self.note]))


def rank(
    query: Path | str, folder: Path | str, count: int = 10, checkpoint: Path = CHECKPOINT
) -> Ranking:
    """The `count` pictures of a folder that are nearest to the query; itself is left out.

    The pictures should be cut to the vehicle. Equal distances come by name. Raises
    FileNotFoundError for a missing query or checkpoint, DataError (a ValueError) for a folder
    without pictures and for pictures that cannot be read, and ValueError for a network without
    attention, or a count below 1.
    """
    query, folder = Path(query), Path(folder)
    if count < 1:
        raise ValueError(f"{count} pictures to be found: expected 1 or more")
    expect_files(query, checkpoint)
    files = [folder / name for name in sorted(image_names(folder))]
    files = [file for file in files if not file.samefile(query)]
    if not files:
        raise DataError(f"{folder}: no pictures but the query (.jpg, .jpeg or .png); name another")
    model, info = load_checkpoint(checkpoint)
    outputs = embed(model, Images([query, *files], info["image_size"]), torch.device("cpu"))
    if "attention" not in outputs:
        raise ValueError(f"{checkpoint} is a {info['row']!r}, which has no attention map to show")
    unit = ranking.unit(outputs["o2"])
    distance = ranking.euclidean(unit[:1], unit[1:])[0]
    best = np.argsort(distance, kind="stable")[:count]
    found = pd.DataFrame(
        {
            "rank": np.arange(1, len(best) + 1),
            "path": [files[i] for i in best],
            "distance": distance[best],
            "cosine": unit[1:][best] @ unit[0],
        }
    )
    own, maps = outputs["attention"][0], outputs["attention"][1:][best]
    return Ranking(query, folder, found, own, maps, has_seen(checkpoint, info))
