"""What a surveillance camera makes of the light: exposure, colour cast, softness, noise."""

import io

import numpy as np
from PIL import Image
from scipy.ndimage import convolve1d, gaussian_filter

from rendering.camera import Camera

JPEG_QUALITY = 85


def develop(radiance: np.ndarray, camera: Camera, native: float, rng: np.random.Generator):
    """Linear light float32 [H, W, 3] to the picture's bytes, uint8 [H, W, 3].

    native: pixels that the longer side had in the camera's own frame.
    """
    image = np.maximum(radiance, 0).astype(np.float64)
    image = image * np.array(camera.cast) * np.exp(rng.normal(0, 0.12)) * 1.15
    # bright parts roll off instead of clipping, as on a sensor
    image = image * (1 + 0.1 * image) / (1 + 0.12 * image + 0.2 * image * image)
    image += rng.uniform(0.0, 0.015)  # veiling glare
    image = np.where(  # the sRGB curve
        image <= 0.0031308,
        12.92 * image,
        1.055 * np.maximum(image, 1e-6) ** (1 / 2.4) - 0.055,
    )
    grey = image @ (0.299, 0.587, 0.114)
    colour = camera.saturation * rng.uniform(0.85, 1.05)
    image = grey[..., None] + colour * (image - grey[..., None])
    image = 0.45 + camera.contrast * (image - 0.45)
    soft = 0.42 * max(0.0, max(image.shape) / native - 1)
    sigma = np.hypot(camera.blur * rng.uniform(0.6, 1.1), soft)
    if rng.random() < 0.12:  # out of focus
        sigma = np.hypot(sigma, rng.uniform(0.6, 1.3))
    image = gaussian_filter(image, (sigma, sigma, 0))
    if rng.random() < 0.1:  # moved while the shutter was open
        length = int(rng.integers(3, 7))
        image = convolve1d(image, np.full(length, 1 / length), axis=1, mode="nearest")
    amount = rng.uniform(0.2, 0.6)  # the sharpening that cameras put on top
    image += amount * (image - gaussian_filter(image, (1.0, 1.0, 0)))
    noise = rng.normal(0, 1, (*image.shape[:2], 1)) + 0.5 * rng.normal(0, 1, image.shape)
    noise = gaussian_filter(noise, (0.5, 0.5, 0)) * 1.6
    image += camera.noise * rng.uniform(0.5, 1.2) * noise
    return (np.clip(image, 0, 1) * 255 + 0.5).astype(np.uint8)


def save_jpeg(image: np.ndarray, path) -> None:
    """Write uint8 [H, W, 3] as a JPEG file of quality 85."""
    Image.fromarray(image).save(path, "JPEG", quality=JPEG_QUALITY, optimize=True)


def through_jpeg(image: np.ndarray) -> np.ndarray:
    """The image as it is read again from such a file."""
    save_jpeg(image, file := io.BytesIO())
    with Image.open(file) as found:
        return np.asarray(found)
