"""Embeddings stored beside a manifest: an .npy file, and a CSV with a row for each of its rows."""

import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from rnnha.data.csv_cells import read_blocks
from rnnha.data.manifest import COLUMNS, SPLITS
from rnnha.files import DataError, some
from rnnha.scoring.ranking import unit

BLOCK = 2**14  # images at a time: 16 MB of embeddings with 256 numbers each


class Block(NamedTuple):
    """Some rows of a manifest: path, vehicle_id, camera_id as written, their place in the file
    as index; and their embeddings, L2-normalised, float32 [n, D]."""

    rows: pd.DataFrame
    vectors: NDArray[np.float32]


def load_embeddings(path: Path) -> np.ndarray:
    """An .npy of decimal numbers [N, D], memory-mapped, N and D at least 1.

    Raises DataError for anything else: whole numbers are labels, pixels, or codes that need their
    scale; objects, and files that are empty or cut off, hold no numbers to trust.
    """
    expected = "expected an .npy of numbers [N, D], of float32 or another float"
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path}: not readable as .npy ({error or 'cut off'}); {expected}; save it again"
        ) from error
    if not isinstance(vectors, np.ndarray):
        raise DataError(f"{path}: found an .npz of several arrays; {expected}")
    if vectors.ndim != 2 or vectors.dtype.kind != "f":
        raise DataError(f"{path}: found {vectors.dtype} {vectors.shape}; {expected}")
    if not vectors.size:
        raise DataError(f"{path}: found {vectors.shape}, which holds no number; {expected}")
    return vectors


def as_float32(vectors: NDArray, rows: Sequence[int], names: Sequence[str], file: Path) -> NDArray:
    """Embeddings [n, D] as float32, each of which has a direction to be compared by.

    rows, names [n]: place in the file from 0, and image, for the error. Raises DataError for the
    first row with NaN or infinity, of zeros, or that float32 cannot hold.
    """
    with np.errstate(over="ignore", under="ignore"):
        values = np.asarray(vectors, dtype=np.float32)
    largest = np.abs(values).max(axis=1)  # NaN where one is
    unfit = ~(np.isfinite(largest) & (largest >= np.finfo(np.float32).tiny))
    if unfit.any():
        first = int(np.argmax(unfit))
        vector = np.asarray(vectors[first])
        found = (
            "NaN or infinity"
            if not np.isfinite(vector).all()
            else f"numbers up to {np.abs(vector).max():.3g}, which float32 cannot hold"
            if vector.any()
            else "only zeros"
        )
        raise DataError(
            f"{file}: row {rows[first]} ({names[first]}) holds {found} ({unfit.sum():,} such rows "
            f"of {len(unfit):,} looked at); embed the image anew, or leave it out of both files"
        )
    return values


def blocks(embeddings: Path, manifest: Path, side: str) -> Iterator[Block]:
    """The rows of one side ("query" or "gallery"), or all where the manifest has no split.

    Raises DataError for an unreadable or unfit file, at the latest after the last block.
    """
    vectors = load_embeddings(embeddings)
    total = chosen = 0
    for rows in _rows(manifest):
        rows.index = pd.RangeIndex(total, total + len(rows))
        total += len(rows)
        if "split" in rows:
            rows = rows[rows["split"].isin((side, "test"))]
        if total > len(vectors) or rows.empty:
            continue
        chosen += len(rows)
        places = rows.index.to_numpy()
        values = as_float32(vectors[places], places, rows["path"].to_numpy(), embeddings)
        yield Block(rows.reindex(columns=["path", "vehicle_id", "camera_id"]), unit(values))
    if total != len(vectors):
        raise DataError(
            f"{embeddings}: {len(vectors):,} embeddings, but {manifest} has {total:,} "
            "images; expected one row for each, in the same order"
        )
    if not chosen:
        raise DataError(
            f"{manifest}: no {side} images; expected rows with split {side} or test, "
            "or no column split"
        )


def _rows(manifest: Path) -> Iterator[pd.DataFrame]:
    """The cells of a manifest as stripped text, <NA> where unknown, in blocks, by their lines."""
    for rows in read_blocks(manifest, BLOCK):
        unknown = [column for column in rows if column not in COLUMNS]
        if "path" not in rows or unknown:
            raise DataError(
                f"{manifest}: not usable as a manifest: found the columns {', '.join(rows)}; "
                f"expected path and, where known, {', '.join(c for c in COLUMNS if c != 'path')}"
            )
        odd = rows["path"].isna()
        if "split" in rows:
            odd |= ~rows["split"].isin(SPLITS)
        if odd.any():
            raise DataError(
                f"{manifest}: not usable as a manifest: no path, or a split other than "
                f"{', '.join(SPLITS)}, on lines {some(rows.index[odd])}"
            )
        yield rows
