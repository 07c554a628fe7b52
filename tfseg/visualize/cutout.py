"""A person taken off the background: transparent, blurred, of one colour, or another image."""

from __future__ import annotations

import io
import os
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageColor

from tfseg.errors import ConfigError, DataError
from tfseg.files import write_whole
from tfseg.visualize.files import as_colours, check_picture

__all__ = [
    "check_background",
    "cut_out",
    "firm_alpha",
    "foreground_colours",
    "picture_format",
    "replace_background",
    "save_picture",
]

_TILE = 512  # images are worked on in squares or bands of so many pixels: little memory
_BLUR_SIDE = 1024  # a blurred image has no detail that more pixels could show
_BLUR = 0.025  # default blur, as a share of the short side
_FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}
_OPTIONS = {"PNG": {}, "JPEG": {"quality": 92, "subsampling": 0}, "WEBP": {"quality": 92}}


def firm_alpha(alpha: np.ndarray, certain: float = 0.9) -> np.ndarray:
    """Returns an opacity made of a network's probability, uint8 `(H, W)`: from `certain` up
    opaque, at `1 - certain` and below clear, straight in between.

    A network is seldom wholly sure. Taken as it is, its probability lets the old background shine
    through the person faintly and leaves a veil of it around.

    Args:
        alpha: uint8 `(H, W)`, 255 times the probability of the foreground; or as in `cut_out`.
        certain: Above 0.5, up to 1; 1 changes nothing.
    """
    if not 0.5 < certain <= 1:
        raise ConfigError(f"certain: expected a number above 0.5 and up to 1, got {certain!r}.")
    low, high = 255 * (1 - certain), 255 * certain
    table = np.clip((np.arange(256) - low) / (high - low) * 255, 0, 255)
    return np.rint(table).astype(np.uint8)[_opacity(alpha)]


def cut_out(image: np.ndarray, alpha: np.ndarray, *, clean_edges: bool = True) -> np.ndarray:
    """Returns the foreground on nothing, uint8 `(H, W, 4)`: red, green, blue and opacity.

    Where the opacity is 0 the colour is black: the file shall not carry what was cut away.

    Args:
        image: uint8 `(H, W, 3)` RGB, or grey `(H, W)`.
        alpha: The opacity, `(H, W)`: uint8 from 0 clear to 255 opaque, bool, or float 0 to 1.
        clean_edges: Take the old background's colour out of half transparent pixels, see
            `foreground_colours`.

    Raises:
        DataError: If the image is no image, or the opacity has another size or other values.
    """
    image, alpha = _checked(image, alpha)
    result = np.empty((*alpha.shape, 4), np.uint8)
    result[..., :3] = foreground_colours(image, alpha) if clean_edges else image
    result[..., :3][alpha == 0] = 0
    result[..., 3] = alpha
    return result


def replace_background(
    image: np.ndarray,
    alpha: np.ndarray,
    background: str | np.ndarray | None,
    *,
    blur: float | None = None,
    clean_edges: bool = True,
) -> np.ndarray:
    """Returns the foreground before another background, uint8 `(H, W, 3)`.

    Args:
        image: uint8 `(H, W, 3)` RGB, or grey `(H, W)`.
        alpha: The opacity of the foreground, see `cut_out`.
        background: "blur": the image's own, out of focus, without the foreground's colours. A
            colour: "#rrggbb", or a name such as "white". An image uint8 `(h, w, 3)` of any size:
            enlarged or shrunk until it covers, and its middle taken; files are read with
            `tfseg.data.read_image`, which turns them upright. None: nothing, which gives
            the result of `cut_out`.
        blur: Standard deviation of the blur in pixels, above 0. None: a fortieth of the short
            side.
        clean_edges: See `cut_out`.

    Raises:
        ConfigError: If the background or the blur is none of these.
        DataError: As in `cut_out`.
    """
    image, alpha = _checked(image, alpha)
    colour = check_background(background)
    if background is None:
        return cut_out(image, alpha, clean_edges=clean_edges)
    if colour is not None:
        behind = np.broadcast_to(colour, image.shape)
    elif isinstance(background, str):
        behind = _blurred(image, alpha, blur)
    else:
        behind = _cover(check_picture(as_colours(background), "background"), alpha.shape)
    front = foreground_colours(image, alpha) if clean_edges else image.copy()
    for top in range(0, len(front), _TILE):
        rows = slice(top, top + _TILE)
        share = alpha[rows, :, None].astype(np.uint16)
        mixed = front[rows] * share + behind[rows] * (255 - share)  # at most 255 * 255
        front[rows] = (mixed + np.uint16(127)) // np.uint16(255)
    return front


