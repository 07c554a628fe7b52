"""An image becomes arrays of fixed shape, whatever it holds."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.geometry.shrink import resize_image
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.two_stage.targets import encode
from tfseg.opencv import cv2
from tfseg.structures import Sample

CONFIG = MaskRCNNConfig(classes=("a", "b"), image_size=128, max_instances=5, mini_mask_size=28)


def sample(count, size=(60, 100), seed=0):
    random = np.random.default_rng(seed)
    masks = np.zeros((count, *size), bool)
    for mask in masks:
        y, x = random.integers(0, size[0] - 12), random.integers(0, size[1] - 12)
        h, w = random.integers(4, 12, 2)
        mask[y : y + h, x : x + w] = True
    image = random.integers(0, 255, (*size, 3)).astype(np.uint8)
    return Sample(image=image, class_ids=random.integers(1, 3, count), masks=masks)


@pytest.mark.parametrize("count", [0, 1, 5, 300])
def test_shapes_are_fixed(count):
    arrays = encode(sample(count), CONFIG)
    described = {name: (value.shape, value.dtype.name) for name, value in arrays.items()}
    assert described == {
        "image": ((128, 128, 3), "uint8"),
        "gt_class_ids": ((5,), "int32"),
        "gt_boxes": ((5, 4), "float32"),
        "gt_masks": ((5, 28, 28), "uint8"),
    }
    used = min(count, 5)
    assert (arrays["gt_class_ids"][:used] > 0).all()
    for name in ("gt_class_ids", "gt_boxes", "gt_masks"):
        assert not arrays[name][used:].any()


def test_boxes_are_pixels_of_the_square():
    # 60 x 100 becomes 77 x 128 (scale 1.28), 25 rows above.
    masks = np.zeros((1, 60, 100), bool)
    masks[0, 10:30, 50:75] = True
    one = Sample(image=np.zeros((60, 100, 3), np.uint8), class_ids=[2], masks=masks)
    arrays = encode(one, CONFIG)
    expected = [25 + 10 * 77 / 60, 50 * 1.28, 25 + 30 * 77 / 60, 75 * 1.28]
    np.testing.assert_allclose(arrays["gt_boxes"][0], expected, atol=1)
    assert arrays["gt_class_ids"].tolist() == [2, 0, 0, 0, 0]
    assert arrays["gt_masks"][0].all()


def test_of_too_many_objects_the_largest_stay_in_order():
    masks = np.zeros((8, 128, 128), bool)
    sides = [3, 40, 7, 30, 50, 20, 10, 4]
    for mask, side in zip(masks, sides):
        mask[:side, :side] = True
    many = Sample(
        image=np.zeros((128, 128, 3), np.uint8), class_ids=[1, 2, 1, 2, 1, 2, 1, 2], masks=masks
    )
    boxes = encode(many, CONFIG)["gt_boxes"]
    assert boxes[:, 2].tolist() == [40, 30, 50, 20, 10]


def test_crowds_get_negative_ids():
    crowd = sample(3).replace(is_crowd=np.array([False, True, False]))
    ids = encode(crowd, CONFIG)["gt_class_ids"]
    assert np.sign(ids).tolist() == [1, -1, 1, 0, 0]
    np.testing.assert_array_equal(np.abs(ids[:3]), crowd.class_ids)


def test_augmentation_happens_in_the_square():
    seen = []

    def mirror(inside):
        seen.append(inside.size)
        return inside.replace(
            image=inside.image[:, ::-1].copy(), masks=inside.masks[:, :, ::-1].copy(), boxes=None
        )

    plain, mirrored = encode(sample(3), CONFIG), encode(sample(3), CONFIG, mirror)
    assert seen == [(128, 128)]
    np.testing.assert_array_equal(mirrored["image"], plain["image"][:, ::-1])
    np.testing.assert_allclose(mirrored["gt_boxes"][:3, 1], 128 - plain["gt_boxes"][:3, 3])


@pytest.mark.parametrize("size", [(1, 1), (1000, 10), (3, 700)])
def test_odd_pictures(size):
    arrays = encode(Sample(image=np.full((*size, 3), 9, np.uint8)), CONFIG)
    assert arrays["image"].shape == (128, 128, 3) and (arrays["image"] == 9).any()


def test_a_smaller_least_side_leaves_small_pictures_small():
    config = CONFIG.replace(image_min_size=60)
    image = encode(sample(0), config)["image"]
    assert image[34:94, 14:114].any(axis=2).mean() > 0.99
    assert not image[:34].any() and not image[94:].any() and not image[:, :14].any()


def test_only_the_projects_own_fit_filters_what_it_shrinks():
    large = sample(2, (240, 256))
    bare, filtered = cv2.resize(large.image, (128, 120)), resize_image(large.image, (120, 128))
    assert np.abs(bare.astype(int) - filtered).mean() > 5
    for fit, expected in (("matterport", bare), ("square", filtered)):
        image = encode(large, CONFIG.replace(image_fit=fit))["image"]
        np.testing.assert_array_equal(image[4:124], expected, fit)
