"""Control: a joint colour histogram, the simplest descriptor that can be beaten."""

import numpy as np
import pandas as pd

from rnnha.methods.base import Method

BINS = (8, 4, 4)  # hue, saturation, value


class ColorHistogram(Method, name="color-histogram"):
    """Square root of a joint HSV histogram over the whole image: 128 numbers, no training."""

    seeded = learns = False

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        from rnnha.images.batches import batches
        from rnnha.images.cache import Images

        images = Images(manifest.path, self.run.scale.image_size)
        rows = [
            histogram(pixels[0].permute(1, 2, 0).numpy())
            for pixels, _ in batches(images, np.arange(len(images)), 1)
        ]
        return {"o2": np.stack(rows)}


def histogram(image: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3] to float32 [128]; its squares are shares of the image and sum to 1."""
    from matplotlib.colors import rgb_to_hsv

    hsv = rgb_to_hsv(image / 255.0).reshape(-1, 3)
    counts, _ = np.histogramdd(hsv, BINS, range=((0, 1),) * 3)
    return np.sqrt(counts.ravel() / counts.sum()).astype(np.float32)
