"""The colour of a garment by its pixels: a rule in place of a person who names it.

The names are CCIHP's: nine hues, "multicolor", and "dark", "medium", "light" for what has no hue.
Where one hue ends and the next begins is this project's choice, made by looking at photographs;
labels by this rule are called `derived` wherever they are reported.
"""

from __future__ import annotations

import numpy as np

from tfseg.opencv import cv2
from tfseg.structures.labels import CCIHP_COLORS

__all__ = ["garment_color", "pixel_colors"]

_NUMBER = {name: number for number, name in enumerate(CCIHP_COLORS)}
_GREYS = [_NUMBER[name] for name in ("dark", "medium", "light")]
# Below this saturation, or this largest channel, a pixel has no hue that anybody would name.
_LEAST_SATURATION, _LEAST_VALUE = 0.18, 50
_DARK, _LIGHT = 85, 170  # of (largest + smallest channel) / 2
# Where each hue begins, in degrees; the last one goes on to 360.
_HUES = (
    (0, "red"),
    (15, "orange"),
    (42, "yellow"),
    (70, "green"),
    (165, "blue"),
    (260, "purple"),
    (320, "pink"),
    (345, "red"),
)
# Several colours: the first has less than this share, the second at least that one.
_MOST, _SECOND = 0.55, 0.25
_BOTH_GREYS = 0.3  # of dark and of light, as in black and white stripes
# What one cloth shows in light and shade, which is not several colours; dark and medium are shade
# of anything.
_ONE_CLOTH = (
    *({"red", "pink"}, {"red", "orange"}, {"orange", "yellow"}, {"yellow", "green"}),
    *({"green", "blue"}, {"blue", "purple"}, {"purple", "pink"}, {"brown", "red"}),
    *({"brown", "orange"}, {"brown", "yellow"}, {"brown", "light"}, {"blue", "light"}),
)
_RIM, _CORE = 2, 30  # pixels of edge left out, and those that have to be left over


def pixel_colors(image: np.ndarray) -> np.ndarray:
    """Returns the colour of each pixel, uint8 `(H, W)`: positions in `CCIHP_COLORS`, never 0 or
    "multicolor".

    1. With less saturation, (largest - smallest channel) / largest, than 0.18, or a largest channel
       below 50: "dark", "medium" or "light", by (largest + smallest) / 2 below 85, 170, or not.
    2. Else by hue: red from 345 degrees on, orange 15, yellow 42, green 70, blue 165, purple 260,
       pink 320.
    3. Red whose (largest + smallest) / 2 is 170 or more is pink; pink with a largest channel below
       110 is purple.
    4. Orange is brown unless its saturation is at least 0.6 and its largest channel at least 180;
       pale (saturation below 0.35, (largest + smallest) / 2 from 170) it is light, which beige is.
       Yellow with a largest channel below 140 is brown up to 50 degrees and green beyond.

    Args:
        image: uint8 `(H, W, 3)`, RGB.
    """
    rgb = np.ascontiguousarray(image[..., :3])
    largest, smallest = rgb.max(axis=2).astype(np.float32), rgb.min(axis=2).astype(np.float32)
    saturation = (largest - smallest) / np.maximum(largest, 1)
    middle = (largest + smallest) / 2
    hue = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2HSV)[..., 0]  # 0 to 360
    starts = np.array([start for start, _ in _HUES])
    names = np.array([_NUMBER[name] for _, name in _HUES], np.uint8)
    found = names[np.searchsorted(starts, hue, side="right") - 1]
    red, pink = found == _NUMBER["red"], found == _NUMBER["pink"]
    orange, yellow = found == _NUMBER["orange"], found == _NUMBER["yellow"]
    vivid = (saturation >= 0.6) & (largest >= 180)
    for where, name in (
        (red & (middle >= _LIGHT), "pink"),
        (pink & (largest < 110), "purple"),
        (orange & ~vivid, "brown"),
        (orange & (saturation < 0.35) & (middle >= _LIGHT), "light"),
        (yellow & (largest < 140) & (hue < 50), "brown"),
        (yellow & (largest < 140) & (hue >= 50), "green"),
    ):
        found[where] = _NUMBER[name]
    grey = (saturation < _LEAST_SATURATION) | (largest < _LEAST_VALUE)
    shades = np.array(_GREYS, np.uint8)[np.digitize(middle, (_DARK, _LIGHT))]
    return np.where(grey, shades, found)


def garment_color(colors: np.ndarray, mask: np.ndarray) -> int:
    """Returns the colour of a garment, a position in `CCIHP_COLORS`; 0 for an empty mask.

    Pixels within 2 of its outline do not count, where at least 30 others are left. The three shades
    without a hue count together. It is "multicolor" if the most frequent colour has less than 0.55
    of the pixels and the next one at least 0.25, unless one cloth shows both in light and shade
    (dark or medium and anything, red and pink, brown or blue and light, ...), or if dark and light
    have 0.3 each; else the most frequent one, among the shades the most frequent shade.

    Args:
        colors: Of `pixel_colors`, uint8 `(H, W)`.
        mask: bool `(H, W)`.
    """
    if not mask.any():
        return 0
    x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
    inside, colors = mask[y : y + h, x : x + w], colors[y : y + h, x : x + w]
    core = cv2.erode(
        np.pad(inside, 1).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=_RIM
    )[1:-1, 1:-1]
    chosen = core > 0 if np.count_nonzero(core) >= _CORE else inside
    counts = np.bincount(colors[chosen], minlength=len(CCIHP_COLORS)).astype(np.float64)
    shares = counts / counts.sum()
    shades = shares[_GREYS]
    families = shares.copy()
    families[_GREYS] = 0
    families[_GREYS[0]] = shades.sum()
    order = np.argsort(-families, kind="stable")
    first, second = families[order[:2]]
    names = {CCIHP_COLORS[_shade(place, shades)] for place in order[:2]}
    one_cloth = names in _ONE_CLOTH or names & {"dark", "medium"}
    several = first < _MOST and second >= _SECOND and not one_cloth
    if several or min(shades[0], shades[2]) >= _BOTH_GREYS:
        return _NUMBER["multicolor"]
    return _shade(order[0], shades)


def _shade(color, shades: np.ndarray) -> int:
    """Returns the most frequent shade in the place of "dark", which stands for all three."""
    return _GREYS[int(shades.argmax())] if color == _GREYS[0] else int(color)
