"""Viewpoints that nobody labelled, told by a classifier of rendered views. For VAMI.

VAMI's authors labelled VeRi and VehicleID by hand. Where their file is not at hand, and on every
other real set, the sides of training images are told by stage 0's network, trained in stage 0's
way on Rendered-VeRi's training images, with the five viewpoints in the place of vehicles. Rendered
views are synthetic, and on photographs it errs often: docs/systems.md.
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha import experiments
from rnnha.data import sets, viewpoints
from rnnha.data.manifest import Benchmark
from rnnha.data.subset import fewer_vehicles
from rnnha.data.viewpoints import VIEWS
from rnnha.methods.network import backbone, images_of
from rnnha.profiles import Scale, settings

if TYPE_CHECKING:
    from torch import nn

    from rnnha.runs.run import Run

LEARNED_FROM = "rendered-veri"


def rendered_views(run: "Run") -> Benchmark:
    """The set that the classifier learns from. DataError where it is absent."""
    whole, few = sets.load(LEARNED_FROM), run.profile.train_vehicles
    return fewer_vehicles(whole, few, None) if few else whole


def scale_of(run: "Run", views: Benchmark) -> Scale:
    """Stage 0's network and phases, at the run's profile."""
    return run.profile.scale(experiments.start_of(run.row), len(views.train))


def describe(run: "Run") -> dict:
    """What decides the viewpoints that are told, for `config.json`."""
    views = rendered_views(run)
    return {
        "viewpoints_from": LEARNED_FROM,
        "viewpoints_key": views.key,
        "viewpoints_phases": [settings(phase) for phase in scale_of(run, views).stage0],
    }


def seen(run: "Run") -> dict:
    """What the classifier has learned from, as `Network.seen` has it."""
    views = rendered_views(run)
    vehicles = int(views.train["vehicle_id"].nunique())
    return {"dataset": LEARNED_FROM, "synthetic": True, "vehicles": vehicles}


def tell(run: "Run", train: pd.DataFrame) -> np.ndarray:
    """int64 [N], indices of VIEWS: the likeliest viewpoint of each training image.

    Trains the classifier first, or goes on with it where a killed call has left it.
    """
    from rnnha.training import processes

    if processes.is_writer():
        print(
            f"{run.benchmark.name}: no labels of viewpoints, so {run.row.title} learns from those "
            f"that a classifier of {LEARNED_FROM}'s rendered (synthetic) views tells"
        )
    told = shares(run, classifier(run), train, run.benchmark.name)
    return processes.from_writer(lambda: told.argmax(1))


def classifier(run: "Run") -> "nn.Module":
    """The network, trained with the run's seed; its state is kept in the run's folder meanwhile."""
    import torch

    from rnnha.models.compared import CoarseOnly
    from rnnha.models.pretrained import weights
    from rnnha.training import device, loop, losses, processes

    views = rendered_views(run)
    scale, train = scale_of(run, views), views.train
    torch.manual_seed(run.seed)
    net = backbone(experiments.start_of(run.row), scale)
    if run.imported is not None:
        weights.load_backbone(net, scale.backbone, run.imported)
    model = CoarseOnly(net, len(VIEWS), by_class=True)
    images = processes.first_the_writer(lambda: images_of(LEARNED_FROM, train, scale.image_size))
    view = torch.from_numpy(viewpoints.viewpoints_of(views, train))
    done = 0
    for number, phase in enumerate(scale.stage0):
        done += len(
            loop.train(
                model,
                images,
                view,
                view,
                phase,
                stage=0,
                seed=run.seed,
                first_epoch=done,
                checkpoint=run.folder.checkpoint(f"-viewpoints{number}"),
                key=run.key,
                device=device.default_device(),
                title=f"{LEARNED_FROM} viewpoints seed {run.seed}",
                losses=losses.coarse_head,
            )
        )
    return model


def shares(run: "Run", model: "nn.Module", images: pd.DataFrame, name: str) -> np.ndarray:
    """float32 [N, V]: what the classifier says of the images of set `name`. Of several processes
    only the first one's is whole."""
    from rnnha.training import device, processes
    from rnnha.training.embedding import embed

    size = run.profile.scale(experiments.start_of(run.row)).image_size
    opened = processes.first_the_writer(lambda: images_of(name, images, size))
    return embed(model, opened, device.default_device()).get("o2", np.empty((0, len(VIEWS))))
