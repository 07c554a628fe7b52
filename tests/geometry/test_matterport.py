"""Matterport's way into the square and back, against scikit-image and its formulas in full."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from tfseg.geometry.matterport import MatterportResize
from tfseg.geometry.resize import SquareResize
from tfseg.structures.pasting import linear_weights, paste_faded, paste_mask

transform = pytest.importorskip("skimage.transform")


def skimage_resize(image, size):
    """Returns what the original's `utils.resize` returns."""
    options = dict(order=1, mode="constant", cval=0, clip=True, anti_aliasing=False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return transform.resize(image, size, preserve_range=True, **options)


@pytest.mark.parametrize(
    ("size", "sides"),
    [((48, 44), (64, 64)), ((90, 60), (64, 64)), ((33, 50), (60, 64)), ((64, 40), (0, 64))],
)
def test_pixels_are_those_of_scikit_image(size, sides):
    image = np.random.default_rng(0).integers(40, 256, (*size, 3)).astype(np.uint8)
    plan = MatterportResize(*sides).plan(size)
    assert {**vars(plan)} == {**vars(SquareResize(*sides).plan(size))}
    y1, x1, y2, x2 = plan.window
    square = plan.image(image)
    assert square.dtype == np.uint8 and square.shape == (64, 64, 3)
    outside = np.ones((64, 64), bool)
    outside[y1:y2, x1:x2] = False
    assert not square[outside].any()
    exact = skimage_resize(image, plan.resized)
    found = square[y1:y2, x1:x2].astype(int)
    # It cuts off; where its rounding errors straddle a whole number, it cuts one more.
    near = np.abs(exact - np.rint(exact)) < 1e-6
    np.testing.assert_array_equal(found[~near], exact.astype(int)[~near])
    np.testing.assert_array_equal(found[near], np.rint(exact).astype(int)[near])
    real = plan.image(image.astype(np.float32))[y1:y2, x1:x2]
    np.testing.assert_allclose(real, exact, atol=1e-4)


def test_pictures_of_one_pixel_of_one_grey_and_of_other_channels():
    one = MatterportResize(64, 64).plan((1, 1))
    assert one.image(np.full((1, 1, 3), 9, np.uint8)).tolist() == [[[9] * 3] * 64] * 64
    np.testing.assert_array_equal(
        one.undo_boxes([[0, 0, 64, 64]]),
        SquareResize(64, 64).plan((1, 1)).undo_boxes([[0, 0, 64, 64]]),
    )
    plan = MatterportResize(64, 64).plan((1000, 3))
    assert plan.resized[1] < 2 and np.isfinite(plan.undo_boxes([[0, 31, 64, 32]])).all()
    grey = MatterportResize(64, 64).plan((30, 50))
    assert grey.image(np.full((30, 50), 200, np.uint8)).max() == 200
    assert grey.image(np.full((30, 50, 5), 200, np.uint8)).shape == (64, 64, 5)


def test_boxes_go_back_by_the_original_formula():
    # norm_boxes, the window's shift and scale, denorm_boxes, as unmold_detections writes them.
    height, width = 192, 176
    plan = MatterportResize(256, 256).plan((height, width))
    boxes = np.array([[0, 10, 256, 245], [17.3, 30.1, 120.9, 200.5], [250, 240, 256, 245]])
    shift = np.array([0, 0, 1, 1])
    normal = (boxes - shift) / 255
    window = (np.array(plan.window) - shift) / 255
    corner = window[[0, 1, 0, 1]]
    extent = (window[2:] - window[:2])[[0, 1, 0, 1]]
    limit = np.array([height, width, height, width]) - 1
    expected = (normal - corner) / extent * limit + shift
    np.testing.assert_allclose(plan.undo_boxes(boxes), expected, atol=1e-4)
    np.testing.assert_allclose(plan.undo_boxes(boxes)[0], [0, 0, height, width], atol=1e-4)
    far = plan.undo_boxes([[-50, -50, 300, 300]], clip=True)
    np.testing.assert_array_equal(far, [[0, 0, height, width]])
    assert plan.undo_boxes(np.zeros((0, 4))).shape == (0, 4)


@pytest.mark.parametrize("box", [(3, 4, 40, 60), (-20, -5, 35, 47), (5, 5, 7, 6), (0, 0, 90, 70)])
def test_masks_fade_as_scikit_images_do(box):
    mask = np.random.default_rng(1).random((28, 28)).astype(np.float32)
    y1, x1, y2, x2 = box
    whole = skimage_resize(mask, (y2 - y1, x2 - x1))
    expected = np.zeros((90, 70), bool)
    part = whole[max(0, -y1) : 90 - y1, max(0, -x1) : 70 - x1] >= 0.5
    expected[max(0, y1) : y2, max(0, x1) : x2] = part
    crop, top, left = paste_faded(mask, np.array(box, float), (90, 70))
    found = np.zeros((90, 70), bool)
    found[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    assert (found != expected).mean() < 1e-3


def test_a_full_mask_stays_full_and_an_unseen_box_is_empty():
    full = np.ones((28, 28), np.float32)
    assert paste_faded(full, np.array([0, 0, 80, 80.0]), (80, 80))[0].all()
    half = np.full((28, 28), 0.6, np.float32)
    half[0, 0] = 0.1
    assert not paste_faded(half, np.array([0, 0, 80, 80.0]), (80, 80))[0][-1].any()
    assert paste_mask(half, np.array([0, 0, 80, 80.0]), (80, 80))[0][-1].all()
    for box in ([90, 0, 95, 9], [5, 5, 5, 9], [np.nan, 0, 1, 1]):
        assert paste_faded(full, np.array(box, float), (80, 80))[0].size == 0


def test_faded_weights_vanish_beyond_the_outermost_samples():
    plain, faded = linear_weights(0, 8, 0, 8, 4), linear_weights(0, 8, 0, 8, 4, fade=True)
    np.testing.assert_allclose(plain.sum(axis=1), 1)
    np.testing.assert_allclose(faded.sum(axis=1), [0.75, 1, 1, 1, 1, 1, 1, 0.75])
