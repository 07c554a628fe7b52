"""Each person's own opacity."""

import numpy as np

from tfseg.structures import Prediction
from tfseg.visualize.people import person_alphas


def prediction(alpha, masks):
    masks = np.array(masks, bool).reshape(-1, *alpha.shape)
    count = len(masks)
    return Prediction.from_masks(
        masks,
        size=alpha.shape,
        boxes=np.zeros((count, 4)),
        class_ids=np.ones(count),
        scores=np.linspace(1, 0.5, count),
        label_maps={"alpha": alpha, "classes": (alpha > 127).astype(np.uint8)},
    )


def test_soft_edges_go_to_whom_the_nearest_pixel_belongs():
    #                 first          |  second    and a stray with its edge
    alpha = np.array([[60, 255, 255, 100, 50, 90, 255, 20, 0, 0, 0, 0, 30, 255]], np.uint8)
    first, second = np.zeros((2, *alpha.shape), bool)
    first[0, 1:3], second[0, 6] = True, True
    found = list(person_alphas(prediction(alpha, [first, second])))
    np.testing.assert_array_equal(found[0][0, :4], [60, 255, 255, 100])
    assert not found[0][0, 5:].any()
    np.testing.assert_array_equal(found[1][0, 5:], [90, 255, 20, 0, 0, 0, 0, 0, 0])
    assert found[0][0, 4] + found[1][0, 4] == 50  # in the middle: one of them has it
    assert [one.dtype for one in found] == [np.uint8, np.uint8]


def test_one_person_has_all_there_is():
    random = np.random.default_rng(0)
    alpha = random.integers(0, 256, (9, 7)).astype(np.uint8)
    (only,) = person_alphas(prediction(alpha, [alpha > 127]))
    np.testing.assert_array_equal(only, alpha)


def test_nobody_and_nothing():
    assert list(person_alphas(prediction(np.full((3, 4), 255, np.uint8), []))) == []
    (only,) = person_alphas(prediction(np.zeros((3, 4), np.uint8), [np.zeros((3, 4), bool)]))
    assert not only.any()
    full = np.full((3, 4), 255, np.uint8)
    left = np.zeros((3, 4), bool)
    left[:, :2] = True
    one, other = person_alphas(prediction(full, [left, ~left]))
    np.testing.assert_array_equal(one > 0, left)
    np.testing.assert_array_equal(other > 0, ~left)


def test_of_masks_that_overlap_the_best_is_on_top():
    alpha = np.full((1, 3), 255, np.uint8)
    best, worse = np.array([[1, 1, 0]], bool), np.array([[0, 1, 1]], bool)
    found = list(person_alphas(prediction(alpha, [best, worse])))
    np.testing.assert_array_equal(found[0], [[255, 255, 0]])
    np.testing.assert_array_equal(found[1], [[0, 0, 255]])
