"""Pictures at their own proportions: sizes, padding, the way back, and masks that fade out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.geometry.padded import PaddedResize
from tfseg.opencv import cv2
from tfseg.structures import Sample
from tfseg.structures.pasting import paste_expanded


@pytest.mark.parametrize(
    ("size", "resized", "canvas"),
    [
        ((480, 640), (800, 1066), (800, 1088)),  # 1066.67 is cut, not rounded
        ((640, 480), (1066, 800), (1088, 800)),
        ((300, 1000), (399, 1333), (416, 1344)),  # 1000 * 1.333 is 1332.99... only on paper
        ((2000, 2000), (800, 800), (800, 800)),
        ((1, 4000), (1, 1333), (32, 1344)),
    ],
)
def test_sizes(size, resized, canvas):
    plan = PaddedResize(800, 1333).plan(size)
    assert (plan.resized, plan.canvas) == (resized, canvas)
    assert plan.window == (0, 0, *resized)
    assert plan.image(np.zeros((*size, 3), np.uint8)).shape == (*canvas, 3)


def test_sizes_are_cut_as_in_double_precision():
    resize = PaddedResize(800, 1333)
    for height in range(1, 400, 7):
        for width in (height, 133, 399):
            scale = min(800 / min(height, width), 1333 / max(height, width))
            expected = [max(1, math.trunc(side * scale)) for side in (height, width)]
            assert list(resize.plan((height, width)).resized) == expected


def test_the_fill_is_exact_in_floats_and_rounded_in_whole_numbers():
    plan = PaddedResize(10, 20, fill=(1.25, 2.5, 200.75)).plan((10, 20))
    assert plan.canvas == (32, 32)
    ours = plan.image(np.zeros((10, 20, 3), np.float32))
    np.testing.assert_array_equal(ours[31, 31], np.float32([1.25, 2.5, 200.75]))
    assert not ours[:10, :20].any()
    ours = plan.image(np.zeros((10, 20, 3), np.uint8))
    assert ours.dtype == np.uint8 and ours[10, 0].tolist() == [1, 2, 201]


def test_everything_moves_together_and_back():
    random = np.random.default_rng(0)
    masks = np.zeros((2, 40, 60), bool)
    masks[0, 5:25, 10:40] = masks[1, 30:40, 50:60] = True
    sample = Sample(
        image=random.integers(0, 256, (40, 60, 3)).astype(np.uint8),
        masks=masks,
        class_ids=np.int32([1, 2]),
    )
    plan = PaddedResize(64, 100, canvas=(128, 128)).plan((40, 60))
    ours = plan.sample(sample)
    assert plan.resized == (64, 96) and ours.image.shape == (128, 128, 3)
    np.testing.assert_allclose(ours.boxes, [[8, 16, 40, 64], [48, 80, 64, 96]], atol=1)
    np.testing.assert_array_equal(plan.undo_masks(ours.masks), masks)
    boxes = np.float32([[3, 4.5, 20, 50]])
    np.testing.assert_allclose(plan.undo_boxes(plan.boxes(boxes)), boxes, atol=1e-5)


@pytest.mark.parametrize(
    "settings", [dict(min_side=0), dict(min_side=50), dict(multiple=0), dict(canvas=(32, 64))]
)
def test_impossible_settings(settings):
    with pytest.raises(ConfigError, match="PaddedResize"):
        PaddedResize(**{"min_side": 20, "max_side": 40, **settings})


def test_a_picture_without_pixels():
    with pytest.raises(DataError, match="0 x 5"):
        PaddedResize(20, 40).plan((0, 5))


def slow_paste(probability, box, size, threshold):
    """The whole enlarged map by OpenCV's resize, then cut to the image."""
    padded = np.pad(probability, 1)
    cells = len(padded)
    centre, half = (box[2:] + box[:2]) / 2, (box[2:] - box[:2]) / 2 * (cells / (cells - 2))
    y1, x1 = np.trunc(centre - half).astype(int)
    y2, x2 = np.trunc(centre + half).astype(int)
    height, width = max(y2 - y1 + 1, 1), max(x2 - x1 + 1, 1)
    large = cv2.resize(padded, (width, height), interpolation=cv2.INTER_LINEAR)
    result = np.zeros(size, bool)
    for y in range(max(y1, 0), min(y2 + 1, size[0])):
        for x in range(max(x1, 0), min(x2 + 1, size[1])):
            result[y, x] = large[y - y1, x - x1] > threshold
    return result


@pytest.mark.parametrize(
    "box",
    [
        (10.3, 5.2, 40.9, 33.3),
        (-20.0, -7.5, 30.0, 200.25),
        (0.0, 0.0, 50.0, 60.0),
        (20.0, 20.0, 20.4, 20.3),
        (48.5, 58.2, 90.0, 95.0),
    ],
)
def test_pasting_against_opencv(box):
    random = np.random.default_rng(1)
    probability = cv2.blur(random.random((14, 14)).astype(np.float32), (3, 3))
    crop, top, left = paste_expanded(probability, np.float32(box), (50, 60))
    ours = np.zeros((50, 60), bool)
    ours[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    expected = slow_paste(probability, np.float64(box), (50, 60), 0.5)
    assert (ours != expected).sum() <= 1  # a value of one half but for rounding
    assert expected.any() or box[2] - box[0] < 1


@pytest.mark.parametrize("box", [(60, 0, 90, 30), (5, -90, 9, -60), (np.nan, 0, 5, 5)])
def test_a_box_outside_has_no_pixels(box):
    crop, top, left = paste_expanded(np.ones((28, 28), np.float32), np.float32(box), (50, 60))
    assert crop.size == 0 and 0 <= top <= 50 and 0 <= left <= 60


def test_a_huge_box_covers_the_picture():
    box = np.float32([-1e12, -1e12, 1e12, 1e12])
    crop, _, _ = paste_expanded(np.ones((28, 28), np.float32), box, (5, 6))
    assert crop.shape == (5, 6) and crop.all()
