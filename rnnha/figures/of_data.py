"""What a data set holds, and what coarse-to-fine means, in pictures and small tables."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from rnnha.data import sets
from rnnha.data.manifest import Benchmark
from rnnha.figures import maps
from rnnha.images.decode import pixels, read_mask
from rnnha.runs.outcome import Outcome, test_table

# What the kinds of cue are, in words that a table does not cut (pandas shows 50 characters);
# "mark" is that of the sets of the study.
CUES = {
    "sun strip": "a strip along the top of the windscreen",
    "bonnet": "the bonnet in another colour, or two stripes",
    "brow": "the front of a van, bus or lorry above its lamps",
    "bumper corners": "the corners of a bumper in another colour",
    "stickers": "a pattern of stickers on a front or rear window",
    "door": "a door, or as much of the flank, in a colour",
    "band": "a broad band along the flank",
    "slant": "one or two slanting bars across the flank",
    "tail half": "the rear part of the flank in another colour",
    "wheel covers": "plain wheel covers in a colour of their own",
    "tailgate": "the middle of the tail in another colour",
    "rear strip": "a banner across the rear window or the tail",
    "roof": "the roof, or a stripe along it, in another colour",
    "luggage": "boxes on the roof",
    "flags": "two small flags at the edges of the roof",
    "mark": "a square of one colour",
}


def place(benchmark: Benchmark) -> str:
    """The set's name for titles, never without saying that it is synthetic."""
    return sets.title(benchmark.name) + (" (rendered, synthetic)" if benchmark.synthetic else "")


