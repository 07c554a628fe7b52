"""From classified proposals to the final detections."""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import STD, apply_deltas, clip
from tfseg.nn.ops.nms import nms

__all__ = ["detect"]


def detect(
    proposals,
    valid,
    probabilities,
    deltas,
    window,
    *,
    limit: int,
    min_score: float,
    iou_threshold: float,
    std=STD,
):
    """Returns the detections of each picture.

    Each proposal speaks for its best class alone; background and low scores go; the rest is moved
    by that class's regression, cut to the window, and thinned out class by class.
    Source: matterport/Mask_RCNN `DetectionLayer`.

    Args:
        proposals: float32 `(B, P, 4)`, normalised.
        valid: bool `(B, P)`.
        probabilities: float32 `(B, P, C)`, class 0 is the background.
        deltas: float32 `(B, P, C, 4)`.
        window: float32 `(B, 4)`, normalised: the part of the input that holds the picture.
        limit: Detections per picture, D.
        min_score: Lower bound of a detection's score.
        iou_threshold: Of the suppression within a class.
        std: Divisors that the deltas carry.

    Returns:
        `(boxes, class_ids, scores)`: float32 `(B, D, 4)` normalised, int32 `(B, D)`, float32
        `(B, D)`; best first, zeros as padding.
    """
    class_ids = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
    scores = ops.max(probabilities, axis=-1)
    own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
    boxes = clip(apply_deltas(proposals, own, std), window[:, None])
    counts = ops.logical_and(valid, ops.logical_and(class_ids > 0, scores >= min_score))
    ranked, order = ops.top_k(ops.where(counts, scores, -ops.ones_like(scores)), scores.shape[1])
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    class_ids = ops.take_along_axis(class_ids, order, axis=1)
    positions, kept = nms(boxes, ranked >= 0, iou_threshold, limit, groups=class_ids)
    boxes = ops.take_along_axis(boxes, positions[..., None], axis=1)
    class_ids = ops.take_along_axis(class_ids, positions, axis=1)
    scores = ops.take_along_axis(ranked, positions, axis=1)
    zero = np.float32(0)
    return (
        ops.where(kept[..., None], boxes, zero),
        ops.where(kept, class_ids, 0),
        ops.where(kept, scores, zero),
    )
