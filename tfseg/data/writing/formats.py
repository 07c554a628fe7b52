"""The formats that any dataset is written in, by name."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tfseg.errors import ConfigError, DataError

if TYPE_CHECKING:  # the names of the formats alone cost nothing
    from tfseg.data.dataset import Dataset
    from tfseg.data.writing.written import Ledger, Progress, Written

__all__ = ["TARGETS", "is_file_target", "write_dataset"]

_WRITERS = {
    "yolo": ("tfseg.data.writing.yolo_writer", "write_yolo"),
    "via": ("tfseg.data.writing.via_writer", "write_via"),
    "labelme": ("tfseg.data.writing.labelme_writer", "write_labelme"),
    "png_masks": ("tfseg.data.writing.png_writer", "write_png_masks"),
}
_FILES = ("coco", "coco_polygons")

TARGETS = (*_FILES, *_WRITERS)
"""Names of the formats; the first two are files, the others folders of parts."""


def is_file_target(name: str) -> bool:
    """Returns whether a format is one file, and its images where they are or beside it.

    Raises:
        ConfigError: There is no such format.
    """
    if name not in TARGETS:
        raise ConfigError(f"there is no format {name!r} to write; known: {', '.join(TARGETS)}.")
    return name in _FILES


def write_dataset(
    dataset: Dataset,
    place: str | os.PathLike,
    to: str = "coco",
    split: str = "train",
    *,
    copy_images: bool = False,
    link: bool = False,
    progress: Progress = None,
) -> Written:
    """Writes a dataset in a format, whole or not at all, and says what was lost.

    Args:
        dataset: The source.
        place: The JSON file for "coco" and "coco_polygons", else the folder where parts lie.
        to: One of `TARGETS`.
        split: The part, where `place` is a folder.
        copy_images: For a file: put the images into `images/` beside it. Folders always have them.
        link: Make links to the images in place of copies.
        progress: Called with the images done and their number.

    Raises:
        ConfigError: An unknown format.
        DataError: Something is there already, or a dataset's object cannot be written.
    """
    if not is_file_target(to):
        if Path(place).is_file():
            raise DataError(f"{place}: expected a folder, got a file. {to} is a folder of parts.")
        module, name = _WRITERS[to]
        write = getattr(importlib.import_module(module), name)
        return write(dataset, place, split, link=link, progress=progress)
    from tfseg.data.coco.coco_writer import write_coco
    from tfseg.data.writing.written import Ledger, Written

    place = Path(place)
    place.parent.mkdir(parents=True, exist_ok=True)
    counted = _Counted(dataset, Ledger("COCO", keeps_crowds=True))
    images = place.parent / "images" if copy_images or link else None
    outlines = to == "coco_polygons"
    write_coco(counted, place, images, outlines=outlines, link=link, progress=progress)
    return Written(str(place), counted.ledger.images, counted.ledger.objects, counted.ledger.lost)


class _Counted:
    """A dataset that counts the images and objects that are read."""

    def __init__(self, dataset: Dataset, ledger: Ledger):
        self._dataset, self.ledger = dataset, ledger
        self.class_names = dataset.class_names
        for name in ("category_ids", "keypoint_names"):
            if hasattr(dataset, name):
                setattr(self, name, getattr(dataset, name))

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: int):
        sample = self._dataset[index]
        self.ledger.image(sample)
        return sample
