"""Patterns on cloth: stripes, checks, flowers, letters, painted onto the pixels of a garment."""

from __future__ import annotations

import math

import cv2
import numpy as np

from tfseg.data.synthetic.brush import Brush
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.outfit import Cloth

__all__ = ["paint_patterns"]

_WORDS = ("HELLO", "NYC", "GO!", "TEAM", "2026", "LOVE", "WOW", "SKY", "ART", "JAZZ", "7", "SURF")


def paint_patterns(brush: Brush, dice: Dice) -> None:
    """Paints the pattern of each patterned garment of the brush's person, in place."""
    for cloth, numbers in brush.patterned.items():
        _paint(brush, dice, cloth, numbers)


def _paint(brush: Brush, dice: Dice, cloth: Cloth, numbers: list[int]) -> None:
    canvas, scale = brush.canvas, brush.scale
    joints = brush.figure.joints
    phase = dice.between(0, 1)
    word = dice.one(_WORDS)
    xs, ys = [p[0] for p in joints.values()], [p[1] for p in joints.values()]
    margin = 0.15 * scale
    x1, y1 = max(0, int(2 * (min(xs) - margin))), max(0, int(2 * (min(ys) - margin)))
    x2 = min(canvas.paint.shape[1], int(2 * (max(xs) + margin)))
    y2 = min(canvas.paint.shape[0], int(2 * (max(ys) + margin)))
    if x1 >= x2 or y1 >= y2:
        return
    first = numbers[0]
    worn = np.zeros(numbers[-1] - first + 3, np.uint8)
    worn[np.array(numbers) - first + 1] = 1
    window = canvas.numbers[y1:y2, x1:x2]
    mask = worn.take(window - (first - 1), mode="clip")
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return
    top, bottom, left, right = rows[0], rows[-1] + 1, columns[0], columns[-1] + 1
    mask = np.ascontiguousarray(mask[top:bottom, left:right])
    window = canvas.paint[y1 + top : y1 + bottom, x1 + left : x1 + right]
    layer = window.copy()
    period = max(5.0, scale * 2 * {"scarf": 0.03, "tie": 0.022}.get(cloth.name, 0.042))
    if cloth.kind == "letters":
        chest = brush.spine(0.66)
        middle = (2 * chest[0] - x1 - left, 2 * chest[1] - y1 - top)
        _letters(layer, middle, 2 * scale * brush.half(0.7) * 1.5, word, cloth, brush.cos)
    else:
        _draw(layer, cloth, period, phase)
    cv2.copyTo(layer, mask, window)


def _letters(layer, middle, room, word, cloth, facing) -> None:
    (width, height), _ = cv2.getTextSize(word, cv2.FONT_HERSHEY_DUPLEX, 1.0, 2)
    size = room / width
    origin = (round(middle[0] - width * size / 2), round(middle[1] + height * size / 2))
    thick = max(1, round(2.4 * size))
    color = cloth.accents[0]
    if size > 0.15:
        cv2.putText(layer, word, origin, cv2.FONT_HERSHEY_DUPLEX, size, color, thick, cv2.LINE_8)
    else:
        half = round(room * 0.4)
        y = round(middle[1])
        cv2.line(layer, (round(middle[0]) - half, y), (round(middle[0]) + half, y), color, 2)


def _bars(layer, color, period, share, angle, phase) -> None:
    """Draws parallel bars across the whole layer."""
    height, width = layer.shape[:2]
    c, s = math.cos(angle), math.sin(angle)
    reach = abs(width * c) + abs(height * s) + abs(width * s) + abs(height * c)
    middle = np.array((width / 2, height / 2))
    along, across = np.array((c, s)) * reach, np.array((-s, c))
    count = int(reach / period) + 1
    half = across * period * share / 2
    steps = (np.arange(count) - count / 2 + phase)[:, None] * period * across + middle
    bars = np.stack(
        [steps - along - half, steps + along - half, steps + along + half, steps - along + half],
        axis=1,
    )
    cv2.fillPoly(layer, list(np.rint(bars * 16).astype(np.int32)), color, cv2.LINE_8, 4)


def _draw(layer, cloth: Cloth, period: float, phase: float) -> None:
    kind, (first, second) = cloth.kind, (cloth.accents * 2)[:2]
    if kind == "stripes":
        _bars(layer, first, period, 0.45, cloth.angle, phase)
    elif kind == "pinstripes":
        _bars(layer, first, period * 0.55, 0.16, cloth.angle, phase)
    elif kind in ("checks", "diamonds"):
        turn = 0.785 if kind == "diamonds" else 0.0
        _bars(layer, first, period * 1.2, 0.4, turn, phase)
        _bars(layer, second, period * 1.2, 0.26, turn + math.pi / 2, phase)
    elif kind == "waves":
        _waves(layer, first, period, phase)
    else:
        _scatter(layer, kind, (first, second), period * (1.0 if kind == "dots" else 1.5), phase)


def _waves(layer, color, period, phase) -> None:
    height, width = layer.shape[:2]
    x = np.arange(-4, width + 8, 4)
    wave = np.sin(x / period * 3.0 + phase * 6) * period * 0.28
    for row in np.arange(phase * period - period, height + period, period):
        points = np.stack([x, row + wave], axis=1).round().astype(np.int32)
        cv2.polylines(layer, [points], False, color, max(2, round(period * 0.42)))


def _scatter(layer, kind, colors, period, phase) -> None:
    height, width = layer.shape[:2]
    row = 0
    y = phase * period
    while y < height + period:
        x = (0.5 * (row % 2) + phase) * period - period
        column = 0
        while x < width + period:
            middle = (round(x), round(y))
            if kind == "dots":
                cv2.circle(layer, middle, max(1, round(period * 0.24)), colors[0], -1)
            else:
                color = colors[(row + column) % 2]
                petal = max(1, round(period * 0.17))
                for dx, dy in ((0, -1), (0.95, -0.3), (0.6, 0.8), (-0.6, 0.8), (-0.95, -0.3)):
                    reach = period * 0.22
                    cv2.circle(
                        layer, (round(x + dx * reach), round(y + dy * reach)), petal, color, -1
                    )
                cv2.circle(layer, middle, max(1, round(period * 0.12)), (250, 220, 90), -1)
            x += period
            column += 1
        y += period * 0.86
        row += 1
