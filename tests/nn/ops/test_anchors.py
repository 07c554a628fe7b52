"""Anchors against the specification's numbers and a plain loop."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from tfseg.nn.ops.anchors import level_anchors, level_shapes, pyramid_anchors
from tfseg.nn.ops.boxes import normalize

STRIDES = (4, 8, 16, 32, 64)
SCALES = (32, 64, 128, 256, 512)
RATIOS = (0.5, 1, 2)


@pytest.mark.parametrize(("side", "count"), [(1024, 261_888), (512, 65_472), (256, 16_368)])
def test_number_of_anchors(side, count):
    anchors = pyramid_anchors((side, side), SCALES, RATIOS, STRIDES)
    assert anchors.shape == (count, 4)
    assert anchors.dtype == np.float32


def test_first_three_anchors_of_scale_16():
    first = pyramid_anchors((512, 512), (16, 32, 64, 128, 256), RATIOS, STRIDES)[:3]
    expected = [
        (-11.313708, -5.656854, 11.313708, 5.656854),
        (-8, -8, 8, 8),
        (-5.656854, -11.313708, 5.656854, 11.313708),
    ]
    np.testing.assert_allclose(first, expected, atol=1e-5)
    expected = [
        (-0.022140, -0.011070, 0.020183, 0.009113),
        (-0.015656, -0.015656, 0.013699, 0.013699),
    ]
    np.testing.assert_allclose(normalize(first, (512, 512))[:2], expected, atol=1e-6)


def test_order_is_level_row_column_ratio():
    expected = []
    for scale, stride in zip((24, 48), (8, 16)):
        for row in range(-(-40 // stride)):
            for column in range(-(-56 // stride)):
                for ratio in RATIOS:
                    h, w = scale / ratio**0.5, scale * ratio**0.5
                    y, x = row * stride, column * stride
                    expected.append((y - h / 2, x - w / 2, y + h / 2, x + w / 2))
    ours = pyramid_anchors((40, 56), (24, 48), RATIOS, (8, 16))
    np.testing.assert_allclose(ours, expected, atol=1e-5)


def test_stride_between_anchors_and_offset():
    every_second = level_anchors(10, (1,), (5, 4), 8, anchor_stride=2, offset=0.5)
    centers = (every_second[:, :2] + every_second[:, 2:]) / 2
    expected = [(y, x) for y in (4, 20, 36) for x in (4, 20)]
    np.testing.assert_allclose(centers, expected)


def test_level_shapes_round_up():
    assert level_shapes((65, 128), (4, 64)) == [(17, 32), (2, 2)]


def test_one_scale_for_each_stride_is_required():
    with pytest.raises(ValueError, match="zip"):
        pyramid_anchors((64, 64), (8, 16), RATIOS, STRIDES)


def test_rounded_anchors_and_steps_of_a_side_that_is_no_multiple():
    anchors = pyramid_anchors((320, 416), SCALES, (2, 1, 0.5), STRIDES, rounded=True)
    assert len(anchors) == 33255
    np.testing.assert_array_equal(anchors, np.rint(anchors))
    # Roots of the area 32: 22.6 x 45.3, 32 x 32, 45.3 x 22.6, halved and rounded.
    np.testing.assert_array_equal(
        anchors[:3], [[-11, -23, 11, 23], [-16, -16, 16, 16], [-23, -11, 23, 11]]
    )
    centres = (anchors[-5 * 7 * 3 :: 3, :2] + anchors[-5 * 7 * 3 :: 3, 2:]) / 2
    expected = [(64 * y, 59 * x) for y in range(5) for x in range(7)]
    np.testing.assert_array_equal(centres, expected)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="JAX knows every size")
@pytest.mark.parametrize("rounded", [False, True])
def test_anchors_of_a_size_that_is_a_tensor_are_the_same_numbers(rounded):
    import tensorflow as tf

    options = dict(anchor_stride=1 + rounded, offset=0.5 * rounded, rounded=rounded)

    @tf.function(input_signature=[tf.TensorSpec((), tf.int32)] * 2)
    def tensors(*size):
        return pyramid_anchors(size, SCALES, RATIOS, STRIDES, **options)

    for size in [(32, 32), (96, 1344), (416, 32), (333, 555), (800, 1088), (1344, 608)]:
        exact = pyramid_anchors(size, SCALES, RATIOS, STRIDES, **options)
        assert tensors(*size).dtype == exact.dtype
        np.testing.assert_array_equal(tensors(*size), exact)
