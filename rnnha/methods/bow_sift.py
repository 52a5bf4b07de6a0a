"""BOW-SIFT: a bag of words of local gradients, one of the three parts of FACT.

Liu, Liu, Ma and Fu, "Large-scale vehicle re-identification in urban surveillance videos", ICME
2016, with Lowe's SIFT (2004) and Sivic and Zisserman's bag of words (ICCV 2003).
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from rnnha.methods import words
from rnnha.methods.base import Method

if TYPE_CHECKING:
    from scipy.sparse import csr_array
    from sklearn.neighbors import NearestNeighbors

    from rnnha.runs.run import Run

WORDS = 10_000  # for VeRi's training images; elsewhere as many words an image
VERI_TRAIN = 37_778
LEAST_WORDS = 200  # fewer than one image has descriptors

# Ours, for only the number of words is known: upright descriptors on a grid, at one scale, in grey;
# as OpenCV gives them, without RootSIFT's root; term frequency times scikit-learn's idf.
SIZE = 128  # pixels a side, whatever the profile
STEP = 8  # from descriptor to descriptor: 15 x 15 of them
BIN = 4  # a descriptor has 4 x 4 bins: 16 pixels a side


class BowSift(Method, name="bow-sift"):
    """A number a word; words of the training set. k-means and its sample are the seed's."""

    @classmethod
    def settings(cls, run: "Run") -> dict:
        images = len(run.benchmark.train)
        return {
            "image_size": SIZE,
            "words": how_many(images),
            "train_images": min(images, words.MOST_IMAGES),
        }

    def fit(self, train: pd.DataFrame) -> list[dict]:
        from sklearn.feature_extraction.text import TfidfTransformer

        paths = words.some(list(train.path), self.run.seed)
        seen = np.stack([sift(picture) for picture in words.pictures(paths, SIZE, SIZE)])
        with words.one_thread():
            learned = words.learn(seen.reshape(-1, 128), how_many(len(train)), self.run.seed)
            self.words = words.index(learned, nearest=1)
            self.tf_idf = TfidfTransformer().fit(bags(seen, self.words))
        return []

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        """o2 float32 [N, words], of length 1."""
        pictures = words.pictures(list(manifest.path), SIZE, SIZE)
        with words.one_thread():
            found = bags((sift(picture) for picture in pictures), self.words)
        return {"o2": self.tf_idf.transform(found).toarray()}


def how_many(train_images: int) -> int:
    """Words for a training set of so many images."""
    return int(np.clip(round(WORDS * train_images / VERI_TRAIN), LEAST_WORDS, WORDS))


def sift(picture: np.ndarray) -> np.ndarray:
    """SIFT on a grid, uint8 [225, 128] (each about of length 512), of uint8 [128, 128, 3]."""
    import cv2

    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    height, width = grey.shape
    # In OpenCV a bin is 1.5 times a key point's size wide.
    points = [
        cv2.KeyPoint(float(x), float(y), BIN / 1.5, angle=0)
        for y in range(STEP, height - STEP + 1, STEP)
        for x in range(STEP, width - STEP + 1, STEP)
    ]
    _, found = cv2.SIFT_create().compute(grey, points)
    return found.astype(np.uint8)  # whole numbers already


def bags(descriptors: Iterable[np.ndarray], index: "NearestNeighbors") -> "csr_array":
    """How often each word occurs in an image: sparse float32 [N, words], of N times [P, 128]."""
    from scipy.sparse import csr_array

    nearest = [index.kneighbors(each.astype(np.float32))[1].ravel() for each in descriptors]
    images = np.arange(len(nearest)).repeat([len(each) for each in nearest])
    where = images, np.concatenate(nearest)
    shape = len(nearest), index.n_samples_fit_
    return csr_array((np.ones(len(images), np.float32), where), shape=shape)
