"""Objects that turn out to have no mask only when they are drawn in their image.

Where a reader leaves faults out, it leaves out the images of such objects: in them they would be
learnt as background.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from tfseg.data.reading.outlines import segmentation_extent
from tfseg.data.reading.problem import DROP, IMAGE_LEFT_OUT, Problem
from tfseg.structures import rle

__all__ = ["covers_nothing", "lost_when_drawn"]


def lost_when_drawn(
    record, size: tuple[int, int], outlines: Mapping[int, list | None], draw: Callable
) -> list[Problem]:
    """Returns what is wrong with objects of an image that drawing finds to have no mask.

    Problems with a consequence are of objects that are in the image; of one that is thinner than
    a pixel nothing is. Objects are drawn only where one of them is in doubt.

    Args:
        record: A `tfseg.data.reading.scan.ImageRecord`.
        size: `(H, W)` as it is seen.
        outlines: The polygons of each object by its number; None for one that only drawing shows.
        draw: `draw(record, size)` returns the objects (`Drawn`) and what is wrong.
    """
    if not any(_is_doubtful(polygons, size) for polygons in outlines.values()):
        return []
    drawn, problems = draw(record, size)
    found = [problem for problem in problems if problem.severity == "error"]
    found = [dataclasses.replace(problem, consequence=IMAGE_LEFT_OUT) for problem in found]
    for one in drawn:
        if not rle.area([one.runs])[0]:
            polygons = outlines.get(one.id)
            is_thin = polygons and max(map(_thickness, polygons)) <= 1
            what = "" if is_thin else IMAGE_LEFT_OUT
            found.append(dataclasses.replace(covers_nothing(record, one), consequence=what))
    return found


def covers_nothing(record, one) -> Problem:
    """Returns what to say of an object (`Drawn`) without a pixel in its image."""
    where = one.file or f"{record.where}, object {one.id}"
    return Problem(
        "error",
        "empty_mask",
        f"{where} of image {record.id!r}" if one.file else where,
        f"the mask ({one.label!r}) has no pixel inside its image. Correct or remove it, {DROP}",
        record.path or record.id,
        one.id,
    )


def _thickness(polygon: np.ndarray) -> float:
    extent = segmentation_extent([polygon])
    return float((extent[2:] - extent[:2]).min())


def _is_doubtful(polygons: list | None, size: tuple[int, int]) -> bool:
    """Returns whether an object may have no pixel in an image, whichever way up that lies."""
    if polygons is None:
        return True
    extent = segmentation_extent(polygons)
    for sides in (size, size[::-1]):
        if (np.minimum(extent[2:], sides) - np.maximum(extent[:2], 0)).min() <= 2:
            return True
    return False
