"""What a trained network made of the test images of a data set: embeddings and maps, by name.

It comes from the `embeddings.npz` of a finished run, or is computed from a checkpoint. Notebooks
and figures look at this and nothing else.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from rnnha import experiments, methods
from rnnha.data import sets
from rnnha.data.manifest import Benchmark, names_of
from rnnha.data.subset import test_images
from rnnha.images.cache import Images
from rnnha.images.decode import read_mask
from rnnha.methods.network import load_checkpoint
from rnnha.runs import compare, folder
from rnnha.scoring import cams, ranking
from rnnha.training.embedding import embed

MAPS = {"attention": "attention", "gradcam": "Grad-CAM"}  # name in embeddings.npz: title
KNOWN = ["model", "paint", "view", "cues", "visible_cues"]  # of the side-car


@dataclass(frozen=True)
class Outcome:
    """A network and its N test images.

    images: the manifest's rows with the image's name as index; query and gallery, whether the
        image is searched with, and searched; for rendered sets model, paint, view, cues and
        visible_cues.
    vectors: "o2" and, where the network has it, "o1": float32 [N, H], L2-normalised.
    maps: "attention" and "Grad-CAM", float32 [N, h, w], as far as there are.
    """

    title: str
    benchmark: Benchmark
    images: pd.DataFrame
    vectors: dict[str, NDArray[np.float32]]
    maps: dict[str, NDArray[np.float32]]

    def position(self, name: str) -> int:
        """Place of an image; KeyError where there is no such test image."""
        if name not in self.images.index:
            raise KeyError(f"{self.title} has no test image {name!r}; try {self.images.index[0]!r}")
        return self.images.index.get_loc(name)

    def views(self, name: str) -> dict[str, NDArray]:
        """The maps of one image by title, each [h, w]."""
        return {title: values[self.position(name)] for title, values in self.maps.items()}

    def nearest(self, name: str, count: int = 5, by: str = "o2") -> pd.DataFrame:
        """The gallery images nearest to an image, nearest first, as the protocol ranks them.

        Junk is left out: the image itself, and its vehicle in the same camera. Columns of
        `images`, and distance (Euclidean, of the L2-normalised `by`) and right (same vehicle).
        """
        place, vectors = self.position(name), self.vectors[by]
        query = self.images.iloc[place]
        found = self.images.assign(
            distance=np.linalg.norm(vectors - vectors[place], axis=1),
            right=self.images["vehicle_id"] == query["vehicle_id"],
        )
        junk = found["right"] & (found["camera_id"] == query["camera_id"]).fillna(False)
        found = found[found["gallery"] & ~junk & (found.index != name)]
        return found.sort_values("distance", kind="stable").head(count)

    def cue_mask(self, name: str) -> NDArray[np.bool_] | None:
        """Where the identity cues of an image are visible, bool [H, W]; None for real images."""
        if not self.benchmark.synthetic:
            return None
        return read_mask(self.benchmark.mask(self.images.loc[name, "path"], "cues"))

    def pick(self, vehicles: int, images: int, seed: int = 0) -> list[str]:
        """Names of `images` images of each of some vehicles, chosen by chance and not by hand.

        Vehicles with fewer images are passed over; an image that shows a cue of its vehicle comes
        before one that shows none.
        """
        rng = np.random.default_rng(seed)
        counts = self.images["vehicle_id"].value_counts()
        candidates = np.sort(counts.index[counts >= images].to_numpy())
        names: list[str] = []
        for vehicle in rng.choice(candidates, min(vehicles, len(candidates)), replace=False):
            own = self.images.index[self.images["vehicle_id"] == vehicle].to_numpy(str)
            own = rng.permutation(np.sort(own)).tolist()
            if self.benchmark.synthetic:
                own.sort(key=lambda name: not self.cue_mask(name).any())
            names += own[:images]
        return names


@lru_cache(maxsize=8)
def of_run(dataset: str, experiment: str, seed: int) -> Outcome:
    """What a finished run left; KeyError for an unknown row, FileNotFoundError for a missing run,
    ValueError for a system that embeds nothing.

    The message says how to make the run. Only one's own runs can be opened: the committed
    reference has neither maps nor embeddings.
    """
    expect_embeddings(experiment)
    row, benchmark = experiments.row(experiment), sets.load(dataset)
    run = folder.locate(benchmark.name, row.slug, seed)
    arrays = run.embeddings() if run.complete else None
    if arrays is None:
        raise FileNotFoundError(
            f"no finished run with embeddings in {run.path}; make it with "
            f"`rnnha run {row.slug} --dataset {dataset} --seed {seed}`"
        )
    return _outcome(f"{row.title}, seed {seed}", benchmark, arrays)


def expect_embeddings(experiment: str) -> None:
    """KeyError for an unknown row, ValueError for one that compares images without embeddings."""
    row = experiments.row(experiment)
    if not methods.of(row).embeds:
        raise ValueError(
            f"{row.title} compares images without embedding them, so there is nothing to open; "
            f"`rnnha run {row.slug}` trains and scores it"
        )


@lru_cache(maxsize=4)
def shipped(dataset: str, checkpoint: Path = compare.CHECKPOINT) -> Outcome:
    """What a shipped network makes of the test images: 20 to 40 s, the first time."""
    return of_checkpoint(sets.load(dataset), checkpoint)


def scores(dataset: str, experiment: str, seed: int, source: Path | None = None) -> pd.DataFrame:
    """How the maps of a finished run scored, see `attention.analyse`; of one's own, or a source's.

    Raises FileNotFoundError for a run whose maps were not scored.
    """
    run = folder.locate(sets.name_of(dataset), experiment, seed, source)
    if (found := run.attention()) is None:
        raise FileNotFoundError(
            f"{run.path}: no scores of maps; maps are scored for rows with attention, on rendered "
            "sets, where the cues are known; choose another experiment or data set"
        )
    return found


def of_checkpoint(benchmark: Benchmark, checkpoint: Path) -> Outcome:
    """Embed the test images with a checkpoint: some 10 s for a thousand images on one core.

    Raises as `load_checkpoint` does.
    """
    model, info = load_checkpoint(checkpoint)
    images = test_table(benchmark)
    pixels = Images(images["path"], info["image_size"])
    arrays = embed(model, pixels, torch.device("cpu"))
    arrays |= {"names": images.index.to_numpy(str), "gradcam": cams.cam_maps(model, pixels)}
    title = f"{experiments.row(info['row']).title}, {Path(checkpoint).name}"
    return _outcome(title, benchmark, arrays)


def test_table(benchmark: Benchmark) -> pd.DataFrame:
    """The scored test images, each once, by name, as `Outcome.images` describes."""
    test = benchmark.manifest[benchmark.manifest["split"] != "train"]
    test = test.assign(name=names_of(test))
    images = test_images(benchmark)
    images = images.set_index(names_of(images).rename("name"))
    for side in ("query", "gallery"):  # VeRi's queries are both; where the split is test, all are
        images[side] = images.index.isin(test.loc[test["split"].isin([side, "test"]), "name"])
    if benchmark.side_car is None:
        return images
    return images.join(benchmark.rendered(*KNOWN))


def _outcome(title: str, benchmark: Benchmark, arrays: dict[str, NDArray]) -> Outcome:
    images = test_table(benchmark).loc[arrays["names"]]
    vectors = {name: ranking.unit(arrays[name]) for name in ("o1", "o2") if name in arrays}
    maps = {title: arrays[name] for name, title in MAPS.items() if name in arrays}
    return Outcome(title, benchmark, images, vectors, maps)


def finished() -> dict[str, list[tuple[str, int]]]:
    """(experiment, seed) of the runs that can be opened, by data set, in the table's order."""
    order = [row.slug for row in experiments.EVERY]
    found: dict[str, list[tuple[str, int]]] = {}
    for run in folder.every(folder.own()):
        if run.slug in order and run.has_embeddings:
            found.setdefault(run.dataset, []).append((run.slug, run.seed))
    return {k: sorted(v, key=lambda run: (order.index(run[0]), run[1])) for k, v in found.items()}
