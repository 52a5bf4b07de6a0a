"""Look into a finished run: its maps, its mistakes, image by image.

Everything shown comes from the run's `embeddings.npz` (embeddings, attention and Grad-CAM maps of
all test images), so nothing is computed but the distances of one query. Image files are read when
they are shown. `figure` is the picture, `explorer` the same with widgets to choose what it shows.
"""

from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import ipywidgets as widgets
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

from rnnha import experiments, paths, plots
from rnnha.data.benchmark import NAMES, Benchmark, load
from rnnha.data.images import read_image

NEAREST = 5


@dataclass(frozen=True)
class Run:
    """A finished run and its N test images, in the order of `embeddings.npz`.

    images: the manifest's rows with the image's `name` as index and `gallery`, whether the image
    is searched. o2: float32 [N, H], L2-normalised. maps: "attention" and "Grad-CAM", each float32
    [N, h, w], where the row has them.
    """

    title: str
    benchmark: Benchmark
    images: pd.DataFrame
    o2: NDArray[np.float32]
    maps: dict[str, NDArray[np.float32]]

    def position(self, name: str) -> int:
        """Place of an image; KeyError where the run has no such test image."""
        if name not in self.images.index:
            raise KeyError(f"{self.title} has no test image {name!r}; try {self.images.index[0]!r}")
        return self.images.index.get_loc(name)

    def nearest(self, name: str, count: int = NEAREST) -> pd.DataFrame:
        """The gallery images nearest to an image, nearest first, as the protocol ranks them.

        Junk is left out: the image itself, and its vehicle in the same camera. Columns of
        `images`, and distance (Euclidean, of L2-normalised o2) and right (the same vehicle).
        """
        query = self.images.iloc[self.position(name)]
        found = self.images.assign(
            distance=np.linalg.norm(self.o2 - self.o2[self.position(name)], axis=1),
            right=self.images["vehicle_id"] == query["vehicle_id"],
        )
        junk = found["right"] & (found["camera_id"] == query["camera_id"]).fillna(False)
        found = found[found["gallery"] & ~junk & (found.index != name)]
        return found.sort_values("distance", kind="stable").head(count)

    def cue_mask(self, name: str) -> NDArray[np.bool_] | None:
        """Where the identity cues of an image are visible, bool [H, W]; None for real images."""
        if not self.benchmark.synthetic:
            return None
        with Image.open(self.benchmark.mask(self.images.loc[name, "path"], "cues")) as picture:
            return np.asarray(picture.convert("L")) > 0

    def views(self, name: str) -> dict[str, NDArray]:
        """The maps of one image by title, each [h, w]."""
        return {title: values[self.position(name)] for title, values in self.maps.items()}


@lru_cache(maxsize=8)
def open_run(dataset: str, experiment: str, seed: int) -> Run:
    """The finished run of a row; KeyError for an unknown row, FileNotFoundError for a missing run.

    The message says how to make the run. Only one's own runs can be opened: the committed
    reference has neither maps nor embeddings.
    """
    row = experiments.row(experiment)
    benchmark = load(dataset)
    folder = paths.run_dir(benchmark.name, row.slug, seed)
    if not ((folder / "metrics.csv").exists() and (folder / "embeddings.npz").exists()):
        raise FileNotFoundError(
            f"no finished run with embeddings in {folder}; make it with "
            f"`rnnha run {row.slug} --dataset {dataset} --seed {seed}`"
        )
    with np.load(folder / "embeddings.npz", allow_pickle=False) as stored:
        arrays = {name: stored[name] for name in stored.files}
    norms = np.linalg.norm(arrays["o2"], axis=1, keepdims=True)
    titles = {"attention": "attention", "gradcam": "Grad-CAM"}
    return Run(
        f"{row.title}, seed {seed}",
        benchmark,
        _test_images(benchmark, arrays["names"]),
        arrays["o2"] / np.maximum(norms, 1e-12),
        {title: arrays[name] for name, title in titles.items() if name in arrays},
    )


