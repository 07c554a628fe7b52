"""The objects of one image of Open Images, with everything that is wrong with them."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfseg.data.images.images import read_image, stored_orientation
from tfseg.data.open_images.files import name_of
from tfseg.data.open_images.masks import fit, read_mask, resize
from tfseg.data.open_images.plan import Plan
from tfseg.data.open_images.rows import MaskRow
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = ["ImageObjects", "ImageFile", "read_objects", "read_image_file"]


@dataclasses.dataclass(frozen=True, eq=False)
class ImageFile:
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


def read_image_file(plan: Plan, image_id: str) -> ImageFile:
    """Returns an image.

    Raises:
        DataError: It cannot be read in whole.
    """
    place = plan.index.images[image_id]
    data = plan.index.read(place)
    try:
        return ImageFile(read_image(data), stored_orientation(data), data, place)
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
    reader = _Objects(plan, image_id, size, orientation, drop_mismatched)
    for row in plan.rows[image_id]:
        reader.add(row)
    return ImageObjects(
        tuple(reader.rows),
        tuple(reader.masks),
        tuple(reader.lost),
        tuple(reader.problems.values()),
    )


class _Objects:
    """Collects the objects of one image, line by line."""

    def __init__(self, plan: Plan, image_id: str, size, orientation: int, drop_mismatched: bool):
        self.plan, self.image_id, self.size = plan, image_id, size
        self.orientation, self.drop_mismatched = orientation, drop_mismatched
        self.file = os.path.basename(plan.metadata.annotations)
        self.rows: list[MaskRow] = []
        self.masks: list[np.ndarray] = []
        self.lost: list[tuple[str, MaskRow]] = []
        # What is said of an image is said once, however many masks it holds of.
        self.problems: dict[tuple[str, str], Problem] = {}

    def add(self, row: MaskRow) -> None:
        """Opens the mask of a line and keeps or drops it."""
        place = self.plan.index.masks[row.mask]
        try:
            mask = read_mask(self.plan.index.read(place), name_of(place))
        except DataError as error:
            return self._lose("unreadable_mask", row, str(error))
        if not mask.any():
            return self._lose("empty_mask", row, "the mask covers nothing.")
        fitted = fit(mask, row.box, self.size, self.orientation)
        for code, text in fitted.notes:
            severity = "info" if code == "exif_rotated" else "warning"
            self._note(severity, code, f"image {self.image_id}", text)
        if fitted.lost:
            return self._lose("sideways_mask", row, fitted.lost)
        if not fitted.agrees and self.drop_mismatched:
            return self._lose("box_mismatch", row, _mismatch(fitted.iou))
        if not fitted.agrees:
            text = f"{_mismatch(fitted.iou)} The mask counts: look at this object."
            self._note("warning", "box_mismatch", self._where(row), text)
        resized = resize(fitted.mask, self.size)
        if not resized.any():
            size = f"{self.size[0]} x {self.size[1]}"
            return self._lose("empty_mask", row, f"the mask has no pixel left at {size}.")
        self.rows.append(row)
        self.masks.append(resized)

    def _where(self, row: MaskRow) -> str:
        return f"{self.file}, line {row.line}, mask {row.mask}"

    def _lose(self, rule: str, row: MaskRow, text: str) -> None:
        self.lost.append((rule, row))
        self._note("error", rule, self._where(row), f"{text} The object is left out.")

    def _note(self, severity: str, code: str, where: str, text: str) -> None:
        problem = Problem(severity, code, where, text, self.image_id)
        self.problems.setdefault((code, where), problem)


def _mismatch(iou: float) -> str:
    return (
        f"the box in the CSV and the box of the mask overlap by {iou:.2f} (intersection over "
        "union), expected at least 0.5. An image that was turned, or a mask of another object, is "
        "the usual cause."
    )
