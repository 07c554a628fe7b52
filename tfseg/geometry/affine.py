"""Affine changes of place in NumPy: matrices, their exact inverses, and what they do to images.

One convention, that of `tfseg.nn.ops.affine`: pixel centres lie at whole numbers, `(x, y)` in this
order, and a matrix `(2, 3)` maps a place of the source to one of the destination. So a letterbox
maps x to `scale * x + padding`, without half a pixel more or less, as the public code of Pose2Seg
does. Matrices are float64.
"""

from __future__ import annotations

import math

import numpy as np

from tfseg.errors import DataError
from tfseg.opencv import cv2

__all__ = [
    *("compose", "invert", "letterbox", "restore_crop", "restore_mask", "scales", "scaling"),
    *("transform", "warp_image", "warp_mask"),
]


def letterbox(size: tuple[int, int], target: tuple[int, int]) -> np.ndarray:
    """Returns the matrix `(2, 3)` that fits an image whole into the middle of another frame.

    Args:
        size: `(H, W)` of the image.
        target: `(H, W)` of the frame.

    Raises:
        DataError: If the image has no pixels.
    """
    height, width = size
    if height < 1 or width < 1:
        raise DataError(f"expected an image with pixels, got one of {height} x {width}.")
    scale = min(target[0] / height, target[1] / width)
    shift = (target[1] - scale * width) / 2, (target[0] - scale * height) / 2
    return np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])


def scaling(factor: float) -> np.ndarray:
    """Returns the matrix `(2, 3)` of a scale about the pixel (0, 0)."""
    return np.array([[factor, 0.0, 0.0], [0.0, factor, 0.0]])


def compose(*matrices: np.ndarray) -> np.ndarray:
    """Returns the matrix, float64 `(..., 2, 3)`, that maps as the last one does, then as the one
    before it, and so on: `compose(m3, m2, m1)`."""
    result = np.asarray(matrices[-1], np.float64)
    for outer in reversed(matrices[:-1]):
        linear = np.asarray(outer, np.float64)[..., :2] @ result
        result = linear + np.pad(outer[..., 2:], [(0, 0)] * (np.ndim(outer) - 1) + [(2, 0)])
    return result


def invert(matrices: np.ndarray) -> np.ndarray:
    """Returns the exact inverses, float64 `(..., 2, 3)`.

    Raises:
        DataError: If a matrix has none.
    """
    matrices = np.asarray(matrices, np.float64)
    linear = matrices[..., :2]
    size = linear[..., 0, 0] * linear[..., 1, 1] - linear[..., 0, 1] * linear[..., 1, 0]
    if not np.all(np.isfinite(matrices)) or np.any(size == 0):
        raise DataError("expected affine matrices with an inverse, got one without.")
    a, b, d, e = linear[..., 1, 1], -linear[..., 0, 1], -linear[..., 1, 0], linear[..., 0, 0]
    inverse = np.stack([np.stack([a, b], -1), np.stack([d, e], -1)], -2) / size[..., None, None]
    return np.concatenate([inverse, -inverse @ matrices[..., 2:]], axis=-1)


def scales(matrices: np.ndarray) -> np.ndarray:
    """Returns how many times longer lengths become, float64 `(...)`: the root of the area's."""
    linear = np.asarray(matrices, np.float64)[..., :2]
    return np.sqrt(np.abs(np.linalg.det(linear)))


def transform(points: np.ndarray, matrices: np.ndarray) -> np.ndarray:
    """Returns where matrices `(..., 2, 3)` map points `(..., K, 2)` to; columns behind x and y,
    such as a visibility, stay as they are."""
    points = np.asarray(points, np.float64)
    turned = points[..., :2] @ np.swapaxes(matrices[..., :2], -1, -2) + matrices[..., None, :, 2]
    rest = np.broadcast_to(points[..., 2:], (*turned.shape[:-1], points.shape[-1] - 2))
    return np.concatenate([turned, rest], axis=-1)


