"""The answer to the project's question, in three sentences: they open the report.

Computed from runs, as everything in the tables; what is primary and what the data support is
decided by `differences`, whichever way it goes.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rnnha.experiments import row
from rnnha.paths import atomic
from rnnha.runs.results import Results, table_rows
from rnnha.scoring import look_alikes
from rnnha.tables import differences, order
from rnnha.tables.differences import CONTRASTS, Difference
from rnnha.tables.pages import label, number, of_list

FILE = "answer.md"
QUESTION = "Does coarse-to-fine attention help to find a vehicle again?"
CHANCE, CUES = "oracle-model-paint", "oracle-cues"  # among look-alikes: a random order; the most
_ANSWERS = {1: "yes", -1: "no", 0: "open"}


def answer(sets: Sequence[Results]) -> list[str]:
    """Three sentences: the primary comparison, the order of methods, and how far the best row and
    an oracle get. Those that no run allows are left out, but for the first."""
    sets = sorted(sets, key=lambda r: r.dataset != differences.PRIMARY_DATASET)
    return list(filter(None, [_comparison(sets), _order(sets), _reach(sets)]))


def page(sentences: Sequence[str]) -> str:
    """The question and its answer in Markdown, a paragraph a sentence."""
    return "\n\n".join([f"# {QUESTION}", *sentences]) + "\n"


def write(sets: Sequence[Results], folder: Path) -> Path:
    """Write `page` as FILE; return its path."""
    with atomic(Path(folder) / FILE) as temporary:
        temporary.write_text(page(answer(sets)), encoding="utf-8", newline="\n")
    return Path(folder) / FILE


def _comparison(sets: Sequence[Results]) -> str:
    """The first of CONTRASTS, on each set among all vehicles and among look-alikes."""
    subject, other = (row(slug).title for slug in CONTRASTS[0])
    found = [(results, first) for results in sets if (first := _difference(results)) is not None]
    if not found:
        return f"{subject} and {other} have not both been run yet."
    results, first = found[0]
    told = [_two(results, first) for results, first in found]
    support = differences.support(first, subject, other)
    return (
        f"On {results.data_set.place} the answer is {_ANSWERS[first.verdict]}: "
        f"{support[0].lower()}{support[1:]}; {subject} minus {other} is "
        f"{'; '.join(told)} (points, 95 % intervals over test vehicles)."
    )


def _difference(results: Results, suffix: str = "") -> Difference | None:
    poster = results.poster
    return differences.difference(
        results, *CONTRASTS[0], poster.protocol + suffix, poster.largest, poster.metrics[0]
    )


def _two(results: Results, first: Difference) -> str:
    kind = "primary comparison" if first.primary else "exploratory"
    text = f"{_signed(first)} of {label(first.metric)} on {_where(results)} ({kind})"
    alike = _difference(results, look_alikes.SUFFIX)
    return text if alike is None else f"{text}, and {_signed(alike)} among look-alikes"


def _signed(d: Difference) -> str:
    """`−2.0 [−2.9, −1.1]`."""
    values = (round(v, 1) + 0.0 for v in (d.value, d.low, d.high))
    return "{:+.1f} [{:+.1f}, {:+.1f}]".format(*values).replace("-", "−")


def _where(results: Results) -> str:
    return results.data_set.title + of_list(results.poster.largest)


def _order(sets: Sequence[Results]) -> str:
    told = [
        f"{found.verdict} on {results.data_set.title} (Kendall's τ {found.tau:.2f} "
        f"[{found.low:.2f}, {found.high:.2f}], {len(found.rows)} methods)"
        for results in sets
        if (found := order.order(results)) is not None
    ]
    if not told:
        return ""
    return (
        f"The poster's order of methods {' and '.join(told)}; τ is 1 for the same order, 0 for no "
        "relation, −1 for the reverse."
    ).replace("[-", "[−")


def _reach(sets: Sequence[Results]) -> str:
    told = [
        f"on {_where(results)}, {_best(results, '')}{alike}"
        for results in sets
        if _scores(results, "")
        for alike in [_look_alikes(results)]
    ]
    return f"What is reached (percent): {'; '.join(told)}." if told else ""


def _look_alikes(results: Results) -> str:
    """The best row among look-alikes, between a random order and the oracle that sees cues."""
    if not (scores := _scores(results, look_alikes.SUFFIX, oracles=True)):
        return ""
    text = f", and among look-alikes {_best(results, look_alikes.SUFFIX)}"
    if CHANCE in scores:
        text += f", where a random order has {_number(scores[CHANCE])}"
    if CUES in scores:
        text += f" and an oracle that sees the cues {_number(scores[CUES])}"
    return text


def _best(results: Results, suffix: str) -> str:
    slug, score = max(_scores(results, suffix).items(), key=lambda item: item[1]["ours"])
    metric = label(results.poster.metrics[0])
    seeds = f"{score['n_seeds']} seed{'s' if score['n_seeds'] > 1 else ''}"
    return f"“{row(slug).title}” ({seeds}) has the highest {metric}, {_number(score)}"


def _scores(results: Results, suffix: str, oracles: bool = False) -> dict[str, dict]:
    """slug -> `differences.score` by the table's first metric of the rows that have been run."""
    poster = results.poster
    place = poster.protocol + suffix, poster.largest, poster.metrics[0]
    rows = [slug for slug, _, _ in table_rows(results.dataset)]
    found = {
        slug: differences.score(results, slug, *place)
        for slug in rows
        if oracles or row(slug).method != "oracle"
    }
    return {slug: score for slug, score in found.items() if score["n_seeds"]}


def _number(score: dict) -> str:
    return number(score["ours"], np.nan, score["ci_low"], score["ci_high"])