def check_background(background: str | np.ndarray | None) -> np.ndarray | None:
    """Returns the colour that `background` names, uint8 `(3,)`; None for "blur", an image or
    None. To be called before predicting, so that a slip of the pen costs no waiting.

    Raises:
        ConfigError: If it is none of what `replace_background` takes.
    """
    if background is None or isinstance(background, np.ndarray) or background == "blur":
        return None
    try:
        return np.array(ImageColor.getrgb(background)[:3], np.uint8)
    except (ValueError, AttributeError, TypeError, OverflowError):
        raise ConfigError(
            f"background: expected 'blur', a colour such as '#ffffff' or 'white', the array of a "
            f"picture, or None for transparency; got {background!r}. An image file is read with "
            f"tfseg.data.images.images.read_image first."
        ) from None


def foreground_colours(image: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Returns the image with the old background taken out of half transparent pixels, uint8
    `(H, W, 3)`; pixels that are opaque or clear stay as they are.

    A half transparent pixel shows `a F + (1 - a) B`, foreground and background mixed; before a
    new background the rest of the old one would shine as a rim. F and B are first taken as the
    means around the pixel, weighted by how surely the neighbours belong to one or the other (the
    fourth power of `a` and of `1 - a`); then F takes the share `a` of what these leave
    unexplained, which brings back fine detail. After M. Forte, Approximate Fast Foreground Colour
    Estimation, ICIP 2021, in one pass, with weights of the surest pixels.

    Args:
        image: uint8 `(H, W, 3)` RGB, or grey `(H, W)`.
        alpha: The opacity, see `cut_out`.
    """
    image, alpha = _checked(image, alpha)
    result = image.copy()
    reach = int(np.clip(min(alpha.shape) // 50, 4, 32))
    for top in range(0, alpha.shape[0], _TILE):
        for left in range(0, alpha.shape[1], _TILE):
            inner = (slice(top, top + _TILE), slice(left, left + _TILE))
            soft = (alpha[inner] > 0) & (alpha[inner] < 255)
            if soft.any():
                y, x = max(0, top - reach), max(0, left - reach)
                outer = (slice(y, top + _TILE + reach), slice(x, left + _TILE + reach))
                clean = _unmixed(image[outer], alpha[outer], reach)
                height, width = soft.shape
                part = clean[top - y : top - y + height, left - x : left - x + width]
                result[inner][soft] = part[soft]
    return result


def _unmixed(image: np.ndarray, alpha: np.ndarray, reach: int) -> np.ndarray:
    pixels = image.astype(np.float32)
    share = alpha.astype(np.float32)[..., None] / 255
    front = _local_mean(pixels, share**4, reach)
    behind = _local_mean(pixels, (1 - share) ** 4, reach)
    front += share * (pixels - share * front - (1 - share) * behind)
    return np.clip(np.rint(front), 0, 255).astype(np.uint8)


def _local_mean(pixels: np.ndarray, weight: np.ndarray, reach: int) -> np.ndarray:
    """Returns the weighted mean around each pixel; the pixel itself where all weights vanish."""
    side = (2 * reach + 1, 2 * reach + 1)
    weight = weight + np.float32(1e-6)
    total = cv2.blur(pixels * weight, side, borderType=cv2.BORDER_REPLICATE)
    return total / cv2.blur(weight, side, borderType=cv2.BORDER_REPLICATE)[..., None]


def _blurred(image: np.ndarray, alpha: np.ndarray, blur: float | None) -> np.ndarray:
    """Returns the background out of focus, uint8 `(H, W, 3)`. The foreground has no weight in it,
    so it leaves no halo; far inside the foreground nothing is known, and nothing seen."""
    blur = _BLUR * min(alpha.shape) if blur is None else blur
    if not 0 < blur < np.inf:
        raise ConfigError(f"blur: expected a number of pixels above 0, got {blur!r}.")
    # A light blur needs the detail: then, the image is not shrunk below what it leaves.
    scale = min(1.0, max(_BLUR_SIDE / max(alpha.shape), 2 / blur))
    size = tuple(max(1, round(scale * n)) for n in alpha.shape[::-1])
    pixels = cv2.resize(image, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    share = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    # One pixel away from the foreground: what touches it may hold some of its colour.
    weight = cv2.erode(1 - share, np.ones((3, 3), np.uint8))[..., None] + np.float32(1e-6)
    sigma = float(blur * scale)
    total = cv2.GaussianBlur(pixels * weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
    total /= cv2.GaussianBlur(weight, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)[..., None]
    small = np.clip(np.rint(total), 0, 255).astype(np.uint8)
    return cv2.resize(small, alpha.shape[::-1], interpolation=cv2.INTER_LINEAR)


def _cover(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns the middle of an image that was scaled to cover `(H, W)`, of that size."""
    height, width = picture.shape[:2]
    scale = max(size[0] / height, size[1] / width)
    # The part that stays is cut first, in the image's own pixels: less to scale.
    rows, columns = max(1, round(size[0] / scale)), max(1, round(size[1] / scale))
    top, left = (height - rows) // 2, (width - columns) // 2
    part = np.ascontiguousarray(picture[top : top + rows, left : left + columns])
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return cv2.resize(part, size[::-1], interpolation=way)


def _checked(image: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    image, alpha = check_picture(as_colours(image)), _opacity(alpha)
    if alpha.shape != image.shape[:2]:
        raise DataError(
            f"alpha: the image is {image.shape[0]} x {image.shape[1]} pixels, its opacity "
            f"{' x '.join(map(str, alpha.shape))}. Pass the one that was predicted for it."
        )
    return image, alpha


def _opacity(alpha: np.ndarray) -> np.ndarray:
    """Returns the opacity as uint8 `(H, W)`."""
    alpha = np.asarray(alpha)
    if alpha.ndim == 2 and alpha.dtype == bool:
        return alpha.astype(np.uint8) * np.uint8(255)
    if alpha.ndim == 2 and alpha.dtype.kind == "f" and alpha.size:
        if alpha.min() >= 0 and alpha.max() <= 1:  # NaN is neither
            return np.rint(alpha * 255).astype(np.uint8)
    elif alpha.ndim == 2 and alpha.dtype == np.uint8:
        return alpha
    raise DataError(
        f"alpha: expected the opacity of each pixel, (H, W), as uint8 0 to 255, bool, or float 0 "
        f"to 1, got {alpha.dtype} {alpha.shape}. A model that cuts out "
        f"predicts one: prediction.label_maps['alpha']."
    )


def picture_format(path: str | os.PathLike, transparent: bool = False) -> str:
    """Returns the format that a file's name asks for: "PNG", "JPEG" or "WEBP".

    Raises:
        ConfigError: For another ending, or if the image is transparent and the format cannot
            hold that.
    """
    ending = Path(path).suffix.lower()
    form = _FORMATS.get(ending)
    if form is None:
        raise ConfigError(
            f"{os.fspath(path)}: expected a name that ends in {', '.join(_FORMATS)}, got "
            f"{ending or 'no ending'!r}."
        )
    if transparent and form == "JPEG":
        raise ConfigError(
            f"{os.fspath(path)}: a JPEG file cannot be transparent. Name it .png or .webp, or give "
            f"it a background such as 'white' or 'blur'."
        )
    return form


def save_picture(path: str | os.PathLike, picture: np.ndarray) -> Path:
    """Writes an image in the format of its name, whole or not at all, and returns its path.

    Args:
        path: The file, `.png`, `.jpg` or `.webp`; directories above it are made.
        picture: uint8 `(H, W, 4)` with opacity, `(H, W, 3)`, or grey `(H, W)` such as an opacity
            alone.

    Raises:
        ConfigError: See `picture_format`.
        DataError: If the array is no such image.
        TFSegError: If the file cannot be written.
    """
    picture = np.asarray(picture)
    transparent = picture.ndim == 3 and picture.shape[2] == 4
    form = picture_format(path, transparent)
    if picture.ndim != 2 or picture.dtype != np.uint8 or not picture.size:
        check_picture(picture[..., :3] if transparent else picture, "picture")
    buffer = io.BytesIO()
    try:
        Image.fromarray(picture).save(buffer, form, **_OPTIONS[form])
    except (OSError, ValueError) as error:  # WebP and JPEG end at 16,383 and 65,535 pixels
        raise DataError(f"{os.fspath(path)}: no {form} file can hold it ({error}).") from error
    return write_whole(path, buffer.getvalue())