def warp_image(
    image: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, filtered: bool = True
) -> np.ndarray:
    """Returns what a frame shows of an image, `(H', W')` or `(H', W', D)` of the image's dtype.

    Bilinear, 0 outside the image.

    Args:
        image: uint8 or float32 `(H, W)` or `(H, W, D)`.
        matrix: float `(2, 3)`, from the image to the frame.
        size: `(H', W')` of the frame.
        filtered: Take means of whole blocks of pixels first where lengths become less than half,
            so that no pixel goes unread. False reads single pixels, as the public code does.
    """
    matrix = np.asarray(matrix, np.float64)
    block = math.floor(1 / max(float(scales(matrix)), 1e-9) + 1e-9) if filtered else 1
    block = min(block, *image.shape[:2])
    if block > 1:
        rows, columns = (-side % block for side in image.shape[:2])
        image = cv2.copyMakeBorder(image, 0, rows, 0, columns, cv2.BORDER_REPLICATE)
        smaller = image.shape[1] // block, image.shape[0] // block
        image = cv2.resize(image, smaller, interpolation=cv2.INTER_AREA)
        middle = (block - 1) / 2
        matrix = compose(matrix, np.array([[block, 0.0, middle], [0.0, block, middle]]))
    return cv2.warpAffine(image, matrix, (size[1], size[0]), flags=cv2.INTER_LINEAR)


def warp_mask(
    mask: np.ndarray, matrix: np.ndarray, size: tuple[int, int], *, filtered: bool = True
) -> np.ndarray:
    """Returns what a frame shows of a mask, bool `(H', W')`: where at least half is covered.

    Args:
        mask: bool `(H, W)`.
        matrix: float `(2, 3)`, from the mask to the frame.
        size: `(H', W')` of the frame.
        filtered: See `warp_image`.
    """
    mask = np.asarray(mask).astype(np.float32)
    return warp_image(mask, matrix, size, filtered=filtered) >= 0.5


def restore_mask(
    probabilities: np.ndarray, matrix: np.ndarray, size: tuple[int, int], threshold: float = 0.5
) -> np.ndarray:
    """Returns a window's mask at its place in the image, bool `(H, W)`; False outside the window.
    See `restore_crop`."""
    mask = np.zeros(size, bool)
    crop, top, left = restore_crop(probabilities, matrix, size, threshold)
    mask[top : top + crop.shape[0], left : left + crop.shape[1]] = crop
    return mask


def restore_crop(
    probabilities: np.ndarray, matrix: np.ndarray, size: tuple[int, int], threshold: float = 0.5
) -> tuple[np.ndarray, int, int]:
    """Returns a window's mask in the part of the image that the window covers, and where it is.

    Args:
        probabilities: float32 `(h, w)`, of each pixel of the window.
        matrix: float `(2, 3)`, from the image to the window.
        size: `(H, W)` of the image.
        threshold: A pixel is in where its probability is above it.

    Returns:
        `(crop, top, left)`: bool `(H', W')`, empty where the window lies outside the image, and
        its first row and column.

    Raises:
        DataError: If the matrix has no inverse.
    """
    height, width = probabilities.shape
    corners = np.array([[-1, -1], [width, -1], [-1, height], [width, height]])
    places = transform(corners, invert(matrix))
    x1, y1 = np.clip(np.floor(places.min(axis=0)), 0, size[::-1]).astype(int)
    x2, y2 = np.clip(np.ceil(places.max(axis=0)) + 1, 0, size[::-1]).astype(int)
    if x2 <= x1 or y2 <= y1:
        return np.zeros((0, 0), bool), 0, 0
    shifted = compose(matrix, np.array([[1.0, 0.0, x1], [0.0, 1.0, y1]]))
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    shown = cv2.warpAffine(
        np.asarray(probabilities, np.float32), shifted, (int(x2 - x1), int(y2 - y1)), flags=flags
    )
    return shown > threshold, int(y1), int(x1)
