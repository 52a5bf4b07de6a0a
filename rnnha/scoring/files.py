"""Score anybody's embeddings: an .npy file and a CSV manifest, nothing of this project's models."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnha.data import csv_manifest
from rnnha.data.matches import expect_matches
from rnnha.files import DataError
from rnnha.scoring import embeddings as stored
from rnnha.scoring import protocols


def score_files(embeddings: Path, manifest: Path, draws: Path | None = None) -> pd.DataFrame:
    """Per-query scores (see `protocols.score`) of stored embeddings.

    embeddings: .npy of decimal numbers [N, D], row i for row i of the manifest below its header.
    manifest: CSV as described in `rnnha.data.csv_manifest`; image files need not exist.
    draws: folder to keep VehicleID's draws in; by default they are drawn again, alike each time.

    Raises DataError when a file is unreadable, the counts differ, a test image has no usable
    embedding (see `embeddings.as_float32`), or no query has a match.
    """
    benchmark = csv_manifest.read(Path(manifest), images=False)
    vectors = stored.load_embeddings(Path(embeddings))
    rows = benchmark.manifest
    if len(vectors) != len(rows):
        raise DataError(
            f"{embeddings}: {len(vectors):,} embeddings, but {manifest} has "
            f"{len(rows):,} images; expected one row for each, in the same order"
        )
    if not set(rows["split"]) & {"query", "test"}:
        raise DataError(f"{manifest}: no test images; expected split query and gallery, or test")
    expect_matches(benchmark)
    tested = np.flatnonzero((rows["split"] != "train").to_numpy(bool))
    for start in range(0, len(tested), stored.BLOCK):
        places = tested[start : start + stored.BLOCK]
        stored.as_float32(vectors[places], places, rows["path"].to_numpy()[places], embeddings)
    row = pd.Series(range(len(rows)), index=pd.MultiIndex.from_frame(rows[["path", "split"]]))

    def embed(images: pd.DataFrame) -> np.ndarray:
        return vectors[row.loc[pd.MultiIndex.from_frame(images[["path", "split"]])].to_numpy()]

    return protocols.score(benchmark, embed=embed, draws=draws)
