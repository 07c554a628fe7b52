"""Pictures of the PASCAL Visual Object Classes challenge with segmented objects.

M. Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 Development Kit", section
"Segmentation". Layout of a folder such as `VOCdevkit/VOC2012`: `JPEGImages/2007_000032.jpg`,
`SegmentationObject/2007_000032.png` (palette image, pixel = number of the object),
`SegmentationClass/2007_000032.png` (palette image, pixel = number of the class),
`ImageSets/Segmentation/train.txt`, `val.txt`, `trainval.txt` (one picture a line). In both maps 0
is background and 255 void: the border of 5 pixels around objects, and what is too hard to tell.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from glob import escape, glob

import numpy as np

from tfseg.data.coco_masks import MaskError
from tfseg.data.frames import turned_problem
from tfseg.data.labelled import DROP, Drawn, LabelledPictures, Picture, Scan, find_file
from tfseg.data.mask_files import check_size, instances, read_ids, upright
from tfseg.data.problem import Problem
from tfseg.errors import DataError

__all__ = ["VOC_CLASSES", "VocDataset"]

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
_VOID = 255
_VOID_COLOUR = (224, 224, 192)
_BACKGROUND = ("background", "_background_", "__ignore__")
_ENDINGS = (".jpg", ".jpeg", ".JPG", ".png", ".bmp", ".webp")


class VocDataset(LabelledPictures):
    """Pictures with objects in PASCAL VOC's layout.

    The class of an object is the one that most of its pixels have in the class map. Void
    pixels belong to no object: masks leave them out, and a large void region counts as
    background in training. `label_maps=("classes",)` keeps them: 255 in `Sample.label_maps`.

    Other class names come from `labelmap.txt` (CVAT, Datumaro: `name:r,g,b::` a line) or
    `class_names.txt` (labelme: a name a line, from 0) in the folder. Maps in colours instead of
    palette indices are read by the colours of `labelmap.txt`, else by those of VOC's palette.

    A fault raises unless `drop_invalid`: a missing picture or map, a map of another size, an
    object without a class or with a number that no class has.

    Args:
        root: The folder with `JPEGImages` and `SegmentationObject`, or one above it: `VOCdevkit`.
        split: A name with a list in `ImageSets/Segmentation/`; or "all" maps.
        image_dir: Another folder of the pictures than `JPEGImages`.
        classes: Names of the classes, in the order of their ids. None: all 20, or those of
            the file of names.
        synonyms: Class name to the VOC names that it is made of.
        label_maps: ("classes",) adds the map of class numbers as stored, 0 background, 255 void.
        drop_invalid: Leave faulty objects and unusable pictures out instead of raising.
        keep_empty: Whether pictures without objects stay. False reads every map once.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledPictures`.

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
        self._with_classes = "classes" in label_maps
        folder = find_voc(os.fspath(root))
        self._names, self._colours = _read_names(folder)
        scan = Scan(folder, order=tuple(dict.fromkeys(self._names.values())))
        images = os.path.join(folder, "JPEGImages") if image_dir is None else os.fspath(image_dir)
        if image_dir is not None and not os.path.isdir(images):
            images = os.path.join(folder, images)
        for name, source in _read_split(folder, split):
            _read_picture(scan, folder, images, name, source)
        super().__init__(
            scan,
            classes=classes,
            synonyms=synonyms,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )

    def _fits(self, picture: Picture, size: tuple[int, int]) -> None:
        for file in picture.content:
            check_size(file, size, picture.path)

    def _draw(self, picture: Picture, size: tuple[int, int]) -> tuple[list[Drawn], list[Problem]]:
        scan, path = Scan(picture.where), picture.path
        object_file, class_file = picture.content
        try:
            objects, turn = upright(self._ids(object_file, False), object_file, size, path)
            classes, _ = upright(self._ids(class_file, True), class_file, size, path)
        except MaskError as fault:
            scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", path)
            return [], scan.problems
        scan.problems += turned_problem(turn, path, picture.where)
        drawn = []
        for number, window, runs in instances(objects, (0, _VOID)):
            inside = classes[window][objects[window] == number]
            found = Counter(inside[(inside != 0) & (inside != _VOID)].tolist()).most_common()
            label = self._names.get(found[0][0]) if found else None
            where = f"{picture.where}, object {number}"
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

    def _label_maps(self, picture: Picture, size: tuple[int, int]) -> dict[str, np.ndarray]:
        if not self._with_classes:
            return {}
        file = picture.content[1]
        try:
            classes, _ = upright(self._ids(file, True), file, size, picture.path)
        except MaskError:
            classes = np.full(size, _VOID)  # `_draw` has reported it; nothing is known here
        return {"classes": classes.astype(np.int32)}

    def _ids(self, file: str, is_classes: bool) -> np.ndarray:
        """Returns the numbers of a map, whether it holds them or shows them in colours."""
        ids, is_colour = read_ids(file)
        if not is_colour:
            return ids
        table = {**_palette(), **(self._colours if is_classes else {})}
        values, places = np.unique(ids, return_inverse=True)
        numbers = [table.get(int(value), -1) for value in values]
        if is_classes and -1 in numbers:
            value = int(values[numbers.index(-1)])
            colour = (value & 255, value >> 8 & 255, value >> 16)
            raise MaskError("unknown_label", f"{file}: no class has the colour {colour}")
        free = max([256, *(n + 1 for n in numbers)])
        numbers = [free + i if n < 0 else n for i, n in enumerate(numbers)]
        return np.array(numbers)[places].reshape(ids.shape)


def find_voc(root: str) -> str:
    """Returns the folder of a VOC data set: `root`, or the one below it that has the layout.

    Raises:
        DataError: There is none, or several.
    """
    below = (root, os.path.join(root, "*"), os.path.join(root, "VOCdevkit", "*"))
    for pattern in (escape(root), *(escape(root) + p[len(root) :] for p in below[1:])):
        found = sorted(f for f in glob(pattern) if os.path.isdir(os.path.join(f, _OBJECTS)))
        if len(found) > 1:
            raise DataError(f"{root}: several data sets: {', '.join(found)}. Name one of them.")
        if found:
            return found[0]
    raise DataError(f"{root}: there is no folder SegmentationObject. Check the folder's layout.")


_OBJECTS = "SegmentationObject"


def _read_names(folder: str) -> tuple[dict[int, str], dict[int, int]]:
    """Returns the class name of each number, and the number of each colour."""
    path = find_file([os.path.join(folder, n) for n in ("labelmap.txt", "class_names.txt")])
    if path is None:
        return dict(enumerate(VOC_CLASSES, 1)), {}
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        lines = [line.strip() for line in file]
    lines = [line for line in lines if line and not line.startswith("#")]
    names, colours, number = {}, {}, 0
    for line in lines:
        name, _, rest = line.partition(":")
        background = name.strip() in _BACKGROUND
        number += not background
        names.update({} if background else {number: name.strip()})
        parts = rest.split(":")[0].split(",")
        if len(parts) == 3 and all(part.strip().isdigit() for part in parts):
            red, green, blue = (int(part) for part in parts)
            colours[red + 256 * green + 65536 * blue] = 0 if background else number
    if not names:
        raise DataError(f"{path}: expected a class name a line, got none.")
    return names, colours


def _palette() -> dict[int, int]:
    """Returns the number of each colour of VOC's palette (devkit, VOClabelcolormap.m).

    Bits 0, 3 and 6 of a number are the high bits of red, bits 1, 4 and 7 those of green, bits
    2 and 5 those of blue.
    """
    table = {}
    for number in range(256):
        channels = [0, 0, 0]
        for bit in range(8):
            channels[bit % 3] |= (number >> bit & 1) << 7 - bit // 3
        red, green, blue = channels
        table[red + 256 * green + 65536 * blue] = number
    return table


def _read_split(folder: str, split: str) -> list[tuple[str, str]]:
    """Returns `(name, where it is listed)` of each picture of a split."""
    home = os.path.join(folder, "ImageSets", "Segmentation")
    lists = (
        sorted(n[:-4] for n in os.listdir(home) if n.endswith(".txt"))
        if os.path.isdir(home)
        else []
    )
    if split == "all" or (not lists and split == "train"):
        maps = sorted(os.listdir(os.path.join(folder, _OBJECTS)))
        return [(n[:-4], folder) for n in maps if n.lower().endswith(".png")]
    # CVAT calls its one list "default".
    name = "default" if split == "train" and lists == ["default"] else split
    if name not in lists:
        raise DataError(
            f"{folder}: there is no split {split!r}: looked for "
            f"{os.path.join(home, f'{split}.txt')}; there are {', '.join(lists) or 'no lists'}. "
            "Name one of them, or 'all'."
        )
    path = os.path.join(home, f"{name}.txt")
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        names = [line.split()[0] for line in file if line.strip()]
    if not names:
        raise DataError(f"{path}: the list is empty. One name a line is expected.")
    return [(name, path) for name in names]


def _read_picture(scan: Scan, folder: str, images: str, name: str, source: str) -> None:
    where = f"{source}, image {name!r}"
    looked = [os.path.join(images, name + ending) for ending in _ENDINGS]
    path = find_file(looked)
    if path is None:
        scan.missing_image(where, name, looked[:1])
        return
    maps = [os.path.join(folder, kind, f"{name}.png") for kind in (_OBJECTS, "SegmentationClass")]
    missing = [file for file in maps if not os.path.isfile(file)]
    if missing:
        scan.fault(
            "missing_mask",
            where,
            f"there is no {missing[0]}. Fetch it or take the picture off the list, {DROP}",
            path,
        )
        return
    scan.add(Picture(name, where, path, tuple(maps)))
