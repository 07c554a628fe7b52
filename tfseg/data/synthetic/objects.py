"""Things that are not people, by name."""

from __future__ import annotations

from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.furniture import FURNITURE
from tfseg.data.synthetic.nature import NATURE
from tfseg.data.synthetic.outdoors import OUTDOORS
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.props import Prop
from tfseg.data.synthetic.shapes import rectangle

__all__ = ["FOREGROUND", "THINGS", "paint", "paint_seat"]

THINGS = FURNITURE | NATURE | OUTDOORS

# What may stand in front of people, by kind of place.
FOREGROUND = {
    "room": ("plant", "boxes", "table", "chair", "balloons", "cat"),
    "street": ("cone", "bin", "bush", "hydrant", "sign", "dog", "car"),
    "park": ("bush", "flowers", "rock", "dog", "ball", "fence"),
    "beach": ("ball", "rock", "parasol", "chair"),
    "studio": ("boxes", "balloons", "plant", "ball"),
}


def paint(canvas: Canvas, dice: Dice, kind: str, x: float, y: float, unit: float = 0.0) -> None:
    """Paints one thing with its foot at `(x, y)`; `unit` 0 takes the image's height."""
    unit = (unit or canvas.height) * dice.between(0.8, 1.2)
    THINGS[kind](Prop(canvas, dice, x, y, unit))


def paint_seat(canvas: Canvas, dice: Dice, x: float, y: float, half: float, ground: float) -> None:
    """Paints a stool whose seat is at height y."""
    color = dice.one(((150, 104, 64), (96, 70, 52), (120, 124, 130), (170, 60, 56)))
    thick = half * 0.28
    for side in (-0.8, 0.8):
        middle = x + side * half
        leg = rectangle(middle - thick * 0.3, y, middle + thick * 0.3, ground)
        canvas.fill([leg], shade(color, 0.7))
    canvas.fill([rectangle(x - half, y, x + half, y + thick)], color)
