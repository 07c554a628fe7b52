"""COCO AP: the digits of plain pycocotools on exported files, and the cases it answers with -1."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import json
import math
import threading

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tfseg.errors import ConfigError, DataError
from tfseg.metrics import CocoAP, InstanceEvaluator
from tfseg.structures import Prediction, Sample, rle

NAMES = ("suit", "dress", "jeans", "never seen")
SUMMARY = ("AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl")


def picture(image_id, class_ids, masks, **fields) -> Sample:
    masks = np.asarray(masks, bool)
    return Sample(
        np.zeros((*masks.shape[1:], 3), np.uint8),
        image_id,
        class_ids=np.asarray(class_ids),
        masks=masks,
        **fields,
    )


def square(size, y, x, side) -> np.ndarray:
    mask = np.zeros(size, bool)
    mask[max(y, 0) : y + side, max(x, 0) : x + side] = True
    return mask


def random_pair(rng, image_id) -> tuple[Sample, Prediction]:
    """An image of 0 to 5 objects, small to large, some of them crowds, and 0 to 8 guesses."""
    size = (int(rng.integers(120, 220)), int(rng.integers(120, 220)))
    count = int(rng.integers(0, 6))
    spots = [(*rng.integers(0, 100, 2), int(rng.choice([12, 40, 110]))) for _ in range(count)]
    masks = np.array([square(size, *spot) for spot in spots]).reshape(count, *size)
    sample = picture(image_id, rng.integers(1, 4, count), masks, is_crowd=rng.random(count) < 0.2)
    guesses, ids = [], []
    for index in range(count):
        for _ in range(int(rng.integers(0, 3))):
            y, x, side = spots[index]
            guesses.append(square(size, y + rng.integers(-4, 5), x + rng.integers(-4, 5), side))
            ids.append(sample.class_ids[index] if rng.random() < 0.8 else rng.integers(1, 4))
    for _ in range(int(rng.integers(0, 3))):
        guesses.append(square(size, *rng.integers(0, 90, 2), 25))
        ids.append(int(rng.integers(1, 4)))
    guesses = np.array(guesses).reshape(len(ids), *size)
    boxes = picture(0, ids, guesses).boxes + rng.normal(0, 0.7, (len(ids), 4))
    # Scores on a coarse grid, so that many are equal.
    scores = rng.integers(1, 8, len(ids)) / 8
    return sample, Prediction.from_masks(
        guesses, size=size, boxes=boxes, class_ids=ids, scores=scores, image_id=image_id
    )


def truth_json(samples) -> dict:
    annotations = []
    for sample in samples:
        for index in range(len(sample)):
            y1, x1, y2, x2 = sample.boxes[index].tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": sample.image_id,
                    "category_id": int(sample.class_ids[index]),
                    "iscrowd": int(sample.is_crowd[index]),
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": int(sample.masks[index].sum()),
                    "segmentation": rle.encode(sample.masks[index]),
                }
            )
    return {
        "images": [
            {"id": s.image_id, "height": s.size[0], "width": s.size[1], "file_name": "-"}
            for s in samples
        ],
        "categories": [{"id": i, "name": n} for i, n in enumerate(NAMES, 1)],
        "annotations": annotations,
    }


def plain_pycocotools(folder, pairs, kind) -> COCOeval:
    """pycocotools as anyone runs it: two files, loadRes, three calls."""
    records = [record for _, prediction in pairs for record in prediction.to_coco()]
    if kind == "segm":  # as in a result file for masks, where no box sets the area
        records = [{k: v for k, v in record.items() if k != "bbox"} for record in records]
    (folder / "truth.json").write_text(json.dumps(truth_json([s for s, _ in pairs])))
    (folder / "results.json").write_text(json.dumps(records))
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(folder / "truth.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(folder / "results.json")), kind)
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation


def evaluated(pairs, names=NAMES):
    evaluator = CocoAP(names)
    for sample, prediction in pairs:
        evaluator.update(sample, prediction)
    return evaluator.compute()


@pytest.mark.parametrize("kind", ["bbox", "segm"])
def test_digits_of_plain_pycocotools_on_the_exported_files(tmp_path, kind):
    rng = np.random.default_rng(5)
    ids = rng.permutation(1000)[:40].tolist()  # not in rising order
    pairs = [random_pair(rng, image_id) for image_id in ids]
    report = evaluated(pairs)
    plain = plain_pycocotools(tmp_path, pairs, kind)
    for name, value in zip(SUMMARY, plain.stats, strict=True):
        assert value > -1, f"the drawn images leave {name} undefined; the test shows nothing"
        assert report[f"{kind}/{name}"] == value, name
    for index, name in enumerate(NAMES[:3]):
        precision = plain.eval["precision"][:, :, index, 0, -1]
        assert report.per_class[f"{kind}/AP"][name] == precision.mean()
        assert report.per_class[f"{kind}/AP50"][name] == precision[0].mean()
        assert report.curves[f"{kind}/PR50"][name]["precision"] == precision[0].tolist()
    # Updates in another order change nothing, although many scores are equal.
    assert evaluated(pairs[::-1]).to_dict() == report.to_dict()


def test_resampled_images_count_as_often_as_they_were_drawn():
    rng = np.random.default_rng(6)
    pairs = [random_pair(rng, image_id) for image_id in range(12)]
    measured = CocoAP(NAMES)
    for sample, prediction in pairs:
        measured.update(sample, prediction)
    picks = np.random.default_rng(3)
    for found in measured.resampled(3, seed=3):
        copies = []
        for number, index in enumerate(picks.integers(0, 12, 12)):
            sample, prediction = pairs[index]
            sample = dataclasses.replace(sample, image_id=number)
            copies.append((sample, dataclasses.replace(prediction, image_id=number)))
        wanted = evaluated(copies)
        np.testing.assert_equal(dict(found.metrics), dict(wanted.metrics))
        np.testing.assert_equal(dict(found.per_class), dict(wanted.per_class))


def test_class_without_truth_is_nan_and_left_out_of_the_mean():
    sample = picture(1, [1], [square((60, 60), 5, 5, 40)])
    prediction = Prediction.from_masks(
        sample.masks.repeat(2, 0), boxes=sample.boxes.repeat(2, 0), class_ids=[1, 2], scores=[1, 1]
    )
    report = evaluated([(sample, prediction)])
    assert report["segm/AP"] == pytest.approx(1)
    assert report.per_class["segm/AP"]["suit"] == pytest.approx(1)
    assert math.isnan(report.per_class["segm/AP"]["dress"])
    assert math.isnan(report["segm/APs"])  # 1600 pixels: medium
    assert report["segm/APm"] == pytest.approx(1)
    assert set(report.curves["segm/PR50"]) == {"suit"}


def test_no_predictions_score_zero_and_no_truth_is_nan():
    sample = picture(1, [1], [square((60, 60), 5, 5, 40)])
    nothing = Prediction((60, 60), [], [], [])
    assert evaluated([(sample, nothing)])["segm/AP"] == 0
    assert evaluated([(sample, nothing)])["bbox/AR100"] == 0
    empty = picture(2, [], np.zeros((0, 60, 60)))
    assert all(math.isnan(value) for value in evaluated([(empty, nothing)]).metrics.values())
    assert all(math.isnan(value) for value in evaluated([]).metrics.values())


def test_predictions_on_a_picture_without_objects_cost_precision():
    size = (60, 60)
    full = picture("a", [1], [square(size, 5, 5, 40)])
    empty = picture("b", [], np.zeros((0, *size)))
    right = Prediction.from_masks(full.masks, boxes=full.boxes, class_ids=[1], scores=[0.5])
    wrong = Prediction.from_masks(full.masks, boxes=full.boxes, class_ids=[1], scores=[0.9])
    assert evaluated([(full, right), (empty, wrong)])["segm/AP"] == pytest.approx(0.5)


def test_crowd_regions_neither_reward_nor_punish():
    size = (100, 100)
    masks = [square(size, 0, 0, 30), square(size, 40, 40, 60)]
    sample = picture(1, [1, 1], masks, is_crowd=[False, True])
    inside = [square(size, 45, 45, 15), square(size, 70, 70, 20)]
    prediction = Prediction.from_masks(
        np.array([masks[0], *inside]),
        boxes=picture(0, [1, 1, 1], [masks[0], *inside]).boxes,
        class_ids=[1, 1, 1],
        scores=[0.5, 0.9, 0.8],
    )
    report = evaluated([(sample, prediction)])
    assert report["segm/AP"] == pytest.approx(1)
    assert report["bbox/AP"] == pytest.approx(1)


def test_the_specification_s_list_in_101_points():
    size = (40, 80)
    masks = np.array([square(size, 0, x, 15) for x in (0, 20, 40)])
    wrong = np.array([square(size, 24, x, 15) for x in (0, 20)])
    guesses = np.array([masks[0], wrong[0], masks[1], wrong[1]])
    prediction = Prediction.from_masks(
        guesses,
        boxes=picture(0, [1] * 4, guesses).boxes,
        class_ids=[1] * 4,
        scores=[0.9, 0.8, 0.7, 0.6],
    )
    report = evaluated([(picture(1, [1, 1, 1], masks), prediction)])
    assert report["segm/AP50"] == pytest.approx(0.554455, abs=1e-6)


def test_says_nothing_and_leaves_stdout_alone(capsys, monkeypatch):
    rng = np.random.default_rng(0)
    pairs = [random_pair(rng, i) for i in range(4)]
    stop, seen = threading.Event(), []

    class Watched(io.StringIO):
        def write(self, text):
            seen.append(text)
            return len(text)

    watched = Watched()
    monkeypatch.setattr("sys.stdout", watched)
    other = threading.Thread(target=lambda: (print("another thread"), stop.set()))
    other.start()
    evaluated(pairs)
    other.join()
    import sys

    assert sys.stdout is watched and stop.is_set()
    assert "".join(seen) == "another thread\n"


def test_the_same_picture_twice_is_an_error_and_counts_once():
    sample = picture(7, [1], [square((60, 60), 5, 5, 40)])
    prediction = Prediction.from_masks(
        sample.masks, boxes=sample.boxes, class_ids=[1], scores=[1.0]
    )
    evaluator = InstanceEvaluator(NAMES)
    evaluator.update(sample, prediction)
    with pytest.raises(DataError, match="image 7.*evaluated before"):
        evaluator.update(sample, prediction)
    assert evaluator.compute().details["images"] == 1
    assert sum(map(sum, evaluator.compute().confusion["counts"])) == 1


def test_keeps_run_lengths_not_pixels():
    evaluator = CocoAP(NAMES)
    size = (2000, 2000)
    mask = square(size, 500, 500, 900)[None]
    sample = picture(1, [1], mask)
    evaluator.update(
        sample, Prediction.from_masks(mask, boxes=sample.boxes, class_ids=[1], scores=[1.0])
    )
    held = str(vars(evaluator))
    assert "ndarray" not in held and "array(" not in held
    assert len(held) < 20_000


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (dict(size=(61, 60)), "60 x 60 pixels, its prediction 61 x 60"),
        (dict(class_ids=[5]), "class id 5, expected 1 to 4"),
        (dict(class_ids=[0]), "class id 0"),
        (dict(scores=[np.nan]), "not finite"),
        (dict(boxes=[[0, 0, np.inf, 3]]), "not finite"),
    ],
)
def test_bad_predictions_are_named(change, message):
    sample = picture(9, [1], [square((60, 60), 5, 5, 40)])
    fields = dict(size=(60, 60), boxes=sample.boxes, class_ids=[1], scores=[0.5]) | change
    size = fields["size"]
    prediction = Prediction(rles=(rle.encode(np.ones(size)),), **fields)
    with pytest.raises(DataError, match="image 9") as caught:
        CocoAP(NAMES).update(sample, prediction)
    assert message in str(caught.value)


@pytest.mark.parametrize("names", ["person", (), ("a", "a")])
def test_class_names_must_tell_classes_apart(names):
    with pytest.raises(ConfigError, match="class_names"):
        CocoAP(names)
