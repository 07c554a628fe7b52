"""The steps of a two-stage network whose rules the settings choose: anchors, proposals,
detections.

Two units of boxes meet here. Everything between anchors and detections is in the units that
boxes are regressed in, `config.box_units`; what enters and leaves the network is in pixels.

The shape of the network's input is `(H, W)`: two numbers, or two int32 scalars in a graph for
images of all sizes.
"""

from __future__ import annotations

import functools

import numpy as np
from keras import ops

from tfseg.models.two_stage.region_settings import RegionSettings
from tfseg.nn.ops.anchors import level_shapes, pyramid_anchors
from tfseg.nn.ops.boxes import denormalize, normalize
from tfseg.nn.ops.roi_align import quicker_method, roi_align, roi_levels
from tfseg.nn.rcnn.detections import detect, detect_every_class
from tfseg.nn.rcnn.proposals import propose, propose_per_level

__all__ = [
    "STRIDES",
    "align",
    "anchors",
    "detections",
    "image_shape",
    "is_open",
    "level_counts",
    "levels_of",
    "proposals",
    "to_pixels",
    "to_units",
    "whole",
]

STRIDES = (4, 8, 16, 32, 64)
# Least sides in pixels below which a box is nothing, as torchvision has them.
_MIN_PROPOSAL, _MIN_DETECTION = 1e-3, 1e-2


def anchors(config: RegionSettings, image_shape: tuple[int, int]):
    """Returns the anchors of an input of that shape, float32 `(A, 4)` in pixels.

    Order: level, row, column, ratio. They are computed once for each shape and read-only, or are
    tensors as the shape is.
    """
    make = _computed if is_open(image_shape) else _anchors
    return make(
        tuple(image_shape),
        config.anchor_scales,
        config.anchor_ratios,
        config.anchor_stride,
        config.anchor_rounding,
    )


def _computed(image_shape, scales, ratios, stride, rounded):
    return pyramid_anchors(
        image_shape, scales, ratios, STRIDES, anchor_stride=stride, rounded=rounded
    )


@functools.lru_cache(maxsize=32)
def _anchors(*settings) -> np.ndarray:
    made = _computed(*settings)
    made.flags.writeable = False
    return made


def image_shape(levels) -> tuple[int, int]:
    """Returns `(H, W)` of the input that the levels P2, P3, ... were computed from: numbers, or
    int32 scalars where they are not known beforehand."""
    _, height, width, _ = ops.shape(levels[0])
    return 4 * height, 4 * width


def is_open(image_shape) -> bool:
    """True where a shape is known only when the graph runs."""
    return any(ops.is_tensor(side) for side in image_shape)


def whole(image_shape):
    """Returns the window over all of an input, float32 `(4,)` in pixels."""
    if is_open(image_shape):
        return ops.cast(ops.stack([0, 0, *image_shape]), "float32")
    return np.array([0, 0, *image_shape], np.float32)


