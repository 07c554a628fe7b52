"""The images that a COCO file lists, and the files on disk that they are."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

from tfseg.data.coco.coco_records import (
    DROP,
    ImageRecord,
    RecordError,
    Remarks,
    field,
    hashable,
    short,
)
from tfseg.data.reading.named_files import NamedFiles, outside_message
from tfseg.data.reading.problem import Problem

__all__ = ["LONGEST_SIDE", "ImageReader", "find_images", "goes_with"]

LONGEST_SIDE = 100_000  # pixels
"""No image has a longer side: what may be drawn on is bounded, whatever a file says."""


def goes_with(count: int) -> str:
    """Returns what to say of the annotations that are lost with something else."""
    noun = "annotation goes" if count == 1 else f"{count} annotations go"
    return f"Its {noun} with it." if count else ""


class ImageReader:
    """Reads the list of images.

    Args:
        path: The annotation file, for messages.
        counts: Image id to its number of annotations.
        problems: Takes what is wrong.
        remarks: Takes what is odd.

    Attributes:
        found: The sound images by their id.
        faulty: Ids of images that cannot be used, so that their annotations are no second fault.
        is_unsure: Whether the id of a faulty image is not known.
    """

    def __init__(self, path: str, counts: Mapping, problems: list, remarks: Remarks):
        self.path, self.counts, self.problems, self.remarks = path, counts, problems, remarks
        self.found: dict[int | str, ImageRecord] = {}
        self.faulty: set = set()
        self.is_unsure = False
        self._names: dict[int | str, str] = {}

    def read(self, records: Sequence) -> None:
        """Takes the list in."""
        shared = self._shared(records)
        self.faulty |= shared
        for place, record in enumerate(records, 1):
            try:
                identity = field(record, "id", (int, str))
                name = self._name(record)
                if self._is_repeated(identity, name, place) or identity in shared:
                    continue
            except RecordError as fault:
                identity = hashable(record, "id")
                self.faulty |= {identity}
                self.is_unsure |= identity is None
                self._note(place, fault, record, goes_with(self.counts[identity]))
                continue
            self.found[identity] = ImageRecord(identity, name, self._size(record, place))

    def _shared(self, records: Sequence) -> set:
        """Returns ids of several images, among which annotations cannot be told apart."""
        names: dict = {}
        for record in records:
            names.setdefault(hashable(record, "id"), set()).add(str(hashable(record, "file_name")))
        return {i for i, own in names.items() if len(own) > 1 and i is not None and self.counts[i]}

    def _is_repeated(self, identity, name: str, place: int) -> bool:
        """Returns whether an id was met before; if by another image, that is a fault."""
        first = self._names.setdefault(identity, None)
        if first is None:
            self._names[identity] = name
            return False
        if first == name:
            self.remarks.add("duplicate_image", "images are listed twice", name)
            return True
        count = self.counts[identity]
        rest = "go on without them" if count else "keep the first"
        fault = RecordError(
            "duplicate_image_id",
            f"the image id {identity!r} is used twice, by {first!r} and {name!r}. Give each "
            f"image its own id, {DROP} to {rest}.",
        )
        what = "So are all images with that id: whose the annotations are is not known."
        self._note(place, fault, {"file_name": name}, what if count else "")
        return True

    def _name(self, record: dict) -> str:
        url = record.get("coco_url")
        if record.get("file_name") is None and isinstance(url, str) and "/" in url:
            self.remarks.add(
                "file_name_of_url",
                "images have no file_name and are called by their coco_url, as in LVIS",
                url,
                "info",
            )
            return "/".join(url.partition("://")[2].split("/")[-2:])
        return field(record, "file_name", str)

    def _size(self, record: dict, place: int) -> tuple[int, int] | None:
        """Returns the size that the file states; None if it states none that an image can have."""
        given = record.get("height"), record.get("width")
        if given == (None, None):
            return None
        try:
            size = field(record, "height", int), field(record, "width", int)
            if min(size) <= 0 or max(size) > LONGEST_SIDE:
                raise RecordError(
                    "bad_image_size",
                    f"image {record.get('file_name')!r} has height {short(given[0])} and "
                    f"width {short(given[1])}. Correct them, {DROP} to take the image's own.",
                )
        except RecordError as fault:
            self._note(place, fault, record, "The size of the image itself is taken.")
            return None
        if any(isinstance(side, str) for side in given):
            self.remarks.add("text_number", "image sizes are text and read as numbers", given)
        return size

    def _note(self, place: int, fault: RecordError, record, consequence: str) -> None:
        name = record.get("file_name") if isinstance(record, dict) else None
        name = name if isinstance(name, str) else None
        where = f"{self.path}, image {place}"
        self.problems.append(
            Problem(fault.severity, fault.code, where, str(fault), name, None, consequence)
        )


def find_images(
    file: str, images: Sequence[ImageRecord], files: NamedFiles
) -> tuple[dict, list[Problem]]:
    """Returns the file of each image by its id, and a problem for each that has none.

    Args:
        file: The annotation file, for messages.
        images: The images.
        files: Where they are.
    """
    found = {image.id: files.find(image.file_name) for image in images}
    problems = []
    foreign = [image for image in images if found[image.id].path and not found[image.id].literal]
    if foreign:
        name, path = foreign[0].file_name, found[foreign[0].id].path
        message = (
            f"{len(foreign)} file names are those of another system: {name!r} is read as {path}, "
            "whose path ends alike."
        )
        problems.append(Problem("info", "foreign_file_name", file, message, name))
    uses = Counter(place.path for place in found.values())
    shared = {found[image.id].path for image in foreign if uses[found[image.id].path] > 1}
    paths = {}
    for image in images:
        place = found[image.id]
        if place.path in shared or place.path is None:
            fault = _fault(place, image, files, shared)
            where = f"{file}, image {image.file_name!r}"
            problems.append(Problem("error", fault.code, where, str(fault), image.file_name))
        else:
            paths[image.id] = place.path
    return paths, problems


def _fault(place, image: ImageRecord, files: NamedFiles, shared: set) -> RecordError:
    folder = files.folders[0]
    if place.path in shared:
        return RecordError(
            "ambiguous_image",
            f"it is one of several whose name fits {place.path} best. Write the names of the "
            f"files in {folder}, {DROP} to go on without them.",
        )
    if place.outside:
        return RecordError("outside_image", outside_message(folder, place.outside))
    if place.several:
        return RecordError(
            "ambiguous_image",
            f"no file has its name, but {' and '.join(place.several[:3])} differ from it in "
            f"letter case alone. Rename one, {DROP} to go on without it.",
        )
    return RecordError(
        "missing_image",
        f"there is no file {os.path.join(folder, image.file_name)}. Fetch it, correct image_dir, "
        f"{DROP} to go on without it.",
    )
