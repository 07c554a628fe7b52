"""The loss of boxes that overlap too little."""

from __future__ import annotations

from keras import ops

from tfseg.nn.ops.boxes import areas

__all__ = ["box_iou", "iou_loss"]

_LEAST = 1e-6


def box_iou(first, second):
    """Returns the IoU of boxes pair by pair, float32 `(...)`; 0 where both have no area.

    Args:
        first: float32 `(..., 4)`, `(y1, x1, y2, x2)`.
        second: The same, in the same units.
    """
    first, second = ops.cast(first, "float32"), ops.cast(second, "float32")
    low = ops.maximum(first[..., :2], second[..., :2])
    high = ops.minimum(first[..., 2:], second[..., 2:])
    shared = ops.prod(ops.maximum(high - low, 0.0), axis=-1)
    either = areas(first) + areas(second) - shared
    return shared / ops.maximum(either, 1e-12)


def iou_loss(targets, predictions):
    """Returns `-ln(IoU)`, float32 `(...)`, at most 13.8: an IoU below 1e-6 counts as that.

    Source: Yu et al., UnitBox (2016); in continuous coordinates, without adding 1 to lengths.

    Args:
        targets: float32 `(..., 4)`, `(y1, x1, y2, x2)`.
        predictions: The same, in the same units.
    """
    return -ops.log(ops.maximum(box_iou(targets, predictions), _LEAST))
