"""Pictures at their own proportions, padded below and on the right: torchvision's way.

Where a mask is pasted follows the same code: both ends of a prediction belong together.
"""

from __future__ import annotations

import dataclasses

from tfseg.errors import ConfigError
from tfseg.geometry.resize import ResizePlan, checked_size

__all__ = ["PaddedResize"]


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
