"""Heads: their geometry, faces and ears.

Places on the head are given by the angle around it (0 at the nose, positive to the person's
left) and the height (-1 chin, 1 crown).
"""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import EAR, FACE, Brush
from tfseg.data.synthetic.outfit import Outfit
from tfseg.data.synthetic.palette import shade

__all__ = ["Head"]

_FACE = 13
_OUTLINE = ((0.72, 0.6), (0.45, 0.88), (0.1, 1.0), (-0.3, 0.94), (-0.66, 0.7), (-0.9, 0.4))


class Head:
    """The head of a brush's person.

    Args:
        brush: The person's brush.
        outfit: What the person wears.
        mood: 0 serious to 1 laughing.
    """

    def __init__(self, brush: Brush, outfit: Outfit, mood: float):
        self.brush, self.outfit, self.mood = brush, outfit, mood
        figure = brush.figure
        self.x, self.y = figure.joints["head"][:2]
        self.ry = figure.body.head * 0.5 * figure.scale
        self.rx = self.ry * (0.86 if figure.body.child else 0.78)
        self.yaw = math.remainder(figure.head_yaw, 2 * math.pi)
        self.tilt = (math.cos(figure.head_tilt), math.sin(figure.head_tilt))
        self.fine = brush.fine and self.ry > 3.0

    def at(self, u: float, v: float) -> tuple[float, float]:
        """Returns the point u half-widths to the right and v half-heights up."""
        dx, dy = u * self.rx, -v * self.ry
        c, s = self.tilt
        return self.x + dx * c - dy * s, self.y + dx * s + dy * c

    def on(self, angle: float, v: float) -> tuple[float, float]:
        """Returns the point of the head's surface at an angle and a height."""
        return self.at(math.sin(self.yaw + angle) * math.sqrt(max(0.0, 1 - 0.75 * v * v)), v)

    def depth(self, angle: float) -> float:
        """Returns how far the surface at the angle faces the viewer, -1 to 1."""
        return math.cos(self.yaw + angle)

    def oval(self, u: float, v: float, ru: float, rv: float) -> np.ndarray:
        """Returns an ellipse around the point `at(u, v)`, tilted with the head."""
        return shapes.ellipse(
            *self.at(u, v), ru * self.rx, rv * self.ry, self.brush.figure.head_tilt
        )

    def keypoints(self) -> dict[str, tuple[float, float]]:
        """Returns nose, eyes and ears in pixels."""
        return {
            "nose": self.at(math.sin(self.yaw) * 1.02, -0.14),
            "left_eye": self.on(0.4, 0.1),
            "right_eye": self.on(-0.4, 0.1),
            "left_ear": self.at(math.cos(self.yaw) * 1.0, -0.02),
            "right_ear": self.at(-math.cos(self.yaw) * 1.0, -0.02),
        }

    def paint_ears(self) -> None:
        """Paints the ears that can be seen."""
        skin = self.outfit.skin
        for side, sign in (("left", 1), ("right", -1)):
            facing = -sign * math.sin(self.yaw)
            if facing < -0.5:
                continue
            u = sign * math.cos(self.yaw)
            width = 0.14 + 0.1 * max(0.0, facing)
            number = self.brush.skin([self.oval(u, -0.02, width, 0.2)], skin, _FACE, EAR[side])
            if self.fine:
                inner = self.oval(u, -0.02, width * 0.5, 0.1)
                self.brush.skin([inner], shade(skin, 0.82), _FACE, EAR[side], number)

    def paint_face(self) -> int | None:
        """Paints the bare face and returns its part number, or None seen from behind."""
        reach, yaw = 1.32, self.yaw
        low, high = max(yaw - reach, -math.pi / 2), min(yaw + reach, math.pi / 2)
        if high - low < 0.25:
            return None
        left, right = math.sin(low), math.sin(high)
        top = 0.8 if self.outfit.hair.cut == "bald" else 0.72
        outline = [(v + (top - 0.72) * (v > 0.6), w) for v, w in _OUTLINE]
        shift = math.sin(yaw) * 0.12
        points = [self.at(right * w + shift * (v < -0.5), v) for v, w in outline]
        points.append(self.at((left + right) / 2 + shift, -1.0))
        points += [self.at(left * w + shift * (v < -0.5), v) for v, w in outline[::-1]]
        shape = shapes.smooth(np.array(points))
        number = self.brush.skin([shape], self.outfit.skin, _FACE, FACE)
        return number

    def _skin(self, items, color, surface) -> None:
        self.brush.skin(items, color, _FACE, FACE, surface)

    def paint_features(self, face: int) -> None:
        """Paints eyes, brows, cheeks, nose and mouth on the face with that part number."""
        skin, hair = self.outfit.skin, self.outfit.hair.color
        if self.ry < 2.2:
            return
        for sign in (1, -1):
            angle = sign * 0.4
            if self.depth(angle) < 0.12:
                continue
            width = 0.19 * (0.35 + 0.65 * self.depth(angle))
            x, y = self.on(angle, 0.1)
            eye = shapes.ellipse(x, y, width * self.rx, 0.105 * self.ry)
            self._skin([eye], (250, 250, 248), face)
            iris = shapes.disc(x, y + 0.01 * self.ry, 0.085 * self.ry)
            self._skin([iris], (58, 42, 34), face)
            if self.fine:
                glint = shapes.disc(x - 0.03 * self.ry, y - 0.03 * self.ry, 0.026 * self.ry)
                self._skin([glint], (255, 255, 255), face)
                brow = [self.on(angle - 0.24 * sign, 0.3), self.on(angle, 0.35)]
                brow.append(self.on(angle + 0.24 * sign, 0.29))
                dark = shade(hair, 0.7)
                self._stroke(brow, 0.055, dark, face)
                cheek = self._oval_on(angle * 1.25, -0.3, 0.2, 0.12)
                self._skin([cheek], shapes.mix(skin, (226, 96, 84), 0.16), face)
        if self.depth(0) > 0.05 and self.fine:
            tip = self.brush_nose()
            self._stroke(
                [self.on(0.06, 0.08), tip, self.on(-0.16, -0.22)], 0.045, shade(skin, 0.78), face
            )
        if self.depth(0) > -0.1:
            self._mouth(face)

    def brush_nose(self) -> tuple[float, float]:
        """Returns the tip of the nose."""
        return self.at(math.sin(self.yaw) * 1.02 + 0.06, -0.17)

    def _oval_on(self, angle: float, v: float, ru: float, rv: float) -> np.ndarray:
        x, y = self.on(angle, v)
        ru *= max(0.25, self.depth(angle))
        return shapes.ellipse(x, y, ru * self.rx, rv * self.ry)

    def _stroke(self, points, width: float, color, surface: int) -> None:
        part = self.brush.canvas.parts[surface]
        self.brush.canvas.stroke([points], width * self.ry, color, part, surface)

    def _mouth(self, face: int) -> None:
        lip = shapes.mix(self.outfit.skin, (176, 44, 52), 0.55)
        curve = 0.1 * self.mood
        points = [self.on(a, -0.5 + curve * abs(a) / 0.35) for a in (-0.35, -0.16, 0.16, 0.35)]
        if self.mood > 0.62 and self.fine and self.depth(0) > 0.4:
            low = [self.on(a, -0.66) for a in (0.2, -0.2)]
            self._skin([shapes.smooth(np.array(points + low))], (116, 30, 36), face)
            teeth = [*points[:], self.on(0.22, -0.545), self.on(-0.22, -0.545)]
            self._skin([np.array(teeth)], (250, 250, 248), face)
        else:
            self._stroke(points, 0.075, lip, face)
