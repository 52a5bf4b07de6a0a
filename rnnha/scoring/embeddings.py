"""Embeddings stored beside a manifest: an .npy file, and a CSV with a row for each of its rows."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

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
    """An .npy of numbers [N, D], memory-mapped; raises DataError for anything else."""
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path}: not readable as .npy ({error}); save a [N, D] array with numpy.save"
        ) from error
    if not isinstance(vectors, np.ndarray) or vectors.ndim != 2 or vectors.dtype.kind not in "fiu":
        found = f"{vectors.dtype} {vectors.shape}" if isinstance(vectors, np.ndarray) else "an .npz"
        raise DataError(f"{path}: found {found}; expected an .npy of numbers [N, D]")
    return vectors


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
        values = np.asarray(vectors[rows.index.to_numpy()], dtype=np.float32)
        unfit = ~(np.isfinite(values).all(axis=1) & values.any(axis=1))
        if unfit.any():
            row = rows.index[unfit][0]
            raise DataError(
                f"{embeddings}: row {row} ({rows['path'][row]}) holds NaN, infinity "
                "or only zeros; leave the image out, or embed it anew"
            )
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
    """The cells of a manifest as stripped text, <NA> where empty, in blocks."""
    line = 2  # the first below the header
    try:
        for rows in pd.read_csv(
            manifest, dtype="string", keep_default_na=False, encoding="utf-8-sig", chunksize=BLOCK
        ):
            rows.columns = [str(column).strip() for column in rows.columns]
            unknown = [column for column in rows if column not in COLUMNS]
            if "path" not in rows or unknown:
                raise DataError(
                    f"found the columns {', '.join(rows)}; expected path and, where "
                    f"known, {', '.join(c for c in COLUMNS if c != 'path')}"
                )
            rows = rows.apply(lambda column: column.str.strip())
            rows = rows.mask(rows == "", pd.NA)
            odd = rows["path"].isna()
            if "split" in rows:
                odd |= ~rows["split"].isin(SPLITS)
            if odd.any():
                lines = some(np.flatnonzero(odd) + line)
                raise DataError(
                    f"no path, or a split other than {', '.join(SPLITS)}, on lines {lines}"
                )
            line += len(rows)
            yield rows
    except (OSError, ValueError) as error:  # pandas' parser errors are ValueErrors
        raise DataError(f"{manifest}: not usable as a manifest: {error}") from error
