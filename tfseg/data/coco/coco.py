"""Images annotated in COCO's format."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.coco.coco_choice import Entry, choose_categories, gather, runs_misfit
from tfseg.data.coco.coco_file import read_records
from tfseg.data.coco.coco_masks import segmentation_rle
from tfseg.data.coco.coco_records import AnnotationRecord, CategoryRecord, CocoRecords, ImageRecord
from tfseg.data.coco.coco_synonyms import merge_categories
from tfseg.data.images.images import read_image
from tfseg.data.reading.named_files import NamedFiles
from tfseg.data.reading.orientation import size_mismatch
from tfseg.data.reading.problem import EXAMINE, Problem, settle
from tfseg.errors import DataError
from tfseg.structures import Sample, rle
from tfseg.structures.sample import boxes_from_masks

__all__ = ["CocoDataset"]


class CocoDataset:
    """Images with objects from a COCO annotation file (cocodataset.org, "Data format").

    Read are polygons, compressed and uncompressed run lengths, crowd regions (`iscrowd`),
    keypoints, images without objects, and category ids with gaps: the class ids of samples
    count 1 to C without gaps, `category_ids` leads back. Boxes of samples are those of the
    masks; the file's boxes are only compared with them. An annotation with a box but no mask
    is a fault: a mask cannot be learnt from it.

    What can be checked without opening images is checked here, at once; what cannot, when an
    image is read. Reading is safe from several threads, and the object can be pickled.

    Args:
        annotation_file: The JSON file.
        image_dir: The folder that the `file_name`s are relative to. Names of other systems are
            found by their last parts (`tfseg.data.reading.named_files`).
        classes: Names of the categories to use, in the order of their class ids. None: all, in
            the order of their category ids. Annotations of other categories are passed over.
        synonyms: Class name to the categories that it is made of, such as
            `{"person": ("person", "Person")}`.
        drop_invalid: Go on without what is faulty instead of raising: without a box, a crowd mark,
            keypoints or an id where these are wrong and the mask is sound; without the whole
            image where an object has no usable mask, because there it would be learnt as
            background. Their number is logged and `dropped` lists them. This also opens each
            image's header, about 0.1 ms for a JPEG (a PNG has to be decoded).
        crowd: "keep" marks crowd regions in `Sample.is_crowd`; "drop" leaves them out.
        keypoints: "auto" reads keypoints if a category in use names some or an annotation has
            some, all the same number; objects without them get visibility 0. "drop" never reads
            them.
        keep_empty: Whether images without objects stay; they teach what is background.
        allow_outside: Whether a `file_name` may lead out of `image_dir`.
        units: "pixels", or "shares" of the image's sides, from 0 to 1, which some converters write.

    Attributes:
        class_names: Name of class id k at position k - 1.
        category_ids: The file's category id of class id k at position k - 1; of a class of
            several, the first of theirs.
        keypoint_names: Names of the keypoints, or empty.
        image_ids: Ids of the images in the file, in the order of the samples.
        problems: All `Problem`s of the file, warnings as well.
        remaining: How many images, and how many objects on them, are left under `drop_invalid`.
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
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        crowd: str = "keep",
        keypoints: str = "auto",
        keep_empty: bool = True,
        allow_outside: bool = False,
        units: str = "pixels",
    ):
        self._settings = dict(
            units=units,
            classes=classes,
            synonyms=synonyms,
            crowd=crowd,
            keypoints=keypoints,
            keep_empty=keep_empty,
            allow_outside=allow_outside,
        )
        _require_choice("crowd", crowd, ("keep", "drop"))
        _require_choice("keypoints", keypoints, ("auto", "drop"))
        _require_choice("units", units, ("pixels", "shares"))
        self.annotation_file = os.fspath(annotation_file)
        self.image_dir = os.fspath(image_dir)
        if not os.path.isdir(self.image_dir):
            raise DataError(f"{self.image_dir}: there is no such image folder. Check image_dir.")
        records = read_records(self.annotation_file, in_shares=units == "shares")
        records, classes, remarks = merge_categories(records, classes, synonyms or {})
        chosen = choose_categories(records, classes)
        self.class_names = tuple(category.name for category in chosen)
        self.category_ids = tuple(category.id for category in chosen)
        entries, problems = gather(
            records,
            chosen,
            NamedFiles((self.image_dir,), allow_outside=allow_outside),
            keep_crowds=crowd == "keep",
            open_headers=bool(drop_invalid),
        )
        whole = [entry for entry in entries if entry.is_whole]
        self._images, self._paths, self._annotations, self._classes = [], [], [], []
        self._take(entries if drop_invalid == EXAMINE else whole, keep_empty)
        self.image_ids = tuple(image.id for image in self._images)
        self.keypoint_names, self._keypoint_count = (), None
        problems = [*records.problems, *problems, *remarks, *_passed_over(records, chosen)]
        if keypoints == "auto":
            problems += self._set_keypoints(chosen)
        self.problems = tuple(problems)
        objects = sum(len(entry.annotations) for entry in whole)
        self.remaining = (len(whole), objects)
        self.dropped = settle(
            self.annotation_file,
            problems,
            drop_invalid,
            f"{len(whole)} of {len(records.images)} images with {objects} objects",
            objects > 0 or not (records.annotations or records.lost),
        )

    def _take(self, entries: Sequence[Entry], keep_empty: bool) -> None:
        class_of = {identity: number for number, identity in enumerate(self.category_ids, 1)}
        for entry in entries:
            if entry.annotations or keep_empty:
                self._images.append(entry.image)
                self._paths.append(entry.path)
                self._annotations.append(entry.annotations)
                ids = [class_of[annotation.category_id] for annotation in entry.annotations]
                self._classes.append(np.array(ids, np.int32))

    def _set_keypoints(self, categories) -> list[Problem]:
        """Settles how many keypoints samples have; returns a warning if that is not one number."""
        counts = {len(category.keypoints) for category in categories if category.keypoints}
        counts |= {
            len(annotation.keypoints)
            for annotations in self._annotations
            for annotation in annotations
            if annotation.keypoints is not None
        }
        if len(counts) > 1:
            message = (
                f"the annotations have {sorted(counts)} keypoints, and samples have one number of "
                "them: they are passed over. To read keypoints, choose classes with equal "
                "skeletons; keypoints='drop' (data.keypoints=drop in a command) says that none "
                "are wanted."
            )
            return [Problem("warning", "different_keypoints", self.annotation_file, message)]
        if counts:
            self._keypoint_count = counts.pop()
            named = [category.keypoints for category in categories if category.keypoints]
            self.keypoint_names = named[0] if named else ()
        return []

    def __len__(self) -> int:
        return len(self._images)

    def __repr__(self) -> str:
        return (
            f"CocoDataset({self.annotation_file!r}: {len(self)} images, "
            f"{sum(map(len, self._annotations))} objects, classes {self.class_names})"
        )

    def image_path(self, index: int) -> str:
        """Returns the file of an image."""
        return self._paths[index]

    def size_is_stated(self, index: int) -> bool:
        """Returns whether the annotations of an image say its size, so that it was compared."""
        masks = (annotation.segmentation for annotation in self._annotations[index])
        return self._images[index].size is not None or any(isinstance(m, dict) for m in masks)

    def annotation_ids(self, index: int) -> tuple[int | str, ...]:
        """Returns the ids of an image's annotations, without opening it."""
        return tuple(annotation.id for annotation in self._annotations[index])

    def count_objects(self, index: int) -> int:
        """Returns the number of an image's objects, without opening it."""
        return len(self._annotations[index])

    def lenient(self) -> CocoDataset:
        """Returns the same dataset read anew for the doctor, with `problem.EXAMINE`."""
        return CocoDataset(
            self.annotation_file, self.image_dir, drop_invalid=EXAMINE, **self._settings
        )

    def annotation_counts(self) -> dict[str, int]:
        """Returns the number of objects of each class, without opening an image."""
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
        masks = rle.decode_many(runs, size)
        return Sample(
            image=pixels,
            image_id=image.id,
            class_ids=self._classes[index],
            masks=masks,
            boxes=boxes_from_masks(masks),
            is_crowd=np.array([a.is_crowd for a in annotations], bool),
            keypoints=self._keypoints(annotations),
            annotation_ids=_id_array([annotation.id for annotation in annotations]),
            path=path,
        )

    def _runs(self, annotation: AnnotationRecord, image: ImageRecord, size) -> dict:
        """Returns a mask's run lengths."""
        runs = segmentation_rle(annotation.segmentation, size)
        where = f"{self.annotation_file}, annotation {annotation.id!r} of image {image.file_name!r}"
        if tuple(runs["size"]) != tuple(size):
            raise DataError(f"{where}: {runs_misfit(runs, size)} Correct or remove them.")
        if not rle.area([runs])[0]:
            raise DataError(
                f"{where}: the mask has no pixel inside its image. Correct or remove it, or "
                "pass drop_invalid=True."
            )
        return runs

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


def _passed_over(records: CocoRecords, chosen: Sequence[CategoryRecord]) -> list[Problem]:
    """Returns what is worth knowing of categories that are no classes."""
    found = []
    for category in records.categories:
        if category in chosen or not (category.is_root or category.is_skeleton):
            continue
        if category.is_root:
            code, what = "root_category", "stands above all others and has no annotations, as "
            what += "Roboflow writes one"
        else:
            code, what = "skeleton", "has skeletons alone, keypoints without masks"
        message = f"the category {category.name!r} {what}: it is no class."
        found.append(Problem("info", code, records.file, message))
    return found
