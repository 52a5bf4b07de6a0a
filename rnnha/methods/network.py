"""The trained rows: stage 0 (backbone on identities), then the row's whole network."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha import experiments, paths
from rnnha.experiments import Row
from rnnha.files import DataError
from rnnha.methods.base import Method, of
from rnnha.profiles import Phase, Scale, settings

if TYPE_CHECKING:
    from torch import Tensor, nn

    from rnnha.images.cache import Images
    from rnnha.runs.run import Run


def with_coarse_label(train: pd.DataFrame) -> pd.DataFrame:
    """The images that have a coarse label, as in the authors' lists, for every row alike.

    A set without any such label keeps all images; only identities can be learned from it.
    """
    labelled = train.coarse_id.notna()
    return train[labelled] if labelled.any() else train


class Network(Method, name="network"):
    """RNN-HA and its ablations: fit, embed, and the weights between them.

    loss: what it learns from, a function of `rnnha.training.losses`.
    """

    needs_coarse = has_weights = starts_from_stage0 = has_steps = True
    loss = "both_heads"

    @classmethod
    def phases(cls, row: Row, scale: Scale) -> tuple[Phase, ...]:
        return scale.stage0 if row.kind == "stage" else scale.stage1

    @classmethod
    def images_for(cls, run: "Run") -> int:
        return len(with_coarse_label(run.benchmark.train))

    @classmethod
    def settings(cls, run: "Run") -> dict:
        row, scale, train = run.row, run.scale, run.benchmark.train
        labelled = with_coarse_label(train)
        return {
            "steps": row.steps,
            "attention": row.attention,
            "variant": row.variant,
            "backbone": scale.backbone,
            "state_width": scale.state_width,
            "phases": [settings(phase) for phase in cls.phases(row, scale)],
            "train_images": len(labelled),
            "train_images_without_coarse_label": len(train) - len(labelled),
            "train_vehicles": int(labelled.vehicle_id.nunique()),
            "coarse_classes": int(labelled.coarse_id.nunique()),
        }

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        """The untrained network; torch's random state decides the initial weights."""
        from rnnha.models.rnn_ha import CoarseToFine, ReleasedCoarseToFine

        parts = row.steps, row.attention, scale.state_width, coarse_classes, vehicles
        if row.variant == "released":
            doubled = row.backbone == "vgg-m"
            return ReleasedCoarseToFine(backbone(row, scale), *parts, doubled_first_step=doubled)
        return CoarseToFine(backbone(row, scale), *parts)

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Train on the images of `train` that `with_coarse_label` keeps."""
        import torch

        run, scale = self.run, self.run.scale
        train = with_coarse_label(train)
        coarse, coarse_names = pd.factorize(train.coarse_id.fillna(-1).astype(int), sort=True)
        fine, vehicles = pd.factorize(train.vehicle_id, sort=True)
        torch.manual_seed(run.seed)
        self.model = self.build(run.row, scale, len(coarse_names), len(vehicles))
        self.begin()
        history = self._train(train, torch.from_numpy(coarse), torch.from_numpy(fine))
        self.save([int(c) for c in coarse_names], len(vehicles))
        return history

    def save(self, coarse_labels: list[int], vehicles: int) -> None:
        """Write the trained network and what it is; of several processes the first one does."""
        from rnnha.models import checkpoint
        from rnnha.training import processes

        scale = self.run.scale
        if processes.is_writer():
            info = {
                "row": self.run.row.slug,
                "image_size": scale.image_size,
                "backbone": scale.backbone,
                "state_width": scale.state_width,
                "vehicles": vehicles,
                "coarse_labels": coarse_labels,
                "seen": self.seen(vehicles),
            }
            checkpoint.save(self.model, info, self.run.folder.weights)

    def adopt(self, weights: Path) -> None:
        """Take a finished network as this run's own, as it is."""
        from rnnha.training import processes

        self.model, _ = load_checkpoint(weights)
        if processes.is_writer():
            with paths.atomic(self.run.folder.weights) as temporary:
                shutil.copyfile(weights, temporary)

    def begin(self) -> None:
        """Give the untrained model the weights that training goes on from, where there are any."""
        from rnnha.models import checkpoint
        from rnnha.models.pretrained import weights

        run = self.run
        if run.stage0 is not None:
            checkpoint.load_backbone(self.model, run.stage0.folder.whole_weights())
        elif run.imported is not None:
            released = run.row.variant == "released"
            own = self.model.backbone.backbone if released else self.model.backbone
            weights.load_backbone(own, run.scale.backbone, run.imported, raw=released)

    def seen(self, vehicles: int) -> list[dict]:
        """The sets that the weights have learned from, in order: dataset, synthetic, vehicles."""
        benchmark = self.run.benchmark
        own = {"dataset": benchmark.name, "synthetic": benchmark.synthetic, "vehicles": vehicles}
        return [own]

    def _train(self, train: pd.DataFrame, coarse: "Tensor", fine: "Tensor") -> list[dict]:
        from rnnha.training import device, loop, losses, processes, timing

        run, phases = self.run, self.phases(self.run.row, self.run.scale)
        files = [run.folder.checkpoint(number) for number in range(len(phases))]
        where = device.default_device()
        timed = run.scale.image_size, phases[0], where
        self.precision = processes.from_writer(
            lambda: timing.choose_precision(
                run.precision, self.model, *timed, checkpoint=files[0], key=run.key
            )
        )
        images, history = processes.first_the_writer(lambda: self.images(train)), []
        for phase, file in zip(phases, files, strict=True):
            history += loop.train(
                self.model,
                images,
                coarse,
                fine,
                phase,
                stage=0 if run.stage0 is None and run.start is None else 1,
                seed=run.seed,
                first_epoch=len(history),
                checkpoint=file,
                key=run.key,
                device=where,
                precision=self.precision,
                title=f"{run.benchmark.name} {run.row.slug} seed {run.seed}",
                losses=getattr(losses, self.loss),
            )
        return history

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """o2 float32 [N, H]; o1 [N, H] and attention [N, h, w] where the row has them."""
        from rnnha.training import device, processes
        from rnnha.training.embedding import embed

        images = processes.first_the_writer(lambda: self.images(manifest))
        return embed(self.model, images, device.default_device())

    def images(self, manifest: pd.DataFrame) -> "Images":
        """The manifest's images at the row's size."""
        return images_of(self.run.benchmark.name, manifest, self.run.scale.image_size)


