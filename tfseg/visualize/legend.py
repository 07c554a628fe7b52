"""A legend below an image: what its colours mean, and lines about single objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from tfseg.visualize import text

__all__ = ["with_legend"]

_GROUND, _INK = (255, 255, 255), (30, 30, 36)


def with_legend(
    picture: np.ndarray,
    keys: Sequence[tuple[str, Sequence[int]]],
    lines: Sequence[str] = (),
    scale: float = 1.0,
) -> np.ndarray:
    """Returns the image with a legend below, uint8 `(H + h, W, 3)`; as it is where there is
    nothing to say.

    Args:
        picture: uint8 `(H, W, 3)`.
        keys: Words and the colour that they explain, side by side as far as they fit.
        lines: A line of text each, below; too long ones end in "…".
        scale: Enlarges the letters, which are as high as those on the plates of `draw`.
    """
    if not keys and not lines:
        return picture
    height, width = picture.shape[:2]
    face = text.font(int(scale * np.clip(min(width, height) / 28, 9, 40)))
    tall, gap = text.height_of(face) + 2, max(3, face.size // 3)
    places, x, y = [], gap, gap
    for words, colour in keys:
        words = text.cut_to_width(words, face, width - tall - 3 * gap)
        wide = tall + gap + text.width_of(words, face) + 2 * gap
        if x > gap and x + wide > width:
            x, y = gap, y + tall
        places.append((x, y, words, tuple(int(value) for value in colour)))
        x += wide
    y += tall * bool(keys)
    strip = Image.new("RGB", (width, y + tall * len(lines) + gap), _GROUND)
    canvas = ImageDraw.Draw(strip)
    for left, top, words, colour in places:
        canvas.rectangle((left, top + 2, left + tall - 4, top + tall - 3), fill=colour)
        canvas.text((left + tall + gap, top), words, _INK, face)
    for number, line in enumerate(lines):
        line = text.cut_to_width(line, face, width - 2 * gap)
        canvas.text((gap, y + number * tall), line, _INK, face)
    return np.concatenate([picture, np.asarray(strip)], axis=0)
