"""The trunk: tops, dresses, skirts, coats and suits, and what is worn around the neck."""

from __future__ import annotations

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import LEFT_LEG, RIGHT_LEG, SKIRT, TORSO, Brush
from tfseg.data.synthetic.outfit import Cloth, Outfit
from tfseg.data.synthetic.palette import shade

__all__ = ["paint_neck", "paint_neckwear", "paint_outer", "paint_skirt", "paint_upper"]

_UPPER, _COAT, _SKIN, _SCARF, _SKIRT = 5, 7, 10, 11, 12


def paint_neck(brush: Brush, outfit: Outfit) -> None:
    """Paints the neck and the skin of the shoulders."""
    joints, scale = brush.figure.joints, brush.scale
    bottom, top = brush.spine(1.0), joints["head"][:2]
    width = 0.036 * scale * (0.85 if brush.figure.body.child else 1.0)
    items = [shapes.capsule(bottom, shapes.mix(bottom, top, 0.62), width * 1.1, width * 0.95)]
    if outfit.sleeve == 0.0:
        items.append(brush.trunk(0.6, 1.14))
    surface = brush.skin(items, outfit.skin, _SKIN, TORSO)
    if brush.fine:
        under = shapes.mix(bottom, top, 0.5)
        shadow = shapes.ellipse(*under, width * 0.9, width * 0.5)
        brush.skin([shadow], shade(outfit.skin, 0.8), _SKIN, TORSO, surface)


def paint_upper(brush: Brush, outfit: Outfit) -> None:
    """Paints a shirt, t-shirt, sweater or the top of a dress."""
    upper = outfit.upper
    dress = upper.name == "dress"
    low = 0.3 if dress else (0.2 if upper.cut == "tucked" else -0.2)
    grow = {"sweater": 0.011, "dress": 0.002}.get(upper.name, 0.006)
    if outfit.sleeve == 0.0:
        surface = _sleeveless(brush, upper, low)
    else:
        shape = brush.trunk(low, 1.12, grow, 0.004 if low < 0 else 0.0)
        surface = brush.cloth(upper, [shape], _UPPER, TORSO)
    front = brush.cos > 0.15
    if front and outfit.sleeve > 0:
        _neckline(brush, outfit, surface)
    if not brush.fine:
        return
    if upper.name == "sweater":
        hem = brush.trunk(low, low + 0.1, grow + 0.001)
        dark = shade(upper.color, 0.84)
        brush.cloth(upper, [hem], _UPPER, TORSO, color=dark, surface=surface)
    if upper.name == "shirt" and front:
        _placket(brush, upper, surface, low)
    if dress and front and upper.cut == "plain":
        for side in (-1, 1):
            seam = [brush.front(0.9, 0.045 * side), brush.front(0.6, 0.035 * side)]
            seam.append(brush.front(0.34, 0.03 * side))
            brush.line(upper, seam, _UPPER, TORSO, shade(upper.color, 0.84), 0.004, surface)


def _sleeveless(brush: Brush, upper: Cloth, low: float) -> int:
    scale = brush.scale
    levels = (low, 0.42, 0.7, 0.82) if low < 0.35 else (low, 0.5, 0.7, 0.82)
    halves = [(brush.half(t) + 0.004) * scale for t in levels]
    right = [brush.spine(t, h) for t, h in zip(levels, halves, strict=True)]
    left = [brush.spine(t, -h) for t, h in zip(levels, halves, strict=True)]
    strap = brush.half(1.0) * scale * 0.6
    neck = 0.84 if brush.cos > 0 else 0.96
    top = [brush.spine(1.06, strap), brush.spine(1.06, strap * 0.66), brush.spine(neck, 0)]
    top += [brush.spine(1.06, -strap * 0.66), brush.spine(1.06, -strap)]
    outline = np.array(right + top + left[::-1])
    return brush.cloth(upper, [outline], _UPPER, TORSO)


