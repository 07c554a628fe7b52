"""Pictures annotated in COCO's format."""

from __future__ import annotations

import difflib
import logging
import os
from collections.abc import Sequence

import numpy as np

from tfseg.data.coco_file import read_records
from tfseg.data.coco_masks import segmentation_rle
from tfseg.data.coco_records import AnnotationRecord, CocoRecords, ImageRecord
from tfseg.data.images import read_image, sound_size, stored_orientation
from tfseg.data.problem import Problem, settle
from tfseg.errors import DataError
from tfseg.structures import Sample, rle
from tfseg.structures.sample import boxes_from_masks

__all__ = ["CocoDataset", "size_mismatch"]

_LOG = logging.getLogger(__name__)


class CocoDataset:
    """Pictures with objects from a COCO annotation file (cocodataset.org, "Data format").

    Read are polygons, compressed and uncompressed run lengths, crowd regions (`iscrowd`),
    keypoints, pictures without objects, and category ids with gaps: the class ids of samples
    count 1 to C without gaps, `category_ids` leads back. Boxes of samples are those of the
    masks; the file's boxes are only compared with them. An annotation with a box but no mask
    is a fault: a mask cannot be learnt from it.

    What can be checked without opening pictures is checked here, at once; what cannot, when a
    picture is read. Reading is safe from several threads, and the object can be pickled.

    Args:
        annotation_file: The JSON file.
        image_dir: The folder that the `file_name`s are relative to.
        classes: Names of the categories to use, in the order of their class ids. None: all, in
            the order of their category ids. Annotations of other categories are passed over.
        drop_invalid: Leave faulty annotations and unusable pictures out instead of raising;
            their number is logged and `dropped` lists them. This also opens each picture's
            header, about 0.1 ms for a JPEG (a PNG has to be decoded).
        crowd: "keep" marks crowd regions in `Sample.is_crowd`; "drop" leaves them out.
        keypoints: "auto" reads keypoints if a category in use names some or an annotation has
            some; objects without them get visibility 0. "drop" never reads them.
        keep_empty: Whether pictures without objects stay; they teach what is background.

    Attributes:
        class_names: Name of class id k at position k - 1.
        category_ids: The file's category id of class id k at position k - 1.
        keypoint_names: Names of the keypoints, or empty.
        image_ids: Ids of the pictures in the file, in the order of the samples.
        problems: All `Problem`s of the file, warnings as well.
        dropped: `Problem`s left out under `drop_invalid=True`, each with its annotation id,
            image and reason.

    Raises:
        DataError: The file cannot be read, a class name is unknown, or (unless `drop_invalid`)
            a record is faulty; the message names the annotation, the image, the file and the
            remedy.
    """

    def __init__(
        self,
        annotation_file: str | os.PathLike,
        image_dir: str | os.PathLike,
        *,
        classes: Sequence[str] | None = None,
        drop_invalid: bool = False,
        crowd: str = "keep",
        keypoints: str = "auto",
        keep_empty: bool = True,
    ):
        self._settings = dict(
            classes=classes, crowd=crowd, keypoints=keypoints, keep_empty=keep_empty
        )
        _require_choice("crowd", crowd, ("keep", "drop"))
        _require_choice("keypoints", keypoints, ("auto", "drop"))
        self.annotation_file = os.fspath(annotation_file)
        self.image_dir = os.fspath(image_dir)
        if not os.path.isdir(self.image_dir):
            raise DataError(f"{self.image_dir}: there is no such image folder. Check image_dir.")
        records = read_records(self.annotation_file)
        problems = list(records.problems)
        chosen = _choose(records, classes)
        self.class_names = tuple(category.name for category in chosen)
        self.category_ids = tuple(category.id for category in chosen)
        self._drop_invalid = bool(drop_invalid)
        usable, missing = self._usable_images(records)
        problems += missing
        self.problems = tuple(problems)
        self.dropped = settle(self.annotation_file, problems, drop_invalid)
        class_of = {identity: number for number, identity in enumerate(self.category_ids, 1)}
        self._images, self._annotations, self._classes = [], [], []
        for image in usable:
            kept = [
                annotation
                for annotation in records.annotations.get(image.id, ())
                if annotation.category_id in class_of
                and not (crowd == "drop" and annotation.is_crowd)
            ]
            if kept or keep_empty:
                self._images.append(image)
                self._annotations.append(tuple(kept))
                ids = [class_of[annotation.category_id] for annotation in kept]
                self._classes.append(np.array(ids, np.int32))
        self.image_ids = tuple(image.id for image in self._images)
        self.keypoint_names, self._keypoint_count = (), None
        if keypoints == "auto":
            self._set_keypoints(chosen)

    def _usable_images(self, records: CocoRecords) -> tuple[list[ImageRecord], list[Problem]]:
        """Returns the pictures that are there, and a problem for each that is not."""
        usable, problems = [], []
        for image in records.images:
            problem = None
            path = os.path.join(self.image_dir, image.file_name)
            if not os.path.isfile(path):
                problem = Problem(
                    "error",
                    "missing_image",
                    f"{records.file}, image {image.file_name!r}",
                    f"there is no file {path}. Fetch it, correct image_dir, or pass "
                    "drop_invalid=True to go on without it.",
                    image.file_name,
                )
            elif self._drop_invalid:
                problem = _header_problem(records.file, image, path)
            if problem is None:
                usable.append(image)
            else:
                problems.append(problem)
        return usable, problems

    def _set_keypoints(self, categories):
        counts = {len(category.keypoints) for category in categories if category.keypoints}
        shown = {
            len(annotation.keypoints)
            for annotations in self._annotations
            for annotation in annotations
            if annotation.keypoints is not None
        }
        counts |= shown
        if len(counts) > 1:
            raise DataError(
                f"{self.annotation_file}: the annotations have {sorted(counts)} keypoints; one "
                "number is needed. Choose classes= with equal skeletons or pass keypoints='drop'."
            )
        if counts:
            self._keypoint_count = counts.pop()
            named = [category.keypoints for category in categories if category.keypoints]
            self.keypoint_names = named[0] if named else ()

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        return (
            f"CocoDataset({self.annotation_file!r}: {len(self)} pictures, "
            f"{sum(map(len, self._annotations))} objects, classes {self.class_names})"
        )

    def image_path(self, index: int) -> str:
        """Returns the file of a picture."""
        return os.path.join(self.image_dir, self._images[index].file_name)

    def annotation_ids(self, index: int) -> tuple[int | str, ...]:
        """Returns the ids of a picture's annotations, without opening it."""
        return tuple(annotation.id for annotation in self._annotations[index])

    def lenient(self) -> CocoDataset:
        """Returns the same data set read anew with `drop_invalid=True`."""
        return CocoDataset(
            self.annotation_file, self.image_dir, drop_invalid=True, **self._settings
        )

    def annotation_counts(self) -> dict[str, int]:
        """Returns the number of objects of each class, without opening a picture."""
        ids = np.concatenate([np.zeros(0, np.int32), *self._classes])
        counts = np.bincount(ids, minlength=len(self.class_names) + 1)[1:]
        return dict(zip(self.class_names, counts.tolist()))

    def __getitem__(self, index: int) -> Sample:
        image, annotations = self._images[index], self._annotations[index]
        path = self.image_path(index)
        pixels = read_image(path)
        size = pixels.shape[:2]
        if image.size is not None and image.size != size:
            raise DataError(
                f"{self.annotation_file}, image {image.file_name!r} (id {image.id!r}): "
                f"{size_mismatch(image.size, size, path)}"
            )
        runs = [self._runs(annotation, image, size) for annotation in annotations]
        kept = np.array([run is not None for run in runs], bool)
        annotations = [a for a, keep in zip(annotations, kept) if keep]
        masks = rle.decode_many([run for run in runs if run is not None], size)
        return Sample(
            image=pixels,
            image_id=image.id,
            class_ids=self._classes[index][kept],
            masks=masks,
            boxes=boxes_from_masks(masks),
            is_crowd=np.array([a.is_crowd for a in annotations], bool),
            keypoints=self._keypoints(annotations),
            annotation_ids=_id_array([annotation.id for annotation in annotations]),
            path=path,
        )

    def _runs(self, annotation: AnnotationRecord, image: ImageRecord, size) -> dict | None:
        """Returns a mask's run lengths; None if it is empty and empty ones are left out."""
        runs = segmentation_rle(annotation.segmentation, size)
        where = f"{self.annotation_file}, annotation {annotation.id!r} of image {image.file_name!r}"
        if tuple(runs["size"]) != tuple(size):
            raise DataError(
                f"{where}: run lengths for {runs['size'][0]} x {runs['size'][1]} do not fit the "
                f"picture of {size[0]} x {size[1]} (height x width). Correct or remove them."
            )
        if rle.area([runs])[0]:
            return runs
        if not self._drop_invalid:
            raise DataError(
                f"{where}: the mask has no pixel inside its picture. Correct or remove it, or "
                "pass drop_invalid=True."
            )
        _LOG.info("%s: left out, the mask has no pixel inside its picture", where)
        return None

    def _keypoints(self, annotations: Sequence[AnnotationRecord]) -> np.ndarray | None:
        if self._keypoint_count is None:
            return None
        points = np.zeros((len(annotations), self._keypoint_count, 3), np.float32)
        for row, annotation in enumerate(annotations):
            if annotation.keypoints is not None:
                points[row] = annotation.keypoints
        return points


