"""People who stand in front of each other, told by their boxes."""

from __future__ import annotations

import numpy as np

__all__ = ["box_iou", "overlapping"]


def box_iou(boxes: np.ndarray) -> np.ndarray:
    """Returns the intersection over union of each box with each, float64 `(N, N)`; 0 of empty ones.

    Args:
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)`.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(axis=-1)
    areas = np.clip(boxes[:, 2:] - boxes[:, :2], 0, None).prod(axis=-1)
    either = areas[:, None] + areas - inner
    return np.divide(inner, either, out=np.zeros_like(inner), where=either > 0)


def overlapping(boxes: np.ndarray, counted: np.ndarray, iou: float = 0.5) -> np.ndarray:
    """Returns who overlaps somebody, bool `(N,)`: the rule of COCOHUMAN-OC (Li et al., 2018), whose
    pairs overlap by more than 0.5.

    Args:
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)`.
        counted: bool `(N,)`: who can be of a pair, such as people and no crowds.
        iou: Overlap of two boxes from which, exclusive, they are a pair.
    """
    counted = np.asarray(counted, bool)
    near = (box_iou(boxes) > iou) & counted & counted[:, None]
    np.fill_diagonal(near, False)
    return near.any(axis=1)
