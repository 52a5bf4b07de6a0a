"""The exercises: right answers by the equations, in every spelling of a number; hints if wrong."""

import math

import numpy as np
import pytest

from rnnha.figures import exercises
from rnnha.figures.lesson import Steps


@pytest.fixture
def found():
    """Two cells, X = (3, 4) and (3, 0), with the scores 0 and 1; what is not asked for is empty."""
    X = np.array([[[3.0, 3.0]], [[4.0, 0.0]]])
    empty = np.zeros(1)
    s = np.array([[0.0, 1.0]])
    return Steps(X, empty, empty, empty, empty, s, np.zeros((1, 2)), empty, empty)


def test_a_cell_with_a_higher_score(found):
    assert exercises.cell_to_try(found) == (0, 1)
    zero, one, two = (math.log(1 + math.exp(s)) + 0.1 for s in (0, 1, 2))
    right = two / (zero + two)
    assert exercises.check_cell(found, 0, 1, right).startswith("Right: (softplus(2.000)")
    now = one / (zero + one)  # the weight that the lesson prints
    assert "less than it" in exercises.check_cell(found, 0, 1, now)
    assert "Right in percent" in exercises.check_cell(found, 0, 1, 100 * right)


def test_even_weights_make_x2_the_mean_of_the_cells(found):
    length = math.hypot(3, 2)
    assert exercises.check_even(found, length).startswith("Right")
    assert exercises.check_even(found, 0.5).startswith("Not yet")
    assert exercises.check_even(found, 100 * length).startswith("Not yet")  # no share of anything


def test_the_cosine_at_distance_1():
    a, b = np.array([1.0, 0.0]), np.array([math.cos(math.pi / 3), math.sin(math.pi / 3)])
    assert np.linalg.norm(a - b) == pytest.approx(1)
    assert exercises.check_cosine(a @ b).startswith("Right")
    assert exercises.check_cosine(60).startswith("Not yet")  # the angle


def test_the_precision_with_a_wrong_image_in_front():
    # right at 1 and 3 becomes right at 2 and 4: 1/2 and 2/4
    assert exercises.check_precision([1, 3], 0.5).startswith("Right")
    assert exercises.check_precision([1, 3], (1 + 2 / 3) / 2).startswith("Not yet")
    assert exercises.check_precision([1, 3], 50).startswith("Right in percent")


@pytest.mark.parametrize("answer", [0.25, "0.25", np.array([0.25]), np.float32(0.25), [0.252]])
def test_every_spelling_of_a_number_is_read(answer):
    assert exercises.check(answer, 0.25, "a quarter", "Cut it.") == "Right: a quarter = 0.25."


@pytest.mark.parametrize("answer", [None, "a quarter", [0.25, 1], [], {}, math.nan, "inf", 1j])
def test_what_is_no_number_is_asked_for_again(answer):
    assert exercises.check(answer, 0.25, "a quarter", "Cut it.") == "Give one number, as in 0.25."


def test_a_wrong_answer_gets_the_hint_and_the_dots_a_word():
    assert (
        exercises.check(0.2, 0.25, "a quarter", "Cut it.")
        == "Not yet: 0.2 is less than it. Cut it."
    )
    assert (
        exercises.check(0.3, 0.25, "a quarter", "Cut it.")
        == "Not yet: 0.3 is more than it. Cut it."
    )
    assert "three dots" in exercises.check(..., 0.25, "a quarter", "Cut it.")
