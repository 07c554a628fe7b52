"""The sets for networks that label every pixel: draws, gamma, and labels that stay on the image."""

from __future__ import annotations

import collections
import itertools

import numpy as np
from each_case import each

from tfseg.data.augment import Augmenter, presets
from tfseg.data.augment.imgaug_additions import Gamma
from tfseg.data.augment.imgaug_compat import iaa
from tfseg.structures import Sample

SCALES, TURNS = (0.6, 0.8, 1.0, 1.2, 1.5), (-45, -22, 0, 22, 45)
GAMMAS = (0.5, 0.8, 1.0, 1.2, 1.5)
POINTS = np.array([(0, 0), (6, 0), (0, 6)], float)  # about the centre, (x, y)


def scene(size, value=255):
    """A bright L on black, with three key points about the centre."""
    height, width = size
    mask = np.zeros((1, height, width), bool)
    mask[0, height // 5 : 4 * height // 5, width // 4 : width // 2] = True
    mask[0, 3 * height // 5 : 4 * height // 5, width // 4 : 3 * width // 4] = True
    image = np.repeat((mask[0] * np.uint8(value))[..., None], 3, axis=2)
    keypoints = np.zeros((1, 17, 3), np.float32)
    keypoints[0, :3, :2] = POINTS + ((width - 1) / 2, (height - 1) / 2)
    keypoints[0, :3, 2] = 2
    return Sample(image, 0, [1], mask, keypoints=keypoints)


def drawn(sample, size):
    """Scale and degrees of a moved scene, from its key points."""
    centre = np.array([(size[1] - 1) / 2, (size[0] - 1) / 2])
    places = sample.keypoints[0, :3, :2] - centre
    np.testing.assert_allclose(places[0], 0, atol=1e-3)  # about the centre
    x, y = places[1] / 6
    np.testing.assert_allclose(places[2] / 6, (-y, x), atol=1e-3)  # one scale, no mirror
    return float(np.hypot(x, y)), float(np.rad2deg(np.arctan2(y, x)))


def nearest(values, value, tolerance):
    found = min(values, key=lambda v: abs(v - value))
    assert abs(found - value) < tolerance
    return found


def test_portrait_draws_each_value_alike_and_independently():
    """500 draws: 100 of each value are expected, 20 of each pair; six standard deviations."""
    augment, sample = presets.build("portrait"), scene((33, 35), 128)
    greys = {round(255 * (128 / 255) ** g): g for g in GAMMAS}
    draws = []
    for seed in range(500):
        after = augment(sample, seed)
        scale, turn = drawn(after, sample.size)
        draws.append((nearest(SCALES, scale, 1e-3), nearest(TURNS, turn, 0.05)))
        draws[-1] += (greys[int(after.image.max())],)
    for values in zip(*draws):
        counts = collections.Counter(values)
        assert len(counts) == 5 and all(abs(n - 100) < 54 for n in counts.values())
    for a, b in itertools.combinations(range(3), 2):
        pairs = collections.Counter((draw[a], draw[b]) for draw in draws)
        assert len(pairs) == 25 and all(abs(n - 20) < 27 for n in pairs.values())


@each("gamma", GAMMAS)
def test_gamma_is_exact(gamma):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    found = Gamma([gamma])(image=values)
    np.testing.assert_array_equal(found, np.rint(255 * (values / 255.0) ** gamma))
    if gamma == 1:
        np.testing.assert_array_equal(found, values)


@each("size", [(90, 120), (101, 64)])
def test_portrait_moves_labels_as_an_affine_map_of_ones_own_does(size):
    """Every pixel of the new image is led back by arithmetic alone."""
    sample, augment = scene(size), presets.build("portrait")
    height, width = size
    y, x = np.mgrid[:height, :width] - np.array([(height - 1) / 2, (width - 1) / 2])[:, None, None]
    for seed in range(12):
        after = augment(sample, seed)
        scale, turn = drawn(after, size)
        cos, sin = np.cos(np.deg2rad(turn)) / scale, np.sin(np.deg2rad(turn)) / scale
        column = np.rint(cos * x + sin * y + (width - 1) / 2).astype(int)
        row = np.rint(-sin * x + cos * y + (height - 1) / 2).astype(int)
        outside = (row < 0) | (row >= height) | (column < 0) | (column >= width)
        mask = sample.masks[0][np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)]
        expected = np.where(outside, 255, mask)
        classes = after.label_maps["classes"]
        # OpenCV rounds places to a 32nd of a pixel: single pixels on an edge may differ.
        assert (classes != expected).mean() < 0.01
        assert ((classes == 255) != outside).mean() < 0.005
        bright = after.image[..., 0] > 127
        assert (bright != (classes == 1))[classes != 255].mean() < 0.02
        np.testing.assert_array_equal(after.masks[0], classes == 1)


@each("name", ["portrait", "portrait_flip", "portrait_light"])
def test_outside_is_ignored_and_black_and_equal_seeds_are_equal(name):
    image = np.full((60, 60, 3), 200, np.uint8)
    sample = Sample(image, 0, [1], np.ones((1, 60, 60), bool))
    augment, seen = presets.build(name), 0
    for seed in range(20):
        first, second = augment(sample, seed), augment(sample, seed)
        np.testing.assert_array_equal(first.image, second.image)
        classes = first.label_maps["classes"]
        np.testing.assert_array_equal(classes, second.label_maps["classes"])
        assert set(np.unique(classes)) <= {1, 255}
        inside = first.image[classes == 1]
        assert (first.image[..., 0][classes == 255] < inside.max()).all()
        seen += (classes == 255).any()
    assert seen > 10


def test_a_class_map_of_the_sample_is_moved_as_it_is():
    given = np.full((60, 60), 7, np.int32)
    sample = Sample(np.zeros((60, 60, 3), np.uint8), label_maps={"classes": given, "tags": given})
    after = presets.build("portrait_light")(sample, 5)
    assert set(np.unique(after.label_maps["classes"])) == {7, 255}
    assert set(np.unique(after.label_maps["tags"])) == {7, 255}
    np.testing.assert_array_equal(after.label_maps["classes"] == 7, after.label_maps["tags"] == 7)


def test_the_fill_can_be_chosen_and_other_sets_add_no_class_map():
    sample = Sample(np.zeros((20, 20, 3), np.uint8), label_maps={"classes": np.ones((20, 20), int)})
    away = iaa.Affine(translate_px={"x": 30})
    assert (Augmenter(away)(sample, 0).label_maps["classes"] == 255).all()
    filled = Augmenter(away, label_map_fill={"classes": 0})(sample, 0)
    assert (filled.label_maps["classes"] == 0).all()
    plain = presets.build("people_light")(Sample(np.zeros((9, 9, 3), np.uint8)), 0)
    assert plain.label_maps == {}


@each("name", ["portrait_flip", "portrait_light"])
def test_mirroring_moves_everything(name):
    """Of two patches one is red and one is green; which lies on the left tells a mirror."""
    image = np.zeros((80, 80, 3), np.uint8)
    image[30:50, 15:35, 0] = image[30:50, 45:65, 1] = 255
    masks = np.stack([image[..., 0] > 0, image[..., 1] > 0])
    augment, mirrored = presets.build(name), 0
    for seed in range(24):
        after = augment(Sample(image, 0, [1, 2], masks), seed)
        classes = after.label_maps["classes"]
        for number, mask in enumerate(after.masks):
            np.testing.assert_array_equal(mask, classes == number + 1)
            channel = after.image[..., number].astype(float)
            bright = channel > (channel.max() + channel.min()) / 2
            assert (bright & mask).sum() / (bright | mask).sum() > 0.85
        turned = after.boxes[0, 1] + after.boxes[0, 3] > after.boxes[1, 1] + after.boxes[1, 3]
        mirrored += int(turned)
    assert 5 <= mirrored <= 19
