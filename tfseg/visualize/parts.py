"""The attributes of objects, such as the clothes of people, as something to draw."""

from __future__ import annotations

import numpy as np

from tfseg.structures import Prediction, rle
from tfseg.structures.attributes import Attribute

__all__ = ["attribute_lines", "attribute_parts"]


def attribute_parts(found) -> Prediction | None:
    """Returns a prediction with one object for each attribute that has pixels, and the attributes'
    names as its classes; None where there are none.

    Args:
        found: A prediction, or a sample, which has none.
    """
    ones = getattr(found, "attributes", None) or ()
    placed = [one for some in ones for one in some if one.rle is not None]
    if not placed:
        return None
    names = _names(found, placed)
    return Prediction(
        size=found.size,
        boxes=np.array([rle.box(one.rle) for one in placed]),
        class_ids=[names.index(one.name) + 1 for one in placed],
        scores=[one.score for one in placed],
        rles=tuple(one.rle for one in placed),
        class_names=names,
        order="given",
    )


def _names(found: Prediction, placed: list[Attribute]) -> tuple[str, ...]:
    """Returns the names in an order, and so with colours, that other images have too where a label
    map lists them all; else by the alphabet."""
    present = {one.name for one in placed}
    lists = [names for names in found.label_names.values() if present <= set(names)]
    return lists[0] if lists else tuple(sorted(present))


def attribute_lines(found, scores: bool = True) -> list[str]:
    """Returns a line for each object that has attributes: "1 person: coat (red 0.80), hat".

    Args:
        found: A prediction, or a sample, which has none.
        scores: Write how sure each trait is.
    """
    lines = []
    for number, ones in enumerate(getattr(found, "attributes", None) or (), 1):
        if ones:
            told = ", ".join(_told(one, scores) for one in ones)
            lines.append(f"{number} {found.names[number - 1]}: {told}")
    return lines


def _told(one: Attribute, scores: bool) -> str:
    traits = [f"{t.value} {t.score:.2f}" if scores else t.value for t in one.traits.values()]
    return f"{one.name} ({', '.join(traits)})" if traits else one.name
