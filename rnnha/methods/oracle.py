"""Control: an oracle that knows some labels of a vehicle, and nothing of the picture."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.data.manifest import Benchmark, names_of
from rnnha.data.subset import test_images
from rnnha.files import DataError
from rnnha.methods.base import Method

if TYPE_CHECKING:
    from rnnha.runs.run import Run


class Oracle(Method, name="oracle"):
    """Distance 0 where all the row's columns agree, else 1; ties are broken by the protocol."""

    seeded = learns = False

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return {"columns": list(run.row.columns)}

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Look the labels of the test images up; nothing is learned from `train`."""
        self.labels = known_labels(self.run.benchmark)
        return []

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        query, gallery = (frame.join(self.labels, on="name") for frame in (query, gallery))
        return agreement(query, gallery, self.run.row.columns)


def known_labels(benchmark: Benchmark) -> pd.DataFrame:
    """What the oracles know: model and paint, one row an image, indexed by image name.

    Rendered sets have both in the side-car. Real ones have the coarse class and the colour.
    """
    if benchmark.side_car is not None:
        return benchmark.side_car.drop_duplicates("image").set_index("image")[["model", "paint"]]
    test = test_images(benchmark)
    labels = pd.DataFrame({"model": test.coarse_id, "paint": test.color})
    return labels.set_axis(names_of(test), axis=0)


def agreement(query: pd.DataFrame, gallery: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """0 where all `columns` of two rows agree, else 1; float32 [Q, G].

    Raises DataError when the rows lack a column.
    """
    for column in columns:
        if column not in query or column not in gallery:
            raise DataError(
                f"the images have no column {column!r}; an oracle of {', '.join(columns)} needs it "
                "(rendered sets have a side-car)"
            )
    keys = pd.MultiIndex.from_frame(pd.concat([query, gallery])[list(columns)])
    codes = keys.factorize()[0]
    return (codes[: len(query), None] != codes[None, len(query) :]).astype(np.float32)
