"""One gate for pictures: whatever a file holds comes out as uint8 RGB, or is refused by name.

JPEG, PNG, GIF and WebP are read, by their first bytes and not by the file's name; of several
frames the first. JPEGs are decoded by torchvision. All others are decoded by Pillow: a damaged PNG
ends a process inside torchvision's decoder.
"""

import os
import re
import stat
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch
from PIL import Image, ImageOps
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from rnnha.files import DataError
from rnnha.images.png import expect_whole, is_wide, wide

MOST_PIXELS = 89_478_485  # where Pillow, too, begins to suspect a decompression bomb
_READERS = (
    (b"\xff\xd8\xff", JpegImageFile),
    (b"\x89PNG\r\n\x1a\n", PngImageFile),
    (b"GIF8", GifImageFile),
    (b"RIFF", WebPImageFile),
)


def read_image(path: str | Path) -> Tensor:
    """Decode a JPEG, PNG, GIF or WebP file to uint8 [3, H, W] RGB; of several frames the first.

    Grey, palettes and CMYK become RGB, alpha is dropped, EXIF's orientation is followed, 16 bits
    become the nearest of 8 (v / 257). Raises DataError naming the file when it is absent, no
    regular file, damaged, of another format or larger than `MOST_PIXELS`.
    """
    with image_file(path) as file:
        if isinstance(_header(file), JpegImageFile):
            file.seek(0)
            content = torch.from_numpy(np.fromfile(file, np.uint8))
            return decode_jpeg(content, mode=ImageReadMode.RGB, apply_exif_orientation=True)
        picture = _sound(file)
        if is_wide(picture):  # 65,535 / 255 = 257
            nearest = (wide(file, picture) + 128) // 257
            rgb = Image.fromarray(nearest.astype(np.uint8)).convert("RGB")
        else:
            rgb = _plain(picture).convert("RGB")
        upright = _upright(rgb, picture.info.get("exif"))
        return torch.from_numpy(np.array(upright)).permute(2, 0, 1)


def pixels(path: str | Path) -> np.ndarray:
    """An image file as uint8 [H, W, 3]. Raises as `read_image` does."""
    return read_image(path).permute(1, 2, 0).numpy()


def read_mask(path: str | Path) -> np.ndarray:
    """A mask file as bool [H, W]: not black is inside. Raises as `read_image` does."""
    with image_file(path) as file:
        picture = _sound(file)
        if is_wide(picture):
            return wide(file, picture).reshape(*picture.size[::-1], -1).any(axis=2)
        return np.asarray(_plain(picture).convert("L")) > 0


def square(image: Tensor, size: int) -> Tensor:
    """Resize [3, H, W] uint8 to [3, size, size], bilinear with antialias, aspect ratio ignored."""
    return transforms.resize(
        image, [size, size], interpolation=InterpolationMode.BILINEAR, antialias=True
    )


def unreadable(paths: Sequence[str | Path]) -> list[str]:
    """One message for each of `paths` that cannot be decoded."""

    def problem(path: str | Path) -> str | None:
        try:
            read_image(path)
        except DataError as error:
            return str(error)
        return None

    with ThreadPoolExecutor() as pool:
        return [message for message in pool.map(problem, paths) if message]


@contextmanager
def image_file(path: str | Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading; any error inside becomes a DataError that names it."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a named pipe would wait for a writer
            raise ValueError("a folder, pipe or device; a regular file is wanted")
        with open(path, "rb") as file:
            yield file
    except Exception as error:  # Pillow's readers raise whatever a damaged byte leads them to
        raise DataError(f"{path}: unreadable image ({_reason(error, path)})") from error


def _reason(error: Exception, path: str | Path) -> str:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, FileNotFoundError) and os.sep != "\\" and "\\" in str(path):
        reason += "; the path is written with backslashes: write / between folders"
    return re.sub(r"^.*\.cpp:\d+, ", "", reason.splitlines()[0])  # torchvision's own place


def _header(file: BinaryIO) -> ImageFile:
    """The picture in `file` with its size known and its pixels not decoded yet."""
    file.seek(0)
    start = file.read(16)
    file.seek(0)
    reader = next((reader for magic, reader in _READERS if start.startswith(magic)), None)
    if reader is None:
        found = "another format" if start else "an empty file"
        raise ValueError(f"{found}; a JPEG, PNG, GIF or WebP image is wanted")
    picture = reader(file)
    width, height = picture.size
    if not 0 < width * height <= MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels; 1 to {MOST_PIXELS:,} in all are read")
    return picture


def _sound(file: BinaryIO) -> ImageFile:
    """As `_header`; of a PNG nothing is damaged or missing."""
    picture = _header(file)
    if isinstance(picture, PngImageFile):
        expect_whole(file)
        picture = _header(file)
    return picture


def _plain(picture: ImageFile) -> ImageFile:
    """Its first frame decoded; what it says of transparency is dropped, as alpha is."""
    picture.load()
    picture.info.pop("transparency", None)
    return picture


def _upright(picture: Image.Image, exif: bytes | None) -> Image.Image:
    """Turned as EXIF's orientation says; EXIF that cannot be read turns nothing."""
    if not exif:
        return picture
    found, orientation = Image.Exif(), Image.Exif()
    with suppress(Exception):
        found.load(exif)
        orientation[Base.Orientation] = found[Base.Orientation]
        picture.info = {"exif": orientation.tobytes()}  # nothing else, XMP neither, may turn it
        return ImageOps.exif_transpose(picture)
    return picture
