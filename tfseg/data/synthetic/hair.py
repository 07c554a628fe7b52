"""Hair on heads, and beards."""

from __future__ import annotations

import math

import numpy as np

from tfseg.data.synthetic import shapes
from tfseg.data.synthetic.head import Head
from tfseg.data.synthetic.palette import shade

__all__ = ["paint_back_hair", "paint_beard", "paint_fringe", "paint_hair_behind", "paint_skull"]

_HAIR = 2


def paint_back_hair(head: Head) -> None:
    """Paints hair that falls behind the shoulders."""
    cut = head.outfit.hair.cut
    if cut == "long":
        shape = [head.at(-1.0, 0.3), head.at(-1.3, -1.0), head.at(-1.15, -2.1)]
        shape += [head.at(1.15, -2.1), head.at(1.3, -1.0), head.at(1.0, 0.3)]
        _lock(head, [shapes.smooth(np.array(shape))])
    elif cut == "bob":
        shape = [head.at(-1.05, 0.4), head.at(-1.32, -0.5), head.at(-1.1, -1.0)]
        shape += [head.at(1.1, -1.0), head.at(1.32, -0.5), head.at(1.05, 0.4)]
        _lock(head, [shapes.smooth(np.array(shape))])
    elif cut == "ponytail" and math.cos(head.yaw) > -0.3:
        back = -math.sin(head.yaw)
        tail = shapes.capsule(
            head.at(back * 1.05, 0.4), head.at(back * 1.5, -1.2), 0.34 * head.rx, 0.2 * head.rx
        )
        _lock(head, [tail])
    elif cut == "bun" and math.cos(head.yaw) > 0:
        _lock(head, [head.oval(-math.sin(head.yaw) * 0.9, 0.95, 0.46, 0.36)])


def _lock(head: Head, items, surface=None) -> int:
    hair = head.outfit.hair
    return head.brush.cloth(hair, items, _HAIR, 0, surface=surface)


def paint_skull(head: Head) -> None:
    """Paints the hair on the skull, all around."""
    hair, cut = head.outfit.hair, head.outfit.hair.cut
    grow = {"curly": 1.28, "bald": 1.0, "crop": 1.03}.get(cut, 1.1)
    if head.outfit.hat is not None:
        grow = min(grow, 1.08)
    back = -math.sin(head.yaw) * 0.1
    items = [head.oval(back, 0.2, grow, 0.84 * (0.4 + 0.6 * grow))]
    if math.cos(head.yaw) < 0.3:
        items.append(head.oval(back, -0.25, 0.88, 0.62))
    number = _lock(head, items)
    if cut == "curly" and head.fine:
        curls = []
        for k in range(11):
            angle = math.pi * (0.04 + 0.092 * k)
            curls.append(head.oval(math.cos(angle) * 1.2, 0.2 + math.sin(angle), 0.24, 0.2))
        _lock(head, curls, surface=number)
    elif cut == "spiky" and head.outfit.hat is None:
        spikes = []
        for k in range(7):
            angle = math.pi * (0.15 + 0.117 * k)
            u, v = math.cos(angle), 0.25 + math.sin(angle) * 0.8
            tip = head.at(u * 1.28, v * 1.3)
            spikes.append(shapes.polygon(head.at(u - 0.16, v), tip, head.at(u + 0.16, v)))
        _lock(head, spikes, surface=number)
    if head.fine and cut not in ("bald", "crop"):
        gleam = shade(hair.color, 1.16)
        shine = [head.at(u, 0.78 - 0.25 * u * u) for u in (-0.6, -0.3, 0.0, 0.25)]
        head.brush.line(hair, shine, _HAIR, 0, gleam, 0.008, number)


def paint_beard(head: Head) -> None:
    """Paints beard and moustache."""
    beard, brush = head.outfit.beard, head.brush
    reach, yaw = 1.3, head.yaw
    left = math.sin(max(yaw - reach, -math.pi / 2))
    right = math.sin(min(yaw + reach, math.pi / 2))
    shift = math.sin(yaw) * 0.12
    deep = -1.12 if beard.size == 1 else -1.3
    outer = [head.at(left * 0.98, -0.1), head.at(left * 0.8 + shift, -0.7)]
    outer += [head.at((left + right) / 2 + shift, deep), head.at(right * 0.8 + shift, -0.7)]
    outer += [head.at(right * 0.98, -0.1), head.on(0.6, -0.42), head.on(0.3, -0.66)]
    outer += [head.on(-0.3, -0.66), head.on(-0.6, -0.42)]
    brush.cloth(beard, [np.array(outer)], _HAIR, 0)
    if head.depth(0) > 0.2:
        lip = [head.on(-0.36, -0.4), head.on(0.0, -0.33), head.on(0.36, -0.4)]
        part = brush.part(beard, _HAIR, 0)
        brush.canvas.stroke([lip], 0.08 * head.ry, beard.color, part)


def paint_fringe(head: Head) -> None:
    """Paints the hair that frames the face."""
    cut = head.outfit.hair.cut
    if cut == "bald" or (head.outfit.hat is not None and cut not in ("long", "bob")):
        return
    if cut in ("long", "bob"):
        drop = -2.0 if cut == "long" else -0.9
        sides = []
        for sign in (-1, 1):
            angle = sign * 1.42
            if head.depth(angle) < -0.75:
                continue
            top, low = head.on(angle, 0.5), head.at(math.sin(head.yaw + angle) * 1.12, drop)
            sides.append(shapes.capsule(top, low, 0.2 * head.rx, 0.26 * head.rx))
        _lock(head, sides)
    low = {"bob": 0.38, "long": 0.55, "short": 0.55, "crop": 0.68, "spiky": 0.6}.get(cut, 0.6)
    lean = 0.12 if cut in ("short", "long", "ponytail") else 0.0
    reach = 1.3
    angles = np.linspace(-reach, reach, 7)
    visible = [a for a in angles if head.depth(a) > -0.15]
    if len(visible) < 2:
        return
    line = [head.on(a, low + lean * math.sin(a * 1.3) - 0.1 * abs(a) ** 2) for a in visible]
    crown = [head.at(math.sin(head.yaw + a) * 0.85, 0.9) for a in visible]
    _lock(head, [np.array(line + crown[::-1])])


def paint_hair_behind(head: Head) -> None:
    """Paints the hair at the back of a head that is turned away."""
    cut, facing = head.outfit.hair.cut, math.cos(head.yaw)
    if facing < -0.2 and cut in ("long", "bob"):
        paint_back_hair(head)
        _strands(head)
    elif facing <= -0.3 and cut in ("ponytail", "bun"):
        _tied_behind(head)


def _strands(head: Head) -> None:
    if not head.fine:
        return
    hair = head.outfit.hair
    low = -1.9 if hair.cut == "long" else -0.8
    for u in (-0.6, -0.2, 0.2, 0.6):
        strand = [head.at(u * 0.8, 0.7), head.at(u * 1.2, low)]
        head.brush.line(
            hair,
            strand,
            _HAIR,
            0,
            shade(hair.color, 0.8),
            0.005,
            len(head.brush.canvas.parts) - 1,
        )


def _tied_behind(head: Head) -> None:
    if head.outfit.hair.cut == "bun":
        _lock(head, [head.oval(0.0, 0.75, 0.46, 0.36)])
        return
    tail = shapes.capsule(head.at(0, 0.35), head.at(0.1, -1.6), 0.34 * head.rx, 0.2 * head.rx)
    _lock(head, [tail])
