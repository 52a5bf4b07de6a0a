"""How each data set is scored, from a Benchmark and distances to per-query values and metrics.

| benchmark.protocol | what `score` gives                                                       |
|--------------------|--------------------------------------------------------------------------|
| veri               | image-to-image (primary; same vehicle in the same camera is junk), and,  |
|                    | with tracks, image-to-track-min and image-to-track-mean                  |
| vehicleid          | vehicleid-10-draws, per test list: one image a vehicle is the gallery,   |
|                    | all others are queries; a draw is a trial                                |
| cross-camera       | cross-camera: query against gallery, no junk                             |

Exploratory variants carry a suffix: " [o1,o2]" (another embedding), " (front)", " (rear)";
" (look-alikes)" is the fine question by itself, and " (same type)" what comes nearest to it on real
photographs, see `scoring.look_alikes`.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from rnnha import paths
from rnnha.data.manifest import Benchmark, names_of
from rnnha.data.matches import expect_matches
from rnnha.files import DataError
from rnnha.scoring import ranking
from rnnha.scoring.draws import TRIALS, gallery_draws

Embed = Callable[[pd.DataFrame], NDArray]
Distance = Callable[[pd.DataFrame, pd.DataFrame], NDArray]

VIEWS = {
    "front": ("front", "front-left", "front-right"),
    "rear": ("rear", "rear-left", "rear-right"),
}
METRICS = ("mAP", "mAP-trapezoid", "top1", "top5", "top10")
UNMATCHED = "queries without match"
_PART = ["test_size", "protocol", "trial"]


def kept_draws() -> Path:
    """Where the draws of VehicleID's galleries are kept, so that all rows have the same ones."""
    return paths.RESULTS / "protocols"


def score(
    benchmark: Benchmark,
    *,
    embed: Embed | None = None,
    distance: Distance | None = None,
    view: str | None = None,
    label: str = "",
    draws: Path | None | Callable[[], Path] = kept_draws,
) -> pd.DataFrame:
    """Score one method by every protocol of the benchmark: one row a query, protocol and trial.

    Give one of
    embed: function (manifest rows) -> float32 [N, D], compared by Euclidean distance after L2
        normalisation. It is called often: look up what was computed once (see `by_name`).
    distance: function (query rows, gallery rows) -> float32 [Q, G], smaller is more alike, for
        methods with a distance of their own. Called for blocks of queries.
    Rows are those of the manifest, with the image's file name as column `name`.

    view: "front" or "rear" keeps images taken from that side (rendered sets know it).
    label: what was embedded, if not the method's own choice ("o1,o2"); becomes the suffix.
    draws: folder of the VehicleID draws, <dataset>.csv; None draws without keeping.

    Columns: test_size (str), protocol, trial, query (file name), vehicle_id, ap, ap_trapezoid
    (0..1, NaN without a good match), first_rank (0 without), n_gallery.
    Raises ValueError (DataError for what the set lacks) on shapes, NaN and unknown views, and
    DataError where no query of the whole set has a match; one of a view may have none.
    """
    if (embed is None) == (distance is None):
        raise ValueError("give either embed or distance")
    suffix = (f" [{label}]" if label else "") + (f" ({view})" if view else "")
    parts = []
    folder = draws() if callable(draws) else draws
    for test_size, protocol, trial, query, gallery in trials(benchmark, view, folder):
        junk = benchmark.protocol == "veri"
        scores = rank_images(query, gallery, embed, distance, junk)
        parts.append(frame(test_size, protocol + suffix, trial, query, len(gallery), scores))
        if protocol == "image-to-image" and gallery["track_id"].notna().any():
            tracks = _Tracks(gallery)
            for how in ("min", "mean"):
                scores = tracks.score(query, embed, distance, how)
                parts.append(
                    frame(
                        test_size,
                        f"image-to-track-{how}{suffix}",
                        trial,
                        query,
                        len(tracks.table),
                        scores,
                    )
                )
    found = pd.concat(parts, ignore_index=True)
    if view is None and not found["first_rank"].any():
        expect_matches(benchmark)  # says why
    return found


