"""One person from back to front, and where the keypoints are."""

from __future__ import annotations

import math

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import (
    ARM,
    EAR,
    FACE,
    LEG,
    SKIRT,
    TORSO,
    Brush,
)
from tfseg.data.synthetic.canvas import Canvas, Part
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.hair import (
    paint_back_hair,
    paint_beard,
    paint_fringe,
    paint_hair_behind,
    paint_skull,
)
from tfseg.data.synthetic.head import Head
from tfseg.data.synthetic.headwear import paint_glasses, paint_hat, paint_mask
from tfseg.data.synthetic.limbs import paint_arm, paint_leg, paint_pelvis
from tfseg.data.synthetic.outfit import Cloth, Outfit
from tfseg.data.synthetic.palette import shade
from tfseg.data.synthetic.patterns import paint_patterns
from tfseg.data.synthetic.pose import Figure
from tfseg.data.synthetic.torso import (
    paint_neck,
    paint_neckwear,
    paint_outer,
    paint_skirt,
    paint_upper,
)
from tfseg.structures.labels import COCO_KEYPOINTS

__all__ = ["paint_person"]


def paint_person(
    canvas: Canvas, dice: Dice, figure: Figure, outfit: Outfit, person: int
) -> list[tuple[float, float, int]]:
    """Paints a person over what the canvas holds.

    Returns:
        `(x, y, carriers)` of the 17 COCO keypoints: pixels, and the body regions (bits, see
        `brush`) that show the point. 0: it lies on the side of the body that faces away.
    """
    brush = Brush(canvas, figure, person)
    head = Head(brush, outfit, dice.unit())
    joints = figure.joints
    if math.cos(head.yaw) >= -0.2:
        paint_back_hair(head)
    behind, before = _split_arms(figure)
    if outfit.bag is not None and outfit.bag.cut == "backpack" and brush.cos > 0:
        _paint_backpack(brush, outfit.bag)
    for side in behind:
        paint_arm(brush, outfit, side)
    legs = sorted(("left", "right"), key=lambda side: joints[f"{side}_knee"][2])
    sitting = figure.pose == "sitting" and brush.cos > 0
    if not sitting:
        for side in legs:
            paint_leg(brush, outfit, side)
    paint_pelvis(brush, outfit)
    if sitting:
        for side in legs:
            paint_leg(brush, outfit, side)
    paint_neck(brush, outfit)
    skirted = outfit.lower is None or outfit.lower.name == "skirt"
    tucked = outfit.upper.name == "dress" or outfit.upper.cut == "tucked"
    if skirted and not tucked:
        paint_skirt(brush, outfit)
    paint_upper(brush, outfit)
    if skirted and tucked:
        paint_skirt(brush, outfit)
    paint_outer(brush, outfit)
    paint_neckwear(brush, outfit)
    if outfit.bag is not None and outfit.bag.cut == "backpack":
        _paint_backpack_front(brush, outfit.bag)
    _paint_head(head, outfit)
    for side in before:
        paint_arm(brush, outfit, side)
    if outfit.bag is not None and outfit.bag.cut != "backpack":
        _paint_bag(brush, outfit.bag)
    paint_patterns(brush, dice)
    return _keypoints(brush, head)


def _paint_head(head: Head, outfit: Outfit) -> None:
    over_ears = outfit.hair.cut in ("long", "bob")
    if over_ears:
        head.paint_ears()
    paint_skull(head)
    face = head.paint_face()
    paint_hair_behind(head)
    if face is not None:
        head.paint_features(face)
        if outfit.beard is not None:
            paint_beard(head)
        paint_fringe(head)
    if not over_ears:
        head.paint_ears()
    if outfit.mask is not None:
        paint_mask(head)
    if outfit.glasses is not None:
        paint_glasses(head)
    if outfit.hat is not None:
        paint_hat(head, outfit.hat)


def _split_arms(figure: Figure) -> tuple[list[str], list[str]]:
    """Returns the sides whose arm lies behind the trunk, and those before it."""
    joints = figure.joints
    chest = joints["chest"][2]
    behind, before = [], []
    for side in ("left", "right"):
        depth = (joints[f"{side}_elbow"][2] + joints[f"{side}_wrist"][2]) / 2 - chest
        (behind if depth < -0.02 * figure.scale else before).append(side)
    before.sort(key=lambda side: joints[f"{side}_elbow"][2])
    return behind, before


