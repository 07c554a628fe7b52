"""The class map: taken as it is, or made from instances."""

import numpy as np

from tfseg.structures import Sample
from tfseg.structures.semantic import IGNORED, class_map

IMAGE = np.zeros((4, 6, 3), np.uint8)


def test_a_map_that_is_there_is_taken():
    labels = np.arange(24).reshape(4, 6)
    found = class_map(Sample(IMAGE, label_maps={"classes": labels}))
    assert found.dtype == np.int32
    np.testing.assert_array_equal(found, labels)


def test_later_objects_lie_on_top_and_crowds_below():
    masks = np.zeros((3, 4, 6), bool)
    masks[0, :, :3] = True
    masks[1, :, 2:5] = True
    masks[2, :2] = True
    sample = Sample(IMAGE, class_ids=[1, 2, 1], masks=masks, is_crowd=[False, False, True])
    expected = np.array([[1, 1, 2, 2, 2, IGNORED]] * 2 + [[1, 1, 2, 2, 2, 0]] * 2)
    np.testing.assert_array_equal(class_map(sample), expected)


def test_no_objects_are_all_background():
    assert class_map(Sample(IMAGE)).max() == 0
