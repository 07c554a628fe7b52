"""What stands and hangs in rooms."""

from __future__ import annotations

from tfseg.data.synthetic import palette
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.props import Prop

__all__ = ["FURNITURE"]

_WOODS = ((150, 108, 70), (98, 72, 54), (226, 220, 210), (120, 140, 150), (176, 130, 84))


def _chair(prop: Prop) -> None:
    color = palette.cloth_color(prop.dice)
    for dx in (-0.058, 0.058):
        prop.box(dx - 0.006, 0, dx + 0.006, 0.1, shade(color, 0.6))
    prop.box(-0.065, 0.12, 0.065, 0.25, shade(color, 0.85))
    prop.box(-0.072, 0.07, 0.072, 0.11, color)


def _table(prop: Prop) -> None:
    wood = prop.dice.one(_WOODS)
    for dx in (-0.128, 0.128):
        prop.box(dx - 0.01, 0, dx + 0.01, 0.14, shade(wood, 0.7))
    prop.box(-0.15, 0.115, 0.15, 0.14, wood)
    if prop.dice.chance(0.7):
        petals = palette.cloth_color(prop.dice, palette.RED, palette.PINK, palette.YELLOW)
        prop.lines([[(0, 0.17), (dx, 0.21)] for dx in (-0.02, 0, 0.02)], 0.004, (70, 130, 60))
        prop.ovals([(-0.022, 0.215), (0, 0.225), (0.022, 0.215)], 0.016, 0.016, petals)
        prop.oval(0, 0.165, 0.018, 0.028, palette.cloth_color(prop.dice))


def _sofa(prop: Prop) -> None:
    color = palette.cloth_color(prop.dice)
    for dx in (-0.17, 0.17):
        prop.box(dx - 0.01, 0, dx + 0.01, 0.03, (70, 56, 46))
    prop.box(-0.22, 0.02, 0.22, 0.2, shade(color, 0.85))
    for dx in (-0.1, 0.1):
        prop.box(dx - 0.097, 0.06, dx + 0.097, 0.11, color)
    for dx in (-0.22, 0.22):
        prop.rod((dx, 0.12), (dx, 0.04), 0.03, 0.03, shade(color, 1.08))
    prop.oval(-0.11, 0.135, 0.045, 0.038, palette.cloth_color(prop.dice), turn=-0.4)


def _lamp(prop: Prop) -> None:
    prop.box(-0.005, 0, 0.005, 0.34, (80, 72, 66))
    prop.oval(0, 0, 0.04, 0.01, (80, 72, 66))
    prop.poly([(-0.03, 0.42), (0.03, 0.42), (0.06, 0.33), (-0.06, 0.33)], (248, 226, 168))


def _cabinet(prop: Prop) -> None:
    wood, tall = prop.dice.one(_WOODS), prop.dice.between(0.16, 0.4)
    number = prop.box(-0.11, 0, 0.11, tall, wood)
    rows = max(2, int(tall / 0.09))
    for k in range(rows):
        low = k * tall / rows
        prop.box(-0.1, low + 0.012, 0.1, low + tall / rows - 0.006, shade(wood, 0.9))
        prop.oval(0, low + 0.5 * tall / rows, 0.008, 0.008, (220, 200, 140), number)


def _boxes(prop: Prop) -> None:
    dice = prop.dice
    for k in range(dice.whole(1, 3)):
        color = palette.cloth_color(dice, palette.BROWN, palette.ORANGE, palette.RED, palette.BLUE)
        w, x, y = dice.between(0.04, 0.07), (k - 1) * 0.09, 0.1 if k == 2 else 0.0
        number = prop.box(x - w, y, x + w, y + 1.6 * w, color)
        prop.box(x - 0.12 * w, y, x + 0.12 * w, y + 1.6 * w, shade(color, 1.35), number)


