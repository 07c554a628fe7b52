"""Outlines whose coordinates are shares of the image's size where pixels are expected."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = ["UnitsError", "check_units", "is_in_unit_square"]


class UnitsError(DataError):
    """All outlines of a dataset are in units of the image's size."""


def is_in_unit_square(polygons: Iterable[np.ndarray]) -> bool:
    """Returns whether all corners of an object lie between 0 and 1, and not on whole numbers."""
    corners = np.concatenate([np.zeros(0), *polygons])
    within = corners.size and corners.min() >= 0 and corners.max() <= 1
    return bool(within and (corners != np.floor(corners)).any())


def check_units(source: str, flags: Iterable[bool], remedy: str = "") -> list[Problem]:
    """Returns a warning if some objects of a dataset lie in the unit square.

    Args:
        source: File or folder, for messages.
        flags: What `is_in_unit_square` says of each object.
        remedy: What else can be done if all do.

    Raises:
        UnitsError: All of them do: the whole dataset is in another unit.
    """
    flags = list(flags)
    count = sum(flags)
    if not count:
        return []
    what = (
        "lie between 0 and 1, as if divided by the image's size; pixels are expected. Multiply "
        "x by the width and y by the height."
    )
    if count == len(flags):
        outlines = "of the only outline" if count == 1 else f"of all {count} outlines"
        raise UnitsError(f"{source}: the coordinates {outlines} {what}{remedy}")
    message = f"the coordinates of {count} of {len(flags)} outlines {what}"
    return [Problem("warning", "normalised", source, message)]
