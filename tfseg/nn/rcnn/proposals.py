"""From anchors to proposals: the best anchors, moved, cut to the image, and thinned out."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import STD, apply_deltas, clip
from tfseg.nn.ops.nms import nms
from tfseg.nn.rcnn.rpn import objectness

__all__ = ["propose", "propose_per_level"]


def propose(
    logits,
    deltas,
    anchors,
    *,
    pre_nms: int,
    post_nms: int,
    iou_threshold: float,
    window=(0.0, 0.0, 1.0, 1.0),
    std=STD,
):
    """Returns the proposals of each image.

    Source: Faster R-CNN section 3.3; matterport/Mask_RCNN `ProposalLayer` (no minimum size).

    Args:
        logits: float32 `(B, A, 2)` of (background, foreground), or `(B, A, 1)`.
        deltas: float32 `(B, A, 4)`.
        anchors: float32 `(A, 4)`, normalised.
        pre_nms: Anchors taken by score.
        post_nms: Proposals returned, P.
        iou_threshold: Of the NMS.
        window: Boxes are cut to it.
        std: Divisors that the deltas carry.

    Returns:
        `(proposals, valid)`: float32 `(B, P, 4)`, normalised, best first, zero rows as padding;
        bool `(B, P)`. No gradient flows through them.
    """
    logits, deltas = ops.stop_gradient(logits), ops.stop_gradient(deltas)
    # The probability grows with the logit, so the order is the same.
    scores = objectness(logits)
    order, valid = _best(scores, ops.shape(anchors)[0], pre_nms)
    chosen = ops.take_along_axis(deltas, order[..., None], axis=1)
    boxes = apply_deltas(ops.take(anchors, order, axis=0), chosen, std)
    boxes = clip(boxes, window)
    positions, kept = nms(boxes, valid, iou_threshold, post_nms)
    proposals = ops.take_along_axis(boxes, positions[..., None], axis=1)
    return ops.where(kept[..., None], proposals, ops.zeros_like(proposals)), kept


def propose_per_level(
    logits,
    deltas,
    anchors,
    *,
    counts: Sequence[int],
    pre_nms: int,
    post_nms: int,
    iou_threshold: float,
    window,
    min_size: float,
    std=(1.0, 1.0, 1.0, 1.0),
):
    """Returns the proposals of each image, thinned out level by level.

    The best anchors of each level are moved and cut to the image; what then has no extent goes;
    boxes of one level suppress each other; the best of all levels stay.
    Source: Feature Pyramid Networks, section 4.1; torchvision `RegionProposalNetwork`.

    Args:
        logits: float32 `(B, A, 2)` of (background, foreground), or `(B, A, 1)`.
        deltas: float32 `(B, A, 4)`.
        anchors: float32 `(A, 4)`, in the units of the window.
        counts: Anchors of each level, numbers or int32 scalars of a graph; their sum is A.
        pre_nms: Anchors taken by score on each level.
        post_nms: Proposals returned, P.
        iou_threshold: Of the NMS.
        window: float32 `(B, 4)`, the part of the input that holds the image.
        min_size: Least height and width of a box in the window.
        std: Divisors that the deltas carry.

    Returns:
        `(proposals, valid)`: float32 `(B, P, 4)`, best first, zero rows as padding; bool
        `(B, P)`. No gradient flows through them.
    """
    scores, deltas = ops.stop_gradient(objectness(logits)), ops.stop_gradient(deltas)
    orders, existing, levels, start = [], [], [], 0
    for level, count in enumerate(counts):
        order, exist = _best(scores[:, start : start + count], count, pre_nms)
        orders, existing = [*orders, order + start], [*existing, exist]
        levels.append(np.full(order.shape[1], level, np.int32))
        start += count
    order = ops.concatenate(orders, axis=1)
    boxes = apply_deltas(
        ops.take(anchors, order, axis=0),
        ops.take_along_axis(deltas, order[..., None], axis=1),
        std,
    )
    boxes = clip(boxes, window[:, None])
    # Ranked by probability, not by logit, as the origin does: where probabilities round to the
    # same number, the lower level comes first.
    chances = ops.sigmoid(ops.take_along_axis(scores, order, axis=1))
    large = ops.min(boxes[..., 2:] - boxes[..., :2], axis=-1) >= min_size
    valid = ops.logical_and(large, ops.concatenate(existing, axis=1))
    ranked, rank = ops.top_k(ops.where(valid, chances, -ops.ones_like(chances)), order.shape[1])
    boxes = ops.take_along_axis(boxes, rank[..., None], axis=1)
    groups = ops.take(np.concatenate(levels), rank)
    positions, kept = nms(boxes, ranked >= 0, iou_threshold, post_nms, groups=groups)
    proposals = ops.take_along_axis(boxes, positions[..., None], axis=1)
    return ops.where(kept[..., None], proposals, ops.zeros_like(proposals)), kept


def _best(scores, count, limit: int):
    """Returns the positions of the best scores, and which of them exist.

    Args:
        scores: float32 `(B, A)`.
        count: A; an int32 scalar of a graph where it is not known before.
        limit: Positions wanted.

    Returns:
        int32 and bool `(B, K)`, best first. K is `limit`, or A where that is known and less; of
        fewer scores that are not known before, the last positions do not exist.
    """
    if not ops.is_tensor(count):
        _, order = ops.top_k(scores, min(limit, count))
        return ops.cast(order, "int32"), ops.ones_like(order, dtype="bool")
    filling = ops.full((ops.shape(scores)[0], limit), -np.inf, "float32")
    _, order = ops.top_k(ops.concatenate([scores, filling], axis=1), limit)
    order = ops.cast(order, "int32")
    return ops.minimum(order, count - 1), order < count
