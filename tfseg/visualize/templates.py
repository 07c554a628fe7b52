"""Pose templates side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfseg.visualize.gallery import grid
from tfseg.visualize.skeleton import draw_skeletons

__all__ = ["draw_templates"]

_COLOUR = (90, 150, 255)


def draw_templates(
    joints: np.ndarray, captions: Sequence[str] | None = None, side: int = 256
) -> np.ndarray:
    """Returns each template as a skeleton in its square, uint8 `(H, W, 3)`.

    Args:
        joints: float `(T, 17, 3)`, x and y in the unit square and visibility, 0 for joints that
            are not drawn.
        captions: A line below each; None numbers them.
        side: Of a square in pixels.
    """
    squares = []
    for one in np.asarray(joints, np.float64):
        square = np.full((side, side, 3), 245, np.uint8)
        square[[0, -1]] = square[:, [0, -1]] = 190
        points = one.copy()
        points[:, :2] *= side
        points[:, 2] = np.where(points[:, 2] > 0, 2, 0)
        draw_skeletons(square, points[None], np.array([_COLOUR], np.uint8), 2)
        squares.append(square)
    names = [f"template {number}" for number in range(len(squares))]
    return grid(squares, captions or names)
