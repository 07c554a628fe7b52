"""A drawn scene whose every annotation is known, through single changes of known effect."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
from each_case import each

from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.imgaug_compat import _import_failure, iaa
from tfseg.errors import ConfigError, DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.labels import COCO_KEYPOINT_FLIP

H, W = 60, 90
FIRST, SECOND = (10, 20, 40, 35), (25, 50, 55, 80)  # y1, x1, y2, x2


def scene():
    """Two rectangles, the second a crowd; red and green show them, blue shows the key points."""
    masks = np.zeros((2, H, W), bool)
    for mask, (y1, x1, y2, x2) in zip(masks, (FIRST, SECOND)):
        mask[y1:y2, x1:x2] = True
    image = np.zeros((H, W, 3), np.uint8)
    image[..., 0], image[..., 1] = masks * np.uint8(255)
    keypoints = np.zeros((2, 17, 3), np.float32)
    keypoints[0, 5], keypoints[0, 6] = (22, 12, 2), (32, 30, 1)
    keypoints[1, 9] = (70, 40, 2)
    for x, y, visibility in keypoints.reshape(-1, 3).astype(int):
        if visibility:
            image[y - 1 : y + 2, x - 1 : x + 2, 2] = 255
    labels = masks[0] * np.int32(14) + masks[1] * np.int32(77)
    return Sample(
        image, "scene", [3, 1], masks, is_crowd=[False, True], keypoints=keypoints,
        label_maps={"attributes": labels, "instances": labels}, annotation_ids=[7, 8], path="s.png",
    )  # fmt: skip


def assert_follows_image(sample, mirrored=False, wrong=0.0):
    """The image carries the truth: red and green are the masks, blue dots the key points."""
    for index in range(len(sample)):
        channel = sample.image[..., 0 if sample.annotation_ids[index] == 7 else 1] > 127
        differs = (channel != sample.masks[index]).sum()
        assert differs <= wrong * channel.sum(), (index, differs)
        rows, columns = np.nonzero(sample.masks[index])
        tight = (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)
        np.testing.assert_array_equal(sample.boxes[index], tight)
        known = 15 if mirrored else 14
        number = known if sample.annotation_ids[index] == 7 else 77
        labels = sample.label_maps["attributes"] == number
        assert (labels == sample.masks[index]).all()
    for x, y, visibility in sample.keypoints.reshape(-1, 3):
        if visibility:
            assert sample.image[round(float(y)), round(float(x)), 2] > 127, (x, y)
            near = sample.image[..., 2].astype(float)
            yy, xx = np.mgrid[: near.shape[0], : near.shape[1]]
            near[(abs(yy - y) > 4) | (abs(xx - x) > 4)] = 0
            assert abs((xx * near).sum() / near.sum() - x) < 0.35
            assert abs((yy * near).sum() / near.sum() - y) < 0.35


def test_mirroring_swaps_left_and_right():
    before, after = scene(), Augmenter(iaa.Fliplr(1.0))(scene(), 0)
    np.testing.assert_array_equal(after.image, before.image[:, ::-1])
    np.testing.assert_array_equal(after.masks, before.masks[:, :, ::-1])
    np.testing.assert_array_equal(after.boxes[0], (10, W - 35, 40, W - 20))
    np.testing.assert_allclose(after.keypoints[0, 6], (W - 1 - 22, 12, 2))
    np.testing.assert_allclose(after.keypoints[0, 5], (W - 1 - 32, 30, 1))
    np.testing.assert_allclose(after.keypoints[1, 10], (W - 1 - 70, 40, 2))
    assert after.keypoints[..., 2].sum() == before.keypoints[..., 2].sum()
    np.testing.assert_array_equal(after.label_maps["attributes"] == 15, after.masks[0])
    np.testing.assert_array_equal(after.label_maps["instances"] == 14, after.masks[0])
    np.testing.assert_array_equal(after.is_crowd, [False, True])
    np.testing.assert_array_equal(after.class_ids, [3, 1])
    assert (after.image_id, after.path) == ("scene", "s.png")


def test_mirroring_twice_is_nothing():
    twice = Augmenter([iaa.Fliplr(1.0), iaa.Fliplr(1.0)])(scene(), 0)
    for name in ("image", "masks", "boxes", "keypoints"):
        np.testing.assert_array_equal(getattr(twice, name), getattr(scene(), name))
    assert (twice.label_maps["attributes"] == scene().label_maps["attributes"]).all()


def test_each_label_map_is_moved_as_its_kind_says():
    """Left and right, fill and type are the map's own; a map of others keeps its numbers."""
    labels = np.zeros((H, W), np.uint16)
    labels[5:20, 10:30], labels[30:50, 60:80] = 14, 15
    kinds = {
        "cihp": LabelMapKind(swaps=((14, 15),), ignore=65535),
        "counts": LabelMapKind(ignore=None),
    }
    maps = {"cihp": labels, "counts": labels, "mine": labels.astype(np.uint8)}
    sample = Sample(np.zeros((H, W, 3), np.uint8), label_maps=maps, label_map_kinds=kinds)
    after = Augmenter([iaa.Fliplr(1.0), iaa.Affine(translate_px={"x": 20})])(sample, 0)
    for name, fill, pair in (("cihp", 65535, (15, 14)), ("counts", 0, (14, 15)),
                             ("mine", 255, (14, 15))):  # fmt: skip
        moved = after.label_maps[name]
        assert moved.dtype == maps[name].dtype and (moved[:, :20] == fill).all()
        for number, new in zip((14, 15), pair):
            shown = labels[:, ::-1][:, : W - 20] == number
            np.testing.assert_array_equal(moved[:, 20:] == new, shown)
    assert after.label_map_kinds == kinds
    asked = Augmenter(iaa.Fliplr(1.0), label_map_flips={"mine": ((14, 15),)})(sample, 0)
    np.testing.assert_array_equal(asked.label_maps["mine"][:, ::-1] == 15, labels == 14)


