"""Which proposals the heads learn from, and what."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import STD, box_deltas, iou_matrix, normalize
from tfseg.nn.ops.roi_align import crop_and_resize
from tfseg.nn.ops.sampling import choose
from tfseg.nn.rcnn.rpn_targets import crowd_overlap
from tfseg.nn.targets.iou_matcher import match_proposals

__all__ = ["RoITargets", "negative_count", "roi_targets"]


class RoITargets(NamedTuple):
    """RoIs with their targets. The first `T+` places are for positives, the rest for negatives;
    a place that could not be filled is padding: a zero box of class 0.

    Attributes:
        rois: float32 `(B, T, 4)`, normalised.
        valid: bool `(B, T)`, False for padding.
        class_ids: int32 `(B, T)`, 0 for negatives and padding.
        deltas: float32 `(B, T+, 4)`, divided by the standard deviations.
        masks: float32 `(B, T+, m, m)` of 0 and 1, or what lies between if they are averaged.
        positive: bool `(B, T+)`.
    """

    rois: object
    valid: object
    class_ids: object
    deltas: object
    masks: object
    positive: object


def negative_count(positives: int, fraction: float) -> int:
    """Returns how many negatives go with the positives: `int(p / fraction) - p`, as Matterport."""
    return int(positives / fraction) - positives


def roi_targets(
    proposals,
    valid,
    class_ids,
    boxes,
    masks,
    *,
    count: int,
    fraction: float,
    mask_size: int,
    fill: bool = False,
    averaged: bool = False,
    seed=None,
    std=STD,
) -> RoITargets:
    """Returns a fixed number of RoIs per image, positives first, with their targets.

    Source: Mask R-CNN section 3.1; matterport/Mask_RCNN `DetectionTargetLayer`.

    Args:
        proposals: float32 `(B, P, 4)`, normalised or in pixels.
        valid: bool `(B, P)`.
        class_ids: int32 `(B, G)`: above 0 an object, 0 padding, below 0 a crowd region.
        boxes: float32 `(B, G, 4)`, in the same units.
        masks: `(B, G, k, k)`, each object's mask within its box.
        count: RoIs per image, T.
        fraction: Share of positives; `T+ = int(count * fraction)`.
        mask_size: Rows and columns of the mask target, m.
        fill: True takes negatives until all places are used. False keeps the share as
            Matterport does: an image with no positive RoI then teaches the heads nothing.
        averaged: True averages four samples of the mask for each cell of the target. False takes
            one and rounds it, as Matterport does.
        seed: See `tfseg.nn.ops.sampling.choose`.
        std: Divisors of the deltas.
    """
    iou = iou_matrix(proposals, boxes)
    matches = match_proposals(iou, class_ids > 0, crowd_overlap(iou, class_ids), valid)
    places = int(count * fraction)
    positions, positive = choose(matches.positive, places, seed)
    found = ops.sum(ops.cast(positive, "int32"), axis=1)
    others, negative = choose(matches.negative, count - places, seed)
    if not fill:
        table = [negative_count(n, fraction) for n in range(places + 1)]
        allowed = ops.take(np.array(table, np.int32), found)
        rank = np.arange(count - places, dtype=np.int32)[None]
        negative = ops.logical_and(negative, rank < allowed[:, None])
    chosen = ops.concatenate([positive, negative], axis=1)
    rois = ops.concatenate([_rows(proposals, positions), _rows(proposals, others)], axis=1)
    rois = ops.where(chosen[..., None], rois, ops.zeros_like(rois))
    owner = ops.take_along_axis(matches.index, positions, axis=1)
    labels = ops.where(positive, ops.take_along_axis(class_ids, owner, axis=1), 0)
    labels = ops.pad(labels, [[0, 0], [0, count - places]])
    learners, truth = rois[:, :places], _rows(boxes, owner)
    deltas = box_deltas(learners, truth, std)
    deltas = ops.where(positive[..., None], deltas, ops.zeros_like(deltas))
    targets = _mask_targets(masks, owner, learners, truth, mask_size, averaged)
    targets = ops.where(positive[..., None, None], targets, ops.zeros_like(targets))
    result = RoITargets(rois, chosen, labels, deltas, targets, positive)
    return RoITargets(*[ops.stop_gradient(value) for value in result])


def _rows(values, positions):
    return ops.take_along_axis(values, positions[..., None], axis=1)


def _mask_targets(masks, owner, rois, truth, size, averaged):
    """Returns each RoI's part of its object's mask at `size`, see `roi_targets`."""
    own = ops.take_along_axis(ops.cast(masks, "float32"), owner[..., None, None], axis=1)
    extent = ops.maximum(truth[..., 2:] - truth[..., :2], 1e-7)
    origin = ops.concatenate([truth[..., :2], truth[..., :2]], axis=-1)
    extent = ops.concatenate([extent, extent], axis=-1)
    parts = (rois - origin) / extent
    if not averaged:
        return ops.round(crop_and_resize(own, parts, size))
    side = masks.shape[-1]
    return crop_and_resize(own, normalize(parts * side, (side, side)), size, "aligned")
