"""Numbers through JSON and back."""

import json

import numpy as np
import pytest

from rnnha.explorer.packing import pack, unpack

VALUES = np.random.default_rng(0).normal(size=(7, 5, 36)).astype(np.float32)


def through(*arguments, **settings):
    return unpack(json.loads(json.dumps(pack(*arguments, **settings))))


def test_32_bits_lose_nothing():
    np.testing.assert_array_equal(through(VALUES), VALUES)


@pytest.mark.parametrize("bits", [8, 16])
def test_a_number_is_off_by_half_a_step_of_its_row_at_most(bits):
    found = through(VALUES, bits)
    span = VALUES.max(-1) - VALUES.min(-1)
    off = np.abs(found - VALUES).max(-1)
    assert (off <= 0.51 * span / (2**bits - 1) + 1e-7).all()
    assert off.max() > 0.2 * span.min() / (2**bits - 1), "it is stored in so many bits"


def test_rows_can_share_a_scale_and_zero_stays_zero():
    values = np.maximum(VALUES, 0)
    found = through(values, 8, rows=1)
    assert found.shape == values.shape and (found[values == 0] == 0).all()
    assert np.abs(found - values).max() <= 0.51 * values.max() / 255


def test_equal_numbers_and_bad_ones():
    np.testing.assert_array_equal(through(np.full((2, 3), 0.5), 16), np.full((2, 3), 0.5))
    with pytest.raises(ValueError, match="NaN"):
        pack([1.0, np.nan])
