"""The trained rows: stage 0 (backbone on identities), then the row's whole network."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import nn

from rnnha import distributed, experiments, training, weights
from rnnha.data.images import MEAN, STD, Images
from rnnha.experiments import Row
from rnnha.models.backbones import BACKBONES
from rnnha.models.rnn_ha import CoarseToFine, IdentityOnly, RawColours, ReleasedCoarseToFine
from rnnha.paths import atomic
from rnnha.profiles import Scale


def build(row: Row, scale: Scale, coarse_classes: int, vehicles: int) -> nn.Module:
    """The untrained network of a row; torch's random state decides the initial weights."""
    backbone = BACKBONES[scale.backbone]()
    if row.variant == "released":
        backbone = RawColours(backbone, MEAN, STD)
    if row.method == "identity-only":
        return IdentityOnly(backbone, vehicles)
    parts = (backbone, row.steps, row.attention, scale.state_width, coarse_classes, vehicles)
    if row.variant == "released":
        return ReleasedCoarseToFine(*parts, doubled_first_step=row.backbone == "vgg-m")
    return CoarseToFine(*parts)


def with_coarse_label(train: pd.DataFrame) -> pd.DataFrame:
    """The images that have a coarse label, as in the authors' lists, for every row alike.

    A set without any such label keeps all images; only identities can be learned from it.
    """
    labelled = train.coarse_id.notna()
    return train[labelled] if labelled.any() else train


class Network:
    """A row of the family: fit, embed, and the weights between them.

    start: the weights of stage 0; None for stage 0 itself and for an untrained network.
    pretrained: the backbone's weights before stage 0, or None to begin from scratch.
    folder: where checkpoints and `weights.safetensors` are kept. cache: folder for decoded
    images, or None to decode every time.
    """

    def __init__(
        self, row: Row, scale: Scale, seed: int, folder: Path, *, start: Path | None,
        pretrained: Path | None, key: str, cache: Path | None, precision: str = "float32",
    ):  # fmt: skip
        self.row, self.scale, self.seed, self.folder = row, scale, seed, folder
        self.start, self.pretrained, self.key, self.cache = start, pretrained, key, cache
        self.precision = precision
        self.device = training.default_device()

    def fit(self, train: pd.DataFrame) -> list[dict]:
        """Train on the images of `train` that `with_coarse_label` keeps."""
        train = with_coarse_label(train)
        coarse, coarse_names = pd.factorize(train.coarse_id.fillna(-1).astype(int), sort=True)
        fine, vehicles = pd.factorize(train.vehicle_id, sort=True)
        torch.manual_seed(self.seed)
        self.model = build(self.row, self.scale, len(coarse_names), len(vehicles))
        history = []
        if self.start is not None:
            load_stage0(self.model, self.start)
        elif self.pretrained is not None:
            weights.load_backbone(self.model.backbone, self.scale.backbone, self.pretrained)
        if self.row.method != "untrained":
            history = self._train(train, torch.from_numpy(coarse), torch.from_numpy(fine))
        info = {
            "row": self.row.slug, "image_size": self.scale.image_size,
            "backbone": self.scale.backbone, "state_width": self.scale.state_width,
            "vehicles": len(vehicles), "coarse_labels": [int(c) for c in coarse_names],
        }  # fmt: skip
        if distributed.is_writer():
            save_checkpoint(self.model, info, self.folder / "weights.safetensors")
        return history

    def _train(self, train: pd.DataFrame, coarse, fine) -> list[dict]:
        stage = 0 if self.start is None else 1
        phases = self.scale.stage1 if stage else self.scale.stage0
        files = [self.folder / f"checkpoint{number}.pt" for number in range(len(phases))]
        # Few images: the timing must fit where a batch goes through the network in parts.
        timed = self.scale.image_size, min(8, phases[0].batch), self.device
        self.precision = distributed.from_writer(
            lambda: training.choose_precision(
                self.precision, self.model, *timed, files[0], self.key
            )
        )
        images, history = distributed.first_the_writer(lambda: self.images(train)), []
        for phase, file in zip(phases, files, strict=True):
            history += training.train(
                self.model, images, coarse, fine, phase,
                stage=stage, seed=self.seed, first_epoch=len(history),
                checkpoint=file, key=self.key,
                device=self.device, precision=self.precision,
                title=f"{self.folder.parents[1].name} {self.row.slug} seed {self.seed}",
            )  # fmt: skip
        return history

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """o2 float32 [N, H]; o1 [N, H] and attention [N, h, w] where the row has them."""
        images = distributed.first_the_writer(lambda: self.images(manifest))
        return training.embed(self.model, images, self.device)

    def images(self, manifest: pd.DataFrame) -> Images:
        """The manifest's images at the row's size."""
        size = self.scale.image_size
        part = "train" if (manifest.split == "train").all() else "test"
        cache = self.cache and self.cache / f"{part}-{size}.npy"
        return Images(manifest.path, size, cache=cache)


def load_stage0(model: nn.Module, weights: Path) -> None:
    """Take stage 0's backbone, and its identity head where the network is the same."""
    state = load_file(weights)
    if not isinstance(model, IdentityOnly):
        state = {k: v for k, v in state.items() if k.startswith("backbone.")}
    left = model.load_state_dict(state, strict=False)
    wrong = [k for k in left.missing_keys if k.startswith("backbone.")] + left.unexpected_keys
    if wrong:
        raise ValueError(
            f"{weights} does not hold this row's backbone: {', '.join(wrong[:5])} differ. "
            "Train stage 0 again with the same profile (--force)."
        )


def save_checkpoint(model: nn.Module, info: dict, path: Path) -> None:
    """Weights as safetensors; `info` says how to build the network again."""
    with atomic(path) as temporary:
        state = {k: v.contiguous().cpu() for k, v in model.state_dict().items()}
        save_file(state, temporary, {"rnnha": json.dumps(info, sort_keys=True)})


def load_checkpoint(path: Path) -> tuple[nn.Module, dict]:
    """The network in evaluation mode, and its info.

    info: row, image_size, backbone, state_width, vehicles, coarse_labels. Raises ValueError
    where the file is a safetensors file of something else.
    """
    with safe_open(path, "pt") as file:
        metadata = file.metadata() or {}
    if "rnnha" not in metadata:
        raise ValueError(
            f"{path} holds weights but no rnnha description; expected a file that `rnnha run` "
            "or `rnnha accept` wrote."
        )
    info = json.loads(metadata["rnnha"])
    scale = Scale(info["image_size"], info["backbone"], info["state_width"])
    model = build(
        experiments.row(info["row"]), scale, len(info["coarse_labels"]), info["vehicles"]
    )
    model.load_state_dict(load_file(path))
    return model.eval(), info
