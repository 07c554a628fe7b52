"""Pieces of randomly scaled images, against arithmetic on an image whose pixels are numbered."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from each_case import each

from tfseg.data.augment import ScaleCrop, choose, presets, random_scale_crop
from tfseg.data.augment.scale_crop import VOC_SCALES
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample


def numbered(height=40, width=50):
    """Red is the row, green the column, blue 255; the right half is class 1."""
    image = np.full((height, width, 3), 255, np.uint8)
    image[..., 0], image[..., 1] = np.mgrid[:height, :width]
    mask = np.zeros((1, height, width), bool)
    mask[0, :, width // 2 :] = True
    return Sample(image, 0, [1], mask)


def test_unscaled_pieces_are_pieces_of_the_picture():
    sample, corners = numbered(), collections.Counter()
    for seed in range(200):
        after = random_scale_crop(sample, seed, size=(30, 20), scales=(1.0,), flip=0)
        top, left = after.image[0, 0, :2]
        corners[int(top), int(left)] += 1
        expected = sample.image[top : top + 30, left : left + 20]
        np.testing.assert_array_equal(after.image, expected)
        mask = np.broadcast_to(np.arange(left, left + 20) >= 25, (30, 20))
        np.testing.assert_array_equal(after.label_maps["classes"], mask)
    tops, lefts = map(set, zip(*corners))
    # imgaug leaves the very last place out.
    assert min(tops) == 0 and max(tops) in (9, 10) and len(lefts) > 25


def test_a_small_picture_is_filled_up_and_the_filling_is_ignored():
    sample = numbered(10, 12)
    for seed in range(10):
        after = random_scale_crop(sample, seed, size=(30, 40), scales=(2.0,), flip=0)
        inside = after.image[..., 2] == 255
        rows, columns = np.nonzero(inside)
        assert inside.sum() == 20 * 24 == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        classes = after.label_maps["classes"]
        np.testing.assert_array_equal(classes == 255, ~inside)
        assert (after.image[~inside] == 0).all()
        assert (classes == 1).sum() == 20 * 12 and (classes == 0).sum() == 20 * 12
        np.testing.assert_array_equal(after.masks[0], classes == 1)


@each("scale", VOC_SCALES)
def test_labels_lie_on_the_image_at_every_scale(scale):
    """The step from class 0 to 1 lies at the scaled middle, to half a pixel."""
    after = random_scale_crop(numbered(), 3, size=(100, 120), scales=(scale,), flip=0)
    inside = np.flatnonzero((after.label_maps["classes"] != 255).any(axis=0))
    first = np.flatnonzero((after.label_maps["classes"] == 1).any(axis=0))[0] - inside[0]
    assert abs(first - 25 * scale) <= 0.5


def test_scales_and_mirrors_are_drawn_alike():
    sample, counts, mirrored = numbered(8, 8), collections.Counter(), 0
    for seed in range(350):
        after = random_scale_crop(sample, seed, size=16)
        classes = after.label_maps["classes"]
        counts[int((classes != 255).any(axis=0).sum())] += 1
        columns = [np.flatnonzero((classes == k).any(axis=0)).mean() for k in (0, 1)]
        mirrored += columns[0] > columns[1]
    assert sorted(counts) == [4, 6, 8, 10, 12, 14, 16]
    assert all(abs(n - 50) < 39 for n in counts.values())
    assert abs(mirrored - 175) < 56


def test_equal_seeds_are_equal_and_others_are_not():
    cut = ScaleCrop(size=24)
    first, second, other = cut(numbered(), 5), cut(numbered(), 5), cut(numbered(), 6)
    np.testing.assert_array_equal(first.image, second.image)
    np.testing.assert_array_equal(first.label_maps["classes"], second.label_maps["classes"])
    assert not np.array_equal(first.image, other.image)


def test_the_named_set_makes_its_own_canvas():
    voc = choose("voc")
    assert voc.canvas == (513, 513) and voc.name == voc.text == "voc"
    small = voc.on_canvas((20, 36))
    assert small.canvas == (20, 36) and small.name == "voc"
    assert small(numbered(), 0).size == (20, 36)
    assert choose("portrait").canvas is None
    assert presets.build("voc", size=(8, 9)).canvas == (8, 9)


def test_one_that_keeps_sizes_is_left_alone_by_another_canvas():
    chosen = choose("portrait")
    assert chosen.on_canvas(99) is chosen


def test_a_function_that_lies_about_its_canvas_is_told():
    class Liar:
        canvas = (5, 5)

        def __call__(self, sample, seed):
            return sample

    with pytest.raises(DataError, match="40 x 50"):
        choose(Liar())(numbered(), 0)


def test_no_objects_and_one_pixel():
    empty = random_scale_crop(Sample(np.zeros((5, 5, 3), np.uint8)), 0, size=7)
    assert len(empty) == 0 and empty.size == (7, 7)
    assert set(np.unique(empty.label_maps["classes"])) <= {0, 255}
    dot = Sample(np.zeros((1, 1, 3), np.uint8), 0, [1], np.ones((1, 1, 1), bool))
    for seed in range(5):
        assert random_scale_crop(dot, seed, size=(3, 3)).size == (3, 3)


@each(
    ("options", "message"),
    [
        ({"size": 0}, "whole number of pixels"),
        ({"size": (3, 4, 5)}, "whole number of pixels"),
        ({"scales": ()}, "factors above 0"),
        ({"scales": (-1.0,)}, "factors above 0"),
        ({"flip": 2}, "between 0 and 1"),
    ],
)
def test_what_cannot_be_is_refused(options, message):
    with pytest.raises(ConfigError, match=message):
        ScaleCrop(**options)
