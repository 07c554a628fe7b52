"""Things that are not people: furniture, plants, vehicles, animals, houses.

Each painter takes the canvas, the dice, the thing's middle and its ground level in pixels, and a
unit of length (a fraction of the picture's height).
"""

from __future__ import annotations

import math

from tfseg.data.synthetic import palette, shapes
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.shapes import disc, ellipse, polygon, rectangle

__all__ = ["FOREGROUND", "paint", "paint_building", "paint_seat"]

# What may stand in front of people, by kind of place.
FOREGROUND = {
    "room": ("plant", "boxes", "table", "chair", "balloons", "cat"),
    "street": ("cone", "bin", "bush", "hydrant", "sign", "dog", "car"),
    "park": ("bush", "flowers", "rock", "dog", "ball", "fence"),
    "beach": ("ball", "rock", "parasol", "chair"),
    "studio": ("boxes", "balloons", "plant", "ball"),
}


def paint(canvas: Canvas, dice: Dice, kind: str, x: float, y: float, unit: float = 0.0) -> None:
    """Paints one thing with its foot at `(x, y)`; `unit` 0 takes the picture's height."""
    unit = (unit or canvas.height) * dice.between(0.8, 1.2)
    _PAINTERS[kind](canvas, dice, x, y, unit)


def paint_building(canvas: Canvas, dice: Dice, x1, x2, top, base) -> None:
    """Paints a house front with rows of windows and a door or a shop."""
    wall = dice.one(
        ((186, 140, 116), (206, 190, 164), (150, 130, 124), (168, 176, 186), (214, 200, 188))
        + ((128, 106, 98), (188, 170, 120), (140, 152, 160))
    )
    canvas.fill([rectangle(x1, top, x2, base)], wall)
    canvas.fill([rectangle(x1, top, x2, top + 0.02 * canvas.height)], shade(wall, 0.75))
    columns, step = dice.whole(2, 4), dice.between(0.1, 0.15) * canvas.height
    width = (x2 - x1) / columns
    glass = dice.one(((96, 124, 150), (70, 86, 104), (236, 214, 150), (150, 180, 200)))
    panes, frames = [], []
    y = top + 0.4 * step
    while y + 0.6 * step < base - 0.7 * step:
        for k in range(columns):
            left = x1 + (k + 0.25) * width
            frames.append(
                rectangle(left - 0.06 * width, y - 0.05 * step, left + 0.56 * width, y + 0.67 * step)
            )
            panes.append(rectangle(left, y, left + 0.5 * width, y + 0.6 * step))
        y += step
    if panes:
        number = canvas.fill(frames, shade(wall, 1.35))
        canvas.fill(panes, glass, surface=number)
    left = x1 + dice.between(0.15, 0.5) * (x2 - x1)
    door = rectangle(left, base - 0.95 * step, left + 0.4 * width, base)
    canvas.fill([door], palette.cloth_color(dice))
    if dice.chance(0.4):
        awning = palette.cloth_color(dice)
        y = base - 1.0 * step
        canvas.fill(
            [polygon((x1 + 2, y), (x2 - 2, y), (x2, y + 0.25 * step), (x1, y + 0.25 * step))], awning
        )


def paint_seat(canvas: Canvas, dice: Dice, x: float, y: float, half: float, ground: float) -> None:
    """Paints a bench or stool whose seat is at height y."""
    color = dice.one(((150, 104, 64), (96, 70, 52), (120, 124, 130), (170, 60, 56)))
    thick = half * 0.28
    for side in (-0.8, 0.8):
        leg = rectangle(x + side * half - thick * 0.3, y, x + side * half + thick * 0.3, ground)
        canvas.fill([leg], shade(color, 0.7))
    canvas.fill([rectangle(x - half, y, x + half, y + thick)], color)


