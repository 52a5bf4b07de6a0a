"""What the second step brings within one trained network: its o2 minus its own o1.

Both states are of the same network and the same images, so that nothing but the step differs.
"""

from rnnha.experiments import row
from rnnha.runs.results import Results
from rnnha.tables import differences
from rnnha.tables.differences import SUBJECT, Difference
from rnnha.tables.pages import label, of_list

FIRST = " [o1]"  # the suffix of a protocol that ranks by the state after the first step


def steps(results: Results) -> list[Difference]:
    """o2 minus o1 of every row that was scored by both, on the largest test list, by the first two
    metrics; `minus` is "o1"."""
    poster = results.poster
    found = [
        step(results, slug, metric) for slug, _, _ in results.rows for metric in poster.metrics[:2]
    ]
    return [d for d in found if d is not None]


def step(results: Results, slug: str, metric: str) -> Difference | None:
    """o2 minus o1 of one row; None where it has no run, or no o1."""
    poster = results.poster
    protocol, size = poster.protocol, poster.largest
    after = results.by_seed(slug, protocol, size, metric)
    before = results.by_seed(slug, protocol + FIRST, size, metric)
    if after is None or before is None:
        return None
    paired = differences.paired(after, before)
    return Difference(slug, "o1", size, protocol, metric, **paired, primary=False)


def sentence(results: Results) -> str:
    """What the second step brings SUBJECT's search, in one sentence; empty where it has no run."""
    found = step(results, SUBJECT, results.poster.metrics[0])
    if found is None:
        return ""
    return (
        f"The second step by itself (exploratory), {results.data_set.place}"
        f"{of_list(found.test_size)}: within {row(SUBJECT).title}, a search by o2 minus one by the "
        f"same network's o1 is {found.value:+.2f} points of {label(found.metric)} "
        f"({differences.spread(found)}). {differences.support(found, 'o2', 'o1')}."
    )
