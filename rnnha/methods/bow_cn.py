"""BOW-CN: a bag of colour-name words in horizontal stripes, made for persons.

Zheng, Shen, Tian, Wang, Wang and Tian, "Scalable person re-identification: a benchmark", ICCV 2015.
Euclidean distance.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from rnnha.methods import color_names, words
from rnnha.methods.base import Method

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

    from rnnha.runs.run import Run

HEIGHT, WIDTH = 128, 64
CELL = 4  # pixels a side: 32 x 16 cells
WORDS = 350
NEAREST = 10  # words that a cell speaks for
SOFTNESS = 9.0  # at distance d with weight exp(-d / 9): almost the same for all ten
STRIPES = 16  # of two rows of cells

# Ours, because it was not released: the words come from this set's training images (and not from
# persons of another), the colour names from an open table (`color_names`), and `statistics` has
# the formulas of mean and idf.


class Statistics(NamedTuple):
    """Of the training images' histograms: float32 [5600] each."""

    mean: np.ndarray
    idf: np.ndarray


class BowCn(Method, name="bow-cn"):
    """5,600 numbers of images of 128 x 64 pixels, whatever the profile; words of the training set.

    Which images and cells the words are learned from, and where k-means begins, is the seed's.
    """

    @classmethod
    def settings(cls, run: "Run") -> dict:
        return {
            "image_size": [HEIGHT, WIDTH],
            "words": WORDS,
            "color_names": color_names.source(),
            "train_images": min(len(run.benchmark.train), words.MOST_IMAGES),
        }

    def fit(self, train: pd.DataFrame) -> list[dict]:
        self.table = color_names.table()
        paths = words.some(list(train.path), self.run.seed)
        with words.one_thread():
            seen = np.stack([cells(p, self.table) for p in words.pictures(paths, HEIGHT, WIDTH)])
            learned = words.learn(seen.reshape(-1, seen.shape[-1]), WORDS, self.run.seed)
            self.words = words.index(learned, NEAREST)
            self.statistics = statistics(np.stack([histogram(each, self.words) for each in seen]))
        return []

    def embed(self, manifest: pd.DataFrame) -> dict[str, np.ndarray]:
        with words.one_thread():
            found = [
                histogram(cells(picture, self.table), self.words)
                for picture in words.pictures(list(manifest.path), HEIGHT, WIDTH)
            ]
        return {"o2": weighted(np.stack(found), self.statistics)}


def cells(picture: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Mean probabilities of the colour names, float32 [32, 16, 11], of uint8 [128, 64, 3]."""
    names = table[color_names.cells(picture)]
    height, width, count = names.shape
    return names.reshape(height // CELL, CELL, width // CELL, CELL, count).mean(axis=(1, 3))


def histogram(cells: np.ndarray, index: "NearestNeighbors") -> np.ndarray:
    """Words in stripes, float32 [stripes * words], of [32, 16, 11].

    A word that is everywhere in the image counts less: by the root of the number of its cells.
    """
    down, right, names = cells.shape
    distances, found = index.kneighbors(cells.reshape(-1, names))
    weights = np.exp(-distances / SOFTNESS) * mask(down, right).reshape(-1, 1)
    count = index.n_samples_fit_
    stripe = np.arange(down).repeat(right) * STRIPES // down
    places = stripe[:, None] * count + found
    bag = np.bincount(places.ravel(), weights.ravel(), minlength=STRIPES * count)
    cells_of_word = np.bincount(found.ravel(), minlength=count).clip(min=1)
    return (bag.reshape(STRIPES, count) / np.sqrt(cells_of_word)).ravel().astype(np.float32)


def mask(down: int, right: int) -> np.ndarray:
    """exp(-x^2 - y^2), float64 [down, right], x and y from -1 to 1: vehicles are in the middle."""
    y, x = np.linspace(-1, 1, down)[:, None], np.linspace(-1, 1, right)
    return np.exp(-(x**2) - y**2)


def statistics(histograms: np.ndarray) -> Statistics:
    """Mean and idf of training histograms [N, stripes * words], for each stripe and word by itself.

    idf = log(N / (1 + n)) of a word that n images have in that stripe; 0 where all have it.
    """
    images_with = np.count_nonzero(histograms, axis=0)
    idf = np.log(len(histograms) / (1 + images_with)).clip(min=0)
    mean = histograms.mean(axis=0, dtype=np.float64)
    return Statistics(mean.astype(np.float32), idf.astype(np.float32))


def weighted(histograms: np.ndarray, known: Statistics) -> np.ndarray:
    """The descriptors, float32 [N, stripes * words], of length 1: a missing word tells, too."""
    from sklearn.preprocessing import normalize

    return normalize((histograms - known.mean) * np.sqrt(known.idf), copy=False)