def _plant(canvas, dice, x, y, unit):
    pot = palette.cloth_color(dice, palette.BROWN, palette.LIGHT, palette.ORANGE, palette.DARK)
    r = 0.045 * unit
    green = dice.one(((58, 120, 62), (84, 146, 70), (44, 100, 74)))
    for k in range(9):
        angle = math.pi * (0.08 + 0.105 * k) + dice.around(0, 0.12)
        length = dice.between(0.1, 0.2) * unit
        tip_x, tip_y = x + math.cos(angle) * length, y - 2 * r - math.sin(angle) * length
        middle = ((x + tip_x) / 2, (y - 2 * r + tip_y) / 2)
        leaf = ellipse(*middle, length / 2, 0.016 * unit, math.atan2(tip_y - y + 2 * r, tip_x - x))
        canvas.fill([leaf], shade(green, dice.between(0.8, 1.2)))
    canvas.fill([polygon((x - r, y - 2.2 * r), (x + r, y - 2.2 * r), (x + 0.7 * r, y), (x - 0.7 * r, y))], pot)


def _tree(canvas, dice, x, y, unit):
    tall = dice.between(0.3, 0.55) * unit
    trunk = dice.one(((104, 78, 58), (124, 98, 74), (84, 66, 54)))
    w = 0.018 * unit
    canvas.fill([polygon((x - w, y), (x + w, y), (x + 0.5 * w, y - tall * 0.7), (x - 0.5 * w, y - tall * 0.7))], trunk)
    green = dice.one(((66, 118, 58), (92, 142, 64), (48, 96, 62), (168, 132, 52), (196, 110, 60)))
    if dice.chance(0.3):
        for k in range(4):
            low = y - tall * (0.25 + 0.2 * k)
            half = (0.16 - 0.03 * k) * unit
            cone = polygon((x - half, low), (x + half, low), (x, low - 0.32 * tall))
            canvas.fill([cone], shade(green, 0.85 + 0.1 * k))
        return
    for k in range(9):
        cx = x + dice.around(0, 0.13) * unit
        cy = y - tall * 0.8 + dice.around(0, 0.11) * unit
        tone = shade(green, 0.8 + 0.045 * k)
        canvas.fill([disc(cx, cy, dice.between(0.05, 0.085) * unit)], tone)


def _palm(canvas, dice, x, y, unit):
    lean = dice.around(0, 0.12) * unit
    tall = 0.45 * unit
    canvas.stroke([[(x, y), (x + lean * 0.4, y - tall * 0.5), (x + lean, y - tall)]], 0.02 * unit, (150, 116, 80))
    for k in range(8):
        angle = math.pi * (0.02 + 0.137 * k)
        tip = (x + lean + math.cos(angle) * 0.16 * unit, y - tall - math.sin(angle) * 0.08 * unit)
        leaf = ellipse(
            (x + lean + tip[0]) / 2, (y - tall + tip[1]) / 2, 0.085 * unit, 0.017 * unit,
            math.atan2(tip[1] - y + tall, tip[0] - x - lean),
        )
        canvas.fill([leaf], shade((70, 134, 66), dice.between(0.8, 1.15)))


def _bush(canvas, dice, x, y, unit):
    green = dice.one(((72, 124, 64), (98, 146, 70), (54, 104, 60)))
    for k in range(7):
        r = dice.between(0.03, 0.055) * unit
        canvas.fill([disc(x + dice.around(0, 0.1) * unit, y - r * dice.between(0.5, 1.4), r)], shade(green, 0.82 + 0.05 * k))


def _flowers(canvas, dice, x, y, unit):
    color = palette.cloth_color(dice, palette.RED, palette.PINK, palette.YELLOW, palette.PURPLE)
    stems, heads, hearts = [], [], []
    for _ in range(9):
        px, tall = x + dice.around(0, 0.12) * unit, dice.between(0.04, 0.1) * unit
        stems.append([(px, y), (px, y - tall)])
        r = 0.011 * unit
        heads += [disc(px + dx * r, y - tall + dy * r, r) for dx, dy in ((-1, 0), (1, 0), (0, -1), (0, 1))]
        hearts.append(disc(px, y - tall, 0.6 * r))
    canvas.stroke(stems, 0.006 * unit, (70, 130, 60))
    number = canvas.fill(heads, color)
    canvas.fill(hearts, (250, 216, 90), surface=number)


