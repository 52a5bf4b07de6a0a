"""Caffe models byte by byte, by the wire format's definition and without protobuf."""

import numpy as np

SHAPES = {
    "conv1": (96, 3, 7, 7),
    "conv2": (256, 96, 5, 5),
    "conv3": (512, 256, 3, 3),
    "conv4": (512, 512, 3, 3),
    "conv5": (512, 512, 3, 3),
}
STRIDES = {"conv1": 2, "conv2": 2, "conv3": 1, "conv4": 1, "conv5": 1}
PADS = {"conv1": None, "conv2": 1, "conv3": 1, "conv4": 1, "conv5": 1}  # None: Caffe's default, 0


def random_vgg_m(seed=0):
    """(weight, bias) by layer, float32, in Caffe's shapes and of about its trained size."""
    rng = np.random.default_rng(seed)
    return {
        name: (
            rng.standard_normal(shape, np.float32) / np.float32(np.prod(shape[1:])) ** 0.5,
            rng.standard_normal(shape[0], np.float32),
        )
        for name, shape in SHAPES.items()
    }


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def number(field, value):
    return varint(field << 3) + varint(value)


def piece(field, content):
    return varint(field << 3 | 2) + varint(len(content)) + content


def floats(field, values, packed):
    values = np.asarray(values, "<f4").ravel()
    if packed:
        return piece(field, values.tobytes())
    each = np.empty(values.size, [("tag", "u1"), ("value", "<f4")])
    each["tag"], each["value"] = field << 3 | 5, values
    return each.tobytes()


def blob(values, shape, packed, old):
    if old:  # num, channels, height, width
        four = (1,) * (4 - len(shape)) + tuple(shape)
        sizes = b"".join(number(i + 1, n) for i, n in enumerate(four))
        return sizes + floats(5, values, packed)
    return floats(5, values, packed) + piece(7, piece(1, b"".join(map(varint, shape))))


def layer(name, blobs, packed, old, stride=None, pad=None, convolution=True):
    name_at, blobs_at, settings_at = (4, 6, 10) if old else (1, 7, 106)
    content = piece(name_at, name.encode())
    content += number(5, 4) if old else piece(2, b"Convolution")  # type, which is not needed
    content += b"".join(piece(blobs_at, blob(v, s, packed, old)) for v, s in blobs)
    if convolution:
        settings = number(1, 96)
        settings += b"" if pad is None else number(3, pad)
        settings += b"" if stride in (None, 1) else number(6, stride)
        content += piece(settings_at, settings)
    return content


def caffemodel(weights, old=True, packed=True, fc7=1024, strides=STRIDES, name="VGG_CNN_M"):
    """NetParameter's bytes. The blobs of fc7 have their shape only: nobody reads their numbers."""
    at = 2 if old else 100
    net = piece(1, name.encode()) + piece(at, layer("data", [], packed, old, convolution=False))
    for key, (weight, bias) in weights.items():
        blobs = [(weight, weight.shape), (bias, bias.shape)]
        net += piece(at, layer(key, blobs, packed, old, strides.get(key), PADS.get(key)))
    if fc7:
        blobs = [([], (fc7, 4096)), ([], (fc7,))]
        net += piece(at, layer("fc7", blobs, packed, old, convolution=False))
    return net
