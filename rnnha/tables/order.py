"""Does the poster's order of methods hold here? Its ranks beside ours, and Kendall's tau."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rnnha.runs.results import Results
from rnnha.scoring.intervals import TAIL, resampled_means
from rnnha.tables.differences import expect_comparable
from rnnha.tables.pages import label, of_list, published

FEWEST = 3  # methods, below which an order says nothing


class Order(NamedTuple):
    """Kendall's tau-b of the poster's numbers and ours, with a 95 % interval over test vehicles.

    rows: method, paper and ours (percent), paper_rank and rank (1 is the best), rank_low and
    rank_high: where 95 % of our ranks lie over resampled vehicles.
    """

    tau: float
    low: float
    high: float
    rows: pd.DataFrame

    @property
    def verdict(self) -> str:
        """Whether the poster's order "holds": the interval reaches 1, the same order; it "does not
        hold" where it reaches 0, no relation, and else "holds in part"."""
        same, nothing = np.isclose((self.high, self.low), (1, 0))
        reverse = nothing or self.low < 0
        return "holds" if same else "does not hold" if reverse else "holds in part"


@lru_cache(maxsize=4)  # a sentence, a figure and the answer ask for the same bootstrap
def order(results: Results) -> Order | None:
    """The order by the table's first metric on its largest test list, of the poster's rows that
    have been run; None for fewer than FEWEST. Values are means over seeds."""
    poster = results.poster
    size, metric = poster.largest, poster.metrics[0]
    paper, ours = published(poster, size, metric), {}
    for slug, title, _ in results.rows:
        table = results.by_seed(slug, poster.protocol, size, metric)
        if title in paper and table is not None:
            ours[title] = table.mean(axis=1)
    if len(ours) < FEWEST:
        return None
    run = [slug for slug, title, _ in results.rows if title in ours]
    expect_comparable(results, run, poster.protocol, size)
    values = pd.DataFrame(ours)  # by vehicle, trial and query
    printed = np.array([paper[title] for title in ours])
    means = resampled_means(values, values.index.get_level_values("vehicle_id"))
    drawn = stats.kendalltau(means, np.broadcast_to(printed, means.shape), axis=1).statistic
    ranks = stats.rankdata(-means, axis=1)
    rows = pd.DataFrame({"method": list(ours), "paper": printed, "ours": values.mean().to_numpy()})
    rows["paper_rank"] = stats.rankdata(-printed)
    rows["rank"] = stats.rankdata(-rows["ours"])
    rows["rank_low"], rows["rank_high"] = np.quantile(ranks, [TAIL, 1 - TAIL], axis=0)
    tau = stats.kendalltau(printed, rows["ours"]).statistic
    return Order(float(tau), *np.quantile(drawn, [TAIL, 1 - TAIL]).tolist(), rows)


def sentence(results: Results) -> str:
    """What the orders have in common, in one sentence; empty where `order` is None."""
    if (found := order(results)) is None:
        return ""
    poster = results.poster
    size = of_list(poster.largest)
    return (
        f"The poster's order {found.verdict} here. Order of the poster's {len(found.rows)} methods "
        f"that have been run, by {label(poster.metrics[0])} on {results.data_set.place}{size}: "
        f"Kendall's τ between the poster's order and ours is {found.tau:.2f} (95 % interval "
        f"{found.low:.2f} to {found.high:.2f} over test vehicles, the same trainings; 1 is the "
        "same order, 0 no relation, −1 the reverse)."
    )
