"""Search an index of a large gallery."""

import csv
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnha.data.csv_cells import DECIMAL
from rnnha.files import DataError
from rnnha.gallery.index import faiss, nearest_of
from rnnha.gallery.stored import (
    ANEW,
    IMAGES,
    NPROBE,
    VECTORS,
    expect_names,
    expect_vectors,
    names_of,
    read_report,
)
from rnnha.scoring.embeddings import BLOCK, blocks, load_embeddings

HITS = 2**22  # images found, or lists looked into, at a time: 50 MB of distances and numbers
ROWS = 2**18  # of a table: about 100 MB with the names
_TEXTS = ["query", "name", "vehicle_id", "camera_id"]
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


class Gallery:
    """An index opened for searching; `about` is its Report, `index` the FAISS index.

    Raises DataError for a folder that is not, in all its parts, what `build` writes.
    """

    def __init__(self, folder: Path):
        self.folder = Path(folder)
        self.about = read_report(self.folder)
        path = self.folder / VECTORS
        expect_vectors(path, self.about)
        expect_names(self.folder / IMAGES, self.about.count)
        try:
            self.index = faiss.read_index(str(path))
        except (RuntimeError, MemoryError) as error:
            raise DataError(f"{path}: FAISS cannot read it ({error}); {ANEW}") from error
        if self.about.kind == "exact":
            self._expect_unit(path)

    def _expect_unit(self, path: Path) -> None:
        """Another program's vectors may have any length, damaged ones be NaN: distances of neither
        mean anything here."""
        count, width = self.about.count, self.about.width
        vectors = faiss.rev_swig_ptr(self.index.get_xb(), count * width).reshape(count, width)
        for start in range(0, count, BLOCK):
            part = vectors[start : start + BLOCK]
            fits = np.abs(np.einsum("nd,nd->n", part, part) - 1) < 1e-3  # False for NaN
            if not fits.all():
                number = start + int(np.argmin(fits))
                raise DataError(
                    f"{path}: vector {number} is not of length one, as a damaged or foreign one "
                    f"is; {ANEW}"
                )

    def nearest(
        self, vectors: NDArray[np.float32], k: int, nprobe: int = NPROBE
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Distances and numbers [Q, k] of the images nearest to L2-normalised vectors [Q, D].

        k and nprobe are taken as count and lists where they are above. Euclidean distances;
        "ivf-pq" estimates them. Where the lists probed hold fewer than k images, the number is -1.
        nprobe means nothing to "exact". Memory: 12 bytes for each of Q k and Q nprobe.

        Raises DataError for vectors of another width.
        """
        if vectors.ndim != 2 or vectors.shape[1] != self.about.width:
            raise DataError(
                f"found queries {vectors.shape}; {self.folder} was made of width {self.about.width}"
            )
        k, nprobe = self._possible(k, nprobe)
        distances, numbers = nearest_of(self.index, vectors, k, nprobe)
        return np.sqrt(np.maximum(distances, 0)), numbers

    def _possible(self, k: int, nprobe: int) -> tuple[int, int]:
        return min(k, self.about.count), max(1, min(nprobe, self.about.lists))

    def images(self, numbers: NDArray[np.int64]) -> list[tuple]:
        """(path, vehicle_id, camera_id) of images by their numbers [n]; an id None where unknown.

        Raises DataError for a number that is no image's.
        """
        return names_of(self.folder / IMAGES, numbers)

    def tables(
        self, queries: pd.Series, vectors: NDArray[np.float32], k: int, nprobe: int
    ) -> Iterator[pd.DataFrame]:
        """What `search` returns for some queries, in tables of `ROWS` rows at most.

        queries: path of each of `vectors` [Q, D].
        """
        paths = queries.to_numpy()
        step = max(1, HITS // max(self._possible(k, nprobe)))
        for first in range(0, len(vectors), step):
            distances, numbers = self.nearest(vectors[first : first + step], k, nprobe)
            query, rank = np.nonzero(numbers >= 0)
            for start in range(0, max(1, len(query)), ROWS):
                q, r = query[start : start + ROWS], rank[start : start + ROWS]
                found = pd.DataFrame(
                    self.images(numbers[q, r]), columns=["name", "vehicle_id", "camera_id"]
                )
                found.insert(0, "query", paths[first + q])
                found.insert(1, "rank", r + 1)
                yield found.assign(distance=distances[q, r])


def search(
    index: Path, embeddings: Path, manifest: Path, k: int = 10, nprobe: int = NPROBE
) -> pd.DataFrame:
    """The k images of an index nearest to each query, nearest first.

    embeddings, manifest: as for `build`; with a split, its query or test rows are searched for.
    Returns query (path), rank from 1, name (path as it was indexed), vehicle_id, camera_id,
    distance (Euclidean, 0..2; "ivf-pq" estimates it). Raises DataError, also where the embeddings
    are not as wide as those of the index.
    """
    return pd.concat(search_in_parts(index, embeddings, manifest, k, nprobe), ignore_index=True)


def search_in_parts(
    index: Path, embeddings: Path, manifest: Path, k: int = 10, nprobe: int = NPROBE
) -> Iterator[pd.DataFrame]:
    """`search`, table after table, so that memory bounds neither k nor the number of queries.

    All files are looked at before the first table: what is printed cannot be taken back.
    """
    if k < 1 or nprobe < 1:
        raise DataError(f"k is {k} and nprobe {nprobe}; expected 1 or more")
    embeddings, manifest = Path(embeddings), Path(manifest)
    gallery = Gallery(index)
    width = load_embeddings(embeddings).shape[1]
    if width != gallery.about.width:
        raise DataError(
            f"{embeddings}: found embeddings of width {width:,}; {index} was made of "
            f"width {gallery.about.width:,}. Embed queries with the network that "
            "embedded the gallery"
        )
    for _ in blocks(embeddings, manifest, "query"):
        pass
    for block in blocks(embeddings, manifest, "query"):
        yield from gallery.tables(block.rows["path"], block.vectors, k, nprobe)


def to_csv(found: Iterable[pd.DataFrame], target: Path | TextIO) -> None:
    """Write the tables of `search_in_parts` as one CSV, to a path or an open file.

    A spreadsheet computes a cell that begins with = + - @, a tab or a carriage return. Such a text
    gets an apostrophe before it, also where it begins with apostrophes already, so that taking one
    away gives each text back; numbers stay.
    """
    head = True
    for table in found:
        texts = table[_TEXTS].map(_no_formula, na_action="ignore")
        # Python's csv leaves a carriage return bare, and readers take it as the end of a row.
        bare = any("\r" in text for column in _TEXTS for text in texts[column].dropna())
        table.assign(**texts).to_csv(
            target,
            mode="w" if head else "a",
            header=head,
            index=False,
            float_format="%.5f",
            quoting=csv.QUOTE_ALL if bare else csv.QUOTE_MINIMAL,
        )
        head = False


def _no_formula(text: str) -> str:
    return f"'{text}" if _FORMULA.match(text) and not DECIMAL.fullmatch(text) else text
