"""What is known of one object beyond its class: its parts, and what each of them is like."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import NamedTuple

from tfseg.errors import DataError

__all__ = ["Attribute", "Trait"]


class Trait(NamedTuple):
    """What an attribute is like in one respect: `Trait("red", 0.8)` as its colour.

    Attributes:
        value: Name of what was found.
        score: How sure that is, in [0, 1].
    """

    value: str
    score: float


@dataclasses.dataclass(frozen=True, eq=False)
class Attribute:
    """One attribute of an object, such as the coat that a person wears.

    Attributes:
        name: What it is.
        score: How sure that is, in [0, 1].
        rle: Its pixels in the image, a run-length mask (`tfseg.structures.rle`); None where the
            attribute has no place.
        traits: Respect ("color", "size") to `Trait`; a pair `(value, score)` will do.

    Raises:
        DataError: If a name is no text, a score lies outside of [0, 1] or `rle` is no run-length
            mask.
    """

    name: str
    score: float = 1.0
    rle: dict | None = None
    traits: Mapping[str, Trait] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if not isinstance(self.name, str) or not self.name:
            raise DataError(f"an attribute needs a name, got {self.name!r}.")
        where = f"attribute {self.name!r}"
        if self.rle is not None and not {"size", "counts"} <= set(self.rle):
            raise DataError(
                f"{where}: expected its pixels as a run-length mask with size and counts, got "
                f"{type(self.rle).__name__}. tfseg.structures.rle.encode(mask) makes one."
            )
        traits = {}
        for respect, trait in dict(self.traits).items():
            if isinstance(trait, str) or len(trait) != 2 or not isinstance(trait[0], str):
                raise DataError(
                    f"{where}: expected for {respect!r} a pair (value, score) such as "
                    f"('red', 0.8), got {trait!r}."
                )
            traits[respect] = Trait(trait[0], _share(trait[1], f"{where}, {respect}"))
        object.__setattr__(self, "score", _share(self.score, where))
        object.__setattr__(self, "traits", traits)

    def __repr__(self) -> str:
        traits = "".join(f", {trait.value} {trait.score:.2f}" for trait in self.traits.values())
        return f"Attribute({self.name} {self.score:.2f}{traits})"


def _share(score, where: str) -> float:
    """Returns a score as a float in [0, 1]."""
    try:
        number = float(score)
    except (TypeError, ValueError):
        number = -1.0
    if not 0 <= number <= 1:
        raise DataError(f"{where}: expected a score from 0 to 1, got {score!r}.")
    return number
