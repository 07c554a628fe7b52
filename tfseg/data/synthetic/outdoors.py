"""What stands in streets, parks and on beaches: vehicles, street furniture, houses."""

from __future__ import annotations

from tfseg.data.synthetic import palette
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.props import Prop
from tfseg.data.synthetic.shapes import rectangle

__all__ = ["OUTDOORS", "paint_building"]

_WALLS = (
    (186, 140, 116),
    (206, 190, 164),
    (150, 130, 124),
    (168, 176, 186),
    (214, 200, 188),
    (128, 106, 98),
    (188, 170, 120),
    (140, 152, 160),
)


def paint_building(
    canvas: Canvas, dice: Dice, x1: float, x2: float, top: float, base: float
) -> None:
    """Paints a house front in pixels: rows of windows, a door, perhaps a shop's awning."""
    wall = dice.one(_WALLS)
    canvas.fill([rectangle(x1, top, x2, base)], wall)
    canvas.fill([rectangle(x1, top, x2, top + 0.02 * canvas.height)], shade(wall, 0.75))
    columns, step = dice.whole(2, 4), dice.between(0.1, 0.15) * canvas.height
    width = (x2 - x1) / columns
    glass = dice.one(((96, 124, 150), (70, 86, 104), (236, 214, 150), (150, 180, 200)))
    panes, frames = [], []
    y = top + 0.4 * step
    while y + 0.6 * step < base - 0.7 * step:
        for k in range(columns):
            x = x1 + (k + 0.25) * width
            frame = (x - 0.06 * width, y - 0.05 * step, x + 0.56 * width, y + 0.67 * step)
            frames.append(rectangle(*frame))
            panes.append(rectangle(x, y, x + 0.5 * width, y + 0.6 * step))
        y += step
    if panes:
        number = canvas.fill(frames, shade(wall, 1.35))
        canvas.fill(panes, glass, surface=number)
    left = x1 + dice.between(0.15, 0.5) * (x2 - x1)
    door = rectangle(left, base - 0.95 * step, left + 0.4 * width, base)
    canvas.fill([door], palette.cloth_color(dice))
    if dice.chance(0.4):
        roof = rectangle(x1 + 2, base - step, x2 - 2, base - 0.75 * step)
        canvas.fill([roof], palette.cloth_color(dice))


def _ball(prop: Prop) -> None:
    dice, r = prop.dice, 0.04
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    number = prop.oval(0, r, r, r, color)
    prop.oval(0, r, r * 0.35, r * 0.97, (246, 246, 240), number, turn=-0.3)


def _bench(prop: Prop) -> None:
    wood = prop.dice.one(((150, 104, 64), (120, 84, 56), (90, 110, 84)))
    for dx in (-0.13, 0.13):
        prop.box(dx - 0.01, 0, dx + 0.01, 0.16, (66, 66, 70))
    for k in range(3):
        low = 0.09 + 0.03 * k
        prop.box(-0.16, low, 0.16, low + 0.02, shade(wood, 0.9 + 0.06 * k))
    prop.box(-0.16, 0.055, 0.16, 0.08, wood)


def _car(prop: Prop) -> None:
    color = palette.cloth_color(prop.dice)
    roof = [(-0.143, 0.1), (-0.094, 0.178), (0.078, 0.178), (0.15, 0.1)]
    prop.poly(roof, color)
    glass = (150, 184, 204)
    prop.poly([(-0.12, 0.106), (-0.083, 0.166), (-0.013, 0.166), (-0.013, 0.106)], glass)
    prop.poly([(0.005, 0.106), (0.005, 0.166), (0.068, 0.166), (0.12, 0.106)], glass)
    body = prop.rod((-0.24, 0.068), (0.24, 0.061), 0.0425, 0.039, color)
    prop.lines([[(-0.004, 0.1), (-0.004, 0.035)]], 0.003, shade(color, 0.7), body)
    prop.box(0.014, 0.082, 0.038, 0.088, shade(color, 0.6), body)
    for dx in (-0.15, 0.15):
        number = prop.oval(dx, 0.029, 0.034, 0.034, (34, 34, 38))
        prop.oval(dx, 0.029, 0.016, 0.016, (190, 192, 196), number)
    prop.oval(0.262, 0.072, 0.008, 0.014, (250, 240, 190))
    prop.oval(-0.272, 0.072, 0.006, 0.012, (210, 50, 40))


