"""Boxes that the cells of a region vote for, and their average weighted by a coarse mask.

Source: Chen et al., Accurate instance segmentation via collaborative learning (2022), equations 8
and 9. Boxes are `(y1, x1, y2, x2)` in any unit; offsets `(l, t, r, b)` are distances from a cell's
centre to the four edges, in widths and heights of the region.
"""

from __future__ import annotations

import numpy as np
from keras import ops

__all__ = ["cell_centers", "offset_targets", "vote_average", "vote_boxes", "vote_weights"]

_NOTHING = 1e-6
"""A sum of weights below it says nothing: the region stays as it is."""


def cell_centers(rois, cells: int):
    """Returns the centres of the cells of each region, float32 `(..., n, n)` of y and of x.

    Args:
        rois: float32 `(..., 4)`.
        cells: Rows and columns of cells, n.
    """
    share = (np.arange(cells, dtype=np.float32) + 0.5) / cells
    y1, x1, y2, x2 = (rois[..., i, None, None] for i in range(4))
    ones = np.ones((cells, cells), np.float32)
    return (y1 + (y2 - y1) * (share[:, None] * ones), x1 + (x2 - x1) * (share[None] * ones))


def vote_boxes(rois, offsets):
    """Returns the box that each cell votes for, float32 `(..., n, n, 4)`, equation 8.

    Args:
        rois: float32 `(..., 4)`.
        offsets: float32 `(..., n, n, 4)`, left, top, right, bottom.
    """
    y, x = cell_centers(rois, offsets.shape[-2])
    height = (rois[..., 2] - rois[..., 0])[..., None, None]
    width = (rois[..., 3] - rois[..., 1])[..., None, None]
    left, top, right, bottom = (offsets[..., i] for i in range(4))
    return ops.stack(
        [y - height * top, x - width * left, y + height * bottom, x + width * right], axis=-1
    )


def offset_targets(rois, boxes, cells: int):
    """Returns the offsets with which every cell votes for `boxes`, float32 `(..., n, n, 4)`; below
    0 at cells outside of the box.

    Args:
        rois: float32 `(..., 4)`, of positive extent.
        boxes: float32 `(..., 4)`.
        cells: Rows and columns of cells, n.
    """
    y, x = cell_centers(rois, cells)
    height = (rois[..., 2] - rois[..., 0])[..., None, None]
    width = (rois[..., 3] - rois[..., 1])[..., None, None]
    y1, x1, y2, x2 = (boxes[..., i, None, None] for i in range(4))
    return ops.stack(
        [(x - x1) / width, (y - y1) / height, (x2 - x) / width, (y2 - y) / height], axis=-1
    )


def pooled(masks, cells: int):
    """Returns the mean of a mask over each cell, float32 `(..., n, n)`.

    Args:
        masks: float32 `(..., m, m)`, m a multiple of n.
        cells: Rows and columns of cells, n.
    """
    side = masks.shape[-1] // cells
    lead = ops.shape(masks)[:-2]
    blocks = ops.reshape(ops.cast(masks, "float32"), (*lead, cells, side, cells, side))
    return ops.mean(blocks, axis=(-3, -1))


def vote_weights(masks, cells: int, threshold: float = 0.5):
    """Returns the weight of each cell's vote, float32 `(..., n, n)`: the mean of the coarse mask
    where it is above the threshold, 0 elsewhere; where no cell of a region is above it, the mean
    everywhere.

    Args:
        masks: float32 `(..., m, m)`, the coarse mask's probabilities.
        cells: Rows and columns of cells, n; m is a multiple of it.
        threshold: A cell counts above it, not at it.
    """
    share = pooled(masks, cells)
    sure = share > threshold
    some = ops.any(sure, axis=(-2, -1), keepdims=True)
    return ops.where(ops.logical_or(sure, ops.logical_not(some)), share, 0.0)


def vote_average(rois, votes, weights):
    """Returns the weighted mean of the voted boxes, edge by edge, float32 `(..., 4)`, equation 9.

    Args:
        rois: float32 `(..., 4)`, returned where the weights of a region add up to nothing.
        votes: float32 `(..., n, n, 4)`.
        weights: float32 `(..., n, n)`.
    """
    total = ops.sum(weights, axis=(-2, -1))[..., None]
    mean = ops.sum(weights[..., None] * votes, axis=(-3, -2)) / ops.maximum(total, _NOTHING)
    return ops.where(total < _NOTHING, ops.cast(rois, mean.dtype), mean)
