"""Regression losses of boxes."""

from __future__ import annotations

from keras import ops

__all__ = ["smooth_l1", "squared_error"]


def smooth_l1(targets, predictions, beta: float = 1.0):
    """Returns `d^2 / (2 beta)` where |d| < beta, and |d| - beta/2 beyond (Fast R-CNN, equation 3).

    Args:
        targets: `(..., 4)`.
        predictions: `(..., 4)`.
        beta: Where the square turns into a line.

    Returns:
        float32 `(..., 4)`.
    """
    gap = ops.abs(ops.cast(targets, "float32") - ops.cast(predictions, "float32"))
    return ops.where(gap < beta, (0.5 / beta) * gap * gap, gap - 0.5 * beta)


def squared_error(targets, predictions):
    """Returns `d^2`, float32 `(..., 4)`, without the factor 1/2."""
    gap = ops.cast(targets, "float32") - ops.cast(predictions, "float32")
    return gap * gap
