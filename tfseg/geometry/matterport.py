"""Fitting into the square, and back, to the numbers of matterport/Mask_RCNN.

The places are those of `SquareResize`; three things differ by fractions of a pixel or of a grey
value. That program resizes by scikit-image, which sees black beyond the image's edge and cuts
grey values off where OpenCV rounds; it leads boxes back over `size - 1` pixels; and its masks fade
out at the edge of their box. Sources: its `utils.resize_image`, `model.unmold_detections`,
`utils.unmold_mask`; scikit-image 0.19 `transform.resize(order=1, mode="constant")`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.geometry.resize import ResizePlan, SquareResize

__all__ = ["MatterportPlan", "MatterportResize"]

# Far below the distance between two results of such weights, and above what rounding makes of a
# result that is a whole number.
_ROUNDING = 1e-8


class MatterportResize(SquareResize):
    """A `SquareResize` whose plans compute as matterport/Mask_RCNN does."""

    def plan(self, size: tuple[int, int]) -> MatterportPlan:
        """Returns the plan for one image size `(H, W)`; see `SquareResize.plan`."""
        plan = super().plan(size)
        return MatterportPlan(**{f.name: getattr(plan, f.name) for f in dataclasses.fields(plan)})


class MatterportPlan(ResizePlan):
    """A `ResizePlan` with that program's pixels and boxes; masks and points are ours."""

    def image(self, image: np.ndarray) -> np.ndarray:
        """Returns the image in the square, same dtype, `(side, side, D)`, zeros around it.

        Args:
            image: uint8 or float32 `(H, W, D)`; only whole numbers are cut off.
        """
        self._check("image", image.shape[:2])
        y1, x1, y2, x2 = self.window
        square = np.zeros((*self.canvas, *image.shape[2:]), image.dtype)
        if self.resized == self.original:
            square[y1:y2, x1:x2] = image
            return square
        resized = _blend(_blend(image, self.resized[0], 0), self.resized[1], 1)
        if np.issubdtype(image.dtype, np.integer):
            resized += _ROUNDING
        square[y1:y2, x1:x2] = np.clip(resized, image.min(), image.max())
        return square

    def undo_boxes(self, boxes: np.ndarray, clip: bool = False) -> np.ndarray:
        """Returns boxes of the square in pixels of the image, float32 `(N, 4)`.

        First and last pixels of a box are scaled by `(size - 1) / (resized - 1)`: the result
        differs from that of `ResizePlan` by less than a pixel of the smaller of the two.

        Args:
            boxes: float32 `(N, 4)` `(y1, x1, y2, x2)` in pixels of the square.
            clip: Cut off what lies outside the image.
        """
        if min(self.resized) < 2:
            return super().undo_boxes(boxes, clip)
        (height, width), (rows, columns) = self.original, self.resized
        scale = np.array([(height - 1) / (rows - 1), (width - 1) / (columns - 1)] * 2)
        first = np.array((self.top, self.left, self.top + 1, self.left + 1))
        moved = (np.asarray(boxes, np.float64).reshape(-1, 4) - first) * scale + (0, 0, 1, 1)
        if clip:
            moved = np.clip(moved, 0, (height, width, height, width))
        return moved.astype(np.float32)


def _blend(image: np.ndarray, count: int, axis: int) -> np.ndarray:
    """Returns float64 with `count` rows or columns, each between the two that it lies between."""
    length = image.shape[axis]
    border = [(1, 1) if a == axis else (0, 0) for a in range(image.ndim)]
    image = np.pad(image.astype(np.float64), border)
    places = (np.arange(count) + 0.5) * (length / count) - 0.5
    before = np.floor(places).astype(np.int64)
    share = (places - before).reshape([-1 if a == axis else 1 for a in range(image.ndim)])
    result = np.take(image, before + 1, axis) * (1 - share)
    result += np.take(image, before + 2, axis) * share
    return result
