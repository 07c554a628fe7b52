"""Paints one person's shapes and remembers what each of them is."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.canvas import Canvas, Part
from tfseg.data.synthetic.outfit import Cloth
from tfseg.data.synthetic.pose import Figure

__all__ = ["Brush"]

# Body regions, as bits: which surface a part carries (see `keypoints`).
FACE, LEFT_EAR, RIGHT_EAR, TORSO, SKIRT = 1, 2, 4, 8, 16
LEFT_ARM, RIGHT_ARM, LEFT_LEG, RIGHT_LEG = 32, 64, 128, 256
ARM = {"left": LEFT_ARM, "right": RIGHT_ARM}
LEG = {"left": LEFT_LEG, "right": RIGHT_LEG}
EAR = {"left": LEFT_EAR, "right": RIGHT_EAR}

_LEVELS = (-0.24, -0.05, 0.15, 0.42, 0.75, 0.96, 1.05, 1.15, 1.3)


class Brush:
    """A brush that knows whose shapes it paints.

    Args:
        canvas: The sheet.
        figure: The posed body.
        person: Number of the person.
    """

    def __init__(self, canvas: Canvas, figure: Figure, person: int):
        self.canvas, self.figure, self.person = canvas, figure, person
        self.scale = figure.scale
        self.first = len(canvas.parts)
        self.patterned: dict[Cloth, list[int]] = {}
        self._parts: dict[tuple, Part] = {}
        # Fine strokes cost time and leave nothing to see on people a few pixels tall.
        self.fine = figure.scale >= 40
        joints, body = figure.joints, figure.body
        self.origin = joints["pelvis"][:2]
        rise = (joints["chest"][0] - self.origin[0], joints["chest"][1] - self.origin[1])
        self.rise = rise
        length = math.hypot(*rise) or 1.0
        self.right = (-rise[1] / length, rise[0] / length)
        self.cos, self.sin = math.cos(figure.yaw), math.sin(figure.yaw)
        widths = (
            body.hip * 0.97,
            body.hip * 0.98,
            body.hip * 0.97,
            body.waist,
            body.shoulder * 0.86,
        )
        widths += (body.shoulder + 0.014, body.shoulder * 0.93, 0.04, 0.034)
        depths = (0.04, 0.066, 0.066, 0.054, 0.066, 0.05, 0.042, 0.034, 0.034)
        self._halves = [
            math.hypot(w * self.cos, d * self.sin) for w, d in zip(widths, depths, strict=True)
        ]
        self._depths = depths

    # Geometry of the trunk: t runs from 0 at the hips to 1 at the shoulders.

    def spine(self, t: float, across: float = 0.0) -> tuple[float, float]:
        """Returns the point at height t, `across` pixels to the image's right of the spine."""
        return (
            self.origin[0] + self.rise[0] * t + self.right[0] * across,
            self.origin[1] + self.rise[1] * t + self.right[1] * across,
        )

    def front(self, t: float, left: float) -> tuple[float, float]:
        """Returns the point on the front of the trunk, `left` heights to the person's left."""
        depth = shapes.between(_LEVELS, self._depths, t)
        return self.spine(t, (left * self.cos + depth * self.sin) * self.scale)

    def half(self, t: float) -> float:
        """Returns half the trunk's width at height t, in heights."""
        return shapes.between(_LEVELS, self._halves, t)

    def trunk(self, low: float, high: float, grow: float = 0.0, flare: float = 0.0) -> np.ndarray:
        """Returns the trunk's outline between two heights, `grow` wider on each side."""
        levels = [low, *(t for t in _LEVELS if low + 0.04 < t < high - 0.04), high]
        halves = [(self.half(t) + grow) * self.scale for t in levels]
        halves[0] += flare * self.scale
        right = [self.spine(t, h) for t, h in zip(levels, halves, strict=True)]
        left = [self.spine(t, -h) for t, h in zip(levels, halves, strict=True)]
        # Two more points keep the lower edge straight between round corners.
        hem = [self.spine(low, -0.7 * halves[0]), self.spine(low, 0.7 * halves[0])]
        return shapes.smooth(np.array(right + left[::-1] + hem))

    def limb(self, side: str, kind: str, along: float) -> tuple[float, float]:
        """Returns the point of a limb's axis: 0 root, 1 middle joint, 2 end."""
        names = ("shoulder", "elbow", "wrist") if kind == "arm" else ("hip", "knee", "ankle")
        joints = self.figure.joints
        first = 0 if along <= 1 else 1
        start, end = joints[f"{side}_{names[first]}"], joints[f"{side}_{names[first + 1]}"]
        return shapes.mix(start[:2], end[:2], along - first)

    def tube(
        self, side: str, kind: str, low: float, high: float, radii: tuple, flat: bool = False
    ) -> list:
        """Returns capsules along a limb from `low` to `high`; radii at 0, 1 and 2 in heights.

        With `flat` the last one ends in a straight hem.
        """
        body = self.figure.body.limb * self.scale

        def radius(along: float) -> float:
            return shapes.between((0.0, 1.0, 2.0), radii, along) * body

        stops = [low, *([1.0] if low < 1 < high else []), high]
        points = [self.limb(side, kind, stop) for stop in stops]
        items = []
        for k in range(len(stops) - 1):
            shape = shapes.hose if flat and k == len(stops) - 2 else shapes.capsule
            items.append(shape(points[k], points[k + 1], radius(stops[k]), radius(stops[k + 1])))
        return items

    # Painting.

    def skin(
        self,
        items: Sequence,
        color: tuple,
        attribute: int,
        carries: int,
        surface: int | None = None,
    ) -> int:
        """Fills bare skin."""
        part = Part(self.person, attribute, carries=carries)
        return self.canvas.fill(items, color, part, surface)

    def cloth(
        self,
        cloth: Cloth,
        items: Sequence,
        attribute: int,
        carries: int,
        *,
        color: tuple | None = None,
        size: int | None = None,
        surface: int | None = None,
    ) -> int:
        """Fills a piece of a garment; with `color` it is a detail without the pattern."""
        part = self.part(cloth, attribute, carries, size)
        number = self.canvas.fill(items, color or cloth.color, part, surface)
        if color is None and cloth.kind != "solid":
            self.patterned.setdefault(cloth, []).append(number)
        return number

    def line(
        self,
        cloth: Cloth,
        points: Sequence,
        attribute: int,
        carries: int,
        color: tuple,
        width: float = 0.006,
        surface: int | None = None,
    ) -> None:
        """Draws a seam, crease or edge of a garment; nothing on people too small for it."""
        if self.fine:
            part = self.part(cloth, attribute, carries)
            self.canvas.stroke([points], width * self.scale, color, part, surface)

    def part(self, cloth: Cloth, attribute: int, carries: int, size: int | None = None) -> Part:
        """Returns the labels of a piece of cloth."""
        key = (id(cloth), attribute, carries, size)
        if key not in self._parts:
            self._parts[key] = self._new_part(cloth, attribute, carries, size)
        return self._parts[key]

    def _new_part(self, cloth: Cloth, attribute: int, carries: int, size: int | None) -> Part:
        return Part(
            self.person,
            attribute,
            cloth.size if size is None else size,
            cloth.pattern,
            cloth.color_class,
            cloth.garment,
            carries,
            cloth.weave,
            self.person if cloth.garment else 0,
        )
