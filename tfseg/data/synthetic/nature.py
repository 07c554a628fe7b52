"""Plants, stones and animals."""

from __future__ import annotations

import math

from tfseg.data.synthetic import palette
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.props import Prop

__all__ = ["NATURE"]

_GREENS = ((66, 118, 58), (92, 142, 64), (48, 96, 62), (72, 124, 64), (98, 146, 70))
_AUTUMN = ((168, 132, 52), (196, 110, 60), (186, 150, 74))


def _plant(prop: Prop) -> None:
    dice = prop.dice
    green = dice.one(((58, 120, 62), (84, 146, 70), (44, 100, 74)))
    for k in range(9):
        angle = math.pi * (0.08 + 0.105 * k) + dice.around(0, 0.12)
        length = dice.between(0.1, 0.2)
        tip = (math.cos(angle) * length, 0.09 + math.sin(angle) * length)
        prop.leaf((0, 0.09), tip, 0.017, shade(green, dice.between(0.8, 1.2)))
    pot = palette.cloth_color(dice, palette.BROWN, palette.LIGHT, palette.ORANGE, palette.DARK)
    prop.poly([(-0.045, 0.1), (0.045, 0.1), (0.032, 0), (-0.032, 0)], pot)
    prop.box(-0.05, 0.085, 0.05, 0.105, shade(pot, 1.1))


def _tree(prop: Prop) -> None:
    dice = prop.dice
    tall = dice.between(0.3, 0.55)
    trunk = dice.one(((104, 78, 58), (124, 98, 74), (84, 66, 54)))
    top = tall * 0.7
    prop.poly([(-0.02, 0), (0.02, 0), (0.01, top), (-0.01, top)], trunk)
    green = dice.one(_GREENS + _AUTUMN)
    if dice.chance(0.3):
        for k in range(4):
            low, half = tall * (0.25 + 0.2 * k), 0.16 - 0.03 * k
            tip = (0, low + 0.32 * tall)
            prop.poly([(-half, low), (half, low), tip], shade(green, 0.85 + 0.1 * k))
        return
    for k in range(9):
        x, y = dice.around(0, 0.13), tall * 0.8 - dice.around(0, 0.11)
        r = dice.between(0.05, 0.085)
        prop.oval(x, y, r, r, shade(green, 0.8 + 0.045 * k))


def _palm(prop: Prop) -> None:
    dice = prop.dice
    lean = dice.around(0, 0.12)
    stem = [(0, 0), (lean * 0.4, 0.22), (lean, 0.45)]
    prop.lines([stem], 0.02, (150, 116, 80))
    for k in range(8):
        angle = math.pi * (0.02 + 0.137 * k)
        tip = (lean + math.cos(angle) * 0.16, 0.44 + math.sin(angle) * 0.08)
        prop.leaf((lean, 0.45), tip, 0.018, shade((70, 134, 66), dice.between(0.8, 1.15)))


def _bush(prop: Prop) -> None:
    dice = prop.dice
    green = dice.one(_GREENS)
    for k in range(7):
        r = dice.between(0.03, 0.055)
        prop.oval(
            dice.around(0, 0.1), r * dice.between(0.5, 1.4), r, r, shade(green, 0.8 + 0.05 * k)
        )


def _flowers(prop: Prop) -> None:
    dice = prop.dice
    color = palette.cloth_color(dice, palette.RED, palette.PINK, palette.YELLOW, palette.PURPLE)
    places = [(dice.around(0, 0.12), dice.between(0.04, 0.1)) for _ in range(9)]
    prop.lines([[(x, 0), (x, y)] for x, y in places], 0.006, (70, 130, 60))
    around = ((-1, 0), (1, 0), (0, -1), (0, 1))
    petals = [(x + dx * 0.011, y + dy * 0.011) for x, y in places for dx, dy in around]
    number = prop.ovals(petals, 0.011, 0.011, color)
    prop.ovals(places, 0.007, 0.007, (250, 216, 90), number)


def _rock(prop: Prop) -> None:
    dice = prop.dice
    r = dice.between(0.04, 0.08)
    tone = dice.one(((138, 134, 128), (116, 112, 112), (160, 148, 132)))
    angles = (0.0, 0.6, 1.2, 1.9, 2.6, 3.14, 4.2, 5.2)
    prop.poly(
        [
            (r * math.cos(a) * dice.between(0.9, 1.3), 0.4 * r + 0.6 * r * math.sin(a))
            for a in angles
        ],
        tone,
    )


def _animal(prop: Prop, color, way: int, tail: float, size: float = 1.0) -> tuple[float, float]:
    """Paints legs, trunk, tail and head, and returns the head's middle."""
    s = size
    for dx in (-0.05, -0.03, 0.035, 0.055):
        prop.box((dx - 0.008) * s, 0, (dx + 0.008) * s, 0.06 * s, shade(color, 0.8))
    prop.oval(0, 0.075 * s, 0.075 * s, 0.032 * s, color)
    end = (-way * 0.1 * s, tail * s)
    prop.lines([[(-way * 0.07 * s, 0.08 * s), end]], 0.012 * s, color)
    x, y = way * 0.085 * s, 0.115 * s
    prop.oval(x, y, 0.03 * s, 0.03 * s, shade(color, 1.08))
    return x, y


def _dog(prop: Prop) -> None:
    color = prop.dice.one(((150, 108, 70), (70, 60, 56), (214, 190, 150), (120, 120, 124)))
    way = prop.dice.sign()
    x, y = _animal(prop, color, way, 0.13)
    prop.oval(x + way * 0.028, y - 0.008, 0.02, 0.013, shade(color, 1.2))
    prop.oval(x - way * 0.014, y + 0.004, 0.01, 0.024, shade(color, 0.6))
    prop.oval(x + way * 0.046, y - 0.002, 0.006, 0.006, (30, 28, 28))
    prop.oval(x + way * 0.008, y + 0.008, 0.004, 0.005, (30, 28, 28))


def _cat(prop: Prop) -> None:
    color = prop.dice.one(((210, 140, 70), (90, 90, 96), (236, 232, 226), (50, 46, 48)))
    x, y = _animal(prop, color, prop.dice.sign(), 0.19, 0.75)
    for dx in (-0.014, 0.014):
        ear = [(x + dx - 0.009, y + 0.014), (x + dx + 0.009, y + 0.014), (x + dx, y + 0.036)]
        prop.poly(ear, color)
    prop.ovals([(x - 0.008, y + 0.004), (x + 0.008, y + 0.004)], 0.004, 0.005, (110, 160, 60))


NATURE = {
    "bush": _bush,
    "cat": _cat,
    "dog": _dog,
    "flowers": _flowers,
    "palm": _palm,
    "plant": _plant,
    "rock": _rock,
    "tree": _tree,
}
