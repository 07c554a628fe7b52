"""Where the numbers of an id map may mean something else than objects."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from tfseg.data.reading.problem import Problem
from tfseg.structures.semantic import IGNORED

__all__ = ["doubtful_numbers"]

_FEW = 20  # numbers; more of them are hardly classes
_LARGE = 0.1  # of a number's pixels; a smaller piece may be what is seen behind another object


def doubtful_numbers(
    ids: np.ndarray, skip: tuple[int, ...], file: str, image: str
) -> list[Problem]:
    """Returns warnings for an id map that nothing names the numbers of.

    255 beside other numbers is void in the maps of PASCAL VOC and of everything else here. A number
    with several large pieces may be a class number, whose objects have become one.

    Args:
        ids: Whole numbers `(H, W)`.
        skip: Numbers that are no object.
        file: The map.
        image: Its image.
    """
    found = [number for number in np.unique(ids).tolist() if number not in skip]
    problems = []
    if IGNORED in found and len(found) > 1 and IGNORED - 1 not in found and max(found) == IGNORED:
        message = (
            "255 is read as an object, but beside other numbers it mostly means void, as in "
            "PASCAL VOC. If so, pass ignore=(255,), with tfseg --set data.ignore=[255]."
        )
        problems.append(Problem("warning", "doubtful_void", file, message, image))
        found.remove(IGNORED)
    if len(found) > _FEW:
        return problems
    for number in found:
        pieces, count = ndimage.label(ids == number, np.ones((3, 3)))
        sizes = np.bincount(pieces.ravel())[1:]
        if count > 1 and (sizes >= max(_LARGE * sizes.sum(), 4)).sum() > 1:
            message = (
                f"the number {number} covers several separate places and is read as one object. If "
                "the numbers are classes, give each object a number of its own, and put this map "
                "into classes/ with names in classes.txt."
            )
            problems.append(Problem("warning", "class_numbers", file, message, image))
            break
    return problems
