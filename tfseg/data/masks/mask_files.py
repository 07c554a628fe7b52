"""Masks in PNG files: one object a file, or a number in each pixel."""

from __future__ import annotations

import os

import numpy as np
from PIL import Image
from scipy import ndimage

from tfseg.data.images.images import pillow_reason, stored_orientation, turn
from tfseg.data.reading.outlines import MaskError
from tfseg.opencv import cv2
from tfseg.structures import rle

__all__ = [
    "check_size",
    "fitting_turn",
    "instances",
    "is_soft",
    "read_ids",
    "read_inside",
    "read_stored",
    "upright",
]

_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"
_TAIL = 4096  # bytes; some programs write remarks after the end


def read_ids(path: str | os.PathLike) -> tuple[np.ndarray, bool]:
    """Returns the number in each pixel as stored, int64 `(H, W)`, and whether it is a colour.

    A palette image gives the indices, a grey one its values (1, 8, 16 or 32 bits), a colour one
    red + 256 green + 65536 blue, as COCO's panoptic maps.

    Raises:
        MaskError: The file is missing, empty, cut off, no image, or of another kind.
    """
    array, mode = read_stored(path)
    if array.ndim == 3 and mode in ("LA", "PA"):
        array = array[:, :, 0]
    if array.ndim == 2 and array.dtype.kind in "iub":
        return array.astype(np.int64), False
    if mode not in ("RGB", "RGBA"):
        raise MaskError("unreadable_mask", f"{path}: expected grey or colour, got mode {mode}")
    red, green, blue = np.moveaxis(array[:, :, :3].astype(np.int64), 2, 0)
    return red + 256 * green + 65536 * blue, True


def read_inside(path: str | os.PathLike) -> np.ndarray:
    """Returns the mask of one object as stored, bool `(H, W)`.

    Inside is what is not zero, black or palette index 0; in an image with transparency, what
    is not fully transparent.

    Raises:
        MaskError: The file is missing, empty, cut off, or no image.
    """
    array, mode = read_stored(path)
    if array.ndim == 2:
        return array != 0
    if mode in ("LA", "PA", "RGBA") and (array[:, :, -1] != array[0, 0, -1]).any():
        return array[:, :, -1] != 0
    return (array[:, :, : 1 if mode in ("LA", "PA") else 3] != 0).any(axis=2)


def read_stored(path: str | os.PathLike) -> tuple[np.ndarray, str]:
    """Returns the pixels of a mask file as Pillow reads them, and their mode.

    Raises:
        MaskError: The file is missing, empty, cut off, or no image.
    """
    if not os.path.isfile(path):
        raise MaskError("missing_mask", f"{path}: there is no such mask file")
    try:
        with Image.open(path) as image:
            return np.asarray(image), image.mode
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error


def _unreadable(path, error: Exception) -> MaskError:
    why = pillow_reason(error)
    message = f"{path}: cannot be read as a mask, it is empty, cut off or no image ({why})"
    return MaskError("unreadable_mask", message)


def check_size(path: str | os.PathLike, seen: tuple[int, int], image: str) -> int:
    """Returns the turn that leads from a mask file to its image, from the file's ends alone.

    A mask fits the image as it is seen, unless it has the size of the image's stored
    pixels: then it is turned as the image's EXIF tag says.

    Args:
        path: The mask file.
        seen: `(H, W)` of the image with its EXIF turn applied.
        image: The image's file.

    Raises:
        MaskError: The file is missing, cut off or no image, or its size is neither.
    """
    try:
        with open(path, "rb") as file, Image.open(file) as opened:
            width, height = opened.size
            file.seek(0)
            if file.read(8) == _PNG_START:
                file.seek(-min(os.path.getsize(path), _TAIL), os.SEEK_END)
                if _PNG_END not in file.read():
                    raise OSError("the end is missing")
    except FileNotFoundError:
        raise MaskError("missing_mask", f"{path}: there is no such mask file") from None
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    return fitting_turn((height, width), path, seen, image)


def fitting_turn(
    size: tuple[int, int], path: str | os.PathLike, seen: tuple[int, int], image: str
) -> int:
    """Returns the turn that leads from a mask of size `(H, W)` to its image; see `check_size`."""
    height, width = size
    if (height, width) == tuple(seen):
        return 1
    orientation = stored_orientation(image)
    if orientation >= 5 and (width, height) == tuple(seen):
        return orientation
    raise MaskError(
        "mask_size",
        f"{path}: the mask has {height} x {width} pixels, its image {image} "
        f"has {seen[0]} x {seen[1]} (height x width)",
    )


def upright(
    array: np.ndarray, path: str | os.PathLike, seen: tuple[int, int], image: str
) -> tuple[np.ndarray, int]:
    """Returns a stored mask `(H, W)` as it lies in its image, and the turn; see `check_size`."""
    orientation = check_size(path, seen, image)
    return np.ascontiguousarray(turn(array, orientation)), orientation


def instances(ids: np.ndarray, skip: tuple[int, ...] = (0,)) -> list[tuple[int, tuple, dict]]:
    """Returns `(id, window, run lengths)` of each object in an id map, ids rising.

    Args:
        ids: Whole numbers `(H, W)`.
        skip: Numbers that are no object.
    """
    values, places = np.unique(ids, return_inverse=True)
    places = places.reshape(ids.shape)
    found = []
    for place, window in enumerate(ndimage.find_objects(places + 1)):
        if int(values[place]) not in skip:
            crop = places[window] == place
            runs = rle.encode_crop(crop, window[0].start, window[1].start, ids.shape)
            found.append((int(values[place]), window, runs))
    return found


def is_soft(ids: np.ndarray) -> bool:
    """Returns whether the numbers of a map `(H, W)` are the shades of one mask, not objects.

    Shades rise over edges: what is neither 0 nor the greatest number mostly has a smaller and a
    greater number beside it, and what JPEG left of an edge at least some other number. Objects,
    whatever their numbers, have an inside.
    """
    greatest = ids.max(initial=0)
    between = (ids > 0) & (ids < greatest)
    if greatest > 65535 or not between.any():
        return False
    values, near = ids.astype(np.float32), np.ones((3, 3), np.uint8)
    above, below = cv2.erode(values, near) < values, cv2.dilate(values, near) > values
    rising, inside = between & above & below, between & ~above & ~below
    many = max(between.sum() / 5, 50 * inside.sum())
    return rising.sum() > many and len(np.unique(ids[rising])) >= 3
