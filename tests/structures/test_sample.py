import pickle

import numpy as np
import pytest

from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.sample import boxes_from_masks

IMAGE = np.zeros((6, 8, 3), np.uint8)


def full():
    masks = np.zeros((3, 6, 8), bool)
    masks[0, 1:3, 2:5] = masks[1, 5, 7] = masks[2, :, :] = True
    return Sample(
        IMAGE,
        image_id="a",
        class_ids=[2, 1, 3],
        masks=masks,
        is_crowd=[False, False, True],
        keypoints=np.arange(3 * 4 * 3).reshape(3, 4, 3),
        label_maps={"tags": np.ones((6, 8), np.int32)},
        annotation_ids=[10, 11, 12],
        path="a.jpg",
    )


def slow_boxes(masks):
    found = []
    for mask in masks:
        inside = [(y, x) for y in range(mask.shape[0]) for x in range(mask.shape[1]) if mask[y, x]]
        ys, xs = [y for y, _ in inside], [x for _, x in inside]
        found.append([min(ys), min(xs), max(ys) + 1, max(xs) + 1] if inside else [0, 0, 0, 0])
    return found


def test_boxes_are_tight_and_end_after_the_last_pixel():
    rng = np.random.default_rng(0)
    masks = rng.random((40, 7, 9)) > rng.random((40, 1, 1))
    masks[:3] = False
    boxes = boxes_from_masks(masks)
    assert boxes.dtype == np.float32
    assert boxes.tolist() == slow_boxes(masks)


@pytest.mark.parametrize("shape", [(0, 5, 6), (3, 0, 6), (3, 5, 0), (2, 1, 1)])
def test_boxes_of_nothing(shape):
    assert boxes_from_masks(np.zeros(shape, bool)).tolist() == [[0, 0, 0, 0]] * shape[0]


def test_what_is_left_out_gets_its_default():
    sample = Sample(IMAGE, masks=full().masks, class_ids=[1, 1, 1])
    assert sample.boxes.tolist() == [[1, 2, 3, 5], [5, 7, 6, 8], [0, 0, 6, 8]]
    assert sample.is_crowd.tolist() == [False] * 3
    assert sample.annotation_ids.tolist() == [1, 2, 3]
    assert sample.keypoints is None and sample.label_maps == {}
    assert (sample.size, len(sample), sample.where) == ((6, 8), 3, "image 0")
    assert full().where == "image 'a' (a.jpg)"


def test_dtypes():
    sample = full()
    assert sample.class_ids.dtype == np.int32
    assert sample.boxes.dtype == sample.keypoints.dtype == np.float32
    assert sample.masks.dtype == sample.is_crowd.dtype == bool
    numbers = Sample(IMAGE, class_ids=[1], masks=np.full((1, 6, 8), 255, np.uint8))
    assert numbers.masks.dtype == bool and numbers.masks.all()


def test_a_picture_without_objects():
    sample = Sample(IMAGE)
    assert len(sample) == 0
    assert sample.masks.shape == (0, 6, 8) and sample.boxes.shape == (0, 4)
    assert sample.take([]).masks.shape == (0, 6, 8)
    assert sample.take(np.zeros(0, bool)).boxes.shape == (0, 4)


@pytest.mark.parametrize("index", [[2, 0], [True, False, True], np.array([1]), []])
def test_take(index):
    sample = full()
    rows = np.arange(3)[np.array(index, bool if index and index[0] is True else int)]
    taken = sample.take(index)
    for name in ("class_ids", "masks", "boxes", "is_crowd", "keypoints", "annotation_ids"):
        np.testing.assert_array_equal(getattr(taken, name), getattr(sample, name)[rows])
    assert taken.path == "a.jpg" and "tags" in taken.label_maps


def test_replace_checks_again():
    assert full().replace(image_id=5).image_id == 5
    with pytest.raises(DataError, match="masks"):
        full().replace(class_ids=[1])


def test_it_can_be_pickled():
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(full())).masks, full().masks)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": np.zeros((6, 8), np.uint8)}, r"uint8 \(6, 8\).*to_rgb"),
        ({"image": np.zeros((6, 8), np.uint8)}, "RGB"),
        ({"image": np.zeros((6, 8, 0), np.uint8)}, "RGB"),
        ({"image": np.zeros((6, 8, 4), np.float32)}, "RGB"),
        ({"image": np.zeros((6, 8, 3))}, "float64"),
        ({"masks": np.zeros((2, 6, 8), bool)}, r"masks.*\(3, 6, 8\).*\(2, 6, 8\)"),
        ({"masks": np.zeros((3, 8, 6), bool)}, "masks"),
        ({"masks": np.zeros((3, 6, 8, 1), bool)}, "masks"),
        ({"boxes": np.zeros((3, 5))}, "boxes"),
        ({"boxes": np.zeros(4)}, "boxes"),
        ({"is_crowd": [True]}, "is_crowd"),
        ({"annotation_ids": [1, 2]}, "annotation_ids"),
        ({"keypoints": np.zeros((2, 4, 3))}, "keypoints"),
        ({"keypoints": np.zeros((3, 4, 2))}, "keypoints"),
        ({"keypoints": np.zeros(3)}, "keypoints"),
        ({"label_maps": {"tags": np.zeros((8, 6), int)}}, "label map 'tags'"),
        ({"class_ids": [1, 2, 1.5]}, "whole numbers, got 1.5"),
        ({"class_ids": [1, 2, np.nan]}, "whole numbers, got nan"),
        ({"class_ids": [1, 2, 2**32 + 1]}, "whole numbers, got 4294967297"),
        ({"class_ids": ["1", "2", "3"]}, "whole numbers"),
        ({"class_ids": [True, True, True]}, "whole numbers"),
        ({"class_ids": np.ones((1, 3), int)}, r"whole numbers.*\(1, 3\)"),
    ],
)
def test_shapes_are_checked(fields, message):
    with pytest.raises(DataError, match=message):
        full().replace(**fields)
