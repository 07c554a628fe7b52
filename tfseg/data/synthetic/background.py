"""Places: rooms, streets, parks, beaches and studios, cluttered with things that are not people.

Everything is placed in fractions of the image, so that a scene looks alike at every size.
"""

from __future__ import annotations

import dataclasses
import math

import cv2
import numpy as np

from tfseg.data.synthetic import objects, palette, shapes
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.outdoors import paint_building
from tfseg.data.synthetic.palette import shade

__all__ = ["Place", "paint_place"]


@dataclasses.dataclass(frozen=True)
class Place:
    """Where people can stand.

    Attributes:
        kind: "room", "street", "park", "beach" or "studio".
        horizon: Row, as a fraction of the height, where the ground begins.
    """

    kind: str
    horizon: float


def paint_place(canvas: Canvas, dice: Dice, crowded: bool = False) -> Place:
    """Paints a random place over the whole canvas and returns it.

    Args:
        canvas: The sheet.
        dice: Where chance comes from.
        crowded: Whether many people need ground to stand on: the horizon lies high then.
    """
    kind = dice.weighted({"room": 3, "street": 2.5, "park": 2.5, "beach": 1, "studio": 1})
    horizon = dice.between(0.16, 0.24) if crowded else dice.between(0.42, 0.68)
    painters = {"room": _room, "street": _street, "park": _park, "beach": _beach}
    painters.get(kind, _studio)(canvas, dice, horizon)
    if dice.chance(0.4):
        radius = dice.between(0.001, 0.004) * min(canvas.paint.shape[:2])
        odd = 2 * int(radius * 2) + 1
        if odd > 1:
            cv2.blur(canvas.paint, (odd, odd), dst=canvas.paint)
    return Place(kind, horizon)


def _gradient(canvas: Canvas, top: float, bottom: float, first, second) -> None:
    """Fills the rows from top to bottom (fractions) with a vertical run of colours."""
    rows = canvas.paint.shape[0]
    y1, y2 = int(top * rows), max(int(top * rows) + 1, int(bottom * rows))
    ramp = np.linspace(0, 1, y2 - y1)[:, None]
    colors = np.array(first) * (1 - ramp) + np.array(second) * ramp
    column = np.clip(colors, 0, 255).astype(np.uint8)[:, None, :]
    canvas.paint[y1:y2] = cv2.repeat(column, 1, canvas.paint.shape[1])


def _sky(canvas: Canvas, dice: Dice, horizon: float) -> None:
    top, low = dice.one(
        (
            ((96, 156, 222), (206, 228, 246)),
            ((132, 176, 220), (236, 236, 232)),
            ((164, 174, 186), (216, 220, 224)),
            ((240, 158, 96), (250, 220, 170)),
            ((60, 76, 120), (186, 146, 158)),
        )
    )
    _gradient(canvas, 0, horizon + 0.02, top, low)
    w, h = canvas.width, canvas.height
    for _ in range(dice.whole(0, 4)):
        x, y = dice.between(0, w), dice.between(0.02, horizon * 0.7) * h
        r = dice.between(0.03, 0.08) * min(w, h)
        puffs = [
            shapes.ellipse(x + k * r * 0.9, y - (1.4 - abs(k)) * r * 0.3, r, r * 0.6)
            for k in (-1.4, -0.5, 0.5, 1.4)
        ]
        canvas.fill(puffs, shapes.mix(low, (255, 255, 255), 0.6))


def _floor(canvas: Canvas, dice: Dice, horizon: float, color) -> None:
    _gradient(canvas, horizon, 1, shade(color, 0.86), shade(color, 1.1))
    w, h = canvas.width, canvas.height
    base = horizon * h
    kind = dice.one(("planks", "tiles", "plain"))
    if kind == "plain":
        return
    vanish = (dice.between(0.2, 0.8) * w, base - 0.5 * h)
    lines = []
    for k in range(-14, 15):
        x = w / 2 + k * w * 0.13
        share = (h - base) / (h - vanish[1])
        lines.append([(x, h), (x + (vanish[0] - x) * share, base)])
    if kind == "tiles":
        for k in range(1, 8):
            y = base + (h - base) * (k / 8) ** 1.7
            lines.append([(0, y), (w, y)])
    for line in lines:
        canvas.stroke([line], 0.004 * h, shade(color, 0.78), surface=0)


