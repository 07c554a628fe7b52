"""Box arithmetic on `(y1, x1, y2, x2)`; the last axis holds the coordinates.

Two coordinate systems meet here. *Pixels* have exclusive ends. *Normalised* boxes follow
Matterport's convention, `(box - (0, 0, 1, 1)) / (h - 1, w - 1, h - 1, w - 1)`, so that 0 and 1
are the centres of the first and the last pixel. The weights published for that code have learnt
their regressions in these units, hence the convention stays.
"""

from __future__ import annotations

import numpy as np
from keras import ops

__all__ = [
    "STD",
    "apply_deltas",
    "areas",
    "box_deltas",
    "clip",
    "denormalize",
    "iou_matrix",
    "normalize",
]

STD = (0.1, 0.1, 0.2, 0.2)
"""Standard deviations of `(dy, dx, log dh, log dw)`, as in Faster R-CNN and Matterport."""

_EPSILON = 1e-12


def normalize(boxes, size: tuple[int, int]):
    """Returns boxes in normalised units; works on tensors and on NumPy arrays.

    Args:
        boxes: float `(..., 4)` in pixels of an image of `size`, ends exclusive.
        size: `(height, width)` in pixels; int32 scalars of a graph where it is not known before.
    """
    return (boxes - _shift(boxes)) / _scale(size)


def denormalize(boxes, size: tuple[int, int]):
    """Returns normalised boxes in pixels (not rounded), the inverse of `normalize`."""
    return boxes * _scale(size) + _shift(boxes)


def _scale(size):
    height, width = size
    if any(ops.is_tensor(side) for side in size):
        scale = ops.cast(ops.stack([height, width, height, width]), "float32") - 1
        return ops.maximum(scale, 1.0)
    scale = np.array([height, width, height, width], np.float32) - 1
    return np.maximum(scale, np.float32(1))


def _shift(boxes):
    return np.array([0, 0, 1, 1], np.float32)


def areas(boxes):
    """Returns height times width, `(...,)`; 0 where a box is turned inside out."""
    height = ops.maximum(boxes[..., 2] - boxes[..., 0], 0)
    width = ops.maximum(boxes[..., 3] - boxes[..., 1], 0)
    return height * width


def iou_matrix(first, second):
    """Returns the intersection over union of all pairs.

    Args:
        first: float `(..., N, 4)`.
        second: float `(..., M, 4)` in the same units.

    Returns:
        float `(..., N, M)`; 0 where both boxes are empty.
    """
    a, b = ops.expand_dims(first, -2), ops.expand_dims(second, -3)
    top, left = ops.maximum(a[..., 0], b[..., 0]), ops.maximum(a[..., 1], b[..., 1])
    bottom, right = ops.minimum(a[..., 2], b[..., 2]), ops.minimum(a[..., 3], b[..., 3])
    overlap = ops.maximum(bottom - top, 0) * ops.maximum(right - left, 0)
    union = ops.expand_dims(areas(first), -1) + ops.expand_dims(areas(second), -2) - overlap
    return overlap / ops.maximum(union, _EPSILON)


def box_deltas(boxes, targets, std=STD):
    """Returns the regression that moves `boxes` onto `targets`.

    Args:
        boxes: float `(..., 4)`, anchors or RoIs.
        targets: float `(..., 4)` in the same units.
        std: Divisors of the four components; None leaves them out.

    Returns:
        float `(..., 4)`: `(dy, dx, log dh, log dw) / std`. Boxes without extent give finite,
        meaningless values, since they only occur as padding.
    """
    height, width, y, x = _center_form(boxes)
    target_height, target_width, target_y, target_x = _center_form(targets)
    deltas = ops.stack(
        [
            (target_y - y) / height,
            (target_x - x) / width,
            ops.log(target_height / height),
            ops.log(target_width / width),
        ],
        axis=-1,
    )
    return deltas if std is None else deltas / np.array(std, np.float32)


def _center_form(boxes):
    height = boxes[..., 2] - boxes[..., 0]
    width = boxes[..., 3] - boxes[..., 1]
    y, x = boxes[..., 0] + 0.5 * height, boxes[..., 1] + 0.5 * width
    tiny = 1e-7  # padding has no extent; a division by 0 would poison the gradient with NaN
    return ops.maximum(height, tiny), ops.maximum(width, tiny), y, x


def apply_deltas(boxes, deltas, std=STD):
    """Returns boxes moved by a regression, the inverse of `box_deltas`.

    Log scales are limited to log(1000 / 16) = 4.135, as in Detectron: an untrained network must
    not produce infinite boxes.

    Args:
        boxes: float `(..., 4)`.
        deltas: float `(..., 4)`, as the network predicts them (divided by `std`).
        std: The divisors that `deltas` carry; None if they carry none.
    """
    if std is not None:
        deltas = deltas * np.array(std, np.float32)
    height, width = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    y = boxes[..., 0] + 0.5 * height + deltas[..., 0] * height
    x = boxes[..., 1] + 0.5 * width + deltas[..., 1] * width
    limit = float(np.log(1000.0 / 16.0))
    height = height * ops.exp(ops.minimum(deltas[..., 2], limit))
    width = width * ops.exp(ops.minimum(deltas[..., 3], limit))
    top, left = y - 0.5 * height, x - 0.5 * width
    return ops.stack([top, left, top + height, left + width], axis=-1)


def clip(boxes, window):
    """Returns boxes cut to a window.

    Args:
        boxes: float `(..., 4)`.
        window: float, four numbers or `(..., 4)` that broadcasts against the boxes.
    """
    window = ops.convert_to_tensor(window, dtype=boxes.dtype)
    y1, x1, y2, x2 = (window[..., i] for i in range(4))
    return ops.stack(
        [
            ops.maximum(ops.minimum(boxes[..., 0], y2), y1),
            ops.maximum(ops.minimum(boxes[..., 1], x2), x1),
            ops.maximum(ops.minimum(boxes[..., 2], y2), y1),
            ops.maximum(ops.minimum(boxes[..., 3], x2), x1),
        ],
        axis=-1,
    )
