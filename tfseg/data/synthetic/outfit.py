"""What a person wears: garments with their cut, colour, pattern, and the labels of these."""

from __future__ import annotations

import dataclasses

from tfseg.data.synthetic import palette

__all__ = [
    "GARMENTS",
    "LONG",
    "PATTERN_KINDS",
    "SHORT",
    "SPARSE",
    "UNDETERMINED",
    "Cloth",
    "Outfit",
]

# Position + 1 is the garment's number on the canvas.
GARMENTS: tuple[str, ...] = (
    "suit",
    "dress",
    "jeans",
    "shirt",
    "t-shirt",
    "sweater",
    "skirt",
    "coat",
    "jacket",
    "trousers",
    "shorts",
    "hat",
    "shoes",
    "boots",
    "bag",
    "scarf",
    "tie",
    "gloves",
    "glasses",
    "socks",
    "mask",
)

SHORT, LONG, UNDETERMINED, SPARSE = 1, 2, 3, 4
SOLID, GEOMETRICAL, FANCY, LETTERS = 1, 2, 3, 4

# kind of pattern -> (CCIHP pattern, does it cover a third of the cloth or more)
PATTERN_KINDS = {
    "solid": (SOLID, False),
    "stripes": (GEOMETRICAL, True),
    "pinstripes": (GEOMETRICAL, False),
    "checks": (GEOMETRICAL, True),
    "diamonds": (GEOMETRICAL, True),
    "dots": (FANCY, False),
    "flowers": (FANCY, True),
    "waves": (FANCY, True),
    "letters": (LETTERS, False),
}


@dataclasses.dataclass(frozen=True)
class Cloth:
    """One garment's material and labels.

    Attributes:
        name: The garment, one of `GARMENTS`, or "hair".
        cut: What kind of that garment it is.
        color: Ground colour.
        accents: The colours of its pattern.
        kind: Kind of pattern, a key of `PATTERN_KINDS`.
        size: CCIHP size.
        weave: See `canvas.Part`.
        length: How far it reaches; its meaning depends on the garment.
        angle: Direction of the pattern in radians.
    """

    name: str
    cut: str
    color: tuple[int, int, int]
    accents: tuple = ()
    kind: str = "solid"
    size: int = UNDETERMINED
    weave: int = 1
    length: float = 0.0
    angle: float = 0.0

    @property
    def garment(self) -> int:
        """Number of the garment on the canvas; 0 for hair."""
        return GARMENTS.index(self.name) + 1 if self.name in GARMENTS else 0

    @property
    def pattern(self) -> int:
        """CCIHP pattern."""
        return PATTERN_KINDS[self.kind][0]

    @property
    def color_class(self) -> int:
        """CCIHP colour, by the rule in `palette`."""
        ground = palette.color_class(self.color)
        if PATTERN_KINDS[self.kind][1] and any(
            palette.color_class(accent) != ground for accent in self.accents
        ):
            return palette.MULTICOLOR
        return ground


@dataclasses.dataclass(frozen=True)
class Outfit:
    """Everything that a person wears; None where there is nothing of the kind.

    `upper` is a shirt, t-shirt, sweater or dress, `lower` jeans, trousers, shorts or skirt (None
    with a dress), `outer` a suit jacket, coat or jacket. `sleeve` is the length of the upper
    garment's sleeves: 0 none, up to 1 at the elbow, 2 at the wrist.
    """

    skin: tuple[int, int, int]
    hair: Cloth
    beard: Cloth | None
    upper: Cloth
    sleeve: float
    lower: Cloth | None
    outer: Cloth | None
    shoes: Cloth
    socks: Cloth | None
    hat: Cloth | None
    glasses: Cloth | None
    gloves: Cloth | None
    scarf: Cloth | None
    tie: Cloth | None
    mask: Cloth | None
    bag: Cloth | None
