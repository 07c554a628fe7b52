"""Images with as many channels as a model reads: grey, RGB, RGB with depth, or any number."""

from __future__ import annotations

import numpy as np
from PIL import Image

from tfseg.data.images.image_sources import layout_hint
from tfseg.data.images.images import as_uint8, read_image, to_rgb
from tfseg.errors import DataError

__all__ = ["grey", "to_channels"]

# ITU-R BT.601 in 16 bits, as Pillow converts to "L": the weights add up to 65536, so that a grey
# image stays what it is.
_LUMA = np.array((19595, 38470, 7471), np.uint32)


def grey(image: np.ndarray) -> np.ndarray:
    """Returns the brightness of an image, uint8 `(H, W, 1)`.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
    """
    total = image.astype(np.uint32) @ _LUMA
    return ((total + 0x8000) >> 16).astype(np.uint8)[..., None]


def to_channels(array: np.ndarray, channels: int, name: str = "image array") -> np.ndarray:
    """Returns pixels as a model of so many channels reads them, uint8 `(H, W, channels)`.

    Three are RGB, see `images.to_rgb`. One is grey: colours become their brightness
    (ITU-R BT.601), alpha is laid on white. Any other number must be there already; what depth or
    heat there is cannot be made up from colours.

    Args:
        array: `(H, W)`, or `(H, W, D)` with the values that `to_rgb` takes: uint8 as it is, uint16
            from 0 to 65535, floats from 0 to 1 or to 255, all channels by one rule.
        channels: 1 or more.
        name: What to call the image in an error.

    Raises:
        DataError: For another number of channels, naming both, and whatever `to_rgb` refuses.
    """
    array = read_image(array) if isinstance(array, Image.Image) else np.asarray(array)
    if channels == 3:
        if array.ndim == 3 and array.shape[2] > 4:
            raise DataError(_mismatch(name, array, channels))
        return to_rgb(array, name)
    if channels == 1:
        if array.ndim == 2:
            array = array[..., None]
        if array.ndim == 3 and array.shape[2] == 1 and array.size:
            return np.ascontiguousarray(as_uint8(array, name))
        if array.ndim == 3 and array.shape[2] > 4:
            raise DataError(_mismatch(name, array, channels))
        return grey(to_rgb(array, name))
    if array.ndim != 3 or array.shape[2] != channels:
        raise DataError(_mismatch(name, array, channels))
    if not array.size:
        raise DataError(f"{name}: expected at least one pixel, got shape {array.shape}.")
    return np.ascontiguousarray(as_uint8(array, name))


def _mismatch(name: str, array: np.ndarray, channels: int) -> str:
    if (array.ndim != 3 or array.shape[2] != channels) and (hint := layout_hint(array.shape)):
        return f"{name}: expected pixels (H, W, {channels}), got shape {array.shape}.{hint}"
    has = array.shape[2] if array.ndim == 3 else 1
    remedy = f"Pass arrays (H, W, {channels})"
    if channels not in (1, 3):
        remedy += " or samples with such images; image files hold RGB or grey alone"
    return (
        f"{name}: the model reads images of {channels} channels, this one has {has} (shape "
        f"{array.shape}). {remedy}, or use a model made for {has} (channels={has} of Mask R-CNN)."
    )