def _neckline(brush: Brush, outfit: Outfit, surface: int) -> None:
    upper, skin = outfit.upper, outfit.skin
    front = brush.front
    if upper.name == "shirt":
        opening = shapes.polygon(front(1.15, 0.03), front(1.15, -0.03), front(0.93, 0))
        if outfit.tie is None:
            brush.skin([opening], skin, _SKIN, TORSO)
        pale = shade(upper.color, 1.25 if sum(upper.color) < 600 else 0.95)
        for side in (-1, 1):
            points = (front(1.17, 0.03 * side), front(1.05, 0.058 * side))
            flap = shapes.polygon(*points, front(0.93, 0.03 * side), front(1.0, 0.0))
            brush.cloth(upper, [flap], _UPPER, TORSO, color=pale)
        return
    depth = {"dress": 0.86, "sweater": 1.02}.get(upper.name, 0.97)
    points = [front(1.16, 0.042), front(1.05, 0.036), front(depth, 0.0)]
    points += [front(1.05, -0.036), front(1.16, -0.042)]
    number = brush.skin([shapes.smooth(np.array(points))], skin, _SKIN, TORSO)
    if brush.fine:
        edge = points[1:4]
        brush.line(upper, edge, _UPPER, TORSO, shade(upper.color, 0.8), 0.008, surface)
        if upper.name == "dress":
            spot = shapes.disc(*front(depth + 0.06, 0), 0.006 * brush.scale)
            brush.skin([spot], (236, 206, 110), _SKIN, TORSO, number)


def _placket(brush: Brush, upper: Cloth, surface: int, low: float) -> None:
    dark = shade(upper.color, 0.82)
    line = [brush.front(t, 0.008) for t in (0.92, 0.6, 0.3, max(low, -0.1))]
    brush.line(upper, line, _UPPER, TORSO, dark, 0.004, surface)
    button = shade(upper.color, 0.55) if sum(upper.color) > 300 else (225, 225, 220)
    for t in (0.82, 0.62, 0.42, 0.22):
        if t > low:
            spot = shapes.disc(*brush.front(t, 0.0), 0.0055 * brush.scale)
            brush.cloth(upper, [spot], _UPPER, TORSO, color=button, surface=surface)
    pocket = [brush.front(0.74, 0.03), brush.front(0.74, 0.065), brush.front(0.6, 0.062)]
    pocket += [brush.front(0.6, 0.032), brush.front(0.74, 0.03)]
    brush.line(upper, pocket, _UPPER, TORSO, dark, 0.004, surface)


def paint_skirt(brush: Brush, outfit: Outfit) -> None:
    """Paints a skirt or the bottom of a dress around both legs."""
    dress = outfit.upper.name == "dress"
    cloth = outfit.upper if dress else outfit.lower
    scale = brush.scale
    waist = 0.42 if dress else 0.34
    flare = {"straight": 0.004, "pleated": 0.045}.get(cloth.cut, 0.032) if not dress else 0.03
    size = (1 if cloth.length < 1.05 else 2) if dress else None
    reach = cloth.length
    rings = []
    for side in ("left", "right"):
        for along in (0.0, 0.5 * reach, reach):
            x, y = brush.limb(side, "leg", along)
            radius = (0.052 + flare * along / max(reach, 0.1) * (0.6 + 0.5 * reach)) * scale
            rings.append(shapes.ellipse(x, y, radius, radius * 0.35))
    half = (brush.half(waist) + 0.004) * scale
    top = shapes.polygon(brush.spine(waist, half), brush.spine(waist, -half))
    hips = brush.trunk(-0.1, 0.2, 0.006)
    outline = shapes.hull(top, hips, *rings)
    carries = TORSO | SKIRT | LEFT_LEG | RIGHT_LEG
    surface = brush.cloth(cloth, [outline], _SKIRT, carries, size=size)
    if not brush.fine:
        return
    dark, light = shade(cloth.color, 0.82), shade(cloth.color, 1.1)
    hem = sorted((brush.limb(s, "leg", reach) for s in ("left", "right")), key=lambda p: p[0])
    spread = (0.04 + flare * (0.6 + 0.5 * reach)) * scale
    count = 9 if cloth.cut == "pleated" else 5
    for k in range(count):
        share = (k + 0.5) / count
        start = brush.spine(waist - 0.2, (share - 0.5) * 1.3 * half)
        foot = shapes.mix((hem[0][0] - spread, hem[0][1]), (hem[1][0] + spread, hem[1][1]), share)
        color = dark if k % 2 == 0 else light
        brush.line(
            cloth,
            [shapes.mix(start, foot, 0.25), shapes.mix(start, foot, 0.93)],
            _SKIRT,
            carries,
            color,
            0.005,
            surface,
        )
    band = brush.trunk(waist - 0.06, waist + 0.05, 0.004)
    if not dress:
        brush.cloth(cloth, [band], _SKIRT, TORSO, color=dark, surface=surface)
    elif cloth.cut in ("belted", "sash"):
        color = shade(cloth.color, 0.6) if cloth.cut == "belted" else shade(cloth.color, 1.35)
        brush.cloth(cloth, [band], _SKIRT, TORSO, color=color, size=size, surface=surface)


