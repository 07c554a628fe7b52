"""Pictures of one, three and other numbers of channels, on the way into a model."""

from __future__ import annotations

import numpy as np
import pytest
from each_case import each
from PIL import Image

from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.imgaug_compat import iaa
from tfseg.data.images.channels import grey, to_channels
from tfseg.data.images.images import to_rgb
from tfseg.errors import DataError
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import SquareResize
from tfseg.structures import Sample


def noise(channels, size=(20, 30), seed=0):
    return np.random.default_rng(seed).integers(0, 256, (*size, channels), np.uint8)


def sample(channels, size=(20, 30)):
    masks = np.zeros((1, *size), bool)
    masks[0, 4:14, 6:20] = True
    return Sample(noise(channels, size), "one", [1], masks)


def test_grey_is_what_pillow_makes_of_colours():
    image = noise(3, (64, 64))
    np.testing.assert_array_equal(
        grey(image)[..., 0], np.asarray(Image.fromarray(image).convert("L"))
    )
    same = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    np.testing.assert_array_equal(grey(same)[..., 0], same[..., 0])


def test_three_channels_are_rgb():
    for image in (noise(3), noise(4), noise(1)[..., 0]):
        np.testing.assert_array_equal(to_channels(image, 3), to_rgb(image))


@each(
    "image",
    [noise(1), noise(1)[..., 0], noise(1) / 255.0, noise(1).astype(np.uint16) * 257],
)
def test_grey_stays_grey(image):
    np.testing.assert_array_equal(to_channels(image, 1), noise(1))


def test_colours_become_grey_and_alpha_is_laid_on_white():
    np.testing.assert_array_equal(to_channels(noise(3), 1), grey(noise(3)))
    clear = np.concatenate([noise(3), np.zeros((20, 30, 1), np.uint8)], axis=2)
    assert (to_channels(clear, 1) == 255).all()


@each("channels", [2, 4, 5, 12])
def test_other_channels_must_be_there(channels):
    image = noise(channels)
    np.testing.assert_array_equal(to_channels(image, channels), image)
    np.testing.assert_array_equal(to_channels(image / 255.0, channels), image)
    wrong = noise(3)
    with pytest.raises(DataError, match=f"b.png: the model reads .* {channels} channels.* has 3 "):
        to_channels(wrong, channels, "b.png")
    with pytest.raises(DataError, match=rf"{channels} channels.* has 1 .*\(20, 30\)"):
        to_channels(wrong[..., 0], channels)


@each(
    ("image", "channels", "words"),
    [
        (noise(5), 3, "3 channels.* has 5 .*channels=5"),
        (noise(5), 1, "1 channels.* has 5 "),
        (np.zeros((0, 4, 4), np.uint8), 4, "at least one pixel"),
        (np.full((2, 2, 4), np.nan), 4, "NaN"),
        (np.full((2, 2, 4), 300.0), 4, "between 0 and 255"),
        (np.full((2, 2, 1), -1.0), 1, "between 0 and 255"),
    ],
)
def test_what_does_not_fit_is_refused(image, channels, words):
    with pytest.raises(DataError, match=words):
        to_channels(image, channels)


@each("channels", [1, 2, 4, 7])
@each("plan", [SquareResize(32, 32), PaddedResize(16, 32)])
def test_every_channel_is_resized_like_a_picture_of_its_own(channels, plan):
    fitted = plan.plan((20, 30)).sample(sample(channels)).image
    for index in range(channels):
        alone = np.repeat(sample(channels).image[..., index : index + 1], 3, axis=2)
        expected = plan.plan((20, 30)).image(alone)[..., 0]
        np.testing.assert_array_equal(fitted[..., index], expected)


@each("channels", [1, 2, 4, 6])
def test_a_mirror_moves_every_channel(channels):
    moved = Augmenter(iaa.Fliplr(1.0))(sample(channels), 3)
    np.testing.assert_array_equal(moved.image, sample(channels).image[:, ::-1])
    np.testing.assert_array_equal(moved.masks, sample(channels).masks[..., ::-1])


def test_colours_change_and_depth_does_not():
    before = sample(5)
    darker = Augmenter(iaa.Multiply(0.5))
    after = darker(before, 3)
    colours = darker(before.replace(image=before.image[..., :3]), 3).image
    np.testing.assert_array_equal(after.image[..., :3], colours)
    assert (colours != before.image[..., :3]).any()
    np.testing.assert_array_equal(after.image[..., 3:], before.image[..., 3:])
    dark = darker(sample(1), 3).image
    assert dark.shape == (20, 30, 1)
    assert np.abs(dark.astype(int) - sample(1).image / 2).max() <= 1


def test_depth_follows_where_a_picture_is_turned():
    image = np.zeros((20, 30, 4), np.uint8)
    image[4:14, 6:20] = 200
    before = sample(4).replace(image=image)
    after = Augmenter(iaa.Affine(translate_px={"x": 5, "y": 2}, order=0))(before, 0)
    np.testing.assert_array_equal(after.image[..., 3], after.image[..., 0])
    assert (after.image[..., 3] > 0).sum() == 140
