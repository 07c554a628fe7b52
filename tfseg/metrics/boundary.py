"""How well the outlines of a class map lie on the true ones."""

from __future__ import annotations

import math

import numpy as np

from tfseg.errors import ConfigError
from tfseg.structures.semantic import IGNORED

__all__ = ["boundary_pixels", "boundary_scores"]


def boundary_pixels(classes: np.ndarray, counted: np.ndarray) -> np.ndarray:
    """Returns the pixels on a boundary, bool `(H, W)`: those of which one of the four neighbours
    has another class. Both sides of a boundary are taken, so it is two pixels wide. A pixel that
    is not counted is no boundary and makes none; nor does the image's frame.

    Args:
        classes: int `(H, W)`.
        counted: bool `(H, W)`, False for pixels to ignore.
    """
    edge = np.zeros(classes.shape, bool)
    for one, other in (
        ((slice(None, -1), slice(None)), (slice(1, None), slice(None))),
        ((slice(None), slice(None, -1)), (slice(None), slice(1, None))),
    ):
        differ = (classes[one] != classes[other]) & counted[one] & counted[other]
        edge[one] |= differ
        edge[other] |= differ
    return edge


def boundary_scores(
    truth: np.ndarray, predicted: np.ndarray, width: float = 2
) -> tuple[float, float, float]:
    """Returns `(precision, recall, f)` of the predicted boundary of one image.

    Precision is the share of predicted boundary pixels with a true one at most `width` pixels
    away (Euclidean, between pixel centres), recall the share of true ones with a predicted one
    that near, F their harmonic mean. Any class change is a boundary, whichever the classes.

    A share of nothing is NaN: precision without a predicted, recall without a true boundary. F is
    NaN if there is neither, and 0 if there is only one of them. Where ignored pixels keep all
    classes of the truth apart, as the void rims of PASCAL VOC do, nothing says where its boundary
    is, and all three are NaN.

    Args:
        truth: int `(H, W)`; where it is 255, neither of the two has a boundary.
        predicted: int `(H, W)`.
        width: The distance, 0 or more.
    """
    if not 0 <= width < math.inf:
        raise ConfigError(f"boundary_width: expected a number of pixels from 0 up, got {width!r}.")
    counted = truth != IGNORED
    true_edge, found_edge = boundary_pixels(truth, counted), boundary_pixels(predicted, counted)
    if not true_edge.any() and len(np.unique(truth[counted])) > 1:
        return math.nan, math.nan, math.nan
    precision = _share_near(found_edge, true_edge, width)
    recall = _share_near(true_edge, found_edge, width)
    if math.isnan(precision) and math.isnan(recall):
        return precision, recall, math.nan
    if math.isnan(precision) or math.isnan(recall) or precision + recall == 0:
        return precision, recall, 0.0
    return precision, recall, 2 * precision * recall / (precision + recall)


def _share_near(points: np.ndarray, others: np.ndarray, width: float) -> float:
    """Returns the share of the points that have another within reach; NaN without points."""
    rows, columns = np.nonzero(points)
    if not len(rows):
        return math.nan
    reach = math.floor(width)
    padded = np.pad(others, reach)
    near = np.zeros(len(rows), bool)
    for down in range(-reach, reach + 1):
        for right in range(-reach, reach + 1):
            if down * down + right * right <= width * width:
                near |= padded[rows + reach + down, columns + reach + right]
    return float(near.mean())
