"""What the readers of labelled images share: faults, classes, orientation, samples.

A reader lists its images (`Scan`) and draws the objects of one of them (`_draw`); the rest is
here. Whatever is wrong becomes a `Problem` with its place. A fault raises unless
`drop_invalid=True`; then the object, or the image, is left out and everything else goes on.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.images.images import image_size, read_image, sound_size
from tfseg.data.images.json_file import from_base64
from tfseg.data.reading.labels import choose_classes
from tfseg.data.reading.lost_objects import covers_nothing, lost_when_drawn
from tfseg.data.reading.orientation import SizeError, stored_size
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import DROP, EXAMINE, Problem, settle
from tfseg.data.reading.scan import Drawn, ImageRecord, Scan
from tfseg.data.reading.units import check_units, is_in_unit_square
from tfseg.errors import DataError
from tfseg.structures import Sample, rle
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.sample import boxes_from_masks

__all__ = ["LabelledImages"]

_LOG = logging.getLogger(__name__)


class LabelledImages:
    """Base of the readers; see `ViaDataset` for one. Reading is safe from threads.

    Attributes:
        class_names: Name of class id k at position k - 1.
        image_ids: Names of the images, in the order of the samples.
        problems: All `Problem`s found without opening images and masks, warnings as well.
        remaining: How many images, and objects on them, are left under `drop_invalid`; None where
            only drawing tells.
        dropped: `Problem`s left out under `drop_invalid=True`.
        label_map_kinds: What the label maps of its samples say, by name.
    """

    _class_maps: tuple[str, ...] = ()
    """Names of the label maps in class ids that samples have."""

    def __init__(
        self,
        scan: Scan,
        *,
        classes: Sequence[str] | None,
        synonyms: Mapping[str, Sequence[str]] | None,
        drop_invalid: bool | str,
        keep_empty: bool,
    ):
        self.source = scan.source
        self._drop_invalid = bool(drop_invalid)
        if not scan.records and not scan.problems:
            raise DataError(f"{scan.source}: there are no annotated images. Check the path.")
        problems = list(scan.problems)
        records = scan.records
        polygons = [one for record in records for one in self._outlines(record).values()]
        problems += check_units(scan.source, (bool(p) and is_in_unit_square(p) for p in polygons))
        if drop_invalid:
            records, unusable = self._usable(records, scan.lost)
            problems += [p for p in unusable if drop_invalid != EXAMINE or p.annotation_id is None]
        whole = [record for record in records if record.where not in scan.lost]
        if drop_invalid and drop_invalid != EXAMINE:
            records = whole
        left = f"{len(whole)} of {len(scan.records)} images"
        self.dropped = settle(scan.source, problems, self._drop_invalid, left, bool(whole))
        if self.dropped and classes is None and not (scan.counts or scan.order):
            chosen = (), {}, []  # not one object was legible: the doctor lists the faults
        else:
            chosen = choose_classes(scan.source, scan.counts, classes, synonyms, scan.order)
        self.class_names, self._class_of, remarks = chosen
        kind = LabelMapKind(self.class_names)
        self.label_map_kinds = dict.fromkeys(self._class_maps, kind)
        settle(scan.source, remarks, True)
        self.problems = (*problems, *remarks)
        self.remaining = self._remaining(whole) if drop_invalid else None
        self._records = [p for p in records if keep_empty or self._has_objects(p)]
        self.image_ids = tuple(record.id for record in self._records)

    def _remaining(self, records: Sequence[ImageRecord]) -> tuple[int, int] | None:
        if any(record.labels is None for record in records):
            return None
        labels = [label for record in records for label in record.labels]
        return len(records), sum(label in self._class_of for label in labels)

    def _usable(
        self, records: Sequence[ImageRecord], lost: set[str]
    ) -> tuple[list[ImageRecord], list[Problem]]:
        """Returns the images that can be read and fit their annotations, and the faults.

        Images with an object that turns out to have no mask are added to `lost`.
        """
        usable, problems = [], []
        for record in records:
            where = record.where
            try:
                size = sound_size(_file_of(record))
                self._fits(record, size)
                faults = lost_when_drawn(record, size, self._outlines(record), self._draw)
                lost |= {record.where for fault in faults if fault.consequence}
                problems += faults
                usable.append(record)
                continue
            except SizeError as error:
                code, where, message = "size_mismatch", "", str(error)
            except MaskError as error:
                code, message = error.code, f"{error}. Correct it, {DROP}"
            except DataError as error:
                code, message = "unreadable_image", str(error)
            problems.append(Problem("error", code, where, message, record.path or record.id))
        return usable, problems

    def _fits(self, record: ImageRecord, size: tuple[int, int]) -> None:
        """Raises SizeError or MaskError if annotations as a whole do not fit an image `(H, W)`."""
        stored_size(record.size, size, record.path, record.where)

    def _outlines(self, record: ImageRecord) -> dict[int, list[np.ndarray] | None]:
        """Returns the polygons of each object by its number, None for one that only drawing shows;
        nothing where a reader has no objects apart from its maps."""
        return {}

    def _has_objects(self, record: ImageRecord) -> bool:
        if record.labels is not None:
            return any(label in self._class_of for label in record.labels)
        try:
            drawn, _ = self._draw(record, image_size(_file_of(record)))
        except DataError:
            return True  # its fault is to be met, not to be hidden by leaving it out
        return any(one.label in self._class_of for one in drawn)

    def _pixels(self, record: ImageRecord) -> np.ndarray:
        if record.path is not None:
            return read_image(record.path)
        try:
            return read_image(from_base64(record.embedded))
        except DataError as error:
            raise DataError(f"{record.where}, the image in the file itself: {error}") from error

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        """Returns the objects of an image that is seen as `(H, W)`, and what is wrong."""
        raise NotImplementedError

    def _label_maps(self, record: ImageRecord, size: tuple[int, int]) -> dict[str, np.ndarray]:
        return {}

    def lenient(self) -> LabelledImages:
        """Returns the same dataset read anew for the doctor, with `problem.EXAMINE`."""
        return type(self)(self.source, **{**self._settings, "drop_invalid": EXAMINE})

    def __len__(self) -> int:
        return len(self._records)

    def __repr__(self) -> str:
        named = f"{type(self).__name__}({self.source!r}"
        return f"{named}: {len(self)} images, classes {self.class_names})"

    def image_path(self, index: int) -> str | None:
        """Returns the file of an image; None if the annotation file holds it."""
        return self._records[index].path

    def count_objects(self, index: int) -> int | None:
        """Returns the number of an image's objects; None if only drawing tells."""
        labels = self._records[index].labels
        return None if labels is None else sum(label in self._class_of for label in labels)

    def __getitem__(self, index: int) -> Sample:
        sample, problems = self.examine(index)
        faults = [problem for problem in problems if problem.severity == "error"]
        if faults and not self._drop_invalid:
            raise DataError(str(faults[0]))
        for fault in faults:
            _LOG.info("%s", fault.left_out())
        return sample

    def examine(self, index: int) -> tuple[Sample, list[Problem]]:
        """Returns an image with its sound objects, and what is wrong with the others.

        Raises:
            DataError: The image itself cannot be used.
        """
        record = self._records[index]
        pixels = self._pixels(record)
        size = pixels.shape[:2]
        drawn, problems = self._draw(record, size)
        kept: list[Drawn] = []
        for one in drawn:
            if one.label not in self._class_of:
                continue
            if rle.area([one.runs])[0]:
                kept.append(one)
            else:
                problems.append(covers_nothing(record, one))
        masks = rle.decode_many([one.runs for one in kept], size)
        sample = Sample(
            image=pixels,
            image_id=record.id,
            class_ids=np.array([self._class_of[one.label] for one in kept], np.int32),
            masks=masks,
            boxes=boxes_from_masks(masks),
            is_crowd=np.array([one.is_crowd for one in kept], bool),
            annotation_ids=np.array([one.id for one in kept], np.int64),
            label_maps=self._label_maps(record, size),
            path=record.path,
            label_map_kinds=self.label_map_kinds,
        )
        return sample, problems


def _file_of(record: ImageRecord) -> str | bytes:
    """Returns the path of an image, or its bytes where the annotation file holds them."""
    return record.path or from_base64(record.embedded)
