"""FACT (Liu et al. 2016): three distances, of car models, colours and textures, in fixed shares.

.7 GoogLeNet's classes + .2 BOW-CN + .1 BOW-SIFT. How each distance was scaled is not known; here
each part is a vector of length 1, compared by the Euclidean distance, as everywhere else here.
"""

import numpy as np
import pandas as pd

from rnnha import experiments
from rnnha.data.manifest import names_of
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import Method
from rnnha.methods.bow_sift import BowSift
from rnnha.scoring.protocols import by_name
from rnnha.scoring.ranking import euclidean, unit

SHARES = {"googlenet": 0.7, "bow-cn": 0.2, "bow-sift": 0.1}


class Fact(Method, name="fact"):
    """Takes the runs of GoogLeNet and BOW-CN; makes BOW-SIFT's words itself."""

    embeds = False

    @classmethod
    def takes(cls, row: Row) -> tuple[Row, ...]:
        return tuple(experiments.row(slug) for slug in SHARES if slug != "bow-sift")

    @classmethod
    def settings(cls, run) -> dict:
        return {"shares": SHARES, "bow-sift": BowSift.settings(run)}

    def fit(self, train: pd.DataFrame) -> list[dict]:
        self.sift = BowSift(self.run)
        return self.sift.fit(train)

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """Nothing to keep: the parts are looked up by `distance`, [N, D] each."""
        self.parts = {"bow-sift": (names_of(manifest), self.sift.embed(manifest)["o2"])}
        for run in self.run.taken:
            kept = run.folder.embeddings()
            if kept is None:
                raise DataError(
                    f"{run.folder.path}: its embeddings are gone, which FACT takes; make them "
                    f"anew: rnnha run {run.row.slug} --force"
                )
            self.parts[run.row.slug] = kept["names"], kept["o2"]
        return {}

    def distance(self, query: pd.DataFrame, gallery: pd.DataFrame) -> np.ndarray:
        """The weighted sum of the parts' distances, float32 [Q, G]."""
        total = np.zeros((len(query), len(gallery)), np.float32)
        for name, (names, vectors) in self.parts.items():
            embed = by_name(names, vectors)
            apart = euclidean(unit(embed(query)), unit(embed(gallery)))
            total += np.float32(SHARES[name]) * apart
        return total
