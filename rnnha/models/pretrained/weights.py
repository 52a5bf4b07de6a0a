"""Pretrained backbones: other people's files in, safetensors of one convention out.

What is written expects `rnnha.images.batches.normalise`d images, whatever the network was trained
on (see `rnnha.models.pretrained.files`), and says where it comes from.
"""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torchvision.models import GoogLeNet_Weights, ResNet50_Weights

from rnnha import paths
from rnnha.files import DataError, some
from rnnha.models.pretrained import files
from rnnha.models.pretrained.files import BACKBONES, KEY, NORMALISED, Pretrained

CAFFEMODEL = "VGG_CNN_M_1024.caffemodel"
CAFFEMODEL_URL = f"http://www.robots.ox.ac.uk/~vgg/software/deep_eval/releases/bvlc/{CAFFEMODEL}"
# Version 1, the weights that existed when the paper was written.
URLS = {
    "vgg-m": CAFFEMODEL_URL,
    "resnet-50": ResNet50_Weights.IMAGENET1K_V1.url,
    "googlenet": GoogLeNet_Weights.IMAGENET1K_V1.url,
}


@dataclass(frozen=True)
class Report:
    """What an import took from `source`, what it left, and where it wrote `out`.

    taken, left: names as the source has them. input: the convention the weights were trained
    on; `out` always expects `normalise`d images. sha256: of the source.
    """

    source: Path
    out: Path
    backbone: str
    label: str
    input: str
    sha256: str
    taken: tuple[str, ...]
    left: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(
            [
                f"{self.source}: {self.label}, sha256 {self.sha256}",
                f"took {some(self.taken)}",
                f"left {some(self.left) or 'nothing'}",
                f"trained on {self.input}; the new file expects {NORMALISED}",
                *self.notes,
                f"wrote {self.out}",
            ]
        )


def import_weights(file: str | Path, out: str | Path | None = None) -> Report:
    """Convert a file of pretrained weights; `rnnha weights import FILE`.

    file: `VGG_CNN_M_1024.caffemodel`, the `vggm` state dict of pretrained-models.pytorch, or
    torchvision's ResNet-50 or GoogLeNet; recognised by content, not by name. out: where to write;
    None: `weights/vgg-m.safetensors`, `vgg-m-4096`, ... in the data folder.
    Raises DataError naming the file where it is none of these, damaged, or of other shapes;
    nothing is written then.
    """
    file = Path(file)
    sha256, source = _read(file)
    out = Path(out) if out else folder() / f"{source.stem}.safetensors"
    if out.suffix != ".safetensors":
        raise DataError(f"{out}: weights are written as safetensors; give a name that ends so.")
    report = Report(
        file,
        out,
        source.backbone,
        source.label,
        source.input,
        sha256,
        tuple(source.taken),
        tuple(source.left),
        _notes(file, source, sha256),
    )
    info = {
        "backbone": report.backbone,
        "label": report.label,
        "source": file.name,
        "sha256": report.sha256,
        "trained_on": report.input,
        "input": NORMALISED,
    }
    with paths.atomic(out) as temporary:
        state = {name: tensor.contiguous() for name, tensor in source.state.items()}
        save_file(state, temporary, {KEY: json.dumps(info, sort_keys=True)})
    return report


def _read(file: Path) -> tuple[str, Pretrained]:
    """SHA-256 and weights of a file; DataError naming it where it is none of the known ones."""
    try:
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        return sha256, files.read(file, sha256)
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise DataError(
            f"{file} {error}. Expected {CAFFEMODEL}, the vggm file of pretrained-models.pytorch "
            "or torchvision's ResNet-50 or GoogLeNet; fetch the file again."
        ) from error


def classifier(file: Path, classes: int) -> dict[str, Tensor]:
    """Weights of torchvision's GoogLeNet with its classifier, by the names of
    `models.compared.CoarseOnly`; it takes images as `normalise` makes them.

    Raises DataError naming the file where it is none, or knows another number of classes.
    """
    _, found = _read(file)
    width = BACKBONES["googlenet"].channels
    shapes = [tuple(part.shape) for part in found.head or ()]
    if shapes != [(classes, width), (classes,)]:
        said = " and ".join(map(str, shapes)) or "none"
        raise DataError(
            f"{file}: expected torchvision's GoogLeNet whose last layer `fc` knows {classes} "
            f"classes, {(classes, width)} and {(classes,)}; found {found.label}, {said}"
        )
    trunk = {f"backbone.{name}": tensor for name, tensor in found.state.items()}
    return trunk | dict(zip(("w1.weight", "w1.bias"), found.head, strict=True))


