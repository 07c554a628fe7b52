"""Mask AP of people from .5 to .9 against a plain computation, beside the semantic measures."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tfseg.errors import ConfigError, DataError
from tfseg.metrics import CocoAP, PortraitEvaluator, SemanticEvaluator
from tfseg.structures import Prediction, Sample

SIZE = (40, 90)
SEMANTIC = ["miou", "iou_person_image_mean", "person_iou", "pixel_accuracy"]
SEMANTIC += ["boundary_f", "boundary_precision", "boundary_recall"]


def people(columns, widths) -> np.ndarray:
    masks = np.zeros((len(columns), *SIZE), bool)
    for mask, column, width in zip(masks, columns, widths, strict=True):
        mask[5:35, column : column + width] = True
    return masks


def sample_of(masks, image_id=0, **fields) -> Sample:
    picture = np.zeros((*SIZE, 3), np.uint8)
    return Sample(picture, image_id, class_ids=[1] * len(masks), masks=masks, **fields)


def prediction_of(masks, scores, **fields) -> Prediction:
    return Prediction.from_masks(
        masks, boxes=sample_of(masks).boxes, class_ids=[1] * len(masks), scores=scores, **fields
    )


def plain_ap(pairs, level) -> float:
    """Greedy by falling score, each truth once; precision at 101 recalls, in plain loops."""
    guesses, truths = [], 0
    for sample, prediction in pairs:
        truths += len(sample)
        taken = set()
        for k in sorted(range(len(prediction)), key=lambda k: -prediction.scores[k]):
            mask, best, best_iou = prediction.masks[k], None, level
            for j, truth in enumerate(sample.masks):
                iou = (mask & truth).sum() / (mask | truth).sum()
                if j not in taken and iou >= best_iou:
                    best, best_iou = j, iou
            taken.add(best)
            guesses.append((float(prediction.scores[k]), best is not None))
    guesses.sort(key=lambda guess: -guess[0])
    points, hits = [], 0
    for rank, (_, hit) in enumerate(guesses, 1):
        hits += hit
        points.append((hits / truths, hits / rank))
    recalls = [i / 100 for i in range(101)]
    return sum(max([p for r, p in points if r >= t - 1e-12], default=0) for t in recalls) / 101


def random_pairs(count, seed):
    rng, pairs = np.random.default_rng(seed), []
    for number in range(count):
        spots = rng.permutation([0, 30, 60])[: rng.integers(1, 4)]
        truth = people(spots, [24] * len(spots))
        guessed = people(
            np.maximum(spots + rng.integers(-9, 10, len(spots)), 0),
            rng.integers(14, 30, len(spots)),
        )
        pairs.append((sample_of(truth, number), prediction_of(guessed, rng.random(len(spots)))))
    return pairs


def test_ap_at_each_overlap_against_plain_loops():
    pairs = random_pairs(25, seed=4)
    evaluator = PortraitEvaluator(("person",), instances=True)
    for sample, prediction in pairs:
        evaluator.update(sample, prediction)
    report = evaluator.compute()
    expected = {level: plain_ap(pairs, level / 100) for level in range(50, 100, 5)}
    for level in (50, 60, 70, 75, 80, 90):
        assert report[f"segm/AP{level}"] == pytest.approx(expected[level], abs=1e-9), level
    assert report["segm/AP"] == pytest.approx(np.mean(list(expected.values())), abs=1e-9)
    assert 1 > report["segm/AP50"] > report["segm/AP70"] > report["segm/AP90"] > 0


def test_semantic_and_instance_measures_stand_together():
    pairs = random_pairs(5, seed=1)
    both, maps = PortraitEvaluator(("person",), instances=True), SemanticEvaluator(("person",))
    for sample, prediction in pairs:
        both.update(sample, prediction)
        maps.update(sample, prediction)
    report, semantic = both.compute({"data": "drawn"}), maps.compute()
    for name in SEMANTIC:
        assert report[name] == semantic[name]
    assert list(report)[: len(SEMANTIC)] == SEMANTIC
    assert not any(name.startswith(("bbox", "map")) for name in (*report, *report.per_class))
    assert report.confusion == semantic.confusion
    assert {"iou", "segm/AP"} <= set(report.per_class) and "segm/PR50" in report.curves
    assert report.details["images"] == 5 and report.details["data"] == "drawn"
    assert report.details["objects"] == sum(len(sample) for sample, _ in pairs)
    report.to_json()


def test_a_person_split_in_two_is_right_for_the_map_and_wrong_for_instances():
    whole, halves = people([10], [24]), people([10, 22], [12, 12])
    evaluator = PortraitEvaluator(("person",), instances=True)
    evaluator.update(sample_of(whole), prediction_of(halves, [0.9, 0.8]))
    report = evaluator.compute()
    assert report["person_iou"] == 1 and report["segm/AP60"] == 0
    row = evaluator.image_scores[0]
    assert row["iou_person"] == 1 and row["quality"] < 0.5 and row["false_alarms"] == 1


def test_without_instances_objects_do_not_matter():
    whole = people([10], [24])
    labels = {"classes": whole[0].astype(np.uint8)}
    evaluator = PortraitEvaluator(("person",))
    truth = sample_of(whole[:0], label_maps=labels)
    evaluator.update(truth, prediction_of(whole[:0], [], size=SIZE, label_maps=labels))
    report = evaluator.compute()
    assert list(report) == SEMANTIC and report["miou"] == 1
    assert evaluator.image_scores[0]["quality"] == 1


def test_nobody_there_and_nobody_found():
    evaluator = PortraitEvaluator(("person",), instances=True)
    evaluator.update(sample_of(people([], [])), prediction_of(people([], []), []))
    report = evaluator.compute()
    assert report["miou"] == report["pixel_accuracy"] == 1  # background alone
    assert math.isnan(report["segm/AP50"]) and math.isnan(report["person_iou"])


def test_bad_input_is_named_and_not_counted():
    whole = people([10], [24])
    labels = {"classes": whole[0].astype(np.uint8)}
    evaluator = PortraitEvaluator(("person",), instances=True)
    with pytest.raises(DataError, match="class map without objects"):
        evaluator.update(sample_of(whole[:0], label_maps=labels), prediction_of(whole, [0.9]))
    evaluator.update(sample_of(whole), prediction_of(whole, [0.9]))
    with pytest.raises(DataError, match="evaluated before"):
        evaluator.update(sample_of(whole), prediction_of(whole, [0.9]))
    assert evaluator.compute().details["images"] == len(evaluator.image_scores) == 1


@pytest.mark.parametrize("level", [0.52, 1, 50])
def test_overlaps_that_coco_does_not_compute_are_refused(level):
    with pytest.raises(ConfigError, match=r"levels: expected overlaps among 0\.50"):
        CocoAP(("person",), levels=(level,))
