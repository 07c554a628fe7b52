"""What people say, and what a parsing says in its place.

A word stands for names of attributes, or for values of one respect, or for both: shorts are pants
that are short. Where several names stand, each of them will do; those that a model does not have
are passed over. Names are those of CCIHP, and CIHP's "dress" and "sunglasses".
"""

from __future__ import annotations

__all__ = ["FILLERS", "JOINING", "MEANINGS"]

_SHOES = ("left_shoe", "right_shoe")
_TOP, _COAT, _PANTS = ("upper_clothes",), ("coat",), ("pants",)

_SAY_NOTHING = (
    "a an the of some any his her their person persons people somebody someone anybody anyone "
    "wearing wears wear dressed having has who colored coloured color colour clothing clothes "
    "garment piece pair"
)
FILLERS = frozenset(_SAY_NOTHING.split())
"""Words that say nothing that could be looked for."""

JOINING = frozenset(("and", "with", "in", "plus", "&", "+", ","))
"""Words between two things that the same person wears."""


def _all(words: str, **meaning) -> dict[str, dict]:
    return {word: meaning for word in words.split()}


MEANINGS: dict[str, dict] = {
    # Attributes
    **_all("trousers pants jeans slacks leggings chinos", attributes=_PANTS),
    **_all("shorts", attributes=_PANTS, size=("short_small",)),
    **_all("shirt tshirt t-shirt top blouse", attributes=_TOP),
    **_all("sweater jumper pullover hoodie cardigan vest polo", attributes=_TOP),
    **_all("upper_clothes upper-clothes", attributes=_TOP),
    **_all("coat jacket blazer parka anorak overcoat raincoat", attributes=_COAT),
    # CCIHP has no dress: its upper part is upper clothes, its lower one a skirt.
    **_all("dress gown", attributes=("dress", "skirt")),
    **_all("skirt miniskirt", attributes=("skirt",)),
    **_all("hat cap beanie helmet hood bonnet", attributes=("hat",)),
    **_all("hair beard moustache", attributes=("hair",)),
    **_all("bald", attributes=("hair",), size=("sparse_bald",)),
    **_all("blond blonde", attributes=("hair",), color=("yellow",)),
    **_all("brunette", attributes=("hair",), color=("brown",)),
    **_all("redhead ginger", attributes=("hair",), color=("orange", "red")),
    **_all("glasses spectacles eyewear", attributes=("glasses", "sunglasses")),
    **_all("sunglasses shades", attributes=("glasses", "sunglasses"), color=("dark",)),
    **_all("glove mitten", attributes=("glove",)),
    **_all("mask facemask", attributes=("mask",)),
    **_all("sock stocking tights", attributes=("socks",)),
    **_all("socks", attributes=("socks",)),
    **_all("scarf tie necktie bowtie bow-tie shawl", attributes=("scarf",)),
    **_all("shoe sneaker sandal trainer slipper footwear", attributes=_SHOES),
    **_all("boot", attributes=_SHOES, size=("long_large",)),
    # Colours
    **_all("black dark", color=("dark",)),
    **_all("white light pale cream", color=("light",)),
    **_all("grey gray silver medium", color=("medium",)),
    **_all("brown tan chestnut", color=("brown",)),
    **_all("beige khaki", color=("brown", "light")),
    **_all("red crimson scarlet maroon burgundy", color=("red",)),
    **_all("pink rose magenta", color=("pink",)),
    **_all("yellow gold golden", color=("yellow",)),
    **_all("orange", color=("orange",)),
    **_all("green olive lime", color=("green",)),
    **_all("turquoise teal cyan", color=("blue", "green")),
    **_all("blue azure", color=("blue",)),
    **_all("navy", color=("blue", "dark")),
    **_all("purple violet lilac lavender", color=("purple",)),
    **_all("multicolor multicolour multicolored multicoloured", color=("multicolor",)),
    **_all("colorful colourful", color=("multicolor",)),
    # Sizes
    **_all("long large big wide", size=("long_large",)),
    **_all("short small little mini", size=("short_small",)),
    **_all("sparse", size=("sparse_bald",)),
    # Patterns
    **_all("solid plain", pattern=("solid",)),
    **_all(
        "striped stripy checked checkered chequered plaid tartan dotted", pattern=("geometrical",)
    ),
    **_all("spotted geometric geometrical", pattern=("geometrical",)),
    **_all("floral flowered flowery fancy printed", pattern=("fancy",)),
    **_all("patterned", pattern=("geometrical", "fancy")),
    **_all("letters lettering lettered logo text slogan", pattern=("letters",)),
}
"""Word to what it stands for: "attributes" to names, and a respect ("size", "color") to values."""
