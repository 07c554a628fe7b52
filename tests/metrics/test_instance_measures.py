"""Per-image mAP, pooled AP, confusion and scores against slow, obvious computations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.metrics import (
    Confusion,
    ImageMAP,
    InstanceEvaluator,
    PooledAP,
    best_and_worst,
    image_scores,
)
from tfseg.metrics.matching import envelope_area
from tfseg.structures import Prediction, Sample

NAMES = ("suit", "dress", "jeans")
SIZE = (24, 60)


def block(column, shift=0) -> np.ndarray:
    """One of five separate 10-pixel-wide blocks; moved by `shift` of its 20 rows."""
    mask = np.zeros(SIZE, bool)
    mask[shift : shift + 20, column * 12 : column * 12 + 10] = True
    return mask


def sample_of(class_ids, masks, image_id=0, **fields) -> Sample:
    masks = np.array(masks, bool).reshape(len(class_ids), *SIZE)
    return Sample(
        np.zeros((*SIZE, 3), np.uint8), image_id, class_ids=class_ids, masks=masks, **fields
    )


def prediction_of(class_ids, masks, scores) -> Prediction:
    masks = np.array(masks, bool).reshape(len(class_ids), *SIZE)
    boxes = sample_of(class_ids, masks).boxes
    return Prediction.from_masks(masks, boxes=boxes, class_ids=class_ids, scores=scores)


def run(evaluator, *pairs):
    for sample, prediction in pairs:
        evaluator.update(sample, prediction)
    return evaluator.compute()


def right_wrong_right_wrong():
    truth = sample_of([1, 1, 1], [block(0), block(1), block(2)])
    guesses = [block(0), block(3), block(1), block(4)]
    return truth, prediction_of([1] * 4, guesses, [0.9, 0.8, 0.7, 0.6])


def test_the_specification_s_list():
    value = run(ImageMAP(NAMES), right_wrong_right_wrong())["map_matterport"]
    assert value == pytest.approx(0.555556, abs=1e-6)
    pooled = run(PooledAP(NAMES), right_wrong_right_wrong())["map50_class"]
    assert pooled == pytest.approx(0.555556, abs=1e-6)


def slow_image_ap(sample, prediction, compat) -> float:
    """The public compute_matches and compute_ap, told again in loops and plain lists."""
    order = sorted(range(len(prediction)), key=lambda i: -prediction.scores[i])
    guesses, taken, hits = prediction.masks, {}, []
    for rank, i in enumerate(order):
        overlaps = []
        for j in range(len(sample)):
            union = (guesses[i] | sample.masks[j]).sum()
            overlaps.append(((guesses[i] & sample.masks[j]).sum() / union, -j, j))
        hit = False
        for value, _, j in sorted(overlaps, reverse=True):
            if (taken[j] > 0 if compat else True) if j in taken else False:
                continue
            if value < 0.5:
                break
            if sample.class_ids[j] == prediction.class_ids[i]:
                taken[j], hit = rank, True
                break
        hits.append(hit)
    points = [
        (sum(hits[: k + 1]) / len(sample), sum(hits[: k + 1]) / (k + 1)) for k in range(len(hits))
    ]
    area, last = 0.0, 0.0
    for k, (recall, _) in enumerate(points):
        area += (recall - last) * max(p for _, p in points[k:])
        last = recall
    return area


@pytest.mark.parametrize("compat", [False, True])
def test_image_map_against_loops_on_random_pictures(compat):
    rng = np.random.default_rng(3)
    evaluator, expected = ImageMAP(NAMES, compat=compat), []
    for image_id in range(60):
        count = int(rng.integers(1, 5))
        masks = [block(int(rng.integers(5)), int(rng.integers(4))) for _ in range(count)]
        sample = sample_of(rng.integers(1, 4, count), masks, image_id)
        guesses, ids = [], []
        for _ in range(int(rng.integers(0, 7))):
            guesses.append(block(int(rng.integers(5)), int(rng.integers(5))))
            ids.append(int(rng.integers(1, 4)))
        scores = rng.permutation(100)[: len(ids)] / 100
        prediction = prediction_of(ids, guesses, scores)
        evaluator.update(sample, prediction)
        expected.append(slow_image_ap(sample, prediction, compat))
    value = next(iter(evaluator.compute().metrics.values()))
    assert value == pytest.approx(np.mean(expected), abs=1e-9)
    assert 0.05 < value < 0.95


def test_compat_lets_the_best_prediction_s_truth_be_found_again():
    truth = sample_of([1, 1], [block(0), block(1)])
    twice_first = prediction_of([1, 1], [block(0), block(0, 1)], [0.9, 0.8])
    assert run(ImageMAP(NAMES), (truth, twice_first))["map_matterport"] == pytest.approx(0.5)
    report = run(ImageMAP(NAMES, compat=True), (truth, twice_first))
    assert report["map_matterport_compat"] == pytest.approx(1.0)
    # The slip is for the best prediction alone: the second one's truth stays taken.
    later = prediction_of([1] * 3, [block(3), block(0), block(0, 1)], [0.9, 0.8, 0.7])
    assert run(ImageMAP(NAMES, compat=True), (truth, later))[
        "map_matterport_compat"
    ] == pytest.approx(run(ImageMAP(NAMES), (truth, later))["map_matterport"])


def test_pictures_without_truth_are_left_out_of_the_mean():
    empty = sample_of([], [])
    nothing = prediction_of([], [], [])
    alarm = prediction_of([1], [block(0)], [0.9])
    assert math.isnan(run(ImageMAP(NAMES), (empty, alarm), (empty, nothing))["map_matterport"])
    both = run(ImageMAP(NAMES), (empty, alarm), right_wrong_right_wrong())
    assert both["map_matterport"] == pytest.approx(5 / 9)
    only_crowd = sample_of([1], [block(0)], is_crowd=[True])
    assert math.isnan(run(ImageMAP(NAMES), (only_crowd, alarm))["map_matterport"])


def test_nothing_found_is_zero():
    truth = sample_of([1], [block(0)])
    assert run(ImageMAP(NAMES), (truth, prediction_of([], [], [])))["map_matterport"] == 0
    assert run(PooledAP(NAMES), (truth, prediction_of([], [], [])))["map50_class"] == 0


def test_equal_scores_keep_the_order_of_the_prediction():
    truth = sample_of([1], [block(0)])
    first = prediction_of([1, 1], [block(0), block(3)], [0.5, 0.5])
    second = prediction_of([1, 1], [block(3), block(0)], [0.5, 0.5])
    assert run(ImageMAP(NAMES), (truth, first))["map_matterport"] == 1
    assert run(ImageMAP(NAMES), (truth, second))["map_matterport"] == 0.5


def test_pooled_ap_is_one_list_over_pictures():
    # suit by score: wrong (other image), right, right of 3 truths; dress never found; no jeans.
    one = sample_of([1, 2], [block(0), block(1)])
    two = sample_of([1, 1], [block(0), block(1)])
    report = run(
        PooledAP(NAMES),
        (one, prediction_of([1, 1], [block(4), block(0)], [0.9, 0.6])),
        (two, prediction_of([1], [block(1)], [0.7])),
    )
    values = report.per_class["map50_class"]
    assert values["suit"] == pytest.approx(2 / 3 * 2 / 3)
    assert values["dress"] == 0
    assert math.isnan(values["jeans"])
    assert report["map50_class"] == pytest.approx((4 / 9 + 0) / 2)


def test_pooled_ap_leaves_out_crowds_and_what_lies_in_them():
    sample = sample_of([1, 1], [block(0), block(1)], is_crowd=[True, False])
    inside = block(0).copy()
    inside[10:] = False
    guesses = prediction_of([1, 2, 1], [inside, inside, block(1)], [0.9, 0.8, 0.7])
    values = run(PooledAP(NAMES), (sample, guesses)).per_class["map50_class"]
    assert values["suit"] == 1 and math.isnan(values["dress"])
    assert run(ImageMAP(NAMES), (sample, guesses))["map_matterport"] == 0.5  # the dress is wrong


def test_confusion_table_by_hand():
    masks = [block(0), block(1), block(2), block(3), block(4)]
    sample = sample_of([1, 2, 3, 1, 1], masks, is_crowd=[0, 0, 0, 0, 1])
    guesses = prediction_of(
        [1, 3, 1, 2, 3, 1, 1],
        [block(0), block(1), block(0, 1), block(2, 15), block(3), block(4), block(2)],
        [0.9, 0.9, 0.8, 0.8, 0.4, 0.9, 0.5],
    )
    # right: suit. dress taken for jeans. block 0 seen twice: false alarm. block 2 shifted away:
    # false alarm, but the last one takes it for a suit. block 3 below the score: missed.
    table = run(Confusion(NAMES), (sample, guesses)).confusion
    assert table["labels"] == [*NAMES, "background"]
    assert table["counts"] == [[1, 0, 0, 1], [0, 0, 1, 0], [1, 0, 0, 0], [1, 1, 0, 0]]


def test_confusion_prefers_the_right_class_over_the_better_score():
    sample = sample_of([1], [block(0)])
    guesses = prediction_of([2, 1], [block(0), block(0, 1)], [0.9, 0.6])
    counts = run(Confusion(NAMES), (sample, guesses)).confusion["counts"]
    assert counts == [[1, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]]


@pytest.mark.parametrize("iou", [0, 1.5, -1])
def test_confusion_refuses_an_overlap_out_of_range(iou):
    with pytest.raises(ConfigError, match="iou"):
        Confusion(NAMES, iou=iou)


def test_image_scores_by_hand():
    truth = sample_of([1, 1], [block(0), block(1)])
    guesses = prediction_of([1, 1, 1], [block(0), block(1, 4), block(3)], [0.9, 0.8, 0.7])
    scores = image_scores(truth, guesses)
    overlap = 16 / 24
    assert (scores["found"], scores["missed"], scores["false_alarms"]) == (2, 0, 1)
    assert scores["f1"] == pytest.approx(2 / 2.5)
    assert scores["quality"] == pytest.approx((1 + overlap) / 2.5)
    assert scores["ap"] == pytest.approx(1)
    nothing = prediction_of([], [], [])
    assert image_scores(sample_of([], []), nothing)["quality"] == 1
    assert image_scores(sample_of([], []), guesses)["quality"] == 0
    assert image_scores(truth, nothing)["quality"] == 0
    assert image_scores(truth, guesses, score=0.95)["missed"] == 2


def test_best_and_worst_share_no_picture_and_prefer_pictures_with_objects():
    def row(quality, objects):
        found = objects if quality else 0
        return {"quality": quality, "found": found, "missed": objects - found}

    rows = [row(1, 0), row(0.2, 1), row(1, 3), row(0, 0), row(0.7, 2), row(0, 2)]
    assert best_and_worst(rows, 2) == ([2, 4], [5, 3])
    assert best_and_worst(rows, 9) == ([2, 4, 1], [5, 3, 0])
    assert best_and_worst(rows[:1], 4) == ([0], [])
    assert best_and_worst([], 4) == ([], [])
    with pytest.raises(ConfigError, match="count"):
        best_and_worst(rows, -1)


def test_envelope_without_truth_is_undefined():
    assert math.isnan(envelope_area(np.array([True, False]), 0))
    assert envelope_area(np.zeros(0, bool), 3) == 0


def test_evaluator_combines_all_and_keeps_scores():
    evaluator = InstanceEvaluator(NAMES)
    truth, guesses = right_wrong_right_wrong()
    evaluator.update(truth, guesses)
    evaluator.update(sample_of([], [], image_id="empty"), prediction_of([], [], []))
    report = evaluator.compute({"data": "drawn"})
    for name in ("segm/AP", "bbox/AP50", "map_matterport", "map_matterport_compat", "map50_class"):
        assert name in report.metrics
    assert report["map_matterport"] == pytest.approx(5 / 9)
    assert report["segm/AP50"] == pytest.approx(0.554455, abs=1e-6)
    assert report.details == {
        "images": 2,
        "images_without_objects": 1,
        "objects": 3,
        "crowd_regions": 0,
        "predictions": 4,
        "data": "drawn",
    }
    assert [row["image_id"] for row in evaluator.image_scores] == [0, "empty"]
    assert report.confusion["counts"][0][0] == 2
    report.to_json()


def test_evaluator_names_a_wrong_argument():
    with pytest.raises(DataError, match="a Sample and a Prediction, got"):
        InstanceEvaluator(NAMES).update(prediction_of([], [], []), sample_of([], []))


def test_three_hundred_objects():
    rng = np.random.default_rng(0)
    masks = np.zeros((300, 64, 64), bool)
    for mask in masks:
        y, x = rng.integers(0, 56, 2)
        mask[y : y + 8, x : x + 8] = True
    sample = Sample(np.zeros((64, 64, 3), np.uint8), class_ids=np.ones(300), masks=masks)
    prediction = Prediction.from_masks(
        masks, boxes=sample.boxes, class_ids=np.ones(300), scores=rng.random(300)
    )
    evaluator = InstanceEvaluator(("cell",))
    evaluator.update(sample, prediction)
    report = evaluator.compute()
    assert report.confusion["counts"][0][0] == int((prediction.scores >= 0.5).sum())
    assert report["segm/AR100"] < 0.5  # COCO looks at 100 predictions
    assert report["map_matterport"] == pytest.approx(1)
