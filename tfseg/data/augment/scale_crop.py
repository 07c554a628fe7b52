"""Random scale, then a piece of fixed size: the usual training images of PASCAL VOC.

Each image is scaled by a random factor, filled up on all sides where it is smaller than the
piece wanted (image black, class map 255), and a piece is cut out at random. So every image that
comes out has the same size, whatever came in: unlike other augmentations this one *makes* the
canvas, says so by its attribute `canvas`, and nothing is to be resized after it.

Source: the training of DeepLab (Chen and others, 2018): factors 0.5 to 2 in steps of 0.25, pieces
of 513 x 513, mirrored half of the time.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.imgaug_compat import iaa
from tfseg.errors import ConfigError
from tfseg.geometry.resize import ResizePlan
from tfseg.structures.sample import Sample

__all__ = ["VOC_SCALES", "ScaleCrop", "random_scale_crop"]

VOC_SCALES = (0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0)


@dataclasses.dataclass(frozen=True)
class ScaleCrop:
    """Scales, fills up, cuts and mirrors: `scale_crop(sample, seed) -> Sample` of one size.

    Equal seeds give equal samples. Samples without a class map get one, made from their masks, in
    which what lies outside the image is 255.

    Attributes:
        size: Side of the square piece in pixels, or `(rows, columns)`.
        scales: The factors, each as likely as the others.
        flip: How often the piece is mirrored, 0 to 1.

    Raises:
        ConfigError: If a number is out of range.
    """

    size: int | tuple[int, int] = 513
    scales: tuple[float, ...] = VOC_SCALES
    flip: float = 0.5

    def __post_init__(self):
        sides = self.size if isinstance(self.size, (tuple, list)) else (self.size, self.size)
        if len(sides) != 2 or any(int(side) != side or side < 1 for side in sides):
            raise ConfigError(
                f"ScaleCrop: size must be a whole number of pixels, or two (rows, columns), got "
                f"{self.size!r}."
            )
        if not self.scales or not all(0 < scale < 100 for scale in self.scales):
            raise ConfigError(
                f"ScaleCrop: scales must be factors above 0, at least one, got {self.scales!r}."
            )
        if not 0 <= self.flip <= 1:
            raise ConfigError(f"ScaleCrop: flip must lie between 0 and 1, got {self.flip!r}.")
        object.__setattr__(self, "size", (int(sides[0]), int(sides[1])))
        object.__setattr__(self, "scales", tuple(float(scale) for scale in self.scales))

    @property
    def canvas(self) -> tuple[int, int]:
        """`(rows, columns)` of every image made."""
        return self.size

    def on_canvas(self, size: int | tuple[int, int]) -> ScaleCrop:
        """Returns the same with pieces of another size."""
        return dataclasses.replace(self, size=size)

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Returns a random piece of the randomly scaled sample."""
        # Not imgaug's Resize, whose label maps would lie up to half a pixel beside the image.
        draw = np.random.default_rng((int(seed), 0x5CA1E))
        scale = self.scales[int(draw.integers(len(self.scales)))]
        height, width = sample.size
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        plan = ResizePlan(
            original=(height, width),
            scale=scale,
            resized=(rows, columns),
            top=0,
            left=0,
            side=max(rows, columns),
            rectangle=(rows, columns),
        )
        return _cutter(*self.size, self.flip)(plan.sample(sample), seed)


def random_scale_crop(
    sample: Sample,
    seed: int,
    size: int | tuple[int, int] = 513,
    scales: tuple[float, ...] = VOC_SCALES,
    flip: float = 0.5,
) -> Sample:
    """Returns a random piece of the randomly scaled sample; see `ScaleCrop`."""
    return ScaleCrop(size, tuple(scales), flip)(sample, seed)


@functools.lru_cache(maxsize=16)
def _cutter(rows: int, columns: int, flip: float) -> Augmenter:
    """Returns what fills up, cuts and mirrors."""
    places = {"width": columns, "height": rows, "position": "uniform"}
    steps = [iaa.PadToFixedSize(**places), iaa.CropToFixedSize(**places), iaa.Fliplr(flip)]
    return Augmenter(steps, with_class_map=True)
