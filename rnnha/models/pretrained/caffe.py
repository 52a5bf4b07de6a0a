"""Read a `.caffemodel` without Caffe: layers, their shapes and their numbers.

The file is one protocol buffer message, Caffe's NetParameter. The part of its grammar that
weights need is defined below, at run time, in a pool of its own, so that neither protoc nor
Caffe is needed and a Caffe that is installed is not disturbed. Field numbers are those of
Caffe's `caffe.proto`; both the old `layers` (V1LayerParameter, until 2014) and the new
`layer` are known. Floats may be packed or not: the parser takes both, whatever is declared.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

_INT64, _UINT32, _STRING, _FLOAT, _DOUBLE, _MESSAGE = 3, 13, 9, 2, 1, 11
_ONE, _MANY = 1, 3

# message -> field: (number, type or message, how many)
_GRAMMAR = {
    "Shape": {"dim": (1, _INT64, _MANY)},
    "Blob": {
        # The four sizes of the old files; `shape` came with the new ones.
        "num": (1, _INT64, _ONE),
        "channels": (2, _INT64, _ONE),
        "height": (3, _INT64, _ONE),
        "width": (4, _INT64, _ONE),
        "data": (5, _FLOAT, _MANY),
        "shape": (7, "Shape", _ONE),
        "double_data": (8, _DOUBLE, _MANY),
    },
    "Convolution": {
        # pad and stride: one number in old files, a list in new ones, equal as bytes.
        "pad": (3, _UINT32, _MANY),
        "stride": (6, _UINT32, _MANY),
    },
    "OldLayer": {
        "name": (4, _STRING, _ONE),
        "blobs": (6, "Blob", _MANY),
        "convolution": (10, "Convolution", _ONE),
    },
    "NewLayer": {
        "name": (1, _STRING, _ONE),
        "blobs": (7, "Blob", _MANY),
        "convolution": (106, "Convolution", _ONE),
    },
    "Net": {
        "name": (1, _STRING, _ONE),
        "layers": (2, "OldLayer", _MANY),
        "layer": (100, "NewLayer", _MANY),
    },
}


@dataclass(frozen=True)
class Layer:
    """One layer with weights.

    shapes: of its blobs, first the weight, then the bias. stride, pad: of a convolution,
    None where the file holds no settings.
    """

    name: str
    shapes: tuple[tuple[int, ...], ...]
    stride: int | None
    pad: int | None
    blobs: tuple[Any, ...] = field(repr=False)

    def array(self, index: int) -> np.ndarray:
        """Blob `index` as float32 in its shape; ValueError where numbers are missing."""
        blob, shape = self.blobs[index], self.shapes[index]
        values = blob.data or blob.double_data
        if len(values) != prod(shape):
            raise ValueError(
                f"is damaged: blob {index} of layer {self.name} has the shape {shape}, which is "
                f"{prod(shape):,} numbers, but holds {len(values):,}"
            )
        return np.fromiter(values, np.float32, len(values)).reshape(shape)


def read(path: Path) -> tuple[str, dict[str, Layer]]:
    """The network's name, and its layers that have weights, by name.

    Raises ValueError, whose text goes on after the file's name, where the bytes are no whole
    NetParameter, or one without weights. Needs twice the file's size in memory for a moment.
    """
    net = _messages()["Net"]()
    try:
        net.ParseFromString(path.read_bytes())
        layers = {layer.name: _layer(layer) for layer in (*net.layers, *net.layer) if layer.blobs}
        name = net.name
    except (DecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"is no Caffe model, or not a whole one ({error})") from error
    if not layers:
        raise ValueError("holds no Caffe model with weights")
    return name, layers


def _layer(message: Any) -> Layer:
    settings = message.convolution if message.HasField("convolution") else None
    return Layer(
        name=message.name,
        shapes=tuple(_shape(blob) for blob in message.blobs),
        # Caffe's defaults, where a convolution does not say.
        stride=next(iter(settings.stride), 1) if settings else None,
        pad=next(iter(settings.pad), 0) if settings else None,
        blobs=tuple(message.blobs),
    )


def _shape(blob: Any) -> tuple[int, ...]:
    if blob.HasField("shape"):
        return tuple(blob.shape.dim)
    return (blob.num, blob.channels, blob.height, blob.width)


@lru_cache(maxsize=1)
def _messages() -> dict[str, type]:
    file = descriptor_pb2.FileDescriptorProto(
        name="rnnha/caffe.proto", package="rnnha.caffe", syntax="proto2"
    )
    for message, fields in _GRAMMAR.items():
        declared = file.message_type.add(name=message)
        for name, (number, kind, label) in fields.items():
            entry = declared.field.add(name=name, number=number, label=label)
            if isinstance(kind, str):
                entry.type, entry.type_name = _MESSAGE, f".rnnha.caffe.{kind}"
            else:
                entry.type = kind
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"rnnha.caffe.{name}"))
        for name in _GRAMMAR
    }
