"""What the bags of words share: pictures of their own size, and words learned by k-means."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sklearn.neighbors import NearestNeighbors

# Ours: the originals do not say what their words were learned from.
MOST_IMAGES = 5_000  # of the training images, for words, their frequencies and means
PER_WORD = 100  # descriptors that k-means sees
MOST_DESCRIPTORS = 500_000


def pictures(paths: Sequence[str], height: int, width: int) -> Iterator[np.ndarray]:
    """The images one by one, resized to uint8 [height, width, 3], aspect ratio ignored."""
    from torchvision.transforms.v2 import functional as transforms

    from rnnha.images.decode import read_image

    for path in paths:
        image = transforms.resize(read_image(path), [height, width], antialias=True)
        yield image.permute(1, 2, 0).numpy()


def some(paths: Sequence[str], seed: int) -> list[str]:
    """At most `MOST_IMAGES` of the paths, drawn without repetition, in their order."""
    drawn = np.random.default_rng(seed).permutation(len(paths))[:MOST_IMAGES]
    return [paths[i] for i in np.sort(drawn)]


def one_thread() -> AbstractContextManager:
    """For learning and finding words: sums do not depend on the machine's number of cores.

    Nothing is lost: an image at a time is too little to share.
    """
    import sklearn.cluster  # noqa: F401  (what is loaded later would not be told)
    import sklearn.neighbors  # noqa: F401
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def learn(descriptors: np.ndarray, count: int, seed: int) -> np.ndarray:
    """The words, float32 [count, D]: centres of k-means over a sample of descriptors [N, D].

    There must be as many descriptors as words.
    """
    from sklearn.cluster import MiniBatchKMeans

    most = min(PER_WORD * count, MOST_DESCRIPTORS)
    drawn = np.random.default_rng(seed).permutation(len(descriptors))[:most]
    means = MiniBatchKMeans(
        count, batch_size=max(1024, 4 * count), n_init=1, compute_labels=False, random_state=seed
    )
    return means.fit(descriptors[np.sort(drawn)].astype(np.float32)).cluster_centers_


def index(words: np.ndarray, nearest: int) -> "NearestNeighbors":
    """`.kneighbors(descriptors)` tells distances [N, nearest] to the nearest words, and which."""
    from sklearn.neighbors import NearestNeighbors

    return NearestNeighbors(n_neighbors=nearest, algorithm="brute").fit(words)