def _require_choice(name: str, value: str, choices: tuple[str, ...]):
    if value not in choices:
        raise DataError(f"expected {name} to be one of {', '.join(choices)}, got {value!r}.")


def _id_array(ids: list) -> np.ndarray:
    """Returns ids as int64 `(N,)`; as objects if some are text or too large for that."""
    plain = all(isinstance(i, int) and abs(i) < 2**63 for i in ids)
    return np.array(ids, np.int64 if plain else object)


def _choose(records: CocoRecords, classes: Sequence[str] | None):
    """Returns the categories in use, in the order of their class ids."""
    if classes is None:
        return records.categories
    if isinstance(classes, str):
        raise DataError(f"expected classes as a tuple of names, got {classes!r}: ({classes!r},).")
    by_name = {category.name: category for category in records.categories}
    for name in classes:
        if name not in by_name:
            near = difflib.get_close_matches(str(name), by_name, 1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise DataError(
                f"{records.file}: there is no category {name!r}; the file has "
                f"{', '.join(by_name)}.{hint}"
            )
    if len(set(classes)) != len(classes) or not classes:
        raise DataError(f"expected different class names, at least one, got {tuple(classes)}.")
    return tuple(by_name[name] for name in classes)


def _header_problem(file: str, image: ImageRecord, path: str) -> Problem | None:
    where = f"{file}, image {image.file_name!r}"
    try:
        size = sound_size(path)
    except DataError as error:
        return Problem("error", "unreadable_image", where, str(error), image.file_name)
    if image.size is None or image.size == size:
        return None
    message = size_mismatch(image.size, size, path)
    return Problem("error", "size_mismatch", where, message, image.file_name)


def size_mismatch(expected: tuple[int, int], actual: tuple[int, int], path: str) -> str:
    """Returns what is to be said of a picture whose size is not the annotation file's."""
    message = (
        f"the annotation file says {expected[0]} x {expected[1]}, the picture has {actual[0]} x "
        f"{actual[1]} (height x width). "
    )
    orientation = stored_orientation(path)
    if orientation >= 5 and tuple(expected) == tuple(actual)[::-1]:
        return message + (
            f"Its EXIF tag turns the picture (orientation {orientation}), but the annotations were "
            "made on the pixels as stored: save the picture anew without the tag, or annotate "
            "it as it is seen."
        )
    return message + (
        "The masks would not lie on their objects: put the picture back that was annotated, or "
        "pass drop_invalid=True to go on without it."
    )
