"""The convolution of a doubled map against doubling it first."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.doubled_maps import conv_doubled


@pytest.mark.parametrize("size", [(1, 1), (2, 5)])
def test_it_is_doubling_and_then_convolving(size):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, *size, 3)).astype(np.float32)
    kernel = random.normal(size=(3, 3, 3, 4)).astype(np.float32)
    wide = np.repeat(np.repeat(x, 2, axis=1), 2, axis=2)
    padded = np.pad(wide, ((0, 0), (1, 1), (1, 1), (0, 0)))
    height, width = wide.shape[1:3]
    expected = np.zeros((2, height, width, 4))
    for row, column in np.ndindex(3, 3):
        window = padded[:, row : row + height, column : column + width]
        expected += window @ kernel[row, column]
    ours = ops.convert_to_numpy(conv_doubled(x, kernel))
    np.testing.assert_allclose(ours, expected, atol=1e-5)
