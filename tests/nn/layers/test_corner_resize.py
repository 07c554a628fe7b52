"""Enlarging with corners on corners, against the definition."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.nn.layers.corner_resize import CornerResize


def test_corners_stay_and_between_them_lies_a_line():
    x = np.random.default_rng(0).normal(0, 1, (2, 4, 5, 3)).astype(np.float32)
    layer = CornerResize(2)
    ours = ops.convert_to_numpy(layer(x))
    assert ours.shape == (2, 8, 10, 3) == layer.compute_output_shape(x.shape)
    np.testing.assert_allclose(ours[:, ::7, ::9], x[:, ::3, ::4], atol=1e-6)
    for row in range(8):
        for column in range(10):
            y, z = row * 3 / 7, column * 4 / 9
            i, j = min(int(y), 2), min(int(z), 3)
            top = x[:, i, j] * (1 - z + j) + x[:, i, j + 1] * (z - j)
            low = x[:, i + 1, j] * (1 - z + j) + x[:, i + 1, j + 1] * (z - j)
            expected = top * (1 - y + i) + low * (y - i)
            np.testing.assert_allclose(ours[:, row, column], expected, atol=1e-5)
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.scale == 2
