"""Outlines that annotation tools draw, as polygons in pixels.

Coordinates are continuous: the image's top left corner is (0, 0), the centre of its first
pixel (0.5, 0.5). What a polygon covers is decided as COCO decides it
(`tfseg.structures.rle.from_polygons`).
"""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.coco.coco_masks import checked_segmentation
from tfseg.data.reading.outlines import FARTHEST, MaskError

__all__ = ["checked_points", "ellipse", "polygon", "rectangle"]

_SAGITTA = 0.02  # pixels that a drawn circle may lie inside the true one


def checked_points(points, count: int = 0) -> np.ndarray:
    """Returns corners as float64 `(N, 2)` of `(x, y)`.

    Args:
        points: Pairs of numbers, or of text that spells numbers (VIA 1 writes both).
        count: How many there have to be; 0 for any number above 0.

    Raises:
        MaskError: Something else, another number of points, NaN, or far outside any image.
    """
    try:
        array = np.asarray(points, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise MaskError("bad_mask", "has points that are not pairs of numbers") from None
    if array.ndim != 2 or array.shape[1] != 2:
        raise MaskError("bad_mask", f"has points of shape {array.shape}; expected pairs x, y")
    if count and len(array) != count:
        raise MaskError("bad_mask", f"has {len(array)} points; expected {count}")
    if not np.isfinite(array).all():
        raise MaskError("not_finite", "has NaN or infinity among its points")
    if np.abs(array).max() > FARTHEST:
        far = array.flat[np.abs(array).argmax()]
        raise MaskError("bad_mask", f"has a point at {far:g}, far outside any image")
    return array


def polygon(points) -> np.ndarray:
    """Returns a polygon as flat float64 `x1, y1, x2, y2, ...`.

    Raises:
        MaskError: Fewer than three corners, or see `checked_points`.
    """
    checked, _ = checked_segmentation([checked_points(points).reshape(-1).tolist()], None)
    return checked[0]


def rectangle(points) -> np.ndarray:
    """Returns the upright rectangle between two opposite corners, given in any order.

    Raises:
        MaskError: It has no area, or see `checked_points`.
    """
    first, second = checked_points(points, 2)
    (x1, y1), (x2, y2) = np.minimum(first, second), np.maximum(first, second)
    if x1 == x2 or y1 == y2:
        raise MaskError("zero_box", f"is a rectangle of {y2 - y1:g} x {x2 - x1:g} (height x width)")
    return np.array([x1, y1, x2, y1, x2, y2, x1, y2])


def ellipse(cx: float, cy: float, rx: float, ry: float, theta: float = 0.0) -> np.ndarray:
    """Returns an ellipse as a polygon that lies within 0.02 pixels of it.

    Args:
        cx: Centre, from the left.
        cy: Centre, from the top.
        rx: Radius along the first axis.
        ry: Radius along the second axis.
        theta: Angle of the first axis, in radians, clockwise on the screen.

    Raises:
        MaskError: A radius that is not above 0, or see `checked_points`.
    """
    (cx, cy), (rx, ry), (theta, _) = checked_points([(cx, cy), (rx, ry), (theta, 0)])
    if min(rx, ry) <= 0:
        raise MaskError("zero_box", f"has the radii {rx:g} and {ry:g}; expected numbers above 0")
    steps = math.pi / math.acos(max(1 - _SAGITTA / max(rx, ry), 0.0))
    angles = np.arange(max(math.ceil(steps), 12)) * (2 * math.pi / max(math.ceil(steps), 12))
    along, across = rx * np.cos(angles), ry * np.sin(angles)
    x = cx + along * math.cos(theta) - across * math.sin(theta)
    y = cy + along * math.sin(theta) + across * math.cos(theta)
    return np.stack([x, y], axis=1).reshape(-1)
