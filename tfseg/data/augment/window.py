"""A rectangle of an image, at any place, size and turn, as an image of a fixed size.

The rectangle is shown through one affine map. Where the image shrinks it is reduced with a
low-pass filter first (`tfseg.geometry.shrink`); what lies outside it is black. Coordinates count
from the image's corner, so the centre of the first pixel is (0.5, 0.5).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tfseg.data.augment.pixel_source import PixelSource
from tfseg.geometry.shrink import resize_image
from tfseg.opencv import cv2

__all__ = ["Window"]


@dataclasses.dataclass(frozen=True)
class Window:
    """What part of an image is shown.

    Attributes:
        centre: `(y, x)` of the rectangle's centre, pixels of the image.
        size: `(height, width)` of the rectangle, pixels of the image.
        canvas: `(rows, columns)` of the image made.
        turn: How far the content is turned clockwise, degrees.
        mirrored: Whether left and right change places.
    """

    centre: tuple[float, float]
    size: tuple[float, float]
    canvas: tuple[int, int]
    turn: float = 0.0
    mirrored: bool = False

    def matrix(self) -> np.ndarray:
        """Returns the affine map from the canvas to the image, float64 `(2, 3)` for `(x, y, 1)`."""
        (rows, columns), (height, width) = self.canvas, self.size
        across, down = width / columns, height / rows
        angle = math.radians(self.turn)
        cosine, sine = math.cos(angle), math.sin(angle)
        side = -1.0 if self.mirrored else 1.0
        linear = np.array(
            [[side * across * cosine, down * sine], [-side * across * sine, down * cosine]]
        )
        centre = np.array(self.centre[::-1]) - linear @ (columns / 2, rows / 2)
        return np.column_stack([linear, centre])

    def image(self, image: np.ndarray) -> np.ndarray:
        """Returns what the window shows of an image, uint8 `(rows, columns, 3)`."""
        matrix = self.matrix()
        shrink = [max(1.0, big / small) for big, small in zip(self.size, self.canvas)]
        if max(shrink) > 1:
            small = [max(1, round(side / by)) for side, by in zip(image.shape[:2], shrink)]
            scale = [new / old for new, old in zip(small, image.shape[:2])]
            image = resize_image(image, tuple(small))
            matrix = matrix * np.array(scale[::-1])[:, None]
        matrix = _between_centres(matrix)
        return cv2.warpAffine(
            np.ascontiguousarray(image),
            matrix,
            self.canvas[::-1],
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_CONSTANT,
        )

    def source(self, size: tuple[int, int]) -> PixelSource:
        """Returns which pixel of an image `(H, W)` each pixel of the canvas shows."""
        rows, columns = self.canvas
        y, x = np.mgrid[:rows, :columns] + 0.5
        matrix = self.matrix()
        found = [np.floor(a * x + b * y + c).astype(np.int32) for a, b, c in matrix[::-1]]
        inside = np.ones(self.canvas, bool)
        for place, side in zip(found, size):
            inside &= (place >= 0) & (place < side)
        field = np.stack(found, axis=-1) + 1
        field[~inside] = 0
        return PixelSource(field, size)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Returns where points of the image lie on the canvas, float64 `(M, 2)` of `(x, y)`."""
        matrix = self.matrix()
        return np.linalg.solve(matrix[:, :2], (np.asarray(points, np.float64) - matrix[:, 2]).T).T


def _between_centres(matrix: np.ndarray) -> np.ndarray:
    """Returns a map of coordinates that count from corners as OpenCV's, which count from the
    first pixel's centre."""
    moved = matrix.copy()
    moved[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
    return moved
