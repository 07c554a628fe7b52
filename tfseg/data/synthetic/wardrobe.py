"""Chooses who wears what, by chance."""

from __future__ import annotations

import dataclasses

from tfseg.data.synthetic import palette, shapes
from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.outfit import LONG, SHORT, SPARSE, UNDETERMINED, Cloth, Outfit

__all__ = ["draw_outfit"]

_STYLES = {"suit": 1.3, "dress": 1.5, "skirt": 1, "jeans": 2, "trousers": 1.2, "shorts": 1.1}
_TOPS = {"shirt": 1.4, "t-shirt": 1.6, "sweater": 1.0}


def _material(dice: Dice, name: str, cut: str = "", *, color=None, plain=0.5, **fields) -> Cloth:
    """Returns a cloth, patterned with probability 1 - plain."""
    color = palette.cloth_color(dice) if color is None else color
    kind, accents = "solid", ()
    if not dice.chance(plain):
        kinds = {"stripes": 2, "checks": 1.6, "diamonds": 0.6, "dots": 1, "flowers": 1.3}
        kinds |= {"waves": 0.8, "letters": 1.6 if name in ("t-shirt", "sweater") else 0}
        kind = dice.weighted(kinds)
        ground = palette.color_class(color)
        others = [c for c in palette.CLOTH if c != ground]
        accents = tuple(palette.cloth_color(dice, dice.one(others)) for _ in range(2))
        if kind == "letters":
            light = sum(color) > 380
            accents = ((36, 38, 46),) if light else ((244, 244, 240),)
    angle = dice.one((0.0, 0.0, 1.5708, 0.6))
    return Cloth(name, cut, color, accents, kind, angle=angle, **fields)


def _bottom(dice: Dice, style: str) -> Cloth:
    if style == "jeans":
        wash = dice.one(
            ((44, 66, 108), (58, 86, 138), (84, 118, 168), (34, 44, 74), (120, 152, 192))
        )
        cut = dice.one(("straight", "slim", "flared", "cuffed"))
        return Cloth("jeans", cut, wash, size=LONG, weave=2, length=1.93)
    if style == "shorts":
        length = dice.between(0.5, 0.95)
        return _material(dice, "shorts", plain=0.7, size=SHORT, length=length)
    if style == "skirt":
        length = dice.between(0.55, 1.75)
        size = SHORT if length < 1.0 else LONG
        cut = dice.one(("flared", "straight", "pleated"))
        return _material(dice, "skirt", cut, size=size, length=length)
    colors = (palette.DARK, palette.MEDIUM, palette.BROWN, palette.LIGHT, palette.BLUE)
    color = palette.cloth_color(dice, *colors, palette.GREEN, palette.RED)
    cut = dice.one(("straight", "slim", "flared"))
    return _material(dice, "trousers", cut, color=color, plain=0.85, size=LONG, length=1.93)


def _top(dice: Dice, name: str) -> tuple[Cloth, float]:
    sleeve = {"shirt": 1.9, "t-shirt": 0.6, "sweater": 1.95}[name]
    if name == "shirt" and dice.chance(0.25):
        sleeve = 0.8
    if name == "t-shirt" and dice.chance(0.2):
        sleeve = 0.0
    size = LONG if sleeve > 1 else SHORT
    cut = dice.one(("tucked", "loose"))
    weave = 3 if name == "sweater" else 1
    return _material(dice, name, cut, plain=0.42, size=size, weave=weave), sleeve


def _dress(dice: Dice) -> tuple[Cloth, float]:
    sleeve = dice.one((0.0, 0.0, 0.5, 0.7, 1.9))
    length = dice.between(0.7, 1.8)
    cut = dice.one(("belted", "plain", "sash", "plain"))
    size = SHORT if length < 1.05 else LONG
    return _material(dice, "dress", cut, plain=0.4, size=size, length=length), sleeve