def _rock(canvas, dice, x, y, unit):
    r = dice.between(0.04, 0.08) * unit
    tone = dice.one(((138, 134, 128), (116, 112, 112), (160, 148, 132)))
    corners = [
        (x + r * math.cos(a) * dice.between(0.9, 1.3), y - 0.4 * r - 0.6 * r * math.sin(a))
        for a in (0.0, 0.6, 1.2, 1.9, 2.6, 3.14, 4.2, 5.2)
    ]
    canvas.fill([polygon(*corners)], tone)


def _ball(canvas, dice, x, y, unit):
    r = 0.04 * unit
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    number = canvas.fill([disc(x, y - r, r)], color)
    canvas.fill([ellipse(x, y - r, r * 0.35, r * 0.97, 0.3)], (246, 246, 240), surface=number)


def _bench(canvas, dice, x, y, unit):
    wood = dice.one(((150, 104, 64), (120, 84, 56), (90, 110, 84)))
    w, seat = 0.16 * unit, y - 0.08 * unit
    for side in (-0.8, 0.8):
        canvas.fill([rectangle(x + side * w - 3, seat - 0.08 * unit, x + side * w + 3, y)], (66, 66, 70))
    for k in range(3):
        top = seat - (0.03 + 0.03 * k) * unit
        canvas.fill([rectangle(x - w, top, x + w, top + 0.02 * unit)], shade(wood, 0.9 + 0.06 * k))
    canvas.fill([rectangle(x - w, seat, x + w, seat + 0.025 * unit)], wood)


def _chair(canvas, dice, x, y, unit):
    color = palette.cloth_color(dice)
    w, seat = 0.065 * unit, y - 0.1 * unit
    for dx in (-0.9, 0.9):
        canvas.fill([rectangle(x + dx * w - 0.006 * unit, seat, x + dx * w + 0.006 * unit, y)], shade(color, 0.6))
    canvas.fill([rectangle(x - w, seat - 0.15 * unit, x + w, seat - 0.02 * unit)], shade(color, 0.85))
    canvas.fill([rectangle(x - w * 1.1, seat - 0.01 * unit, x + w * 1.1, seat + 0.03 * unit)], color)


def _table(canvas, dice, x, y, unit):
    wood = dice.one(((160, 114, 72), (110, 78, 54), (222, 216, 206)))
    w, top = 0.15 * unit, y - 0.14 * unit
    for dx in (-0.85, 0.85):
        canvas.fill([rectangle(x + dx * w - 0.01 * unit, top, x + dx * w + 0.01 * unit, y)], shade(wood, 0.7))
    canvas.fill([rectangle(x - w, top, x + w, top + 0.025 * unit)], wood)
    if dice.chance(0.7):
        vase = palette.cloth_color(dice)
        canvas.fill([ellipse(x, top - 0.03 * unit, 0.018 * unit, 0.03 * unit)], vase)
        canvas.fill([disc(x + dx * unit, top - 0.08 * unit, 0.016 * unit) for dx in (-0.02, 0, 0.02)], palette.cloth_color(dice, palette.RED, palette.PINK, palette.YELLOW))


def _sofa(canvas, dice, x, y, unit):
    color = palette.cloth_color(dice)
    w, h = 0.22 * unit, 0.2 * unit
    canvas.fill([rectangle(x - w, y - h, x + w, y - 0.02 * unit)], shade(color, 0.85))
    for dx in (-0.46, 0.46):
        canvas.fill([rectangle(x + (dx - 0.44) * w, y - 0.55 * h, x + (dx + 0.44) * w, y - 0.25 * h)], color)
    for dx in (-1, 1):
        arm = shapes.capsule((x + dx * w, y - 0.6 * h), (x + dx * w, y - 0.03 * unit), 0.03 * unit, 0.03 * unit)
        canvas.fill([arm], shade(color, 1.08))
    cushion = palette.cloth_color(dice)
    canvas.fill([ellipse(x - 0.5 * w, y - 0.62 * h, 0.045 * unit, 0.04 * unit, 0.4)], cushion)


