"""The files of a PASCAL VOC folder: lists, names, colours, numbers in maps.

`voc` reads objects, `voc_semantic` classes; the layout is at the top of both.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from glob import escape, glob
from pathlib import Path

import numpy as np

from tfseg.data.masks.mask_files import read_ids
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.part_names import MissingPartError, spellings
from tfseg.data.reading.scan import find_file
from tfseg.errors import DataError

__all__ = [
    "CLASSES",
    "OBJECTS",
    "VOC_CLASSES",
    "VOID",
    "find_image",
    "find_voc",
    "has_maps",
    "map_numbers",
    "read_lists",
    "read_names",
    "read_split",
]

VOC_CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
VOID = 255
"""The number of the border around objects, and of what is too hard to tell."""
OBJECTS, CLASSES = "SegmentationObject", "SegmentationClass"
"""Folders of the maps of objects and of classes."""
_BACKGROUND = ("background", "_background_", "__ignore__")
_ENDINGS = (".jpg", ".jpeg", ".JPG", ".png", ".bmp", ".webp", ".jfif", ".jpe", ".avif")


def find_voc(root: str, has: Sequence[str] = (OBJECTS,)) -> str:
    """Returns the folder of a VOC dataset: `root`, or the one below it that has the layout.

    Args:
        root: The folder, or one above it.
        has: The folders of maps, of which the layout has at least one.

    Raises:
        DataError: There is none, or several.
    """
    below = (root, os.path.join(root, "*"), os.path.join(root, "VOCdevkit", "*"))
    for pattern in (escape(root), *(escape(root) + p[len(root) :] for p in below[1:])):
        homes = sorted(glob(pattern))
        found = [f for f in homes if any(os.path.isdir(os.path.join(f, name)) for name in has)]
        if len(found) > 1:
            raise DataError(f"{root}: several datasets: {', '.join(found)}. Name one of them.")
        if found:
            return found[0]
    raise DataError(f"{root}: there is no folder {' or '.join(has)}. Check the folder's layout.")


def read_names(folder: str) -> tuple[dict[int, str], dict[int, int]]:
    """Returns the class name of each number, and the number of each colour.

    They are those of `labelmap.txt` or `class_names.txt` in the folder, else VOC's 20 classes
    and no colours.
    """
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


def read_lists(folder: str, name: str) -> list[tuple[str, str]] | None:
    """Returns `(image, where it is listed)` of each image of a list, or None without it.

    A line names an image, with spaces if its file has some, or its file and that of its map as
    in `/JPEGImages/2007_000032.jpg /SegmentationClassAug/2007_000032.png`.

    Raises:
        DataError: The list is empty.
    """
    path = find_file([os.path.join(home, f"{name}.txt") for home in _homes(folder)])
    if path is None:
        return None
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        names = [_first_file(line.strip()) for line in file if line.strip()]
    if not names:
        raise DataError(f"{path}: the list is empty. One name a line is expected.")
    return [(_stem(name), path) for name in names]


def _homes(folder: str) -> list[str]:
    sets = os.path.join(folder, "ImageSets")
    return [os.path.join(sets, name) for name in ("Segmentation", "SegmentationAug")]


def _first_file(line: str) -> str:
    words = line.split()
    return words[0] if len(words) > 1 and all("/" in word for word in words) else line


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0] if "/" in name else name


def read_split(folder: str, split: str, maps: str = OBJECTS) -> list[tuple[str, str]]:
    """Returns `(image, where it is listed)` of each image of a split.

    Args:
        folder: What `find_voc` returned.
        split: The name of a list; or "all" maps.
        maps: The folder of the maps, for "all".

    Raises:
        DataError: There is no such list, or it is empty.
    """
    names = [os.listdir(home) for home in _homes(folder) if os.path.isdir(home)]
    lists = sorted({n[:-4] for found in names for n in found if n.endswith(".txt")})
    if split == "all" or (not lists and split == "train"):
        files = sorted(os.listdir(os.path.join(folder, maps)))
        return [(n[:-4], folder) for n in files if n.lower().endswith(".png")]
    # CVAT calls its one list "default".
    name = "default" if split == "train" and lists == ["default"] else split
    name = next((own for own in (name, *spellings(split)) if own in lists), name)
    found = read_lists(folder, name)
    if found is None:
        raise MissingPartError(
            f"{folder}: there is no split {split!r}: looked for "
            f"{os.path.join(_homes(folder)[0], f'{split}.txt')}; there are "
            f"{', '.join(lists) or 'no lists'}. Name one of them, or 'all'."
        )
    return found


def find_image(images: str, name: str) -> tuple[str | None, list[str]]:
    """Returns the file of an image, or None, and where it was looked for."""
    looked = [os.path.join(images, name + ending) for ending in _ENDINGS]
    return find_file(looked), looked


def map_numbers(file: str, colours: Mapping[int, int], strict: bool) -> np.ndarray:
    """Returns the numbers of a map `(H, W)`, whether it holds them or shows them in colours.

    Args:
        file: The map.
        colours: The number of each colour besides those of VOC's palette.
        strict: Whether another colour is a fault; otherwise it gets a number of its own.

    Raises:
        MaskError: The file cannot be read, or has a colour that stands for nothing.
    """
    ids, is_colour = read_ids(file)
    if not is_colour:
        return ids
    table = {**_palette(), **colours}
    values, places = np.unique(ids, return_inverse=True)
    numbers = [table.get(int(value), -1) for value in values]
    if strict and -1 in numbers:
        value = int(values[numbers.index(-1)])
        colour = (value & 255, value >> 8 & 255, value >> 16)
        raise MaskError("unknown_label", f"{file}: no class has the colour {colour}")
    free = max([256, *(n + 1 for n in numbers)])
    numbers = [free + i if n < 0 else n for i, n in enumerate(numbers)]
    return np.array(numbers)[places].reshape(ids.shape)


def has_maps(path: str, maps: str) -> bool:
    """Returns whether a folder of maps lies at a path, or one or two folders below it."""
    places = ("", "*/", "VOCdevkit/*/")
    return any(one.is_dir() for place in places for one in Path(path).glob(f"{place}{maps}"))