def _suit(dice: Dice) -> tuple[Cloth, Cloth, Cloth, Cloth | None]:
    """Returns jacket, trousers, shirt and tie."""
    color = dice.one(
        ((36, 40, 52), (48, 50, 56), (34, 48, 84), (92, 94, 100), (112, 90, 66), (150, 148, 144))
    )
    kind = "pinstripes" if dice.chance(0.25) else "solid"
    accents = (palette.shade(color, 1.3),) if kind == "pinstripes" else ()
    jacket = Cloth("suit", "jacket", color, accents, kind, size=LONG, angle=1.5708)
    trousers = Cloth("suit", "straight", color, accents, kind, LONG, 1, 1.93, 1.5708)
    light = palette.cloth_color(dice, palette.LIGHT, palette.LIGHT, palette.PINK)
    light = dice.one((light, (178, 202, 236), light))
    shirt = Cloth("shirt", "tucked", light, size=LONG)
    tie = None
    if dice.chance(0.78):
        color = palette.cloth_color(dice, palette.RED, palette.BLUE, palette.DARK, palette.PURPLE)
        kind = dice.one(("solid", "solid", "stripes"))
        accents = (palette.cloth_color(dice, palette.LIGHT),) if kind == "stripes" else ()
        tie = Cloth("tie", "tie", color, accents, kind, size=LONG, angle=0.7)
    return jacket, trousers, shirt, tie


def _outer(dice: Dice, name: str) -> Cloth:
    classes = (palette.DARK, palette.BROWN, palette.RED, palette.GREEN, palette.BLUE)
    color = palette.cloth_color(dice, *classes, palette.MEDIUM, palette.YELLOW, palette.ORANGE)
    cut = dice.one(("open", "closed"))
    if name == "coat":
        length = dice.between(0.75, 1.5)
        return _material(dice, "coat", cut, color=color, plain=0.85, size=LONG, length=length)
    return _material(dice, "jacket", cut, color=color, plain=0.9, size=SHORT)


def _hair(dice: Dice) -> Cloth:
    color = dice.one(palette.HAIR[-2:] if dice.chance(0.04) else palette.HAIR[:-2])
    cut = dice.weighted(
        {"short": 3, "crop": 1.5, "curly": 1, "long": 2.2, "bob": 1.4, "ponytail": 1.2, "bun": 1}
        | {"spiky": 0.7, "bald": 0.9}
    )
    size = LONG if cut in ("long", "bob", "ponytail", "bun") else SHORT
    return Cloth("hair", cut, color, size=SPARSE if cut == "bald" else size, weave=2)


def _extras(dice: Dice, wanted: str | None) -> dict[str, Cloth | None]:
    """Returns hat, glasses, gloves, scarf, mask and bag."""

    def worn(name: str, probability: float) -> bool:
        return dice.chance(probability) or wanted == name

    found: dict[str, Cloth | None] = dict.fromkeys(("hat", "glasses", "gloves", "scarf"))
    found |= dict.fromkeys(("mask", "bag"))
    if worn("hat", 0.26):
        cut = dice.one(("cap", "beanie", "brim", "fedora"))
        size = LONG if cut in ("brim", "fedora") else SHORT
        found["hat"] = _material(dice, "hat", cut, plain=0.8, size=size)
    if worn("glasses", 0.28):
        cut = dice.one(("round", "square", "sun"))
        color = palette.cloth_color(dice, palette.DARK, palette.DARK, palette.BROWN, palette.RED)
        found["glasses"] = Cloth(
            "glasses", cut, color, weave=0, size=LONG if cut == "sun" else SHORT
        )
    if worn("gloves", 0.14):
        size = dice.one((SHORT, LONG))
        found["gloves"] = _material(dice, "gloves", plain=0.85, size=size, weave=3)
    if worn("scarf", 0.16):
        size = dice.one((SHORT, LONG))
        found["scarf"] = _material(dice, "scarf", plain=0.4, size=size, weave=3)
    if worn("mask", 0.08):
        color = dice.one(((236, 240, 244), (150, 196, 226), (44, 46, 52), (226, 150, 170)))
        found["mask"] = Cloth("mask", "mask", color, size=UNDETERMINED)
    if worn("bag", 0.28):
        cut = dice.one(("handbag", "shoulder", "backpack"))
        found["bag"] = _material(dice, "bag", cut, plain=0.85, size=UNDETERMINED)
    return found


