"""At which size an image meets the network, in training and in predicting."""

from __future__ import annotations

import dataclasses
import math

from tfseg.geometry.resize import ResizePlan, checked_size

__all__ = ["STRIDE", "ImageFit"]

STRIDE = 32
"""Sides of proportional inputs are multiples of it."""


@dataclasses.dataclass(frozen=True)
class ImageFit:
    """Plans how images of any size meet the network; every plan leads back exactly.

    Attributes:
        canvas: `(H, W)` of training, pixels.
        kind: "proportional" predicts at multiples of `STRIDE` about the canvas's area and as near
            to the image's own proportions as those allow, and trains on images that are as large
            as the canvas allows and centred in it; "letterbox" predicts in that way too; "stretch"
            gives every image the canvas's proportions; "native" enlarges no image, and predicts
            at its own size.
        limit: Longest side of a prediction at the image's own size.
    """

    canvas: tuple[int, int]
    kind: str = "proportional"
    limit: int = 1024

    def plan(self, size: tuple[int, int]) -> ResizePlan:
        """Returns how an image `(H, W)` is fitted into the canvas."""
        height, width = checked_size(size)
        if self.kind == "stretch":
            return self._whole((height, width), self.canvas)
        scale = min(self.canvas[0] / height, self.canvas[1] / width)
        if self.kind == "native":
            scale = min(scale, 1.0)
        inside = [
            min(most, max(1, round(side * scale)))
            for side, most in zip((height, width), self.canvas)
        ]
        return ResizePlan(
            original=(height, width),
            scale=scale,
            resized=tuple(inside),
            top=(self.canvas[0] - inside[0]) // 2,
            left=(self.canvas[1] - inside[1]) // 2,
            side=max(self.canvas),
            rectangle=self.canvas,
        )

    def predict_plan(self, size: tuple[int, int]) -> ResizePlan:
        """Returns how an image `(H, W)` is predicted."""
        height, width = checked_size(size)
        if self.kind in ("stretch", "letterbox"):
            return self.plan(size)
        if self.kind == "native":
            scale = min(1.0, self.limit / max(height, width))
            return self._whole(
                (height, width), (max(1, round(height * scale)), max(1, round(width * scale)))
            )
        return self._whole((height, width), self._proportional(height, width))

    def _proportional(self, height: int, width: int) -> tuple[int, int]:
        """Returns multiples of the stride about the canvas's area: few different sizes, so that
        few graphs are compiled."""
        area = self.canvas[0] * self.canvas[1]
        longest = max(STRIDE, area // STRIDE // STRIDE * STRIDE)
        sides = (math.sqrt(area * height / width), math.sqrt(area * width / height))
        return tuple(min(longest, max(STRIDE, round(side / STRIDE) * STRIDE)) for side in sides)

    @staticmethod
    def _whole(original: tuple[int, int], resized: tuple[int, int]) -> ResizePlan:
        return ResizePlan(
            original=original,
            scale=math.sqrt(resized[0] * resized[1] / (original[0] * original[1])),
            resized=tuple(resized),
            top=0,
            left=0,
            side=max(resized),
            rectangle=tuple(resized),
        )
