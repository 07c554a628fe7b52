"""Portrait models by kinds of photograph: what is counted, at which size, and how surely."""

from __future__ import annotations

import numpy as np
import portrait_kinds
import pytest
from kinds.scores import Scores, difference
from kinds.sets import Kind, Photograph, coco_truth

from tfseg.structures import Sample


def scores_of(*pairs) -> Scores:
    scores = Scores()
    for number, (truth, mask) in enumerate(pairs):
        scores.add(str(number), np.array(truth, np.uint8), np.array(mask, bool), boundary=False)
    return scores


def test_ignored_pixels_count_nowhere():
    scores = scores_of(([[1, 1, 0, 255]], [[1, 0, 1, 1]]), ([[1, 255, 0, 0]], [[1, 1, 0, 0]]))
    assert (scores.both, scores.either) == ([1, 1], [3, 1])
    assert scores.pooled() == 0.5
    assert scores.summary()["iou_image_mean"] == pytest.approx((1 / 3 + 1) / 2)


def test_the_interval_is_that_of_images_drawn_again():
    truth = [[1] * 10]
    some = [(truth, [[1] * found + [0] * (10 - found)]) for found in (2, 4, 6, 8) * 25]
    low, high = scores_of(*some).summary()["interval"]
    # The mean of 100 numbers of standard deviation 0.05 ** 0.5.
    assert (low, high) == pytest.approx((0.5 - 0.0438, 0.5 + 0.0438), abs=0.004)


def test_differences_are_of_pairs():
    truth = [[1] * 10]
    one = [(truth, [[1] * found + [0] * (10 - found)]) for found in (2, 5, 9) * 10]
    other = [(truth, [[1] * (found - 1) + [0] * (11 - found)]) for found in (2, 5, 9) * 10]
    found = difference(scores_of(*one), scores_of(*other))
    assert found["difference"] == pytest.approx(0.1)
    assert found["interval"] == pytest.approx((0.1, 0.1))
    with pytest.raises(ValueError, match="same images"):
        difference(scores_of(*one), scores_of(*other[1:]))


def test_small_people_and_crowds_are_ignored_unless_a_large_person_is_there():
    masks = np.zeros((3, 10, 10), bool)
    masks[0, :5], masks[1, 4, :5], masks[2, 4:8] = True, True, True
    sample = Sample(
        image=np.zeros((10, 10, 3), np.uint8),
        masks=masks,
        class_ids=np.ones(3, np.int32),
        is_crowd=np.array([False, False, True]),
    )
    expected = np.zeros((10, 10), np.uint8)
    expected[5:8], expected[:5] = 255, 1  # the small one lies within the large one
    np.testing.assert_array_equal(coco_truth(sample), expected)


class Bright:
    """Finds whatever is bright."""

    name = "bright"

    def __init__(self):
        self.sizes = []

    def opacities(self, images):
        self.sizes += [image.shape[:2] for image in images]
        return [image[..., 0] for image in images]


@pytest.mark.parametrize("factor", [0.25, 0.5, 1, 2, 4])
def test_masks_of_changed_images_are_compared_at_the_original_size(factor):
    photographs = []
    for number in range(10):
        truth = np.zeros((40 + 8 * number, 64), np.uint8)
        truth[8 : 16 + number, 16:48] = 1
        image = np.repeat(255 * truth[..., None], 3, axis=2)
        photographs.append(Photograph(str(number), image, truth))
    kind, bright = Kind("drawn", "", len(photographs), photographs.__getitem__), Bright()
    scores = portrait_kinds.measure(bright, kind, factor)
    assert bright.sizes == [
        (round(factor * (40 + 8 * number)), round(factor * 64)) for number in range(10)
    ]
    assert scores.names == [str(number) for number in range(10)]
    assert min(scores.ious()) > 0.9
    assert factor != 1 or scores.pooled() == 1