def level_counts(config: RegionSettings, image_shape) -> list[tuple[int, int, int]]:
    """Returns `(rows, columns, ratios)` of the anchors on each level, in the anchors' order."""
    step, ratios = config.anchor_stride, len(config.anchor_ratios)
    shapes = level_shapes(image_shape, STRIDES)
    return [(-(-rows // step), -(-columns // step), ratios) for rows, columns in shapes]


def to_units(config: RegionSettings, boxes, image_shape: tuple[int, int]):
    """Returns boxes `(..., 4)` in pixels in the units of `config.box_units`."""
    return boxes if config.box_units == "pixels" else normalize(boxes, image_shape)


def to_pixels(config: RegionSettings, boxes, image_shape: tuple[int, int]):
    """Returns boxes `(..., 4)` in pixels, the inverse of `to_units`."""
    return boxes if config.box_units == "pixels" else denormalize(boxes, image_shape)


def _least(config, pixels: float, image_shape):
    if config.box_units == "pixels":
        return pixels
    if is_open(image_shape):
        return ops.cast(pixels / ops.cast(ops.max(ops.stack(image_shape)), "float64"), "float32")
    return pixels / max(image_shape)


def proposals(config: RegionSettings, logits, deltas, image_shape, window, count, pre_nms):
    """Returns `(proposals, valid)` by `config.proposal_rule`, see `tfseg.nn.rcnn.proposals`.

    Args:
        config: Rule, limits and threshold.
        logits: float32 `(B, A, 1 or 2)`.
        deltas: float32 `(B, A, 4)`.
        image_shape: `(H, W)` of the network's input.
        window: float32 `(B, 4)` in pixels; "pooled" cuts at the whole input instead, as its origin.
        count: Proposals per image.
        pre_nms: Anchors taken by score, of all levels or of each.
    """
    places = to_units(config, anchors(config, image_shape), image_shape)
    common = dict(
        pre_nms=pre_nms,
        post_nms=count,
        iou_threshold=config.rpn_nms_threshold,
        std=config.rpn_std,
    )
    if config.proposal_rule == "pooled":
        edges = to_units(config, whole(image_shape), image_shape)
        return propose(logits, deltas, places, window=edges, **common)
    counts = [
        rows * columns * ratios for rows, columns, ratios in level_counts(config, image_shape)
    ]
    return propose_per_level(
        logits,
        deltas,
        places,
        counts=counts,
        window=to_units(config, window, image_shape),
        min_size=_least(config, _MIN_PROPOSAL, image_shape),
        **common,
    )


def align(config: RegionSettings, levels, boxes, image_shape, size: int):
    """Returns the features of P2 to P5 under boxes, `(B, N, size, size, D)`.

    Args:
        config: Units and sampling.
        levels: P2, P3, ...
        boxes: float32 `(B, N, 4)` in the units of `config.box_units`.
        image_shape: `(H, W)` of the network's input.
        size: Rows and columns of the result.
    """
    boxes = _in_roi_units(config, boxes, image_shape)
    method = "auto"
    if is_open(image_shape):
        method = quicker_method([side // STRIDES[0] for side in config.canvas])
    return roi_align(levels[:4], boxes, image_shape, size, method=method, **config.roi_sampling)


def levels_of(config: RegionSettings, boxes, image_shape):
    """Returns the pyramid level that each box's features come from, int32 `(..., )` from 2 to 5;
    boxes as in `align`."""
    boxes, sampling = _in_roi_units(config, boxes, image_shape), config.roi_sampling
    return roi_levels(boxes, image_shape, units=sampling["units"], rule=sampling["level_rule"])


def _in_roi_units(config, boxes, image_shape):
    """Returns boxes in the units of `config.box_units` in those that features are taken in."""
    if config.roi_sampling["units"] == "pixels":
        return to_pixels(config, boxes, image_shape)
    return normalize(boxes, image_shape) if config.box_units == "pixels" else boxes


def detections(
    config: RegionSettings,
    rois,
    valid,
    probabilities,
    deltas,
    image_shape,
    window,
    min_score=None,
):
    """Returns `(boxes, class_ids, scores)` by `config.detection_rule`.

    Args:
        config: Rule, limits and threshold.
        rois: float32 `(B, P, 4)` in the units of `config.box_units`, as are the boxes returned.
        valid: bool `(B, P)`.
        probabilities: float32 `(B, P, C)`.
        deltas: float32 `(B, P, C, 4)`.
        image_shape: `(H, W)` of the network's input.
        window: float32 `(B, 4)` in pixels, where the image lies.
        min_score: float32 `(B,)`, a bound of each image beside `config.score_floor`, or None.
    """
    if min_score is not None:
        # What is not returned takes no part: in NMS the lower score loses.
        min_score = ops.cast(min_score, "float32")[:, None]
        sure = ops.max(probabilities[..., 1:], axis=-1) >= min_score
        valid = ops.logical_and(valid, sure)
    common = dict(
        limit=config.max_detections,
        min_score=config.score_floor,
        iou_threshold=config.detection_nms_threshold,
    )
    window = to_units(config, window, image_shape)
    if config.detection_rule == "best_class":
        found = detect(rois, valid, probabilities, deltas, window, **common)
    else:
        common["min_size"] = _least(config, _MIN_DETECTION, image_shape)
        found = detect_every_class(rois, valid, probabilities, deltas, window, **common)
    if min_score is None:
        return found
    boxes, class_ids, scores = found
    sure = scores >= min_score
    return (
        ops.where(sure[..., None], boxes, ops.zeros_like(boxes)),
        ops.where(sure, class_ids, 0),
        ops.where(sure, scores, ops.zeros_like(scores)),
    )
