"""The records of a COCO annotation file, once they are checked."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.data.problem import Problem

__all__ = [
    "AnnotationRecord",
    "CategoryRecord",
    "CocoRecords",
    "ImageRecord",
    "RecordError",
    "field",
]


@dataclasses.dataclass(frozen=True)
class CategoryRecord:
    """A category: its id in the file, its name, and the names of its keypoints."""

    id: int
    name: str
    keypoints: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class ImageRecord:
    """A picture: its id and file name, and `(H, W)` if the annotation file gives it."""

    id: int | str
    file_name: str
    size: tuple[int, int] | None


@dataclasses.dataclass(frozen=True, eq=False)
class AnnotationRecord:
    """An object that passed every check that needs no picture.

    Attributes:
        id: Its id in the file; its place, counted from 1, if no annotation has one.
        image_id: The picture.
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
    """What an annotation file holds: the sound records, and a `Problem` for each fault."""

    file: str
    categories: tuple[CategoryRecord, ...]
    images: tuple[ImageRecord, ...]
    annotations: dict[int | str, tuple[AnnotationRecord, ...]]
    problems: tuple[Problem, ...]


class RecordError(ValueError):
    """A fault of one record, on its way to becoming a Problem."""

    def __init__(self, code: str, message: str, severity: str = "error"):
        super().__init__(message)
        self.code, self.severity = code, severity


def field(record, key: str, kinds) -> object:
    """Returns `record[key]` if it is of the kind expected; 3.0 passes for 3."""
    if not isinstance(record, dict):
        raise RecordError("malformed", f"expected an object, got {type(record).__name__}.")
    value = record.get(key)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, kinds) or isinstance(value, bool) or value == "":
        kinds = kinds if isinstance(kinds, tuple) else (kinds,)
        wanted = " or ".join(kind.__name__ for kind in kinds)
        got = repr(value) if key in record else "no such key"
        raise RecordError("malformed", f"expected {key!r} as {wanted}, got {got}.")
    return value