def _lamp(canvas, dice, x, y, unit):
    canvas.fill([rectangle(x - 0.005 * unit, y - 0.34 * unit, x + 0.005 * unit, y)], (80, 72, 66))
    canvas.fill([ellipse(x, y, 0.04 * unit, 0.01 * unit)], (80, 72, 66))
    top = y - 0.42 * unit
    canvas.tint(disc(x, top + 0.06 * unit, 0.14 * unit), (255, 240, 190), 0.25)
    canvas.fill([polygon((x - 0.03 * unit, top), (x + 0.03 * unit, top), (x + 0.06 * unit, top + 0.09 * unit), (x - 0.06 * unit, top + 0.09 * unit))], (248, 226, 168))


def _cabinet(canvas, dice, x, y, unit):
    wood = dice.one(((150, 108, 70), (98, 72, 54), (226, 220, 210), (120, 140, 150)))
    w, h = 0.11 * unit, dice.between(0.16, 0.4) * unit
    number = canvas.fill([rectangle(x - w, y - h, x + w, y)], wood)
    rows = max(2, int(h / (0.09 * unit)))
    for k in range(rows):
        top = y - h + k * h / rows
        canvas.stroke([[(x - w, top), (x + w, top)]], 0.004 * unit, shade(wood, 0.7), surface=number)
        canvas.fill([disc(x, top + 0.5 * h / rows, 0.008 * unit)], (220, 200, 140), surface=number)


def _boxes(canvas, dice, x, y, unit):
    for k in range(dice.whole(1, 3)):
        color = palette.cloth_color(dice, palette.BROWN, palette.ORANGE, palette.RED, palette.BLUE)
        w = dice.between(0.04, 0.07) * unit
        left, base = x + (k - 1) * 0.09 * unit, y - (0.1 * unit if k == 2 else 0)
        number = canvas.fill([rectangle(left - w, base - 1.6 * w, left + w, base)], color)
        canvas.fill([rectangle(left - 0.12 * w, base - 1.6 * w, left + 0.12 * w, base)], shade(color, 1.35), surface=number)


def _balloons(canvas, dice, x, y, unit):
    for _ in range(dice.whole(2, 4)):
        color = palette.cloth_color(dice, palette.RED, palette.YELLOW, palette.BLUE, palette.PINK)
        bx, by = x + dice.around(0, 0.1) * unit, y - dice.between(0.25, 0.45) * unit
        canvas.stroke([[(bx, by), (x, y)]], 0.003 * unit, (120, 120, 120))
        number = canvas.fill([ellipse(bx, by, 0.035 * unit, 0.045 * unit)], color)
        canvas.fill([ellipse(bx - 0.012 * unit, by - 0.016 * unit, 0.008 * unit, 0.012 * unit)], shade(color, 1.6), surface=number)


def _animal(canvas, x, y, unit, color, way, tail):
    legs = [
        rectangle(x + dx * unit - 0.008 * unit, y - 0.06 * unit, x + dx * unit + 0.008 * unit, y)
        for dx in (-0.05, -0.03, 0.035, 0.055)
    ]
    canvas.fill(legs, shade(color, 0.8))
    canvas.fill([ellipse(x, y - 0.075 * unit, 0.075 * unit, 0.032 * unit)], color)
    canvas.stroke([[(x - way * 0.07 * unit, y - 0.08 * unit), (x - way * 0.1 * unit, y - tail * unit)]], 0.012 * unit, color)
    hx, hy = x + way * 0.085 * unit, y - 0.115 * unit
    canvas.fill([disc(hx, hy, 0.03 * unit)], shade(color, 1.08))
    return hx, hy


