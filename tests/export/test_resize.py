"""Resizing in a graph gives the grey values of resizing in the data room, every one of them."""

import numpy as np
import tensorflow as tf

from tfseg.export.resize import resize
from tfseg.geometry.shrink import resize_image

SPECS = (tf.TensorSpec((None, None, None, 3), tf.int32), tf.TensorSpec((2,), tf.int32))


def test_every_grey_value_is_that_of_the_data_room():
    traced = tf.function(resize, input_signature=SPECS)
    random = np.random.default_rng(0)
    pairs = [((1, 1), (9, 5)), ((300, 2), (7, 1)), ((64, 48), (63, 48)), ((40, 60), (10, 15))]
    pairs += [(tuple(a), tuple(b)) for a, b in random.integers(1, 160, (25, 2, 2))]
    smaller = larger = mixed = 0
    for before, after in pairs:
        images = random.integers(0, 256, (2, *before, 3)).astype(np.uint8)
        images[1] = 255 * (images[1] > 127)
        found = traced(images.astype(np.int32), np.array(after, np.int32))
        for image, one in zip(images, found, strict=True):
            np.testing.assert_array_equal(one, resize_image(image, after), f"{before} to {after}")
        grows = [new > old for old, new in zip(before, after, strict=True)]
        smaller, larger, mixed = smaller + (not any(grows)), larger + all(grows), mixed + any(grows)
    assert smaller > 3 and larger > 3 and mixed - larger > 3


def test_stripes_become_grey_where_they_are_too_fine():
    stripes = np.zeros((1, 400, 300, 3), np.int32)
    stripes[:, ::3], stripes[:, 1::3] = 255, 128
    traced = tf.function(resize, input_signature=SPECS)
    for images in (stripes, stripes.transpose(0, 2, 1, 3)):
        small = np.array(images.shape[1:3], np.int32) // 4
        inside = traced(images, small).numpy()[0, 1:-1, 1:-1]
        assert np.abs(inside - images.mean()).max() < 8
