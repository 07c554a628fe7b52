"""Pictures as files."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
from PIL import Image

from tfseg.errors import DataError
from tfseg.files import write_whole

__all__ = ["as_colours", "check_picture", "encoded", "save_png"]


def as_colours(image: np.ndarray) -> np.ndarray:
    """Returns what can be shown of an image with other channels than RGB, uint8 `(H, W, 3)`: of
    up to two channels the first as grey, of more the first three. Anything else as it is."""
    image = np.asarray(image)
    if image.ndim != 3 or image.dtype != np.uint8 or image.shape[2] in (0, 3):
        return image
    return image[..., :3] if image.shape[2] > 3 else np.repeat(image[..., :1], 3, axis=2)


def check_picture(image, where: str = "image") -> np.ndarray:
    """Returns the image as uint8 `(H, W, 3)`, RGB; a grey one `(H, W)` is repeated.

    Raises:
        DataError: For any other type or shape, naming it, or if there is no pixel.
    """
    image = np.asarray(image)
    if image.dtype == np.uint8 and image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
        raise DataError(
            f"{where}: expected an RGB image uint8 (H, W, 3) with at least one pixel, got "
            f"{image.dtype} {image.shape}. tfseg.data.images.images.to_rgb converts other layouts."
        )
    return image


def encoded(image: np.ndarray, form: str = "PNG", **options) -> bytes:
    """Returns the bytes of an image file, "PNG" or "JPEG"."""
    buffer = io.BytesIO()
    Image.fromarray(check_picture(image)).save(buffer, form, **options)
    return buffer.getvalue()


def save_png(path: str | os.PathLike, image: np.ndarray) -> Path:
    """Writes an image as PNG, whole or not at all, and returns its path.

    Args:
        path: The file; directories above it are made.
        image: uint8 `(H, W, 3)` RGB, or grey `(H, W)`.

    Raises:
        DataError: If the array is no such image.
        TFSegError: If the file cannot be written.
    """
    return write_whole(path, encoded(image, "PNG"))
