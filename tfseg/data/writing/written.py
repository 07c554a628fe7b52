"""What every writer of a format shares: the folder of a part, its images, what was lost."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.data.coco.image_copies import ImageCopies
from tfseg.data.coco.mask_outlines import lost_pixels, polygons
from tfseg.data.dataset import Dataset
from tfseg.errors import DataError
from tfseg.structures import Sample

__all__ = ["Ledger", "Progress", "Written", "each_image", "label_of", "new_part"]

Progress = Callable[[int, int], None] | None


@dataclasses.dataclass(frozen=True)
class Written:
    """What a writer wrote.

    Attributes:
        place: The folder or file.
        images: How many images.
        objects: How many objects on them.
        lost: Image to how many pixels of its masks come back otherwise, where any do.
        notes: What the format has no place for, a sentence each.
    """

    place: str
    images: int
    objects: int
    lost: dict[str, int]
    notes: tuple[str, ...] = ()


@dataclasses.dataclass
class Ledger:
    """Counts what is written and what is lost.

    Attributes:
        tool: What the format is called, for notes.
        keeps_crowds: Whether it marks crowd regions.
    """

    tool: str
    keeps_crowds: bool = False
    images: int = 0
    objects: int = 0
    crowds: int = 0
    keypoints: int = 0
    lost: dict[str, int] = dataclasses.field(default_factory=dict)

    def image(self, sample: Sample) -> None:
        """Counts an image and its objects.

        Raises:
            DataError: A mask is empty.
        """
        self.images += 1
        self.objects += len(sample)
        self.crowds += int(sample.is_crowd.sum())
        if sample.keypoints is not None:
            self.keypoints += int((sample.keypoints[:, :, 2] > 0).any(axis=1).sum())
        for row in range(len(sample)):
            if not sample.masks[row].any():
                raise DataError(
                    f"{sample.where}, annotation {sample.annotation_ids[row]}: the mask is empty, "
                    f"which {self.tool} cannot hold. Remove the object."
                )

    def lose(self, name: str, pixels: int) -> None:
        """Counts pixels of an image that come back otherwise."""
        if pixels:
            self.lost[name] = self.lost.get(name, 0) + int(pixels)

    def outlines(self, name: str, mask: np.ndarray) -> list[np.ndarray]:
        """Returns a mask's polygons, one for each piece, and counts what they lose."""
        pieces = polygons(mask)
        self.lose(name, lost_pixels(mask, pieces))
        return pieces

    def written(self, place: str | os.PathLike) -> Written:
        """Returns the counts."""
        notes = []
        if self.crowds and not self.keeps_crowds:
            notes.append(
                f"{self.crowds} crowd regions are written as objects: {self.tool} has no mark for "
                "them."
            )
        if self.keypoints:
            notes.append(f"The keypoints of {self.keypoints} objects are not written.")
        return Written(os.fspath(place), self.images, self.objects, self.lost, tuple(notes))


@contextlib.contextmanager
def new_part(folder: str | os.PathLike, split: str) -> Iterator[Path]:
    """Inside, fill the new folder that it gives; in the end it is the part's, whole or not at all.

    Raises:
        DataError: The part is there already: it may be what is being read.
    """
    target = Path(folder) / split
    if target.exists():
        raise DataError(
            f"{target}: there is something already, which is not replaced. Remove it or name "
            "another folder."
        )
    with files.replacing_folder(target, error=DataError) as partial:
        yield partial


def each_image(
    dataset: Dataset, home: Path, ledger: Ledger, link: bool, progress: Progress
) -> Iterator[tuple[Sample, str]]:
    """Yields each image of a dataset, put into a folder, and the name that it has there; no two
    differ in their ending alone."""
    copies = ImageCopies(str(home), home, link=link, unique_stems=True)
    for index in range(len(dataset)):
        sample = dataset[index]
        ledger.image(sample)
        yield sample, copies.name(sample, index)
        if progress is not None:
            progress(index + 1, len(dataset))


def label_of(dataset: Dataset, sample: Sample, row: int) -> str:
    """Returns the name of an object's class."""
    return dataset.class_names[int(np.asarray(sample.class_ids)[row]) - 1]
