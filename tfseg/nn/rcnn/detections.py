"""From classified proposals to the final detections."""

from __future__ import annotations

import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import STD, apply_deltas, clip
from tfseg.nn.ops.nms import nms

__all__ = ["detect", "detect_every_class", "thinned"]


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
    """Returns the detections of each image.

    Each proposal speaks for its best class alone; background and low scores go; the rest is moved
    by that class's regression, cut to the window, and thinned out class by class.
    Source: matterport/Mask_RCNN `DetectionLayer`.

    Args:
        proposals: float32 `(B, P, 4)`, normalised.
        valid: bool `(B, P)`.
        probabilities: float32 `(B, P, C)`, class 0 is the background.
        deltas: float32 `(B, P, C, 4)`; None leaves the proposals where they are.
        window: float32 `(B, 4)`, normalised: the part of the input that holds the image.
        limit: Detections per image, D.
        min_score: Lower bound of a detection's score.
        iou_threshold: Of the NMS within a class.
        std: Divisors that the deltas carry.

    Returns:
        `(boxes, class_ids, scores)`: float32 `(B, D, 4)` normalised, int32 `(B, D)`, float32
        `(B, D)`; best first, zeros as padding.
    """
    class_ids = ops.cast(ops.argmax(probabilities, axis=-1), "int32")
    scores = ops.max(probabilities, axis=-1)
    boxes = proposals
    if deltas is not None:
        own = ops.take_along_axis(deltas, class_ids[..., None, None], axis=2)[:, :, 0]
        boxes = apply_deltas(boxes, own, std)
    boxes = clip(boxes, window[:, None])
    counts = ops.logical_and(valid, ops.logical_and(class_ids > 0, scores >= min_score))
    ranked, order = ops.top_k(ops.where(counts, scores, -ops.ones_like(scores)), scores.shape[1])
    boxes = ops.take_along_axis(boxes, order[..., None], axis=1)
    class_ids = ops.take_along_axis(class_ids, order, axis=1)
    return thinned(boxes, class_ids, ranked, iou_threshold, limit)


def detect_every_class(
    proposals,
    valid,
    probabilities,
    deltas,
    window,
    *,
    limit: int,
    min_score: float,
    iou_threshold: float,
    min_size: float,
    std=STD,
):
    """Returns the detections of each image; a proposal may be one of several classes.

    Each class of a proposal that scores above the bound is moved by its own regression, cut to
    the window, dropped if that leaves it without extent, and thinned out class by class.
    Source: Fast R-CNN, section 3.2; torchvision `RoIHeads.postprocess_detections`.

    Args:
        proposals: float32 `(B, P, 4)`, in the units of the window.
        valid: bool `(B, P)`.
        probabilities: float32 `(B, P, C)`, class 0 is the background; they sum to 1.
        deltas: float32 `(B, P, C, 4)`; None leaves the proposals where they are.
        window: float32 `(B, 4)`, the part of the input that holds the image.
        limit: Detections per image, D.
        min_score: A detection scores more than this.
        iou_threshold: Of the NMS within a class.
        min_size: Least height and width of a box in the window.
        std: Divisors that the deltas carry.

    Returns:
        As `detect`.
    """
    count, classes = probabilities.shape[1:]
    scores = ops.reshape(probabilities[..., 1:], (-1, count * (classes - 1)))
    above = ops.logical_and(ops.repeat(valid, classes - 1, axis=1), scores > min_score)
    # Probabilities sum to 1, so that only so many classes of one proposal can reach the bound.
    most = classes - 1 if min_score * (classes - 1) < 1 else int(1 / min_score)
    ranked, order = ops.top_k(ops.where(above, scores, -ops.ones_like(scores)), count * most)
    row, class_ids = order // (classes - 1), ops.cast(order % (classes - 1), "int32") + 1
    boxes = ops.take_along_axis(proposals, row[..., None], axis=1)
    if deltas is not None:
        own = ops.reshape(deltas, (-1, count * classes, 4))
        place = ops.cast(row, "int32") * classes + class_ids
        own = ops.take_along_axis(own, place[..., None], axis=1)
        boxes = apply_deltas(boxes, own, std)
    boxes = clip(boxes, window[:, None])
    large = ops.min(boxes[..., 2:] - boxes[..., :2], axis=-1) >= min_size
    ranked = ops.where(large, ranked, -ops.ones_like(ranked))
    return thinned(boxes, class_ids, ranked, iou_threshold, limit)


def thinned(boxes, class_ids, ranked, iou_threshold: float, limit: int):
    """Returns the best `limit` boxes after NMS within each class, zeros as padding.

    Args:
        boxes: float32 `(B, K, 4)`, best first.
        class_ids: int32 `(B, K)`.
        ranked: float32 `(B, K)`, their scores; below 0 for boxes that do not count.
        iou_threshold: Of the NMS.
        limit: Detections per image.
    """
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
