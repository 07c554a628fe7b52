"""The one rule of resizing, against a plain computation, OpenCV, and what stripes become."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tfseg.data.augment import PaddedResize, SquareResize
from tfseg.geometry.shrink import resize_image, resize_nearest
from tfseg.opencv import cv2

# (H, W) to (h, w): both smaller, one of them, by whole factors, to one pixel, hardly at all.
SHRUNK = [
    ((40, 60), (10, 15)),
    ((61, 47), (20, 36)),
    ((31, 40), (60, 11)),
    ((9, 100), (9, 7)),
    ((50, 3), (8, 3)),
    ((17, 23), (1, 1)),
    ((64, 48), (63, 47)),
]


def triangle_by_hand(count, wanted):
    """Weights `(wanted, count)` of a triangle that reaches as far as one new pixel on each side."""
    scale = count / wanted
    reach = max(scale, 1.0)
    weights = np.zeros((wanted, count))
    for new in range(wanted):
        for old in range(count):
            away = abs((old + 0.5) - (new + 0.5) * scale)
            weights[new, old] = max(0.0, 1 - away / reach)
    return weights / weights.sum(axis=1, keepdims=True)


def by_hand(image, size):
    rows, columns = (triangle_by_hand(*pair) for pair in zip(image.shape[:2], size, strict=True))
    return np.einsum("ih,hwd,jw->ijd", rows, image.astype(float), columns)


@pytest.mark.parametrize(("before", "after"), SHRUNK)
def test_smaller_images_are_averaged_by_triangles(before, after):
    image = np.random.default_rng(0).integers(0, 256, (*before, 5), np.uint8)
    expected = by_hand(image, after)
    for channels in (1, 2, 3, 4, 5):
        found = resize_image(image[..., :channels], after)
        assert found.dtype == np.uint8 and found.shape == (*after, channels)
        # Rounded once after each axis.
        assert np.abs(found - expected[..., :channels]).max() <= 1
    grey = resize_image(image[..., 0], after)
    np.testing.assert_array_equal(grey, resize_image(image[..., :1], after)[..., 0])
    reals = resize_image(image.astype(np.float32) / 255, after)
    assert reals.dtype == np.float32
    np.testing.assert_allclose(reals * 255, expected, atol=1e-3)
    # What a program on a phone has.
    theirs = Image.fromarray(image[..., :3].copy()).resize(after[::-1], Image.Resampling.BILINEAR)
    assert np.abs(resize_image(image[..., :3], after).astype(int) - theirs).max() <= 1


def test_larger_images_are_interpolated_as_before():
    image = np.random.default_rng(1).integers(0, 256, (13, 29, 3), np.uint8)
    for size in ((13, 29), (26, 58), (14, 30), (13, 40)):
        found = resize_image(image, size)
        np.testing.assert_array_equal(found, cv2.resize(image, size[::-1]))
        # So that nothing jumps where an axis begins to shrink.
        assert np.abs(found - by_hand(image, size)).max() <= 1
    cubic = resize_image(image, (26, 58), enlarge=cv2.INTER_CUBIC)
    np.testing.assert_array_equal(cubic, cv2.resize(image, (58, 26), interpolation=cv2.INTER_CUBIC))


def test_stripes_become_grey_where_they_are_too_fine():
    stripes = np.zeros((400, 300, 3), np.uint8)
    stripes[::3], stripes[1::3] = 255, 128
    for image in (stripes, stripes.transpose(1, 0, 2)):
        mean = image.mean()
        plan = SquareResize(100, 100).plan(image.shape[:2])
        y1, x1, y2, x2 = plan.window
        inside = plan.image(image)[y1:y2, x1:x2].astype(float)
        # At the image's edges the triangle is cut off.
        assert np.abs(inside[1:-1, 1:-1] - mean).max() < 8
        bare = resize_image(image, plan.resized, low_pass=False)
        assert np.ptp(bare[1:-1, 1:-1]) > 100


def test_the_source_of_the_padded_fit_has_no_filter():
    image = np.random.default_rng(2).integers(0, 256, (90, 120, 3), np.uint8)
    found = PaddedResize(48, 64, canvas=(64, 64)).plan((90, 120)).image(image)
    np.testing.assert_array_equal(found[:48], cv2.resize(image, (64, 48)))


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
def test_labels_keep_their_values(dtype):
    labels = np.random.default_rng(3).integers(0, 2, (40, 60)).astype(dtype)
    found = resize_nearest(labels, (8, 12))
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, labels[2::5, 2::5])


def test_it_needs_no_tensorflow():
    code = (
        "import sys, tfseg.geometry.shrink, tfseg.geometry.resize; "
        "sys.exit(bool({'tensorflow', 'keras', 'imgaug'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
