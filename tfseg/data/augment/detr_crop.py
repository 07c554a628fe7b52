"""DETR's training images: mirrored half of the time, half of them cut at random.

DETR scales the shorter side to 400, 500 or 600 pixels, cuts a piece with sides from 384 to 600, and
scales again. Here the piece is cut out of the image as it is, which is the same piece without a
resize that the next one undoes; the system scales it to its own size afterwards. Under a cap of the
longer side (HPTR's 512) the list of shorter sides that DETR ends with hardly matters: 640 x 480 is
always brought to 512 x 384.

Source: `make_coco_transforms` of facebookresearch/detr (Carion et al., 2020, section 4).
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from tfseg.data.augment.imgaug_adapter import Augmenter
from tfseg.data.augment.imgaug_compat import iaa
from tfseg.errors import ConfigError
from tfseg.structures.sample import Sample, boxes_from_masks

__all__ = ["DetrCrop", "cut"]


@dataclasses.dataclass(frozen=True)
class DetrCrop:
    """Cuts and mirrors images at their own size: `detr_crop(sample, seed) -> Sample`.

    It runs before an image is resized, which it says by its attribute `before_resize`: the pieces
    are of all sizes. Equal seeds give equal samples. Objects of which nothing is left are left out.

    Attributes:
        flip: How often an image is mirrored, 0 to 1.
        crop: How often it is cut.
        shorter: The lengths of the shorter side, of which one is drawn, that the sides of the piece
            are measured at.
        sides: The shortest and the longest side of a piece; none is longer than the image.

    Raises:
        ConfigError: If a number is out of range.
    """

    flip: float = 0.5
    crop: float = 0.5
    shorter: tuple[int, ...] = (400, 500, 600)
    sides: tuple[int, int] = (384, 600)

    before_resize = True

    def __post_init__(self):
        for name in ("flip", "crop"):
            if not 0 <= getattr(self, name) <= 1:
                value = getattr(self, name)
                raise ConfigError(f"DetrCrop: {name} must lie between 0 and 1, got {value!r}.")
        least, most = self.sides
        if not self.shorter or min(self.shorter) < 1 or not 1 <= least <= most:
            raise ConfigError(
                f"DetrCrop: expected lengths of at least 1 and sides in rising order, got "
                f"shorter={self.shorter!r}, sides={self.sides!r}."
            )

    def box(self, size: tuple[int, int], seed: int) -> tuple[int, int, int, int] | None:
        """Returns the piece of an image of `(H, W)` that a seed cuts out, `(y1, x1, y2, x2)` in
        pixels, ends exclusive; None if it cuts nothing."""
        draw = np.random.default_rng((int(seed), 0xDE7A))
        if draw.random() >= self.crop:
            return None
        scale = self.shorter[int(draw.integers(len(self.shorter)))] / min(size)
        corner, extent = [], []
        # DETR draws the width first.
        for side in (size[1], size[0]):
            most = min(self.sides[1], max(round(side * scale), 1))
            wanted = int(draw.integers(min(self.sides[0], most), most + 1))
            length = min(max(round(wanted / scale), 1), side)
            extent.append(length)
            corner.append(int(draw.integers(side - length + 1)))
        (x, y), (width, height) = corner, extent
        return y, x, y + height, x + width

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Returns the sample or a piece of it, perhaps mirrored."""
        box = self.box(sample.size, seed)
        sample = sample if box is None else cut(sample, box)
        return _mirror(self.flip)(sample, seed) if self.flip else sample


def cut(sample: Sample, box: tuple[int, int, int, int]) -> Sample:
    """Returns a piece of a sample with the objects that are left in it.

    Args:
        sample: The whole.
        box: `(y1, x1, y2, x2)` in pixels, ends exclusive, within the image.
    """
    y1, x1, y2, x2 = box
    rows, columns = slice(y1, y2), slice(x1, x2)
    masks = np.ascontiguousarray(sample.masks[:, rows, columns])
    keypoints = sample.keypoints
    if keypoints is not None:
        keypoints = keypoints.copy()
        keypoints[..., :2] -= (x1, y1)
        x, y, seen = np.moveaxis(keypoints, -1, 0)
        inside = (x >= -0.5) & (x < x2 - x1 - 0.5) & (y >= -0.5) & (y < y2 - y1 - 0.5)
        keypoints[~(inside & (seen > 0))] = 0
    piece = sample.replace(
        image=np.ascontiguousarray(sample.image[rows, columns]),
        masks=masks,
        boxes=boxes_from_masks(masks),
        keypoints=keypoints,
        label_maps={
            name: np.ascontiguousarray(labels[rows, columns])
            for name, labels in sample.label_maps.items()
        },
    )
    return piece.take(masks.any(axis=(1, 2)))


@functools.lru_cache(maxsize=16)
def _mirror(share: float) -> Augmenter:
    return Augmenter([iaa.Fliplr(share)])
