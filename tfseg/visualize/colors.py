"""Colours that tell objects apart and stay the same from run to run."""

from __future__ import annotations

import colorsys

import numpy as np

from tfseg.errors import ConfigError

__all__ = ["ink_on", "named_colour", "palette"]

# Ordered so that neighbours in the list differ most; all are readable on photographs.
_FIRST = (
    (0xE6, 0x3B, 0x60),
    (0x1F, 0x9B, 0xE8),
    (0xF5, 0xB4, 0x1C),
    (0x2F, 0xB3, 0x6E),
    (0x9B, 0x5D, 0xE5),
    (0xFF, 0x7A, 0x33),
    (0x17, 0xBE, 0xBB),
    (0xE8, 0x5F, 0xC4),
    (0x8A, 0xC9, 0x26),
    (0x4D, 0x6C, 0xFA),
    (0xB0, 0x7D, 0x4F),
    (0x6B, 0x8F, 0xA3),
)

# What classes that are colours look like, those of CCIHP among them.
_NAMED = {
    "dark": (0x2B, 0x2B, 0x33),
    "black": (0x14, 0x14, 0x18),
    "medium": (0x8C, 0x8C, 0x94),
    "grey": (0x8C, 0x8C, 0x94),
    "gray": (0x8C, 0x8C, 0x94),
    "light": (0xF2, 0xF2, 0xEC),
    "white": (0xFF, 0xFF, 0xFF),
    "brown": (0x8B, 0x57, 0x2A),
    "beige": (0xD9, 0xC3, 0x9A),
    "red": (0xDE, 0x21, 0x2B),
    "pink": (0xFF, 0x8F, 0xC2),
    "yellow": (0xFF, 0xE0, 0x2E),
    "orange": (0xFF, 0x86, 0x0D),
    "green": (0x2A, 0xA8, 0x3E),
    "blue": (0x1F, 0x5F, 0xE0),
    "purple": (0x8A, 0x2B, 0xC2),
    "multicolor": (0x12, 0xD2, 0xCF),
}


def named_colour(name: str) -> tuple[int, int, int] | None:
    """Returns what a class that is a colour looks like, RGB, or None for one that is none.
    "multicolor" gets a hue that no other has."""
    return _NAMED.get(name)


def palette(count: int) -> np.ndarray:
    """Returns distinct colours, uint8 `(count, 3)`, RGB. Colour k does not depend on `count`, so
    a class keeps its colour when others are added."""
    if count < 0:
        raise ConfigError(f"palette: expected a count of 0 or more, got {count}.")
    colours = list(_FIRST[:count])
    for index in range(len(_FIRST), count):
        # Steps of the golden ratio around the colour circle never meet again.
        hue = (index * 0.61803398875) % 1.0
        lightness = (0.45, 0.62, 0.53)[index % 3]
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, 0.75)
        colours.append(tuple(round(255 * value) for value in (red, green, blue)))
    return np.array(colours, np.uint8).reshape(count, 3)


def ink_on(colour) -> tuple[int, int, int]:
    """Returns black or white, whichever has the higher contrast on `colour` (RGB, 0 to 255)."""
    linear = (np.asarray(colour, float) / 255) ** 2.2
    luminance = float(linear @ (0.2126, 0.7152, 0.0722))
    # WCAG contrast ratios against white and against black.
    return (
        (255, 255, 255) if 1.05 / (luminance + 0.05) > (luminance + 0.05) / 0.05 else (16, 16, 20)
    )
