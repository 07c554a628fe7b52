"""What the training network is given."""

from __future__ import annotations

import numpy as np

from tfseg.data.augment import choose
from tfseg.geometry.proportional import ImageFit
from tfseg.models.portrait.targets import Resized, encode
from tfseg.structures import Sample

FIT = ImageFit((64, 64), "letterbox")


def test_what_is_outside_the_picture_is_ignored_and_not_valid():
    labels = np.ones((32, 64), np.int32)
    labels[:4] = 255
    got = encode(Sample(np.full((32, 64, 3), 9, np.uint8), label_maps={"classes": labels}), FIT)
    assert got["image"].shape == (64, 64, 3) and got["image"].dtype == np.uint8
    expected = np.full((64, 64), 255)
    expected[20:48] = 1
    np.testing.assert_array_equal(got["labels"], expected)
    np.testing.assert_array_equal(
        got["valid"].any(axis=1), [False] * 16 + [True] * 32 + [False] * 16
    )


def test_masks_become_a_class_map(portrait_samples):
    sample = portrait_samples[1]
    got = encode(sample, ImageFit(sample.size, "stretch"))
    np.testing.assert_array_equal(got["labels"] == 1, sample.masks.any(axis=0))


def test_resizing_before_gives_the_same(portrait_data):
    fit, augment = ImageFit((64, 48)), choose("portrait_light")
    resized = Resized(portrait_data, fit)
    for index in range(len(portrait_data)):
        for move in (None, lambda sample: augment(sample, 5)):
            one = encode(portrait_data[index], fit, move)
            two = encode(resized[index], fit, move)
            for name in one:
                np.testing.assert_array_equal(one[name], two[name])


def test_a_turned_picture_teaches_no_corners():
    sample = Sample(np.full((64, 64, 3), 200, np.uint8))
    move = choose("portrait")
    shown = []
    for seed in range(8):
        got = encode(sample, FIT, lambda s, seed=seed: move(s, seed))
        np.testing.assert_array_equal(got["labels"], np.where(got["valid"], 0, 255))
        shown.append(got["valid"].mean())
    assert min(shown) < 0.9


def test_random_crops_come_at_their_own_size():
    augment = choose("voc").on_canvas((64, 64))
    sample = Sample(np.full((200, 100, 3), 200, np.uint8))
    got = encode(sample, ImageFit((64, 64), "native"), lambda s: augment(s, 3), before=True)
    assert got["image"].shape == (64, 64, 3)
