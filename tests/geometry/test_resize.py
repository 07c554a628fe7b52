"""The square, its inverse, and the pasting of small masks, against independent computations."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfseg.errors import ConfigError, DataError
from tfseg.geometry.resize import InSquare, SquareResize
from tfseg.opencv import missing_library
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.pasting import paste_mask

SIZES = st.tuples(st.integers(1, 90), st.integers(1, 90))


def resize_by_hand(image, size):
    """Bilinear at pixel centres, one pixel at a time."""
    (height, width), (rows, columns) = image.shape[:2], size
    result = np.zeros((rows, columns, *image.shape[2:]))
    for i in range(rows):
        for j in range(columns):
            y = min(max((i + 0.5) * height / rows - 0.5, 0), height - 1)
            x = min(max((j + 0.5) * width / columns - 0.5, 0), width - 1)
            y0, x0 = int(y), int(x)
            y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
            top = image[y0, x0] * (x0 + 1 - x) + image[y0, x1] * (x - x0)
            bottom = image[y1, x0] * (x0 + 1 - x) + image[y1, x1] * (x - x0)
            result[i, j] = top * (y0 + 1 - y) + bottom * (y - y0)
    return result


@pytest.mark.parametrize(
    ("size", "sides", "scale", "resized", "window"),
    [
        ((683, 1024), (512, 512), 0.5, (342, 512), (85, 0, 427, 512)),
        ((300, 400), (800, 1024), 2.56, (768, 1024), (128, 0, 896, 1024)),
        ((900, 950), (800, 1024), 1.0, (900, 950), (62, 37, 962, 987)),
        ((600, 600), (800, 1024), 800 / 600, (800, 800), (112, 112, 912, 912)),
        ((1, 1), (64, 64), 64.0, (64, 64), (0, 0, 64, 64)),
        ((10000, 10), (64, 64), 0.0064, (64, 1), (0, 31, 64, 32)),
        ((5, 10000), (64, 64), 0.0064, (1, 64), (31, 0, 32, 64)),
    ],
)
def test_plan_of_known_sizes(size, sides, scale, resized, window):
    plan = SquareResize(*sides).plan(size)
    assert plan.scale == pytest.approx(scale)
    assert plan.resized == resized
    assert plan.window == window
    assert plan.side == sides[1]


@given(SIZES, st.integers(1, 70), st.integers(0, 70))
def test_plan_always_fits(size, max_side, smaller):
    plan = SquareResize(max(0, max_side - smaller), max_side).plan(size)
    y1, x1, y2, x2 = plan.window
    assert 0 <= y1 < y2 <= max_side and 0 <= x1 < x2 <= max_side
    assert abs((max_side - y2) - y1) <= 1 and abs((max_side - x2) - x1) <= 1
    if smaller == 0:
        assert max(plan.resized) == max_side


def test_image_is_bilinear_and_padded_with_zeros():
    image = np.random.default_rng(0).integers(0, 256, (13, 29, 3), np.uint8)
    for side, low_pass in ((29, True), (58, True), (20, False)):
        plan = SquareResize(side, side, low_pass=low_pass).plan((13, 29))
        square = plan.image(image)
        assert square.shape == (side, side, 3) and square.dtype == np.uint8
        y1, x1, y2, x2 = plan.window
        inside = square[y1:y2, x1:x2].astype(float)
        assert np.abs(inside - resize_by_hand(image.astype(float), plan.resized)).max() <= 1
        square[y1:y2, x1:x2] = 0
        assert not square.any()


def test_masks_and_label_maps_take_the_nearest_centre():
    rng = np.random.default_rng(1)
    masks, labels = rng.random((3, 17, 23)) > 0.5, rng.integers(0, 256, (17, 23), np.int32)
    plan = SquareResize(40, 40).plan((17, 23))
    y1, x1, y2, x2 = plan.window
    rows = ((np.arange(plan.resized[0]) + 0.5) * 17 / plan.resized[0]).astype(int)
    columns = ((np.arange(plan.resized[1]) + 0.5) * 23 / plan.resized[1]).astype(int)
    moved = plan.masks(masks)
    assert moved.dtype == bool
    assert (moved[:, y1:y2, x1:x2] == masks[:, rows][:, :, columns]).all()
    assert moved.sum() == moved[:, y1:y2, x1:x2].sum()
    square = plan.label_map(labels, fill=255)
    assert square.dtype == np.int32
    assert (square[y1:y2, x1:x2] == labels[rows][:, columns]).all()
    assert square[0, 0] == 255 and plan.label_map(labels, fill=0)[0, 0] == 0


def test_label_maps_keep_wide_types():
    labels = np.arange(6, dtype=np.int64).reshape(2, 3)
    assert SquareResize(6, 6).plan((2, 3)).label_map(labels).dtype == np.int64


def test_each_label_map_is_filled_as_its_kind_says_and_comes_back():
    labels = np.random.default_rng(3).integers(0, 60000, (12, 18)).astype(np.uint16)
    maps = {"wide": labels, "places": labels > 30000, "other": labels.astype(np.int32)}
    kinds = {"wide": LabelMapKind(ignore=65535), "places": LabelMapKind(ignore=None)}
    plan = SquareResize(36, 36).plan((12, 18))
    sample = Sample(np.zeros((12, 18, 3), np.uint8), label_maps=maps, label_map_kinds=kinds)
    moved = plan.sample(sample)
    for name, fill in (("wide", 65535), ("places", 0), ("other", 255)):
        assert (moved.label_maps[name][: plan.top] == fill).all()
        back = plan.undo_label_map(moved.label_maps[name])
        np.testing.assert_array_equal(back, maps[name])
        assert back.dtype == maps[name].dtype
    assert moved.label_map_kinds == kinds


@given(SIZES, st.integers(1, 80), st.lists(st.floats(-50, 150), min_size=4, max_size=4))
def test_boxes_and_keypoints_go_there_and_back(size, side, values):
    plan = SquareResize(side, side).plan(size)
    boxes = np.array([values], np.float32)
    back = plan.undo_boxes(plan.boxes(boxes))
    tolerance = 2e-4 * max(1, max(size) / side)
    np.testing.assert_allclose(back, boxes, atol=tolerance)
    keypoints = np.array([[(*values[:2], 2), (*values[2:], 1), (0, 0, 0)]], np.float32)
    back = plan.undo_keypoints(plan.keypoints(keypoints))
    np.testing.assert_allclose(back, keypoints, atol=tolerance)


def test_picture_edges_become_window_edges():
    plan = SquareResize(64, 64).plan((100, 33))
    whole = np.array([[0, 0, 100, 33]], np.float32)
    np.testing.assert_allclose(plan.boxes(whole)[0], plan.window)
    outside = plan.undo_boxes(np.array([[-5, -5, 70, 70]], np.float32), clip=True)
    np.testing.assert_array_equal(outside, whole)


def test_keypoints_stay_on_the_centre_of_their_pixel():
    plan = SquareResize(30, 30).plan((10, 10))
    moved = plan.keypoints(np.array([[(2, 3, 2), (7, 7, 0)]], np.float32))
    np.testing.assert_allclose(moved[0], [(7, 10, 2), (7, 7, 0)])


@given(SIZES, st.integers(1, 4))
@settings(max_examples=40)
def test_masks_survive_whole_enlargement(size, factor):
    height, width = size
    masks = np.random.default_rng(height * 91 + width).random((2, height, width)) > 0.5
    plan = SquareResize(factor * max(size), factor * max(size)).plan(size)
    assert (plan.undo_masks(plan.masks(masks)) == masks).all()
    labels = masks[0].astype(np.int32)
    assert (plan.undo_label_map(plan.label_map(labels)) == labels).all()


def test_sample_moves_everything_and_drops_what_vanishes():
    masks = np.zeros((3, 40, 80), bool)
    masks[0, 8:24, 16:48] = True
    masks[1, 7, 7] = True
    masks[2, 30:40, 60:80] = True
    image = np.where(masks[0][..., None], 255, 0).astype(np.uint8).repeat(3, axis=2)
    points = np.zeros((3, 2, 3), np.float32)
    points[0, 0] = (16, 8, 2)
    sample = Sample(
        image, "a", [1, 2, 3], masks, is_crowd=[0, 0, 1], keypoints=points,
        label_maps={"parts": masks[0] * np.int32(5)}, annotation_ids=[11, 12, 13], path="a.jpg",
    )  # fmt: skip
    moved = SquareResize(20, 20).plan(sample.size).sample(sample)
    assert moved.size == (20, 20) and moved.image_id == "a" and moved.path == "a.jpg"
    np.testing.assert_array_equal(moved.annotation_ids, [11, 13])
    np.testing.assert_array_equal(moved.is_crowd, [False, True])
    np.testing.assert_array_equal(moved.boxes, [(7, 4, 11, 12), (12, 15, 15, 20)])
    np.testing.assert_allclose(moved.keypoints[0, 0], (3.625, 6.625, 2))
    np.testing.assert_array_equal(moved.label_maps["parts"] == 5, moved.masks[0])
    np.testing.assert_array_equal(moved.image[..., 0] > 127, moved.masks[0])


@pytest.mark.parametrize("sides", [(32, 32), (10, 32)])
def test_in_square_resizes_first_and_only_once(sides):
    seen = []

    def augment(sample, seed):
        seen.append((sample.size, seed))
        return sample

    sample = Sample(np.full((20, 44, 3), 50, np.uint8), 0, [1], np.ones((1, 20, 44), bool))
    resize = SquareResize(*sides)
    moved = InSquare(resize, augment)(sample, 7)
    assert seen == [((32, 32), 7)]
    again = resize.plan(moved.size).sample(moved)
    np.testing.assert_array_equal(again.image, moved.image)
    np.testing.assert_array_equal(again.masks, moved.masks)
    assert InSquare(resize)(sample, 0).size == (32, 32)


def test_sample_without_objects():
    sample = Sample(np.full((3, 5, 3), 9, np.uint8), keypoints=np.zeros((0, 17, 3)))
    moved = SquareResize(10, 10).plan((3, 5)).sample(sample)
    assert len(moved) == 0 and moved.masks.shape == (0, 10, 10)
    assert moved.keypoints.shape == (0, 17, 3)


@pytest.mark.parametrize("size", [(1, 1), (10000, 10), (10, 10000), (40000, 3)])
def test_extreme_pictures(size):
    sample = Sample(np.full((*size, 3), 200, np.uint8), 0, [1], np.ones((1, *size), bool))
    plan = SquareResize(64, 64).plan(size)
    moved = plan.sample(sample)
    y1, x1, y2, x2 = plan.window
    np.testing.assert_array_equal(moved.boxes, [plan.window])
    assert (moved.image[y1:y2, x1:x2] == 200).all()
    assert plan.undo_masks(moved.masks).all()


@pytest.mark.parametrize("sides", [(10, 5), (-1, 5), (0, 0)])
def test_impossible_sides(sides):
    with pytest.raises(ConfigError, match="min_side"):
        SquareResize(*sides)


def test_errors_say_what_came():
    with pytest.raises(DataError, match="at least one pixel, got 0 x 7"):
        SquareResize(8, 8).plan((0, 7))
    plan = SquareResize(8, 8).plan((4, 4))
    with pytest.raises(DataError, match=r"the masks has \(5, 4\)"):
        plan.masks(np.zeros((1, 5, 4), bool))


@pytest.mark.parametrize(
    "box", [(3, 4, 40, 39), (2.6, 3.4, 30.4, 31.6), (-12, -7, 25, 90), (-60, -60, 200, 220)]
)
def test_paste_mask_equals_resizing_by_hand(box):
    probability = np.random.default_rng(3).random((28, 28)).astype(np.float32)
    height, width = 50, 60
    y1, x1, y2, x2 = (round(v) for v in box)
    full = resize_by_hand(probability, (y2 - y1, x2 - x1))
    truth, known = np.zeros((height, width), bool), np.ones((height, width), bool)
    for y in range(max(y1, 0), min(y2, height)):
        for x in range(max(x1, 0), min(x2, width)):
            truth[y, x] = full[y - y1, x - x1] >= 0.5
            known[y, x] = abs(full[y - y1, x - x1] - 0.5) > 1e-5
    crop, top, left = paste_mask(probability, np.array(box), (height, width))
    pasted = np.zeros((height, width), bool)
    pasted[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    assert crop.any()
    assert (pasted == truth)[known].all()


def test_paste_mask_of_a_huge_box_costs_only_the_picture():
    crop, top, left = paste_mask(np.ones((28, 28)), np.array([-1e9, -1e9, 1e9, 1e9]), (30, 20))
    assert crop.shape == (30, 20) and crop.all() and (top, left) == (0, 0)


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (9, 9, 2, 2), (50, 0, 70, 9), (-9, -9, -2, -1), (np.nan, 0, 3, 3)]
)
def test_paste_mask_without_visible_pixels(box):
    crop, top, left = paste_mask(np.ones((28, 28)), np.array(box), (30, 20))
    assert crop.shape == (0, 0) and 0 <= top <= 30 and 0 <= left <= 20


def test_threshold_is_inclusive():
    crop, _, _ = paste_mask(np.full((28, 28), 0.5), np.array([0, 0, 28, 28]), (28, 28))
    assert crop.all()


def test_missing_system_library_names_the_remedy():
    message = str(missing_library(ImportError("libGL.so.1: cannot open shared object file")))
    assert "apt-get install libgl1" in message
    assert "pip install opencv-python" in str(missing_library(ImportError("No module named cv2")))


def test_importing_without_the_system_library_fails_clearly(tmp_path):
    (tmp_path / "cv2.py").write_text("raise ImportError('libGL.so.1: cannot open shared object')")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import tfseg.geometry.resize"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode != 0 and "apt-get install libgl1" in done.stderr
