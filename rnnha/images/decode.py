"""One gate for pictures: whatever a file holds comes out as uint8 RGB, or is refused by name."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_image
from torchvision.transforms import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from rnnha.files import DataError


def read_image(path: str | Path) -> Tensor:
    """Decode a file to uint8 [3, H, W] RGB: grey, CMYK, transparent and rotated (EXIF) ones, too.

    Raises DataError naming the file when it is absent, cut short or no image.
    """
    try:
        return decode_image(str(path), mode=ImageReadMode.RGB, apply_exif_orientation=True)
    except (RuntimeError, OSError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: unreadable image ({reason})") from error


def pixels(path: str | Path) -> np.ndarray:
    """An image file as uint8 [H, W, 3]."""
    return read_image(path).permute(1, 2, 0).numpy()


def read_mask(path: str | Path) -> np.ndarray:
    """A mask file as bool [H, W]: not black is inside."""
    with Image.open(path) as picture:
        return np.asarray(picture.convert("L")) > 0


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