def _wallpaper(canvas: Canvas, dice: Dice, wall, base: float) -> None:
    w, h = canvas.width, canvas.height
    kind = dice.one(("plain", "stripes", "dots", "panels", "bricks"))
    if kind == "stripes":
        step = dice.between(0.05, 0.12) * w
        for k in range(int(w / step) + 1):
            bar = shapes.rectangle(k * step, 0, (k + 0.5) * step, base)
            canvas.fill([bar], shade(wall, 0.93), surface=0)
    elif kind == "dots":
        step = dice.between(0.06, 0.1) * h
        tone = shade(wall, 0.9)
        dots = [
            shapes.disc((x + 0.5 * (y % 2)) * step, y * step, step * 0.14)
            for y in range(int(base / step) + 1)
            for x in range(int(w / step) + 1)
        ]
        canvas.fill(dots[:300], tone, surface=0)
    elif kind == "bricks":
        step = 0.035 * h
        lines = []
        for y in range(int(base / step) + 1):
            lines.append([(0, y * step), (w, y * step)])
            for x in range(int(w / (3 * step)) + 2):
                left = (x + 0.5 * (y % 2)) * 2.6 * step
                lines.append([(left, y * step), (left, min((y + 1) * step, base))])
        for line in lines:
            canvas.stroke([line], 0.003 * h, shade(wall, 0.85), surface=0)
    elif kind == "panels":
        top = base - 0.16 * h
        canvas.fill([shapes.rectangle(-1, top, w + 1, base)], shade(wall, 0.8))


