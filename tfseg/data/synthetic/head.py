"""Heads: face, ears, hair, beard, and what is worn on them.

Places on the head are given by the angle around it (0 at the nose, positive to the person's
left) and the height (-1 chin, 1 crown).
"""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import EAR, FACE, Brush
from tfseg.data.synthetic.outfit import Cloth, Outfit
from tfseg.data.synthetic.palette import shade

__all__ = ["Head"]

_HAT, _HAIR, _GLASSES, _MASK, _FACE = 1, 2, 4, 6, 13
_OUTLINE = ((0.72, 0.6), (0.45, 0.88), (0.1, 1.0), (-0.3, 0.94), (-0.66, 0.7), (-0.9, 0.4))


class Head:
    """Paints the head of a brush's person.

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

    def _oval(self, u: float, v: float, ru: float, rv: float) -> np.ndarray:
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

    def paint_back_hair(self) -> None:
        """Paints hair that falls behind the shoulders."""
        hair, cut = self.outfit.hair, self.outfit.hair.cut
        if cut == "long":
            shape = [self.at(-1.0, 0.3), self.at(-1.3, -1.0), self.at(-1.15, -2.1)]
            shape += [self.at(1.15, -2.1), self.at(1.3, -1.0), self.at(1.0, 0.3)]
            self._hair([shapes.smooth(np.array(shape))])
        elif cut == "bob":
            shape = [self.at(-1.05, 0.4), self.at(-1.32, -0.5), self.at(-1.1, -1.0)]
            shape += [self.at(1.1, -1.0), self.at(1.32, -0.5), self.at(1.05, 0.4)]
            self._hair([shapes.smooth(np.array(shape))])
        elif cut == "ponytail" and math.cos(self.yaw) > -0.3:
            back = -math.sin(self.yaw)
            tail = shapes.capsule(
                self.at(back * 1.05, 0.4), self.at(back * 1.5, -1.2), 0.34 * self.rx, 0.2 * self.rx
            )
            self._hair([tail])
        elif cut == "bun" and math.cos(self.yaw) > 0:
            self._hair([self._oval(-math.sin(self.yaw) * 0.9, 0.95, 0.46, 0.36)])
        del hair

    def _hair(self, items, color=None, surface=None) -> int:
        hair = self.outfit.hair
        return self.brush.cloth(hair, items, _HAIR, 0, color=color, surface=surface)

    def paint(self) -> None:
        """Paints the head over the neck."""
        outfit, cut = self.outfit, self.outfit.hair.cut
        long_hair = cut in ("long", "bob")
        if long_hair:
            self._ears()
        self._skull()
        face = self._face()
        if math.cos(self.yaw) < -0.2 and long_hair:
            self.paint_back_hair()
            self._strands()
        elif math.cos(self.yaw) <= -0.3 and cut in ("ponytail", "bun"):
            self._tied_behind()
        if face is not None:
            self._features(face)
            if outfit.beard > 0:
                self._beard()
            self._fringe()
        if not long_hair:
            self._ears()
        if outfit.mask is not None:
            self._mask()
        if outfit.glasses is not None:
            self._glasses()
        if outfit.hat is not None:
            self._hat(outfit.hat)

    def _ears(self) -> None:
        skin = self.outfit.skin
        for side, sign in (("left", 1), ("right", -1)):
            facing = -sign * math.sin(self.yaw)
            if facing < -0.5:
                continue
            u = sign * math.cos(self.yaw)
            width = 0.14 + 0.1 * max(0.0, facing)
            number = self.brush.skin([self._oval(u, -0.02, width, 0.2)], skin, _FACE, EAR[side])
            if self.fine:
                inner = self._oval(u, -0.02, width * 0.5, 0.1)
                self.brush.skin([inner], shade(skin, 0.82), _FACE, EAR[side], number)

    def _skull(self) -> None:
        hair, cut = self.outfit.hair, self.outfit.hair.cut
        grow = {"curly": 1.28, "bald": 1.0, "crop": 1.03}.get(cut, 1.1)
        if self.outfit.hat is not None:
            grow = min(grow, 1.08)
        back = -math.sin(self.yaw) * 0.1
        items = [self._oval(back, 0.2, grow, 0.84 * (0.4 + 0.6 * grow))]
        if math.cos(self.yaw) < 0.3:
            items.append(self._oval(back, -0.25, 0.88, 0.62))
        color = None
        if cut == "bald":
            color = shapes.mix(self.outfit.skin, hair.color, 0.16)
        number = self._hair(items, color)
        if cut == "curly" and self.fine:
            curls = []
            for k in range(11):
                angle = math.pi * (0.04 + 0.092 * k)
                curls.append(self._oval(math.cos(angle) * 1.2, 0.2 + math.sin(angle), 0.24, 0.2))
            self._hair(curls, surface=number)
        elif cut == "spiky" and self.outfit.hat is None:
            spikes = []
            for k in range(7):
                angle = math.pi * (0.15 + 0.117 * k)
                u, v = math.cos(angle), 0.25 + math.sin(angle) * 0.8
                tip = self.at(u * 1.28, v * 1.3)
                spikes.append(shapes.polygon(self.at(u - 0.16, v), tip, self.at(u + 0.16, v)))
            self._hair(spikes, surface=number)
        if self.fine and cut not in ("bald", "crop"):
            gleam = shade(hair.color, 1.16)
            shine = [self.at(u, 0.78 - 0.25 * u * u) for u in (-0.6, -0.3, 0.0, 0.25)]
            self.brush.line(hair, shine, _HAIR, 0, gleam, 0.008, number)

    def _face(self) -> int | None:
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

    def _features(self, face: int) -> None:
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
            self._stroke([self.on(0.06, 0.08), tip, self.on(-0.16, -0.22)], 0.045,
                         shade(skin, 0.78), face)
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

    def _beard(self) -> None:
        hair = self.outfit.hair
        reach, yaw = 1.3, self.yaw
        left = math.sin(max(yaw - reach, -math.pi / 2))
        right = math.sin(min(yaw + reach, math.pi / 2))
        shift = math.sin(yaw) * 0.12
        color = shade(hair.color, 0.9)
        if hair.cut == "bald":
            color = shapes.mix(self.outfit.skin, hair.color, 0.75)
        deep = -1.0 - 0.3 * self.outfit.beard
        outer = [self.at(left * 0.98, -0.1), self.at(left * 0.8 + shift, -0.7)]
        outer += [self.at((left + right) / 2 + shift, deep), self.at(right * 0.8 + shift, -0.7)]
        outer += [self.at(right * 0.98, -0.1), self.on(0.6, -0.42), self.on(0.3, -0.66)]
        outer += [self.on(-0.3, -0.66), self.on(-0.6, -0.42)]
        self._hair([np.array(outer)], color)
        if self.depth(0) > 0.2:
            lip = [self.on(-0.36, -0.4), self.on(0.0, -0.33), self.on(0.36, -0.4)]
            part = self.brush.part(hair, _HAIR, 0)
            self.brush.canvas.stroke([lip], 0.08 * self.ry, color, part)

    def _fringe(self) -> None:
        cut = self.outfit.hair.cut
        if cut == "bald" or (self.outfit.hat is not None and cut not in ("long", "bob")):
            return
        if cut in ("long", "bob"):
            drop = -2.0 if cut == "long" else -0.9
            sides = []
            for sign in (-1, 1):
                angle = sign * 1.42
                if self.depth(angle) < -0.75:
                    continue
                top, low = self.on(angle, 0.5), self.at(math.sin(self.yaw + angle) * 1.12, drop)
                sides.append(shapes.capsule(top, low, 0.2 * self.rx, 0.26 * self.rx))
            self._hair(sides)
        low = {"bob": 0.38, "long": 0.55, "short": 0.55, "crop": 0.68, "spiky": 0.6}.get(cut, 0.6)
        lean = 0.12 if cut in ("short", "long", "ponytail") else 0.0
        reach = 1.3
        angles = np.linspace(-reach, reach, 7)
        visible = [a for a in angles if self.depth(a) > -0.15]
        if len(visible) < 2:
            return
        line = [self.on(a, low + lean * math.sin(a * 1.3) - 0.1 * abs(a) ** 2) for a in visible]
        crown = [self.at(math.sin(self.yaw + a) * 0.85, 0.9) for a in visible]
        self._hair([np.array(line + crown[::-1])])

    def _strands(self) -> None:
        if not self.fine:
            return
        hair = self.outfit.hair
        low = -1.9 if hair.cut == "long" else -0.8
        for u in (-0.6, -0.2, 0.2, 0.6):
            strand = [self.at(u * 0.8, 0.7), self.at(u * 1.2, low)]
            self.brush.line(hair, strand, _HAIR, 0, shade(hair.color, 0.8), 0.005,
                            len(self.brush.canvas.parts) - 1)

    def _tied_behind(self) -> None:
        if self.outfit.hair.cut == "bun":
            self._hair([self._oval(0.0, 0.75, 0.46, 0.36)])
            return
        tail = shapes.capsule(self.at(0, 0.35), self.at(0.1, -1.6), 0.34 * self.rx, 0.2 * self.rx)
        self._hair([tail])

    def _mask(self) -> None:
        mask = self.outfit.mask
        if self.depth(0) < -0.35:
            return
        angles = [a for a in (-1.0, -0.5, 0.0, 0.5, 1.0) if self.depth(a) > -0.1]
        if len(angles) < 2:
            return
        top = [self.on(a, 0.0 - 0.14 * abs(a)) for a in angles]
        low = [self.on(a * 0.75, -0.92 + 0.3 * abs(a)) for a in angles]
        number = self.brush.cloth(mask, [np.array(top + low[::-1])], _MASK, 0)
        if self.fine:
            for v in (-0.35, -0.58):
                fold = [self.on(a * 0.8, v) for a in angles]
                self.brush.line(mask, fold, _MASK, 0, shade(mask.color, 0.85), 0.004, number)
        ear = math.copysign(1.45, -self.yaw) if abs(self.yaw) > 0.3 else 1.45
        strap = [self.on(ear * 0.7, -0.15), self.on(ear, 0.02)]
        self.brush.line(mask, strap, _MASK, 0, mask.color, 0.006, number)

    def _glasses(self) -> None:
        glasses = self.outfit.glasses
        part = self.brush.part(glasses, _GLASSES, FACE)
        if self.depth(0) < -0.15:
            return
        thick = max(0.5, 0.055 * self.ry)
        canvas = self.brush.canvas
        for sign in (-1, 1):
            depth = self.depth(sign * 0.4)
            if depth < 0.1:
                continue
            x, y = self.on(sign * 0.4, 0.08)
            rx, ry = 0.31 * self.rx * (0.3 + 0.7 * depth), 0.21 * self.ry
            if glasses.cut == "square":
                rim = shapes.rectangle(x - rx, y - ry * 0.85, x + rx, y + ry * 0.85)
            else:
                rim = shapes.ellipse(x, y, rx, ry)
            if glasses.cut == "sun":
                canvas.fill([rim], shade(glasses.color, 0.6), part)
                continue
            canvas.stroke([np.concatenate([rim, rim[:1]])], thick, glasses.color, part)
        bridge = [self.on(-0.12, 0.12), self.on(0.12, 0.12)]
        canvas.stroke([bridge], thick, glasses.color, part)
        for sign in (-1, 1):
            if self.depth(sign * 1.3) > 0.05:
                arm = [self.on(sign * 0.75, 0.12), self.on(sign * 1.45, 0.1)]
                canvas.stroke([arm], thick, glasses.color, part)

    def _hat(self, hat: Cloth) -> None:
        brush, forward = self.brush, math.sin(self.yaw)
        dark = shade(hat.color, 0.7)
        dome = [self.at(-1.08, 0.42), self.at(-1.0, 0.9), self.at(-0.5, 1.3), self.at(0, 1.36)]
        dome += [self.at(0.5, 1.3), self.at(1.0, 0.9), self.at(1.08, 0.42), self.at(0, 0.34)]
        if hat.cut == "fedora":
            dome = [self.at(-1.0, 0.45), self.at(-0.85, 1.35), self.at(0, 1.22)]
            dome += [self.at(0.85, 1.35), self.at(1.0, 0.45)]
        items = [shapes.smooth(np.array(dome))]
        number = brush.cloth(hat, items, _HAT, 0)
        if hat.cut == "beanie":
            band = [self.at(-1.12, 0.62), self.at(1.12, 0.62), self.at(1.1, 0.3), self.at(0, 0.24)]
            band.append(self.at(-1.1, 0.3))
            brush.cloth(hat, [np.array(band)], _HAT, 0, color=shade(hat.color, 0.84))
            brush.cloth(hat, [self._oval(0, 1.42, 0.26, 0.2)], _HAT, 0, color=shade(hat.color, 1.3))
        elif hat.cut == "cap":
            facing = math.cos(self.yaw)
            if facing > -0.4:
                brim = self._oval(forward * 0.9, 0.4 - 0.06 * facing, 0.5 + 0.45 * facing, 0.16)
                brush.cloth(hat, [brim], _HAT, 0, color=dark)
            brush.line(hat, [self.at(forward * 0.3, 1.32), self.at(forward * 0.8, 0.5)],
                       _HAT, 0, dark, 0.004, number)
        else:
            wide = 1.95 if hat.cut == "brim" else 1.5
            brush.cloth(hat, [self._oval(0, 0.5, wide, 0.2)], _HAT, 0, color=shade(hat.color, 0.9))
            top = [self.at(-1.0, 0.58), self.at(-0.97, 0.82), self.at(0.97, 0.82)]
            top.append(self.at(1.0, 0.58))
            brush.cloth(hat, [np.array(top)], _HAT, 0, color=shade(hat.color, 0.5))
