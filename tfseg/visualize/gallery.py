"""Many images on one sheet."""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
from PIL import Image, ImageDraw

from tfseg.errors import ConfigError
from tfseg.visualize import text
from tfseg.visualize.files import check_picture

__all__ = ["grid"]


def grid(
    images: Sequence[np.ndarray],
    captions: Sequence[str] | None = None,
    columns: int | None = None,
    *,
    cell: int | None = None,
    gap: int = 8,
    background: tuple[int, int, int] = (255, 255, 255),
) -> np.ndarray:
    """Returns the images side by side in rows, uint8 `(H, W, 3)`.

    Args:
        images: Images uint8 `(h, w, 3)` or grey `(h, w)`, of any sizes. None at all gives a
            sheet that says so.
        captions: A line below each image; too long ones end in "…".
        columns: Images in a row. None: a sheet about as wide as it is high.
        cell: Shrinks or enlarges each image so that its long side has so many pixels. None:
            all keep their size.
        gap: Pixels between images and around them.
        background: RGB of the sheet.

    Raises:
        ConfigError: If there are not as many captions as images, or a number is out of range.
    """
    if captions is not None and len(captions) != len(images):
        raise ConfigError(f"captions: expected {len(images)}, one an image, got {len(captions)}.")
    for name, value, least in (("columns", columns, 1), ("cell", cell, 1), ("gap", gap, 0)):
        if value is not None and value < least:
            raise ConfigError(f"{name}: expected {least} or more, got {value}.")
    if not len(images):
        images, captions = [np.full((40, 240, 3), background, np.uint8)], ["no images"]
    pictures = [check_picture(image, f"image {i}") for i, image in enumerate(images)]
    if cell is not None:
        pictures = [_fit(picture, cell) for picture in pictures]
    height = max(picture.shape[0] for picture in pictures)
    width = max(picture.shape[1] for picture in pictures)
    columns = columns or max(1, round(math.sqrt(len(pictures) * height / width)))
    rows = [pictures[at : at + columns] for at in range(0, len(pictures), columns)]
    face = text.font(max(9, min(22, width // 22)))
    strip = text.height_of(face) + 4 if captions is not None else 0
    heights = [max(picture.shape[0] for picture in row) + strip + gap for row in rows]
    across = gap + len(rows[0]) * (width + gap)
    sheet = Image.new("RGB", (across, gap + sum(heights)), tuple(background))
    canvas = ImageDraw.Draw(sheet)
    ink = (30, 30, 36) if sum(background) > 380 else (235, 235, 240)
    for number, row in enumerate(rows):
        top, bottom = gap + sum(heights[:number]), sum(heights[: number + 1]) - strip
        for column, picture in enumerate(row):
            left = gap + column * (width + gap)
            down = (bottom - top - picture.shape[0]) // 2
            sheet.paste(
                Image.fromarray(picture), (left + (width - picture.shape[1]) // 2, top + down)
            )
            if captions is not None:
                words = text.cut_to_width(captions[number * columns + column], face, width)
                start = left + (width - text.width_of(words, face)) // 2
                canvas.text((start, bottom + 2), words, ink, face)
    return np.asarray(sheet)


def _fit(picture: np.ndarray, side: int) -> np.ndarray:
    scale = side / max(picture.shape[:2])
    size = tuple(max(1, round(scale * n)) for n in (picture.shape[1], picture.shape[0]))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
