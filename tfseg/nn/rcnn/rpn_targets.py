"""What the region proposal network should say about each anchor."""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

from tfseg.nn.ops.boxes import STD, box_deltas, iou_matrix
from tfseg.nn.ops.sampling import keep_at_most
from tfseg.nn.targets.iou_matcher import match_anchors

__all__ = ["RPNTargets", "crowd_overlap", "rpn_targets"]


class RPNTargets(NamedTuple):
    """Targets of all anchors.

    Attributes:
        match: int32 `(B, A)`: 1 object, -1 background, 0 left out.
        deltas: float32 `(B, A, 4)`, divided by the standard deviations; meaningful where 1.
    """

    match: object
    deltas: object


def crowd_overlap(iou, class_ids):
    """Returns the highest IoU with a crowd region, `(B, N)`, from IoU `(B, N, G)`."""
    crowd = (class_ids < 0)[:, None, :]
    return ops.max(ops.where(crowd, iou, ops.zeros_like(iou)), axis=2)


def rpn_targets(anchors, boxes, class_ids, *, count: int = 256, seed=None, std=STD) -> RPNTargets:
    """Returns the targets: matches by overlap, then a random subset of `count` anchors.

    At most half of them are positive; a surplus of either kind becomes neutral.
    Source: Faster R-CNN section 3.1.2; matterport/Mask_RCNN `build_rpn_targets`.

    Args:
        anchors: float32 `(A, 4)` in pixels.
        boxes: float32 `(B, G, 4)` in pixels, zero rows as padding.
        class_ids: int32 `(B, G)`: above 0 an object, 0 padding, below 0 a crowd region.
        count: Anchors per image that take part in the losses.
        seed: See `tfseg.nn.ops.sampling.choose`.
        std: Divisors of the deltas.
    """
    iou = iou_matrix(ops.convert_to_tensor(anchors)[None], boxes)
    matches = match_anchors(iou, class_ids > 0, crowd_overlap(iou, class_ids))
    positive = keep_at_most(matches.positive, count // 2, seed)
    used = ops.sum(ops.cast(positive, "int32"), axis=1)
    negative = keep_at_most(matches.negative, count - used, seed)
    match = ops.cast(positive, "int32") - ops.cast(negative, "int32")
    truth = ops.take_along_axis(boxes, matches.index[..., None], axis=1)
    deltas = box_deltas(ops.convert_to_tensor(anchors)[None], truth, std)
    deltas = ops.where(positive[..., None], deltas, ops.zeros_like(deltas))
    return RPNTargets(ops.stop_gradient(match), ops.stop_gradient(deltas))