def _lamppost(prop: Prop) -> None:
    tone = (70, 74, 80)
    prop.box(-0.007, 0, 0.007, 0.5, tone)
    prop.box(-0.016, 0, 0.016, 0.04, tone)
    prop.oval(0, 0.52, 0.022, 0.032, (250, 238, 196))


def _sign(prop: Prop) -> None:
    dice = prop.dice
    prop.box(-0.005, 0, 0.005, 0.34, (130, 134, 138))
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    if dice.chance(0.5):
        number = prop.oval(0, 0.37, 0.05, 0.05, color)
    else:
        number = prop.box(-0.06, 0.33, 0.06, 0.41, color)
    prop.box(-0.032, 0.36, 0.032, 0.38, (246, 246, 244), number)


def _cone(prop: Prop) -> None:
    prop.box(-0.035, 0, 0.035, 0.012, (60, 60, 64))
    cone = [(-0.026, 0.012), (0.026, 0.012), (0.005, 0.1), (-0.005, 0.1)]
    number = prop.poly(cone, (236, 110, 40))
    band = [(-0.018, 0.04), (0.018, 0.04), (0.012, 0.062), (-0.012, 0.062)]
    prop.poly(band, (246, 246, 244), number)


def _bin(prop: Prop) -> None:
    color = prop.dice.one(((60, 110, 80), (74, 80, 88), (52, 84, 130)))
    number = prop.poly([(-0.04, 0.12), (0.04, 0.12), (0.032, 0), (-0.032, 0)], color)
    ribs = [[(dx, 0.1), (dx, 0.01)] for dx in (-0.015, 0.015)]
    prop.lines(ribs, 0.004, shade(color, 0.75), number)
    prop.oval(0, 0.122, 0.045, 0.013, shade(color, 0.7))


def _hydrant(prop: Prop) -> None:
    red = (204, 48, 42)
    prop.rod((0, 0.09), (0, 0.01), 0.022, 0.024, red)
    prop.oval(0, 0.065, 0.04, 0.013, shade(red, 0.8))
    prop.box(-0.034, 0, 0.034, 0.012, shade(red, 0.85))


def _fence(prop: Prop) -> None:
    tone = prop.dice.one(((222, 216, 206), (140, 104, 74)))
    for low in (0.045, 0.09):
        prop.box(-0.25, low, 0.25, low + 0.014, shade(tone, 0.85))
    for k in range(9):
        x = (k - 4) * 0.06
        post = [(x - 0.012, 0), (x - 0.012, 0.11), (x, 0.13), (x + 0.012, 0.11), (x + 0.012, 0)]
        prop.poly(post, tone)


def _parasol(prop: Prop) -> None:
    prop.box(-0.005, 0, 0.005, 0.3, (236, 232, 224))
    dice = prop.dice
    color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.YELLOW, palette.GREEN)
    for k in range(4):
        left = -0.16 + 0.08 * k
        wedge = [(0, 0.36), (left, 0.27), (left + 0.08, 0.27)]
        prop.poly(wedge, color if k % 2 else (246, 244, 238))


OUTDOORS = {
    "ball": _ball,
    "bench": _bench,
    "bin": _bin,
    "car": _car,
    "cone": _cone,
    "fence": _fence,
    "hydrant": _hydrant,
    "lamppost": _lamppost,
    "parasol": _parasol,
    "sign": _sign,
}
