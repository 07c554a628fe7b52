"""Images of the PASCAL Visual Object Classes challenge with segmented objects.

M. Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section
"Segmentation". Layout of a folder such as `VOCdevkit/VOC2012`: `JPEGImages/2007_000032.jpg`,
`SegmentationObject/2007_000032.png` (palette image, pixel = number of the object),
`SegmentationClass/2007_000032.png` (palette image, pixel = number of the class),
`ImageSets/Segmentation/train.txt`, `val.txt`, `trainval.txt` (one image a line). In both maps 0
is background and 255 void: the border of 5 pixels around objects, and what is too hard to tell.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.masks.mask_files import check_size, instances, upright
from tfseg.data.reading.format import Claim, Format
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.orientation import turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.data.voc.voc_files import (
    CLASSES,
    OBJECTS,
    VOC_CLASSES,
    VOID,
    find_image,
    find_voc,
    has_maps,
    map_numbers,
    read_names,
    read_split,
)
from tfseg.errors import DataError

__all__ = ["FORMAT", "VOC_CLASSES", "VocDataset"]


class VocDataset(LabelledImages):
    """Images with objects in PASCAL VOC's layout.

    The class of an object is the one that most of its pixels have in the class map. Void
    pixels belong to no object: masks leave them out, and a large void region counts as
    background in training. `label_maps=("classes",)` keeps them: 255 in `Sample.label_maps`.

    Other class names come from `labelmap.txt` (CVAT, Datumaro: `name:r,g,b::` a line) or
    `class_names.txt` (labelme: a name a line, from 0) in the folder. Maps in colours instead of
    palette indices are read by the colours of `labelmap.txt`, else by those of VOC's palette.

    A fault raises unless `drop_invalid`: a missing image or map, a map of another size, an
    object without a class or with a number that no class has.

    Args:
        root: The folder with `JPEGImages` and `SegmentationObject`, or one above it: `VOCdevkit`.
        split: A name with a list in `ImageSets/Segmentation/`; or "all" maps.
        image_dir: Another folder of the images than `JPEGImages`.
        classes: Names of the classes, in the order of their ids. None: all 20, or those of
            the file of names.
        synonyms: Class name to the VOC names that it is made of.
        label_maps: ("classes",) adds the map of class ids, 0 what is no class in use, 255 void.
        drop_invalid: Leave faulty objects and unusable images out instead of raising.
        keep_empty: Whether images without objects stay. False reads every map once.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folder or split, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        *,
        image_dir: str | os.PathLike | None = None,
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        label_maps: Sequence[str] = (),
        drop_invalid: bool = False,
        keep_empty: bool = True,
    ):
        self._settings = dict(
            split=split,
            image_dir=image_dir,
            classes=classes,
            synonyms=synonyms,
            label_maps=label_maps,
            keep_empty=keep_empty,
        )
        if isinstance(label_maps, str) or set(label_maps) - {"classes"}:
            raise DataError(f"expected label_maps to be () or ('classes',), got {label_maps!r}.")
        self._class_maps = tuple(label_maps)
        folder = find_voc(os.fspath(root))
        self._names, self._colours = read_names(folder)
        scan = Scan(folder, order=tuple(dict.fromkeys(self._names.values())))
        images = os.path.join(folder, "JPEGImages") if image_dir is None else os.fspath(image_dir)
        if image_dir is not None and not os.path.isdir(images):
            images = os.path.join(folder, images)
        for name, source in read_split(folder, split):
            _read_image(scan, folder, images, name, source)
        super().__init__(
            scan,
            classes=classes,
            synonyms=synonyms,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )

    def _fits(self, record: ImageRecord, size: tuple[int, int]) -> None:
        for file in record.content:
            check_size(file, size, record.path)

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        scan, path = Scan(record.where), record.path
        object_file, class_file = record.content
        try:
            objects, turn = upright(map_numbers(object_file, {}, False), object_file, size, path)
            classes, _ = upright(
                map_numbers(class_file, self._colours, True), class_file, size, path
            )
        except MaskError as fault:
            scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", path)
            return [], scan.problems
        scan.problems += turned_problem(turn, path, record.where)
        drawn = []
        for number, window, runs in instances(objects, (0, VOID)):
            inside = classes[window][objects[window] == number]
            found = Counter(inside[(inside != 0) & (inside != VOID)].tolist()).most_common()
            label = self._names.get(found[0][0]) if found else None
            where = f"{record.where}, object {number}"
            if label is None:
                what = f"the class number {found[0][0]}" if found else "no class"
                scan.fault(
                    "unknown_label",
                    where,
                    f"the object has {what} in {class_file}; known are "
                    f"{', '.join(f'{k} {v}' for k, v in self._names.items())}. Correct it, {DROP}",
                    path,
                    number,
                )
                continue
            if len(found) > 1:
                scan.fault(
                    "mixed_classes",
                    where,
                    f"{sum(n for _, n in found[1:])} of its pixels have another class than "
                    f"{label!r} in {class_file}.",
                    path,
                    number,
                    "warning",
                )
            drawn.append(Drawn(number, label, runs))
        return drawn, scan.problems

    def _label_maps(self, record: ImageRecord, size: tuple[int, int]) -> dict[str, np.ndarray]:
        if not self._class_maps:
            return {}
        file = record.content[1]
        try:
            classes, _ = upright(map_numbers(file, self._colours, True), file, size, record.path)
        except MaskError:
            classes = np.full(size, VOID)  # `_draw` has reported it; nothing is known here
        stored, places = np.unique(classes, return_inverse=True)
        ids = [self._id_of_number(int(number)) for number in stored]
        return {"classes": np.array(ids, np.int32)[places].reshape(size)}

    def _id_of_number(self, number: int) -> int:
        if number == 0:
            return 0
        if number not in self._names:
            return VOID  # the void of VOC, or a number without a name
        return self._class_of.get(self._names[number], 0)


def _read_image(scan: Scan, folder: str, images: str, name: str, source: str) -> None:
    where = f"{source}, image {name!r}"
    path, looked = find_image(images, name)
    if path is None:
        scan.missing_image(where, name, looked[:1])
        return
    maps = [os.path.join(folder, kind, f"{name}.png") for kind in (OBJECTS, CLASSES)]
    missing = [file for file in maps if not os.path.isfile(file)]
    if missing:
        scan.fault(
            "missing_mask",
            where,
            f"there is no {missing[0]}. Fetch it or take the image off the list, {DROP}",
            path,
        )
        return
    scan.add(ImageRecord(name, where, path, tuple(maps)))


FORMAT = Format(
    name="voc",
    marks="SegmentationObject/, there or in VOCdevkit/*/",
    reader=VocDataset,
    claims=lambda path, split: Claim.LAYOUT * (split != "trainaug" and has_maps(path, OBJECTS)),
)
