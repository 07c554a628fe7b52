"""Regression losses of boxes."""

from __future__ import annotations

from keras import ops

__all__ = ["smooth_l1", "squared_error"]


def smooth_l1(targets, predictions):
    """Returns `d^2 / 2` where |d| < 1, and |d| - 1/2 beyond (Fast R-CNN, equation 3).

    Args:
        targets: `(..., 4)`.
        predictions: `(..., 4)`.

    Returns:
        float32 `(..., 4)`.
    """
    gap = ops.abs(ops.cast(targets, "float32") - ops.cast(predictions, "float32"))
    return ops.where(gap < 1, 0.5 * gap * gap, gap - 0.5)


def squared_error(targets, predictions):
    """Returns `d^2`, float32 `(..., 4)`, without the factor 1/2."""
    gap = ops.cast(targets, "float32") - ops.cast(predictions, "float32")
    return gap * gap
