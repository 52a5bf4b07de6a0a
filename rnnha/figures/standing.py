"""The lesson's last question, over all queries: what does o1 find, and what does o2?

The sentences are computed, as the numbers are.
"""

import numpy as np
import pandas as pd

from rnnha.runs.outcome import Outcome
from rnnha.scoring import look_alikes, protocols
from rnnha.scoring.intervals import interval, paired_difference
from rnnha.tables.pages import number

QUESTIONS = ("type", "model", "paint", "model and paint", "vehicle")
QUESTIONS += ("vehicle, among look-alikes",)
_AMONG = {QUESTIONS[-2]: "Among all vehicles", QUESTIONS[-1]: "Among look-alikes"}

Answers = dict[str, dict[str, pd.Series]]  # state, then question


def answers(seen: Outcome) -> Answers:
    """Of each query, by o1 and by o2: is its nearest gallery image right? A Series of bool for
    each of QUESTIONS that the set can answer, by vehicle."""
    return {by: _hits(seen, by) for by in seen.vectors}


def table(found: Answers) -> pd.DataFrame:
    """How often the nearest gallery image is right, in percent of the queries.

    Columns by, question (QUESTIONS, as far as the set tells them), percent, low and high: the 95 %
    interval over vehicles. The last question is asked among the vehicles of one model and paint.
    """
    rows = []
    for by, questions in found.items():
        for question, hits in questions.items():
            share = interval(100.0 * hits, hits.index)
            rows.append((by, question, share.estimate, share.low, share.high))
    return pd.DataFrame(rows, columns=["by", "question", "percent", "low", "high"])


def page(found: Answers) -> pd.DataFrame:
    """`table` to be read: a line a question, a column a state, `56.1 [53.0, 59.2]`."""
    told = table(found)
    cells = [number(r.percent, np.nan, r.low, r.high) for r in told.itertuples()]
    told = told.assign(cell=cells).pivot(index="question", columns="by", values="cell")
    return told.loc[[q for q in QUESTIONS if q in told.index]]


def verdict(found: Answers) -> str:
    """Whether the vehicle is found more often after the fine step than after the coarse one, and
    how surely: a line among all vehicles, and one among look-alikes where there are any."""
    before, after = found["o1"], found["o2"]
    lines = []
    for question, among in _AMONG.items():
        if question not in before:
            continue
        one, two = before[question], after[question]
        d = paired_difference(100.0 * two, 100.0 * one, one.index)
        ahead = "o2" if d.low > 0 else "o1" if d.high < 0 else ""
        says = (
            f"{ahead} finds the vehicle more often" if ahead else "o1 and o2 cannot be told apart"
        )
        lines.append(
            f"{among}: {says} (o2 minus o1 is {d.estimate:+.1f} points [{d.low:+.1f}, "
            f"{d.high:+.1f}] over {d.n_vehicles} vehicles)."
        )
    return "\n".join(lines)


def _hits(seen: Outcome, by: str) -> dict[str, pd.Series]:
    """For each question, of each query that can be right: was its nearest image? By vehicle."""
    embed = protocols.by_name(seen.images.index, seen.vectors[by])
    alike = look_alikes.score(seen.benchmark, embed=embed, draws=None)
    asked = seen.images[seen.images["query"]]
    first = [seen.nearest(name, 1, by).iloc[0] for name in asked.index]
    labels = {name: [name] for name in ("type", "model", "paint")}
    labels |= {"model and paint": ["model", "paint"], "vehicle": ["vehicle_id"]}
    found = {
        question: pd.Series(
            [
                all(one[c] == other[c] for c in columns)
                for one, other in zip(first, asked.to_dict("records"), strict=True)
            ],
            index=asked["vehicle_id"],
        )
        for question, columns in labels.items()
        if set(columns) <= set(asked.columns)
    }
    if alike is not None:
        alike = alike[(alike["first_rank"] > 0) & (alike["trial"] == 0)]
        alike = alike[alike["test_size"] == alike["test_size"].iloc[-1]]
        found[QUESTIONS[-1]] = (alike.set_index("vehicle_id")["first_rank"] == 1).rename(None)
    return found
