"""What may be passed as `augmentation=`, and what is said of the rest."""

from __future__ import annotations

import functools

import numpy as np
import pytest
from each_case import each

from tfseg.data.augment import Augmentation, Augmenter, choose, iaa, presets
from tfseg.data.synthetic import SyntheticPeople
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample

SAMPLE = SyntheticPeople(2, size=96, people=(2, 2))[1]


def upside_down(sample, seed):
    return sample.replace(
        image=sample.image[::-1].copy(), masks=sample.masks[:, ::-1], boxes=None,
        keypoints=None, label_maps={},
    )  # fmt: skip


class Darken:
    def __call__(self, sample, seed):
        return sample.replace(image=sample.image // 2)


def same(first: Sample, second: Sample) -> bool:
    names = ("image", "masks", "boxes", "class_ids")
    return all(np.array_equal(getattr(first, n), getattr(second, n)) for n in names)


@each("name", presets.NAMES)
def test_a_name(name):
    chosen = choose(name)
    assert chosen.name == chosen.text == name
    moved = chosen.on_original(SAMPLE, 5) if chosen.before_resize else chosen(SAMPLE, 5)
    assert same(moved, presets.build(name)(SAMPLE, 5))


@each(
    "given",
    [
        iaa.Fliplr(1.0),
        [iaa.Fliplr(1.0), iaa.Multiply(1.0)],
        iaa.SomeOf((1, 1), [iaa.Fliplr(1.0)]),
        Augmenter(iaa.Fliplr(1.0)),
    ],
)
def test_augmenters_of_imgaug_mirror_masks_and_picture_alike(given):
    moved = choose(given)(SAMPLE, 0)
    np.testing.assert_array_equal(moved.image, SAMPLE.image[:, ::-1])
    np.testing.assert_array_equal(moved.masks, SAMPLE.masks[:, :, ::-1])


def test_a_function_or_an_object_of_ones_own():
    assert same(choose(upside_down)(SAMPLE, 3), upside_down(SAMPLE, 3))
    assert choose(upside_down).text.endswith("test_choice.upside_down")
    assert choose(Darken()).text.endswith("test_choice.Darken")
    assert choose(choose("aug_geo")).name == "aug_geo"


def test_the_text_tells_augmentations_apart_and_is_the_same_in_every_run():
    make = functools.partial(iaa.Affine, rotate=(-10, 10))
    assert choose(make()).text == choose(make()).text == choose(Augmenter(make())).text
    assert choose(make()).text != choose(iaa.Affine(rotate=(-10, 11))).text
    assert " at 0x" not in choose(functools.partial(upside_down)).text
    assert choose(functools.partial(upside_down)).text.startswith("functools.partial")
    flips = Augmenter(make(), keypoint_flip=(1, 0))
    assert choose(flips).text != choose(make()).text


# Kinds of change that are unlike each other: pixels, geometry, elastic, cut-outs, blends, weather.
@each(
    "augmenter",
    [
        iaa.ElasticTransformation(alpha=30, sigma=4),
        iaa.PiecewiseAffine(scale=0.03),
        iaa.PerspectiveTransform(scale=0.1),
        iaa.Crop(px=(0, 16)),
        iaa.Jigsaw(nb_rows=3, nb_cols=3),
        iaa.Rot90(1),
        iaa.MaxPooling(2),
        iaa.Cutout(),
        iaa.CoarseDropout(0.1, size_percent=0.2),
        iaa.Superpixels(0.5, 50),
        iaa.Clouds(),
        iaa.BlendAlphaHorizontalLinearGradient(iaa.AddToHue(50)),
        iaa.Sometimes(0.5, iaa.Affine(scale=(0.5, 1.5), shear=(-8, 8))),
        iaa.KeepSizeByResize(iaa.Crop(px=10, keep_size=False)),
    ],
)
def test_any_augmenter_is_deterministic_and_passes_the_check(augmenter):
    chosen = choose(augmenter)
    chosen.check(SAMPLE)
    first, again = chosen(SAMPLE, 11), chosen(SAMPLE, 11)
    assert same(first, again)
    assert first.size == SAMPLE.size


def test_an_elastic_change_moves_the_masks_with_the_picture():
    """An image that shows its own mask shows it afterwards too."""
    masks = np.zeros((1, 96, 96), bool)
    masks[0, 20:70, 30:80] = True
    image = np.repeat(masks[0, :, :, None] * np.uint8(255), 3, axis=2)
    sample = Sample(image, class_ids=np.array([1]), masks=masks)
    moved = choose(iaa.ElasticTransformation(alpha=60, sigma=5))(sample, 2)
    assert (moved.masks[0] != masks[0]).mean() > 0.01
    # imgaug interpolates the image and takes the nearest pixel of masks: edges may differ.
    assert ((moved.image[..., 0] > 127) != moved.masks[0]).mean() < 0.01


class TestRefused:
    @each("given", [3, object(), iaa.Fliplr, {"flip": 1}, Sample])
    def test_other_things(self, given):
        with pytest.raises(ConfigError, match=r"augmentation: expected the name of a set .*imgaug"):
            choose(given)

    def test_an_unknown_name(self):
        with pytest.raises(ConfigError, match="Did you mean 'aug_flip'"):
            choose("aug_flp")

    def test_a_list_of_other_things(self):
        with pytest.raises(ConfigError, match="a list of them"):
            choose([iaa.Fliplr(1), 3])

    def test_an_augmenter_that_cannot_move_masks_is_named(self):
        several = iaa.Sequential([iaa.Fliplr(0.5), iaa.pillike.Affine(rotate=10)])
        for augmenter in (several, iaa.RandAugment(n=4, m=9)):  # the latter holds one of those
            with pytest.raises(ConfigError, match=r"imgaug's pillike\.Affine cannot.*image 1"):
                choose(augmenter).check(SAMPLE)

    def test_an_augmenter_that_changes_the_size_is_named(self):
        chosen = choose([iaa.Fliplr(1), iaa.Crop(px=10, keep_size=False)])
        with pytest.raises(ConfigError, match=r"size\.Crop cannot be used.*76 x 76.*keep_size"):
            chosen.check(SAMPLE)
        with pytest.raises(DataError, match="keep_size=True"):
            chosen(SAMPLE, 0)

    def test_functions_with_other_words(self):
        with pytest.raises(ConfigError, match=r"called as augmentation\(sample, seed\)"):
            choose(lambda sample: sample).check(SAMPLE)
        with pytest.raises(ConfigError, match="should return a tfseg.Sample, got ndarray"):
            choose(lambda sample, seed: sample.image).check(SAMPLE)

    def test_an_augmentation_is_checked_when_it_runs_too(self):
        with pytest.raises(DataError, match="got NoneType"):
            Augmentation(lambda sample, seed: None, "nothing")(SAMPLE, 0)