def _balloons(prop: Prop) -> None:
    dice = prop.dice
    for _ in range(dice.whole(2, 4)):
        color = palette.cloth_color(
            dice, palette.RED, palette.YELLOW, palette.BLUE, palette.PINK, palette.GREEN
        )
        x, y = dice.around(0, 0.1), dice.between(0.25, 0.45)
        prop.lines([[(x, y), (0, 0)]], 0.003, (120, 120, 120))
        number = prop.oval(x, y, 0.035, 0.045, color)
        prop.oval(x - 0.012, y + 0.016, 0.008, 0.012, shade(color, 1.6), number)


def _window(prop: Prop) -> None:
    low = prop.dice.between(0.1, 0.18)
    top, white = low + 0.26, (240, 238, 232)
    prop.box(-0.124, low - 0.014, 0.124, top + 0.014, white)
    sky = prop.dice.one(((150, 196, 236), (222, 232, 240), (46, 58, 96), (246, 196, 140)))
    number = prop.box(-0.11, low, 0.11, top, sky)
    hills = [
        (-0.11, low),
        (0.11, low),
        (0.11, low + 0.05),
        (0.02, low + 0.085),
        (-0.05, low + 0.06),
    ]
    prop.poly([*hills, (-0.11, low + 0.075)], (84, 132, 76), number)
    middle = (low + top) / 2
    cross = [[(0, low), (0, top)], [(-0.11, middle), (0.11, middle)]]
    prop.lines(cross, 0.009, white)
    prop.box(-0.14, low - 0.03, 0.14, low - 0.012, white)


def _picture(prop: Prop) -> None:
    dice = prop.dice
    w, h, y = dice.between(0.05, 0.1), dice.between(0.05, 0.08), dice.between(0.26, 0.45)
    frame = palette.cloth_color(dice, palette.BROWN, palette.DARK, palette.LIGHT, palette.YELLOW)
    prop.box(-w, y - h, w, y + h, frame)
    ground = palette.cloth_color(dice)
    a, b = 0.85 * w, 0.82 * h
    number = prop.box(-a, y - b, a, y + b, shade(ground, 1.3))
    prop.oval(0.3 * w, y + 0.2 * h, 0.25 * h, 0.25 * h, palette.cloth_color(dice), number)
    hill = [(-a, y - b), (-0.2 * w, y + 0.1 * h), (0.5 * w, y - b)]
    prop.poly(hill, shade(ground, 0.7), number)


def _shelf(prop: Prop) -> None:
    dice = prop.dice
    y = dice.between(0.28, 0.4)
    for low in (y, y - 0.11):
        left = -0.13
        while left < 0.11:
            thick, tall = dice.between(0.012, 0.026), dice.between(0.05, 0.085)
            prop.box(left, low, left + thick, low + tall, palette.cloth_color(dice))
            left += thick
        prop.box(-0.13, low - 0.014, 0.13, low, (124, 88, 58))


def _door(prop: Prop) -> None:
    color = prop.dice.one(((150, 108, 72), (232, 228, 220), (100, 120, 130), (120, 60, 50)))
    prop.box(-0.114, 0, 0.114, 0.474, shade(color, 0.75))
    number = prop.box(-0.1, 0, 0.1, 0.46, color)
    for low, top in ((0.25, 0.42), (0.04, 0.21)):
        prop.box(-0.07, low, 0.07, top, shade(color, 0.88))
    prop.oval(0.08, 0.22, 0.012, 0.012, (220, 196, 120), number)


def _curtain(prop: Prop) -> None:
    color = palette.cloth_color(prop.dice)
    for k in range(5):
        left = (k - 2.5) * 0.035
        prop.box(left, 0.02, left + 0.036, 2.0, shade(color, 0.85 + 0.12 * (k % 2)))


FURNITURE = {
    "balloons": _balloons,
    "boxes": _boxes,
    "cabinet": _cabinet,
    "chair": _chair,
    "curtain": _curtain,
    "door": _door,
    "lamp": _lamp,
    "picture": _picture,
    "shelf": _shelf,
    "sofa": _sofa,
    "table": _table,
    "window": _window,
}
