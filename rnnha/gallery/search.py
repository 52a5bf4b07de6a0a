"""Search an index of a large gallery."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnha.files import DataError
from rnnha.gallery.index import ABOUT, IMAGES, NPROBE, VECTORS, Report, faiss, nearest_of
from rnnha.scoring.embeddings import blocks, load_embeddings


class Gallery:
    """An index opened for searching; `about` is its Report, `index` the FAISS index.

    Raises DataError for a folder that `build` did not write.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        try:
            self.about = Report(**json.loads((self.folder / ABOUT).read_text()))
            self.index = faiss.read_index(str(self.folder / VECTORS))
            (self.folder / IMAGES).stat()  # SQLite would make an empty one
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise DataError(
                f"{folder}: not a whole index ({error}); make one with `rnnha index`"
            ) from error

    def nearest(
        self, vectors: NDArray[np.float32], k: int, nprobe: int = NPROBE
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Distances and numbers of images [Q, k] nearest to L2-normalised vectors [Q, D].

        Euclidean distances; "ivf-pq" estimates them. Where the lists probed hold fewer than k
        images, the number is -1. nprobe means nothing to "exact".
        """
        distances, numbers = nearest_of(self.index, vectors, min(k, self.about.count), nprobe)
        return np.sqrt(np.maximum(distances, 0)), numbers

    def images(self, numbers: NDArray[np.int64]) -> list[tuple]:
        """(path, vehicle_id, camera_id) of images by their numbers; None where unknown."""
        wanted = "select path, vehicle_id, camera_id from images where number = ?"
        with closing(sqlite3.connect(self.folder / IMAGES)) as images:
            return [images.execute(wanted, (int(n),)).fetchone() for n in numbers]


def search(
    index: Path, embeddings: Path, manifest: Path, k: int = 10, nprobe: int = NPROBE
) -> pd.DataFrame:
    """The k images of an index nearest to each query, nearest first.

    embeddings, manifest: as for `build`; with a split, its query or test rows are searched for.
    Returns query (path), rank from 1, name (path as it was indexed), vehicle_id, camera_id,
    distance (Euclidean, 0..2; "ivf-pq" estimates it). Raises DataError, also where the embeddings
    are not as wide as those of the index.
    """
    if k < 1 or nprobe < 1:
        raise DataError(f"k is {k} and nprobe {nprobe}; expected 1 or more")
    gallery = Gallery(index)
    width = load_embeddings(Path(embeddings)).shape[1]
    if width != gallery.about.width:
        raise DataError(
            f"{embeddings}: found embeddings of width {width:,}; {index} was made of "
            f"width {gallery.about.width:,}. Embed queries with the network that "
            "embedded the gallery"
        )
    parts = []
    for block in blocks(Path(embeddings), Path(manifest), "query"):
        distances, numbers = gallery.nearest(block.vectors, k, nprobe)
        query, rank = np.nonzero(numbers >= 0)
        found = pd.DataFrame(
            gallery.images(numbers[query, rank]), columns=["name", "vehicle_id", "camera_id"]
        )
        found.insert(0, "query", block.rows["path"].to_numpy()[query])
        found.insert(1, "rank", rank + 1)
        parts.append(found.assign(distance=distances[query, rank]))
    return pd.concat(parts, ignore_index=True)