def _dog(canvas, dice, x, y, unit):
    color = dice.one(((150, 108, 70), (70, 60, 56), (214, 190, 150), (120, 120, 124)))
    way = dice.sign()
    hx, hy = _animal(canvas, x, y, unit, color, way, 0.13)
    canvas.fill([ellipse(hx + way * 0.028 * unit, hy + 0.008 * unit, 0.02 * unit, 0.013 * unit)], shade(color, 1.2))
    canvas.fill([ellipse(hx - way * 0.014 * unit, hy - 0.004 * unit, 0.01 * unit, 0.024 * unit)], shade(color, 0.6))
    canvas.fill([disc(hx + way * 0.046 * unit, hy + 0.002 * unit, 0.006 * unit)], (30, 28, 28))


def _cat(canvas, dice, x, y, unit):
    color = dice.one(((210, 140, 70), (90, 90, 96), (236, 232, 226), (50, 46, 48)))
    unit *= 0.75
    way = dice.sign()
    hx, hy = _animal(canvas, x, y, unit, color, way, 0.19)
    for dx in (-0.018, 0.018):
        canvas.fill([polygon((hx + (dx - 0.012) * unit, hy - 0.018 * unit), (hx + (dx + 0.012) * unit, hy - 0.018 * unit), (hx + dx * unit, hy - 0.048 * unit))], color)


def _car(canvas, dice, x, y, unit):
    color = palette.cloth_color(dice)
    w, h = 0.26 * unit, 0.085 * unit
    roof = polygon((x - 0.55 * w, y - 1.2 * h), (x - 0.36 * w, y - 2.1 * h), (x + 0.3 * w, y - 2.1 * h), (x + 0.58 * w, y - 1.2 * h))
    canvas.fill([roof], color)
    glass = [
        polygon((x - 0.46 * w, y - 1.25 * h), (x - 0.32 * w, y - 1.95 * h), (x - 0.05 * w, y - 1.95 * h), (x - 0.05 * w, y - 1.25 * h)),
        polygon((x + 0.02 * w, y - 1.25 * h), (x + 0.02 * w, y - 1.95 * h), (x + 0.26 * w, y - 1.95 * h), (x + 0.46 * w, y - 1.25 * h)),
    ]
    canvas.fill(glass, (150, 184, 204))
    canvas.fill([shapes.capsule((x - 0.92 * w, y - 0.8 * h), (x + 0.92 * w, y - 0.72 * h), 0.5 * h, 0.46 * h)], color)
    for dx in (-0.58, 0.58):
        number = canvas.fill([disc(x + dx * w, y - 0.34 * h, 0.4 * h)], (34, 34, 38))
        canvas.fill([disc(x + dx * w, y - 0.34 * h, 0.19 * h)], (190, 192, 196), surface=number)
    canvas.fill([ellipse(x + 0.95 * w, y - 0.85 * h, 0.03 * w, 0.16 * h)], (250, 240, 190))


def _lamppost(canvas, dice, x, y, unit):
    tone = (70, 74, 80)
    canvas.fill([rectangle(x - 0.007 * unit, y - 0.5 * unit, x + 0.007 * unit, y)], tone)
    canvas.fill([rectangle(x - 0.016 * unit, y - 0.04 * unit, x + 0.016 * unit, y)], tone)
    canvas.fill([ellipse(x, y - 0.52 * unit, 0.022 * unit, 0.032 * unit)], (250, 238, 196))


def _sign(canvas, dice, x, y, unit):
    canvas.fill([rectangle(x - 0.005 * unit, y - 0.34 * unit, x + 0.005 * unit, y)], (130, 134, 138))
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    top = y - 0.37 * unit
    board = disc(x, top, 0.05 * unit) if dice.chance(0.5) else rectangle(x - 0.06 * unit, top - 0.04 * unit, x + 0.06 * unit, top + 0.04 * unit)
    number = canvas.fill([board], color)
    canvas.fill([rectangle(x - 0.032 * unit, top - 0.01 * unit, x + 0.032 * unit, top + 0.01 * unit)], (246, 246, 244), surface=number)


