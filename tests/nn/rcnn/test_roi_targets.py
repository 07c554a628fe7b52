"""Targets of the heads: the table of counts, places, crowds, masks."""

from __future__ import annotations

import numpy as np
import pytest
from keras import ops

from tfseg.nn.rcnn.roi_sampling import RoISamples, jitter, negative_count, sample_rois
from tfseg.nn.rcnn.roi_targets import RoITargets, mask_targets, roi_targets


@pytest.mark.parametrize(("positives", "negatives"), [(66, 134), (10, 20), (0, 0), (1, 2)])
def test_negatives_of_the_specification(positives, negatives):
    assert negative_count(positives, 0.33) == negatives


def test_the_table_is_that_of_single_precision():
    # The original multiplies by float32(1 / 0.33).
    for count in range(67):
        assert negative_count(count, 0.33) == int(np.float32(1 / 0.33) * np.float32(count)) - count


def scene(seed=0, proposals=120, truths=4, padding=2, mini=14):
    """Returns proposals, valid, ids, boxes, masks of one image; a third of them overlap well."""
    random = np.random.default_rng(seed)
    corner = random.uniform(0, 0.6, (truths, 2))
    boxes = np.concatenate([corner, corner + random.uniform(0.15, 0.4, (truths, 2))], 1)
    boxes = np.concatenate([boxes, np.zeros((padding, 4))])
    ids = np.concatenate([random.integers(1, 4, truths), np.zeros(padding, int)])
    near = boxes[random.integers(0, truths, proposals // 3)]
    near = near + random.normal(0, 0.02, near.shape)
    corner = random.uniform(0, 0.7, (proposals - len(near), 2))
    far = np.concatenate([corner, corner + random.uniform(0.05, 0.3, corner.shape)], 1)
    all_proposals = random.permutation(np.concatenate([near, far])).clip(0, 1)
    masks = (random.random((truths + padding, mini // 7, mini // 7)) > 0.4).repeat(7, 1)
    values = all_proposals, np.ones(proposals, bool), ids, boxes, masks.repeat(7, 2)
    return [v[None] for v in values]


def run(inputs, count=60, fraction=0.33, mask_size=8, fill=False, seed=0, averaged=False):
    proposals, valid, ids, boxes, masks = inputs
    result = roi_targets(
        proposals.astype(np.float32),
        valid,
        ids.astype(np.int32),
        boxes.astype(np.float32),
        masks.astype(np.uint8),
        count=count,
        fraction=fraction,
        mask_size=mask_size,
        fill=fill,
        averaged=averaged,
        seed=seed,
    )
    return RoITargets(*[ops.convert_to_numpy(value) for value in result])


def slow_iou(a, b):
    size = np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0)
    overlap = size.prod()
    union = (a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - overlap
    return overlap / union if union > 0 else 0.0


def slow_mask(mask, roi, box, size):
    """Samples the mask under the RoI, in the frame of the box, corners on corners."""
    height, width = mask.shape
    y = (np.linspace(roi[0], roi[2], size) - box[0]) / (box[2] - box[0]) * (height - 1)
    x = (np.linspace(roi[1], roi[3], size) - box[1]) / (box[3] - box[1]) * (width - 1)
    out = np.zeros((size, size))
    for i, v in enumerate(y):
        for j, u in enumerate(x):
            if 0 <= v <= height - 1 and 0 <= u <= width - 1:
                a, b = min(int(v), height - 2), min(int(u), width - 2)
                f, g = v - a, u - b
                out[i, j] = (1 - f) * ((1 - g) * mask[a, b] + g * mask[a, b + 1]) + f * (
                    (1 - g) * mask[a + 1, b] + g * mask[a + 1, b + 1]
                )
    return out


def test_everything_against_loops():
    inputs = scene()
    proposals, _, ids, boxes, masks = (v[0] for v in inputs)
    ours = run(inputs, count=90)
    places = int(90 * 0.33)
    iou = np.array([[slow_iou(p, b) for b in boxes[:4]] for p in proposals])
    assert ours.rois.shape == (1, 90, 4) and ours.masks.shape == (1, places, 8, 8)
    positive = int(ours.positive.sum())
    assert positive == min((iou.max(1) >= 0.5).sum(), places) > 5
    negative = int(ours.valid.sum()) - positive
    assert negative == min(negative_count(positive, 0.33), (iou.max(1) < 0.5).sum())
    for place in np.flatnonzero(ours.valid[0]):
        roi = ours.rois[0, place].astype(np.float64)
        own = np.array([slow_iou(roi, b) for b in boxes[:4]])
        assert (own.max() >= 0.5) == (place < places)
        if place >= places:
            assert ours.class_ids[0, place] == 0
            continue
        truth = own.argmax()
        assert ours.class_ids[0, place] == ids[truth]
        box = boxes[truth]
        sides, target = roi[2:] - roi[:2], box[2:] - box[:2]
        move = (box[2:] + box[:2] - roi[2:] - roi[:2]) / 2 / sides
        expected = [*(move / 0.1), *(np.log(target / sides) / 0.2)]
        np.testing.assert_allclose(ours.deltas[0, place], expected, atol=1e-3)
        soft = slow_mask(masks[truth].astype(float), roi, box, 8)
        clear = np.abs(soft - 0.5) > 1e-3
        np.testing.assert_array_equal(ours.masks[0, place][clear], np.round(soft)[clear])
    assert set(np.unique(ours.masks)) == {0, 1}


def test_places_that_stay_empty_are_zero():
    ours = run(scene(), count=90)
    assert not ours.rois[~ours.valid].any() and not ours.class_ids[~ours.valid].any()
    assert not ours.deltas[~ours.positive].any() and not ours.masks[~ours.positive].any()


def test_no_proposal_is_taken_twice():
    ours = run(scene(), count=90)
    rois = ours.rois[ours.valid]
    assert len(np.unique(rois, axis=0)) == len(rois)


def test_a_picture_without_positives_is_all_padding_unless_filled():
    proposals, valid, ids, boxes, masks = scene()
    ids[:] = 0
    ours = run([proposals, valid, ids, boxes, masks])
    assert not ours.valid.any() and not ours.rois.any() and not ours.positive.any()
    filled = run([proposals, valid, ids, boxes, masks], fill=True)
    assert filled.valid.sum() == 60 - int(60 * 0.33)
    assert not filled.positive.any() and not filled.class_ids.any()


def test_fill_takes_negatives_until_the_places_are_used():
    ours = run(scene(), count=60, fill=True)
    assert ours.valid[0, 19:].all()


def test_a_surplus_of_positives_is_cut_and_drawn_at_random():
    inputs = scene(proposals=300)
    first, second = run(inputs, count=30, seed=1), run(inputs, count=30, seed=2)
    assert first.positive.sum() == second.positive.sum() == 9
    assert first.valid.sum() == 9 + negative_count(9, 0.33) == 27
    assert (first.rois != second.rois).any()
    np.testing.assert_array_equal(first.rois, run(inputs, count=30, seed=1).rois)


def test_padded_proposals_teach_nothing():
    inputs = scene()
    inputs[1] = inputs[1] & (np.arange(120) < 30)
    ours = run(inputs, count=90, fill=True)
    assert ours.valid.sum() <= 30
    allowed = {tuple(row) for row in inputs[0][0, :30].astype(np.float32)}
    assert {tuple(row) for row in ours.rois[ours.valid]} <= allowed


def test_a_crowd_is_neither_an_object_nor_background():
    proposals, valid, ids, boxes, masks = scene()
    ids[0, 0] = -ids[0, 0]
    ours = run([proposals, valid, ids, boxes, masks], count=90, fill=True)
    crowd = boxes[0, 0]
    assert (ours.class_ids >= 0).all()
    negatives = ours.rois[0, 29:][ours.valid[0, 29:]].astype(np.float64)
    assert max(slow_iou(roi, crowd) for roi in negatives) < 0.0011
    before = run(scene(), count=90, fill=True).rois[0, 29:].astype(np.float64)
    assert max(slow_iou(roi, crowd) for roi in before) > 0.01


def test_one_truth_fills_the_places_when_every_proposal_fits():
    box = np.float32([0.1, 0.1, 0.6, 0.6])
    proposals = np.tile(box, (1, 100, 1))
    boxes = box[None, None]
    masks = np.ones((1, 1, 14, 14))
    ours = run([proposals, np.ones((1, 100), bool), np.int32([[2]]), boxes, masks])
    assert ours.positive.all() and ours.valid.sum() == 19  # no negatives exist
    np.testing.assert_allclose(ours.deltas, 0, atol=1e-5)
    np.testing.assert_array_equal(ours.masks, 1)


def test_averaged_masks_against_a_loop():
    random = np.random.default_rng(3)
    box = np.float32([10, 20, 50, 100])
    rois = np.stack([box, box + np.float32([4, -8, 6, 4])])  # the second reaches outside
    mask = (random.random((16, 16)) > 0.5).astype(np.uint8)
    inputs = [rois[None], np.ones((1, 2), bool), np.int32([[1]]), box[None, None]]
    inputs.append(mask[None, None])
    ours = run(inputs, count=4, fraction=0.5, averaged=True)
    assert ours.positive.all()
    for roi, target in zip(ours.rois[0], ours.masks[0]):
        expected = np.zeros((8, 8))
        for i in range(16):
            for j in range(16):
                y = roi[0] + (i + 0.5) / 16 * (roi[2] - roi[0])
                x = roi[1] + (j + 0.5) / 16 * (roi[3] - roi[1])
                y = (y - box[0]) / (box[2] - box[0]) * 16 - 0.5
                x = (x - box[1]) / (box[3] - box[1]) * 16 - 0.5
                if -1 <= y <= 16 and -1 <= x <= 16:
                    rows = np.maximum(0, 1 - np.abs(np.clip(y, 0, 15) - np.arange(16)))
                    columns = np.maximum(0, 1 - np.abs(np.clip(x, 0, 15) - np.arange(16)))
                    expected[i // 2, j // 2] += rows @ mask @ columns / 4
        np.testing.assert_allclose(target, expected, atol=1e-5)
    assert set(np.unique(run(inputs, count=4, fraction=0.5).masks)) == {0, 1}


def test_jittered_boxes_stay_near_in_the_window_and_differ():
    random = np.random.default_rng(0)
    corner = random.uniform(20, 60, (2, 500, 2))
    boxes = np.concatenate([corner, corner + [20, 30]], axis=-1).astype(np.float32)
    boxes[:, -1] = 0  # padding
    boxes[:, -2] = 70, 60, 95, 100  # beyond the window after most moves
    window = np.float32([[0, 0, 100, 100], [0, 0, 96, 97]])
    ours = ops.convert_to_numpy(jitter(boxes, window, 3))
    np.testing.assert_array_equal(ours[:, -1], 0)
    assert (ours[..., 2:] <= window[:, None, 2:]).all()
    moved, before = ours[0, :-2].astype(np.float64), boxes[0, :-2].astype(np.float64)
    size = before[:, 2:] - before[:, :2]
    shift = ((moved[:, 2:] + moved[:, :2]) - (before[:, 2:] + before[:, :2])) / 2 / size
    growth = (moved[:, 2:] - moved[:, :2]) / size
    for value, limits in ((shift, (-0.15, 0.15)), (growth, (0.85, 1.15))):
        assert limits[0] - 1e-5 <= value.min() and value.max() <= limits[1] + 1e-5
        assert value.std() == pytest.approx(0.3 / np.sqrt(12), rel=0.1)  # evenly distributed
    assert np.corrcoef(shift[:, 0], growth[:, 1])[0, 1] == pytest.approx(0, abs=0.15)
    np.testing.assert_array_equal(ops.convert_to_numpy(jitter(boxes, window, None)), boxes)


def test_a_moved_sample_gets_the_part_of_the_mask_under_its_new_place():
    proposals, valid, ids, boxes, masks = scene()
    samples = sample_rois(
        *(proposals.astype(np.float32), valid, ids.astype(np.int32), boxes.astype(np.float32)),
        **dict(count=30, fraction=0.33, seed=0),
    )
    samples = RoISamples(*[ops.convert_to_numpy(value) for value in samples])
    places = samples.positive.shape[1]
    owners = boxes.astype(np.float32)[0, samples.owner[0]]
    np.testing.assert_array_equal(samples.truth[0], owners)
    rois = samples.rois.copy()
    rois[:, :places] += np.float32([0.03, -0.02, 0.03, -0.02])
    ours = ops.convert_to_numpy(mask_targets(samples._replace(rois=rois), masks, 8))
    for k in np.flatnonzero(samples.positive[0]):
        owner = samples.owner[0, k]
        exact = slow_mask(
            masks[0, owner].astype(float), rois[0, k].astype(float), boxes[0, owner], 8
        )
        sure = np.abs(exact - 0.5) > 1e-3
        np.testing.assert_array_equal(ours[0, k][sure], np.round(exact)[sure])
