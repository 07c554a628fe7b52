"""What a number of an evaluation is called, and where people meet it first."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal

__all__ = ["Measure", "named"]

Place = Literal["epoch", "report", "curve", "table"]


@dataclasses.dataclass(frozen=True)
class Measure:
    """A measure as its evaluator declares it; what shows numbers follows these.

    Attributes:
        name: Its name in `Report.metrics`, such as "segm/AP50".
        label: The heading of its column, such as "mask AP50".
        meaning: One line for a reader who meets it in a report.
        places: Where it is among the few numbers shown: in the line of a finished "epoch", in the
            tiles of a "report", in the "curve" of a training, in the "table" of experiments.
        digits: Digits behind the point in that table.
    """

    name: str
    label: str
    meaning: str
    places: tuple[Place, ...] = ()
    digits: int = 3


def named(measures: Iterable[Measure], place: Place) -> list[str]:
    """Returns the names of the measures that a place shows, in their order."""
    return [measure.name for measure in measures if place in measure.places]
