"""The objects of one image of Open Images, with everything that is wrong with them."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfseg.data.images import read_image, stored_orientation
from tfseg.data.open_images.files import name_of
from tfseg.data.open_images.masks import fit, read_mask, resize
from tfseg.data.open_images.plan import Plan
from tfseg.data.open_images.rows import MaskRow
from tfseg.data.problem import Problem
from tfseg.errors import DataError

__all__ = ["ImageObjects", "Picture", "read_objects", "read_picture"]


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """An image that was read.

    Attributes:
        pixels: uint8 `(H, W, 3)`, RGB, as it is seen.
        orientation: The EXIF orientation that was undone, 1 to 8.
        data: The bytes of the file.
        place: Where it lies, a path or an archive and its member.
    """

    pixels: np.ndarray
    orientation: int
    data: bytes
    place: str | tuple[str, str]

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` in pixels, as it is seen."""
        return self.pixels.shape[:2]


@dataclasses.dataclass(frozen=True, eq=False)
class ImageObjects:
    """What became of the lines of one image.

    Attributes:
        rows: The lines whose masks can be used.
        masks: Their masks, bool `(H, W)` each, not empty.
        lost: `(rule, line)` of the others.
        problems: Of the image and its lines.
    """

    rows: tuple[MaskRow, ...]
    masks: tuple[np.ndarray, ...]
    lost: tuple[tuple[str, MaskRow], ...]
    problems: tuple[Problem, ...]


def read_picture(plan: Plan, image_id: str) -> Picture:
    """Returns an image.

    Raises:
        DataError: It cannot be read in whole.
    """
    place = plan.index.images[image_id]
    data = plan.index.read(place)
    try:
        return Picture(read_image(data), stored_orientation(data), data, place)
    except DataError as error:
        raise DataError(str(error).replace("image bytes", name_of(place), 1)) from error


def read_objects(
    plan: Plan,
    image_id: str,
    size: tuple[int, int],
    orientation: int,
    *,
    drop_mismatched: bool = False,
) -> ImageObjects:
    """Returns the masks of an image, on the pixels as they are seen.

    Args:
        plan: The lines, and where the files lie.
        image_id: The image.
        size: `(H, W)` as it is seen.
        orientation: Its EXIF orientation.
        drop_mismatched: Whether masks are left out whose box in the CSV is another one; they
            are a warning only otherwise.
    """
    rows, masks, lost = [], [], []
    problems: dict[tuple, Problem] = {}
    csv_name = os.path.basename(plan.metadata.annotations)

    def note(severity: str, code: str, where: str, text: str) -> None:
        problems.setdefault((code, where), Problem(severity, code, where, text, image_id))

    for row in plan.rows[image_id]:
        where = f"{csv_name}, line {row.line}, mask {row.mask}"
        place = plan.index.masks[row.mask]
        try:
            mask = read_mask(plan.index.read(place), name_of(place))
        except DataError as error:
            lost.append(("unreadable_mask", row))
            note("error", "unreadable_mask", where, f"{error} The object is left out.")
            continue
        if not mask.any():
            lost.append(("empty_mask", row))
            text = "the mask covers nothing. The object is left out."
            note("error", "empty_mask", where, text)
            continue
        fitted = fit(mask, row.box, size, orientation)
        for code, text in fitted.notes:
            severity = "info" if code == "exif_rotated" else "warning"
            note(severity, code, f"image {image_id}", text)
        if fitted.lost:
            lost.append(("sideways_mask", row))
            note("error", "sideways_mask", where, f"{fitted.lost} The object is left out.")
            continue
        if not fitted.agrees:
            severity = "error" if drop_mismatched else "warning"
            note(severity, "box_mismatch", where, _mismatch(fitted.iou, drop_mismatched))
            if drop_mismatched:
                lost.append(("box_mismatch", row))
                continue
        resized = resize(fitted.mask, size)
        if not resized.any():
            lost.append(("empty_mask", row))
            text = f"the mask has no pixel left at {size[0]} x {size[1]}. The object is left out."
            note("error", "empty_mask", where, text)
            continue
        rows.append(row)
        masks.append(resized)
    return ImageObjects(tuple(rows), tuple(masks), tuple(lost), tuple(problems.values()))


def _mismatch(iou: float, dropped: bool) -> str:
    end = "The object is left out." if dropped else "The mask counts: look at this object."
    return (
        f"the box in the CSV and the box of the mask overlap by {iou:.2f} (intersection over "
        f"union), expected at least 0.5. An image that was turned, or a mask of another object, is "
        f"the usual cause. {end}"
    )
