"""Score anybody's embeddings: an .npy file and a CSV manifest, nothing of this project's models."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data import csv_manifest
from rnnha.files import DataError
from rnnha.scoring import protocols
from rnnha.scoring.embeddings import load_embeddings


def score_files(embeddings: Path, manifest: Path, draws: Path | None = None) -> pd.DataFrame:
    """Per-query scores (see `protocols.score`) of stored embeddings.

    embeddings: .npy of numbers [N, D], row i for row i of the manifest below its header.
    manifest: CSV as described in `rnnha.data.csv_manifest`; image files need not exist.
    draws: folder to keep VehicleID's draws in; by default they are drawn again, alike each time.

    Raises DataError when a file is unreadable, the counts differ, or an image without a camera
    is both query and gallery (it would find itself).
    """
    benchmark = csv_manifest.read(Path(manifest), images=False)
    vectors = load_embeddings(Path(embeddings))
    rows = benchmark.manifest
    if len(vectors) != len(rows):
        raise DataError(
            f"{embeddings}: {len(vectors):,} embeddings, but {manifest} has "
            f"{len(rows):,} images; expected one row for each, in the same order"
        )
    if not set(rows["split"]) & {"query", "test"}:
        raise DataError(f"{manifest}: no test images; expected split query and gallery, or test")
    itself = set(benchmark.query["path"]) & set(benchmark.gallery["path"])
    if itself and benchmark.protocol == "cross-camera":
        raise DataError(
            f"{manifest}: {len(itself):,} images are both query and gallery and would "
            f"find themselves, such as {min(itself)}; give camera_id, so that they "
            "count as junk, or take them out of the gallery"
        )
    row = pd.Series(range(len(rows)), index=pd.MultiIndex.from_frame(rows[["path", "split"]]))

    def embed(images: pd.DataFrame) -> np.ndarray:
        return vectors[row.loc[pd.MultiIndex.from_frame(images[["path", "split"]])].to_numpy()]

    return protocols.score(benchmark, embed=embed, draws=draws)
