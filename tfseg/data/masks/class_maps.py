"""What the readers of class maps share: one number for every pixel, objects unknown.

`tfseg.data.reading.labelled` has the rest: faults, classes, samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tfseg.data.images.images import turn
from tfseg.data.masks.mask_files import check_size, fitting_turn
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.orientation import turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, ImageRecord, Scan
from tfseg.structures import Sample
from tfseg.structures.semantic import CLASS_MAP, IGNORED

__all__ = ["ClassMapImages", "present"]


class ClassMapImages(LabelledImages):
    """Base of the readers of class maps; the content of an `ImageRecord` is the file of its map.

    A sample has the label map "classes", int32 `(H, W)`, 0 background, class ids, 255 ignored,
    and one mask for each class that has pixels, because nobody told its objects apart. What
    is no class that `classes` names is background.

    A map that cannot be used is a fault; under `drop_invalid` its pixels are ignored where
    opening the dataset could not tell yet.

    Attributes:
        expects_object: Whether a map without any class, or with one all over, is suspicious.
    """

    expects_object = False
    _class_maps = (CLASS_MAP,)
    _labels: Mapping[int, str]
    """Label of each number that a map may have besides 0 and 255."""

    def _numbers(self, file: str) -> np.ndarray:
        """Returns the numbers of a map as stored, `(H, W)`; raises MaskError."""
        raise NotImplementedError

    def _fits(self, record: ImageRecord, size: tuple[int, int]) -> None:
        if not record.content.endswith(".mat"):
            check_size(record.content, size, record.path)

    def _has_objects(self, record: ImageRecord) -> bool:
        try:
            numbers = present(self._numbers(record.content))
        except MaskError:
            return True  # its fault is to be met, not to be hidden by leaving it out
        return any(self._labels.get(number) in self._class_of for number in numbers)

    def _class_map(self, record: ImageRecord, size: tuple[int, int]) -> tuple[np.ndarray, list]:
        """Returns the class of each pixel, int32 `(H, W)`, and what is wrong."""
        scan, file = Scan(record.where), record.content
        try:
            stored = self._numbers(file)
            orientation = fitting_turn(stored.shape, file, size, record.path)
            found = present(stored)
            unknown = [n for n in found if n not in (0, IGNORED) and n not in self._labels]
            if unknown:
                raise MaskError(
                    "unknown_label",
                    f"{file}: expected 0, {IGNORED} for ignored, and {_listed(self._labels)}, got "
                    f"{', '.join(map(str, unknown[:8]))}{', ...' if len(unknown) > 8 else ''}",
                )
        except MaskError as fault:
            scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", record.path)
            return np.full(size, IGNORED, np.int32), scan.problems
        scan.problems += turned_problem(orientation, record.path, record.where)
        class_of = np.zeros(max(IGNORED, *self._labels) + 1, np.int32)
        class_of[IGNORED] = IGNORED
        for number, label in self._labels.items():
            class_of[number] = self._class_of.get(label, 0)
        classes = class_of[np.ascontiguousarray(turn(stored, orientation))]
        if self.expects_object:
            scan.problems += _suspicious(record, classes)
        return classes, scan.problems

    def examine(self, index: int) -> tuple[Sample, list[Problem]]:
        """Returns an image with its class map, and what is wrong with the map.

        Raises:
            DataError: The image itself cannot be used.
        """
        record = self._records[index]
        pixels = self._pixels(record)
        classes, problems = self._class_map(record, pixels.shape[:2])
        ids = [number for number in present(classes) if number not in (0, IGNORED)]
        sample = Sample(
            image=pixels,
            image_id=record.id,
            class_ids=np.array(ids, np.int32),
            masks=np.stack([classes == number for number in ids]) if ids else None,
            label_maps={CLASS_MAP: classes},
            path=record.path,
            label_map_kinds=self.label_map_kinds,
        )
        return sample, problems


def present(numbers: np.ndarray) -> list[int]:
    """Returns the different values of an array of whole numbers, rising."""
    if numbers.size and numbers.min() >= 0 and numbers.max() < 65536:
        return np.flatnonzero(np.bincount(numbers.ravel())).tolist()
    return np.unique(numbers).tolist()


def _listed(labels: Mapping[int, str]) -> str:
    shown = [f"{number} {label}" for number, label in list(labels.items())[:24]]
    return ", ".join(shown) + (", ..." if len(labels) > 24 else "")


def _suspicious(record: ImageRecord, classes: np.ndarray) -> list[Problem]:
    """Returns a warning for a map that shows nothing, or nothing else."""
    background = np.count_nonzero(classes == 0)
    if background == classes.size:
        code, message = "empty_mask", "no pixel of the mask is foreground. If there is something"
        message += " to be seen, correct the mask; otherwise it teaches what is background."
    elif background == 0:
        code, message = "full_mask", "no pixel of the mask is background. Is it inverted or cut?"
    else:
        return []
    where = f"{record.content} of image {record.id!r}"
    return [Problem("warning", code, where, message, record.path)]
