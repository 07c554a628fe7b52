"""The colour rule: of a pixel, of a garment, of one with several colours."""

from __future__ import annotations

import numpy as np
import pytest

from tfseg.data.published.garment_colors import garment_color, pixel_colors
from tfseg.structures.labels import CCIHP_COLORS

PLAIN = {
    "dark": [(0, 0, 0), (30, 20, 40), (70, 68, 66)],
    "medium": [(128, 128, 128), (150, 140, 145)],
    "light": [(255, 255, 255), (235, 225, 205)],
    "brown": [(120, 72, 30), (200, 140, 90)],
    "red": [(200, 20, 30), (110, 20, 20)],
    "pink": [(255, 170, 190), (240, 100, 170)],
    "yellow": [(250, 230, 40)],
    "orange": [(250, 130, 20)],
    "green": [(30, 140, 40), (90, 95, 40)],
    "blue": [(30, 60, 200), (40, 60, 110), (60, 180, 200)],
    "purple": [(120, 30, 160), (100, 20, 80)],
}


@pytest.mark.parametrize("name", PLAIN)
def test_plain_colours_have_their_name(name):
    image = np.array([PLAIN[name]], np.uint8)
    assert [CCIHP_COLORS[number] for number in pixel_colors(image)[0]] == [name] * len(PLAIN[name])


def name_of(*shares) -> str:
    """Returns the colour of a garment with shares of some colours, on a background of green."""
    colors = np.full((40, 120), CCIHP_COLORS.index("green"), np.uint8)
    mask = np.zeros((40, 120), bool)
    mask[5:35, 10:110] = True
    start = 10
    for name, share in shares:
        colors[5:35, start : start + share] = CCIHP_COLORS.index(name)
        start += share
    return CCIHP_COLORS[garment_color(colors, mask)]


def test_a_garment_has_the_colour_of_most_of_it():
    assert name_of(("red", 80), ("blue", 20)) == "red"
    assert name_of(("dark", 30), ("medium", 40), ("red", 30)) == "medium"  # shades count together
    assert name_of(("red", 50), ("pink", 50)) == "red"  # a crumpled coral shirt
    assert name_of(("blue", 54), ("light", 46)) == "blue"  # washed denim
    assert name_of(("red", 50), ("blue", 50)) == "multicolor"
    assert name_of(("red", 52), ("light", 48)) == "multicolor"
    assert name_of(("dark", 50), ("light", 50)) == "multicolor"  # stripes
    assert garment_color(np.zeros((5, 5), np.uint8), np.zeros((5, 5), bool)) == 0


def test_the_rim_of_a_garment_does_not_count():
    colors = np.full((30, 30), CCIHP_COLORS.index("green"), np.uint8)
    colors[7:23, 7:23] = CCIHP_COLORS.index("red")
    mask = np.zeros((30, 30), bool)
    mask[5:25, 5:25] = True
    assert CCIHP_COLORS[garment_color(colors, mask)] == "red"
    small = np.zeros((30, 30), bool)
    small[5:7, 5:25] = True  # nothing would be left of it
    assert CCIHP_COLORS[garment_color(colors, small)] == "green"
