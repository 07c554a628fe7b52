"""A COCO annotation file, read and checked once: all faults are listed, none stops the reading.

`CocoDataset` turns the first fault into an error or leaves the faulty records out; the doctor
reports them all.
"""

from __future__ import annotations

import dataclasses
import os
from collections import Counter
from collections.abc import Mapping

from tfseg.data.coco.coco_annotations import AnnotationReader
from tfseg.data.coco.coco_images import ImageReader, goes_with
from tfseg.data.coco.coco_records import (
    DROP,
    CategoryRecord,
    CocoRecords,
    RecordError,
    Remarks,
    field,
    hashable,
    number,
    short,
)
from tfseg.data.coco.coco_shares import in_pixels
from tfseg.data.images.json_file import read_json
from tfseg.data.reading.foreign import what_json_is
from tfseg.data.reading.labels import clean_label
from tfseg.data.reading.problem import Problem
from tfseg.errors import DataError

__all__ = ["read_records"]


def read_records(file: str | os.PathLike, *, in_shares: bool = False) -> CocoRecords:
    """Returns the records of a COCO annotation file with the faults that were found.

    Args:
        file: The JSON file.
        in_shares: Whether coordinates are shares of the image's sides.

    Raises:
        DataError: Nothing can be read at all: no such file, no JSON, or not COCO's layout.
    """
    path = os.fspath(file)
    content = _read_json(path)
    content = in_pixels(content) if in_shares else content
    problems: list[Problem] = []
    remarks = Remarks()
    records = content["annotations"]
    categories = _Categories(path, _counts(records, "category_id"), problems, remarks)
    categories.read(content["categories"])
    images = ImageReader(path, _counts(records, "image_id"), problems, remarks)
    images.read(content["images"])
    reader = AnnotationReader(path, categories, images, problems, remarks)
    annotations = reader.read(records)
    return CocoRecords(
        file=path,
        categories=tuple(
            dataclasses.replace(category, is_skeleton=identity in reader.skeletons)
            for identity, category in sorted(categories.found.items())
        ),
        images=tuple(images.found.values()),
        annotations=annotations,
        problems=(*problems, *remarks.problems(path)),
        lost={image: frozenset(ids) for image, ids in reader.lost.items()},
    )


def _counts(records: list, key: str) -> Counter:
    """Returns how many annotations have each id of an image or a category."""
    found = (hashable(record, key) for record in records)
    return Counter(identity for identity in found if identity is not None)


def _read_json(path: str) -> dict:
    content = read_json(path)
    keys = ("images", "annotations", "categories")
    known = what_json_is(content)
    if known:
        raise DataError(f"{path}: this is {known}")
    missing = [k for k in keys if not isinstance(content, dict) or k not in content]
    if missing:
        found = ", ".join(map(str, content)) if isinstance(content, dict) else short(content)
        raise DataError(
            f"{path}: expected COCO's keys {', '.join(keys)}; {', '.join(missing)} missing "
            f"(found: {found[:300]})."
        )
    for key in keys:
        if not isinstance(content[key], list):
            kind = type(content[key]).__name__
            raise DataError(f"{path}: expected {key!r} to be a list, got {kind}.")
    return content