@each("wrap", [iaa.Sequential, lambda x: iaa.Sometimes(1.0, x)])
def test_mirroring_is_seen_inside_other_augmenters(wrap):
    after = Augmenter(wrap([iaa.Affine(rotate=3), iaa.Fliplr(1.0)]))(scene(), 0)
    assert after.keypoints[0, 6, 2] == 2 and after.keypoints[0, 5, 2] == 1
    assert_follows_image(after, mirrored=True, wrong=0.04)


@each(
    ("change", "mirrored", "place"),
    [
        (iaa.Flipud(1.0), True, lambda x, y: (x, H - 1 - y)),
        (iaa.Rot90(2, keep_size=False), False, lambda x, y: (W - 1 - x, H - 1 - y)),
        (iaa.Rot90(1, keep_size=False), False, lambda x, y: (H - 1 - y, x)),
        (iaa.Affine(translate_px={"x": 7, "y": -4}), False, lambda x, y: (x + 7, y - 4)),
        (iaa.Affine(scale=2), False, lambda x, y: (2 * x - 44.5, 2 * y - 29.5)),
        (iaa.Crop(px=(3, 5, 2, 11), keep_size=False), False, lambda x, y: (x - 11, y - 3)),
        (iaa.Pad(px=(3, 0, 0, 6), keep_size=False), False, lambda x, y: (x + 6, y + 3)),
        (iaa.Resize(2.0), False, lambda x, y: (2 * x + 0.5, 2 * y + 0.5)),
        (iaa.Affine(rotate=90), False, lambda x, y: (44.5 + 29.5 - y, 29.5 - 44.5 + x)),
    ],
)
def test_key_points_land_where_arithmetic_says(change, mirrored, place):
    before, after = scene(), Augmenter(change)(scene(), 0)
    height, width = after.size
    flip = list(COCO_KEYPOINT_FLIP) if mirrored else list(range(17))
    expected = np.zeros_like(before.keypoints)
    for person in range(2):
        for k in range(17):
            x, y, visibility = before.keypoints[person, flip[k]]
            x, y = place(x, y)
            if visibility and -0.5 <= x < width - 0.5 and -0.5 <= y < height - 0.5:
                expected[person, k] = (x, y, visibility)
    np.testing.assert_allclose(after.keypoints, expected, atol=0.02)
    assert_follows_image(after, mirrored, wrong=0.05)


@each("degrees", [-30, 17])
def test_rotation_is_about_the_centre(degrees):
    after = Augmenter(iaa.Affine(rotate=degrees))(scene(), 0)
    angle = np.deg2rad(degrees)
    x, y = 70 - (W - 1) / 2, 40 - (H - 1) / 2
    expected = (
        x * np.cos(angle) - y * np.sin(angle) + (W - 1) / 2,
        x * np.sin(angle) + y * np.cos(angle) + (H - 1) / 2,
    )
    np.testing.assert_allclose(after.keypoints[1, 9, :2], expected, atol=0.02)
    assert_follows_image(after, wrong=0.04)


