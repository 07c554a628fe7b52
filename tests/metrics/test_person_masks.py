"""Masks of people beside their bound, on all and on those who overlap."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.metrics.occlusion import box_iou, overlapping
from tfseg.metrics.person_masks import Compared, PersonMaskEvaluator
from tfseg.structures import Prediction, Sample


def rectangles(*boxes, size=(120, 160)):
    masks = np.zeros((len(boxes), *size), bool)
    for mask, (y1, x1, y2, x2) in zip(masks, boxes):
        mask[y1:y2, x1:x2] = True
    return masks


def sample(masks, image_id=1, jointless=()):
    keypoints = np.ones((len(masks), 17, 3), np.float32)
    keypoints[list(jointless)] = 0
    image = np.zeros((*masks.shape[1:], 3), np.uint8)
    return Sample(image, image_id, np.ones(len(masks), int), masks, keypoints=keypoints)


def prediction(masks, image_id=1, kind=Prediction, **more):
    count = len(masks)
    plain = Prediction.from_masks(
        masks,
        boxes=sample(masks).boxes,
        class_ids=np.ones(count, int),
        scores=np.ones(count),
        image_id=image_id,
        order="given",
    )
    fields = ("size", "boxes", "class_ids", "scores", "rles", "image_id", "order")
    return kind(**{name: getattr(plain, name) for name in fields}, **more)


def test_pairs_by_box_iou_and_who_counts():
    boxes = np.array([[0, 0, 10, 10], [0, 2, 10, 12], [0, 8, 10, 18], [50, 50, 50, 60]])
    assert box_iou(boxes)[0, 1] == pytest.approx(80 / 120)
    assert box_iou(boxes)[0, 2] == pytest.approx(20 / 180) and box_iou(boxes)[3, 3] == 0
    every = np.ones(4, bool)
    assert overlapping(boxes, every).tolist() == [True, True, False, False]
    assert overlapping(boxes, np.array([True, False, True, True])).tolist() == [False] * 4
    assert overlapping(boxes, every, 0.1).tolist() == [True, True, True, False]
    assert overlapping(np.zeros((0, 4)), np.zeros(0, bool)).shape == (0,)


def test_all_overlapping_and_beside():
    # Somebody in front of somebody, somebody alone, and somebody small.
    boxes = (28, 24, 132, 92), (20, 20, 140, 100), (20, 200, 140, 280), (200, 0, 220, 20)
    truth = rectangles(*boxes, size=(240, 320))
    truth[1] &= ~truth[0]
    wrong = truth.copy()
    wrong[1], wrong[2] = truth[0], False  # one of the pair, and somebody alone
    bound = prediction(truth)
    evaluator = PersonMaskEvaluator(("person",))
    evaluator.update(sample(truth), prediction(wrong, kind=Compared, beside={"bound": bound}))
    report = evaluator.compute()
    assert report["bound/segm/APml"] == report["bound/occluded/segm/AP"] == pytest.approx(1)
    assert report["segm/APml"] == pytest.approx(34 / 101, abs=0.01)  # one of three is found
    assert report["segm/AP"] == pytest.approx(38.5 / 101, abs=0.01)
    assert report["occluded/segm/AP"] == pytest.approx(51 / 101, abs=0.01)
    assert report.details["overlapping_people"] == 2 and report.details["images_of_them"] == 1


def test_people_without_joints_are_neither_found_nor_missed():
    truth = rectangles((10, 10, 70, 50), (10, 80, 70, 120))
    evaluator = PersonMaskEvaluator(("person",))
    evaluator.update(sample(truth, jointless=[1]), prediction(truth[:1]))
    report = evaluator.compute()
    assert report["segm/AP"] == pytest.approx(1)
    assert report.details["people_without_joints"] == 1
    assert "occluded/segm/AP" not in report.metrics


def test_rows_of_a_comparison_are_chosen_together():
    masks = rectangles((0, 0, 40, 40), (50, 50, 90, 90))
    both = prediction(masks, kind=Compared, beside={"hull": prediction(masks)})
    one = both[[1]]
    assert len(one) == len(one.beside["hull"]) == 1
    np.testing.assert_array_equal(one.beside["hull"].masks, masks[1:])