def _keypoints(brush: Brush, head: Head) -> list[tuple[float, float, int]]:
    joints, scale = brush.figure.joints, brush.scale
    places = head.keypoints()
    far = -0.05 * scale
    found = []
    for name in COCO_KEYPOINTS:
        side = name.split("_")[0]
        x, y = places[name] if name in places else joints[name][:2]
        if name in ("nose", "left_eye", "right_eye"):
            carriers = FACE
        elif name.endswith("ear"):
            carriers = EAR[side]
        elif name.endswith(("elbow", "wrist")):
            carriers = ARM[side]
        elif name.endswith(("knee", "ankle")):
            carriers = LEG[side]
        else:
            extra = ARM[side] if name.endswith("shoulder") else LEG[side] | SKIRT
            hidden = joints[name][2] - joints["pelvis"][2] < far
            carriers = extra if hidden else TORSO | extra
        found.append((x, y, carriers))
    return found


def _bag_part(brush: Brush, bag: Cloth) -> Part:
    # A bag is carried, not worn: it belongs to no person's mask and has no CCIHP attribute.
    return Part(garment=bag.garment, weave=1, wearer=brush.person)


def _paint_backpack(brush: Brush, bag: Cloth) -> None:
    part = _bag_part(brush, bag)
    shape = brush.trunk(0.25, 1.02, 0.02)
    shape = shape - (brush.sin * 0.06 * brush.scale, 0)
    brush.canvas.fill([shape], bag.color, part)


def _paint_backpack_front(brush: Brush, bag: Cloth) -> None:
    part, scale = _bag_part(brush, bag), brush.scale
    if brush.cos > 0:
        for side in (-1, 1):
            strap = [brush.front(1.06, 0.07 * side), brush.front(0.8, 0.075 * side)]
            strap.append(brush.front(0.55, 0.085 * side))
            brush.canvas.stroke([strap], 0.02 * scale, shade(bag.color, 0.8), part)
        return
    shape = brush.trunk(0.2, 1.0, 0.0)
    number = brush.canvas.fill([shape], bag.color, part)
    if brush.fine:
        pocket = brush.trunk(0.24, 0.5, -0.02)
        brush.canvas.fill([pocket], shade(bag.color, 0.82), part, number)
        zip_line = [brush.spine(0.72, -0.05 * scale), brush.spine(0.72, 0.05 * scale)]
        brush.canvas.stroke([zip_line], 0.008 * scale, shade(bag.color, 0.6), part, number)


def _paint_bag(brush: Brush, bag: Cloth) -> None:
    part, scale = _bag_part(brush, bag), brush.scale
    joints = brush.figure.joints
    side = "left" if joints["left_wrist"][2] > joints["right_wrist"][2] else "right"
    dark = shade(bag.color, 0.7)
    if bag.cut == "handbag" and joints[f"{side}_wrist"][1] > joints["pelvis"][1] - 0.1 * scale:
        x, y = joints[f"{side}_hand"][:2]
        top = y + 0.045 * scale
        handle = [(x - 0.04 * scale, top), (x - 0.022 * scale, y), (x + 0.022 * scale, y)]
        handle.append((x + 0.04 * scale, top))
    else:
        sign = 1 if side == "left" else -1
        x, y = brush.front(-0.05, 0.1 * sign)
        top = y
        handle = [brush.front(1.05, -0.05 * sign), brush.front(0.5, 0.03 * sign), (x, top)]
    brush.canvas.stroke([handle], 0.011 * scale, dark, part)
    half, deep = 0.062 * scale, 0.095 * scale
    body = shapes.polygon(
        (x - half * 0.85, top),
        (x + half * 0.85, top),
        (x + half, top + deep),
        (x - half, top + deep),
    )
    number = brush.canvas.fill([body], bag.color, part)
    if brush.fine:
        flap = shapes.polygon(
            (x - half * 0.85, top),
            (x + half * 0.85, top),
            (x + half * 0.6, top + deep * 0.45),
            (x - half * 0.6, top + deep * 0.45),
        )
        brush.canvas.fill([flap], dark, part, number)
        clasp = shapes.disc(x, top + deep * 0.45, 0.007 * scale)
        brush.canvas.fill([clasp], (220, 196, 120), part, number)