def sheet(
    pictures: Sequence[NDArray[np.uint8]], titles: Sequence[str], title: str = "", columns: int = 6
) -> Figure:
    """A contact sheet of images uint8 [H, W, 3], each with its title, row after row."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = Figure(figsize=(1.9 * columns, 1.85 * rows + 0.5), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for ax in grid.flat:
        ax.set_axis_off()
    for ax, picture, label in zip(grid.flat, pictures, titles, strict=False):
        ax.imshow(picture)
        ax.set_title(label, fontsize=9)
    figure.suptitle(title, wrap=True)
    return figure


# --- a data set ---------------------------------------------------------------------------------


def summary(benchmark: Benchmark) -> pd.DataFrame:
    """One row a split: how many images, vehicles, cameras, tracks, coarse classes, and labels."""
    rows = benchmark.manifest.groupby("split", sort=False)
    return pd.DataFrame(
        {
            "images": rows.size(),
            "vehicles": rows["vehicle_id"].nunique(),
            "images a vehicle": (rows.size() / rows["vehicle_id"].nunique()).round(1),
            "cameras": rows["camera_id"].nunique(),
            "tracks": rows["track_id"].nunique(),
            "coarse classes": rows["coarse_id"].nunique(),
            "images without coarse label": rows["coarse_id"].agg(lambda ids: int(ids.isna().sum())),
        }
    )


def types(benchmark: Benchmark) -> pd.DataFrame:
    """Vehicles of each type in each split; types in the order of their frequency."""
    vehicles = benchmark.manifest.drop_duplicates(["split", "vehicle_id"])
    table = pd.crosstab(vehicles["type"].fillna("unknown"), vehicles["split"])
    return table.loc[table.sum(axis=1).sort_values(ascending=False, kind="stable").index]


def cue_counts(benchmark: Benchmark) -> pd.DataFrame:
    """How many vehicles of a rendered set carry each kind of cue, the share that does, and what
    it is."""
    vehicles = benchmark.side_car.drop_duplicates("vehicle_id")
    counts = vehicles["cues"].str.split(";").explode().value_counts()
    share = (100 * counts / len(vehicles)).round(1)
    told = counts.index.to_series().map(CUES).fillna("")
    return pd.DataFrame({"vehicles": counts, "percent of all": share, "what it is": told})


def one_of_each(benchmark: Benchmark, column: str, seed: int = 0, limit: int = 18) -> Figure:
    """One test image for each value of a column (type, model, camera_id...), chosen by chance.

    Models are shown from the same side. The title says of how many values, where there are more
    than `limit`. KeyError for a column that the set does not have, and
    ValueError where no image has a value in it.
    """
    images = test_table(benchmark).dropna(subset=column)
    if images.empty:
        raise ValueError(f"{benchmark.name}: no test image has a {column}")
    if column == "model":
        images = images[images["view"] == images["view"].value_counts().index[0]]
    chosen = images.sample(frac=1, random_state=seed).drop_duplicates(column).sort_values(column)
    kind, count = column.removesuffix("_id"), len(chosen)
    chosen = chosen.iloc[np.unique(np.linspace(0, count - 1, limit).astype(int))]
    titles = chosen[column].astype(str)
    if column.endswith("_id"):
        titles = f"{kind} " + titles  # a bare number would tell nothing
    what = f"of each {kind}" if count <= limit else f"each of {limit} of the {count} {kind}s"
    return sheet(
        [pixels(p) for p in chosen["path"]], titles, f"{place(benchmark)}: one image {what}"
    )


def one_vehicle(benchmark: Benchmark, seed: int = 0, limit: int = 12) -> Figure:
    """All test images of one vehicle, chosen by chance among those with the most images."""
    images = test_table(benchmark)
    counts = images["vehicle_id"].value_counts()
    vehicle = np.random.default_rng(seed).choice(np.sort(counts.index[counts == counts.max()]))
    own = images[images["vehicle_id"] == vehicle].sort_values(["camera_id", "path"])[:limit]
    titles = own["camera_id"].map(lambda camera: "" if pd.isna(camera) else f"camera {camera}")
    title = f"{place(benchmark)}: vehicle {vehicle}"
    return sheet([pixels(p) for p in own["path"]], titles, title)


def masked(benchmark: Benchmark, names: Sequence[str]) -> Figure:
    """Test images of a rendered set, each above its cue mask and its vehicle mask."""
    images = test_table(benchmark).loc[list(names)]
    pictures, titles = (
        [pixels(p) for p in images["path"]],
        [f"vehicle {v}" for v in images["vehicle_id"]],
    )
    originals = list(pictures)
    for kind in ("cues", "vehicle"):
        for path, original in zip(images["path"], originals, strict=True):
            pictures.append(maps.mask_overlay(original, read_mask(benchmark.mask(path, kind))))
            titles.append(kind)
    return sheet(pictures, titles, f"{place(benchmark)}: images and masks", columns=len(images))


# --- coarse to fine -----------------------------------------------------------------------------


def twins(benchmark: Benchmark, count: int = 4, seed: int = 0) -> list[str]:
    """Names of images of `count` vehicles that share model, paint and view, each with a cue.

    Chosen by chance among all such groups of a rendered set; ValueError where there is none.
    """
    images = test_table(benchmark)
    groups = [
        group
        for _, group in images.groupby(["model", "paint", "view"])
        if group["vehicle_id"].nunique() >= count
    ]
    rng = np.random.default_rng(seed)
    for place in rng.permutation(len(groups)):
        group = groups[place].sort_index()
        seen = [mask_share(benchmark, path) > 0 for path in group["path"]]
        chosen = group[seen].drop_duplicates("vehicle_id")
        if len(chosen) >= count:
            return chosen.index[:count].tolist()
    raise ValueError(
        f"{benchmark.name}: no {count} vehicles of one model, paint and view that "
        "all show a cue; ask for fewer"
    )


def mask_share(benchmark: Benchmark, path: str, kind: str = "cues") -> float:
    """Share of a test image that its mask covers, 0..1."""
    return float(read_mask(benchmark.mask(path, kind)).mean())


def plain(benchmark: Benchmark, names: Sequence[str], title: str = "") -> Figure:
    """Test images by name, each with its vehicle's number; the set's name goes before the title."""
    images = test_table(benchmark).loc[list(names)]
    titles = [f"vehicle {v}" for v in images["vehicle_id"]]
    title = ": ".join(filter(None, [place(benchmark), title]))
    return sheet([pixels(p) for p in images["path"]], titles, title)


def nearest(outcome: Outcome, name: str, found: Mapping[str, pd.DataFrame]) -> Figure:
    """An image and the gallery images that are nearest to it, a row a search; found: what
    `Outcome.nearest` gives, by the name of the search."""
    searches = []
    for search, rows in found.items():
        captions = rows["vehicle_id"].map(lambda vehicle: f"vehicle {vehicle}")
        if "model" in rows:
            captions = captions + "\n" + rows["model"] + "\n" + rows["paint"]
        gallery = [pixels(path) for path in rows["path"]]
        searches.append(maps.Search(search, gallery, rows["right"], captions))
    return maps.retrieval(
        pixels(outcome.images.loc[name, "path"]),
        searches,
        f"{place(outcome.benchmark)}: the nearest images, {outcome.title}",
    )