def test_emptied_objects_go_with_all_that_is_theirs():
    after = Augmenter(iaa.Affine(translate_px={"x": -40}))(scene(), 0)
    np.testing.assert_array_equal(after.annotation_ids, [8])
    np.testing.assert_array_equal(after.class_ids, [1])
    np.testing.assert_array_equal(after.is_crowd, [True])
    np.testing.assert_array_equal(after.boxes, [(25, 10, 55, 40)])
    assert after.keypoints.shape == (1, 17, 3) and after.masks.shape == (1, H, W)
    np.testing.assert_allclose(after.keypoints[0, 9], (30, 40, 2))


def test_key_points_that_leave_are_no_longer_labelled():
    after = Augmenter(iaa.Affine(translate_px={"x": 0, "y": -13}))(scene(), 0)
    np.testing.assert_array_equal(after.keypoints[0, 5], (0, 0, 0))
    np.testing.assert_allclose(after.keypoints[0, 6], (32, 17, 1))


@each(
    "change",
    [iaa.GaussianBlur(3.0), iaa.Multiply(0.5), iaa.AddToHue(60), iaa.CoarseDropout(0.5)],
)
def test_colour_and_blur_touch_the_image_alone(change):
    before, after = scene(), Augmenter(change)(scene(), 1)
    assert (after.image != before.image).any()
    for name in ("masks", "boxes", "keypoints"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))
    for name, labels in before.label_maps.items():
        np.testing.assert_array_equal(after.label_maps[name], labels)


def test_label_maps_only_hold_labels_that_were_there():
    change = iaa.Sequential([iaa.Affine(rotate=33, scale=1.3), iaa.Resize(0.7)])
    after = Augmenter(change)(scene(), 0)
    assert set(np.unique(after.label_maps["attributes"])) <= {0, 14, 77, 255}
    assert after.label_maps["attributes"].dtype == np.int32


@pytest.mark.filterwarnings("ignore::FutureWarning")  # imgaug's own calls of scikit-image
@each("change", [iaa.PiecewiseAffine(0.02), iaa.Identity()])
def test_perspective_and_piecewise_move_all_together(change):
    augment = Augmenter([change, iaa.PerspectiveTransform(0.08, keep_size=False), iaa.Fliplr(1.0)])
    for seed in range(3):
        after = augment(scene(), seed)
        for index, channel in ((0, 0), (1, 1)):
            shown = after.image[..., channel] > 127
            both = (shown & after.masks[index]).sum()
            assert both / (shown | after.masks[index]).sum() > 0.9
        assert (after.label_maps["attributes"] == 15).any()
        for row in (6, 5):
            x, y, visibility = after.keypoints[0, row]
            around = after.image[int(y) - 1 : int(y) + 3, int(x) - 1 : int(x) + 3, 2]
            assert visibility and around.max() > 100


def test_equal_seeds_equal_samples_whatever_happened_before():
    change = iaa.Sequential(
        [iaa.Affine(rotate=(-30, 30)), iaa.Sometimes(0.5, iaa.Fliplr(0.5)), iaa.Add((-20, 20))],
        random_order=True,
    )
    augment = Augmenter(change)
    first = [augment(scene(), seed) for seed in range(6)]
    assert len({one.image.tobytes() for one in first}) == 6
    np.random.seed(1)
    other = Augmenter(copy.deepcopy(change))
    for seed in (5, 0, 3):
        again = other(scene(), seed)
        np.testing.assert_array_equal(again.image, first[seed].image)
        np.testing.assert_array_equal(again.keypoints, first[seed].keypoints)
    for seed in (0, 2**62):
        assert len(augment(scene(), seed)) <= 2


def test_fixed_augmenters_follow_the_seed_too():
    augment = Augmenter(iaa.Affine(rotate=(-30, 30)).to_deterministic())
    assert (augment(scene(), 1).image != augment(scene(), 2).image).any()


def test_global_random_states_are_left_alone():
    augment, before = Augmenter(iaa.Affine(rotate=(-30, 30))), np.random.get_state()[1].copy()
    augment(scene(), 1)
    assert (np.random.get_state()[1] == before).all()


