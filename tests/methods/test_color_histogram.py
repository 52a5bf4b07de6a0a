"""The colour histogram: 8 hues x 4 saturations x 4 values."""

import numpy as np

from rnnha.methods.color_histogram import histogram


def test_half_red_half_blue():
    """Pure red has hue 0, pure blue 2/3; both are in the last quarter of saturation and value."""
    picture = np.zeros((4, 6, 3), np.uint8)
    picture[:, :3, 0], picture[:, 3:, 2] = 255, 255
    expected = np.zeros((8, 4, 4))
    expected[0, 3, 3] = expected[int(8 * 2 / 3), 3, 3] = 0.5
    np.testing.assert_allclose(histogram(picture) ** 2, expected.ravel(), atol=1e-6)
