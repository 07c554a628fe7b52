"""Arms and legs: skin, sleeves, trouser legs, socks, shoes, hands and gloves."""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import ARM, LEG, TORSO, Brush
from tfseg.data.synthetic.outfit import Cloth, Outfit
from tfseg.data.synthetic.palette import shade

__all__ = ["paint_arm", "paint_leg", "paint_pelvis"]

_ARM_SKIN = {"left": 14, "right": 15}
_LEG_SKIN = {"left": 16, "right": 17}
_SHOE = {"left": 18, "right": 19}
_GLOVE, _SOCKS, _PANTS, _UPPER, _COAT = 3, 8, 9, 5, 7

_ARM_RADII = (0.029, 0.0235, 0.0165)
_LEG_RADII = (0.05, 0.036, 0.021)
_TROUSERS = {
    "straight": (0.057, 0.046, 0.039),
    "slim": (0.055, 0.041, 0.027),
    "flared": (0.055, 0.042, 0.05),
    "cuffed": (0.057, 0.044, 0.037),
}


def paint_pelvis(brush: Brush, outfit: Outfit) -> None:
    """Paints the hips under skirts and tops, with belt and fly where there are trousers."""
    lower = outfit.lower
    if lower is None or lower.name == "skirt":
        return
    outline = []
    for t, width in ((0.3, 1.0), (0.16, 1.0), (0.0, 0.98), (-0.1, 0.6), (-0.2, 0.16)):
        outline.append((t, (brush.half(t) + 0.006) * width * brush.scale))
    points = [brush.spine(t, half) for t, half in outline]
    points += [brush.spine(t, -half) for t, half in outline[::-1]]
    surface = brush.cloth(lower, [np.array(points)], _PANTS, TORSO)
    if not brush.fine:
        return
    dark = shade(lower.color, 0.72)
    half = brush.half(0.26) * brush.scale
    if lower.name != "suit":
        belt = (92, 62, 40) if lower.name == "jeans" else dark
        ends = [brush.spine(0.27, -half), brush.spine(0.27, half)]
        brush.line(lower, ends, _PANTS, TORSO, belt, 0.016, surface)
    if brush.cos > 0.3:
        fly = [brush.front(0.24, 0), brush.front(-0.1, 0)]
        brush.line(lower, fly, _PANTS, TORSO, dark, 0.005, surface)
        if lower.name == "jeans":
            for side in (-1, 1):
                pocket = [brush.front(0.2, side * 0.03), brush.front(0.1, side * 0.045)]
                pocket.append(brush.front(0.05, side * 0.07))
                brush.line(lower, pocket, _PANTS, TORSO, (206, 160, 96), 0.005, surface)
    elif brush.cos < -0.3 and lower.name == "jeans":
        for side in (-1, 1):
            x = side * 0.038
            pocket = [(0.12, x - 0.02), (0.12, x + 0.02), (-0.03, x + 0.018), (-0.07, x)]
            pocket += [(-0.03, x - 0.018), (0.12, x - 0.02)]
            points = [brush.spine(t, u * brush.scale * abs(brush.cos)) for t, u in pocket]
            brush.line(lower, points, _PANTS, TORSO, (206, 160, 96), 0.005, surface)


def paint_leg(brush: Brush, outfit: Outfit, side: str) -> None:
    """Paints one leg from the hip to the shoe."""
    lower, carries = outfit.lower, LEG[side]
    covered = lower.length if lower is not None and lower.name != "skirt" else 0.0
    if covered < 1.9:
        bare = brush.tube(side, "leg", 0.0, 2.0, _LEG_RADII)
        surface = brush.skin(bare, outfit.skin, _LEG_SKIN[side], carries)
        if brush.fine and brush.cos > 0.2:
            knee = brush.limb(side, "leg", 1.0)
            spot = shapes.ellipse(*knee, 0.018 * brush.scale, 0.014 * brush.scale)
            tone = shade(outfit.skin, 0.93)
            brush.skin([spot], tone, _LEG_SKIN[side], carries, surface)
    else:
        ankle = brush.tube(side, "leg", 1.7, 2.0, _LEG_RADII)
        brush.skin(ankle, outfit.skin, _LEG_SKIN[side], carries)
    if outfit.socks is not None:
        _paint_sock(brush, outfit.socks, side)
    if outfit.shoes.name == "boots" and covered >= 1.9 and lower.cut != "slim":
        _paint_shoe(brush, outfit.shoes, side)
        _paint_trouser(brush, lower, side, covered)
        return
    if covered > 0 and outfit.shoes.name == "boots":
        _paint_trouser(brush, lower, side, covered)
        _paint_shoe(brush, outfit.shoes, side)
        return
    _paint_shoe(brush, outfit.shoes, side)
    if covered > 0:
        _paint_trouser(brush, lower, side, covered)


