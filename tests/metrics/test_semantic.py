"""IoU over the set and per image, and boundary scores, against counting by hand and by loops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.metrics import MeanIoU, SemanticEvaluator, best_and_worst
from tfseg.metrics.boundary import boundary_pixels, boundary_scores
from tfseg.structures import Prediction, Sample


def truth_of(classes, image_id=0) -> Sample:
    classes = np.asarray(classes, np.int32)
    picture = np.zeros((*classes.shape, 3), np.uint8)
    return Sample(picture, image_id, label_maps={"classes": classes})


def found_of(classes) -> Prediction:
    classes = np.asarray(classes, np.uint8)
    nothing = np.zeros((0, *classes.shape), bool)
    empty = dict(boxes=np.zeros((0, 4)), class_ids=[], scores=[])
    return Prediction.from_masks(nothing, **empty, label_maps={"classes": classes})


def run(evaluator, *pairs):
    for number, (truth, found) in enumerate(pairs):
        evaluator.update(truth_of(truth, number), found_of(found))
    return evaluator.compute()


def test_the_specification_s_mean_iou():
    truth, found = [[0, 0, 0, 1, 1, 2, 2, 255]], [[0, 0, 1, 1, 1, 2, 0, 2]]
    for evaluator in (MeanIoU(("a", "b")), SemanticEvaluator(("a", "b"))):
        report = run(evaluator, (truth, found))
        assert report["miou"] == pytest.approx(0.555556, abs=1e-6)
        values = report.per_class["iou"]
        assert list(values) == ["background", "a", "b"]
        assert list(values.values()) == pytest.approx([0.5, 2 / 3, 0.5])
        assert report["pixel_accuracy"] == pytest.approx(5 / 7)
        assert report.confusion["counts"] == [[2, 1, 0], [0, 2, 0], [1, 0, 1]]


def test_one_table_over_the_set_is_not_the_mean_over_pictures():
    # Person: 1 of 1 pixel, then 1 of 3 (two missed): 2 of 4 over the set, 2/3 an image.
    pairs = ([[1, 0, 0, 0]], [[1, 0, 0, 0]]), ([[1, 1, 1, 0]], [[1, 0, 0, 0]])
    report = run(SemanticEvaluator(("person",)), *pairs)
    assert report["person_iou"] == report.per_class["iou"]["person"] == pytest.approx(0.5)
    assert report["iou_person_image_mean"] == pytest.approx(2 / 3)
    assert report["miou"] == pytest.approx((0.5 + 4 / 6) / 2)
    assert report.details["images"] == 2 and report.details["pixels"] == 8


def test_pictures_without_a_person():
    nobody, somebody = [[0, 0, 0]], [[0, 1, 1]]
    evaluator = SemanticEvaluator(("person",))
    report = run(evaluator, (nobody, nobody), (nobody, somebody), (somebody, somebody))
    assert report["iou_person_image_mean"] == pytest.approx(0.5)  # left out, 0, 1
    rows = evaluator.image_scores
    assert [row["quality"] for row in rows] == [1, 0, 1]
    assert [row["false_alarms"] for row in rows] == [0, 1, 0]
    assert math.isnan(rows[0]["iou_person"])
    best, worst = best_and_worst(rows, 1)
    assert (best, worst) == ([2], [1])


def test_classes_nobody_has_are_left_out_and_nothing_at_all_is_not_a_number():
    report = run(SemanticEvaluator(("person", "dog")), ([[0, 1]], [[0, 1]]))
    assert report["miou"] == 1 and math.isnan(report.per_class["iou"]["dog"])
    for pairs in ((), (([[255, 255]], [[0, 1]]),)):
        report = run(SemanticEvaluator(("person",)), *pairs)
        assert all(math.isnan(value) for value in report.metrics.values())


def test_the_person_is_the_class_of_that_name_or_else_all_the_foreground():
    truth, found = [[1, 1, 2, 2, 0, 0]], [[1, 2, 2, 2, 0, 1]]
    report = run(SemanticEvaluator(("dog", "person")), (truth, found))
    assert report["person_iou"] == pytest.approx(2 / 3)
    report = run(SemanticEvaluator(("dog", "cat")), (truth, found))
    assert report["person_iou"] == report["iou_person_image_mean"] == pytest.approx(4 / 5)


def test_all_is_person():
    full = np.ones((5, 7), int)
    report = run(SemanticEvaluator(("person",)), (full, full))
    assert report["miou"] == report["person_iou"] == report["pixel_accuracy"] == 1
    assert math.isnan(report["boundary_f"])  # no boundary on either side


def test_an_instance_model_is_read_by_its_masks():
    masks = np.zeros((3, 2, 4), bool)
    masks[0, :, :2], masks[1, :, 1:3], masks[2] = True, True, True
    found = Prediction.from_masks(
        masks, boxes=np.zeros((3, 4)), class_ids=[1, 2, 1], scores=[0.9, 0.8, 0.3]
    )
    evaluator = SemanticEvaluator(("person", "dog"))
    evaluator.update(truth_of([[1, 1, 2, 0]] * 2), found)  # the best on top, the weak one left out
    assert evaluator.compute()["miou"] == 1


def test_truth_from_instances_ignores_crowds():
    masks = np.zeros((2, 1, 4), bool)
    masks[0, 0, :1], masks[1, 0, 1:3] = True, True
    crowd = Sample(
        np.zeros((1, 4, 3), np.uint8), class_ids=[1, 1], masks=masks, is_crowd=[False, True]
    )
    evaluator = SemanticEvaluator(("person",))
    evaluator.update(crowd, found_of([[1, 1, 0, 0]]))
    report = evaluator.compute()
    assert report["miou"] == 1 and report.details["pixels"] == 2


def slow_boundary(truth, found, width):
    """Every boundary pixel against every other one, as the definition reads."""

    def edge(classes):
        height, across = classes.shape
        points = []
        for y in range(height):
            for x in range(across):
                for v, u in ((y + 1, x), (y - 1, x), (y, x + 1), (y, x - 1)):
                    inside = 0 <= v < height and 0 <= u < across
                    if not inside or 255 in (truth[y, x], truth[v, u]):
                        continue
                    if classes[y, x] != classes[v, u]:
                        points.append((y, x))
                        break
        return points

    def share(points, others):
        near = [any(math.dist(p, q) <= width for q in others) for p in points]
        return sum(near) / len(near) if near else math.nan

    here, there = edge(truth), edge(found)
    precision, recall = share(there, here), share(here, there)
    both = precision + recall
    if not here and not there:
        return precision, recall, math.nan
    return precision, recall, 2 * precision * recall / both if both > 0 else 0.0


@pytest.mark.parametrize("width", [0, 1, 2, 2.5])
def test_boundary_scores_against_loops_over_all_pairs(width):
    rng = np.random.default_rng(5)
    seen = []
    for _ in range(12):
        truth = np.zeros((14, 17), np.int32)
        y, x = rng.integers(0, 8, 2)
        truth[y : y + 7, x : x + 8] = rng.integers(1, 3)
        found = np.roll(truth, rng.integers(-3, 4, 2), (0, 1))
        found[rng.integers(14), :] = 1
        truth[rng.random(truth.shape) < 0.05] = 255
        result = boundary_scores(truth, found, width)
        assert result == pytest.approx(slow_boundary(truth, found, width), nan_ok=True)
        seen.append(result[2])
    assert min(seen) < max(seen)


def test_boundary_of_a_square_by_hand():
    truth = np.zeros((20, 20), np.int32)
    truth[5:15, 5:15] = 1
    edge = boundary_pixels(truth, np.ones(truth.shape, bool))
    assert edge.sum() == 36 + 40  # the square's own rim, and four sides outside without corners
    moved = np.roll(truth, 2, axis=1)
    assert boundary_scores(truth, moved, 2) == (1, 1, 1)
    far = np.roll(truth, 5, axis=1)
    assert boundary_scores(truth, far, 2)[2] == pytest.approx(slow_boundary(truth, far, 2)[2])
    assert boundary_scores(truth, far, 2)[2] < 0.8


def test_boundaries_that_only_one_has():
    square = np.zeros((9, 9), np.int32)
    square[3:6, 3:6] = 1
    blank = np.zeros_like(square)
    precision, recall, f = boundary_scores(square, blank)
    assert math.isnan(precision) and recall == 0 and f == 0
    precision, recall, f = boundary_scores(blank, square)
    assert precision == 0 and math.isnan(recall) and f == 0
    report = run(SemanticEvaluator(("person",)), (square, square), (square, blank), (blank, blank))
    assert report["boundary_precision"] == 1
    assert report["boundary_recall"] == report["boundary_f"] == 0.5


def test_one_pixel():
    report = run(SemanticEvaluator(("person",)), ([[1]], [[1]]), ([[1]], [[0]]))
    assert report["person_iou"] == 0.5 and math.isnan(report["boundary_f"])


def test_bad_input_is_named_and_not_counted():
    evaluator = SemanticEvaluator(("person",))
    with pytest.raises(DataError, match=r"image 0: the image is 1 x 2 .* prediction 1 x 3"):
        evaluator.update(truth_of([[0, 1]]), found_of([[0, 1, 1]]))
    with pytest.raises(DataError, match="the truth's class map has a pixel of class 2"):
        evaluator.update(truth_of([[0, 2]]), found_of([[0, 1]]))
    with pytest.raises(DataError, match="the prediction's class map has a pixel of class 7"):
        evaluator.update(truth_of([[0, 1]]), found_of([[0, 7]]))
    with pytest.raises(DataError, match="expects a Sample and a Prediction"):
        evaluator.update(found_of([[0, 1]]), truth_of([[0, 1]]))
    assert evaluator.compute().details["pixels"] == 0 and not evaluator.image_scores
    with pytest.raises(ConfigError, match="boundary_width"):
        SemanticEvaluator(("person",), boundary_width=-1)
    with pytest.raises(ConfigError, match="class_names"):
        SemanticEvaluator("person")


def test_truth_with_void_rims_has_no_boundary_to_measure():
    truth = np.zeros((30, 30), np.int32)
    truth[8:22, 8:22] = 255
    truth[11:19, 11:19] = 1
    exact = np.where(truth == 255, 0, truth)
    beside = exact.copy()
    beside[25:29, 1:5] = 1
    for found in (exact, beside, np.roll(exact, 6, 0)):
        assert all(map(math.isnan, boundary_scores(truth, found)))
    truth[11, 8:11] = 0  # a gap in the rim: here the outline is known
    assert boundary_scores(truth, exact)[1] == 1