def test_threads_do_not_disturb_each_other():
    augment = Augmenter(iaa.Sequential([iaa.Affine(rotate=(-30, 30)), iaa.Fliplr(0.5)]))
    expected = [augment(scene(), seed).image for seed in range(12)]
    found = [None] * 12

    def work(first):
        for seed in range(first, 12, 4):
            found[seed] = augment(scene(), seed).image

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for one, other in zip(expected, found):
        np.testing.assert_array_equal(one, other)


def test_it_travels_to_other_processes():
    augment = Augmenter(iaa.Affine(rotate=(-30, 30)))
    expected = augment(scene(), 4).image
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(augment))(scene(), 4).image, expected)


@each("size", [(1, 1), (3, 2000), (2000, 3)])
def test_no_objects_and_odd_sizes(size):
    empty = Sample(np.full((*size, 3), 77, np.uint8), keypoints=np.zeros((0, 17, 3)))
    change = iaa.Sequential([iaa.Affine(rotate=(-9, 9)), iaa.Fliplr(1.0)])
    after = Augmenter(change)(empty, 3)
    assert len(after) == 0 and after.size == size and after.keypoints.shape == (0, 17, 3)
    full = Sample(empty.image, 0, [1], np.ones((1, *size), bool))
    np.testing.assert_array_equal(Augmenter(iaa.Fliplr(1.0))(full, 0).boxes, [(0, 0, *size)])


def test_three_hundred_objects():
    masks = np.zeros((300, 120, 120), bool)
    for k in range(300):
        masks[k, k % 110 : k % 110 + 9, (7 * k) % 110 : (7 * k) % 110 + 8] = True
    image = np.zeros((120, 120, 3), np.uint8)
    sample = Sample(image, 0, np.arange(1, 301), masks)
    after = Augmenter(iaa.Sequential([iaa.Rot90(1), iaa.Fliplr(1.0)]))(sample, 0)
    np.testing.assert_array_equal(after.masks, masks.transpose(0, 2, 1))
    np.testing.assert_array_equal(after.class_ids, np.arange(1, 301))


def test_other_numbers_of_key_points_need_to_be_told():
    sample = scene().replace(keypoints=np.ones((2, 3, 3), np.float32))
    assert len(Augmenter(iaa.Affine(rotate=5))(sample, 0)) == 2
    with pytest.raises(DataError, match=r"3 keypoints.*keypoint_flip"):
        Augmenter(iaa.Fliplr(1.0))(sample, 0)
    sample.keypoints[:, :, 0] = (10, 20, 30)
    after = Augmenter(iaa.Fliplr(1.0), keypoint_flip=(1, 0, 2))(sample, 0)
    np.testing.assert_allclose(after.keypoints[0, :, 0], (W - 21, W - 11, W - 31))


@each("flip", [(0, 0, 1), (1, 2, 3)])
def test_a_flip_must_be_a_permutation(flip):
    with pytest.raises(ConfigError, match="once"):
        Augmenter(iaa.Identity(), keypoint_flip=flip)


def test_what_is_not_imgaugs():
    with pytest.raises(ConfigError, match=r"presets\.build"):
        Augmenter("aug_geo")


def test_failures_name_the_picture():
    def fail(images, random_state, parents, hooks):
        raise ValueError("no such colour")

    with pytest.raises(DataError, match=r"image 'scene' \(s.png\).*60 x 90.*no such colour"):
        Augmenter(iaa.Lambda(func_images=fail))(scene(), 0)


def test_other_pictures_than_rgb_are_refused():
    grey = iaa.Lambda(func_images=lambda images, *rest: [one[..., :1] for one in images])
    with pytest.raises(DataError, match="RGB uint8"):
        Augmenter(grey)(scene(), 0)


def test_numpy_is_left_as_it_was():
    code = (
        "import numpy, warnings\n"
        "warnings.simplefilter('error')\n"
        "had = hasattr(numpy, 'sctypes')\n"
        "from tfseg.data.augment.imgaug_compat import iaa\n"
        "assert hasattr(numpy, 'sctypes') == had\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_fog_finds_the_name_it_misses_and_numpy_does_not_get_it():
    after = Augmenter(iaa.Fog())(scene(), 0)
    assert (after.image != scene().image).any() and not hasattr(np, "complex")


def test_missing_imgaug_names_the_remedy():
    assert "pip install imgaug==0.4.0" in str(_import_failure(ImportError("No module 'imgaug'")))
    message = str(_import_failure(ImportError("libGL.so.1: cannot open shared object file")))
    assert "apt-get install libgl1" in message
