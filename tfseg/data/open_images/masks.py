"""One mask of Open Images on its image: read, turned, resized, compared, written as COCO has it."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
from PIL import Image

from tfseg.data.images.images import pillow_reason, turn
from tfseg.errors import DataError
from tfseg.opencv import cv2
from tfseg.structures import rle

__all__ = ["Fitted", "fit", "outlines", "read_mask", "resize", "segmentation"]

Box = tuple[float, float, float, float]
LEAST_IOU = 0.5
_SHAPE_TOLERANCE = 0.05  # of the ratio of sides; published sizes are rounded to whole pixels
_PIXELS = 1.5  # masks of a few pixels cannot match a box better than this


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A mask in the frame of its image as it is seen.

    Attributes:
        mask: bool `(h, w)`, still of its own size.
        iou: Of the mask's tight box with the box of the CSV.
        agrees: Whether the two are the same box but for rounding, or `iou` is at least 0.5.
        notes: `(code, message)` of what is to be said about the image.
        lost: Why the mask cannot be used, or None.
    """

    mask: np.ndarray
    iou: float
    agrees: bool
    notes: tuple[tuple[str, str], ...] = ()
    lost: str | None = None


def read_mask(data: bytes, name: str) -> np.ndarray:
    """Returns a mask, bool `(h, w)`: what is above half of white is inside.

    Published masks have 1 bit a pixel. Grey ones are read as well, of any depth; if the
    brightest value is 1, the mask was saved as 0 and 1, and 1 is white.

    Raises:
        DataError: The bytes are no complete image.
    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            if image.mode == "1":
                return np.asarray(image)
            deep = image.mode.startswith("I") or image.mode == "F"
            values = np.asarray(image if deep else image.convert("L"))
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{name}: expected a mask, a complete PNG, but it is cut off or damaged "
            f"({pillow_reason(error)}). Unpack or download it again."
        ) from error
    brightest = values.max(initial=0)
    if brightest <= 1:
        return values == 1
    return values > (127 if brightest <= 255 else 32767)


def resize(mask: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns a mask at another size `(H, W)`: each pixel takes the value under its centre."""
    rows, columns = (
        ((2 * np.arange(new) + 1) * old) // (2 * new) for new, old in zip(size, mask.shape)
    )
    return mask if mask.shape == tuple(size) else mask.take(rows, axis=0).take(columns, axis=1)


def fit(mask: np.ndarray, box: Box, size: tuple[int, int], orientation: int) -> Fitted:
    """Returns a mask as it lies on its image, and whether it agrees with the box of the CSV.

    Masks and boxes of Open Images are drawn on the pixels as they are stored (its page on rotated
    images: image and boxes are to be turned together), while `tfseg.data.read_image` shows an
    image as its EXIF tag wants it. The mask's own sides tell which was meant where they can.

    Args:
        mask: bool `(h, w)`.
        box: `(x1, y1, x2, y2)` of the CSV, 0 to 1.
        size: `(H, W)` of the image as it is seen.
        orientation: Its EXIF orientation, 1 to 8.
    """
    across = size[::-1]
    upright, sideways = _alike(mask.shape, size), _alike(mask.shape, across)
    if orientation == 1:
        if upright or not sideways:
            shape = () if upright else (_other_shape(mask.shape, size),)
            return _compared(mask, (box,), shape)
        return _turned_by_box(mask, box, size)
    boxes = (box, _turn_box(box, orientation))
    if orientation >= 5 and upright and not sideways:
        text = f"its EXIF tag turns it (orientation {orientation}); the masks fit it as it is seen."
        return _compared(mask, boxes, (("exif_rotated", text),))
    if orientation >= 5 and sideways and not upright:
        text = (
            f"its EXIF tag turns it (orientation {orientation}), but the masks were drawn on the "
            "pixels as stored: they are turned with it."
        )
        return _compared(turn(mask, orientation), boxes, (("exif_rotated", text),))
    text = (
        f"its EXIF tag turns it (orientation {orientation}) and the sides of the masks cannot tell "
        "whether they follow: they are turned with it, as Open Images' boxes are to be. Look at "
        "this image."
    )
    return _compared(turn(mask, orientation), boxes, (("exif_ambiguous", text),))


def _alike(shape: tuple[int, ...], size: tuple[int, ...]) -> bool:
    """Returns whether two images have the same ratio of sides, but for rounding."""
    first, second = shape[0] * size[1], shape[1] * size[0]
    slack = _SHAPE_TOLERANCE * max(first, second) + max(*shape, *size) / 2
    return abs(first - second) <= slack