def _test_images(benchmark: Benchmark, names: NDArray) -> pd.DataFrame:
    test = benchmark.manifest[benchmark.manifest["split"] != "train"]
    test = test.assign(name=test["path"].map(lambda path: Path(path).name))
    # VeRi's queries are files of its gallery too; where the set has no gallery, all is searched.
    searched = set(test.loc[test["split"].isin(["gallery", "test"]), "name"])
    rows = test.drop_duplicates("name").set_index("name").loc[names]
    return rows.assign(gallery=rows.index.isin(searched))


def finished() -> dict[str, list[tuple[str, int]]]:
    """(experiment, seed) of the runs that can be opened, by data set, in the table's order."""
    order = [row.slug for row in (*experiments.ROWS, experiments.STAGE0)]
    found: dict[str, list[tuple[str, int]]] = {}
    for file in sorted((paths.RESULTS / "runs").glob("*/*/seed*/embeddings.npz")):
        dataset, experiment, seed = file.parts[-4:-1]
        if (file.parent / "metrics.csv").exists():
            found.setdefault(dataset, []).append((experiment, int(seed.removeprefix("seed"))))
    return {k: sorted(v, key=lambda run: (order.index(run[0]), run[1])) for k, v in found.items()}


def pick(run: Run, vehicles: int, images: int, seed: int = 0) -> list[str]:
    """Names of some test images, chosen by chance rather than by hand: `images` of each vehicle.

    Vehicles with fewer images are passed over; an image whose vehicle shows a cue there comes
    before one that shows none.
    """
    rng = np.random.default_rng(seed)
    counts = run.images["vehicle_id"].value_counts()
    candidates = np.sort(counts.index[counts >= images].to_numpy())
    chosen = rng.choice(candidates, min(vehicles, len(candidates)), replace=False)
    names: list[str] = []
    for vehicle in chosen:
        own = rng.permutation(run.images.index[run.images["vehicle_id"] == vehicle].to_numpy())
        if run.benchmark.synthetic:
            own = sorted(own, key=lambda name: not run.cue_mask(name).any())
        names += [str(name) for name in own[:images]]
    return names


def pixels(path: str | Path) -> NDArray[np.uint8]:
    """An image file as uint8 [H, W, 3]."""
    return read_image(path).permute(1, 2, 0).numpy()


def grid(run: Run, names: list[str], strength: float = 0.5) -> Figure:
    """Images with the attention map of step 2, Grad-CAM and cue masks below: the poster's figure.

    Raises ValueError for a row without attention.
    """
    if "attention" not in run.maps:
        raise ValueError(f"{run.title} has no attention maps")
    places = [run.position(name) for name in names]
    rows = run.images.iloc[places]
    return plots.attention_grid(
        [pixels(path) for path in rows["path"]],
        run.maps["attention"][places],
        f"Where step 2 looks: {run.title}, {run.benchmark.name}",
        cams=run.maps["Grad-CAM"][places] if "Grad-CAM" in run.maps else None,
        masks=[run.cue_mask(name) for name in names] if run.benchmark.synthetic else None,
        titles=[f"vehicle {v}" for v in rows["vehicle_id"]],
        strength=strength,
    )


def figure(
    dataset: str, experiment: str, seed: int, image_name: str, strength: float = 0.5
) -> Figure:
    """One test image with its maps and cue mask, and the five nearest images of the gallery.

    strength: of the overlay, in [0, 1]. Raises KeyError for an unknown row or image and
    FileNotFoundError for a run that is not there.
    """
    run = open_run(dataset, experiment, seed)
    row = run.images.iloc[run.position(image_name)]
    image, mask = pixels(row["path"]), run.cue_mask(image_name)
    top = {f"vehicle {row['vehicle_id']}\n{_seen_by(row)}": image}
    for title, heat in run.views(image_name).items():
        top[title] = plots.overlay(image, heat, strength)
    if mask is not None:
        top["cue mask"] = plots.mask_overlay(image, mask)
    canvas = Figure(figsize=(2 * NEAREST, 5.2), dpi=80)
    canvas.subplots_adjust(left=0.02, right=0.98, bottom=0.02, top=0.84, wspace=0.06, hspace=0.35)
    axes = canvas.subplots(2, NEAREST)
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (title, picture) in zip(axes[0], top.items(), strict=False):
        ax.imshow(picture)
        ax.set_title(title, fontsize=10)
    for rank, (ax, found) in enumerate(
        zip(axes[1], run.nearest(image_name).itertuples(), strict=False), start=1
    ):
        sign, colour = ("✓", plots.RIGHT) if found.right else ("✗", plots.WRONG)
        ax.set_axis_on()
        ax.imshow(pixels(found.path))
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set(color=colour, linewidth=4)
        ax.set_title(f"{rank} {sign} {found.vehicle_id}  d {found.distance:.2f}", fontsize=10,
                     color=colour)  # fmt: skip
    canvas.suptitle(f"{run.title}: {image_name}; below, the nearest gallery images", fontsize=11)
    return canvas


