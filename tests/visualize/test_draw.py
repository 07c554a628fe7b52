"""Drawn images: where the colour goes, what stays untouched, and the odd sizes."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tfseg.errors import ConfigError, DataError
from tfseg.structures import Prediction, Sample
from tfseg.visualize import draw, side_by_side
from tfseg.visualize.colors import ink_on, palette
from tfseg.visualize.label_plates import write_labels
from tfseg.visualize.text import cut_to_width, font, width_of

BARE = dict(boxes=False, labels=False)


def scene(height=100, width=120, count=2, seed=0) -> Sample:
    rng = np.random.default_rng(seed)
    masks = np.zeros((count, height, width), bool)
    for mask in masks:
        y, x = rng.integers(0, max(1, height - 20)), rng.integers(0, max(1, width - 20))
        mask[y : y + 20, x : x + 20] = True
    image = np.full((height, width, 3), 100, np.uint8)
    return Sample(image, 1, class_ids=1 + np.arange(count) % 3, masks=masks)


def predicted(sample: Sample, names=("suit", "dress", "jeans")) -> Prediction:
    return Prediction.from_masks(
        sample.masks,
        size=sample.size,
        boxes=sample.boxes,
        class_ids=sample.class_ids,
        scores=np.linspace(1, 0.1, len(sample)),
        class_names=names,
    )


def test_fill_is_the_blend_inside_and_the_picture_outside():
    sample = scene(count=1)
    drawn = draw(sample.image, predicted(sample), alpha=0.5, **BARE)
    mask = sample.masks[0]
    core = mask.copy()
    core[:-3] &= mask[3:]
    core[3:] &= mask[:-3]
    core[:, 3:] &= mask[:, :-3]
    core[:, :-3] &= mask[:, 3:]
    expected = np.rint(100 * 0.5 + palette(1)[0] * 0.5)
    assert np.abs(drawn[core].astype(int) - expected).max() <= 1
    ring = np.pad(mask, 3)
    outside = ~np.any([np.roll(ring, s, a) for s in (-2, 0, 2) for a in (0, 1)], axis=0)
    assert (drawn[outside[3:-3, 3:-3]] == 100).all()
    assert (sample.image == 100).all(), "the input was changed"


def test_prediction_and_sample_with_equal_masks_are_drawn_alike():
    sample = scene(count=3)
    left = draw(None, sample, labels=False, color_by="class")
    right = draw(sample.image, predicted(sample), labels=False, color_by="class")
    np.testing.assert_array_equal(left, right)


def test_colours_by_class_or_by_instance():
    sample = scene(60, 200, 0)
    masks = np.zeros((2, 60, 200), bool)
    masks[0, 10:50, 10:60] = masks[1, 10:50, 110:160] = True
    sample = sample.replace(
        class_ids=np.array([1, 1]), masks=masks, boxes=None, is_crowd=None, annotation_ids=None
    )
    by_class = draw(None, sample, color_by="class", **BARE)
    by_instance = draw(None, sample, color_by="instance", **BARE)
    assert (by_class[30, 30] == by_class[30, 130]).all()
    assert (by_instance[30, 30] != by_instance[30, 130]).any()
    one_name = draw(None, sample, class_names=("person",), **BARE)
    np.testing.assert_array_equal(one_name, by_instance)
    two_names = draw(None, sample, class_names=("suit", "dress"), **BARE)
    np.testing.assert_array_equal(two_names, by_class)


def test_a_box_ends_inside_its_last_pixel():
    image = np.zeros((40, 40, 3), np.uint8)
    drawn = draw(image, Sample(image, class_ids=[1], boxes=[[5, 8, 20, 30]]), labels=False)
    rows, columns = np.nonzero(drawn.any(axis=2))
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (5, 19, 8, 29)


@pytest.mark.parametrize(
    ("size", "min_side", "expected"),
    [
        ((128, 128), 384, (384, 384)),
        ((128, 100), 384, (512, 400)),
        ((500, 600), 384, (500, 600)),
        ((10, 3000), 384, (10, 3000)),
        ((1, 1), 50, (50, 50)),
        ((90, 90), None, (90, 90)),
    ],
)
def test_min_side_enlarges_by_whole_factors(size, min_side, expected):
    drawn = draw(None, Sample(np.zeros((*size, 3), np.uint8)), min_side=min_side)
    assert drawn.shape == (*expected, 3) and drawn.dtype == np.uint8


def test_enlarged_mask_lies_over_the_enlarged_picture():
    sample = scene(40, 40, 1)
    drawn = draw(None, sample, min_side=160, **BARE)
    big = np.kron(sample.masks[0], np.ones((4, 4), bool))
    changed = (drawn != 100).any(axis=2)
    assert (changed & big).sum() / (changed | big).sum() > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (50, 1), (3, 3), (7, 400)])
def test_tiny_pictures(size):
    image = np.full((*size, 3), 50, np.uint8)
    sample = Sample(image, class_ids=[1], masks=np.ones((1, *size), bool))
    for options in ({}, {"min_side": 64}):
        drawn = draw(sample.image, predicted(sample), truth=sample, **options)
        assert drawn.dtype == np.uint8 and drawn.min() >= 0
    assert draw(image, sample).shape == image.shape


def test_no_objects_leave_the_picture_as_it_is():
    image = np.random.default_rng(0).integers(0, 256, (30, 40, 3), np.uint8)
    np.testing.assert_array_equal(draw(image, Prediction((30, 40), [], [], [])), image)
    np.testing.assert_array_equal(draw(None, Sample(image)), image)


def test_empty_mask_odd_boxes_and_unknown_classes_are_drawn_around():
    image = np.zeros((50, 50, 3), np.uint8)
    boxes = [[np.nan] * 4, [-1e9, -1e9, 1e9, 1e9], [20, 20, 20, 20], [60, 60, 90, 90]]
    sample = Sample(image, class_ids=[1, 7, 0, -3], boxes=boxes)
    assert draw(image, sample).any()


def test_three_hundred_objects():
    sample = scene(300, 400, 300)
    drawn = draw(sample.image, predicted(sample))
    assert drawn.shape == sample.image.shape


def test_labels_stay_inside_and_apart():
    rng = np.random.default_rng(2)
    for size in ((200, 150), (128, 128), (60, 400), (30, 30)):
        corners = rng.uniform(-40, max(size) + 40, (25, 2))
        boxes = np.concatenate([corners, corners + rng.uniform(1, 80, (25, 2))], axis=1)
        words = ["x" * int(n) for n in rng.integers(1, 60, 25)]
        sheet = Image.new("RGB", size[::-1])
        placed = np.array(write_labels(sheet, boxes, words, palette(25)))
        assert (placed[:, :2] >= 0).all()
        assert (placed[:, 2] <= size[1]).all() and (placed[:, 3] <= size[0]).all()
    few = Image.new("RGB", (300, 300))
    boxes = np.array([[20, 20, 90, 90]] * 4, float)
    placed = write_labels(few, boxes, ["person 0.9"] * 4, palette(4))
    for i, (l1, t1, r1, b1) in enumerate(placed):
        for l2, t2, r2, b2 in placed[i + 1 :]:
            assert min(r1, r2) <= max(l1, l2) or min(b1, b2) <= max(t1, t2)


def test_scores_and_names_change_what_is_written():
    sample = scene(200, 200, 1)
    found = predicted(sample)
    variants = [
        draw(sample.image, found),
        draw(sample.image, found, scores=False),
        draw(sample.image, found, class_names=("coat", "b", "c")),
        draw(sample.image, found, labels=False),
        draw(sample.image, found, text_scale=2),
    ]
    for i, one in enumerate(variants):
        for other in variants[i + 1 :]:
            assert (one != other).any()


def test_long_names_are_cut_to_the_width():
    face = font(12)
    words = cut_to_width("a name with\nline breaks and no end in sight", face, 80)
    assert words.endswith("…") and "\n" not in words and width_of(words, face) <= 80
    assert cut_to_width("short", face, 80) == "short"
    assert cut_to_width("anything", face, 2) == ""


def test_crowds_are_grey_and_named():
    sample = scene(100, 100, 1).replace(is_crowd=np.array([True]))
    drawn = draw(None, sample, labels=False).astype(int)
    assert np.ptp(drawn, axis=2).max() <= 10  # no colour anywhere
    assert (drawn != 100).any()


def test_keypoints_bones_hidden_and_unlabelled():
    image = np.zeros((200, 200, 3), np.uint8)
    joints = np.zeros((1, 17, 3), np.float32)
    joints[0, 5], joints[0, 6], joints[0, 7] = (60, 100, 2), (140, 100, 1), (30, 30, 0)
    sample = Sample(image, class_ids=[1], boxes=[[0, 0, 1, 1]], keypoints=joints)
    drawn = draw(None, sample, **BARE)
    assert drawn[100, 100].max() > 100  # the bone between the shoulders
    assert drawn[100, 60].max() > 100 and drawn[100, 140].max() < 60  # visible, hidden
    assert not drawn[20:40, 20:40].any()  # not labelled
    assert not draw(None, sample, keypoints=False, **BARE).any()
    nobody = sample.replace(keypoints=np.zeros((1, 17, 3)))
    assert not draw(None, nobody, **BARE).any()
    three = sample.replace(keypoints=joints[:, 5:8])
    assert draw(None, three, **BARE)[100, 60].max() > 100  # joints without known bones
    wild = joints.copy()
    wild[0, 5] = (np.nan, 3, 2)
    wild[0, 6] = (1e12, -1e12, 2)
    draw(None, sample.replace(keypoints=wild), **BARE)


def test_truth_outline_is_drawn_over_the_prediction():
    sample = scene(100, 100, 1)
    nothing = Prediction(sample.size, [], [], [])
    drawn = draw(sample.image, nothing, truth=sample)
    assert (drawn == 255).all(axis=2).any() and (drawn == 0).all(axis=2).any()


@pytest.mark.parametrize(
    ("image", "options", "error", "message"),
    [
        (np.zeros((100, 120, 3), np.float32), {}, DataError, "float32"),
        (np.zeros((100, 120, 4), np.uint16), {}, DataError, "to_rgb"),
        (np.zeros((0, 120, 3), np.uint8), {}, DataError, "at least one pixel"),
        (np.zeros((90, 120, 3), np.uint8), {}, DataError, "90 x 120.*100 x 120"),
        (None, {"alpha": 1.5}, ConfigError, "alpha"),
        (None, {"color_by": "mood"}, ConfigError, "color_by"),
        (None, {"text_scale": 0}, ConfigError, "text_scale"),
    ],
)
def test_bad_input_is_named(image, options, error, message):
    with pytest.raises(error, match=message):
        draw(image, scene(), **options)


def test_a_list_of_predictions_is_named():
    with pytest.raises(DataError, match="returns a list"):
        draw(np.zeros((5, 5, 3), np.uint8), [])


def test_grey_pictures_are_drawn_on():
    sample = scene()
    assert draw(np.zeros((100, 120), np.uint8), sample).shape == (100, 120, 3)


def test_side_by_side_holds_truth_left_and_prediction_right():
    sample = scene(100, 100, 2)
    sheet = side_by_side(sample, Prediction(sample.size, [], [], []), min_side=None)
    assert sheet.shape[1] == 2 * 100 + 3 * 8
    right = sheet[8:108, 116:216]
    assert (right == 100).all() and (sheet[8:108, 8:108] != 100).any()


def test_palette_is_stable_and_distinct():
    many = palette(120)
    np.testing.assert_array_equal(palette(7), many[:7])
    assert len({tuple(colour) for colour in many.tolist()}) == 120
    assert palette(0).shape == (0, 3)
    with pytest.raises(ConfigError):
        palette(-1)


def test_ink_has_contrast():
    assert ink_on((255, 255, 255)) == (16, 16, 20)
    assert ink_on((10, 10, 60)) == (255, 255, 255)