def by_name(names: Sequence[str], vectors: ArrayLike) -> Embed:
    """`embed` that looks up vectors [N, D], computed once, by the images' file names [N]."""
    index = pd.Index(names)
    vectors = np.asarray(vectors)
    if len(index) != len(vectors):
        raise ValueError(f"{len(index):,} names for {len(vectors):,} embeddings; expected as many")
    if not index.is_unique:
        twice = index[index.duplicated()][0]
        raise ValueError(f"two embeddings are named {twice}; expected one an image")

    def embed(rows: pd.DataFrame) -> NDArray:
        found = index.get_indexer(rows["name"])
        if (found < 0).any():
            raise ValueError(
                f"no embedding for {(found < 0).sum():,} of {len(rows):,} images, "
                f"the first {rows['name'].iloc[int(np.argmax(found < 0))]}"
            )
        return vectors[found]

    return embed


def values(per_query: pd.DataFrame, metric: str) -> pd.Series:
    """What each query adds to `metric`, in percent; NaN for a query without a good match."""
    if metric == "mAP":
        return 100 * per_query["ap"]
    if metric == "mAP-trapezoid":
        return 100 * per_query["ap_trapezoid"]
    if metric not in METRICS:
        raise ValueError(f"metric {metric!r}; expected one of {', '.join(METRICS)}")
    hit = 100.0 * (per_query["first_rank"] <= int(metric.removeprefix("top")))
    return hit.where(per_query["first_rank"] > 0)


def summarise(per_query: pd.DataFrame) -> pd.DataFrame:
    """Tidy metrics in percent: test_size, protocol, trial, metric, value, n_query, n_gallery.

    Means over the n_query queries that have a good match, as n_gallery is where queries have
    galleries of their own. How many have none is the metric
    "queries without match" (a number, not percent). A VehicleID figure is the mean of its trials.
    """
    rows = []
    for part, of_part in per_query.groupby(_PART, sort=False):
        matched = int((of_part["first_rank"] > 0).sum())
        counts = {"n_query": matched, "n_gallery": round(of_part["n_gallery"].mean())}
        found = {metric: float(values(of_part, metric).mean()) for metric in METRICS}
        found[UNMATCHED] = float(len(of_part) - matched)
        rows += [
            dict(zip(_PART, part, strict=True), metric=metric, value=value, **counts)
            for metric, value in found.items()
        ]
    return pd.DataFrame(rows, columns=[*_PART, "metric", "value", "n_query", "n_gallery"])


def trials(benchmark: Benchmark, view: str | None, draws: Path | None) -> Iterator[tuple]:
    """(test size, protocol, trial, query rows, gallery rows) of all that is to be ranked."""
    if benchmark.protocol != "vehicleid":
        protocol = "image-to-image" if benchmark.protocol == "veri" else "cross-camera"
        query, gallery = (
            _of_view(benchmark, rows, view) for rows in (benchmark.query, benchmark.gallery)
        )
        if query.empty or gallery.empty:
            raise DataError(
                f"{benchmark.name}: {len(query):,} query and {len(gallery):,} gallery "
                f"images{f' of view {view}' if view else ''}; expected some of both"
            )
        yield "test", protocol, 0, query, gallery
        return
    test = _of_view(benchmark, benchmark.split("test"), view)
    lists = {
        size: test[test["name"].isin(set(names))] for size, names in benchmark.test_lists.items()
    }
    file = (
        None
        if draws is None
        else Path(draws) / (f"{benchmark.name}{f'-{view}' if view else ''}.csv")
    )
    drawn = gallery_draws(lists, file)
    for size, images in lists.items():
        for trial in range(TRIALS):
            chosen = images["name"].isin(drawn[size][trial])
            yield str(size), "vehicleid-10-draws", trial, images[~chosen], images[chosen]


