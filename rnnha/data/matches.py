"""Can a benchmark be scored at all? How many queries have a match, and why the others have none."""

from typing import NamedTuple

import pandas as pd

from rnnha.data.manifest import Benchmark, names_of
from rnnha.files import DataError


class Matches(NamedTuple):
    """How many queries there are, how many of them have an image to find, and it in words.

    Of a set that is scored by draws, the queries of one draw of each test list.
    """

    queries: int
    matched: int
    text: str


def matches(benchmark: Benchmark) -> Matches:
    """Count the queries that have a match by the protocol of the set."""
    if benchmark.protocol == "vehicleid":
        return _of_lists(benchmark)
    query, gallery = benchmark.query, benchmark.gallery
    seen = query["vehicle_id"].isin(gallery["vehicle_id"])
    found = seen & _in_other_camera(query, gallery) if benchmark.protocol == "veri" else seen
    if len(query) and found.all():
        return Matches(len(query), len(query), f"all {len(query):,} queries have a match")
    reasons = (
        ("no gallery image of their vehicle", int((~seen).sum())),
        ("gallery images from their own camera only, which are junk", int((seen & ~found).sum())),
    )
    why = "; ".join(f"{count:,} have {reason}" for reason, count in reasons if count)
    counted = f"{found.sum():,} of {len(query):,} queries have a match"
    return Matches(len(query), int(found.sum()), f"{counted}: {why}" if why else counted)


def expect_matches(benchmark: Benchmark) -> Matches:
    """`matches`; raises DataError where no query has one: there would be nothing to score."""
    found = matches(benchmark)
    if not found.matched:
        raise DataError(
            f"{benchmark.root}: nothing can be scored: {found.text}. "
            + (
                "Give some test vehicles two images or more"
                if benchmark.protocol == "vehicleid"
                else "Give the vehicles of the queries gallery images"
                + (" from other cameras" if benchmark.protocol == "veri" else "")
            )
        )
    return found


def _in_other_camera(query: pd.DataFrame, gallery: pd.DataFrame) -> pd.Series:
    """Whether the gallery has the query's vehicle in another camera; an unknown one is another."""
    known = gallery.dropna(subset="camera_id")
    cameras = known.groupby("vehicle_id")["camera_id"].agg(["min", "max"])
    own = query.join(cameras, on="vehicle_id")
    other = (own["min"] != own["camera_id"]) | (own["max"] != own["camera_id"])
    unknown = gallery.loc[gallery["camera_id"].isna(), "vehicle_id"]
    return ((own["min"].notna() & other.fillna(True)) | query["vehicle_id"].isin(unknown)).astype(
        bool
    )


def _of_lists(benchmark: Benchmark) -> Matches:
    test = benchmark.test
    name = names_of(test)
    parts = []
    for size, names in benchmark.test_lists.items():
        vehicles = test.loc[name.isin(set(names)), "vehicle_id"]
        parts.append((size, len(vehicles) - vehicles.nunique()))
    # An image is drawn of each vehicle for the gallery, so what is left has a match there.
    total = sum(count for _, count in parts)
    if total:
        shown = ", ".join(f"{count:,} of {size:,} vehicles" for size, count in parts)
        return Matches(total, total, f"queries of a draw, each with a match: {shown}")
    why = "no test vehicle has two images, one for the gallery and one to look for it"
    return Matches(0, 0, why if parts else "there is no test list")
