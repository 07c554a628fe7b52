"""Readable words in images, with a font that comes along with matplotlib."""

from __future__ import annotations

import functools
from pathlib import Path

from PIL import ImageDraw, ImageFont

__all__ = ["cut_to_width", "font", "height_of", "width_of"]


@functools.lru_cache(maxsize=64)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont:
    """Returns DejaVu Sans of a size in pixels. No font of the system is needed."""
    import matplotlib  # here, because only images with words pay for it

    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    return ImageFont.truetype(str(Path(matplotlib.get_data_path(), "fonts", "ttf", name)), size)


def width_of(words: str, face: ImageFont.FreeTypeFont) -> int:
    """Returns the width of one line of text in pixels."""
    return int(face.getlength(words) + 0.999)


def height_of(face: ImageFont.FreeTypeFont) -> int:
    """Returns the height of any line of text in pixels, tall letters and tails included."""
    return sum(face.getmetrics())


def cut_to_width(words: str, face: ImageFont.FreeTypeFont, width: int) -> str:
    """Returns one line of text at most `width` pixels wide, shortened with "…" where it has to
    be; "" where not even that fits."""
    words = " ".join(str(words).split())
    if width_of(words, face) <= width:
        return words
    low, high = 0, len(words)
    while low < high:  # longest head that fits
        middle = (low + high + 1) // 2
        fits = width_of(words[:middle].rstrip() + "…", face) <= width
        low, high = (middle, high) if fits else (low, middle - 1)
    shortened = words[:low].rstrip() + "…"
    return shortened if width_of(shortened, face) <= width else ""


def plate(
    canvas: ImageDraw.ImageDraw,
    box: tuple[int, int, int, int],
    words: str,
    face: ImageFont.FreeTypeFont,
    ground: tuple[int, int, int],
    ink: tuple[int, int, int],
    padding: int,
) -> None:
    """Draws a line of text on a rounded ground; `box` is `(left, top, right, bottom)` in pixels,
    ends exclusive."""
    left, top, right, bottom = box
    radius = min(4, (bottom - top) // 4)
    canvas.rounded_rectangle((left, top, right - 1, bottom - 1), radius, fill=ground)
    canvas.text((left + padding, top + (bottom - top - height_of(face)) // 2), words, ink, face)
