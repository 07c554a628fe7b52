"""Names on coloured plates that stay inside the image and out of each other's way."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

from tfseg.visualize import text
from tfseg.visualize.colors import ink_on

__all__ = ["write_labels"]

_ALWAYS_WRITTEN = 30  # so many labels are written even where they must touch others


def write_labels(
    sheet: Image.Image,
    boxes: np.ndarray,
    words: Sequence[str],
    colours: np.ndarray,
    scale: float = 1.0,
) -> list[tuple[int, int, int, int]]:
    """Writes a label at each box, first ones first, and returns where: `(left, top, right,
    bottom)` in pixels, all inside the image.

    Args:
        sheet: The image, RGB, changed in place. One too small for letters stays as it is.
        boxes: float `(N, 4)`, `(y1, x1, y2, x2)` in pixels; ones that are not finite are passed
            over.
        words: N labels.
        colours: uint8 `(N, 3)`, the plates' colours.
        scale: Enlarges the letters, which are 9 to 40 pixels high as the image is large.
    """
    width, height = sheet.size
    face = text.font(int(scale * np.clip(min(width, height) / 28, 9, 40)))
    padding = max(2, face.size // 4)
    tall = text.height_of(face) + 2
    if tall > height:
        return []
    canvas = ImageDraw.Draw(sheet)
    placed: list[tuple[int, int, int, int]] = []
    for box, word, colour in zip(boxes, words, colours, strict=True):
        word = text.cut_to_width(word, face, width - 2 * padding)
        if not word or not np.isfinite(box).all():
            continue
        wide = text.width_of(word, face) + 2 * padding
        place = _place(box, wide, tall, (width, height), placed)
        if place is not None:
            ground = tuple(int(value) for value in colour)
            text.plate(canvas, place, word, face, ground, ink_on(ground), padding)
            placed.append(place)
    return placed


def _place(box, wide: int, tall: int, size: tuple[int, int], placed: list):
    """Returns the first free spot above, in, or below the box; None if the image is full."""
    y1, x1, y2, x2 = (int(value) for value in np.clip(np.rint(box), -1e6, 1e6))
    spots = [
        (x1, y1 - tall),
        (x1, y1),
        (x2 - wide, y1),
        (x1, y2 - tall),
        (x1, y2),
        (x2 - wide, y2 - tall),
        ((x1 + x2 - wide) // 2, (y1 + y2 - tall) // 2),
    ]
    best, best_covered = None, np.inf
    others = np.array(placed).reshape(-1, 4)
    for left, top in spots:
        left, top = max(0, min(left, size[0] - wide)), max(0, min(top, size[1] - tall))
        spot = (left, top, left + wide, top + tall)
        across = np.minimum(others[:, 2], spot[2]) - np.maximum(others[:, 0], left)
        down = np.minimum(others[:, 3], spot[3]) - np.maximum(others[:, 1], top)
        covered = float((np.maximum(across, 0) * np.maximum(down, 0)).sum())
        if covered < best_covered:
            best, best_covered = spot, covered
        if covered == 0:
            return best
    return best if len(placed) < _ALWAYS_WRITTEN else None
