"""The sheet that scenes are painted on: one colour layer and one layer of part numbers.

Every shape is filled in both layers with the same geometry, so a label can never disagree with
what is seen. Both layers have four quarter pixels for each pixel of the image. The colour of a
pixel is the mean of its quarters. Its part is the second highest of the four part numbers; as
numbers rise from the back to the front, that is the foremost part which, with what lies before
it, covers at least half of the pixel.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np

__all__ = ["Canvas", "Part"]

_SHIFT = 4  # bits after the point in coordinates given to OpenCV
_FIXED = 2 << _SHIFT  # pixels -> quarter pixels in fixed point


class Part(NamedTuple):
    """What one painted shape is, as numbers; 0 means "none" throughout.

    Attributes:
        person: Person, counted from 1 in painting order.
        attribute: CCIHP attribute.
        size: CCIHP size.
        pattern: CCIHP pattern.
        color: CCIHP colour.
        garment: Position in `outfit.GARMENTS`, counted from 1.
        carries: Bits of the body regions of which this part is the visible surface.
        weave: How the cloth takes the light: 0 smooth, 1 cloth, 2 denim, 3 knit.
        wearer: Person who wears or carries the garment; differs from `person` for a bag.
    """

    person: int = 0
    attribute: int = 0
    size: int = 0
    pattern: int = 0
    color: int = 0
    garment: int = 0
    carries: int = 0
    weave: int = 0
    wearer: int = 0


_THING = Part()


class Canvas:
    """Colours and part numbers of one image while it is being painted, back to front.

    Args:
        height: Rows of the image in pixels.
        width: Columns.
    """

    def __init__(self, height: int, width: int):
        self.height, self.width = height, width
        self.paint = np.zeros((2 * height, 2 * width, 3), np.uint8)
        self.numbers = np.zeros((2 * height, 2 * width), np.int32)
        self.parts: list[Part] = [_THING]
        self.surfaces: list[int] = [0]

    def fill(
        self,
        shapes: Sequence[np.ndarray],
        color: tuple,
        part: Part = _THING,
        surface: int | None = None,
    ) -> int:
        """Fills polygons and returns the number of the new part.

        Args:
            shapes: Polygons, float `(n, 2)` of `(x, y)` in pixels of the image; pixel i covers
                i to i + 1.
            color: `(red, green, blue)`, 0 to 255.
            part: What the polygons are.
            surface: The part whose surface this one lies on without an edge (a button on a
                shirt). None: a surface of its own.
        """
        number = self._new(part, surface)
        for shape in shapes:
            points = [np.rint(shape * _FIXED - (1 << _SHIFT) // 2).astype(np.int32)]
            cv2.fillPoly(self.paint, points, color, cv2.LINE_8, _SHIFT)
            cv2.fillPoly(self.numbers, points, number, cv2.LINE_8, _SHIFT)
        return number

    def stroke(
        self,
        lines: Sequence[Sequence],
        width: float,
        color: tuple,
        part: Part = _THING,
        surface: int | None = None,
    ) -> int:
        """Draws open lines `width` pixels wide and returns the number of the new part."""
        number = self._new(part, surface)
        thick = max(1, round(2 * width))
        points = [
            np.rint(np.asarray(line, np.float64) * _FIXED - (1 << _SHIFT) // 2).astype(np.int32)
            for line in lines
        ]
        cv2.polylines(self.paint, points, False, color, thick, cv2.LINE_8, _SHIFT)
        cv2.polylines(self.numbers, points, False, number, thick, cv2.LINE_8, _SHIFT)
        return number

    def tint(self, shape: np.ndarray, color: tuple, strength: float) -> None:
        """Blends a colour into a polygon of the colour layer alone: shadows, light, haze."""
        height, width = self.numbers.shape
        x1, y1 = np.floor(shape.min(axis=0) * 2).astype(int) - 2
        x2, y2 = np.ceil(shape.max(axis=0) * 2).astype(int) + 3
        x1, y1, x2, y2 = max(x1, 0), max(y1, 0), min(x2, width), min(y2, height)
        if x1 >= x2 or y1 >= y2:
            return
        window = self.paint[y1:y2, x1:x2]
        layer = window.copy()
        points = np.rint((shape * 2 - (x1, y1)) * (1 << _SHIFT)).astype(np.int32)
        cv2.fillPoly(layer, [points], color, cv2.LINE_8, _SHIFT)
        cv2.addWeighted(layer, strength, window, 1 - strength, 0, dst=layer)
        window[:] = layer

    def part_map(self) -> np.ndarray:
        """Returns the part number of each pixel, int32 `(H, W)`."""
        a, b = self.numbers[0::2, 0::2], self.numbers[0::2, 1::2]
        c, d = self.numbers[1::2, 0::2], self.numbers[1::2, 1::2]
        high = np.minimum(np.maximum(a, b), np.maximum(c, d))
        low = np.maximum(np.minimum(a, b), np.minimum(c, d))
        return np.maximum(high, low)

    def image(self) -> np.ndarray:
        """Returns the colour of each pixel, uint8 `(H, W, 3)`."""
        return cv2.resize(self.paint, (self.width, self.height), interpolation=cv2.INTER_AREA)

    def table(self) -> dict[str, np.ndarray]:
        """Returns each property of `Part`, and "surface", as int32 with a value per number."""
        columns = np.asarray(self.parts, np.int32)
        table = {name: columns[:, k] for k, name in enumerate(Part._fields)}
        table["surface"] = np.asarray(self.surfaces, np.int32)
        return table

    def _new(self, part: Part, surface: int | None) -> int:
        number = len(self.parts)
        self.parts.append(part)
        self.surfaces.append(number if surface is None else self.surfaces[surface])
        return number
