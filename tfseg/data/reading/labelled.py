"""What the readers of labelled images share: faults, classes, orientation, samples.

A reader lists its images (`Scan`) and draws the objects of one of them (`_draw`); the rest is
here. Whatever is wrong becomes a `Problem` with its place. A fault raises unless
`drop_invalid=True`; then the object, or the image, is left out and everything else goes on.
"""

from __future__ import annotations

import dataclasses
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.images.images import image_size, read_image, sound_size
from tfseg.data.images.json_file import from_base64
from tfseg.data.reading.labels import choose_classes
from tfseg.data.reading.lost_objects import covers_nothing, lost_when_drawn
from tfseg.data.reading.named_files import Found, outside_message
from tfseg.data.reading.orientation import SizeError, stored_size
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import DROP, EXAMINE, IMAGE_LEFT_OUT, Problem, settle
from tfseg.data.reading.units import check_units, is_in_unit_square
from tfseg.data.reading.unread import unread_below
from tfseg.errors import DataError
from tfseg.structures import Sample, rle
from tfseg.structures.sample import boxes_from_masks

__all__ = [
    "DROP",
    "Drawn",
    "LabelledPictures",
    "Picture",
    "Scan",
    "find_file",
]

_LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True, eq=False)
class Picture:
    """An image that a reader found.

    Attributes:
        id: Its name in the dataset.
        where: Annotation file and image, for messages.
        path: The image file, or None if the annotation file holds the image itself.
        content: What the reader draws the objects from.
        labels: Label of each object, or None where only drawing tells.
        size: `(H, W)` that the annotation file gives, or None.
        embedded: The image itself as base64 text, where `path` is None.
    """

    id: str
    where: str
    path: str | None
    content: object
    labels: tuple[str, ...] | None = None
    size: tuple[int, int] | None = None
    embedded: str | None = dataclasses.field(default=None, repr=False)


@dataclasses.dataclass(frozen=True, eq=False)
class Drawn:
    """An object in an image as it is seen: its id, its label, and the run lengths of its mask."""

    id: int
    label: str
    runs: dict
    is_crowd: bool = False
    file: str | None = None


@dataclasses.dataclass
class Scan:
    """What lies in a file or folder, before classes are chosen.

    Attributes:
        source: File or folder, for messages.
        pictures: Those that are there.
        problems: Everything wrong so far.
        order: Labels in their order; None where no file lists them.
        counts: Number of objects of each label, where known without drawing; those of
            images that are missing count as well, so that faults do not change the classes.
        lost: `Picture.where` of those in which an object without a mask would be background.
    """

    source: str
    pictures: list[Picture] = dataclasses.field(default_factory=list)
    problems: list[Problem] = dataclasses.field(default_factory=list)
    order: tuple[str, ...] | None = None
    counts: Counter = dataclasses.field(default_factory=Counter)
    lost: set[str] = dataclasses.field(default_factory=set)

    def add(self, picture: Picture) -> None:
        """Takes an image in; a second one of the same name is a fault."""
        if picture.id in self._ids:
            self.fault(
                "duplicate_image_id",
                picture.where,
                f"the image {picture.id!r} is listed twice. Keep one of them, {DROP}",
                picture.id,
            )
            return
        self._ids.add(picture.id)
        self.pictures.append(picture)

    def __post_init__(self):
        self._ids = {picture.id for picture in self.pictures}

    def fault(self, code, where, message, image=None, annotation=None, severity="error") -> None:
        """Notes a problem."""
        self.problems.append(Problem(severity, code, where, message, image, annotation))

    def note_unread(self, *where) -> None:
        """Notes files in folders below that are not read; `where` as of `unread_below`."""
        self.problems += [Problem("warning", "unread_folder", *f) for f in unread_below(*where)]

    def shape_fault(self, fault: MaskError, where: str, what: str, image: str, number) -> None:
        """Notes a shape that cannot become a mask; what encloses nothing is only passed over.

        Args:
            fault: What is wrong with it.
            where: `Picture.where`.
            what: What the tool calls it.
            image: The image.
            number: Which one it is, counted from 1.
        """
        place = f"{where}, {what} {number}"
        if fault.code == "no_area":
            message = f"the {what} {fault}. It is passed over."
            self.fault(fault.code, place, message, image, number, "warning")
        else:
            message = f"the {what} {fault}. Correct or remove it, {DROP}"
            self.lost_object(fault.code, where, place, message, image, number)

    def lost_object(self, code: str, where: str, place: str, message: str, image, number) -> None:
        """Notes an object without a mask, and that its image is to be left out with it."""
        self.lost.add(where)
        self.problems.append(
            Problem("error", code, place, message, image, number, consequence=IMAGE_LEFT_OUT)
        )

    def missing_image(
        self, where: str, name: str, looked: Sequence[str], found: Found | None = None
    ) -> None:
        """Notes that an image's file is not there, or is where its name may not lead."""
        if found is not None and found.outside:
            folder = os.path.dirname(looked[0]) or os.curdir
            message = outside_message(folder, found.outside)
            self.fault("outside_image", where, message, name)
            return
        places = ", ".join(dict.fromkeys(looked))
        self.fault(
            "missing_image",
            where,
            f"there is no file of the image {name!r}; looked for {places}. Fetch it, correct "
            f"image_dir, {DROP}",
            name,
        )


