"""Leak audit: can vehicles be told apart by anything but model, paint and cues?

Nearest-neighbour re-identification of test vehicles by VeRi's protocol (good: the same vehicle
in another camera; junk: in the same camera), with plain features of

- the background alone: the vehicle's mask, widened by a few pixels, blanked out;
- the same shots rendered again without identity cues.

Neither may beat the oracle that knows model and paint and guesses among the vehicles that
share both.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from scipy.ndimage import binary_dilation
from sklearn.decomposition import PCA
from sklearn.preprocessing import normalize

from rendering import dataset
from rnnha.paths import atomic
from rnnha.scoring.ranking import evaluate

SIZE = 64  # pixels a side, after a square resize
WIDENED = 4  # pixels of the crop by which the mask is widened, so that its outline tells less


def _square(image: np.ndarray) -> np.ndarray:
    small = Image.fromarray(image).resize((SIZE, SIZE), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / 255


def blanked(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """The image with the vehicle, and a margin about it, replaced by the background's mean."""
    hidden = binary_dilation(mask, iterations=WIDENED)
    result = image.copy()
    result[hidden] = image[~hidden].mean(0) if (~hidden).any() else 0
    return result


def pixels(images: list[np.ndarray]) -> np.ndarray:
    """Down-scaled pixels, their 64 principal components, float32 [N, <= 64]."""
    flat = np.stack([_square(image).ravel() for image in images])
    return normalize(PCA(min(64, *flat.shape), random_state=0).fit_transform(flat))


def colours(images: list[np.ndarray]) -> np.ndarray:
    """Histograms of 6 x 6 x 6 colours, square roots, float32 [N, 216]."""
    bins = [(image // 43).reshape(-1, 3) @ (36, 6, 1) for image in images]
    counts = np.stack([np.bincount(b, minlength=216) for b in bins])
    return np.sqrt(counts / counts.sum(1, keepdims=True)).astype(np.float32)


def edges(images: list[np.ndarray]) -> np.ndarray:
    """Histograms of 8 gradient directions in 8 x 8 cells, float32 [N, 512]."""
    result = []
    for image in images:
        dy, dx = np.gradient(_square(image).mean(-1))
        direction = ((np.arctan2(dy, dx) % np.pi) / np.pi * 8).astype(int) % 8
        strength = np.hypot(dx, dy)
        cells = np.stack([(strength * (direction == k)).reshape(8, 8, 8, 8) for k in range(8)])
        result.append(np.sqrt(cells.sum((2, 4))).ravel())
    return normalize(np.stack(result)).astype(np.float32)


FEATURES: dict[str, Callable] = {"pixels": pixels, "colours": colours, "edges": edges}


def score(shots: pd.DataFrame, query: np.ndarray, distances: np.ndarray) -> tuple[float, float]:
    """mAP and top-1 in percent of distances [N, N] between shots; ties fall at random."""
    ids, cameras = shots["vehicle_id"].to_numpy(), shots["camera"].to_numpy(dtype=int)
    names = shots["image"].to_numpy()
    scores = evaluate(
        None,
        None,
        ids[query],
        ids,
        cameras[query],
        cameras,
        distances=distances[query],
        query_names=names[query],
        gallery_names=names,
    )
    return 100 * float(scores.ap.mean()), 100 * float((scores.first_rank == 1).mean())


def _apart(features: np.ndarray) -> np.ndarray:
    return (1 - features @ features.T).astype(np.float32)


def oracle(shots: pd.DataFrame) -> np.ndarray:
    """Distances [N, N] of one who knows model and paint: 0 where both agree, else 1."""
    known = (shots["model"] + "/" + shots["paint"]).to_numpy()
    return (known[:, None] != known[None]).astype(np.float32)


def _without_cues(job: tuple[str, int, int]) -> np.ndarray:
    return dataset.render_one(*job, cues=(), masks=False).image


def _chosen(name: str, vehicles: int) -> pd.DataFrame:
    """All shots of some test vehicles, whole models at a time: look-alikes are the question."""
    test = dataset.plan(name).query("split == 'test'")
    cars = test.drop_duplicates("vehicle_id").sort_values(["model", "paint"], kind="stable")
    models = cars["model"].unique()[:: max(1, round(len(cars) / vehicles))]
    ids = cars.loc[cars["model"].isin(models), "vehicle_id"].iloc[:vehicles]
    return test[test["vehicle_id"].isin(ids)].reset_index(drop=True)


def audit(name: str, folder: Path, out: Path, *, vehicles: int = 60, workers: int = 2):
    """Audit the rendered set in `folder`; writes the table to the CSV `out` and returns it.

    Columns: what, feature, vehicles, queries, mAP, top1 (percent). Needs mitsuba, since shots of
    `vehicles` test vehicles are rendered again without cues. Raises ValueError for a set without
    cameras, to which VeRi's protocol does not apply.
    """
    everything = dataset.plan(name).query("split == 'test'").reset_index(drop=True)
    if everything["camera"].isna().any():
        raise ValueError(f"{name} has no cameras, which the audit needs; take rendered-veri")
    some = _chosen(name, vehicles)
    rows = []

    def enter(what: str, feature: str, shots: pd.DataFrame, distances: np.ndarray) -> None:
        query = np.flatnonzero(shots["query"])
        found = score(shots, query, distances)
        cars = shots["vehicle_id"].nunique()
        rows.append((what, feature, cars, len(query), *(round(v, 2) for v in found)))

    images, backgrounds = [], []
    for shot in everything.itertuples():
        image = np.asarray(Image.open(folder / dataset.image_path(name, shot)))
        mask = np.asarray(Image.open(folder / dataset.mask_path("vehicle", shot)))
        images.append(image)
        backgrounds.append(blanked(image, mask))
    for what, pictures in (("background alone", backgrounds), ("whole image", images)):
        for feature, compute in FEATURES.items():
            enter(what, feature, everything, _apart(compute(pictures)))
    enter("oracle: model and paint", "", everything, oracle(everything))

    jobs = [(name, int(s.vehicle_id), int(s.shot)) for s in some.itertuples()]
    with dataset.renderers(workers) as pool:
        bare = list(pool.map(_without_cues, jobs, chunksize=8))
    for feature, compute in FEATURES.items():
        enter("rendered without cues", feature, some, _apart(compute(bare)))
    enter("oracle: model and paint", "", some, oracle(some))

    table = pd.DataFrame(rows, columns=["what", "feature", "vehicles", "queries", "mAP", "top1"])
    table.insert(0, "dataset", name)
    with atomic(Path(out)) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n")
    return table
