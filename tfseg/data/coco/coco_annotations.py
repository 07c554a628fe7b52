"""The annotations of a COCO file, each checked as far as that needs no image."""

from __future__ import annotations

import numpy as np

from tfseg.data.coco.coco_extras import read_extras
from tfseg.data.coco.coco_images import ImageReader
from tfseg.data.coco.coco_masks import checked_segmentation, segmentation_rle
from tfseg.data.coco.coco_records import (
    DROP,
    AnnotationRecord,
    CategoryRecord,
    ImageRecord,
    RecordError,
    Remarks,
    field,
    hashable,
    number,
    short,
)
from tfseg.data.reading.outlines import MaskError, segmentation_extent
from tfseg.data.reading.problem import IMAGE_LEFT_OUT, Problem
from tfseg.data.reading.units import check_units, is_in_unit_square
from tfseg.structures import rle

__all__ = ["KEPT", "AnnotationReader", "disagree", "require_pixels", "shows_nothing"]

KEPT = "The mask is kept."
"""What leads from a fault of what an object has besides its mask."""


class AnnotationReader:
    """Reads the annotation list; holds what every check needs.

    Attributes:
        lost: Image id to the categories of its objects that have no usable mask; None for one
            whose category is not known.
        skeletons: Ids of categories whose objects are keypoints without masks, beside others that
            have masks.
    """

    def __init__(
        self, path: str, categories, images: ImageReader, problems: list, remarks: Remarks
    ):
        self.path, self.categories, self.images = path, categories, images
        self.problems, self.remarks = problems, remarks
        self.lost: dict[int | str, set] = {}
        self.skeletons: frozenset[int] = frozenset()
        self._seen: set = set()
        self._strays = 0  # records that are no objects, so that their image is not known
        self._unit: list[bool] = []  # of each outline, whether all of it lies in 0 to 1

    def read(self, records: list) -> dict[int | str, tuple[AnnotationRecord, ...]]:
        """Returns the sound annotations of each image, in the order of the file.

        Raises:
            DataError: All outlines are in units of the image's size instead of pixels.
        """
        found: dict[int | str, list] = {}
        numbered = any(isinstance(record, dict) and "id" in record for record in records)
        ids = (record.get("id") for record in records if isinstance(record, dict))
        self._free = 1 + max((i for i in ids if type(i) is int), default=len(records))
        orphans = []
        self.skeletons = self._find_skeletons(records)
        for place, record in enumerate(records, 1):
            annotation = self._one(record, place, numbered, orphans)
            if annotation is not None:
                found.setdefault(annotation.image_id, []).append(annotation)
        self._note_orphans(orphans, bool(found))
        self.problems += check_units(
            self.path, self._unit, " units='shares' does so (data.units=shares in a command)."
        )
        return {image: tuple(annotations) for image, annotations in found.items()}

    def _find_skeletons(self, records: list) -> frozenset[int]:
        posed, masked = set(), set()
        for record in records:
            category = self._known(hashable(record, "category_id"))
            if category is not None:
                kind = masked if record.get("segmentation") else posed
                if kind is masked or category.keypoints or record.get("keypoints"):
                    kind.add(category.id)
        return frozenset(posed - masked) if masked else frozenset()

    def _known(self, given) -> CategoryRecord | None:
        """Returns the category of an id, whichever of those of its name it is."""
        known = number(given)
        return self.categories.found.get(self.categories.same.get(known, known))

    def _one(self, record, place: int, numbered: bool, orphans: list) -> AnnotationRecord | None:
        """Returns an annotation, or None if it has no mask that can be used."""
        if not isinstance(record, dict):
            message = f"expected an object, got {type(record).__name__}. Remove it, {DROP}."
            self._note(record, place, RecordError("malformed", message))
            self._strays += 1
            return None
        image = self._image(record)
        if image is None:
            if hashable(record, "image_id") not in self.images.faulty:
                orphans.append((place, record))
            return None
        identity = self._identity(record, place) if numbered else place
        category = self._category(record, identity, image)
        if category is None:
            return None
        if category.id in self.skeletons:
            what = (
                f"skeletons of the category {category.name!r} have no masks: they are passed over"
            )
            self.remarks.add("skeleton", what, f"annotation {identity}")
            return None
        try:
            segmentation = self._segmentation(record, image, identity)
            box, is_crowd, keypoints = read_extras(
                record,
                len(category.keypoints),
                lambda fault: self._note(record, identity, fault, KEPT),
            )
            if image.size is not None:
                require_pixels(segmentation, image.size)
        except RecordError as fault:
            hollow = fault.code == "empty_mask" and shows_nothing(segmentation, box)
            if not hollow:
                self.lost.setdefault(image.id, set()).add(category.id)
            self._note(record, identity, fault, "" if hollow else IMAGE_LEFT_OUT)
            return None
        self._compare(identity, image, segmentation, box)
        return AnnotationRecord(
            identity, image.id, category.id, segmentation, is_crowd, keypoints, box
        )

    def _identity(self, record: dict, place: int) -> int | str:
        """Returns an annotation's id, or a number that is free where it has none of its own."""
        try:
            identity = field(record, "id", (int, str))
            if identity in self._seen:
                raise RecordError(
                    "duplicate_annotation_id",
                    "the annotation id is used twice. Number the annotations anew, or pass "
                    "drop_invalid=True to do without this one's.",
                )
        except RecordError as fault:
            self._note(record, place, fault, KEPT)
            identity, self._free = self._free, self._free + 1
        self._seen.add(identity)
        return identity

    def _image(self, record: dict) -> ImageRecord | None:
        """Returns an annotation's image; text stands for a number where no image has the text."""
        given, images = hashable(record, "image_id"), self.images.found
        if given in images or given in self.images.faulty:
            return images.get(given)
        other = number(given) if isinstance(given, str) else str(given)
        if other not in images:
            return None
        self.remarks.add(
            "text_number", "image ids are text at one place and numbers at the other", given
        )
        return images[other]

    def _category(self, record: dict, identity, image: ImageRecord):
        """Returns an annotation's category; None, its image marked, where it has no known one."""
        given = hashable(record, "category_id")
        known, found = number(given), self._known(given)
        if found is not None:
            if isinstance(given, str):
                self.remarks.add("text_number", "category_id are text, read as numbers", given)
            return found
        self.lost.setdefault(image.id, set()).add(None)
        if known not in self.categories.faulty:
            ids = sorted(self.categories.found)
            listed = ", ".join(map(str, ids[:12])) + (", ..." if len(ids) > 12 else "")
            fault = RecordError(
                "unknown_category",
                f"there is no category with id {short(record.get('category_id'))}; the file has "
                f"{listed}. Correct the id, {DROP}.",
            )
            self._note(record, identity, fault, IMAGE_LEFT_OUT)
        return None

    def _segmentation(self, record: dict, image: ImageRecord, identity):
        value = record.get("segmentation")
        if _is_flat(value):
            what = "masks are one flat list of corners, as VIA writes them, and read as one polygon"
            self.remarks.add("flat_polygon", what, value[:6])
            value = [value]
        try:
            value, faults = checked_segmentation(value, image.size)
        except MaskError as fault:
            raise RecordError(fault.code, f"it {fault}. Correct or remove it, {DROP}.") from None
        for fault in faults:
            message = f"{fault}. Remove that polygon, {DROP} to go on without it."
            self._note(record, identity, RecordError("bad_polygon", message), "The others stay.")
        if isinstance(value, list):
            self._unit.append(is_in_unit_square(value))
        return value

    def _compare(self, identity, image: ImageRecord, segmentation, box: np.ndarray | None):
        """Compares a mask with its box."""
        extent = segmentation_extent(segmentation)
        if box is not None and disagree(extent, box):
            fault = RecordError(
                "misaligned_box",
                f"the box {_numbers(box)} and the mask's extent {_numbers(extent)} (y1, x1, y2, "
                "x2) overlap by less than half. Boxes are taken from the masks; if the mask is "
                "the wrong one, correct it (an image turned by its EXIF tag is the usual cause).",
                "warning",
            )
            self._note({"id": identity, "image_id": image.id}, identity, fault)

    def _note_orphans(self, orphans: list, fits: bool) -> None:
        """Notes annotations of images that are not there: each, or all at once where images have
        no id or no annotation fits one."""
        if orphans and (self.images.is_unsure or not fits) and len(orphans) > 1:
            ids = ", ".join(short(record.get("image_id")) for _, record in orphans[:3])
            first = next(iter(self.images.found), "none")
            message = (
                f"{len(orphans)} annotations name images that the file does not list, such as "
                f"{ids}; the ids that it lists begin with {first!r}. Correct the ids, {DROP}."
            )
            self.problems.append(Problem("error", "unknown_image", self.path, message))
        else:
            for place, record in orphans:
                message = (
                    f"there is no image with id {short(record.get('image_id'))}. Remove the "
                    f"annotation, {DROP}."
                )
                self._note(record, place, RecordError("unknown_image", message))
        if (orphans or self._strays) and not fits:
            self.lost.update({image: {None} for image in self.images.found})

    def _note(self, record, identity, fault: RecordError, consequence: str = "") -> None:
        image = self.images.found.get(hashable(record, "image_id"))
        own = hashable(record, "id")
        identity = identity if own is None or isinstance(own, float) else own
        where = f"{self.path}, annotation {short(identity)}" + (
            f" of image {image.file_name!r}" if image else ""
        )
        name = image.file_name if image else None
        self.problems.append(
            Problem(fault.severity, fault.code, where, str(fault), name, identity, consequence)
        )


