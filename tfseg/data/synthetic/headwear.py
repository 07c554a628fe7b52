"""Hats, glasses and face masks."""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.brush import FACE
from tfseg.data.synthetic.head import Head
from tfseg.data.synthetic.outfit import Cloth
from tfseg.data.synthetic.palette import shade

__all__ = ["paint_glasses", "paint_hat", "paint_mask"]

_HAT, _GLASSES, _MASK = 1, 4, 6


def paint_mask(head: Head) -> None:
    """Paints a mask over nose and mouth."""
    mask = head.outfit.mask
    if head.depth(0) < -0.35:
        return
    angles = [a for a in (-1.0, -0.5, 0.0, 0.5, 1.0) if head.depth(a) > -0.1]
    if len(angles) < 2:
        return
    top = [head.on(a, 0.0 - 0.14 * abs(a)) for a in angles]
    low = [head.on(a * 0.75, -0.92 + 0.3 * abs(a)) for a in angles]
    number = head.brush.cloth(mask, [np.array(top + low[::-1])], _MASK, 0)
    if head.fine:
        for v in (-0.35, -0.58):
            fold = [head.on(a * 0.8, v) for a in angles]
            head.brush.line(mask, fold, _MASK, 0, shade(mask.color, 0.85), 0.004, number)
    ear = math.copysign(1.45, -head.yaw) if abs(head.yaw) > 0.3 else 1.45
    strap = [head.on(ear * 0.7, -0.15), head.on(ear, 0.02)]
    head.brush.line(mask, strap, _MASK, 0, mask.color, 0.006, number)


def paint_glasses(head: Head) -> None:
    """Paints glasses or sunglasses."""
    glasses = head.outfit.glasses
    part = head.brush.part(glasses, _GLASSES, FACE)
    if head.depth(0) < -0.15:
        return
    thick = max(0.5, 0.055 * head.ry)
    canvas = head.brush.canvas
    for sign in (-1, 1):
        depth = head.depth(sign * 0.4)
        if depth < 0.1:
            continue
        x, y = head.on(sign * 0.4, 0.08)
        rx, ry = 0.31 * head.rx * (0.3 + 0.7 * depth), 0.21 * head.ry
        if glasses.cut == "square":
            rim = shapes.rectangle(x - rx, y - ry * 0.85, x + rx, y + ry * 0.85)
        else:
            rim = shapes.ellipse(x, y, rx, ry)
        if glasses.cut == "sun":
            canvas.fill([rim], shade(glasses.color, 0.6), part)
            continue
        canvas.stroke([np.concatenate([rim, rim[:1]])], thick, glasses.color, part)
    bridge = [head.on(-0.12, 0.12), head.on(0.12, 0.12)]
    canvas.stroke([bridge], thick, glasses.color, part)
    for sign in (-1, 1):
        if head.depth(sign * 1.3) > 0.05:
            arm = [head.on(sign * 0.75, 0.12), head.on(sign * 1.45, 0.1)]
            canvas.stroke([arm], thick, glasses.color, part)


def paint_hat(head: Head, hat: Cloth) -> None:
    """Paints a cap, beanie, sun hat or fedora."""
    brush, forward = head.brush, math.sin(head.yaw)
    dark = shade(hat.color, 0.7)
    dome = [head.at(-1.08, 0.42), head.at(-1.0, 0.9), head.at(-0.5, 1.3), head.at(0, 1.36)]
    dome += [head.at(0.5, 1.3), head.at(1.0, 0.9), head.at(1.08, 0.42), head.at(0, 0.34)]
    if hat.cut == "fedora":
        dome = [head.at(-1.0, 0.45), head.at(-0.85, 1.35), head.at(0, 1.22)]
        dome += [head.at(0.85, 1.35), head.at(1.0, 0.45)]
    items = [shapes.smooth(np.array(dome))]
    number = brush.cloth(hat, items, _HAT, 0)
    if hat.cut == "beanie":
        band = [head.at(-1.12, 0.62), head.at(1.12, 0.62), head.at(1.1, 0.3), head.at(0, 0.24)]
        band.append(head.at(-1.1, 0.3))
        brush.cloth(hat, [np.array(band)], _HAT, 0, color=shade(hat.color, 0.84))
        brush.cloth(hat, [head.oval(0, 1.42, 0.26, 0.2)], _HAT, 0, color=shade(hat.color, 1.3))
    elif hat.cut == "cap":
        facing = math.cos(head.yaw)
        if facing > -0.4:
            brim = head.oval(forward * 0.9, 0.4 - 0.06 * facing, 0.5 + 0.45 * facing, 0.16)
            brush.cloth(hat, [brim], _HAT, 0, color=dark)
        brush.line(
            hat,
            [head.at(forward * 0.3, 1.32), head.at(forward * 0.8, 0.5)],
            _HAT,
            0,
            dark,
            0.004,
            number,
        )
    else:
        wide = 1.95 if hat.cut == "brim" else 1.5
        brush.cloth(hat, [head.oval(0, 0.5, wide, 0.2)], _HAT, 0, color=shade(hat.color, 0.9))
        top = [head.at(-1.0, 0.58), head.at(-0.97, 0.82), head.at(0.97, 0.82)]
        top.append(head.at(1.0, 0.58))
        brush.cloth(hat, [np.array(top)], _HAT, 0, color=shade(hat.color, 0.5))