def _paint_sock(brush: Brush, socks: Cloth, side: str) -> None:
    radii = tuple(r + 0.003 for r in _LEG_RADII)
    shaft = brush.tube(side, "leg", 2.0 - socks.length, 2.0, radii)
    surface = brush.cloth(socks, shaft, _SOCKS, LEG[side])
    if socks.length > 0.3:
        cuff = brush.tube(side, "leg", 2.0 - socks.length, 2.06 - socks.length, radii)
        dark = shade(socks.color, 0.85)
        brush.cloth(socks, cuff, _SOCKS, LEG[side], color=dark, surface=surface)


def _paint_trouser(brush: Brush, lower: Cloth, side: str, length: float) -> None:
    carries = LEG[side]
    radii = _TROUSERS.get(lower.cut, _TROUSERS["straight"])
    if lower.name == "shorts":
        radii = (0.057, 0.052, 0.05)
    leg = brush.tube(side, "leg", 0.0, length, radii, True)
    surface = brush.cloth(lower, leg, _PANTS, carries)
    if not brush.fine:
        return
    end = brush.limb(side, "leg", length)
    points = [brush.limb(side, "leg", t) for t in (0.15, 0.6, 1.0)]
    if length > 1:
        points += [brush.limb(side, "leg", 1.5), end]
    if lower.name == "jeans":
        faded = shade(lower.color, 1.1)
        body = brush.figure.body.limb * brush.scale
        ends = (brush.limb(side, "leg", 0.35), brush.limb(side, "leg", 0.85))
        fade = shapes.capsule(*ends, 0.022 * body, 0.016 * body)
        brush.cloth(lower, [fade], _PANTS, carries, color=faded, surface=surface)
        outside = (1 if side == "left" else -1) * brush.cos * 0.03 * brush.scale
        seam = [(x + outside, y) for x, y in points]
        brush.line(lower, seam, _PANTS, carries, shade(lower.color, 0.66), 0.005, surface)
        if lower.cut == "cuffed":
            cuff = brush.tube(side, "leg", length - 0.16, length, radii, True)
            pale = shade(lower.color, 1.4)
            brush.cloth(lower, cuff, _PANTS, carries, color=pale)
    elif lower.name in ("trousers", "suit"):
        brush.line(lower, points, _PANTS, carries, shade(lower.color, 1.12), 0.005, surface)
        brush.line(lower, points[1:], _PANTS, carries, shade(lower.color, 0.8), 0.003, surface)


def _paint_shoe(brush: Brush, shoes: Cloth, side: str) -> None:
    joints, scale = brush.figure.joints, brush.scale
    ankle, toe = joints[f"{side}_ankle"][:2], joints[f"{side}_toe"][:2]
    attribute, carries = _SHOE[side], LEG[side]
    back = shapes.mix(ankle, toe, -0.22)
    heel = (back[0], back[1] + 0.016 * scale)
    r = 0.0235 * scale
    outline = shapes.hull(
        shapes.disc(*ankle, r),
        shapes.disc(*heel, r * 0.9),
        shapes.disc(*toe, r * 0.86),
    )
    items = [outline]
    if shoes.name == "boots":
        radii = tuple(x + 0.007 for x in _LEG_RADII)
        items += brush.tube(side, "leg", 2.0 - shoes.length, 2.0, radii)
    surface = brush.cloth(shoes, items, attribute, carries)
    if not brush.fine:
        return
    low = [(heel[0], heel[1] + 0.7 * r), (toe[0], toe[1] + 0.6 * r)]
    sole = (240, 240, 236) if shoes.cut == "sneaker" else shade(shoes.color, 0.55)
    brush.line(shoes, low, attribute, carries, sole, 0.011, surface)
    if shoes.cut in ("sneaker", "formal"):
        middle = shapes.mix(ankle, toe, 0.45)
        dx, dy = toe[0] - ankle[0], toe[1] - ankle[1]
        length = math.hypot(dx, dy) or 1.0
        px, py = -dy / length * r * 0.5, dx / length * r * 0.5
        lace = (245, 245, 245) if shoes.cut == "sneaker" else shade(shoes.color, 1.3)
        for share in (-0.12, 0.06):
            x, y = middle[0] + dx * share, middle[1] + dy * share
            ends = [(x - px, y - py), (x + px, y + py)]
            brush.line(shoes, ends, attribute, carries, lace, 0.005, surface)


