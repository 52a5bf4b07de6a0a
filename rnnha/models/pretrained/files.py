"""Read other people's weights of the backbones into this project's names and input.

The convention is `rnnha.images.batches.normalise`: RGB, ImageNet's mean and deviation. A network
that was trained on another input is converted once, here, by folding its convention into the
first convolution, so that the training code never asks where the weights come from.

=======================  ==========================================================
file                     input it was trained on
=======================  ==========================================================
VGG_CNN_M_1024           BGR, 0..255, minus (103.939, 116.779, 123.68)
`vggm` of pretrained-    BGR, 0..255, minus (123.68, 116.779, 103.939): the mean is in
models.pytorch           RGB order although the image is BGR. Kept as published, because
                         that is the input whose activations its users know
torchvision's ResNet-50  RGB, ImageNet's mean and deviation: nothing to fold (its GoogLeNet
and GoogLeNet            changes to its own input by itself)
=======================  ==========================================================
"""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor
from torchvision.models import ResNet50_Weights

from rnnha.files import some
from rnnha.images.batches import MEAN, STD
from rnnha.models import vgg_m
from rnnha.models.backbones import GoogLeNet
from rnnha.models.pretrained import caffe
from rnnha.models.resnet import ResNet50
from rnnha.models.vgg_m import VGGM

BACKBONES = {"vgg-m": VGGM, "resnet-50": ResNet50, "googlenet": GoogLeNet}
KEY = "rnnha-backbone"  # of the description in the files that this project writes
CAFFE_MEAN = (103.939, 116.779, 123.68)  # of the channels blue, green, red
VGGM_MEAN = (123.68, 116.779, 103.939)  # of the same channels: see above
NORMALISED = "RGB, ImageNet mean and deviation"

_RESNET_LABELS = {  # by the start of the file's sha256, which is part of torchvision's names
    re.search(r"-([0-9a-f]{8})\.pth", weights.url)[1]: f"ResNet-50 {weights.name}"
    for weights in ResNet50_Weights
}
_VGGM_NAMES = dict(zip((0, 4, 8, 10, 12), vgg_m.SHAPES, strict=True))


@dataclass(frozen=True)
class Pretrained:
    """Weights as read: `state` has the backbone's own names and expects `normalise`d images.

    input: the convention they were trained on. taken, left: names as the file has them.
    stem: of the file to write. head: weight [C, d] and bias [C] of GoogLeNet's classifier.
    """

    backbone: str
    label: str
    input: str
    state: dict[str, Tensor]
    taken: list[str]
    left: list[str]
    stem: str
    head: tuple[Tensor, Tensor] | None = None


def read(file: Path, sha256: str) -> Pretrained:
    """The weights in `file`, recognised by content; `sha256` is the file's.

    Raises ValueError, whose text goes on after the file's name, where it is none of the known
    files, damaged, or of other shapes.
    """
    with file.open("rb") as stream:
        head = stream.read(16)
    if not head:
        raise ValueError("is empty")
    if head.lstrip()[:1] == b"<":
        raise ValueError("is a web page, as a failed download leaves it")
    if head[8:10] == b'{"':
        try:
            with safe_open(file, "pt") as opened:
                metadata = opened.metadata() or {}
        except SafetensorError as error:
            raise ValueError(f"is a damaged safetensors file ({error})") from error
        if KEY in metadata:
            raise ValueError("is imported already; use it as it is")
        return _from_state(load_file(file), sha256)
    if head[:2] in (b"PK", b"\x80\x02"):
        return _from_state(_load_torch(file), sha256)
    return _from_caffe(*caffe.read(file))