def _of_view(benchmark: Benchmark, rows: pd.DataFrame, view: str | None) -> pd.DataFrame:
    rows = rows.assign(name=names_of(rows))
    if view is None:
        return rows
    if view not in VIEWS:
        raise ValueError(f"view {view!r}; expected one of {', '.join(VIEWS)}")
    if benchmark.side_car is None:
        raise DataError(f"{benchmark.name}: views are not known; only rendered sets tell them")
    side_car = benchmark.side_car
    names = side_car.loc[side_car["view"].isin(VIEWS[view]), "image"]
    return rows[rows["name"].isin(set(names))].reset_index(drop=True)


def rank_images(
    query: pd.DataFrame,
    gallery: pd.DataFrame,
    embed: Embed | None,
    distance: Distance | None,
    junk: bool,
) -> ranking.Scores:
    """Rank rows of the manifest as `score` does. junk: leave out what the query's camera saw."""
    cameras = _cameras(query, gallery) if junk else (None, None)
    vectors = (embed(query), embed(gallery)) if embed else (None, None)
    return ranking.evaluate(
        *vectors,
        query["vehicle_id"].to_numpy(),
        gallery["vehicle_id"].to_numpy(),
        *cameras,
        distances=distance and (lambda rows: distance(query.iloc[rows], gallery)),
        query_names=query["name"].to_numpy(),
        gallery_names=gallery["name"].to_numpy(),
    )


def _cameras(query: pd.DataFrame, gallery: pd.DataFrame) -> tuple[NDArray, NDArray]:
    """Camera numbers; an unknown camera equals no other, so it makes no junk."""
    return (
        query["camera_id"].fillna(-1).to_numpy(np.int64),
        gallery["camera_id"].fillna(-2).to_numpy(np.int64),
    )


class _Tracks:
    """A gallery of tracks; an image without a track is a track of its own."""

    def __init__(self, gallery: pd.DataFrame):
        track = gallery["track_id"].fillna(gallery["name"]).astype(str)
        self.images = gallery.assign(track=track).sort_values(["track", "name"], kind="stable")
        self.table = self.images.drop_duplicates("track")
        labels = self.images[["track", "vehicle_id", "camera_id"]].drop_duplicates()
        mixed = labels.loc[labels["track"].duplicated(), "track"]
        if len(mixed):
            raise DataError(
                f"track {mixed.iloc[0]} holds several vehicles or cameras; "
                "expected images of one vehicle seen by one camera"
            )
        new = ~self.images["track"].duplicated().to_numpy()
        self.starts = np.flatnonzero(new)
        self.lengths = np.diff(np.append(self.starts, len(self.images))).astype(np.float32)

    def score(self, query: pd.DataFrame, embed, distance, how: str) -> ranking.Scores:
        """Rank tracks by the least or the mean distance over their images."""
        if embed is not None:
            queries = ranking.unit(embed(query), query["name"].to_numpy(), "query")
            gallery = ranking.unit(embed(self.images), self.images["name"].to_numpy(), "gallery")

        def block(rows: slice) -> NDArray[np.float32]:
            found = (
                ranking.euclidean(queries[rows], gallery)
                if embed is not None
                else distance(query.iloc[rows], self.images)
            )
            if how == "min":
                return np.minimum.reduceat(found, self.starts, axis=1)
            return np.add.reduceat(found, self.starts, axis=1) / self.lengths

        return ranking.evaluate(
            None,
            None,
            query["vehicle_id"].to_numpy(),
            self.table["vehicle_id"].to_numpy(),
            *_cameras(query, self.table),
            distances=block,
            gallery_names=self.table["track"],
        )


def frame(test_size, protocol, trial, query, n_gallery, scores) -> pd.DataFrame:
    """What `score` returns of one trial: a row for each of the manifest's rows `query`."""
    return pd.DataFrame(
        {
            "test_size": test_size,
            "protocol": protocol,
            "trial": trial,
            "query": query["name"].to_numpy(),
            "vehicle_id": query["vehicle_id"].to_numpy(),
            **scores._asdict(),
            "n_gallery": n_gallery,
        }
    )
