"""The convex hull of points as a mask."""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2

__all__ = ["hull_mask"]


def hull_mask(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the filled hull of points, bool `(H, W)`: a line of two points, a pixel of one;
    nothing without points.

    Args:
        points: float `(K, 2)`, x and y, pixel centres at whole numbers.
        size: `(H, W)` of the image.
    """
    mask = np.zeros(size, np.uint8)
    if len(points):
        # OpenCV draws with 16 bits; what lies far outside adds nothing inside.
        near = np.clip(np.asarray(points, np.float64), -8000, 8000)
        hull = cv2.convexHull(np.rint(near).astype(np.int32)[:, None])
        cv2.fillConvexPoly(mask, hull, 1)
    return mask.astype(bool)
