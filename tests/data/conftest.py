"""Photographs on disk, and masks by the plainest computation there is."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

SIZE = (60, 80)


def _centres(size):
    y, x = np.mgrid[: size[0], : size[1]] + 0.5
    return x, y


def _inside(points, size):
    """Even-odd rule at pixel centres, one edge after another."""
    x, y = _centres(size)
    inside = np.zeros(size, bool)
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]]):
        if y1 != y2:
            crosses = (y1 > y) != (y2 > y)
            inside ^= crosses & (x < x1 + (y - y1) * (x2 - x1) / (y2 - y1))
    return inside


def _near(points, size, distance):
    x, y = _centres(size)
    near = np.zeros(size, bool)
    for (x1, y1), (x2, y2) in zip(points, [*points[1:], points[0]]):
        length = max((x2 - x1) ** 2 + (y2 - y1) ** 2, 1e-9)
        t = np.clip(((x - x1) * (x2 - x1) + (y - y1) * (y2 - y1)) / length, 0, 1)
        near |= np.hypot(x - x1 - t * (x2 - x1), y - y1 - t * (y2 - y1)) <= distance
    return near


@pytest.fixture(scope="session")
def assert_polygon():
    """Compares a mask with a polygon, pixel by pixel, but for centres close to its outline."""

    def check(mask, points, distance=0.75):
        inside, near = _inside(points, mask.shape), _near(points, mask.shape, distance)
        assert inside.any()
        wrong = (mask != inside) & ~near
        assert not wrong.any(), f"{wrong.sum()} pixels differ, first at {np.argwhere(wrong)[0]}"

    return check


@pytest.fixture(scope="session")
def assert_ellipse():
    """Compares a mask with an ellipse: sure inside below radius 0.9, sure outside above 1.1."""

    def check(mask, cx, cy, rx, ry, theta=0.0):
        x, y = _centres(mask.shape)
        along = (x - cx) * np.cos(theta) + (y - cy) * np.sin(theta)
        across = -(x - cx) * np.sin(theta) + (y - cy) * np.cos(theta)
        radius = np.hypot(along / rx, across / ry)
        assert mask[radius < 0.9].all() and not mask[radius > 1.1].any()
        assert (radius < 0.9).any()

    return check


@pytest.fixture(scope="session")
def photo():
    """Writes an image of noise; `orientation` is its EXIF tag, `size` that of stored pixels."""

    def write(path, size=SIZE, orientation=None, seed=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (*size, 3), np.uint8)
        exif = Image.Exif()
        if orientation:
            exif[0x0112] = orientation
        Image.fromarray(pixels).save(path, **({"exif": exif.tobytes()} if orientation else {}))
        return path

    return write
