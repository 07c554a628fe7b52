"""The annotations of a COCO file, each checked as far as that needs no picture."""

from __future__ import annotations

import numpy as np

from tfseg.data.coco_masks import (
    MaskError,
    checked_segmentation,
    segmentation_extent,
    segmentation_rle,
)
from tfseg.data.coco_records import (
    AnnotationRecord,
    CategoryRecord,
    ImageRecord,
    RecordError,
    field,
)
from tfseg.data.problem import Problem
from tfseg.structures import rle

__all__ = ["AnnotationReader", "disagree"]


class AnnotationReader:
    """Reads the annotation list; holds what every check needs."""

    def __init__(self, path: str, categories: dict, images: dict, problems: list):
        self.path, self.categories, self.images, self.problems = path, categories, images, problems
        self.seen: set = set()

    def read(self, records: list) -> dict[int | str, tuple[AnnotationRecord, ...]]:
        """Returns the sound annotations of each picture, in the order of the file."""
        found: dict[int | str, list] = {}
        numbered = any(isinstance(record, dict) and "id" in record for record in records)
        for number, record in enumerate(records, 1):
            try:
                identity = field(record, "id", (int, str)) if numbered else number
                annotation = self._one(record, identity)
            except RecordError as fault:
                self._note(record, number, fault)
                continue
            found.setdefault(annotation.image_id, []).append(annotation)
        return {image: tuple(annotations) for image, annotations in found.items()}

    def _note(self, record, number: int, fault: RecordError):
        identity = record.get("id", number) if isinstance(record, dict) else number
        image = self.images.get(_hashable(record, "image_id"))
        where = f"{self.path}, annotation {identity!r}" + (
            f" of image {image.file_name!r}" if image else ""
        )
        name = image.file_name if image else None
        self.problems.append(Problem(fault.severity, fault.code, where, str(fault), name, identity))

    def _one(self, record: dict, identity: int | str) -> AnnotationRecord:
        if identity in self.seen:
            raise RecordError(
                "duplicate_annotation_id",
                "the annotation id is used twice. Number the annotations anew, or pass "
                "drop_invalid=True to keep the first.",
            )
        self.seen.add(identity)
        image = self.images.get(_hashable(record, "image_id"))
        if image is None:
            raise RecordError(
                "unknown_image",
                f"there is no image with id {record.get('image_id')!r}. Remove the annotation, or "
                "pass drop_invalid=True.",
            )
        category = self.categories.get(_hashable(record, "category_id"))
        if category is None:
            known = ", ".join(map(str, list(self.categories)[:12]))
            more = ", ..." if len(self.categories) > 12 else ""
            raise RecordError(
                "unknown_category",
                f"there is no category with id {record.get('category_id')!r}; the file has "
                f"{known}{more}. Correct the id, or pass drop_invalid=True.",
            )
        crowd = record.get("iscrowd", 0)
        if crowd not in (0, 1):
            raise RecordError("malformed", f"expected iscrowd 0 or 1, got {crowd!r}.")
        box = _read_box(record.get("bbox"))
        segmentation = self._segmentation(record, image, identity)
        keypoints = _read_keypoints(record.get("keypoints"), category)
        annotation = AnnotationRecord(
            identity, image.id, category.id, segmentation, bool(crowd), keypoints, box
        )
        self._compare(annotation, image)
        return annotation

    def _segmentation(self, record: dict, image: ImageRecord, identity):
        try:
            value, faults = checked_segmentation(record.get("segmentation"), image.size)
        except MaskError as fault:
            raise RecordError(
                fault.code, f"it {fault}. Correct or remove it, or pass drop_invalid=True."
            ) from None
        for fault in faults:
            self._note(
                record,
                identity,
                RecordError(
                    "bad_polygon",
                    f"{fault}. Remove that polygon, or pass drop_invalid=True to go on without it.",
                ),
            )
        return value

    def _compare(self, annotation: AnnotationRecord, image: ImageRecord):
        """Checks a mask against the picture and against its box, as far as is cheap."""
        extent = segmentation_extent(annotation.segmentation)
        if image.size is not None:
            _require_pixels(annotation.segmentation, extent, image.size)
        box = annotation.box
        if box is not None and disagree(extent, box):
            fault = RecordError(
                "misaligned_box",
                f"the box {_numbers(box)} and the mask's extent {_numbers(extent)} (y1, x1, y2, "
                "x2) overlap by less than half. Boxes are taken from the masks; if the mask is "
                "the wrong one, correct it (a picture turned by its EXIF tag is the usual cause).",
                "warning",
            )
            self._note({"id": annotation.id, "image_id": image.id}, annotation.id, fault)