def _cone(canvas, dice, x, y, unit):
    canvas.fill([rectangle(x - 0.035 * unit, y - 0.012 * unit, x + 0.035 * unit, y)], (60, 60, 64))
    number = canvas.fill([polygon((x - 0.026 * unit, y - 0.012 * unit), (x + 0.026 * unit, y - 0.012 * unit), (x + 0.005 * unit, y - 0.1 * unit), (x - 0.005 * unit, y - 0.1 * unit))], (236, 110, 40))
    canvas.fill([polygon((x - 0.018 * unit, y - 0.04 * unit), (x + 0.018 * unit, y - 0.04 * unit), (x + 0.012 * unit, y - 0.062 * unit), (x - 0.012 * unit, y - 0.062 * unit))], (246, 246, 244), surface=number)


def _bin(canvas, dice, x, y, unit):
    color = dice.one(((60, 110, 80), (74, 80, 88), (52, 84, 130)))
    number = canvas.fill([polygon((x - 0.04 * unit, y - 0.12 * unit), (x + 0.04 * unit, y - 0.12 * unit), (x + 0.032 * unit, y), (x - 0.032 * unit, y))], color)
    for dx in (-0.015, 0.015):
        canvas.stroke([[(x + dx * unit, y - 0.1 * unit), (x + dx * unit, y - 0.01 * unit)]], 0.004 * unit, shade(color, 0.75), surface=number)
    canvas.fill([ellipse(x, y - 0.122 * unit, 0.045 * unit, 0.013 * unit)], shade(color, 0.7))


def _hydrant(canvas, dice, x, y, unit):
    red = (204, 48, 42)
    canvas.fill([shapes.capsule((x, y - 0.09 * unit), (x, y - 0.01 * unit), 0.022 * unit, 0.024 * unit)], red)
    canvas.fill([ellipse(x, y - 0.065 * unit, 0.04 * unit, 0.013 * unit)], shade(red, 0.8))


def _fence(canvas, dice, x, y, unit):
    tone = dice.one(((222, 216, 206), (140, 104, 74)))
    rails = [rectangle(x - 0.25 * unit, y - t * unit, x + 0.25 * unit, y - t * unit + 0.014 * unit) for t in (0.045, 0.09)]
    canvas.fill(rails, shade(tone, 0.85))
    posts = []
    for k in range(9):
        px = x + (k - 4) * 0.06 * unit
        posts.append(polygon((px - 0.012 * unit, y), (px - 0.012 * unit, y - 0.11 * unit), (px, y - 0.13 * unit), (px + 0.012 * unit, y - 0.11 * unit), (px + 0.012 * unit, y)))
    canvas.fill(posts, tone)


def _parasol(canvas, dice, x, y, unit):
    canvas.fill([rectangle(x - 0.005 * unit, y - 0.3 * unit, x + 0.005 * unit, y)], (236, 232, 224))
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    top = y - 0.36 * unit
    w = 0.16 * unit
    for k in range(4):
        a, b = -1 + 0.5 * k, -0.5 + 0.5 * k
        wedge = polygon((x, top), (x + a * w, y - 0.27 * unit), (x + b * w, y - 0.27 * unit))
        canvas.fill([wedge], color if k % 2 else (246, 244, 238))


def _window(canvas, dice, x, base, unit):
    w, h, y = 0.11 * unit, 0.26 * unit, base - dice.between(0.36, 0.44) * unit
    canvas.fill([rectangle(x - w - 0.014 * unit, y - 0.014 * unit, x + w + 0.014 * unit, y + h)], (240, 238, 232))
    sky = dice.one(((150, 196, 236), (222, 232, 240), (46, 58, 96), (246, 196, 140)))
    number = canvas.fill([rectangle(x - w, y, x + w, y + h - 0.014 * unit)], sky)
    canvas.fill([ellipse(x, y + h - 0.014 * unit, w, 0.07 * unit)[:11]], shade((90, 140, 80), 0.9), surface=number)
    canvas.stroke([[(x, y), (x, y + h)], [(x - w, y + h / 2), (x + w, y + h / 2)]], 0.009 * unit, (240, 238, 232))


