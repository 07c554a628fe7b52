"""All numbers of the affinity step."""

from __future__ import annotations

import dataclasses
from typing import Literal

from tfseg.config.base import Config, setting

__all__ = ["AffinityConfig"]


@dataclasses.dataclass(frozen=True)
class AffinityConfig(Config):
    """Settings of `split`. Lengths are pixels of the image.

    Attributes:
        score_threshold: Boxes with a lower score are left out.
        nms_iou: Of two boxes that overlap by more than this, the one with the lower score is left
            out. 1 keeps all, which suits boxes that were drawn by hand.
        superpixel_area: The foreground gets one superpixel per so many pixels of the *image*,
            within the next two limits.
        min_superpixels: At least so many in the whole foreground.
        max_superpixels: At most so many; bounds time and memory on large photographs.
        compactness: SLIC's weight of distance against colour. Larger: squarer superpixels.
        iterations: Rounds of SLIC.
        samples: A superpixel's centre is learnt from about so many of its pixels, evenly spread;
            the last round assigns all pixels. More is slower; 4096 uses every pixel of any
            image up to 30 megapixels.
        superpixels: "tiled", the SLIC of this package, or "scikit-image", whose masked SLIC takes
            fifty times as long (docs/affinity.md).
        bins: Of each block of a histogram.
        weights: Shares of colour and of position in a histogram; (1, 0) is colour alone.
        hop_cost: Added to the length of every edge, so that of equal paths the shorter wins.
        outside: What becomes of foreground outside of all boxes: "leave", it is nobody's, or
            "join", it goes to the person that most of its component belongs to, as the paper has
            it. A trained model's mask holds people without a box and other false foreground,
            where the first is ahead (docs/affinity.md).
    """

    score_threshold: float = setting(0.5, at_least=0, at_most=1)
    nms_iou: float = setting(0.7, at_least=0, at_most=1)
    superpixel_area: float = setting(300.0, above=0)
    min_superpixels: int = setting(200, at_least=1)
    max_superpixels: int = setting(2000, at_least=1)
    compactness: float = setting(10.0, above=0)
    iterations: int = setting(10, at_least=1)
    samples: int = setting(64, at_least=1)
    superpixels: Literal["tiled", "scikit-image"] = "tiled"
    bins: int = setting(16, at_least=1, at_most=256)
    weights: tuple[float, float] = setting((0.8, 0.2), length=2, at_least=0)
    hop_cost: float = setting(1e-4, at_least=0)
    outside: Literal["join", "leave"] = "leave"

    def _check(self):
        if abs(sum(self.weights) - 1) > 1e-6:
            problem = f"expected shares that sum to 1, such as (0.8, 0.2), got {self.weights}."
            self._fail("weights", problem)
        if self.min_superpixels > self.max_superpixels:
            self._fail("min_superpixels", f"is above max_superpixels = {self.max_superpixels}.")

    def superpixel_count(self, height: int, width: int) -> int:
        """Returns how many superpixels the foreground of an image gets in all."""
        wished = round(height * width / self.superpixel_area)
        return min(max(wished, self.min_superpixels), self.max_superpixels)