def _seen_by(row: pd.Series) -> str:
    camera = "" if pd.isna(row["camera_id"]) else f", camera {row['camera_id']}"
    return f"{'' if pd.isna(row['type']) else row['type']}{camera}"


def explorer(dataset: str, experiment: str = "rnn-ha", seed: int = 0) -> widgets.VBox:
    """Widgets to choose data set, method, vehicle and image, and the overlay's strength.

    Starts with the given run; offers every finished run with embeddings. Raises as `open_run`.
    """
    first, runs = open_run(dataset, experiment, seed), finished()
    runs = {dataset: runs[first.benchmark.name]} | {k: v for k, v in runs.items() if k in NAMES}
    sets = widgets.Dropdown(options=list(runs), value=dataset, description="data set")
    methods = widgets.Dropdown(description="method")
    vehicles = widgets.Dropdown(description="vehicle")
    images = widgets.Dropdown(description="image", layout={"width": "420px"})
    strength = widgets.FloatSlider(0.5, min=0, max=1, step=0.05, description="overlay",
                                   continuous_update=False)  # fmt: skip
    picture = widgets.Image(format="png")

    def offer(widget: widgets.Dropdown, options: dict) -> None:
        """Put options (label -> value) into a widget; what was chosen stays if it is offered."""
        before = widget.value
        widget.options = options
        values = list(options.values())
        widget.value = before if before in values else values[0]

    def offer_methods() -> None:
        offer(methods, {f"{experiments.row(e).title}, seed {k}": (e, k)
                        for e, k in runs[sets.value]})  # fmt: skip

    def offer_vehicles() -> None:
        kinds = open_run(sets.value, *methods.value).images.groupby("vehicle_id")["type"].first()
        offer(vehicles, {f"{v}" if pd.isna(kind) else f"{v}, {kind}": int(v)
                         for v, kind in kinds.items()})  # fmt: skip

    def offer_images() -> None:
        rows = open_run(sets.value, *methods.value).images
        names = rows.index[rows["vehicle_id"] == vehicles.value]
        offer(images, {name: name for name in sorted(names)})

    def draw() -> None:
        stream = BytesIO()
        figure(sets.value, *methods.value, images.value, strength.value).savefig(stream)
        picture.value = stream.getvalue()

    chain = [(sets, offer_methods), (methods, offer_vehicles), (vehicles, offer_images),
             (images, draw)]  # fmt: skip
    filling = False

    def changed(change: dict) -> None:
        """Refill what depends on the changed widget, then draw once."""
        nonlocal filling
        if filling:
            return  # this is one of the refills
        filling = True
        try:
            owners = [widget for widget, _ in chain]
            start = owners.index(change["owner"]) if change["owner"] in owners else len(chain) - 1
            for _, follow in chain[start:]:
                follow()
        finally:
            filling = False

    offer_methods()
    methods.value = (experiment, seed)
    for _, follow in chain[1:]:
        follow()
    for widget in (*(widget for widget, _ in chain), strength):
        widget.observe(changed, names="value")
    choice = widgets.HBox([sets, methods]), widgets.HBox([vehicles, images]), strength
    return widgets.VBox([*choice, picture])
