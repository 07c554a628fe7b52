"""What a reader finds before classes are chosen: its images, their objects, and what is wrong."""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Sequence

from tfseg.data.reading.named_files import Found, outside_message
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import DROP, IMAGE_LEFT_OUT, Problem
from tfseg.data.reading.unread import unread_below

__all__ = ["DROP", "Drawn", "ImageRecord", "Scan", "find_file"]


@dataclasses.dataclass(frozen=True, eq=False)
class ImageRecord:
    """An image that a reader found.

    Attributes:
        id: Its name in the dataset.
        where: Annotation file and image, for messages.
        path: The image file, or None if the annotation file holds the image itself.
        content: What the reader draws the objects from.
        labels: Label of each object, or None where only drawing tells.
        size: `(H, W)` that the annotation file gives, or None.
        embedded: The image itself as base64 text, where `path` is None.
    """

    id: str
    where: str
    path: str | None
    content: object
    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    embedded: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """An object in an image as it is seen: its id, its label, and the run lengths of its mask."""

    id: int
    label: str
    runs: dict
    is_crowd: bool = False
    file: str | None = None


@dataclasses.dataclass
class Scan:
    """What lies in a file or folder, before classes are chosen.

    Attributes:
        source: File or folder, for messages.
        records: Those that are there.
        problems: Everything wrong so far.
        order: Labels in their order; None where no file lists them.
        counts: Number of objects of each label, where known without drawing; those of
            images that are missing count as well, so that faults do not change the classes.
        lost: `ImageRecord.where` of those in which an object without a mask would be background.
    """

    source: str
    records: list[ImageRecord] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    order: tuple[str, ...] | None = None
    counts: Counter = dataclasses.field(default_factory=Counter)
    lost: set[str] = dataclasses.field(default_factory=set)

    def add(self, record: ImageRecord) -> None:
        """Takes an image in; a second one of the same name is a fault."""
        if record.id in self._ids:
            self.fault(
                "duplicate_image_id",
                record.where,
                f"the image {record.id!r} is listed twice. Keep one of them, {DROP}",
                record.id,
            )
            return
        self._ids.add(record.id)
        self.records.append(record)

    def __post_init__(self):
        self._ids = {record.id for record in self.records}

    def fault(self, code, where, message, image=None, annotation=None, severity="error") -> None:
        """Notes a problem."""
        self.problems.append(Problem(severity, code, where, message, image, annotation))

    def note_unread(self, *where) -> None:
        """Notes files in folders below that are not read; `where` as of `unread_below`."""
        self.problems += [Problem("warning", "unread_folder", *f) for f in unread_below(*where)]

    def shape_fault(self, fault: MaskError, where: str, what: str, image: str, number) -> None:
        """Notes a shape that cannot become a mask; what encloses nothing is only passed over.

        Args:
            fault: What is wrong with it.
            where: `ImageRecord.where`.
            what: What the tool calls it.
            image: The image.
            number: Which one it is, counted from 1.
        """
        place = f"{where}, {what} {number}"
        if fault.code == "no_area":
            message = f"the {what} {fault}. It is passed over."
            self.fault(fault.code, place, message, image, number, "warning")
        else:
            message = f"the {what} {fault}. Correct or remove it, {DROP}"
            self.lost_object(fault.code, where, place, message, image, number)

    def lost_object(self, code: str, where: str, place: str, message: str, image, number) -> None:
        """Notes an object without a mask, and that its image is to be left out with it."""
        self.lost.add(where)
        self.problems.append(
            Problem("error", code, place, message, image, number, consequence=IMAGE_LEFT_OUT)
        )

    def missing_image(
        self, where: str, name: str, looked: Sequence[str], found: Found | None = None
    ) -> None:
        """Notes that an image's file is not there, or is where its name may not lead."""
        if found is not None and found.outside:
            folder = os.path.dirname(looked[0]) or os.curdir
            message = outside_message(folder, found.outside)
            self.fault("outside_image", where, message, name)
            return
        places = ", ".join(dict.fromkeys(looked))
        self.fault(
            "missing_image",
            where,
            f"there is no file of the image {name!r}; looked for {places}. Fetch it, correct "
            f"image_dir, {DROP}",
            name,
        )


def find_file(candidates: Sequence[str]) -> str | None:
    """Returns the first of some paths where a file lies, or None."""
    return next((path for path in candidates if os.path.isfile(path)), None)
