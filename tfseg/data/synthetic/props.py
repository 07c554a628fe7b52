"""A thing's own drawing board: its foot at (0, 0), y upwards, lengths in its own unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice

__all__ = ["Prop"]


class Prop:
    """Paints shapes in the thing's coordinates; each method returns the new part's number.

    Args:
        canvas: The sheet.
        dice: Where chance comes from.
        x: The thing's middle in pixels.
        y: Its ground level in pixels.
        unit: Pixels per unit of length.
    """

    def __init__(self, canvas: Canvas, dice: Dice, x: float, y: float, unit: float):
        self.canvas, self.dice = canvas, dice
        self.x, self.y, self.unit = x, y, unit

    def _point(self, point) -> tuple[float, float]:
        return self.x + point[0] * self.unit, self.y - point[1] * self.unit

    def box(
        self, x1: float, y1: float, x2: float, y2: float, color: tuple, on: int | None = None
    ) -> int:
        """Fills an upright rectangle."""
        shape = shapes.rectangle(*self._point((x1, y2)), *self._point((x2, y1)))
        return self.canvas.fill([shape], color, surface=on)

    def poly(self, points: Sequence, color: tuple, on: int | None = None) -> int:
        """Fills a polygon."""
        shape = shapes.polygon(*(self._point(point) for point in points))
        return self.canvas.fill([shape], color, surface=on)

    def oval(
        self,
        x: float,
        y: float,
        rx: float,
        ry: float,
        color: tuple,
        on: int | None = None,
        turn: float = 0.0,
    ) -> int:
        """Fills an ellipse, turned counter-clockwise by `turn` radians."""
        middle = self._point((x, y))
        shape = shapes.ellipse(*middle, rx * self.unit, ry * self.unit, -turn)
        return self.canvas.fill([shape], color, surface=on)

    def ovals(
        self, places: Sequence, rx: float, ry: float, color: tuple, on: int | None = None
    ) -> int:
        """Fills ellipses of one size as one part."""
        a, b = rx * self.unit, ry * self.unit
        items = [shapes.ellipse(*self._point(place), a, b) for place in places]
        return self.canvas.fill(items, color, surface=on)

    def rod(
        self, start: tuple, end: tuple, r1: float, r2: float, color: tuple, on: int | None = None
    ) -> int:
        """Fills a rod with round ends."""
        ends = self._point(start), self._point(end)
        shape = shapes.capsule(*ends, r1 * self.unit, r2 * self.unit)
        return self.canvas.fill([shape], color, surface=on)

    def leaf(self, start: tuple, end: tuple, width: float, color: tuple) -> int:
        """Fills a slim ellipse from start to end."""
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2
        dx, dy = end[0] - start[0], end[1] - start[1]
        return self.oval(*middle, math.hypot(dx, dy) / 2, width, color, turn=math.atan2(dy, dx))

    def lines(self, lines: Sequence, width: float, color: tuple, on: int | None = None) -> int:
        """Draws open lines."""
        points = [[self._point(point) for point in line] for line in lines]
        return self.canvas.stroke(points, width * self.unit, color, surface=on)