def _hashable(record, key: str):
    value = record.get(key) if isinstance(record, dict) else None
    return value if isinstance(value, (int, float, str)) else None


def _numbers(values) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def _require_pixels(segmentation, extent: np.ndarray, size: tuple[int, int]):
    """Raises if a mask has no pixel in the picture; draws it only where that is in doubt."""
    height, width = size
    y1, x1, y2, x2 = extent
    if y1 >= height or x1 >= width or y2 <= 0 or x2 <= 0:
        if not isinstance(segmentation, dict):
            raise RecordError(
                "mask_outside",
                f"the mask spans {_numbers(extent)} (y1, x1, y2, x2) and lies outside its picture "
                f"of {height} x {width} (height x width). Correct or remove it, or pass "
                "drop_invalid=True.",
            )
    doubtful = isinstance(segmentation, dict) or y2 - y1 <= 2 or x2 - x1 <= 2
    doubtful = doubtful or y1 < 0 or x1 < 0 or y2 > height or x2 > width
    if doubtful and not rle.area([segmentation_rle(segmentation, size)])[0]:
        raise RecordError(
            "empty_mask",
            "the mask has no pixel inside its picture. Correct or remove it, or pass "
            "drop_invalid=True.",
        )


def disagree(extent: np.ndarray, box: np.ndarray) -> bool:
    """Returns whether two boxes `(y1, x1, y2, x2)` differ by more than rounding explains.

    They do if they share less than half of their union and a side is off by over 2 pixels.
    """
    shared = np.minimum(extent[2:], box[2:]) - np.maximum(extent[:2], box[:2])
    shared = max(shared[0], 0.0) * max(shared[1], 0.0)
    union = np.prod(extent[2:] - extent[:2]) + np.prod(box[2:] - box[:2]) - shared
    return bool(shared < 0.5 * union and np.abs(extent - box).max() > 2)


def _read_box(value) -> np.ndarray | None:
    """Returns COCO's `(x, y, width, height)` as float64 `(y1, x1, y2, x2)`, or None."""
    if value is None or (isinstance(value, list) and not value):
        return None
    remedy = "Remove the annotation, or pass drop_invalid=True."
    try:
        x, y, width, height = (float(number) for number in value)
    except (TypeError, ValueError):
        raise RecordError(
            "bad_box", f"expected bbox as [x, y, width, height], got {value!r}. {remedy}"
        ) from None
    if not np.isfinite((x, y, width, height)).all():
        raise RecordError("not_finite", f"the box {value} has NaN or infinity. {remedy}")
    for name, length in (("height", height), ("width", width)):
        if length <= 0:
            box = _numbers((y, x, y + height, x + width))
            raise RecordError(
                "zero_box", f"box {box} (y1, x1, y2, x2) has {name} {length:g}. {remedy}"
            )
    return np.array([y, x, y + height, x + width])


def _read_keypoints(value, category: CategoryRecord) -> np.ndarray | None:
    """Returns float32 `(K, 3)`, or None where nothing was annotated."""
    if not value:
        return None
    expected = len(category.keypoints) * 3
    try:
        points = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        points = np.zeros(0, np.float32)
    if points.ndim != 1 or not points.size or points.size % 3 or expected not in (0, points.size):
        raise RecordError(
            "bad_keypoints",
            f"expected {expected or 'a multiple of 3'} keypoint numbers x, y, visibility, got "
            f"{len(value) if isinstance(value, list) else value!r}. Correct or remove them, or "
            "pass drop_invalid=True.",
        )
    points = points.reshape(-1, 3)
    if not np.isfinite(points).all():
        raise RecordError(
            "not_finite",
            "its keypoints have NaN or infinity. Correct or remove them, or pass "
            "drop_invalid=True.",
        )
    if not np.isin(points[:, 2], (0, 1, 2)).all():
        raise RecordError(
            "bad_keypoints",
            "expected keypoint visibilities 0, 1 or 2. Correct them, or pass drop_invalid=True.",
        )
    return points
