"""What may stand for an image beside its pixels: a path, bytes, a file object; and what may not."""

from __future__ import annotations

import base64
import binascii
import inspect
import io
import os

import numpy as np
from PIL import Image

from tfseg.errors import DataError

__all__ = [
    "DAMAGED",
    "IMAGE_STARTS",
    "OVERSHOT",
    "OVERSHOT_TOLD",
    "base64_remedy",
    "check_floats",
    "check_text",
    "file_bytes",
    "is_file_object",
    "is_source",
    "layout_hint",
    "short",
]

OVERSHOT = 2.0
OVERSHOT_TOLD = (
    "the pixels are fractions beyond 1, which are neither 0 to 1 nor 0 to 255. Clip them: "
    "numpy.clip(array, 0, 1)."
)
# How files of images begin: JPEG, PNG, GIF, as no others do; WebP, TIFF of both byte orders, BMP.
IMAGE_STARTS = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8")
_STARTS = (*IMAGE_STARTS, b"RIFF", b"II*\0", b"MM\0*", b"BM")
DAMAGED = (
    "expected a complete image, but it is cut off or damaged ({}). Fetch or export the file again, "
    "or take it out of the dataset."
)
"""What to say of a file that is no whole image, with the reason in the braces."""
_MOST_CHANNELS = 32  # of an image; a longer last axis is taken for a row of pixels
_SHOWN = 40  # characters of a long text


def is_source(value) -> bool:
    """Returns whether `read_image` takes a value for one image: a path, the bytes of a file, a file
    object, or an image of Pillow."""
    known = (str, os.PathLike, bytes, bytearray, memoryview, Image.Image)
    return isinstance(value, known) or is_file_object(value)


def is_file_object(value) -> bool:
    """Returns whether a value is read like an open file: `io.BytesIO`, `open(...)`, an upload."""
    return callable(getattr(value, "read", None)) and not isinstance(value, type)


def file_bytes(file) -> tuple[str, bytes]:
    """Returns a file object's name for messages, and all of its bytes, from its beginning.

    Like Pillow it goes back to the beginning first: who has just written an image into a buffer
    stands at its end.

    Raises:
        DataError: If it is closed, open as text, read asynchronously, or holds nothing.
    """
    kind = type(file).__name__
    name = _name(file) or f"file object ({kind})"
    if inspect.iscoroutinefunction(file.read):
        raise DataError(_asynchronous(name, file))
    if isinstance(file, io.TextIOBase):
        raise DataError(f"{name}: it is open as text. Open images with open(path, 'rb').")
    try:
        _rewind(file)
        data = file.read()
    except (OSError, ValueError) as error:
        raise DataError(f"{name}: the file object cannot be read ({error}).") from error
    if inspect.isawaitable(data):
        getattr(data, "close", lambda: None)()
        raise DataError(_asynchronous(name, file))
    if not isinstance(data, (bytes, bytearray, memoryview)):
        raise DataError(
            f"{name}: expected bytes from read(), got {type(data).__name__}. Pass the bytes of an "
            "image, or an array (H, W, 3)."
        )
    if not len(data):
        raise DataError(f"{name}: the file object has no bytes left. Was it read before?")
    return name, bytes(data)


def check_floats(array: np.ndarray, name: str) -> None:
    """Raises DataError for pixels that are not finite, and for those that went a little beyond 1,
    as an enlarging does: taken for 0 to 255 they would all be black."""
    if not np.isfinite(array).all():
        raise DataError(
            f"{name}: the pixels hold NaN or infinity. Replace them, for instance by "
            "numpy.nan_to_num(array)."
        )
    if 1 < array.max() <= OVERSHOT and (array != np.rint(array)).any():
        raise DataError(f"{name}: {OVERSHOT_TOLD}")


def layout_hint(shape: tuple[int, ...]) -> str:
    """Returns what to do with an array whose axes seem to be others than `(H, W, D)`; "" where
    nothing is known."""
    first = " The channels seem to come first: use array.transpose(1, 2, 0)."
    batch = " A batch is a list of images: pass list(array)."
    if len(shape) == 1:
        return " The bytes of a file are no pixels yet: pass array.tobytes()."
    if len(shape) == 4:
        planes = shape[1] in (1, 3, 4) and shape[3] > 4
        return f"{batch[:-1]}, after array.transpose(0, 2, 3, 1)." if planes else batch
    if len(shape) != 3 or shape[2] <= 4:
        return ""
    if shape[0] in (1, 3, 4):
        return first
    # Rows before a last axis this long: it is the width of a grey image, not channels.
    return batch if shape[2] > _MOST_CHANNELS or shape[0] < shape[2] else ""


def check_text(text: str) -> None:
    """Refuses text that holds an image, or is too long, where the path of a file is expected.

    Raises:
        DataError: For base64, a data URL, or what no system takes for a path; shown shortened.
    """
    if not text:
        raise DataError("expected the path of a file, got empty text.")
    if remedy := base64_remedy(text):
        raise DataError(f"{short(text)}: {remedy}")
    longest = max(map(len, text.replace("\\", "/").split("/")), default=0)
    if "\0" in text or longest > 255 or len(text) > 4096:
        raise DataError(
            f"{short(text)}: this is no path. Pass the path of a file, or the bytes of an image as "
            "bytes, not as text."
        )


def base64_remedy(value: str | bytes) -> str:
    """Returns how to decode a data URL or base64 of an image; "" for anything else."""
    start = value[:200]
    start = (start.decode("latin-1") if isinstance(start, bytes) else start).strip()
    expected = "expected the path or the bytes of an image, but this is"
    if start[:5].lower() == "data:" and "," in start:
        decoded = "pass base64.b64decode(text.split(',', 1)[1])."
        return f"{expected} a data URL. Decode it first: {decoded}"
    letters = "".join(start.split())[:32].replace("-", "+").replace("_", "/")
    try:
        head = base64.b64decode(letters[: len(letters) // 4 * 4], validate=True)
    except (binascii.Error, ValueError):
        return ""
    if len(head) < 24 or not head.startswith(_STARTS):
        return ""
    return f"{expected} base64 text. Decode it first: pass base64.b64decode(text)."


def short(text: str) -> str:
    """Returns a text that may be very long, for a message."""
    if len(text) <= 255:
        return repr(text)
    return f"{text[:_SHOWN]!r}... ({len(text):,} characters)"


def _name(file) -> str:
    """Returns the name of the file or the upload, or ""."""
    for attribute in ("filename", "name"):
        name = getattr(file, attribute, None)
        if isinstance(name, str) and name:
            return name
    return ""


def _rewind(file) -> None:
    try:
        file.seek(0)
    except (AttributeError, OSError):  # a stream, such as the body of an answer
        return


def _asynchronous(name: str, file) -> str:
    other = ", or its file: upload.file" if is_file_object(getattr(file, "file", None)) else ""
    return (
        f"{name}: {type(file).__name__} is read asynchronously, which cannot be done here. Pass "
        f"its bytes: await upload.read(){other}."
    )