def paint_arm(brush: Brush, outfit: Outfit, side: str) -> None:
    """Paints one arm from the shoulder to the finger tips."""
    carries, skin = ARM[side], outfit.skin
    reach = 1.95 if outfit.outer is not None else outfit.sleeve
    low = max(0.0, min(reach - 0.15, 1.85))
    brush.skin(brush.tube(side, "arm", low, 2.0, _ARM_RADII), skin, _ARM_SKIN[side], carries)
    _paint_hand(brush, outfit, side)
    if outfit.sleeve > 0:
        radii = {"sweater": (0.038, 0.034, 0.027)}.get(outfit.upper.name, (0.036, 0.031, 0.023))
        if outfit.outer is None:
            items = brush.tube(side, "arm", 0.0, outfit.sleeve, radii, True)
            size = 2 if outfit.sleeve > 1 else 1
            surface = brush.cloth(outfit.upper, items, _UPPER, carries, size=size)
            _sleeve_end(brush, outfit.upper, side, outfit.sleeve, radii, _UPPER, surface)
        elif outfit.sleeve > 1.5:
            cuff = brush.tube(side, "arm", 1.9, 2.0, radii)
            brush.cloth(outfit.upper, cuff, _UPPER, carries, size=2)
    if outfit.outer is not None:
        radii = (0.041, 0.036, 0.029)
        items = brush.tube(side, "arm", 0.0, 1.88, radii, True)
        surface = brush.cloth(outfit.outer, items, _COAT, carries)
        _sleeve_end(brush, outfit.outer, side, 1.88, radii, _COAT, surface)


def _sleeve_end(brush: Brush, cloth: Cloth, side, reach, radii, attribute, surface) -> None:
    if not brush.fine:
        return
    low = reach - (0.1 if reach > 1 else 0.07)
    cuff = brush.tube(side, "arm", low, reach, radii, True)
    dark = shade(cloth.color, 0.84)
    brush.cloth(cloth, cuff, attribute, ARM[side], color=dark, surface=surface)
    if reach > 1:
        crease = [brush.limb(side, "arm", t) for t in (0.92, 1.0, 1.08)]
        brush.line(cloth, crease, attribute, ARM[side], dark, 0.005, surface)


def _paint_hand(brush: Brush, outfit: Outfit, side: str) -> None:
    joints, scale = brush.figure.joints, brush.scale
    wrist, hand = joints[f"{side}_wrist"][:2], joints[f"{side}_hand"][:2]
    dx, dy = hand[0] - wrist[0], hand[1] - wrist[1]
    length = math.hypot(dx, dy) or 1.0
    ux, uy = dx / length, dy / length
    reach = max(length, 0.025 * scale)
    tip = (wrist[0] + ux * reach, wrist[1] + uy * reach)
    r = 0.019 * scale
    inward = -1 if side == "left" else 1
    if brush.cos < 0:
        inward = -inward
    base = shapes.mix(wrist, tip, 0.35)
    px, py = (-uy, ux) if (-uy) * inward >= 0 else (uy, -ux)
    thumb_tip = (base[0] + px * 1.6 * r + ux * r, base[1] + py * 1.6 * r + uy * r)
    items = [
        shapes.capsule(wrist, tip, r * 0.8, r),
        shapes.capsule(base, thumb_tip, r * 0.5, r * 0.4),
    ]
    fingers = []
    if brush.fine:
        for spread in (-0.6, 0.0, 0.6):
            start = (tip[0] + px * spread * r, tip[1] + py * spread * r)
            end = (start[0] + ux * r * 1.5, start[1] + uy * r * 1.5)
            fingers.append(shapes.capsule(start, end, r * 0.36, r * 0.3))
    if outfit.gloves is not None:
        radii = tuple(x + 0.006 for x in _ARM_RADII)
        low = 1.95 if outfit.gloves.size == 1 else 1.65
        items += brush.tube(side, "arm", low, 2.0, radii)
        brush.cloth(outfit.gloves, items + fingers, _GLOVE, ARM[side])
    else:
        brush.skin(items + fingers, outfit.skin, _ARM_SKIN[side], ARM[side])