def paint_outer(brush: Brush, outfit: Outfit) -> None:
    """Paints a suit jacket, coat or jacket over the top, open at the front or closed."""
    outer = outfit.outer
    if outer is None:
        return
    scale = brush.scale
    low = {"jacket": 0.0, "coat": -0.05}.get(outer.name, -0.22)
    front = brush.cos > 0.15
    carries = TORSO
    body = [brush.trunk(low, 1.13, 0.016, 0.006)]
    if outer.name == "coat":
        rings = []
        for side in ("left", "right"):
            for along in (0.0, outer.length):
                x, y = brush.limb(side, "leg", along)
                rings.append(shapes.ellipse(x, y, 0.072 * scale, 0.02 * scale))
        body.append(shapes.hull(brush.trunk(0.0, 0.4, 0.014), *rings))
        carries = TORSO | SKIRT | LEFT_LEG | RIGHT_LEG
    closed = outer.cut == "closed"
    surface = brush.cloth(outer, body, _COAT, carries)
    if front:
        # A coat is open to the waist only: below, it would show legs that are painted already.
        bottom = {"suit": 0.45, "coat": 0.25}.get(outer.name, low - 0.02)
        if closed:
            bottom = 0.86
        _opening(brush, outfit, bottom)
        _lapels(brush, outer, bottom, surface)
    elif brush.fine and brush.cos < -0.3:
        seam = [brush.spine(1.0), brush.spine(max(low, 0.0))]
        brush.line(outer, seam, _COAT, carries, shade(outer.color, 0.8), 0.005, surface)
        collar = brush.trunk(1.04, 1.15, 0.02)
        dark = shade(outer.color, 0.85)
        brush.cloth(outer, [collar], _COAT, TORSO, color=dark, surface=surface)


def _opening(brush: Brush, outfit: Outfit, bottom: float) -> None:
    """Repaints the shirt where the jacket leaves it free, and the tie on it."""
    front, upper = brush.front, outfit.upper
    wide = 0.0 if bottom > 0.2 else 0.036
    points = [front(1.14, 0.04), front(0.9, 0.036), front(bottom, wide)]
    points += [front(bottom, -wide), front(0.9, -0.036), front(1.14, -0.04)]
    low = 0.4 if upper.name == "dress" else 0.16
    if bottom < low:
        points[2:4] = [front(low, 0.03), front(low, -0.03)]
    brush.cloth(upper, [np.array(points)], _UPPER, TORSO)
    if bottom < low:
        rest = [front(low, 0.03), front(bottom, wide), front(bottom, -wide), front(low, -0.03)]
        lower = upper if outfit.lower is None else outfit.lower
        attribute = 9 if lower.name in ("jeans", "trousers", "shorts", "suit") else _SKIRT
        size = (1 if upper.length < 1.05 else 2) if outfit.lower is None else None
        brush.cloth(lower, [np.array(rest)], attribute, TORSO, size=size)
    _neckline(brush, outfit, brush.canvas.surfaces[-1])
    if outfit.tie is not None:
        knot = [front(1.03, 0.014), front(1.03, -0.014), front(0.95, -0.009), front(0.95, 0.009)]
        end = max(bottom, 0.3)
        blade = [front(0.95, 0.008), front(end + 0.1, 0.02), front(end, 0.0)]
        blade += [front(end + 0.1, -0.02), front(0.95, -0.008)]
        number = brush.cloth(outfit.tie, [np.array(blade)], _SCARF, TORSO)
        dark = shade(outfit.tie.color, 0.8)
        brush.cloth(outfit.tie, [np.array(knot)], _SCARF, TORSO, color=dark, surface=number)


