"""Polygons as float64 `(n, 2)` arrays of `(x, y)`: the vocabulary that everything is drawn with."""

from __future__ import annotations

import bisect
import functools
import math
from collections.abc import Sequence

import cv2
import numpy as np

__all__ = [
    "between",
    "capsule",
    "disc",
    "ellipse",
    "hose",
    "hull",
    "mix",
    "polygon",
    "rectangle",
    "smooth",
]

_HALF = np.linspace(math.pi / 2, 3 * math.pi / 2, 7)
_CAPSULE = np.concatenate(
    [
        np.stack([np.cos(_HALF), np.sin(_HALF)], 1),
        np.stack([-np.cos(_HALF), -np.sin(_HALF)], 1),
    ]
)
_TURN = np.linspace(0, 2 * math.pi, 20, endpoint=False)
_CIRCLE = np.stack([np.cos(_TURN), np.sin(_TURN)], 1)
_SMALL_CIRCLE = _CIRCLE[::2]


def polygon(*points: tuple[float, float]) -> np.ndarray:
    """Returns the points as a polygon."""
    return np.array(points, np.float64)


def rectangle(x1: float, y1: float, x2: float, y2: float) -> np.ndarray:
    """Returns an upright rectangle."""
    return np.array(((x1, y1), (x2, y1), (x2, y2), (x1, y2)), np.float64)


def disc(x: float, y: float, radius: float) -> np.ndarray:
    """Returns a circle as a polygon; small ones get fewer corners."""
    return (_CIRCLE if radius > 3 else _SMALL_CIRCLE) * radius + (x, y)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> np.ndarray:
    """Returns an ellipse, turned by `angle` radians (clockwise as seen)."""
    circle = _CIRCLE if rx > 3 or ry > 3 else _SMALL_CIRCLE
    if angle == 0.0:
        return circle * (rx, ry) + (x, y)
    c, s = math.cos(angle), math.sin(angle)
    return circle @ np.array(((rx * c, rx * s), (-ry * s, ry * c))) + (x, y)


def capsule(
    start: Sequence[float], end: Sequence[float], radius_start: float, radius_end: float
) -> np.ndarray:
    """Returns a rod with round ends and a radius at each end: a piece of a limb."""
    x1, y1, x2, y2 = start[0], start[1], end[0], end[1]
    length = math.hypot(x2 - x1, y2 - y1)
    c, s = ((x2 - x1) / length, (y2 - y1) / length) if length > 1e-9 else (1.0, 0.0)
    points = np.empty((14, 2))
    points[:7] = _CAPSULE[:7] * radius_start
    points[7:] = _CAPSULE[7:] * radius_end
    points[7:, 0] += length
    return points @ np.array(((c, s), (-s, c))) + (x1, y1)


def hose(
    start: Sequence[float], end: Sequence[float], radius_start: float, radius_end: float
) -> np.ndarray:
    """Returns a rod with a round start and a nearly straight end: a sleeve, a trouser leg."""
    points = capsule(start, end, radius_start, radius_end)
    dx, dy = end[0] - start[0], end[1] - start[1]
    square = dx * dx + dy * dy
    if square > 1e-9:
        beyond = ((points[7:] - np.asarray(end)) @ (dx, dy)) / square
        points[7:] -= 0.85 * beyond[:, None] * (dx, dy)
    return points


def hull(*shapes: np.ndarray) -> np.ndarray:
    """Returns the convex hull of shapes."""
    points = np.concatenate(shapes).astype(np.float32)
    return cv2.convexHull(points)[:, 0].astype(np.float64)


def between(levels: Sequence[float], values: Sequence[float], level: float) -> float:
    """Returns the value at a level by straight lines through rising levels, ends held."""
    if level <= levels[0]:
        return values[0]
    if level >= levels[-1]:
        return values[-1]
    k = bisect.bisect_right(levels, level)
    share = (level - levels[k - 1]) / (levels[k] - levels[k - 1])
    return values[k - 1] + (values[k] - values[k - 1]) * share


def mix(first: Sequence[float], second: Sequence[float], share: float) -> tuple:
    """Returns the point (or colour) that lies `share` of the way from first to second."""
    return tuple(a + (b - a) * share for a, b in zip(first, second, strict=False))


@functools.lru_cache(maxsize=64)
def _catmull_rom(count: int, steps: int = 4) -> np.ndarray:
    matrix = np.zeros((count * steps, count))
    for corner in range(count):
        for step in range(steps):
            t = step / steps
            weights = (
                -0.5 * t + t * t - 0.5 * t**3,
                1 - 2.5 * t * t + 1.5 * t**3,
                0.5 * t + 2 * t * t - 1.5 * t**3,
                -0.5 * t * t + 0.5 * t**3,
            )
            for offset, weight in enumerate(weights):
                matrix[corner * steps + step, (corner + offset - 1) % count] += weight
    return matrix


def smooth(points: np.ndarray) -> np.ndarray:
    """Returns a closed Catmull-Rom curve through the points, as a polygon."""
    return _catmull_rom(len(points)) @ points
