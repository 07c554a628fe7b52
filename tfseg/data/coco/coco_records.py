"""The records of a COCO annotation file, once they are checked."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from tfseg.data.reading.problem import Problem

__all__ = [
    "AnnotationRecord",
    "CategoryRecord",
    "CocoRecords",
    "ImageRecord",
    "RecordError",
    "Remarks",
    "field",
    "hashable",
    "number",
    "short",
]

DROP = "or pass drop_invalid=True"


@dataclasses.dataclass(frozen=True)
class CategoryRecord:
    """A category: its id in the file, its name, and the names of its keypoints."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()
    is_root: bool = False  # above all others and without objects, as Roboflow writes one
    is_skeleton: bool = False  # of keypoints alone, without a single mask, as CVAT writes one


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """An image: its id and file name, and `(H, W)` if the annotation file gives it."""

    id: int | str
    file_name: str
    size: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotationRecord:
    """An object that passed every check that needs no image.

    Attributes:
        id: Its id in the file; its place, counted from 1, if no annotation has one.
        image_id: The image.
        category_id: The category's id in the file.
        segmentation: float64 polygons, or compressed run lengths.
        is_crowd: Whether it marks a region of many objects.
        keypoints: float32 `(K, 3)`, `(x, y, visibility)`, or None.
        box: float64 `(y1, x1, y2, x2)` as the file says, or None. Only compared, never used.
    """

    id: int | str
    image_id: int | str
    category_id: int
    segmentation: object
    is_crowd: bool
    keypoints: np.ndarray | None
    box: np.ndarray | None


@dataclasses.dataclass(frozen=True)
class CocoRecords:
    """What an annotation file holds: the sound records, and a `Problem` for each fault.

    Attributes:
        file: The file.
        categories: In the order of their ids.
        images: In the order of the file.
        annotations: Those of each image id, in the order of the file.
        problems: What is wrong.
        lost: Image id to the categories of its objects that have no usable mask, None where the
            category is not known: without them the image would teach that they are background.
    """

    file: str
    categories: tuple[CategoryRecord, ...]
    images: tuple[ImageRecord, ...]
    annotations: dict[int | str, tuple[AnnotationRecord, ...]]
    problems: tuple[Problem, ...]
    lost: Mapping[int | str, frozenset] = dataclasses.field(default_factory=dict)


class RecordError(ValueError):
    """A fault of one record, on its way to becoming a Problem."""

    def __init__(self, code: str, message: str, severity: str = "error"):
        super().__init__(message)
        self.code, self.severity = code, severity


class Remarks:
    """What is odd but has one meaning only: read, and told once for each kind."""

    def __init__(self):
        self._seen: dict[tuple[str, str, str], list] = {}

    def add(self, code: str, what: str, example, severity: str = "warning") -> None:
        """Counts one; `what` reads on after a number, as in "images without a file name"."""
        self._seen.setdefault((severity, code, what), []).append(example)

    def problems(self, file: str) -> list[Problem]:
        """Returns a problem for each kind."""
        return [
            Problem(severity, code, file, f"{len(seen)} {what}, such as {short(seen[0])}.")
            for (severity, code, what), seen in self._seen.items()
        ]


def field(record, key: str, kinds) -> object:
    """Returns `record[key]` if it is of the kind expected; 3.0 passes for 3.

    Whole numbers written as text pass where a number alone is expected.
    """
    if not isinstance(record, dict):
        raise RecordError(
            "malformed", f"expected an object, got {type(record).__name__}. Remove it, {DROP}."
        )
    value = record.get(key)
    value = number(value) if kinds is int or isinstance(value, float) else value
    if not isinstance(value, kinds) or isinstance(value, bool) or value == "":
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = " or ".join(kind.__name__ for kind in kinds)
        got = short(value) if key in record else "no such key"
        text = ", which is text" if kinds == (int,) and isinstance(value, str) else ""
        raise RecordError(
            "malformed", f"expected {key!r} as {wanted}, got {got}{text}. Correct it, {DROP}."
        )
    return value


def number(value):
    """Returns a whole number that was written as text or with a point as int, else the value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value):
        return int(value)
    return value


def hashable(record, key: str):
    """Returns `record[key]` if it can be an id, else None."""
    value = record.get(key) if isinstance(record, dict) else None
    is_id = isinstance(value, (int, float, str)) and not isinstance(value, bool)
    return value if is_id else None


def short(value) -> str:
    """Returns a value for a message, at most some 80 characters of it."""
    try:
        text = repr(value)
    except (RecursionError, ValueError):  # nested too deeply, or a number of 5000 digits
        text = type(value).__name__
    return text if len(text) <= 80 else f"{text[:76]} ..."