def _other_shape(shape, size) -> tuple[str, str]:
    text = (
        f"a mask of {shape[0]} x {shape[1]} on an image of {size[0]} x {size[1]} (height x width): "
        "the ratios of the sides differ, so the mask is stretched. Check that the image is the "
        "one that was annotated."
    )
    return "mask_shape", text


def _turned_by_box(mask: np.ndarray, box: Box, size: tuple[int, int]) -> Fitted:
    """Returns a mask that lies across an image without a tag, turned as the box says."""
    turns = [turn(mask, orientation) for orientation in (6, 8)]
    fitting = [candidate for candidate in turns if _agreement(candidate, box)[1]]
    if len(fitting) == 1 and not _agreement(mask, box)[1]:
        text = "the masks lay across it; they are turned by a quarter to fit the boxes of the CSV."
        return _compared(fitting[0], (box,), (("mask_turned", text),))
    iou, agrees = _agreement(mask, box)
    lost = (
        f"a mask of {mask.shape[0]} x {mask.shape[1]} lies across its image of {size[0]} x "
        f"{size[1]} (height x width), and neither an EXIF tag nor the box says which way to turn "
        "it. An EXIF tag lost on the way is the usual cause: download the image again."
    )
    return Fitted(mask, iou, agrees, (), lost)


def _compared(mask: np.ndarray, boxes: tuple[Box, ...], notes) -> Fitted:
    """Returns a mask with the better of its agreements: the box may lie in either frame."""
    agreements = [_agreement(mask, box) for box in boxes]
    iou, agrees = max(agreements, key=lambda found: found[::-1])
    return Fitted(mask, iou, agrees, tuple(notes))


def _agreement(mask: np.ndarray, box: Box) -> tuple[float, bool]:
    """Returns the IoU of the mask's tight box with a box, and whether they agree."""
    tight = tight_box(mask)
    if tight is None:
        return 0.0, False
    height, width = mask.shape
    x1, y1, x2, y2 = box[0] * width, box[1] * height, box[2] * width, box[3] * height
    top, left, bottom, right = tight
    inner = max(min(x2, right) - max(x1, left), 0) * max(min(y2, bottom) - max(y1, top), 0)
    outer = (x2 - x1) * (y2 - y1) + (right - left) * (bottom - top) - inner
    iou = inner / outer if outer > 0 else 0.0
    apart = max(abs(x1 - left), abs(y1 - top), abs(x2 - right), abs(y2 - bottom))
    return iou, iou >= LEAST_IOU or apart <= _PIXELS


def tight_box(mask: np.ndarray) -> tuple[int, int, int, int] | None:
    """Returns `(y1, x1, y2, x2)` around a mask, ends exclusive; None if it is empty."""
    rows = np.flatnonzero(mask.any(axis=1))
    if not rows.size:
        return None
    columns = np.flatnonzero(mask[rows[0] : rows[-1] + 1].any(axis=0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _turn_box(box: Box, orientation: int) -> Box:
    """Returns a box of the stored frame in the frame as seen; see `images.turn`."""
    x1, y1, x2, y2 = box
    if orientation >= 5:
        x1, y1, x2, y2 = y1, x1, y2, x2
    if orientation in (2, 3, 6, 7):
        x1, x2 = 1 - x2, 1 - x1
    if orientation in (3, 4, 7, 8):
        y1, y2 = 1 - y2, 1 - y1
    return x1, y1, x2, y2


def segmentation(mask: np.ndarray, kind: str) -> dict | list[list[float]]:
    """Returns a mask that is not empty as COCO writes it: run lengths ("rle") or "polygons"."""
    return rle.encode(mask) if kind == "rle" else outlines(mask)


def outlines(mask: np.ndarray) -> list[list[float]]:
    """Returns the outer outline of each piece, `[x1, y1, x2, y2, ...]` along the pixels' edges.

    Drawn by COCO's rule they give the mask back exactly, except that holes are filled: COCO's
    polygons have no way to say "not here". Every outline has at least 4 points.
    """
    top, left, bottom, right = tight_box(mask)
    # With each pixel three wide, contour points (which are pixel centres) tell which side of
    # a pixel they lie on: remainder 0 is its first edge, 2 its second.
    crop = mask[top:bottom, left:right].astype(np.uint8).repeat(3, axis=0).repeat(3, axis=1)
    contours, _ = cv2.findContours(crop, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    polygons = []
    for contour in contours:
        points = (contour.reshape(-1, 2) + 1) // 3 + (left, top)
        repeated = (points == np.roll(points, 1, axis=0)).all(axis=1)
        polygons.append(points[~repeated].reshape(-1).astype(float).tolist())
    return polygons
