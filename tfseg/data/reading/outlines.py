"""What an outline tells before it is drawn: its faults, and how far it reaches."""

from __future__ import annotations

import numpy as np

from tfseg.structures import rle

__all__ = ["FARTHEST", "MaskError", "segmentation_extent"]

# pycocotools walks along each polygon edge pixel by pixel, so a corner at 1e18 would never end.
FARTHEST = 100_000.0


class MaskError(ValueError):
    """A segmentation that cannot be drawn; the message reads on after "the annotation ..."."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def segmentation_extent(segmentation) -> np.ndarray:
    """Returns the box around a checked segmentation, float64 `(y1, x1, y2, x2)` in pixels.

    Of polygons, the extreme corners, without clipping to the image; of run lengths, the
    pixels.
    """
    if isinstance(segmentation, dict):
        return rle.box(segmentation)
    points = segmentation[0] if len(segmentation) == 1 else np.concatenate(segmentation)
    points = points.reshape(-1, 2)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return np.array([y1, x1, y2, x2])