def _lapels(brush: Brush, outer: Cloth, bottom: float, surface: int) -> None:
    front = brush.front
    dark, light = shade(outer.color, 0.74), shade(outer.color, 1.16)
    for side in (-1, 1):
        inner = front(max(bottom, 0.4), 0.004 * side if bottom > 0.2 else 0.038 * side)
        points = [front(1.15, 0.032 * side), front(1.0, 0.07 * side), front(0.88, 0.075 * side)]
        points += [front(0.86, 0.06 * side), inner, front(0.9, 0.033 * side)]
        brush.cloth(outer, [np.array(points)], _COAT, TORSO, color=light if side < 0 else dark)
    if not brush.fine:
        return
    line = [front(min(bottom, 0.45), 0.004), front(-0.15, 0.012)]
    if outer.cut != "open":
        brush.line(outer, line, _COAT, TORSO, shade(outer.color, 0.6), 0.005, surface)
        step = (0.36, 0.18) if outer.name == "suit" else (0.76, 0.56, 0.36, 0.16)
        metal = (206, 190, 140) if outer.name != "suit" else shade(outer.color, 0.5)
        for t in step:
            spot = shapes.disc(*front(t, -0.01), 0.0075 * brush.scale)
            brush.cloth(outer, [spot], _COAT, TORSO, color=metal, surface=surface)
    for side in (-1, 1):
        flap = [front(0.14, 0.045 * side), front(0.12, 0.085 * side)]
        brush.line(outer, flap, _COAT, TORSO, shade(outer.color, 0.62), 0.012, surface)
    if outer.name == "suit":
        square = [front(0.74, 0.05), front(0.75, 0.075), front(0.71, 0.075), front(0.7, 0.05)]
        brush.cloth(outer, [np.array(square)], _COAT, TORSO, color=(238, 238, 240), surface=surface)


def paint_neckwear(brush: Brush, outfit: Outfit) -> None:
    """Paints a scarf around the neck, its ends hanging down."""
    scarf, scale = outfit.scarf, brush.scale
    if scarf is None:
        return
    middle = brush.spine(1.16)
    ring = shapes.ellipse(*middle, brush.half(1.05) * scale * 0.8, 0.034 * scale)
    tail = 0.75 if scarf.size == 1 else 0.3
    side = 0.03 if brush.cos > 0 else -0.03
    items = [ring]
    if brush.cos > -0.2:
        low = (*brush.front(tail, side * 1.2),)
        items.append(shapes.capsule(brush.front(1.1, side), low, 0.021 * scale, 0.025 * scale))
    surface = brush.cloth(scarf, items, _SCARF, TORSO)
    if brush.fine:
        dark = shade(scarf.color, 0.8)
        for lift in (-0.012, 0.008):
            left = (middle[0] - brush.half(1.05) * scale * 0.6, middle[1] + (lift - 0.006) * scale)
            low = (middle[0], middle[1] + (lift + 0.012) * scale)
            right = (middle[0] + brush.half(1.05) * scale * 0.6, left[1])
            brush.line(scarf, [left, low, right], _SCARF, TORSO, dark, 0.004, surface)
