"""Weights on disk: safetensors, with a description of how to build their network again.

A file from elsewhere is data, never code, and is looked at before it is used: a damaged one, one of
another kind, and numbers that are not finite are named as such.
"""

import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from rnnha.files import DataError, some
from rnnha.paths import atomic

KEY = "rnnha"  # of the description
WANTED = "expected a file that `rnnha run`, `rnnha export` or `rnnha accept` wrote"
HEADS = ("w1.", "w2.")  # over coarse classes and vehicles
_WHOLE = ("image_size", "state_width", "vehicles")  # whole numbers from 1 on


def save(model: nn.Module, info: dict, path: Path) -> None:
    """Weights as safetensors; `info` says how to build the network again, see `describe`."""
    with atomic(path) as temporary:
        state = {k: v.contiguous().cpu() for k, v in model.state_dict().items()}
        save_file(state, temporary, {KEY: json.dumps(info, sort_keys=True)})


def describe(path: Path) -> dict:
    """row, image_size, backbone, state_width, vehicles, coarse_labels, seen of a checkpoint.

    Raises FileNotFoundError where there is no such file, DataError where it is none of this
    project's, or its description makes no sense.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file; {WANTED}")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is no whole safetensors file ({error}); {WANTED}") from error
    if KEY not in metadata:
        raise DataError(f"{path} holds weights but no rnnha description; {WANTED}")
    try:
        info = json.loads(metadata[KEY])
        _expect_sense(info)
    except (ValueError, TypeError, KeyError) as error:
        raise DataError(f"{path}: its rnnha description is damaged ({error}); {WANTED}") from error
    return info


def _expect_sense(info: dict) -> None:
    if not isinstance(info, dict):
        raise ValueError(f"found {type(info).__name__}")
    for name in _WHOLE:
        if type(info[name]) is not int or not 1 <= info[name] < 2**31:
            raise ValueError(f"{name} is {info[name]!r}")
    for name in ("row", "backbone"):
        if not isinstance(info[name], str):
            raise ValueError(f"{name} is {info[name]!r}")
    labels = info["coarse_labels"]
    if not isinstance(labels, list) or not labels or not all(type(c) is int for c in labels):
        raise ValueError("coarse_labels are no list of whole numbers")
    for each in info.get("seen", []):  # older ones do not tell
        kinds = type(each["dataset"]), type(each["synthetic"]), type(each["vehicles"])
        if kinds != (str, bool, int):
            raise ValueError(f"seen holds {each!r}")


def read(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file; DataError unless it is whole and all are finite."""
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise DataError(f"{path} is no whole safetensors file ({error}); {WANTED}") from error
    odd = [name for name, t in state.items() if t.is_floating_point() and not t.isfinite().all()]
    if odd:
        raise DataError(f"{path} holds numbers that are not finite, in {some(odd, 3)}; train again")
    return state


def load_backbone(model: nn.Module, path: Path) -> None:
    """Take stage 0's backbone, and its identity head where the network is the same.

    Raises DataError where the backbone is another one.
    """
    state, own = read(path), model.state_dict()
    if state.keys() != own.keys():
        state = {k: v for k, v in state.items() if k.startswith("backbone.")}
        state |= {k: v for k, v in own.items() if not k.startswith("backbone.")}
    model.load_state_dict(fitting(own, state, path))


def load_all_but_heads(model: nn.Module, path: Path) -> None:
    """Take a trained network, but for the layers over its classes: those are another set's.

    Raises DataError where the network is another one.
    """
    state, own = read(path), model.state_dict()
    state = {k: v for k, v in state.items() if not k.startswith(HEADS)}
    state |= {k: v for k, v in own.items() if k.startswith(HEADS)}
    model.load_state_dict(fitting(own, state, path))


def fitting(expected: dict[str, Tensor], state: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """`state`, read from `path`; DataError unless it has the names and shapes of `expected`."""
    wrong = [f"{k} is missing" for k in expected if k not in state]
    wrong += [f"{k} is unknown" for k in state if k not in expected]
    wrong += [
        f"{k} is {tuple(state[k].shape)} in place of {tuple(expected[k].shape)}"
        for k in expected.keys() & state.keys()
        if state[k].shape != expected[k].shape
    ]
    if wrong:
        raise DataError(
            f"{path} does not fit the network that it should: {some(sorted(wrong), 3)}. Train it "
            "again with the same profile (--force)"
        )
    return state
