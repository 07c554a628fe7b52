"""Images and label maps at another size: the one rule of training, predicting and exports.

An image that gets smaller along an axis goes through a low-pass filter: without one, stripes
finer than the new pixels come out as other stripes, and a photograph as noise to a network. The
filter is a triangle twice as wide as a new pixel, along each axis by its own factor, edges left
out and weights summing to 1: Pillow's `BILINEAR`, with which a program on a phone comes to the
same grey values but for one. In whole grey values: weights of 22 bits, rows first, rounded
after each axis. `tfseg.export.resize` is the same arithmetic, to the bit, in a TensorFlow graph.

Where no axis shrinks the triangle is the bilinear interpolation between pixel centres
("half-pixel", as `cv2.INTER_LINEAR`), so the two meet at a scale of 1.
"""

from __future__ import annotations

import numpy as np
from PIL import Image

from tfseg.opencv import cv2

__all__ = ["resize_image", "resize_nearest"]


def resize_image(
    image: np.ndarray,
    size: tuple[int, int],
    *,
    low_pass: bool = True,
    enlarge: int = cv2.INTER_LINEAR,
) -> np.ndarray:
    """Returns the image at another size, same dtype, `(h, w, D)` or `(h, w)`.

    Args:
        image: uint8 or float32 `(H, W, D)` or `(H, W)`.
        size: `(h, w)`, at least one pixel each.
        low_pass: False interpolates between the nearest pixels also where the image shrinks: for
            models that promise an origin's arithmetic.
        enlarge: OpenCV's interpolation where no axis shrinks.
    """
    size = (int(size[0]), int(size[1]))
    if low_pass and (size[0] < image.shape[0] or size[1] < image.shape[1]):
        return _reduced(image, size)
    return _by_opencv(image, size, enlarge)


def resize_nearest(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns a mask or label map at another size, each pixel that of the nearest centre.

    Args:
        labels: bool or int `(H, W)`.
        size: `(h, w)`.
    """
    narrow = labels.view(np.uint8) if labels.dtype == bool else labels
    narrow = narrow if narrow.dtype in (np.uint8, np.int32) else narrow.astype(np.int32)
    return _by_opencv(narrow, size, cv2.INTER_NEAREST_EXACT).astype(labels.dtype, copy=False)


def _by_opencv(array: np.ndarray, size: tuple[int, int], interpolation: int) -> np.ndarray:
    if array.shape[:2] == tuple(size):
        return array
    array = np.ascontiguousarray(array)
    resized = cv2.resize(array, (size[1], size[0]), interpolation=interpolation)
    # OpenCV drops the axis of a single channel.
    return resized.reshape(*size, *array.shape[2:])


def _reduced(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    if image.dtype == np.uint8 and image.shape[2:] == (3,):
        return _by_pillow(image, size)
    # Channel by channel: Pillow takes two or four for colours with an opacity.
    exact = image if image.dtype == np.uint8 else image.astype(np.float32)
    planes = exact.reshape(*image.shape[:2], -1)
    result = np.empty((*size, planes.shape[2]), exact.dtype)
    for channel in range(planes.shape[2]):
        result[..., channel] = _by_pillow(np.ascontiguousarray(planes[..., channel]), size)
    if np.issubdtype(image.dtype, np.integer) and image.dtype != np.uint8:
        result = np.rint(result)
    return result.reshape(*size, *image.shape[2:]).astype(image.dtype, copy=False)


def _by_pillow(image: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    # One axis at a time: which one Pillow takes first depends on its version and on the sizes.
    rows = Image.fromarray(image).resize((image.shape[1], size[0]), Image.Resampling.BILINEAR)
    return np.array(rows.resize(size[::-1], Image.Resampling.BILINEAR))
