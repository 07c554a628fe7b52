"""Whole scenes: a place, people in it from the farthest to the nearest, things between them."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from tfseg.data.synthetic import objects, shapes
from tfseg.data.synthetic.background import Place, paint_place
from tfseg.data.synthetic.canvas import Canvas
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.light import illuminate
from tfseg.data.synthetic.person import paint_person
from tfseg.data.synthetic.pose import pose_figure
from tfseg.data.synthetic.wardrobe import draw_outfit

__all__ = ["Scene", "paint_scene"]


@dataclasses.dataclass(frozen=True, eq=False)
class Scene:
    """A finished image and what each of its pixels is.

    Attributes:
        image: uint8 `(H, W, 3)`.
        numbers: The part number of each pixel, int64 `(H, W)`.
        table: Property of `canvas.Part` to its value for each part number.
        points: For each person, `(x, y, carriers)` of the 17 keypoints.
    """

    image: np.ndarray
    numbers: np.ndarray
    table: dict[str, np.ndarray]
    points: list[list[tuple[float, float, int]]]

    def map(self, name: str) -> np.ndarray:
        """Returns a property of each pixel, int32 `(H, W)`."""
        return self.table[name][self.numbers]


@dataclasses.dataclass(frozen=True)
class _Spot:
    x: float
    base: float
    height: float


def paint_scene(
    dice: Dice, size: tuple[int, int], count: int, wanted: tuple[str, ...] = ()
) -> Scene:
    """Paints a scene.

    Args:
        dice: Where chance comes from.
        size: `(height, width)` in pixels.
        count: How many people.
        wanted: Garments of which most people are to wear one.
    """
    canvas = Canvas(*size)
    place = paint_place(canvas, dice, count > 12)
    points = []
    spots = _spots(dice, canvas, place, count)
    for number, spot in enumerate(spots, start=1):
        points.append(_paint_one(canvas, dice, spot, number, wanted))
    if dice.chance(0.35):
        kind = dice.one(objects.FOREGROUND[place.kind])
        y = canvas.height * dice.between(0.94, 1.1)
        unit = canvas.height * dice.between(0.9, 1.7)
        objects.paint(canvas, dice, kind, dice.between(0, canvas.width), y, unit)
    numbers = canvas.part_map().astype(np.intp)
    table = canvas.table()
    weave = table["weave"].astype(np.uint8)[numbers]
    image = illuminate(canvas.image(), table["surface"][numbers], weave, dice)
    return Scene(image, numbers, table, points)


def _paint_one(canvas: Canvas, dice: Dice, spot: _Spot, number: int, wanted) -> list:
    garment = dice.one(wanted) if wanted and dice.chance(0.9) else None
    figure = pose_figure(dice, spot.x, spot.base, spot.height)
    outfit = draw_outfit(dice, figure.body.child, garment)
    feet = [figure.joints[f"{side}_ankle"] for side in ("left", "right")]
    middle = sum(foot[0] for foot in feet) / 2
    shadow = shapes.ellipse(
        middle, spot.base - 0.01 * spot.height, 0.17 * spot.height, 0.03 * spot.height
    )
    canvas.tint(shadow, (24, 22, 30), 0.4)
    if figure.pose == "sitting":
        joints = figure.joints
        x, y = joints["pelvis"][:2]
        shift = -0.02 * spot.height * math.sin(figure.yaw)
        objects.paint_seat(
            canvas, dice, x + shift, y + 0.045 * spot.height, 0.13 * spot.height, spot.base
        )
    return paint_person(canvas, dice, figure, outfit, number)


def _spots(dice: Dice, canvas: Canvas, place: Place, count: int) -> list[_Spot]:
    """Returns where people stand and how tall they are, the farthest first."""
    w, h = canvas.width, canvas.height
    limit = min(h, 1.5 * w)
    crowd = 1.0
    if count > 4:
        crowd = min(1.0, 1.35 * math.sqrt(4 / count) * min(1.6, math.sqrt(max(w / h, 0.5))))
    near_first, spots = [], []
    for _ in range(count):
        share = dice.between(0.42, 0.95) if count <= 2 else dice.between(0.36, 0.9)
        if count <= 3 and dice.chance(0.14):
            share = dice.between(1.05, 1.7)
        height = share * limit * crowd
        low = max(place.horizon + 0.08, min(0.97, share))
        if share > 1:
            base = h * dice.between(-0.1, 0.14) + height
        elif count > 8:
            base = h * dice.between(max(place.horizon + 0.06, height / h), 1.04)
        else:
            base = h * dice.between(low, 1.02)
        base = max(base, height * 1.04) if share <= 1 else base
        near_first.append((base, height))
    near_first.sort()
    taken: list[float] = []
    for base, height in near_first:
        tries = [dice.between(0.06, 0.94) * w for _ in range(5 if dice.chance(0.8) else 1)]
        x = max(tries, key=lambda t: min([abs(t - other) for other in taken[-12:]] + [w]))
        taken.append(x)
        spots.append(_Spot(x, base, height))
    return spots
