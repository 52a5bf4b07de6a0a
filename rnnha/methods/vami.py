"""VAMI (Zhou & Shao 2018): the sides of a vehicle that an image does not show, inferred.

Network and our reading of it: `models.vami`. Viewpoints come from `data.viewpoints`, or from
`methods.told_viewpoints` where nobody labelled them. They are for training: at test time the
network tells by itself from where an image was taken.
"""

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.data import viewpoints
from rnnha.data.viewpoints import UNKNOWN_VIEW, VIEWS
from rnnha.experiments import Row
from rnnha.methods import told_viewpoints
from rnnha.methods.network import FromScratch, backbone, with_coarse_label
from rnnha.profiles import Scale

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rnnha.runs.run import Run


class VAMI(FromScratch, name="vami"):
    """Learns from vehicle, coarse class, colour where known, and viewpoint.

    Its phases want several images of a vehicle in a batch (`per_vehicle`): what other viewpoints
    show is taken from there, and with single images its adversaries have nothing to learn from.
    """

    loss = "vami"

    needs_coarse = True

    @classmethod
    def settings(cls, run: "Run") -> dict:
        """With the viewpoints, which another label file may give otherwise, or with what tells
        them; so DataError, where a file is wrong, comes before anything is trained."""
        viewpoints.colours_of(with_coarse_label(run.benchmark.train))
        if not viewpoints.labelled(run.benchmark):
            return super().settings(run) | told_viewpoints.describe(run)
        view = viewpoints.viewpoints_of(run.benchmark, with_coarse_label(run.benchmark.train))
        images = {name: int((view == number).sum()) for number, name in enumerate(VIEWS)}
        images["unknown"] = int((view == UNKNOWN_VIEW).sum())
        key = hashlib.sha256(view.tobytes()).hexdigest()[:16]
        return super().settings(run) | {"images_by_viewpoint": images, "viewpoints_key": key}

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models.vami import VAMI as Net

        return Net(backbone(row, scale), scale.state_width, coarse_classes, vehicles)

    def seen(self, vehicles: int) -> list[dict]:
        """With the rendered views that told its viewpoints, where nobody labelled them."""
        told = not viewpoints.labelled(self.run.benchmark)
        first = [told_viewpoints.seen(self.run)] if told else []
        return first + super().seen(vehicles)

    def _train(self, train: pd.DataFrame, coarse: "Tensor", fine: "Tensor") -> list[dict]:
        import torch

        if viewpoints.labelled(self.run.benchmark):
            view = viewpoints.viewpoints_of(self.run.benchmark, train)
        else:
            view = told_viewpoints.tell(self.run, train)
        self.model.occurring.copy_(torch.from_numpy(np.isin(np.arange(len(VIEWS)), view)))
        packed = viewpoints.pack(coarse.numpy(), viewpoints.colours_of(train), view)
        return super()._train(train, torch.from_numpy(packed), fine)
