"""Arithmetic on `boxes_cxcywh_norm`: `(cx, cy, w, h)` as shares of the unpadded image, as DETR's
heads give them; the last axis holds the coordinates."""

from __future__ import annotations

from keras import ops

__all__ = ["from_corners", "generalized_iou", "to_corners"]

_EPSILON = 1e-12


def to_corners(boxes):
    """Returns `(y1, x1, y2, x2)` in the same unit, float `(..., 4)`."""
    cx, cy, w, h = (boxes[..., place] for place in range(4))
    return ops.stack([cy - 0.5 * h, cx - 0.5 * w, cy + 0.5 * h, cx + 0.5 * w], axis=-1)


def from_corners(boxes):
    """Returns `(cx, cy, w, h)` of `(y1, x1, y2, x2)`, the inverse of `to_corners`."""
    y1, x1, y2, x2 = (boxes[..., place] for place in range(4))
    return ops.stack([0.5 * (x1 + x2), 0.5 * (y1 + y2), x2 - x1, y2 - y1], axis=-1)


def generalized_iou(first, second):
    """Returns `IoU - (hull - union) / hull`, float `(...)` in [-1, 1], where the hull is the
    smallest box around both; it tells boxes that do not overlap by how far they lie apart.

    Source: Rezatofighi et al., Generalized Intersection over Union (2019).

    Args:
        first: float `(..., 4)`, `(cx, cy, w, h)`.
        second: float `(..., 4)` that broadcasts against it. Two boxes without extent in one place
            have 0.
    """
    a, b = to_corners(first), to_corners(second)
    low, high = ops.maximum(a[..., :2], b[..., :2]), ops.minimum(a[..., 2:], b[..., 2:])
    overlap = _area(high - low)
    union = _area(a[..., 2:] - a[..., :2]) + _area(b[..., 2:] - b[..., :2]) - overlap
    low, high = ops.minimum(a[..., :2], b[..., :2]), ops.maximum(a[..., 2:], b[..., 2:])
    hull = _area(high - low)
    gap = (hull - union) / ops.maximum(hull, _EPSILON)
    return overlap / ops.maximum(union, _EPSILON) - gap


def _area(sides):
    sides = ops.maximum(sides, 0.0)
    return sides[..., 0] * sides[..., 1]