def folder() -> Path:
    """Where imported weights, and the files to import, are looked for."""
    return paths.DATA / "weights"


def find_weights(name: str) -> Path:
    """Imported weights of a backbone, made from the original where that is at hand.

    Looks for NAME.safetensors in `folder()`, then for the original file there and in
    torch's download cache, then, for torchvision's, in the network. Raises FileNotFoundError
    that tells which file to get and where to put it.
    """
    _check_name(name)
    imported = folder() / f"{name}.safetensors"
    if imported.is_file():
        return imported
    url = URLS[name]
    original = folder() / url.rpartition("/")[2]
    cached = Path(torch.hub.get_dir()) / "checkpoints" / original.name
    for file in (original, cached):
        if file.is_file():
            return import_weights(file, imported).out
    reason = "is not there"
    if name != "vgg-m":
        try:
            return import_weights(_download(url, original), imported).out
        except (URLError, TimeoutError, ConnectionError, RuntimeError) as error:
            # RuntimeError: torch's word for a download whose hash is wrong
            reason = f"could not be downloaded ({error})"
    raise FileNotFoundError(
        f"{original} {reason}. It was published at {url}; any copy will do, its layers are "
        "checked. Put it at that place or run: rnnha weights import FILE. Or train from scratch, "
        "by --profile paper-scratch."
    )


def _download(url: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = re.search(r"-([0-9a-f]{8})\.pth", url)[1]
    torch.hub.download_url_to_file(url, str(path), hash_prefix=prefix)
    return path


def load_backbone(model: nn.Module, name: str, weights: str | Path, raw: bool = False) -> None:
    """Put imported weights into `model`, a backbone.

    weights: a file that `import_weights` wrote. raw: as the authors' released code has it, which
    feeds RGB in [0, 1] to VGG-M's weights as Caffe had them, although these expect BGR in 0..255
    without its mean. Raises ValueError for another name, DataError naming the file where it is
    not of this backbone, FileNotFoundError where there is none.
    """
    _check_name(name)
    info = describe(weights)
    if info["backbone"] != name:
        raise DataError(
            f"{weights} holds {info['backbone']} ({info['label']}); expected {name}. "
            "Import the other file: rnnha weights import FILE."
        )
    try:
        state = files.fitting(name, load_file(weights))
    except (ValueError, SafetensorError) as error:
        raise DataError(
            f"{weights} {error}; import it again: rnnha weights import FILE."
        ) from error
    if raw and name == "vgg-m":
        state.update(files.as_in_caffe(state, info["trained_on"]))
    model.load_state_dict(state)


def describe(weights: str | Path) -> dict[str, str]:
    """backbone, label, source, sha256, trained_on, input of a file `import_weights` wrote."""
    weights = Path(weights)
    if not weights.is_file():
        raise FileNotFoundError(f"{weights} is not there; write it by: rnnha weights import FILE.")
    try:
        with safe_open(weights, "pt") as file:
            metadata = file.metadata() or {}
    except SafetensorError:
        metadata = {}
    if KEY not in metadata:
        raise DataError(
            f"{weights} is no file of imported weights; convert it: rnnha weights import {weights}."
        )
    return json.loads(metadata[KEY])


def _notes(file: Path, source: Pretrained, sha256: str) -> tuple[str, ...]:
    notes = []
    if source.backbone == "vgg-m" and source.label != "VGG_CNN_M_1024":
        notes.append(f"The paper's backbone is VGG_CNN_M_1024; tables must say {source.label}.")
    promised = re.search(r"-([0-9a-f]{8})\.pth$", file.name)
    if promised and not sha256.startswith(promised[1]):
        notes.append(
            f"The file's name promises a sha256 that begins with {promised[1]}: "
            "it is not the published file."
        )
    return tuple(notes)


def _check_name(name: str) -> None:
    if name not in BACKBONES:
        raise ValueError(f"No backbone {name!r}; there are {', '.join(BACKBONES)}.")
