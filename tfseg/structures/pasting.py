"""Small masks over boxes, as pixels of an image: the three ways of pasting that systems have."""

from __future__ import annotations

import numpy as np

__all__ = ["PASTES", "linear_weights", "paste_expanded", "paste_faded", "paste_mask"]
__all__ += ["visible_part"]


def paste_mask(
    probability: np.ndarray,
    box: np.ndarray,
    size: tuple[int, int],
    threshold: float = 0.5,
) -> tuple[np.ndarray, int, int]:
    """Returns the visible part of a small mask stretched over its box: `(crop, top, left)`.

    The box is rounded to whole pixels, the map is resized to it (bilinear, half-pixel centres,
    edges continued) and thresholded. Only the part inside the image is computed, so a box far
    larger than the image costs no more than the image.

    Args:
        probability: float32 `(h, w)`, for instance 28 x 28, over the box.
        box: `(y1, x1, y2, x2)` in pixels of the image, ends exclusive; may reach outside.
        size: `(H, W)` of the image.
        threshold: A pixel at or above it is inside.

    Returns:
        crop: bool `(rows, columns)`, without pixels if the box has no visible ones.
        top: First row of the crop in the image.
        left: First column.
    """
    place = visible_part(box, size)
    if place is None:
        return np.zeros((0, 0), bool), 0, 0
    (y1, x1, y2, x2), (top, left, bottom, right) = place
    probability = np.asarray(probability, np.float32)
    rows = linear_weights(top, bottom, y1, y2, probability.shape[0])
    columns = linear_weights(left, right, x1, x2, probability.shape[1])
    return rows @ probability @ columns.T >= np.float32(threshold), top, left


def visible_part(box: np.ndarray, size: tuple[int, int]) -> tuple | None:
    """Returns a box rounded to whole pixels, and its part inside an image of size `(H, W)`, each
    `(y1, x1, y2, x2)`; None if it shows no pixel."""
    if not np.isfinite(box).all():
        return None
    y1, x1, y2, x2 = (int(v) for v in np.rint(np.asarray(box, np.float64)))
    top, left = max(y1, 0), max(x1, 0)
    bottom, right = min(y2, int(size[0])), min(x2, int(size[1]))
    if bottom <= top or right <= left:
        return None
    return (y1, x1, y2, x2), (top, left, bottom, right)


def linear_weights(
    first: int, last: int, start: int, end: int, count: int, fade: bool = False
) -> np.ndarray:
    """Returns float32 `(last - first, count)`: row i blends the samples that pixel i lies between.

    `count` samples are spread over pixels `start` to `end`. Beyond the outermost ones they go on
    unchanged, and rows sum to 1; with `fade` they are 0 there.
    """
    centres = np.arange(first, last) + 0.5
    place = (centres - start) * (count / (end - start)) - 0.5
    if not fade:
        place = np.clip(place, 0, count - 1)
    return np.maximum(0, 1 - np.abs(place[:, None] - np.arange(count))).astype(np.float32)


def paste_faded(
    probability: np.ndarray,
    box: np.ndarray,
    size: tuple[int, int],
    threshold: float = 0.5,
) -> tuple[np.ndarray, int, int]:
    """Returns the visible part of a small mask stretched over its box: `(crop, top, left)`.

    As `paste_mask`, but what lies beyond the map counts as 0, so that
    the outermost pixels of a large box need more than one half; never less than the map's lowest
    value.
    """
    place = visible_part(box, size)
    if place is None:
        return np.zeros((0, 0), bool), 0, 0
    (y1, x1, y2, x2), (top, left, bottom, right) = place
    probability = np.asarray(probability, np.float32)
    rows = linear_weights(top, bottom, y1, y2, probability.shape[0], fade=True)
    columns = linear_weights(left, right, x1, x2, probability.shape[1], fade=True)
    values = np.maximum(rows @ probability @ columns.T, probability.min())
    return values >= np.float32(threshold), top, left


def paste_expanded(
    probability: np.ndarray,
    box: np.ndarray,
    size: tuple[int, int],
    threshold: float = 0.5,
) -> tuple[np.ndarray, int, int]:
    """Returns the visible part of a small mask stretched over its box: `(crop, top, left)`.

    An empty border of one cell is put around the map, the box grows with it and is cut to whole
    pixels, its last row and column included; so a mask may fade out beyond its box.
    Source: torchvision `paste_masks_in_image`.

    Args:
        probability: float32 `(m, m)` over the box.
        box: `(y1, x1, y2, x2)` in pixels of the image; may reach outside.
        size: `(H, W)` of the image.
        threshold: A pixel above it is inside.

    Returns:
        As `paste_mask`.
    """
    nothing = np.zeros((0, 0), bool)
    if not np.isfinite(box).all():
        return nothing, 0, 0
    probability = np.pad(np.asarray(probability, np.float32), 1)
    cells = probability.shape[0]
    # In single precision, as the source: another rounding could fall on another pixel.
    box = np.asarray(box, np.float32)
    half = (box[2:] - box[:2]) * np.float32(0.5) * np.float32(cells / (cells - 2))
    centre = (box[2:] + box[:2]) * np.float32(0.5)
    # The conversion to whole numbers cuts towards 0, so that numbers beyond int64 must not come.
    limit = np.float32(2**30)
    start = np.clip(centre - half, -limit, limit).astype(np.int64)
    end = np.clip(centre + half, -limit, limit).astype(np.int64) + 1
    first, last = np.maximum(start, 0), np.minimum(end, size)
    if (last <= first).any():
        return nothing, int(min(first[0], size[0])), int(min(first[1], size[1]))
    end = np.maximum(end, start + 1)
    rows = linear_weights(first[0], last[0], start[0], end[0], cells)
    columns = linear_weights(first[1], last[1], start[1], end[1], cells)
    inside = rows @ probability @ columns.T > np.float32(threshold)
    return inside, int(first[0]), int(first[1])


PASTES = {"box": paste_mask, "faded": paste_faded, "expanded": paste_expanded}
"""Name of a way of pasting, as in the settings of a system, to its function."""
