"""Leak audit: can vehicles be told apart by anything but model, paint and cues?

Nearest-neighbour re-identification of test vehicles by VeRi's protocol (good: the same vehicle
in another camera; junk: in the same camera), with plain features of

- the background alone: the vehicle's mask, widened by a few pixels, blanked out;
- the same shots rendered again without identity cues.

Neither may beat the oracle that knows model and paint and guesses among the vehicles that
share both. Beside them: which camera took a picture, and from which side, known alone; a random
order; and in how many of the shots rendered again the cues can be seen at all.
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
from rendering.develop import through_jpeg
from rendering.seen import PIXELS, differing
from rnnha.methods.oracle import agreement
from rnnha.paths import atomic
from rnnha.scoring.ranking import evaluate

SIZE = 64  # pixels a side, after a square resize
SEEN_AT = 96  # pixels a side, the ablation's, at which cues have to be seen
COLUMNS = ["dataset", "what", "feature", "vehicles", "images", "measure", "value"]
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
    return agreement(shots, shots, ["model", "paint"])


def _without_cues(job: tuple[str, int, int]) -> np.ndarray:
    return through_jpeg(dataset.render_one(*job, cues=(), masks=False).image)


def _chosen(name: str, vehicles: int) -> pd.DataFrame:
    """All shots of some test vehicles, whole models at a time: look-alikes are the question."""
    test = dataset.plan(name).query("split == 'test'")
    cars = test.drop_duplicates("vehicle_id").sort_values(["model", "paint"], kind="stable")
    models = cars["model"].unique()[:: max(1, round(len(cars) / vehicles))]
    ids = cars.loc[cars["model"].isin(models), "vehicle_id"].iloc[:vehicles]
    return test[test["vehicle_id"].isin(ids)].reset_index(drop=True)


def _images(name: str, folder: Path, shots: pd.DataFrame) -> list[np.ndarray]:
    return [
        np.asarray(Image.open(folder / dataset.image_path(name, shot)))
        for shot in shots.itertuples()
    ]


def _retrieval(shots: pd.DataFrame, ways: dict[tuple[str, str], np.ndarray]) -> list[tuple]:
    """What, feature, vehicles, queries, measure and value of distances by what and feature."""
    query, cars = np.flatnonzero(shots["query"]), shots["vehicle_id"].nunique()
    return [
        (*way, cars, len(query), measure, value)
        for way, distances in ways.items()
        for measure, value in zip(("mAP", "top1"), score(shots, query, distances), strict=True)
    ]


def audit(name: str, folder: Path, out: Path, *, vehicles: int = 60, workers: int = 2):
    """Audit the rendered set in `folder`; writes the table to the CSV `out` and returns it.

    Columns: COLUMNS. Values are mAP and top-1 over queries, and of "cues seen" shares of shots, in
    percent. Needs mitsuba, since shots of `vehicles` test vehicles are rendered again without
    cues. Raises ValueError for a set without cameras, to which VeRi's protocol does not apply.
    """
    everything = dataset.plan(name).query("split == 'test'").reset_index(drop=True)
    if everything["camera"].isna().any():
        raise ValueError(f"{name} has no cameras, which the audit needs; take rendered-veri")
    images, some = _images(name, folder, everything), _chosen(name, vehicles)
    masks = [
        np.asarray(Image.open(folder / dataset.mask_path("vehicle", shot)))
        for shot in everything.itertuples()
    ]
    pictures = {
        "background alone": [blanked(*pair) for pair in zip(images, masks, strict=True)],
        "whole image": images,
    }
    knows = "oracle: model and paint"
    rows = _retrieval(
        everything,
        {
            ("a random order", ""): np.zeros((len(everything),) * 2, np.float32),
            ("camera alone", ""): agreement(everything, everything, ["camera"]),
            ("side alone", ""): agreement(everything, everything, ["view"]),
            **{
                (what, feature): _apart(compute(shown))
                for what, shown in pictures.items()
                for feature, compute in FEATURES.items()
            },
            (knows, ""): oracle(everything),
        },
    )
    jobs = [(name, int(s.vehicle_id), int(s.shot)) for s in some.itertuples()]
    with dataset.renderers(workers) as pool:
        bare = list(pool.map(_without_cues, jobs, chunksize=8))
    ways = {("rendered without cues", f): _apart(compute(bare)) for f, compute in FEATURES.items()}
    rows += _retrieval(some, ways | {(knows, ""): oracle(some)})
    seen = [differing(*two, SEEN_AT) for two in zip(_images(name, folder, some), bare, strict=True)]
    cars = some["vehicle_id"].nunique()
    for measure, share in (
        (f"{PIXELS} pixels", np.mean([pixels >= PIXELS for pixels, _ in seen])),
        ("2 spots", np.mean([spots >= 2 for _, spots in seen])),
    ):
        rows.append(("cues seen", f"{SEEN_AT} pixels", cars, len(some), measure, 100 * share))
    table = pd.DataFrame([(name, *row) for row in rows], columns=COLUMNS)
    with atomic(Path(out)) as temporary:
        table.to_csv(temporary, index=False, lineterminator="\n", float_format="%.2f")
    return table
