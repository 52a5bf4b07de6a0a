"""Differences between rows, paired by query, and the sentence that says what they support.

docs/analysis.md names the one primary comparison and the rule; this is that rule.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from rnnha.data.sets import Poster
from rnnha.experiments import row
from rnnha.runs.folder import finished
from rnnha.runs.results import Results, ResultsError
from rnnha.scoring.intervals import interval, paired_difference
from rnnha.scoring.protocols import values
from rnnha.tables.pages import label, of_list, published

# The row of interest, and the differences (a row, minus another): the first is primary on
# PRIMARY_DATASET, by mAP, image-to-image, with o2. All the rest is exploratory. The last is what
# the coarse label brings where there is neither recurrence nor attention.
SUBJECT = "rnn-ha"
CONTRASTS = (
    (SUBJECT, "rnn-h"),
    (SUBJECT, "fc-ha"),
    (SUBJECT, "two-heads"),
    (SUBJECT, "rnn-ha-unguided"),
    (SUBJECT, "identity-only"),
    ("two-heads", "identity-only"),
)
PRIMARY_DATASET = "rendered-veri"
MINIMUM_SEEDS = 3


@dataclass(frozen=True)
class Difference:
    """A row minus another one, in percentage points, over the seeds that both have."""

    subject: str
    minus: str
    test_size: str
    protocol: str
    metric: str
    value: float
    low: float
    high: float
    smallest: float  # true difference that these data would show with 80 % probability
    by_seed: tuple[float, ...]
    n_vehicles: int
    primary: bool

    @property
    def verdict(self) -> int:
        """+1: the data support `subject`; -1: they support the other row; 0: they cannot tell."""
        if len(self.by_seed) < MINIMUM_SEEDS:
            return 0
        if self.low > 0 and min(self.by_seed) > 0:
            return 1
        if self.high < 0 and max(self.by_seed) < 0:
            return -1
        return 0


def difference(
    results: Results, subject: str, minus: str, protocol: str, test_size: str, metric: str
) -> Difference | None:
    """`subject` minus the row `minus`, or None where the two have no seed in common."""
    ours = results.by_seed(subject, protocol, test_size, metric)
    theirs = results.by_seed(minus, protocol, test_size, metric)
    if ours is None or theirs is None or ours.columns.intersection(theirs.columns).empty:
        return None
    expect_comparable(results, [subject, minus], protocol, test_size)
    primary = results.dataset == PRIMARY_DATASET and (subject, minus, protocol, metric) == (
        *CONTRASTS[0],
        results.poster.protocol,
        "mAP",
    )
    return Difference(
        subject, minus, test_size, protocol, metric, **paired(ours, theirs), primary=primary
    )


def expect_comparable(
    results: Results, slugs: Iterable[str], protocol: str, test_size: str
) -> None:
    """Raise ResultsError unless these rows, which have runs, were asked the same queries, each in
    a gallery as large: runs of another profile may lie among them."""
    first, *others = slugs
    sizes = {
        slug: results.by_seed(slug, protocol, test_size, "n_gallery").iloc[:, 0]
        for slug in (first, *others)
    }
    for other in others:
        if not sizes[first].equals(sizes[other].rename(sizes[first].name)):
            raise ResultsError(
                f"{results.source / results.dataset}: {first} was scored on {len(sizes[first]):,} "
                f"queries of {protocol} ({test_size}), {other} on {len(sizes[other]):,}, or in "
                "another gallery, so that they cannot be compared; train the one of another "
                "profile again (`rnnha run ... --force`), or keep it in another RNNHA_RESULTS"
            )


def paired(ours: pd.DataFrame, theirs: pd.DataFrame) -> dict:
    """What a Difference says of ours minus theirs, [queries x seeds] as `Results.by_seed` gives
    them, over their common seeds, of which there must be some."""
    seeds = ours.columns.intersection(theirs.columns)
    ours, theirs = ours[seeds], theirs[seeds]
    theirs = theirs.reindex(ours.index)
    vehicles = ours.index.get_level_values("vehicle_id").to_numpy()
    found = paired_difference(ours.mean(axis=1), theirs.mean(axis=1), vehicles)
    return {
        "value": found.estimate,
        "low": found.low,
        "high": found.high,
        "smallest": found.smallest,
        "by_seed": tuple((ours - theirs).mean()),
        "n_vehicles": found.n_vehicles,
    }


def score(results: Results, slug: str, protocol: str, size: str, metric: str) -> dict:
    """A row's number: ours (mean over seeds), sd over seeds, ci_low and ci_high over vehicles,
    n_seeds, n_vehicles, protocol; only n_seeds, 0, where there is no run."""
    table = results.by_seed(slug, protocol, size, metric)
    return {"n_seeds": 0} if table is None else score_of(table) | {"protocol": protocol}


def score_of(table: pd.DataFrame) -> dict:
    """What `score` says of values [queries x seeds], but for the protocol."""
    vehicles = table.index.get_level_values("vehicle_id").to_numpy()
    found = interval(table.mean(axis=1).to_numpy(), vehicles)
    return {
        "ours": found.estimate,
        "sd": sd(table.mean()),
        "ci_low": found.low,
        "ci_high": found.high,
        "n_seeds": table.shape[1],
        "n_vehicles": found.n_vehicles,
    }


def line_of(d: Difference) -> dict:
    """What a table's line says of a difference, but for the names: as `score_of` has it, with its
    metric and the smallest that would be found."""
    return {
        "metric": d.metric,
        "ours": d.value,
        "sd": sd(d.by_seed),
        "ci_low": d.low,
        "ci_high": d.high,
        "smallest": d.smallest,
        "n_seeds": len(d.by_seed),
        "n_vehicles": d.n_vehicles,
    }


def sd(seeds: Iterable[float]) -> float:
    """Standard deviation over seeds, divisor n - 1; NaN for one seed."""
    values = list(seeds)
    return float(np.std(values, ddof=1)) if len(values) > 1 else np.nan


def differences(results: Results) -> list[Difference]:
    """All CONTRASTS by the first two metrics; the primary one comes first."""
    places = {place: None for subject, _ in CONTRASTS for place in scored_with(results, subject)}
    found = [
        difference(results, subject, minus, protocol, size, metric)
        for protocol, size in places
        for metric in results.poster.metrics[:2]
        for subject, minus in CONTRASTS
    ]
    return [d for d in found if d is not None]


def swaps(results: Results, slug: str) -> list[Difference]:
    """What its own maps bring a row's trained networks, in place of other maps (the swap test of
    `scoring.attention`): own minus each other map, by mAP and top-1, with the table's protocol.

    `minus` is the map's name. Empty where no run of the row has kept the queries of its test.
    Raises ResultsError where seeds or maps were not scored on the same queries.
    """
    kept = {
        seed: frame
        for seed, folder in finished(results.source, results.dataset, slug).items()
        if (frame := folder.swap()) is not None
    }
    if not kept:
        return []
    whole = pd.concat([frame.assign(seed=seed) for seed, frame in kept.items()])
    whole = whole[(whole["first_rank"] > 0) & (whole["protocol"] == results.poster.protocol)]
    found = []
    for size in results.poster.sizes:
        part = whole[whole["test_size"] == size]
        for metric in ("mAP", "top1"):
            table = part.assign(value=values(part, metric)).pivot(
                index=["vehicle_id", "trial", "query"], columns=["map", "seed"], values="value"
            )
            if table.isna().any(axis=None):
                raise ResultsError(
                    f"{results.source / results.dataset / slug}: the swap test's maps or seeds "
                    f"were not scored on the same queries (test size {size}); run them again"
                )
            found += [
                Difference(
                    slug,
                    name,
                    size,
                    results.poster.protocol,
                    metric,
                    **paired(table["own"], table[name]),
                    primary=False,
                )
                for name in part["map"].unique()
                if name != "own"
            ]
    return found


def scored_with(results: Results, experiment: str) -> list[tuple[str, str]]:
    """(protocol, test size) pairs of a row: the table's first, with all its test lists; the
    further protocols by the largest of these only."""
    poster, pairs = results.poster, results.pairs(experiment)
    main = [(poster.protocol, size) for size in poster.sizes]
    return [pair for pair in main if pair in pairs] + [
        pair for pair in pairs if pair[0] != poster.protocol and pair[1] == poster.largest
    ]


def conclusion(results: Results) -> str:
    """What the data support in the first of CONTRASTS, and what they could well have shown.

    By mAP (VehicleID: top-1 of the largest test list). Only `rendered-veri` holds the primary
    comparison; elsewhere the sentence begins with "Exploratory".
    """
    poster = results.poster
    size, metric = poster.largest, poster.metrics[0]
    found = difference(results, *CONTRASTS[0], poster.protocol, size, metric)
    subject, other = (row(slug).title for slug in CONTRASTS[0])
    if found is None:
        return f"{subject} and {other} have not both been run on {results.data_set.title} yet."
    paper = _paper(poster, found, subject, other)
    return f"{sentence(found, results.data_set.place, subject, other)} {paper}"


def support(found: Difference, subject: str, other: str) -> str:
    """Which of the two the data support, if any, in one sentence without its full stop."""
    text = {
        1: f"The data support {subject}",
        -1: f"The data support {other}",
        0: "The data cannot tell the two apart",
    }[found.verdict]
    if len(found.by_seed) < MINIMUM_SEEDS:
        text += f" (fewer than {MINIMUM_SEEDS} seeds: no conclusion is drawn from an interval)"
    return text


def spread(found: Difference) -> str:
    """Its interval, and its values seed by seed, for a sentence."""
    seeds = ", ".join(f"{d:+.2f}" for d in found.by_seed)
    return (
        f"95 % interval {found.low:+.2f} to {found.high:+.2f} over {found.n_vehicles} test "
        f"vehicles; seed by seed {seeds}"
    )


def sentence(found: Difference, place: str, subject: str, other: str) -> str:
    """The sentence of a difference, in the same words whichever way it goes; place: the set."""
    kind = "Primary comparison" if found.primary else "Exploratory"
    where = of_list(found.test_size)
    return (
        f"{kind}, {place}{where}: {subject} minus {other} is {found.value:+.2f} points of "
        f"{label(found.metric)} ({found.protocol}, o2; {spread(found)}). "
        f"{support(found, subject, other)}. "
        f"A true difference of {found.smallest:.2f} points would put such an interval "
        f"off 0 with 80 % probability (2.8 standard errors; other test vehicles, the same "
        f"trainings)."
    )


def _paper(poster: Poster, found: Difference, subject: str, other: str) -> str:
    numbers = published(poster, found.test_size, found.metric)
    gap = numbers[subject] - numbers[other]
    real = poster.name + (
        "" if found.test_size == "test" else f" ({poster.sizes[found.test_size]} vehicles)"
    )
    return f"The paper reports {gap:+.2f} on {real}."
