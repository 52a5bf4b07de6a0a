"""What Pillow alone does not see to in a PNG: that all of it is there, and 16 bits a channel."""

import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
from PIL.ImageFile import ImageFile
from PIL.PngImagePlugin import PngImageFile

_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type
_WHOLE = ((0, 0, 1, 1),)  # first column and row, and the steps to the next ones
_ADAM7 = (
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
)


def expect_whole(file: BinaryIO) -> None:
    """Raise ValueError, or an error of Pillow's or zlib's, unless each chunk's sum is right and
    there are pixels for all rows: Pillow leaves black what a stream that ends early does not hold.
    """
    file.seek(0)
    PngImageFile(file).verify()
    needed, expand, left = 0, zlib.decompressobj(), 0
    for kind, content in _chunks(file):
        if kind == b"IHDR":
            needed = left = _stream_length(content)
        elif kind == b"IDAT" and left:
            left -= len(expand.decompress(content, left))
    if left:
        raise ValueError(f"{needed - left:,} bytes of pixels of {needed:,}: a part is missing")


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """(kind, content) of each, of a file whose sums were checked."""
    file.seek(8)
    kind = b""
    while kind != b"IEND":
        length, kind = struct.unpack(">I4s", file.read(8))
        yield kind, file.read(length)
        file.seek(4, 1)


def _stream_length(header: bytes) -> int:
    """Bytes of all rows of all passes, each with the number of its filter before it."""
    width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", header)
    total = 0
    for column, row, right, down in _ADAM7 if interlaced else _WHOLE:
        columns, rows = -(-(width - column) // right), -(-(height - row) // down)
        if columns > 0:
            total += max(0, rows) * (1 + -(-columns * depth * _CHANNELS[colour] // 8))
    return total


def is_wide(picture: ImageFile) -> bool:
    """Whether a picture, not loaded yet, is a PNG of 16 bits a channel."""
    return isinstance(picture, PngImageFile) and picture.tile[0].args.endswith(";16B")


def wide(file: BinaryIO, picture: PngImageFile) -> np.ndarray:
    """A PNG of 16 bits as uint32 [H, W] or [H, W, 3], 0 to 65,535, without alpha.

    Pillow keeps both bytes of plain grey only; of colours it is asked for each in turn.
    """

    def read(rawmode: str) -> np.ndarray:
        file.seek(0)
        part = PngImageFile(file)
        part.tile = [part.tile[0]._replace(args=rawmode)]
        part.load()
        return np.asarray(part).astype(np.uint32)

    rawmode = picture.tile[0].args
    if rawmode == "I;16B":
        return read(rawmode)
    if rawmode == "LA;16B":  # four bytes a pixel, two of them grey
        high, low = np.moveaxis(read("RGBA"), 2, 0)[:2]
        return high * 256 + low
    return (read(rawmode) * 256 + read(rawmode.replace("16B", "16L")))[..., :3]