def _room(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    wall = dice.one(
        ((222, 214, 198), (198, 208, 206), (226, 204, 190), (176, 190, 204), (236, 232, 222))
        + ((150, 166, 150), (206, 186, 140), (120, 130, 146))
    )
    base = horizon * h
    _gradient(canvas, 0, horizon + 0.01, shade(wall, 0.94), shade(wall, 1.06))
    _wallpaper(canvas, dice, wall, base)
    floor = dice.one(((168, 124, 84), (128, 92, 64), (190, 180, 168), (110, 112, 118)))
    _floor(canvas, dice, horizon, floor)
    skirting = shapes.rectangle(-1, base - 0.022 * h, w + 1, base + 0.006 * h)
    canvas.fill([skirting], shade(wall, 1.5))
    if dice.chance(0.5):
        x, y = dice.between(0.2, 0.8) * w, (horizon + 0.7 * (1 - horizon)) * h
        rug = palette.cloth_color(dice)
        number = canvas.fill([shapes.ellipse(x, y, 0.34 * w, 0.1 * h)], rug)
        canvas.fill([shapes.ellipse(x, y, 0.27 * w, 0.075 * h)], shade(rug, 0.8), surface=number)
    things = {"window": 2, "picture": 3, "shelf": 1.5, "door": 1, "curtain": 1}
    for slot in range(dice.whole(1, 4)):
        x = (slot + dice.between(0.1, 0.9)) / 4 * w
        objects.paint(canvas, dice, dice.weighted(things), x, base)
    ground = {"sofa": 1.4, "plant": 2, "lamp": 1.5, "table": 1.4, "cabinet": 1.2, "chair": 1.5}
    ground |= {"boxes": 0.8, "balloons": 0.5, "cat": 0.6}
    for _ in range(dice.whole(1, 4)):
        y = base + dice.between(0.02, 0.12) * h
        objects.paint(canvas, dice, dice.weighted(ground), dice.between(0, w), y)


def _street(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    _sky(canvas, dice, horizon)
    base = horizon * h
    x = -dice.between(0, 0.1) * w
    while x < w:
        width = dice.between(0.16, 0.4) * w
        paint_building(canvas, dice, x, x + width, dice.between(-0.1, 0.3) * h, base)
        x += width
    _road(canvas, dice, horizon)
    things = {"tree": 2, "lamppost": 1.5, "car": 2.2, "bench": 1, "sign": 1.3, "cone": 1}
    things |= {"bin": 1, "bush": 1, "hydrant": 0.8, "dog": 0.7}
    for _ in range(dice.whole(2, 5)):
        y = base + dice.between(0.02, 0.16) * h
        objects.paint(canvas, dice, dice.weighted(things), dice.between(0, w), y)


def _road(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    base = horizon * h
    pavement = dice.one(((168, 166, 160), (150, 148, 150), (184, 174, 160)))
    _floor(canvas, dice, horizon, pavement)
    if dice.chance(0.6):
        top = base + 0.1 * (h - base)
        road = (92, 92, 98)
        number = canvas.fill([shapes.rectangle(-1, top, w + 1, top + 0.36 * (h - base))], road)
        middle = top + 0.18 * (h - base)
        for k in range(6):
            left = (k + 0.2) * w / 6
            dash = shapes.rectangle(left, middle, left + 0.08 * w, middle + 0.012 * h)
            canvas.fill([dash], (232, 230, 214), surface=number)


def _park(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    _sky(canvas, dice, horizon)
    base = horizon * h
    for k in range(dice.whole(1, 3)):
        tone = shapes.mix((96, 140, 110), (150, 176, 190), 0.5 - 0.2 * k)
        rise = dice.between(0.2, 0.36) * h
        canvas.fill([shapes.ellipse(dice.between(0, w), base + 0.1 * h, 0.7 * w, rise)], tone)
    grass = dice.one(((104, 152, 74), (128, 164, 80), (86, 132, 70), (156, 160, 92)))
    _gradient(canvas, horizon, 1, shade(grass, 0.82), shade(grass, 1.1))
    if dice.chance(0.5):
        middle = dice.between(0.2, 0.8) * w
        path = shapes.polygon(
            (middle - 0.02 * w, base),
            (middle + 0.02 * w, base),
            (middle + 0.36 * w, h + 1),
            (middle - 0.2 * w, h + 1),
        )
        canvas.fill([path], (204, 184, 148))
    blades = []
    for _ in range(36):
        x, y = dice.between(0, w), base + dice.between(0.02, 1) * (h - base)
        tall = 0.022 * h * (0.4 + (y - base) / (h - base + 1))
        blades.append([(x, y), (x + dice.around(0, tall * 0.5), y - tall)])
    canvas.stroke(blades, 0.004 * h, shade(grass, 0.72), surface=0)
    things = {"tree": 3, "bush": 2, "bench": 1, "flowers": 1.6, "fence": 0.8, "dog": 0.7}
    things |= {"rock": 1, "ball": 0.7, "lamppost": 0.6}
    for _ in range(dice.whole(3, 6)):
        y = base + dice.between(-0.01, 0.14) * h
        objects.paint(canvas, dice, dice.weighted(things), dice.between(0, w), y)


def _beach(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    _sky(canvas, dice, horizon - 0.1)
    sea = dice.one(((44, 124, 168), (70, 150, 176), (36, 96, 140)))
    _gradient(canvas, horizon - 0.1, horizon + 0.02, shade(sea, 0.85), shade(sea, 1.25))
    lines = [
        [(x, y), (x + 0.1 * w, y)]
        for x, y in ((dice.between(0, w), (horizon - dice.between(0, 0.09)) * h) for _ in range(14))
    ]
    canvas.stroke(lines, 0.004 * h, shade(sea, 1.5), surface=0)
    sand = dice.one(((230, 206, 158), (216, 190, 146), (236, 218, 178)))
    _gradient(canvas, horizon, 1, shade(sand, 0.92), shade(sand, 1.15))
    foam = [(k * w / 8, (horizon + 0.008 * math.sin(k * 2.3)) * h) for k in range(9)]
    canvas.stroke([foam], 0.012 * h, (246, 248, 246), surface=0)
    things = {"parasol": 2, "ball": 1.5, "rock": 1, "palm": 2, "chair": 1, "boxes": 0.4}
    for _ in range(dice.whole(2, 4)):
        y = (horizon + dice.between(0.03, 0.16)) * h
        objects.paint(canvas, dice, dice.weighted(things), dice.between(0, w), y)


def _studio(canvas: Canvas, dice: Dice, horizon: float) -> None:
    w, h = canvas.width, canvas.height
    first, second = palette.cloth_color(dice), palette.cloth_color(dice)
    _gradient(canvas, 0, 1, first, shapes.mix(first, second, 0.7))
    style = dice.one(("bokeh", "shapes", "rays"))
    for _ in range(dice.whole(6, 16)):
        x, y = dice.between(0, w), dice.between(0, h)
        r = dice.between(0.03, 0.14) * min(w, h)
        color = shapes.mix(palette.cloth_color(dice), first, dice.between(0.2, 0.7))
        if style == "bokeh":
            canvas.tint(shapes.disc(x, y, r), color, 0.45)
        elif style == "shapes":
            turn = dice.between(0, 3)
            shape = shapes.ellipse(x, y, r, r * 0.5, turn)
            if dice.chance(0.5):
                angles = [turn + k * 2.1 for k in range(3)]
                shape = np.array([(x + r * math.cos(a), y + r * math.sin(a)) for a in angles])
            canvas.fill([shape], color)
        else:
            tip = x * 3 - w
            canvas.tint(shapes.polygon((w / 2, h / 2), (tip, -h), (tip + 3 * r, -h)), color, 0.4)
    if dice.chance(0.6):
        color = shapes.mix(second, (120, 120, 120), 0.4)
        canvas.fill([shapes.rectangle(-1, (0.5 + horizon / 2) * h, w + 1, h + 1)], color)
