"""Images with numbered people, and boxes that a detector found, for measuring instances.

| file | holds |
|---|---|
| `images/0001.jpg` | the image |
| `instances/0001.png` | the number of the person in each pixel, 8 bits; 0 is background |
| `boxes/0001.json` | optional: `[[y1, x1, y2, x2, score], ...]`, pixels, ends exclusive |
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from tfseg.data.images.json_file import read_json
from tfseg.data.masks.png_masks import PngMaskDataset
from tfseg.data.reading.format import Claim, Format, call, missing_part
from tfseg.data.reading.labels import one_class
from tfseg.data.reading.part_names import own_name
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord
from tfseg.errors import DataError

__all__ = ["FORMAT", "InstanceFolderDataset"]


class InstanceFolderDataset(PngMaskDataset):
    """Instances from id maps, with the boxes of a detector beside them.

    A fault raises unless `drop_invalid`: an image without a map or a map without an image, a
    map of another size or damaged, a file of boxes that cannot be read.

    Args:
        root: The folder.
        classes: The name of the class.
        ignore: Numbers that are no person besides 0, such as (255,).
        drop_invalid: Leave unusable images out instead of raising.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folders, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        *,
        classes: Sequence[str] | None = ("person",),
        ignore: Sequence[int] = (),
        drop_invalid: bool = False,
    ):
        classes = one_class(classes)
        super().__init__(
            root,
            image_dir="images",
            mask_dir="instances",
            ignore=ignore,
            classes=classes,
            drop_invalid=drop_invalid,
        )
        self._settings = dict(classes=classes, ignore=ignore)

    def detections(self, index: int) -> tuple[np.ndarray, np.ndarray] | None:
        """Returns the boxes that a detector found in an image, and their scores.

        Returns:
            float32 `(K, 4)`, `(y1, x1, y2, x2)` in pixels, ends exclusive, and float32 `(K,)`;
            None without a file of boxes.

        Raises:
            DataError: The file cannot be read, or holds something else.
        """
        path = os.path.join(self.source, "boxes", f"{self.image_ids[index]}.json")
        return _read_boxes(path) if os.path.isfile(path) else None

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        drawn, problems = super()._draw(record, size)
        if not record.content.maps:
            file = os.path.join(self.source, "instances", f"{record.id}.png")
            message = f"there is no map {file}. Fetch it, {DROP}"
            problems.append(Problem("error", "missing_mask", record.where, message, record.path))
        path = os.path.join(self.source, "boxes", f"{record.id}.json")
        if os.path.isfile(path):
            try:
                _read_boxes(path)
            except DataError as error:
                text = f"{str(error).rstrip('.')}, {DROP}"
                problems.append(Problem("error", "malformed", "", text, record.path))
        return drawn, problems


def _read_boxes(path: str) -> tuple[np.ndarray, np.ndarray]:
    content = read_json(path, "file of boxes")
    try:
        rows = np.array(content, np.float32).reshape(-1, 5) if content else np.zeros((0, 5))
        if np.ndim(content) != 2 and content:
            raise ValueError("not rows of five")
    except (TypeError, ValueError):
        raise DataError(
            f"{path}: expected [[y1, x1, y2, x2, score], ...], got something else. Correct it."
        ) from None
    rows = rows.astype(np.float32)
    sound = np.isfinite(rows).all(axis=1) & (rows[:, 2:4] > rows[:, :2]).all(axis=1)
    if not sound.all():
        raise DataError(
            f"{path}: box {int(sound.argmin()) + 1}, {rows[sound.argmin()].tolist()}, has no area. "
            "Expected y1 < y2 and x1 < x2. Correct it."
        )
    return rows[:, :4], rows[:, 4]


def _place(path: str, split: str) -> str | None:
    """Returns where maps of instances lie: in the part's folder, else here for all parts."""
    for place in (os.path.join(path, own_name(path, split)), path):
        if all(os.path.isdir(os.path.join(place, name)) for name in ("images", "instances")):
            return place
    return None


def _open(path: str, split: str, options: dict) -> InstanceFolderDataset:
    place = _place(path, split)
    if place is None:
        raise missing_part(path, split, f"images/ and instances/, or {split}/ with both")
    return call(InstanceFolderDataset, (place,), options)


FORMAT = Format(
    name="instance_folder",
    marks="images/ and instances/, there or in {split}/",
    reader=InstanceFolderDataset,
    claims=lambda path, split: Claim.LAYOUT * (_place(path, split) is not None),
    open=_open,
)