def _is_flat(value) -> bool:
    """Returns whether a segmentation is the numbers of one polygon without its own brackets."""
    return (
        isinstance(value, list)
        and len(value) >= 6
        and len(value) % 2 == 0
        and all(isinstance(x, (int, float)) and not isinstance(x, bool) for x in value)
    )


def _numbers(values) -> str:
    return "(" + ", ".join(f"{value:.6g}" for value in values) + ")"


def shows_nothing(segmentation, box: np.ndarray | None) -> bool:
    """Returns whether an empty mask is empty because its object is thinner than a pixel, or because
    nothing was marked, so that nothing of it is in the image."""
    extents = [segmentation_extent(segmentation), *([] if box is None else [box])]
    return all((extent[2:] - extent[:2]).min() <= 1 for extent in extents)


def require_pixels(segmentation, size: tuple[int, int]) -> None:
    """Checks that a mask has a pixel in its image; draws it only where that is in doubt.

    Args:
        segmentation: As `checked_segmentation` returns it.
        size: `(H, W)` of the image.

    Raises:
        RecordError: "mask_outside" or "empty_mask".
    """
    height, width = size
    extent = segmentation_extent(segmentation)
    y1, x1, y2, x2 = extent
    if y1 >= height or x1 >= width or y2 <= 0 or x2 <= 0:
        if not isinstance(segmentation, dict):
            raise RecordError(
                "mask_outside",
                f"the mask spans {_numbers(extent)} (y1, x1, y2, x2) and lies outside its image "
                f"of {height} x {width} (height x width). Correct or remove it, {DROP}.",
            )
    doubtful = isinstance(segmentation, dict) or y2 - y1 <= 2 or x2 - x1 <= 2
    doubtful = doubtful or y1 < 0 or x1 < 0 or y2 > height or x2 > width
    if doubtful and not rle.area([segmentation_rle(segmentation, size)])[0]:
        raise RecordError(
            "empty_mask",
            f"the mask has no pixel inside its image. Correct or remove it, {DROP}.",
        )


def disagree(extent: np.ndarray, box: np.ndarray) -> bool:
    """Returns whether two boxes `(y1, x1, y2, x2)` differ by more than rounding explains.

    They do if they share less than half of their union and a side is off by over 2 pixels.
    """
    shared = np.minimum(extent[2:], box[2:]) - np.maximum(extent[:2], box[:2])
    shared = max(shared[0], 0.0) * max(shared[1], 0.0)
    union = np.prod(extent[2:] - extent[:2]) + np.prod(box[2:] - box[:2]) - shared
    return bool(shared < 0.5 * union and np.abs(extent - box).max() > 2)