class LabelledPictures:
    """Base of the readers; see `ViaDataset` for one. Reading is safe from threads.

    Attributes:
        class_names: Name of class id k at position k - 1.
        image_ids: Names of the images, in the order of the samples.
        problems: All `Problem`s found without opening images and masks, warnings as well.
        remaining: How many images, and objects on them, are left under `drop_invalid`; None where
            only drawing tells.
        dropped: `Problem`s left out under `drop_invalid=True`.
    """

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
        if not scan.pictures and not scan.problems:
            raise DataError(f"{scan.source}: there are no annotated images. Check the path.")
        problems = list(scan.problems)
        pictures = scan.pictures
        polygons = [one for picture in pictures for one in self._outlines(picture).values()]
        problems += check_units(scan.source, (bool(p) and is_in_unit_square(p) for p in polygons))
        if drop_invalid:
            pictures, unusable = self._usable(pictures, scan.lost)
            problems += [p for p in unusable if drop_invalid != EXAMINE or p.annotation_id is None]
        whole = [picture for picture in pictures if picture.where not in scan.lost]
        if drop_invalid and drop_invalid != EXAMINE:
            pictures = whole
        left = f"{len(whole)} of {len(scan.pictures)} images"
        self.dropped = settle(scan.source, problems, self._drop_invalid, left, bool(whole))
        if self.dropped and classes is None and not (scan.counts or scan.order):
            chosen = (), {}, []  # not one object was legible: the doctor lists the faults
        else:
            chosen = choose_classes(scan.source, scan.counts, classes, synonyms, scan.order)
        self.class_names, self._class_of, remarks = chosen
        settle(scan.source, remarks, True)
        self.problems = (*problems, *remarks)
        self.remaining = self._remaining(whole) if drop_invalid else None
        self._pictures = [p for p in pictures if keep_empty or self._has_objects(p)]
        self.image_ids = tuple(picture.id for picture in self._pictures)

    def _remaining(self, pictures: Sequence[Picture]) -> tuple[int, int] | None:
        if any(picture.labels is None for picture in pictures):
            return None
        labels = [label for picture in pictures for label in picture.labels]
        return len(pictures), sum(label in self._class_of for label in labels)

    def _usable(
        self, pictures: Sequence[Picture], lost: set[str]
    ) -> tuple[list[Picture], list[Problem]]:
        """Returns the images that can be read and fit their annotations, and the faults.

        Images with an object that turns out to have no mask are added to `lost`.
        """
        usable, problems = [], []
        for picture in pictures:
            where = picture.where
            try:
                size = sound_size(_file_of(picture))
                self._fits(picture, size)
                faults = lost_when_drawn(picture, size, self._outlines(picture), self._draw)
                lost |= {picture.where for fault in faults if fault.consequence}
                problems += faults
                usable.append(picture)
                continue
            except SizeError as error:
                code, where, message = "size_mismatch", "", str(error)
            except MaskError as error:
                code, message = error.code, f"{error}. Correct it, {DROP}"
            except DataError as error:
                code, message = "unreadable_image", str(error)
            problems.append(Problem("error", code, where, message, picture.path or picture.id))
        return usable, problems

    def _fits(self, picture: Picture, size: tuple[int, int]) -> None:
        """Raises SizeError or MaskError if annotations as a whole do not fit an image `(H, W)`."""
        stored_size(picture.size, size, picture.path, picture.where)

    def _outlines(self, picture: Picture) -> dict[int, list[np.ndarray] | None]:
        """Returns the polygons of each object by its number, None for one that only drawing shows;
        nothing where a reader has no objects apart from its maps."""
        return {}

    def _has_objects(self, picture: Picture) -> bool:
        if picture.labels is not None:
            return any(label in self._class_of for label in picture.labels)
        try:
            drawn, _ = self._draw(picture, image_size(_file_of(picture)))
        except DataError:
            return True  # its fault is to be met, not to be hidden by leaving it out
        return any(one.label in self._class_of for one in drawn)

    def _pixels(self, picture: Picture) -> np.ndarray:
        if picture.path is not None:
            return read_image(picture.path)
        try:
            return read_image(from_base64(picture.embedded))
        except DataError as error:
            raise DataError(f"{picture.where}, the image in the file itself: {error}") from error

    def _draw(self, picture: Picture, size: tuple[int, int]) -> tuple[list[Drawn], list[Problem]]:
        """Returns the objects of an image that is seen as `(H, W)`, and what is wrong."""
        raise NotImplementedError

    def _label_maps(self, picture: Picture, size: tuple[int, int]) -> dict[str, np.ndarray]:
        return {}

    def lenient(self) -> LabelledPictures:
        """Returns the same dataset read anew for the doctor, with `problem.EXAMINE`."""
        return type(self)(self.source, **{**self._settings, "drop_invalid": EXAMINE})

    def __len__(self) -> int:
        return len(self._pictures)

    def __repr__(self) -> str:
        named = f"{type(self).__name__}({self.source!r}"
        return f"{named}: {len(self)} images, classes {self.class_names})"

    def image_path(self, index: int) -> str | None:
        """Returns the file of an image; None if the annotation file holds it."""
        return self._pictures[index].path

    def count_objects(self, index: int) -> int | None:
        """Returns the number of an image's objects; None if only drawing tells."""
        labels = self._pictures[index].labels
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
        picture = self._pictures[index]
        pixels = self._pixels(picture)
        size = pixels.shape[:2]
        drawn, problems = self._draw(picture, size)
        kept: list[Drawn] = []
        for one in drawn:
            if one.label not in self._class_of:
                continue
            if rle.area([one.runs])[0]:
                kept.append(one)
            else:
                problems.append(covers_nothing(picture, one))
        masks = rle.decode_many([one.runs for one in kept], size)
        sample = Sample(
            image=pixels,
            image_id=picture.id,
            class_ids=np.array([self._class_of[one.label] for one in kept], np.int32),
            masks=masks,
            boxes=boxes_from_masks(masks),
            is_crowd=np.array([one.is_crowd for one in kept], bool),
            annotation_ids=np.array([one.id for one in kept], np.int64),
            label_maps=self._label_maps(picture, size),
            path=picture.path,
        )
        return sample, problems


def _file_of(picture: Picture) -> str | bytes:
    """Returns the path of an image, or its bytes where the annotation file holds them."""
    return picture.path or from_base64(picture.embedded)


def find_file(candidates: Sequence[str]) -> str | None:
    """Returns the first of some paths where a file lies, or None."""
    return next((path for path in candidates if os.path.isfile(path)), None)
