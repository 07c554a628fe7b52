"""Pictures at their own proportions, padded below and on the right: torchvision's way.

Where a mask is pasted follows the same code: both ends of a prediction belong together.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.errors import ConfigError
from tfseg.geometry.resize import ResizePlan, checked_size, linear_weights

__all__ = ["PaddedResize", "paste_expanded"]


@dataclasses.dataclass(frozen=True)
class PaddedResize:
    """Plans how images are scaled without a square around them.

    The image is scaled, up or down, until its short side is `min_side` or its long side
    `max_side`, whichever comes first; sides are rounded down to whole pixels. Rows below and
    columns on the right fill up to multiples of `multiple`, or to a given canvas.
    Source: torchvision `GeneralizedRCNNTransform`.

    Attributes:
        min_side: What the short side should reach, in pixels.
        max_side: What the long side must not exceed, in pixels.
        multiple: Both sides of the result are multiples of it.
        canvas: `(rows, columns)` of every result, or None.
        fill: Colour of the padding, one number per channel; none means zeros.
        low_pass: Whether an image that gets smaller goes through a low-pass filter. The source has
            none; DETR, which resizes by Pillow, has one.
    """

    min_side: int
    max_side: int
    multiple: int = 32
    canvas: tuple[int, int] | None = None
    fill: tuple[float, ...] = ()
    low_pass: bool = False

    def __post_init__(self):
        if not 1 <= self.min_side <= self.max_side or self.multiple < 1:
            raise ConfigError(
                f"PaddedResize expects 1 <= min_side <= max_side and multiple >= 1, got "
                f"min_side={self.min_side}, max_side={self.max_side}, multiple={self.multiple}."
            )
        if self.canvas is not None and min(self.canvas) < self.max_side:
            raise ConfigError(
                f"PaddedResize: a canvas of {self.canvas} (rows, columns) cannot hold every "
                f"image of up to {self.max_side} pixels a side."
            )

    def plan(self, size: tuple[int, int]) -> ResizePlan:
        """Returns the plan for one image size `(H, W)`; no side ever becomes 0.

        Raises:
            DataError: If the image has no pixels.
        """
        height, width = checked_size(size)
        scale = min(self.min_side / min(height, width), self.max_side / max(height, width))
        resized = max(1, int(height * scale)), max(1, int(width * scale))
        canvas = self.canvas or tuple(-(-side // self.multiple) * self.multiple for side in resized)
        return ResizePlan(
            original=(height, width),
            scale=scale,
            resized=resized,
            top=0,
            left=0,
            side=max(canvas),
            rectangle=canvas,
            fill=self.fill,
            low_pass=self.low_pass,
        )


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
        As `tfseg.geometry.resize.paste_mask`.
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
