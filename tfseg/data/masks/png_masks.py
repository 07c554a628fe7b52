"""Images with their masks in PNG files: one file an object, or one map of numbers an image.

A folder holds `images/` and `masks/`. `<image>` is the name of an image without its ending.
What a file in `masks/` is, is told by its place and name:

| file | what it is |
|---|---|
| `masks/<class>/<image>.png`, `masks/<class>/<image>_<anything>.png` | one object |
| `masks/<image>/<class>.png`, `masks/<image>/<class>_<number>.png` | one object |
| `masks/<image>_<class>.png`, `masks/<image>_<class>_<number>.png` | one object |
| `masks/<image>.png`, `masks/<image>_mask.png` | an id map: each number but 0 is an object |

Where nothing names an id map's numbers and they rise over edges, as in a mask that is soft, blurred or
was a JPEG file, it is the mask of one object: inside is what is above half of the greatest number.

Behind an image's name, `mask`, `matte`, `seg` and `label` are no classes, unless `classes` or another
file's name says so. Where names or numbers may be read in two ways, `tfseg doctor` warns.

`_` may be `-` or `.`. In the file of one object, inside is what is not zero (or, in an image with
transparency, not fully transparent). An id map has 1, 8 or 16 bits or a palette, or colours
that stand for red + 256 green + 65536 blue, unless all of them are grey. The classes of its numbers are in the first of

| file | holds |
|---|---|
| `masks/<image>.json` | `{"1": "shoe", "2": "hat"}`, or `{"1": {"class": "shoe", "iscrowd": 0}}` |
| `masks/instances.json` or `instances.json` | `{"<image>": {"1": "shoe", "2": "hat"}}` |
| `classes/<image>.png` | a map of class numbers, named by `classes.json` `{"1": "shoe"}` or by the lines of `classes.txt`, the first line naming 1 |

or nowhere, and all objects are of one class.

The layout of the 2018 Data Science Bowl is read as well: a folder an image, with
`<image>/images/<image>.png` and `<image>/masks/<anything>.png`, one object a file, all of one
class.
"""  # noqa: E501, a table row cannot be broken

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.masks.mask_doubts import doubtful_numbers
from tfseg.data.masks.mask_files import (
    check_size,
    instances,
    is_soft,
    read_ids,
    read_inside,
    upright,
)
from tfseg.data.masks.mask_folder import scan_masks
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.labels import only_class
from tfseg.data.reading.orientation import turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.structures import rle

__all__ = ["PngMaskDataset"]


class PngMaskDataset(LabelledImages):
    """Images with objects from PNG masks; the layouts are at the top of this file.

    Without any class in names and files, all objects are of one class, the one in `classes`,
    else "object".

    A fault raises unless `drop_invalid`: a mask without its image, of another size, damaged or
    covering nothing, a number without a class, a class for a number that no pixel has.
    Images without masks have no objects and teach what is background. A mask that has the
    size of an image's stored pixels is turned with it as the image's EXIF tag says.

    Args:
        root: The folder.
        image_dir: The folder of the images, in `root` or elsewhere.
        mask_dir: The folder of the masks, in `root` or elsewhere.
        ignore: Numbers in id maps that are no object besides 0, such as (255,).
        classes: Names of the classes, in the order of their ids. None: the names in
            `classes.json` or `classes.txt`, else all labels found, sorted.
        synonyms: Class name to the labels that it is made of.
        drop_invalid: Leave faulty masks and unusable images out instead of raising.
        keep_empty: Whether images without objects stay.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folders, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        *,
        image_dir: str | os.PathLike = "images",
        mask_dir: str | os.PathLike = "masks",
        ignore: Sequence[int] = (),
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        keep_empty: bool = True,
    ):
        self._settings = dict(
            image_dir=image_dir,
            mask_dir=mask_dir,
            ignore=ignore,
            classes=classes,
            synonyms=synonyms,
            keep_empty=keep_empty,
        )
        self._skip = (0, *(int(number) for number in ignore))
        root = os.fspath(root)
        only = only_class(classes)
        super().__init__(
            scan_masks(root, os.fspath(image_dir), os.fspath(mask_dir), only, classes or ()),
            classes=classes,
            synonyms=synonyms,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )

    def _fits(self, record: ImageRecord, size: tuple[int, int]) -> None:
        for one in (*record.content.maps, record.content.class_map):
            if one is not None:
                check_size(one, size, record.path)

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        scan, drawn, turns = Scan(record.where), [], set()
        for number, (file, label) in enumerate(record.content.files, 1):
            try:
                mask, orientation = upright(read_inside(file), file, size, record.path)
            except MaskError as fault:
                scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", record.path, number)
            else:
                turns.add(orientation)
                drawn.append(Drawn(number, label, rle.encode(mask), file=file))
        for file in record.content.maps:
            try:
                ids, orientation = upright(_numbers(file), file, size, record.path)
                drawn += self._draw_map(scan, record, file, ids)
                turns.add(orientation)
            except MaskError as fault:
                scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", record.path)
        scan.problems += turned_problem(max(turns, default=1), record.path, record.where)
        return drawn, scan.problems

    def _draw_map(self, scan: Scan, record: ImageRecord, file: str, ids: np.ndarray) -> list[Drawn]:
        content, drawn = record.content, []
        if content.only is not None and is_soft(ids):
            scan.problems.append(_soft_problem(file, record.path))
            ids = np.where(2 * ids > ids.max(), 1, 0)
        before, classes = len(content.files), None
        if content.only is not None:
            scan.problems += doubtful_numbers(ids, self._skip, file, record.path)
        if content.class_map is not None:
            path = content.class_map
            classes, _ = upright(_numbers(path), path, ids.shape, record.path)
        known, unknown = dict(content.labels or {}), []
        for number, window, runs in instances(ids, self._skip):
            label, is_crowd = content.only, False
            if content.labels is not None:
                label, is_crowd = known.pop(number, (None, False))
            elif classes is not None:
                inside = classes[window][ids[window] == number]
                most = Counter(inside[inside != 0].tolist()).most_common(1)
                label = content.names.get(most[0][0]) if most else None
            if label is None:
                unknown.append(number)
            else:
                drawn.append(Drawn(number + before, label, runs, is_crowd))
        if unknown:
            listed = ", ".join(map(str, unknown[:12])) + (", ..." if len(unknown) > 12 else "")
            message = f"nothing names the class of the numbers {listed} in it. Name it, {DROP}"
            scan.fault("unknown_label", file, message, record.path, unknown[0])
        for number, (label, _) in known.items():
            scan.fault(
                "empty_mask",
                f"{file}, object {number}",
                f"no pixel of the map has the number that is named {label!r}. Correct it, {DROP}",
                record.path,
                number,
            )
        return drawn


def _soft_problem(file: str, image: str) -> Problem:
    return Problem(
        "warning",
        "soft_mask",
        file,
        "its numbers rise over edges as the shades of a soft mask do, so it was read as one "
        "object: what is above half of the greatest. If the numbers are objects, name their class "
        'in a file <image>.json beside it, as in {"1": "object", "2": "object"}.',
        image,
    )


def _numbers(path: str) -> np.ndarray:
    """Returns an id map; a grey one that was saved in colours counts as grey."""
    ids, is_colour = read_ids(path)
    grey = ids & 255
    return grey if is_colour and (ids == grey * 65793).all() else ids
