"""A COCO annotation file, read and checked once: all faults are listed, none stops the reading.

`CocoDataset` turns the first fault into an error or leaves the faulty records out; the doctor
reports them all.
"""

from __future__ import annotations

import os

from tfseg.data.coco_annotations import AnnotationReader
from tfseg.data.coco_records import (
    CategoryRecord,
    CocoRecords,
    ImageRecord,
    RecordError,
    field,
)
from tfseg.data.json_file import read_json
from tfseg.data.problem import Problem
from tfseg.errors import DataError

__all__ = ["read_records"]


def read_records(file: str | os.PathLike) -> CocoRecords:
    """Returns the records of a COCO annotation file with the faults that were found.

    Raises:
        DataError: Nothing can be read at all: no such file, no JSON, or not COCO's layout.
    """
    path = os.fspath(file)
    content = _read_json(path)
    problems: list[Problem] = []
    categories = _read_categories(path, content["categories"], problems)
    images = _read_images(path, content["images"], problems)
    annotations = AnnotationReader(path, categories, images, problems).read(content["annotations"])
    return CocoRecords(
        file=path,
        categories=tuple(categories.values()),
        images=tuple(images.values()),
        annotations=annotations,
        problems=tuple(problems),
    )


def _read_json(path: str) -> dict:
    content = read_json(path)
    keys = ("images", "annotations", "categories")
    if isinstance(content, list):
        raise DataError(
            f"{path}: expected an object with {', '.join(keys)}, got a list; COCO *results* look "
            "like this. Pass the annotation file that the results belong to."
        )
    missing = [k for k in keys if not isinstance(content, dict) or k not in content]
    if missing:
        found = ", ".join(map(str, content)) if isinstance(content, dict) else content
        raise DataError(
            f"{path}: expected COCO's keys {', '.join(keys)}; {', '.join(missing)} missing "
            f"(found: {found})."
        )
    for key in keys:
        if not isinstance(content[key], list):
            kind = type(content[key]).__name__
            raise DataError(f"{path}: expected {key!r} to be a list, got {kind}.")
    return content


def _read_categories(path: str, records: list, problems: list) -> dict[int, CategoryRecord]:
    found: dict[int, CategoryRecord] = {}
    names: set[str] = set()
    for number, record in enumerate(records, 1):
        try:
            identity, name = field(record, "id", int), field(record, "name", str)
            if identity in found:
                raise RecordError(
                    "duplicate_category_id", f"the category id {identity} is used twice."
                )
            if name in names:
                raise RecordError(
                    "duplicate_category", f"the category name {name!r} is used twice."
                )
        except RecordError as fault:
            where = f"{path}, category {number}"
            problems.append(Problem(fault.severity, fault.code, where, str(fault)))
            continue
        names.add(name)
        points = record.get("keypoints") or ()
        found[identity] = CategoryRecord(identity, name, tuple(map(str, points)))
    if not found:
        raise DataError(f"{path}: no usable category. Name at least one: {{'id': 1, 'name': ...}}.")
    return dict(sorted(found.items()))


def _read_images(path: str, records: list, problems: list) -> dict[int | str, ImageRecord]:
    found: dict[int | str, ImageRecord] = {}
    for number, record in enumerate(records, 1):
        try:
            identity, name = field(record, "id", (int, str)), field(record, "file_name", str)
            if identity in found:
                raise RecordError(
                    "duplicate_image_id",
                    f"the image id {identity!r} is used twice, by {found[identity].file_name!r} "
                    f"and {name!r}. Give each picture its own id, or pass drop_invalid=True to "
                    "keep the first.",
                )
            size = None
            if record.get("height") is not None or record.get("width") is not None:
                size = (field(record, "height", int), field(record, "width", int))
                if min(size) <= 0:
                    raise RecordError(
                        "bad_image_size",
                        f"image {name!r} has height {size[0]} and width {size[1]}. Correct the "
                        "annotation file, or pass drop_invalid=True to leave the picture out.",
                    )
        except RecordError as fault:
            name = record.get("file_name") if isinstance(record, dict) else None
            problems.append(
                Problem(fault.severity, fault.code, f"{path}, image {number}", str(fault), name)
            )
            continue
        found[identity] = ImageRecord(identity, name, size)
    return found
