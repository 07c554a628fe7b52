"""Images as a client sends them: the bytes of a file, or of a PNG made of an array."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from tfseg.errors import DataError

__all__ = ["Sent", "sent_images"]

_EXPECTED = "expected a path, the bytes of a file, an open file or an array uint8 (H, W, 3)"


class Sent(NamedTuple):
    """One image on its way to a server.

    Attributes:
        content: The bytes of its file.
        image_id: As `model.predict` numbers images: a file's stem, else the place in the list.
        path: Its file, or None.
        where: What messages call it.
        error: Why it cannot be sent; None if it can.
    """

    content: bytes
    image_id: int | str
    path: str | None
    where: str
    error: DataError | None = None


def sent_images(images) -> Iterator[Sent]:
    """Yields the images, read one by one; see `Client.predict` for what they may be."""
    if _is_single(images):
        images = [images]
    elif not isinstance(images, Iterable) or isinstance(images, dict):
        raise DataError(f"{_EXPECTED}, or a list of these, got {type(images).__name__}.")
    of = f" of {len(images)}" if hasattr(images, "__len__") else ""
    return (_sent(one, index, f"image {index + 1}{of}") for index, one in enumerate(images))


def _is_single(value) -> bool:
    if isinstance(value, (str, os.PathLike, bytes, bytearray, memoryview)):
        return True
    return hasattr(value, "read") or len(getattr(value, "shape", ())) in (2, 3)


def _sent(one, index: int, where: str) -> Sent:
    path, number = None, index
    if isinstance(one, (str, os.PathLike)):
        path = where = os.fspath(one)
        number = Path(path).stem
    try:
        return Sent(_content(one, path), number, path, where)
    except DataError as error:
        return Sent(b"", number, path, where, DataError(f"{where}: {error}"))


def _content(one, path: str | None) -> bytes:
    if path is not None:
        try:
            return Path(path).read_bytes()
        except OSError as error:
            raise DataError(f"cannot be read ({error.strerror}). Check the path.") from error
    if isinstance(one, (bytes, bytearray, memoryview)):
        return bytes(one)
    if hasattr(one, "read"):
        content = one.read()
        if not isinstance(content, bytes):
            raise DataError("it is open as text. Open images with open(path, 'rb').")
        return content
    return _png(one)


def _png(one) -> bytes:
    """Returns a PNG file of an array: nothing is lost on the way."""
    from PIL import Image

    array = np.asarray(one)
    fits = array.ndim == 2 or (array.ndim == 3 and array.shape[2] in (1, 3, 4))
    if not fits or array.dtype != np.uint8 or not array.size:
        shape = f" {array.dtype} {array.shape}" if array.dtype != object else ""
        raise DataError(
            f"{_EXPECTED}, (H, W) or (H, W, 4), got {type(one).__name__}{shape}. Convert it: "
            "numpy.asarray(image).astype('uint8') for values from 0 to 255."
        )
    array = array[..., 0] if array.shape[2:] == (1,) else array
    file = io.BytesIO()
    Image.fromarray(array).save(file, "PNG", compress_level=1)
    return file.getvalue()