def fold(weight: Tensor, bias: Tensor, mean: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """Weight [O, 3, k, k] and bias [O] for `normalise`d RGB from those for BGR minus `mean`.

    With n = (p - 255 m) / (255 s) for a pixel p, ImageNet's mean m and deviation s, the old
    input is p - mean = 255 s n + (255 m - mean): a factor for the weights of each channel, and
    a constant that moves into the bias. Exact up to rounding, borders included, because the
    first convolution of VGG-M has no padding; a padded zero would mean another colour before
    and after.
    """
    new_mean, scale = (255 * torch.tensor(c, dtype=torch.float64) for c in (MEAN, STD))
    constant = new_mean - torch.tensor(mean[::-1], dtype=torch.float64)
    rgb = weight.double().flip(1)
    bias = bias.double() + rgb.sum(dim=(2, 3)) @ constant
    return (rgb * scale[:, None, None]).to(weight.dtype), bias.to(weight.dtype)


def unfold(weight: Tensor, bias: Tensor, mean: tuple[float, float, float]) -> tuple[Tensor, Tensor]:
    """The inverse of `fold`: weight and bias as the file had them, for BGR minus `mean`."""
    new_mean, scale = (255 * torch.tensor(c, dtype=torch.float64) for c in (MEAN, STD))
    constant = new_mean - torch.tensor(mean[::-1], dtype=torch.float64)
    rgb = weight.double() / scale[:, None, None]
    bias = bias.double() - rgb.sum(dim=(2, 3)) @ constant
    return rgb.flip(1).to(weight.dtype), bias.to(weight.dtype)


def _load_torch(file: Path) -> dict[str, Tensor]:
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged pickle can raise anything
        reason = str(error).partition("\n")[0]
        raise ValueError(f"cannot be opened as a PyTorch state dict ({reason})") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise ValueError("holds no PyTorch state dict, which is names with tensors and no more")
    return state


def _from_caffe(name: str, layers: dict[str, caffe.Layer]) -> Pretrained:
    taken = [layer for layer in vgg_m.SHAPES if layer in layers]
    problems = [f"{layer} is missing" for layer in vgg_m.SHAPES if layer not in layers]
    for layer in taken:
        problems += _caffe_problems(layers[layer])
    if problems:
        raise ValueError(
            f"is the Caffe network {name or '(without a name)'} and not VGG-M: {some(problems, 5)}"
        )
    # Only the fully connected layers, which are left, tell the members of the family apart.
    fc7 = layers["fc7"].shapes[-1] if "fc7" in layers else ()
    width = fc7[-1] if fc7 else None
    label = "VGG_CNN_M_1024" if width == 1024 else f"VGG-M ({width or 'without fc7'})"
    state = {}
    for layer in taken:
        weight, bias = (torch.from_numpy(layers[layer].array(blob)) for blob in (0, 1))
        state[f"{layer}.weight"], state[f"{layer}.bias"] = weight, bias.flatten()
    return Pretrained(
        "vgg-m",
        label,
        f"BGR 0..255 minus {CAFFE_MEAN}",
        _vgg_m(state, CAFFE_MEAN),
        taken,
        [layer for layer in layers if layer not in taken],
        f"vgg-m-{width}" if width not in (None, 1024) else "vgg-m",
    )


def _caffe_problems(layer: caffe.Layer) -> list[str]:
    shape = vgg_m.SHAPES[layer.name]
    problems = []
    # Old files write a bias as 1 x 1 x 1 x O.
    shapes = [
        tuple(layer.shapes[0]),
        *(s[-1:] if set(s[:-1]) <= {1} else s for s in layer.shapes[1:]),
    ]
    if shapes != [shape, shape[:1]]:
        found = " and ".join(_by(s) for s in shapes)
        problems.append(f"{layer.name} is {found}, expected {_by(shape)} and {shape[0]}")
    # VGG_CNN_S has convolutions of the same shapes; its steps differ.
    for what, found, expected in (
        ("stride", layer.stride, vgg_m.STRIDES[layer.name]),
        ("padding", layer.pad, vgg_m.PADDINGS[layer.name]),
    ):
        if found not in (None, expected):
            problems.append(f"{layer.name} has {what} {found}, expected {expected}")
    return problems


def _from_state(state: dict[str, Tensor], sha256: str) -> Pretrained:
    if "features.0.weight" in state:
        names = {
            f"features.{i}.{p}": f"{layer}.{p}"
            for i, layer in _VGGM_NAMES.items()
            for p in ("weight", "bias")
        }
        convolutions = {k: v for k, v in state.items() if k.startswith("features.")}
        renamed = {names.get(k, k): v for k, v in convolutions.items()}
        return Pretrained(
            "vgg-m",
            "VGG-M (4096)",
            f"BGR 0..255 minus {VGGM_MEAN}",
            _vgg_m(renamed, VGGM_MEAN),
            list(convolutions),
            [k for k in state if k not in convolutions],
            "vgg-m-4096",
        )
    if "layer4.0.conv3.weight" in state:
        trunk = {k: v for k, v in state.items() if not k.startswith("fc.")}
        return Pretrained(
            "resnet-50",
            _RESNET_LABELS.get(sha256[:8], "ResNet-50 (other weights)"),
            NORMALISED,
            fitting("resnet-50", {f"layers.{k}": v for k, v in trunk.items()}),
            list(trunk),
            [k for k in state if k not in trunk],
            "resnet-50",
        )
    if "inception3a.branch1.conv.weight" in state:
        trunk = {k: v for k, v in state.items() if not k.startswith(("fc.", "aux"))}
        return Pretrained(
            "googlenet",
            "GoogLeNet (torchvision)",
            NORMALISED,
            fitting("googlenet", {f"layers.{k}": v for k, v in trunk.items()}),
            list(trunk),
            [k for k in state if k not in trunk],
            "googlenet",
            (state["fc.weight"], state["fc.bias"]) if "fc.bias" in state else None,
        )
    raise ValueError(f"holds other layers: {some(state, 5) or 'none'}")


def _vgg_m(state: dict[str, Tensor], mean: tuple[float, float, float]) -> dict[str, Tensor]:
    state = fitting("vgg-m", {f"layers.{k}": v for k, v in state.items()})
    first = "layers.conv1.weight", "layers.conv1.bias"
    state.update(zip(first, fold(*(state[k] for k in first), mean), strict=True))
    return state


def as_in_caffe(state: dict[str, Tensor], trained_on: str) -> dict[str, Tensor]:
    """conv1 of VGG-M as the file had it, from the imported one; `trained_on`: its description."""
    mean = VGGM_MEAN if str(VGGM_MEAN) in trained_on else CAFFE_MEAN
    first = "layers.conv1.weight", "layers.conv1.bias"
    return dict(zip(first, unfold(*(state[k] for k in first), mean), strict=True))


def fitting(name: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """`state` in the backbone's dtypes; ValueError where names, shapes or numbers do not fit."""
    with torch.device("meta"):
        expected = BACKBONES[name]().state_dict()
    for key, tensor in expected.items():  # files from before PyTorch 0.4.1 do not have it
        if key.endswith("num_batches_tracked"):
            state.setdefault(key, torch.zeros((), dtype=tensor.dtype))
    problems = [f"{k} is missing" for k in expected if k not in state]
    problems += [f"{k} is unknown" for k in state if k not in expected]
    for key in expected.keys() & state.keys():
        found, wanted = state[key], expected[key]
        if found.shape != wanted.shape:
            problems.append(f"{key} is {_by(found.shape)}, expected {_by(wanted.shape)}")
        elif not found.isfinite().all():
            problems.append(f"{key} holds numbers that are not finite")
    if problems:
        raise ValueError(f"does not fit {name}: {some(sorted(problems), 5)}")
    return {key: state[key].to(tensor.dtype) for key, tensor in expected.items()}


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "one number"