class _Categories:
    """Reads the list of categories.

    Attributes:
        found: The sound ones by their id; categories of one name are one.
        same: Id of a category whose name an earlier one has, to the id of that one.
        faulty: Ids of categories that cannot be used.
    """

    def __init__(self, path: str, counts: Mapping, problems: list, remarks: Remarks):
        self.path, self.problems, self.remarks = path, problems, remarks
        self.counts: Counter = Counter()
        for identity, count in counts.items():
            self.counts[number(identity)] += count
        self.found: dict[int, CategoryRecord] = {}
        self.same: dict[int, int] = {}
        self.faulty: set = set()
        self._by_name: dict[str, int] = {}
        self._written: dict[str, str] = {}

    def read(self, records: list) -> None:
        """Takes the list in.

        Raises:
            DataError: No category is usable; the message says why the first is not.
        """
        for place, record in enumerate(records, 1):
            try:
                self._one(record, place)
            except RecordError as fault:
                identity = number(hashable(record, "id"))
                self.faulty |= {identity} - {None, *self.found}
                count = 0 if identity in self.found else self.counts[identity]
                self._note(place, fault, goes_with(count))
        if not self.found:
            none = "there is no usable category. Name at least one: {'id': 1, 'name': ...}."
            first = self.problems[0].without_advice() if self.problems else None
            raise DataError(f"{first} So {none}" if first else f"{self.path}: {none}")
        root = _root(records, self)
        if root is not None:
            name = self.found[root].name
            self.found[root] = CategoryRecord(root, name, is_root=True)

    def _one(self, record, place: int) -> None:
        identity, written = field(record, "id", int), field(record, "name", str)
        name = clean_label(written)
        if name != written:
            self.remarks.add("unified_labels", "category names have needless white space", written)
        if isinstance(record["id"], str):
            self.remarks.add("text_number", "category ids are text and read as numbers", identity)
        known = self.found.get(identity)
        if known is not None and known.name != name:
            raise RecordError(
                "duplicate_category_id",
                f"the category id {identity} is used twice, by {known.name!r} and {name!r}. Give "
                f"each its own, {DROP} to keep the first name.",
            )
        if known is not None or identity in self.same:
            self.remarks.add("duplicate_category", "categories are listed twice", name)
            return
        if name in self._by_name:
            self._again(identity, name, record, place, written == self._written[name])
            return
        self._by_name[name], self._written[name] = identity, written
        self.found[identity] = CategoryRecord(identity, name, self._keypoints(record, place))

    def _again(self, identity: int, name: str, record: dict, place: int, is_same: bool) -> None:
        """Takes a category in whose name an earlier one has: both are one class, known by the id
        that has annotations, else by the first."""
        first = self._by_name[name]
        message = f"the category name {name!r} is used twice, by the ids {first} and {identity}"
        if self.counts[first] or not self.counts[identity]:
            self.same[identity] = first
        else:
            self.found[identity] = CategoryRecord(identity, name, self._keypoints(record, place))
            del self.found[first]
            self.same[first] = self._by_name[name] = identity
        if self.counts[first] and self.counts[identity]:
            if not is_same:  # they differ in what nobody sees
                message += " but for white space or the Unicode form. Both are one class."
                self._note(place, RecordError("unified_labels", message, "info"))
                return
            message += f", and both have annotations. Rename one, {DROP} to take both as one class."
            self._note(place, RecordError("duplicate_category", message), "Both are one class.")
            return
        empty = first if first in self.same else identity
        message += f". {empty} has no annotations and is passed over."
        self._note(place, RecordError("duplicate_category", message, "warning"))

    def _keypoints(self, record: dict, place: int) -> tuple[str, ...]:
        points = record.get("keypoints") or ()
        if isinstance(points, (list, tuple)):
            return tuple(map(str, points))
        message = f"expected 'keypoints' as a list of names, got {short(points)}. Correct it, "
        self._note(
            place, RecordError("malformed", f"{message}{DROP}."), "The category itself stays."
        )
        return ()

    def _note(self, place: int, fault: RecordError, consequence: str = "") -> None:
        where = f"{self.path}, category {place}"
        self.problems.append(
            Problem(fault.severity, fault.code, where, str(fault), consequence=consequence)
        )


def _root(records: list, categories: _Categories) -> int | None:
    """Returns the category that Roboflow writes above the classes, named like the project."""
    above = {
        identity: record.get("supercategory")
        for record in records
        if isinstance(record, dict)
        and (identity := number(record.get("id"))) is not None
        and isinstance(identity, int)
        and identity in categories.found
    }
    for identity, supercategory in above.items():
        name = categories.found[identity].name
        others = [other for key, other in above.items() if key != identity]
        is_above = others and all(other == name for other in others)
        if supercategory == "none" and is_above and not categories.counts[identity]:
            return identity
    return None
