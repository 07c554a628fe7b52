"""Images in: files, bytes and arrays of any usual kind become uint8 `(H, W, 3)` RGB.

JPEG files take the short way through OpenCV (the same pixels as Pillow in half to two
thirds of the time); everything else goes through Pillow.
"""

from __future__ import annotations

import io
import os
import zlib

import numpy as np
from PIL import Image, UnidentifiedImageError

from tfseg.data.images import jpeg_scan
from tfseg.data.images.image_files import foreign_remedy
from tfseg.data.images.image_sources import (
    DAMAGED,
    IMAGE_STARTS,
    base64_remedy,
    check_floats,
    check_text,
    file_bytes,
    is_file_object,
    layout_hint,
)
from tfseg.errors import DataError

__all__ = [
    "as_uint8",
    "check_file",
    "image_size",
    "pillow_reason",
    "read_image",
    "sound_size",
    "stored_orientation",
    "to_rgb",
    "turn",
]

ORIENTATION_TAG = 0x0112
_CLOSED = (
    "its file was closed before its pixels were read. Pass it while the file is open, or the path."
)
_JPEG_END = b"\xff\xd9"
_ENDS = (_JPEG_END, b"IEND\xaeB`\x82")  # of a JPEG and of a PNG file


def read_image(source) -> np.ndarray:
    """Returns an image as a viewer shows it: uint8 `(H, W, 3)`, RGB, contiguous.

    The EXIF orientation is applied. Grey becomes three equal channels; transparency is laid on
    white; 16-bit values are scaled to 8 bits; CMYK is converted; of an animation the first
    frame counts. Colour profiles are not applied.

    Args:
        source: The path of a file, its bytes, an open file or an upload (anything with `.read()`),
            or an image of Pillow, which is taken as its file is, at the frame where it stands.

    Raises:
        DataError: The file is missing, a folder, empty, cut off, no image, or has more pixels
            than Pillow's guard against decompression bombs allows (twice
            `PIL.Image.MAX_IMAGE_PIXELS`, 179 million).
    """
    if isinstance(source, Image.Image):
        return _upright(source, str(getattr(source, "filename", "") or "image of Pillow"))
    name, data = _load(source)
    with _open(name, data) as image:
        return _upright(image, name, data)


def _upright(image: Image.Image, name: str, data: bytes = b"") -> np.ndarray:
    """Returns the pixels of an image of Pillow; `data` is its file, where that is at hand."""
    try:
        pixels = _jpeg_pixels(image, data)
        if pixels is None:
            pixels = _pillow_pixels(image, name)
        # After the pixels: Pillow may decode them to find the tag, and an error of theirs must
        # not pass for one of the tag's.
        orientation = _orientation(image)
    except DataError:
        raise
    except AssertionError as error:  # so Pillow says that an image lost its file
        raise DataError(f"{name}: {_CLOSED}") from error
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, zlib.error) as error:
        if "closed" in str(error):
            raise DataError(f"{name}: {_CLOSED}") from error
        raise DataError(f"{name}: {DAMAGED.format(error)}") from error
    return np.ascontiguousarray(turn(pixels, orientation))


def image_size(source: str | os.PathLike | bytes) -> tuple[int, int]:
    """Returns `(height, width)` of the image that `read_image` would return.

    Only the header is read, so a cut-off file passes.
    """
    name, data = _load(source) if isinstance(source, (bytes, bytearray)) else (str(source), None)
    with _open(name, data if data is not None else check_file(source)) as image:
        width, height = image.size
        turned = _orientation(image) >= 5 and image.format != "TIFF"  # Pillow turns those itself
        return (width, height) if turned else (height, width)


def sound_size(source: str | os.PathLike | bytes) -> tuple[int, int]:
    """Returns `(height, width)` of an image that is all there, as `image_size` does.

    A JPEG or PNG file with the right end is taken for whole; any other file is read to be sure.

    Raises:
        DataError: What `read_image` raises of a file that is missing, cut off or no image.
    """
    size = image_size(source)
    if isinstance(source, (bytes, bytearray)):
        end = bytes(source[-8:])
    else:
        with open(source, "rb") as file:
            file.seek(-min(8, os.path.getsize(source)), os.SEEK_END)
            end = file.read()
    if not end.endswith(_ENDS):
        read_image(source)
    return size


