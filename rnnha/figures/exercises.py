"""The lesson's exercises: whether a reader's number is right, and a hint if not.

What is asked stands in notebook 00, the answers only here. None of them is printed in the lesson.
"""

from collections.abc import Sequence

import numpy as np

from rnnha.figures.lesson import Steps
from rnnha.models.rnn_ha import EPSILON

TOLERANCE = 0.02  # share of the right number: a pocket calculator and three digits will do


def cell_to_try(found: Steps) -> tuple[int, int]:
    """Row and column of the cell whose score is nearest to 1: where softplus bends."""
    place = np.abs(found.s - 1).argmin()
    row, column = np.unravel_index(place, found.s.shape)
    return int(row), int(column)


def check_cell(found: Steps, row: int, column: int, answer: object) -> str:
    """Exercise 1: the weight of a cell if its score were 1 higher, all others as they are."""
    higher = np.logaddexp(0, float(found.s[row, column]) + 1) + EPSILON
    right = higher / (found.positive.sum() - found.positive[row, column] + higher)
    because = f"(softplus({found.s[row, column] + 1:.3f}) + {EPSILON}), divided by the new sum,"
    hint = "Add 1 to s before the softplus, ε after it; the sum has grown, too."
    return check(answer, right, because, hint)


def check_even(found: Steps, answer: object) -> str:
    """Exercise 2: the length of x2 if u were zero, which is that of x1."""
    because = "all weights are equal then, so that x2 is the mean of X, which is x1; its length"
    hint = "All scores would be 0: which weights do equal scores give, and which mean is that?"
    return check(answer, float(np.linalg.norm(found.X.mean((1, 2)))), because, hint, share=False)


def check_cosine(answer: object) -> str:
    """Exercise 3: the cosine of two vectors of length 1 at the distance 1."""
    because = (
        "d² = 2 - 2 cos, so that the nearest image is the one of the largest cosine, and both "
        "rank alike; at d = 1 the cosine"
    )
    hint = "The two and the line between their ends make a triangle of three equal sides."
    return check(answer, 0.5, because, hint)


def check_precision(ranks: Sequence[int], answer: object) -> str:
    """Exercise 4: the average precision if one more wrong image came in at rank 1; ranks: of the
    right images as they are, from 1."""
    later = np.arange(1, len(ranks) + 1) / (np.asarray(ranks) + 1)
    hint = "Every right image moves back by one rank; how many of those up to it are right then?"
    return check(answer, float(later.mean()), "with all ranks one later the mean share", hint)


def check(answer: object, right: float, because: str, hint: str, share: bool = True) -> str:
    """Whether a reader's number is right, within TOLERANCE; why it is, or a hint if it is not.

    share: the number is one, so that a hundred times as much is right in percent. Whatever else
    than a finite number comes is asked for again; nothing is raised.
    """
    if answer is ...:
        return "Put your number in place of the three dots."
    number = _number(answer)
    if number is None:
        return "Give one number, as in 0.25."
    if _near(number, right):
        return f"Right: {because} = {right:.4g}."
    if share and _near(number / 100, right):
        return "Right in percent; write it as a share, between 0 and 1."
    return f"Not yet: {number:g} is {'more' if number > right else 'less'} than it. {hint}"


def _near(number: float, right: float) -> bool:
    return abs(number - right) <= TOLERANCE * abs(right)


def _number(answer: object) -> float | None:
    try:
        number = float(np.asarray(answer).item())
    except (TypeError, ValueError):
        return None
    return number if np.isfinite(number) else None
