"""Moving an image and all its annotations into a fixed square, and the exact way back.

Where a pixel is: pixel `i` covers the interval `[i, i + 1)` and its centre lies at `i + 0.5`.
Boxes are edges and scale as they are. Keypoints follow COCO: `(3, 5)` names the *centre* of
pixel column 3, row 5, so they scale as `(x + 0.5) * scale - 0.5`. Images are resampled under the
same centres, through a low-pass filter where they get smaller (`tfseg.geometry.shrink`);
masks and label maps take the nearest pixel, so a mask stays on its object to within half a pixel.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from tfseg.errors import ConfigError, DataError
from tfseg.geometry.shrink import resize_image, resize_nearest
from tfseg.structures.label_maps import IGNORED, with_room
from tfseg.structures.sample import Sample

__all__ = [
    "InSquare",
    "ResizePlan",
    "SquareResize",
    "checked_size",
]


def checked_size(size: tuple[int, int]) -> tuple[int, int]:
    """Returns `(height, width)` as whole numbers, or raises DataError for one without pixels."""
    height, width = int(size[0]), int(size[1])
    if height < 1 or width < 1:
        raise DataError(
            f"expected an image with at least one pixel, got {height} x {width} (height x "
            f"width). Remove it from the dataset."
        )
    return height, width


@dataclasses.dataclass(frozen=True)
class SquareResize:
    """Plans how images of any size fit into a square ("square" mode of the public Mask R-CNN).

    The image is scaled by `max(1, min_side / short side)`, or less if its long side would not
    fit, and centred on zeros. With `min_side == max_side` the long side always ends at exactly
    that value; with `min_side < max_side` images are never scaled down unless they must.

    Attributes:
        min_side: What the short side should reach, in pixels; 0 asks for no enlargement.
        max_side: Side of the square in pixels.
        low_pass: False leaves out the filter where images get smaller, as the public code does.
    """

    min_side: int
    max_side: int
    low_pass: bool = True

    def __post_init__(self):
        if self.max_side < 1 or not 0 <= self.min_side <= self.max_side:
            raise ConfigError(
                f"SquareResize expects 0 <= min_side <= max_side and max_side >= 1, got "
                f"min_side={self.min_side} and max_side={self.max_side}."
            )

    def plan(self, size: tuple[int, int]) -> ResizePlan:
        """Returns the plan for one image size `(H, W)`; no side ever becomes 0.

        Raises:
            DataError: If the image has no pixels.
        """
        height, width = checked_size(size)
        scale = max(1.0, self.min_side / min(height, width))
        if round(max(height, width) * scale) > self.max_side:
            scale = self.max_side / max(height, width)
        rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
        return ResizePlan(
            original=(height, width),
            scale=scale,
            resized=(rows, columns),
            top=(self.max_side - rows) // 2,
            left=(self.max_side - columns) // 2,
            side=self.max_side,
            low_pass=self.low_pass,
        )


@dataclasses.dataclass(frozen=True)
class ResizePlan:
    """How one image size maps into the square, and back.

    The edges of the image fall exactly on the edges of `window`. Because whole pixels are
    needed there, the scale along each axis is `resized / original`, which differs from the
    nominal `scale` by at most half a pixel over the whole side.

    Attributes:
        original: `(H, W)` of the image.
        scale: The nominal scale, before rounding to whole pixels.
        resized: `(h, w)` of the image inside the square.
        top: Rows of zeros above it.
        left: Columns of zeros on its left.
        side: Side of the square.
        rectangle: `(rows, columns)` instead of a square of that side, or None.
        fill: Colour of the padding, one number per channel; none means zeros.
        low_pass: See `tfseg.geometry.shrink.resize_image`.
    """

    original: tuple[int, int]
    scale: float
    resized: tuple[int, int]
    top: int
    left: int
    side: int
    rectangle: tuple[int, int] | None = None
    fill: tuple[float, ...] = ()
    low_pass: bool = True

    @property
    def canvas(self) -> tuple[int, int]:
        """`(rows, columns)` of what the image is fitted into."""
        return (self.side, self.side) if self.rectangle is None else self.rectangle

    @property
    def window(self) -> tuple[int, int, int, int]:
        """`(y1, x1, y2, x2)` in pixels of the square, ends exclusive: where the image lies."""
        return self.top, self.left, self.top + self.resized[0], self.left + self.resized[1]

    @property
    def _scales(self) -> tuple[float, float]:
        return self.resized[0] / self.original[0], self.resized[1] / self.original[1]

    def image(self, image: np.ndarray) -> np.ndarray:
        """Returns the image in the square, same dtype, `(side, side, D)`, zeros (or the fill,
        rounded for whole numbers) around it.

        Args:
            image: uint8 or float32 `(H, W, D)`.
        """
        self._check("image", image.shape[:2])
        y1, x1, y2, x2 = self.window
        square = np.zeros((*self.canvas, *image.shape[2:]), image.dtype)
        if self.fill:
            whole = np.issubdtype(image.dtype, np.integer)
            square[:] = np.rint(self.fill) if whole else np.float32(self.fill)
        square[y1:y2, x1:x2] = resize_image(image, self.resized, low_pass=self.low_pass)
        return square

    def masks(self, masks: np.ndarray) -> np.ndarray:
        """Returns the masks in the square, bool `(N, side, side)`, from bool `(N, H, W)`."""
        self._check("masks", masks.shape[1:])
        y1, x1, y2, x2 = self.window
        square = np.zeros((len(masks), *self.canvas), bool)
        for inside, mask in zip(square, np.asarray(masks, bool)):
            inside[y1:y2, x1:x2] = resize_nearest(mask, self.resized)
        return square

    def label_map(self, labels: np.ndarray, fill: int = IGNORED) -> np.ndarray:
        """Returns a label map in the square, int `(side, side)`, `fill` around the image.

        Args:
            labels: int `(H, W)`; a type too narrow for `fill` is widened.
            fill: Number of the padding: 255 leaves it out of losses, 0 is background.
        """
        self._check("label map", labels.shape)
        y1, x1, y2, x2 = self.window
        labels = with_room(labels, fill)
        square = np.full(self.canvas, fill, labels.dtype)
        square[y1:y2, x1:x2] = resize_nearest(labels, self.resized)
        return square

    def boxes(self, boxes: np.ndarray) -> np.ndarray:
        """Returns boxes in pixels of the square, float32 `(N, 4)` `(y1, x1, y2, x2)`."""
        sy, sx = self._scales
        scaled = np.asarray(boxes, np.float64).reshape(-1, 4) * (sy, sx, sy, sx)
        return (scaled + (self.top, self.left, self.top, self.left)).astype(np.float32)

    def undo_boxes(self, boxes: np.ndarray, clip: bool = False) -> np.ndarray:
        """Returns boxes of the square in pixels of the image; the inverse of `boxes`.

        Args:
            boxes: float32 `(N, 4)` `(y1, x1, y2, x2)` in pixels of the square.
            clip: Cut off what lies outside the image.
        """
        sy, sx = self._scales
        moved = np.asarray(boxes, np.float64).reshape(-1, 4)
        moved = (moved - (self.top, self.left, self.top, self.left)) / (sy, sx, sy, sx)
        if clip:
            height, width = self.original
            moved = np.clip(moved, 0, (height, width, height, width))
        return moved.astype(np.float32)

    def keypoints(self, keypoints: np.ndarray) -> np.ndarray:
        """Returns keypoints of the square, float32 `(N, K, 3)` `(x, y, visibility)`.

        Points of visibility 0 have no place and stay as they are.
        """
        sy, sx = self._scales
        scale = np.array((sx, sy))
        return _move_points(keypoints, scale, 0.5 * scale - 0.5 + (self.left, self.top))

    def undo_keypoints(self, keypoints: np.ndarray) -> np.ndarray:
        """Returns keypoints of the square in pixels of the image; inverse of `keypoints`."""
        sy, sx = self._scales
        scale = np.array((sx, sy))
        shift = 0.5 * scale - 0.5 + (self.left, self.top)
        return _move_points(keypoints, 1 / scale, -shift / scale)

    def undo_masks(self, masks: np.ndarray) -> np.ndarray:
        """Returns masks `(N, side, side)` at the image's size, bool `(N, H, W)`."""
        y1, x1, y2, x2 = self.window
        back = np.zeros((len(masks), *self.original), bool)
        for target, mask in zip(back, np.asarray(masks, bool)):
            target[:] = resize_nearest(mask[y1:y2, x1:x2], self.original)
        return back

    def undo_label_map(self, labels: np.ndarray) -> np.ndarray:
        """Returns a label map `(side, side)` at the image's size, same dtype, `(H, W)`."""
        y1, x1, y2, x2 = self.window
        return resize_nearest(labels[y1:y2, x1:x2], self.original)

    def sample(self, sample: Sample) -> Sample:
        """Returns the sample in the square: image and every annotation moved together.

        Boxes are taken from the moved masks. An object whose mask has no pixel left (too small
        for the scale, or empty before) is dropped with everything that belongs to it.
        """
        masks = self.masks(sample.masks)
        kept = masks.reshape(len(masks), math.prod(self.canvas)).any(axis=1)
        if not kept.all():
            sample, masks = sample.take(kept), masks[kept]
        keypoints = sample.keypoints
        return sample.replace(
            image=self.image(sample.image),
            masks=masks,
            boxes=None,
            keypoints=None if keypoints is None else self.keypoints(keypoints),
            label_maps={
                name: self.label_map(labels, sample.label_map_kind(name).fill)
                for name, labels in sample.label_maps.items()
            },
        )

    def _check(self, what: str, size: tuple[int, ...]):
        if tuple(size) != self.original:
            raise DataError(
                f"this resize plan is for an image of {self.original} (height, width), the "
                f"{what} has {tuple(size)}. Ask SquareResize.plan for a plan of that size."
            )


@dataclasses.dataclass(frozen=True)
class InSquare:
    """Resizes before an augmentation: `in_square(sample, seed) -> Sample` of the square's size.

    Shifts, blurs and noise then mean the same for images of every resolution, and a large
    photograph costs no more than a small one. A later plan of the same `resize` changes nothing
    any more, so this fits wherever an augmentation does.

    Attributes:
        resize: How images fit into the square.
        augment: `augment(sample, seed) -> Sample`, or None to resize only.
    """

    resize: SquareResize
    augment: Callable[[Sample, int], Sample] | None = None

    def __call__(self, sample: Sample, seed: int) -> Sample:
        """Returns the resized and augmented sample."""
        sample = self.resize.plan(sample.size).sample(sample)
        return sample if self.augment is None else self.augment(sample, seed)


def _move_points(keypoints: np.ndarray, scale: np.ndarray, shift: np.ndarray) -> np.ndarray:
    keypoints = np.asarray(keypoints, np.float32)
    moved = keypoints.copy()
    places = (keypoints[..., :2].astype(np.float64) * scale + shift).astype(np.float32)
    moved[..., :2] = np.where(keypoints[..., 2:] > 0, places, keypoints[..., :2])
    return moved