def stored_orientation(source: str | os.PathLike | bytes) -> int:
    """Returns the EXIF orientation in the file, 1 (upright) to 8; 1 where there is none."""
    name, data = _load(source)
    with _open(name, data) as image:
        return _orientation(image)


def turn(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Returns stored pixels `(H, W, ...)` as the EXIF orientation says they are to be seen.

    Args:
        pixels: The rows and columns as stored.
        orientation: EXIF tag 274 (JEITA CP-3451): 1 as it is, 2 mirrored, 3 upside down,
            4 mirrored upside down, 5 transposed, 6 to turn clockwise, 7 transposed about the
            other diagonal, 8 to turn anticlockwise.
    """
    if orientation >= 5:
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return pixels


def to_rgb(array: np.ndarray, name: str = "image array") -> np.ndarray:
    """Returns an array of pixels as uint8 `(H, W, 3)`, RGB, contiguous.

    Shapes: `(H, W)` and `(H, W, 1)` are grey, `(H, W, 2)` grey with alpha, `(H, W, 3)` RGB,
    `(H, W, 4)` RGB with alpha; alpha is laid on white.
    Values: uint8 as it is; bool is black and white; uint16 runs to 65535; other integers must
    lie in 0 to 255; floats run from 0 to 1 if no value is above 1, else from 0 to 255.

    Args:
        array: The pixels.
        name: What to call the image in an error.

    Raises:
        DataError: Another shape, no pixels, values outside these ranges, NaN or infinity.
    """
    if isinstance(array, Image.Image):
        return read_image(array)
    array = np.asarray(array)
    shape = array.shape
    if array.ndim == 2:
        array = array[:, :, None]
    if array.ndim != 3 or array.shape[2] not in (1, 2, 3, 4):
        raise DataError(
            f"{name}: expected pixels (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), got shape "
            f"{shape}.{layout_hint(shape)}"
        )
    if 0 in shape:
        raise DataError(f"{name}: expected at least one pixel, got shape {shape}.")
    array = as_uint8(array, name)
    if array.shape[2] in (2, 4):
        alpha = array[:, :, -1:].astype(np.uint16)
        colour = array[:, :, :-1].astype(np.uint16)
        array = ((colour * alpha + 255 * (255 - alpha) + 127) // 255).astype(np.uint8)
    if array.shape[2] == 1:
        array = np.repeat(array, 3, axis=2)
    return np.ascontiguousarray(array)


def as_uint8(array: np.ndarray, name: str) -> np.ndarray:
    """Returns pixel values of whatever shape as uint8, by the rules of `to_rgb`.

    Raises:
        DataError: For values outside them.
    """
    kind = array.dtype.kind
    if array.dtype == np.uint8:
        return array
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return ((array.astype(np.uint32) + 128) // 257).astype(np.uint8)
    if kind not in "iuf":
        raise DataError(
            f"{name}: expected numbers for pixels, got dtype {array.dtype}. Convert the array: "
            "with .astype('float32') for values from 0 to 1, with .astype('uint8') for 0 to 255."
        )
    if kind == "f":
        check_floats(array, name)
    low, high = array.min(), array.max()
    if low < 0 or high > 255:
        remedy = "Undo any mean subtraction or scaling first: the models do their own."
        if low >= 0 and high <= 65535 and kind != "f":
            remedy = "Pixels of 16 bits are uint16: pass array.astype('uint16')."
        raise DataError(
            f"{name}: expected {array.dtype} pixels between 0 and 255"
            f"{' (or 0 and 1)' if kind == 'f' else ''}, got {low:g} to {high:g}. {remedy}"
        )
    if kind == "f":
        array = np.rint(array * 255.0 if high <= 1 else array)
    return array.astype(np.uint8)


def pillow_reason(error: Exception) -> str:
    """Returns why Pillow cannot read a file, in words that are the same at every call."""
    if isinstance(error, UnidentifiedImageError):  # it shows the address of a buffer
        return "it is none of the formats known"
    return str(error) or type(error).__name__


def check_file(source: str | os.PathLike) -> str:
    """Returns the path of an image's file, which is there and not empty.

    Raises:
        DataError: It is not, or this is no path.
    """
    try:
        path = os.fspath(source)
    except TypeError:
        raise DataError(
            f"expected the path, the bytes or the open file of an image, got "
            f"{type(source).__name__}. Arrays go through tfseg.data.images.images.to_rgb."
        ) from None
    if isinstance(path, str) and path.startswith(("http://", "https://")):
        raise DataError(f"{path}: addresses are not fetched. Download the image first.")
    if os.path.isdir(path):
        raise DataError(
            f"{path}: expected the file of an image, got a folder. Name its files one by one."
        )
    if not os.path.exists(path):
        check_text(os.fsdecode(path))
        folder = os.path.dirname(path) or "."
        known = "" if os.path.isdir(folder) else f" (there is no folder {folder!r} either)"
        raise DataError(f"{path}: there is no such file{known}. Check the path.")
    if os.path.getsize(path) == 0:
        raise DataError(f"{path}: the file is empty. Fetch or export it again.")
    return path


def _load(source: str | os.PathLike | bytes) -> tuple[str, bytes]:
    """Returns the name for messages, and the bytes."""
    if isinstance(source, (bytes, bytearray, memoryview)):
        if not len(source):
            raise DataError("expected the bytes of an image, got none.")
        return "image bytes", bytes(source)
    if is_file_object(source):
        return file_bytes(source)
    path = check_file(source)
    try:
        with open(path, "rb") as file:
            return str(path), file.read()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}). Check its rights.") from error


def _open(name: str, data: bytes | str) -> Image.Image:
    try:
        return Image.open(io.BytesIO(data) if isinstance(data, bytes) else data)
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{name}: the image is too large to be opened safely ({error}). Scale it down, or "
            "raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file."
        ) from error
    except (OSError, SyntaxError, ValueError, EOFError) as error:
        start = data[:12] if isinstance(data, bytes) else _first_bytes(data)
        remedy = (isinstance(data, bytes) and base64_remedy(data)) or foreign_remedy(start)
        if start.startswith(IMAGE_STARTS):
            remedy = DAMAGED.format("its head")
        if remedy:
            raise DataError(f"{name}: {remedy}") from None
        raise DataError(
            f"{name}: expected an image (JPEG, PNG, WebP, GIF, TIFF, BMP), but the file begins "
            f"with {start[:8]!r}. Convert it, fetch it again, or take it out of the dataset."
        ) from error


def _first_bytes(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read(12)


def _orientation(image: Image.Image) -> int:
    try:
        value = int(image.getexif().get(ORIENTATION_TAG, 1))
    except Exception:  # a damaged EXIF block raises almost anything; the image may be sound
        return 1
    return value if 1 <= value <= 8 else 1


def _jpeg_pixels(image: Image.Image, data: bytes) -> np.ndarray | None:
    """Returns the stored pixels of a complete RGB or grey JPEG, or None for any other file.

    OpenCV fills the missing rest of a cut-off file with grey and says nothing, so a file that
    does not end with the end marker is left to Pillow, which knows. Where the last corner is of
    that grey, the coded data is looked at more closely.

    Raises:
        OSError: The file ends as it should, but data is missing.
    """
    if image.format not in ("JPEG", "MPO") or image.mode not in ("RGB", "L"):
        return None
    if not data.endswith(_JPEG_END):
        return None
    from tfseg.opencv import cv2

    flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error:
        return None
    if pixels is None or pixels.shape[1::-1] != image.size:
        return None
    if jpeg_scan.ends_in_grey(pixels) and jpeg_scan.lacks_data(data):
        raise OSError("the end is there, but data before it is missing")
    return pixels


def _pillow_pixels(image: Image.Image, name: str) -> np.ndarray:
    """Returns the stored pixels of any file that Pillow opens, uint8 `(H, W, 3)`."""
    mode = image.mode
    if mode in ("I", "F") or mode.startswith("I;16"):
        values = np.asarray(image)
        if mode == "I" and values.min() >= 0 and 255 < values.max() <= 65535:
            values = values.astype(np.uint16)
        return to_rgb(values.astype(np.uint16) if mode.startswith("I;16") else values, name)
    if mode == "La":  # Pillow knows no way from it to RGBA
        image = image.convert("LA")
    if mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        return to_rgb(np.asarray(image.convert("RGBA")), name)
    return np.asarray(image.convert("RGB"))
