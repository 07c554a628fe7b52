"""From anchors to proposals: the best anchors, moved, cut to the picture, and thinned out."""

from __future__ import annotations

from keras import ops

from tfseg.nn.ops.boxes import STD, apply_deltas, clip
from tfseg.nn.ops.nms import nms

__all__ = ["propose"]


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
    """Returns the proposals of each picture.

    Source: Faster R-CNN section 3.3; matterport/Mask_RCNN `ProposalLayer` (no minimum size).

    Args:
        logits: float32 `(B, A, 2)` of (background, foreground).
        deltas: float32 `(B, A, 4)`.
        anchors: float32 `(A, 4)`, normalised.
        pre_nms: Anchors taken by score.
        post_nms: Proposals returned, P.
        iou_threshold: Of the suppression.
        window: Boxes are cut to it.
        std: Divisors that the deltas carry.

    Returns:
        `(proposals, valid)`: float32 `(B, P, 4)`, normalised, best first, zero rows as padding;
        bool `(B, P)`. No gradient flows through them.
    """
    logits, deltas = ops.stop_gradient(logits), ops.stop_gradient(deltas)
    # The foreground's probability grows with this difference, so the order is the same.
    scores = logits[..., 1] - logits[..., 0]
    count = min(pre_nms, anchors.shape[0])
    _, order = ops.top_k(scores, count)
    chosen = ops.take_along_axis(deltas, order[..., None], axis=1)
    boxes = apply_deltas(ops.take(anchors, order, axis=0), chosen, std)
    boxes = clip(boxes, window)
    valid = ops.ones_like(order, dtype="bool")
    positions, kept = nms(boxes, valid, iou_threshold, post_nms)
    proposals = ops.take_along_axis(boxes, positions[..., None], axis=1)
    return ops.where(kept[..., None], proposals, ops.zeros_like(proposals)), kept
