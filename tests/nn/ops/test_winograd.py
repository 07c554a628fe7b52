"""Several convolutions of one map against the plain ones."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.ops.winograd import convs_of_one_map

pytestmark = pytest.mark.both_backends


def plain(x, kernel):
    """Returns the convolution by its definition, in float64."""
    height, width = x.shape[1:3]
    padded = np.pad(x.astype(np.float64), ((0, 0), (1, 1), (1, 1), (0, 0)))
    return sum(
        padded[:, row : row + height, column : column + width] @ kernel[row, column]
        for row, column in np.ndindex(3, 3)
    )


@pytest.mark.parametrize(("size", "count"), [((4, 4), 1), ((8, 20), 3)])
def test_they_are_the_plain_convolutions(size, count):
    random = np.random.default_rng(0)
    x = random.normal(size=(2, *size, 32)).astype(np.float32)
    kernels = list(random.normal(size=(count, 3, 3, 32, 5)).astype(np.float32))
    ours = convs_of_one_map(x, kernels)
    assert len(ours) == count
    for found, kernel in zip(ours, kernels, strict=True):
        expected = plain(x, kernel)
        gap = ops.convert_to_numpy(found) - expected
        assert np.abs(gap).max() < 2e-5 * expected.std()
