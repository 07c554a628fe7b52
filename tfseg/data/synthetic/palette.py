"""Colours: skin, hair, cloth, and the rule that names a colour.

A colour's CCIHP class follows from its red, green and blue as painted, before light falls on it:
`color_class`. A garment takes the class of its ground colour, or Multicolor where its pattern
covers a third of the cloth or more and brings in a colour of another class. Its details (buttons,
seams, soles) carry the garment's label.
"""

from __future__ import annotations

import colorsys
import functools

from tfseg.data.synthetic.dice import Dice

__all__ = ["CLOTH", "HAIR", "SKIN", "cloth_color", "color_class", "shade"]

DARK, MEDIUM, LIGHT, BROWN, RED, PINK, YELLOW, ORANGE, GREEN, BLUE, PURPLE, MULTICOLOR = range(
    1, 13
)

SKIN = (
    (248, 214, 192),
    (242, 202, 174),
    (236, 188, 152),
    (222, 170, 130),
    (198, 142, 104),
    (168, 114, 80),
    (134, 88, 62),
    (104, 68, 50),
    (80, 54, 42),
)

HAIR = (
    (28, 24, 26),
    (40, 34, 36),
    (62, 42, 30),
    (92, 60, 38),
    (124, 82, 48),
    (168, 96, 42),
    (176, 66, 34),
    (214, 172, 98),
    (236, 206, 144),
    (150, 148, 150),
    (214, 214, 216),
    (206, 92, 158),
    (66, 112, 190),
)

CLOTH = {
    DARK: ((30, 32, 38), (44, 46, 52), (22, 22, 26), (56, 56, 60)),
    MEDIUM: ((128, 130, 134), (104, 106, 112), (158, 160, 164), (142, 138, 134)),
    LIGHT: ((240, 240, 236), (226, 228, 230), (248, 246, 240), (214, 216, 220)),
    BROWN: ((116, 76, 44), (146, 102, 62), (92, 58, 36), (164, 122, 80)),
    RED: ((190, 36, 40), (214, 48, 46), (150, 26, 34), (224, 64, 58)),
    PINK: ((240, 150, 178), (232, 110, 150), (246, 182, 200), (222, 88, 140)),
    YELLOW: ((244, 210, 66), (250, 224, 110), (226, 186, 40), (246, 216, 84)),
    ORANGE: ((240, 134, 36), (230, 112, 28), (250, 158, 66), (222, 120, 50)),
    GREEN: ((58, 142, 76), (92, 168, 96), (34, 98, 64), (118, 152, 72)),
    BLUE: ((44, 92, 180), (72, 134, 208), (34, 62, 132), (106, 168, 224)),
    PURPLE: ((116, 64, 156), (148, 98, 190), (88, 44, 122), (164, 124, 206)),
}


@functools.lru_cache(maxsize=4096)
def color_class(color: tuple) -> int:
    """Returns the CCIHP colour (1 Dark to 11 Purple) of `(red, green, blue)`, 0 to 255.

    Greyish colours (saturation under 0.16, or value under 0.24) are Dark below value 0.34, Light
    from 0.76, Medium between. Others go by hue in degrees: up to 14 or from 345 Red, but Pink
    where value is above 0.85 and saturation below 0.62; to 36 Orange, but Brown where value is
    below 0.7; to 70 Yellow, but Brown where value is below 0.45; to 168 Green; to 256 Blue; to 295
    Purple; to 345 Pink, but Red where value is below 0.6.
    """
    hue, saturation, value = colorsys.rgb_to_hsv(*(channel / 255 for channel in color[:3]))
    hue *= 360
    if saturation < 0.16 or value < 0.24:
        return DARK if value < 0.34 else LIGHT if value >= 0.76 else MEDIUM
    if hue <= 14 or hue >= 345:
        return PINK if value > 0.85 and saturation < 0.62 else RED
    if hue <= 36:
        return BROWN if value < 0.7 else ORANGE
    if hue <= 70:
        return BROWN if value < 0.45 else YELLOW
    if hue <= 168:
        return GREEN
    if hue <= 256:
        return BLUE
    if hue <= 295:
        return PURPLE
    return RED if value < 0.6 else PINK


def shade(color: tuple, factor: float) -> tuple[int, int, int]:
    """Returns the colour, darker (factor below 1) or lighter (above: towards white)."""
    if factor <= 1:
        return tuple(int(channel * factor) for channel in color)
    return tuple(int(channel + (255 - channel) * (factor - 1)) for channel in color)


def cloth_color(dice: Dice, *classes: int) -> tuple[int, int, int]:
    """Returns a random cloth colour, of the given classes if any are given."""
    base = dice.one(CLOTH[dice.one(classes or tuple(CLOTH))])
    return tuple(min(255, max(0, channel + dice.whole(-8, 8))) for channel in base)
