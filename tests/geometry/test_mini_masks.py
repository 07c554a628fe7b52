"""Small masks within boxes: exact on plain shapes, close on fine ones, and back again."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.geometry.mini_masks import mini_masks, restore_mask
from tfseg.structures.sample import boxes_from_masks


def disc(size, center, radius):
    y, x = np.mgrid[: size[0], : size[1]]
    return (y - center[0]) ** 2 + (x - center[1]) ** 2 <= radius**2


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def test_a_full_box_gives_ones():
    masks = np.zeros((1, 40, 60), bool)
    masks[0, 5:25, 10:50] = True
    ours = mini_masks(masks, boxes_from_masks(masks), 14)
    assert ours.dtype == np.uint8 and ours.shape == (1, 14, 14)
    np.testing.assert_array_equal(ours, 1)


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_whole_factors_are_exact(factor):
    small = np.random.default_rng(0).random((14, 14)) > 0.5
    small[0, 0] = small[-1, -1] = small[0, -1] = True  # the box stays whole
    mask = small.repeat(factor, 0).repeat(factor, 1)[None]
    box = np.float32([[0, 0, 14 * factor, 14 * factor]])
    np.testing.assert_array_equal(mini_masks(mask, box, 14)[0], small)


def test_thin_parts_are_averaged_and_not_skipped():
    mask = np.zeros((1, 280, 280), bool)
    mask[0, :, ::2] = True  # half of each cell: at the bound
    mask[0, :, 1::4] = True  # three quarters
    assert mini_masks(mask, np.float32([[0, 0, 280, 280]]), 28).all()


@pytest.mark.parametrize("radius", [6, 20, 90])
def test_there_and_back(radius):
    masks = disc((200, 240), (100.3, 110.8), radius)[None]
    box = boxes_from_masks(masks)
    back = restore_mask(mini_masks(masks, box, 56)[0], box[0], (200, 240))
    assert back.dtype == bool and back.shape == (200, 240)
    assert iou(back, masks[0]) > 0.96
    assert not back[: int(box[0, 0])].any() and not back[:, int(box[0, 3]) :].any()


def test_one_pixel_and_empty_boxes():
    masks = np.zeros((3, 10, 10), bool)
    masks[0, 4, 7] = True
    boxes = boxes_from_masks(masks)
    ours = mini_masks(masks, boxes, 8)
    assert ours[0].all() and not ours[1:].any()
    np.testing.assert_array_equal(restore_mask(ours[0], boxes[0], (10, 10)), masks[0])
    assert not restore_mask(ours[1], boxes[1], (10, 10)).any()


def test_no_objects():
    assert mini_masks(np.zeros((0, 5, 5), bool), np.zeros((0, 4)), 28).shape == (0, 28, 28)