def images_of(dataset: str, manifest: pd.DataFrame, size: int) -> "Images":
    """A manifest's images of a data set, training or test ones, from the set's cache."""
    from rnnha.images.cache import Images

    part = "train" if (manifest.split == "train").all() else "test"
    return Images(manifest.path, size, cache=paths.DATA / "cache" / dataset / f"{part}-{size}.npy")


class FromScratch(Network):
    """A compared network: no steps, and no stage 0 on identities. It begins from ImageNet where
    the profile does, and has as many epochs in all as RNN-HA has in both stages."""

    needs_coarse = starts_from_stage0 = has_steps = False

    @classmethod
    def phases(cls, row: Row, scale: Scale) -> tuple[Phase, ...]:
        return scale.whole or (*scale.stage0, *scale.stage1)


class IdentityOnly(Network, name="identity-only"):
    """Stage 0 of the authors' training, and a control: backbone, pooling, identities."""

    needs_coarse = has_steps = False

    @classmethod
    def build(cls, row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
        from rnnha.models import rnn_ha

        return rnn_ha.IdentityOnly(backbone(row, scale), vehicles)


class Untrained(Network, name="untrained"):
    """Control: the network at its initial weights."""

    needs_coarse = starts_from_stage0 = has_steps = False

    @classmethod
    def phases(cls, row: Row, scale: Scale) -> tuple[Phase, ...]:
        return ()

    def _train(self, train: pd.DataFrame, coarse: "Tensor", fine: "Tensor") -> list[dict]:
        return []


def backbone(row: Row, scale: Scale) -> "nn.Module":
    """The untrained backbone of a row."""
    from rnnha.images.batches import MEAN, STD
    from rnnha.models.backbones import BACKBONES
    from rnnha.models.rnn_ha import RawColours

    built = BACKBONES[scale.backbone]()
    return RawColours(built, MEAN, STD) if row.variant == "released" else built


def build(row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> "nn.Module":
    """The untrained network of any row that has weights."""
    return of(row).build(row, scale, coarse_classes, vehicles)


def load_checkpoint(path: Path) -> tuple["nn.Module", dict]:
    """The network in evaluation mode, and its info.

    info: row, image_size, backbone, state_width, vehicles, coarse_labels and, but for older ones,
    seen. Raises FileNotFoundError where there is no file, DataError where it is damaged or of no
    network of this project.
    """
    import torch

    from rnnha.models import checkpoint

    info = checkpoint.describe(path)
    scale = Scale(info["image_size"], info["backbone"], info["state_width"])
    sizes = len(info["coarse_labels"]), info["vehicles"]
    try:
        row = experiments.row(info["row"])
        if not of(row).has_weights:
            raise ValueError(f"{row.title} has no weights")
        with torch.device("meta"):  # no memory yet, whatever the description asks for
            shapes = build(row, scale, *sizes).state_dict()
    except (KeyError, ValueError) as error:
        raise DataError(
            f"{path}: its rnnha description is of no network here ({error.args[0]}); "
            f"{checkpoint.WANTED}"
        ) from error
    state = checkpoint.fitting(shapes, checkpoint.read(path), path)
    model = build(row, scale, *sizes)
    model.load_state_dict(state)
    return model.eval(), info