def _picture(canvas, dice, x, base, unit):
    w, h = dice.between(0.05, 0.1) * unit, dice.between(0.05, 0.08) * unit
    y = base - dice.between(0.26, 0.45) * unit
    frame = palette.cloth_color(dice, palette.BROWN, palette.DARK, palette.LIGHT, palette.YELLOW)
    canvas.fill([rectangle(x - w, y - h, x + w, y + h)], frame)
    ground = palette.cloth_color(dice)
    number = canvas.fill([rectangle(x - 0.85 * w, y - 0.82 * h, x + 0.85 * w, y + 0.82 * h)], shade(ground, 1.3))
    canvas.fill([disc(x + 0.3 * w, y - 0.2 * h, 0.25 * h)], palette.cloth_color(dice), surface=number)
    canvas.fill([polygon((x - 0.85 * w, y + 0.82 * h), (x - 0.2 * w, y - 0.1 * h), (x + 0.5 * w, y + 0.82 * h))], shade(ground, 0.7), surface=number)


def _shelf(canvas, dice, x, base, unit):
    w, y = 0.13 * unit, base - dice.between(0.28, 0.4) * unit
    for row in range(2):
        low = y + row * 0.11 * unit
        left = x - w
        while left < x + w - 0.02 * unit:
            thick, tall = dice.between(0.012, 0.026) * unit, dice.between(0.05, 0.085) * unit
            canvas.fill([rectangle(left, low - tall, left + thick, low)], palette.cloth_color(dice))
            left += thick
        canvas.fill([rectangle(x - w, low, x + w, low + 0.014 * unit)], (124, 88, 58))


def _door(canvas, dice, x, base, unit):
    color = dice.one(((150, 108, 72), (232, 228, 220), (100, 120, 130), (120, 60, 50)))
    w, h = 0.1 * unit, 0.46 * unit
    canvas.fill([rectangle(x - 1.14 * w, base - 1.03 * h, x + 1.14 * w, base)], shade(color, 0.75))
    number = canvas.fill([rectangle(x - w, base - h, x + w, base)], color)
    for top, low in ((0.92, 0.55), (0.46, 0.08)):
        canvas.fill([rectangle(x - 0.7 * w, base - top * h, x + 0.7 * w, base - low * h)], shade(color, 0.88))
    canvas.fill([disc(x + 0.8 * w, base - 0.48 * h, 0.012 * unit)], (220, 196, 120), surface=number)


def _curtain(canvas, dice, x, base, unit):
    color = palette.cloth_color(dice)
    for k in range(5):
        left = x + (k - 2.5) * 0.035 * unit
        fold = rectangle(left, -1, left + 0.036 * unit, base - 0.02 * unit)
        canvas.fill([fold], shade(color, 0.85 + 0.12 * (k % 2)))


_PAINTERS = {
    "animal": _dog, "ball": _ball, "balloons": _balloons, "bench": _bench, "bin": _bin,
    "boxes": _boxes, "bush": _bush, "cabinet": _cabinet, "car": _car, "cat": _cat,
    "chair": _chair, "cone": _cone, "curtain": _curtain, "dog": _dog, "door": _door,
    "fence": _fence, "flowers": _flowers, "hydrant": _hydrant, "lamp": _lamp,
    "lamppost": _lamppost, "palm": _palm, "parasol": _parasol, "picture": _picture,
    "plant": _plant, "rock": _rock, "shelf": _shelf, "sign": _sign, "sofa": _sofa,
    "table": _table, "tree": _tree, "window": _window,
}
