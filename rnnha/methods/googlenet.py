"""GoogLeNet (Yang et al. 2015): car models learned outside the set, compared by their classes.

On real sets it is fine-tuned on CompCars and never sees the set's training images; its outputs for
the 431 models are compared. Where somebody has put weights that know these (`outside.checkpoint`),
nothing is trained. On the rendered sets the models of the other rendered set play CompCars, and the
ablation's backbone plays GoogLeNet, so that the table compares methods.
"""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from rnnha import paths
from rnnha.data import outside
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import Counts
from rnnha.methods.network import FromScratch, backbone
from rnnha.paths import sha256
from rnnha.profiles import Scale, settings

if TYPE_CHECKING:
    from torch import nn

    from rnnha.images.cache import Images
    from rnnha.runs.folder import RunFolder
    from rnnha.runs.run import Run


class GoogLeNet(FromScratch, name="googlenet"):
    """Knows car models of elsewhere; nothing of the vehicles of this set."""

    loss = "coarse_head"

    learns = False  # from this set's images

    @classmethod
    def given(cls, dataset: str) -> Path | None:
        return outside.checkpoint(dataset)

    @classmethod
    def images_for(cls, run: "Run") -> int:
        if cls.given(run.benchmark.of):
            return outside.COMPCARS_COUNTS[0]
        return len(outside.of(run.benchmark.of, run.profile.train_vehicles).manifest)

    @classmethod
    def learned(cls, dataset: str, counts: Counts) -> Counts:
        return outside.counts(dataset)

    @classmethod
    def lacks(cls, dataset: str) -> str:
        try:
            if not cls.given(dataset):
                outside.of(dataset)
        except DataError as error:
            return str(error)
        return ""

    @classmethod
    def settings(cls, run: "Run") -> dict:
        if (file := cls.given(run.benchmark.of)) is not None:
            learned = {"phases": [], "outside": outside.COMPCARS, "outside_key": sha256(file)[:16]}
        else:
            found = outside.of(run.benchmark.of, run.profile.train_vehicles)
            phases = [settings(phase) for phase in cls.phases(run.row, run.scale)]
            learned = {"phases": phases, "outside": found.name, "outside_key": found.key}
        return {"backbone": run.scale.backbone} | learned

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.compared import CoarseOnly

        return CoarseOnly(backbone(row, scale), coarse_classes, by_class=True)

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Learn the car models of the set outside; `train` is not looked at."""
        run = self.run
        if (file := self.given(run.benchmark.of)) is not None:
            return self._take(file)
        if (twin := self._twin()) is not None:
            return self._copy(twin)
        self.elsewhere = outside.of(run.benchmark.of, run.profile.train_vehicles)
        return super().fit(self.elsewhere.manifest)

    def _take(self, file: Path) -> list[dict]:
        from rnnha.models.pretrained import weights

        if self.run.scale.backbone != "googlenet":
            raise DataError(
                f"{file}: weights of torchvision's GoogLeNet, but profile "
                f"{self.run.profile.name} has {self.run.scale.backbone} in its place; take profile "
                "paper, or put the file elsewhere"
            )
        _, models = outside.COMPCARS_COUNTS
        self.model = self.build(self.run.row, self.run.scale, models, models)
        self.model.load_state_dict(weights.classifier(file, models))
        self.save(list(range(models)), models)
        return []

    def _twin(self) -> "RunFolder | None":
        """A finished run on another set that has learned the same, by the same sources."""
        own = self.run.folder
        for path in sorted(own.path.parents[2].glob(f"*/{own.slug}/{own.path.name}")):
            twin = replace(own, path=path)
            whole = twin.complete and twin.weights.is_file()
            if whole and _learned(twin.config()) == _learned(self.run.recorded):
                return twin
        return None

    def _copy(self, twin: "RunFolder") -> list[dict]:
        """Its network and how that was trained."""
        from rnnha.training import processes

        if processes.is_writer():
            print(f"{self.run.folder.path}: takes the network of {twin.path}: it learned the same")
        self.adopt(twin.whole_weights())
        self.precision = twin.environment()["precision"]
        return twin.history().to_dict("records")

    def seen(self, vehicles: int) -> list[dict]:
        name = outside.COMPCARS if self.given(self.run.benchmark.of) else self.elsewhere.name
        return [{"dataset": name, "synthetic": name != outside.COMPCARS, "vehicles": vehicles}]

    def images(self, manifest: pd.DataFrame) -> "Images":
        if not (manifest.split == "train").all():
            return super().images(manifest)
        from rnnha.images.cache import Images

        size = self.run.scale.image_size
        cache = paths.DATA / "cache" / self.elsewhere.name / f"models-{size}.npy"
        return Images(manifest.path, size, cache=cache)


def _learned(config: dict) -> dict:
    """Of a run's configuration, what decides its network: all but the set that it is tested on."""
    of_the_set = ("dataset", "synthetic", "settings_key", "key_parts", "weights_sha256")
    known = {name: value for name, value in config.items() if name not in of_the_set}
    return known | {"sources": config["key_parts"]["sources"]}