def _style(dice: Dice, wanted: str | None) -> str:
    """Returns a kind of outfit that the wanted garment can be part of."""
    if wanted in _STYLES:
        return wanted
    if wanted == "tie":
        return "suit"
    if wanted == "socks":
        return "shorts"
    style = dice.weighted(_STYLES)
    if wanted in (*_TOPS, "coat", "jacket") and style in ("suit", "dress"):
        return dice.one(("jeans", "trousers", "skirt", "shorts"))
    return style


def _clothes(dice: Dice, style: str, wanted: str | None) -> dict:
    """Returns upper, sleeve, lower, outer and tie of an outfit."""
    if style == "suit":
        outer, lower, upper, tie = _suit(dice)
        if wanted == "tie" and tie is None:
            tie = Cloth("tie", "tie", (150, 26, 34), size=LONG)
        if wanted == "scarf":
            tie = None
        return dict(upper=upper, sleeve=1.9, lower=lower, outer=outer, tie=tie)
    if style == "dress":
        (upper, sleeve), lower = _dress(dice), None
    else:
        name = wanted if wanted in _TOPS else dice.weighted(_TOPS)
        (upper, sleeve), lower = _top(dice, name), _bottom(dice, style)
    outer = None
    if wanted in ("coat", "jacket"):
        outer = _outer(dice, wanted)
    elif dice.chance(0.12 if wanted in (*_TOPS, "dress") else 0.3):
        outer = _outer(dice, dice.one(("coat", "jacket")))
    return dict(upper=upper, sleeve=sleeve, lower=lower, outer=outer, tie=None)


def draw_outfit(dice: Dice, child: bool, wanted: str | None = None) -> Outfit:
    """Returns a random outfit.

    Args:
        dice: Where chance comes from.
        child: Whether a child wears it.
        wanted: A garment that has to be part of it, or None.
    """
    style = _style(dice, wanted)
    worn = _clothes(dice, style, wanted) | _extras(dice, wanted)
    if worn["tie"] is not None:
        worn["scarf"] = None
    hat, hair = worn["hat"], _hair(dice)
    if hat is not None and hat.cut == "brim" and style == "suit":
        worn["hat"] = dataclasses.replace(hat, cut="fedora")
    if hat is not None and hair.size != LONG:
        hair = dataclasses.replace(hair, cut="short", size=UNDETERMINED)
    worn["shoes"], worn["socks"] = _footwear(dice, style, wanted)
    skin = dice.one(palette.SKIN)
    masculine = hair.cut in ("short", "crop", "bald", "curly") and not child and style != "dress"
    beard = None
    if masculine and dice.chance(0.35):
        # The length of a beard goes by its size.
        beard = dataclasses.replace(hair, cut="beard", size=dice.one((SHORT, LONG)))
    if hair.cut == "bald":
        thin = tuple(round(channel) for channel in shapes.mix(skin, hair.color, 0.18))
        hair = dataclasses.replace(hair, color=thin, weave=0)
    return Outfit(skin=skin, hair=hair, beard=beard, **worn)


def _footwear(dice: Dice, style: str, wanted: str | None) -> tuple[Cloth, Cloth | None]:
    boots = wanted == "boots" or (wanted != "shoes" and dice.chance(0.22))
    if style == "suit" and wanted != "boots":
        color = palette.cloth_color(dice, palette.DARK, palette.DARK, palette.BROWN)
        shoes = Cloth("shoes", "formal", color, size=SHORT, weave=0)
    elif boots:
        color = palette.cloth_color(dice, palette.BROWN, palette.DARK, palette.RED)
        shoes = Cloth("boots", "boots", color, size=LONG, weave=0, length=dice.between(0.25, 0.6))
    else:
        cut = dice.one(("sneaker", "sneaker", "flat"))
        shoes = Cloth("shoes", cut, palette.cloth_color(dice), size=SHORT, weave=0)
    socks = None
    if (wanted == "socks" or dice.chance(0.6 if style in ("shorts", "skirt") else 0.3)) and not (
        shoes.name == "boots" and wanted != "socks"
    ):
        size = dice.one((SHORT, LONG))
        length = 0.18 if size == SHORT else dice.between(0.4, 0.75)
        socks = _material(dice, "socks", plain=0.6, size=size, length=length, weave=3)
    return shoes, socks
