"""What light, lenses and files do to photographs. Images are uint8 `(H, W, 3)`."""

from __future__ import annotations

import numpy as np

from tfseg.geometry.shrink import resize_image
from tfseg.opencv import cv2

__all__ = ["behind_defocused", "camera_steps", "compressed", "reduced", "saturated", "shaded"]

_DEFOCUSED, _SHADED, _REDUCED, _COMPRESSED = 0.2, 0.3, 0.4, 0.3
_SATURATED, _GREY = 0.35, 0.06
_MOST_REDUCED = 6.0


def camera_steps() -> list:
    """Returns imgaug's part: light and colours, focus, noise."""
    from tfseg.data.augment.imgaug_additions import Contrast128, Gamma
    from tfseg.data.augment.imgaug_compat import iaa

    return [
        iaa.Sometimes(0.7, Gamma((0.55, 1.8))),
        iaa.Sometimes(0.7, iaa.Multiply((0.7, 1.3))),
        iaa.Sometimes(0.6, iaa.Multiply((0.85, 1.15), per_channel=True)),
        iaa.Sometimes(0.6, Contrast128((0.6, 1.3))),
        iaa.Sometimes(0.1, iaa.GaussianBlur((0.3, 1.6))),
        iaa.Sometimes(0.08, iaa.MotionBlur(k=(3, 7))),
        iaa.Sometimes(0.08, iaa.Sharpen((0.1, 0.5))),
        iaa.Sometimes(0.25, iaa.AdditiveGaussianNoise(scale=(1, 14), per_channel=0.5)),
    ]


def behind_defocused(
    image: np.ndarray, someone: np.ndarray, draw: np.random.Generator
) -> np.ndarray:
    """Returns the image, one time in five with what is not `someone` out of focus.

    The background is blurred without the people in it, so that their colours do not spread.

    Args:
        image: uint8 `(H, W, 3)`.
        someone: bool `(H, W)`.
        draw: Where chance comes from.
    """
    if draw.random() >= _DEFOCUSED or someone.all():
        return image
    blur = max(image.shape[:2]) * float(np.exp(draw.uniform(np.log(0.004), np.log(0.04))))
    seen = (~someone).astype(np.float32)
    weight = cv2.GaussianBlur(seen, (0, 0), blur)
    spread = cv2.GaussianBlur(image * seen[..., None], (0, 0), blur)
    behind = spread / np.maximum(weight, 1e-3)[..., None]
    front = cv2.GaussianBlur(someone.astype(np.float32), (0, 0), 0.8)[..., None]
    front = np.where(weight[..., None] > 1e-3, front, 1)
    return np.clip(np.rint(image * front + behind * (1 - front)), 0, 255).astype(np.uint8)


def saturated(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Returns the image, one time in three with paler or stronger colours, now and then grey.

    Not imgaug's own, which gives other images for the same seed.
    """
    lot = draw.random()
    if lot >= _SATURATED + _GREY:
        return image
    by = 0.0 if lot < _GREY else draw.uniform(0.3, 1.5)
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None].astype(np.float32)
    return np.clip(np.rint(luma + np.float32(by) * (image - luma)), 0, 255).astype(np.uint8)


def shaded(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Returns the image, three times in ten under light that changes along a line."""
    if draw.random() >= _SHADED:
        return image
    rows, columns = image.shape[:2]
    angle, strength = draw.uniform(0, 2 * np.pi), draw.uniform(0.1, 0.5)
    y = np.linspace(-1, 1, rows, dtype=np.float32)[:, None] * np.float32(np.sin(angle))
    x = np.linspace(-1, 1, columns, dtype=np.float32)[None] * np.float32(np.cos(angle))
    light = 1 + np.float32(strength) * (x + y)
    return np.clip(np.rint(image * light[..., None]), 0, 255).astype(np.uint8)


def reduced(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Returns the image, four times in ten as it looks after a reduction by 1 to 6."""
    if draw.random() >= _REDUCED:
        return image
    by = float(np.exp(draw.uniform(0, np.log(_MOST_REDUCED))))
    size = image.shape[:2]
    small = resize_image(image, tuple(max(4, round(side / by)) for side in size))
    way = cv2.INTER_CUBIC if draw.random() < 0.5 else cv2.INTER_LINEAR
    return np.ascontiguousarray(resize_image(small, size, enlarge=way))


def compressed(image: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Returns the image, three times in ten as a JPEG of quality 40 to 90 leaves it."""
    if draw.random() >= _COMPRESSED:
        return image
    quality = [cv2.IMWRITE_JPEG_QUALITY, int(draw.integers(40, 91))]
    # The order of the channels is what the file's brightness and colours are made from.
    _, file = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    return cv2.cvtColor(cv2.imdecode(file, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
