"""GoogLeNet (Yang et al. 2015): car models learned outside the set, compared by their classes.

On real sets it is fine-tuned on CompCars and never sees the set's training images; its outputs for
the 431 models are compared. On the rendered sets the models of the other rendered set play
CompCars, and the ablation's backbone plays GoogLeNet, so that the table compares methods.
"""

from typing import TYPE_CHECKING

import pandas as pd

from rnnha import paths
from rnnha.data import outside
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import Counts
from rnnha.methods.network import FromScratch, backbone
from rnnha.profiles import Scale, settings

if TYPE_CHECKING:
    from torch import nn

    from rnnha.images.cache import Images
    from rnnha.runs.run import Run


class GoogLeNet(FromScratch, name="googlenet"):
    """Knows car models of elsewhere; nothing of the vehicles of this set."""

    loss = "coarse_head"

    learns = False  # from this set's images

    @classmethod
    def images_for(cls, run: "Run") -> int:
        return len(outside.of(run.benchmark.of, run.profile.train_vehicles).manifest)

    @classmethod
    def learned(cls, dataset: str, counts: Counts) -> Counts:
        return outside.counts(dataset)

    @classmethod
    def lacks(cls, dataset: str) -> str:
        try:
            outside.of(dataset)
        except DataError as error:
            return str(error)
        return ""

    @classmethod
    def settings(cls, run: "Run") -> dict:
        found = outside.of(run.benchmark.of, run.profile.train_vehicles)
        return {
            "backbone": run.scale.backbone,
            "phases": [settings(phase) for phase in cls.phases(run.row, run.scale)],
            "outside": found.name,
            "outside_key": found.key,
        }

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import CoarseOnly

        return CoarseOnly(backbone(row, scale), coarse_classes, by_class=True)

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Learn the car models of the set outside; `train` is not looked at."""
        run = self.run
        self.elsewhere = outside.of(run.benchmark.of, run.profile.train_vehicles)
        return super().fit(self.elsewhere.manifest)

    def seen(self, vehicles: int) -> list[dict]:
        name = self.elsewhere.name
        return [{"dataset": name, "synthetic": name != outside.COMPCARS, "vehicles": vehicles}]

    def images(self, manifest: pd.DataFrame) -> "Images":
        if not (manifest.split == "train").all():
            return super().images(manifest)
        from rnnha.images.cache import Images

        size = self.run.scale.image_size
        cache = paths.DATA / "cache" / self.elsewhere.name / f"models-{size}.npy"
        return Images(manifest.path, size, cache=cache)
