"""Control: an oracle that knows some labels of an image, and nothing of the picture."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.preprocessing import MultiLabelBinarizer

from rnnha.data.subset import known_labels
from rnnha.files import DataError
from rnnha.methods.base import Method

if TYPE_CHECKING:
    from rnnha.runs.run import Run

CUES = "visible_cues"
PIXELS, LEVELS = 10, 20  # a cue with fewer pixels, or less contrast of 255, counts as not seen


class Oracle(Method, name="oracle"):
    """Distance 0 where all the row's columns agree, else 1; ties are broken by the protocol.

    An oracle that knows the visible cues, too, has distance 2 where model or paint differ, and
    below that the `disagreement` of the cues.
    """

    seeded = learns = embeds = False

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return {"columns": list(run.row.columns)}

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Look the labels of the test images up; nothing is learned from `train`."""
        self.labels = known_labels(self.run.benchmark)
        return []

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        query, gallery = (
            frame[["name"]].join(self.labels, on="name") for frame in (query, gallery)
        )
        columns = [column for column in self.run.row.columns if column != CUES]
        apart = agreement(query, gallery, columns)
        if CUES not in self.run.row.columns:
            return apart
        return np.where(apart == 0, disagreement(query[CUES], gallery[CUES]), 2)


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


def disagreement(query: Iterable[str], gallery: Iterable[str]) -> NDArray[np.float32]:
    """How far the cues that two pictures show speak against one vehicle; [Q, G], between 0 and 1.

    query, gallery: the side-car's `visible_cues` of each image. With s cues on both pictures, and d
    on one alone although both show cues of that side, it is (1 + d) / (2 + s + d): 1/2 where
    nothing can be compared.
    """
    seen = [[seen_cues(cues) for cues in images] for images in (query, gallery)]
    known = MultiLabelBinarizer().fit([cues for images in seen for cues in images])
    asked, found = (known.transform(images).astype(np.float32) for images in seen)
    shared, differing = asked @ found.T, np.zeros((len(asked), len(found)), np.float32)
    sides = np.array([side for _, side in known.classes_])
    for side in np.unique(sides):
        a, b = asked[:, sides == side], found[:, sides == side]
        count_a, count_b = a.sum(1)[:, None], b.sum(1)[None]
        differing += (count_a + count_b - 2 * a @ b.T) * (count_a > 0) * (count_b > 0)
    return (1 + differing) / (2 + shared + differing)


def seen_cues(cues: str) -> set[tuple[str, str]]:
    """(look, side) of the cues of an image that are large and clear enough to be seen."""
    listed = (cue.rsplit(":", 3) for cue in cues.split(";") if cue)
    return {
        (look, side)
        for look, side, pixels, contrast in listed
        if int(pixels) >= PIXELS and int(contrast) >= LEVELS
    }
