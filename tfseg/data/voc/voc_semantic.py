"""Class maps of PASCAL VOC 2012, with the annotations that others added to it.

M. Everingham et al., "The PASCAL Visual Object Classes Challenge 2012 Development Kit"; B.
Hariharan et al., "Semantic Contours from Inverse Detectors", ICCV 2011 (SBD). Layout of a folder
such as `VOCdevkit/VOC2012`: `JPEGImages/2007_000032.jpg`, lists such as
`ImageSets/Segmentation/train.txt`, and maps:

- `SegmentationClass/2007_000032.png`: palette image, 0 background, 1 to 20 the classes, 255 void;
- `SegmentationClassAug/2008_000002.png`: grey image of the same numbers, the augmented set;
- `cls/2008_000002.mat`, here or in SBD's own folder: variable `GTcls`, field `Segmentation`; SBD
  knows no void.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.data.images.mat_files import read_mat
from tfseg.data.masks.class_maps import ClassMapImages
from tfseg.data.reading.format import Claim, Format
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.scan import DROP, ImageRecord, Scan, find_file
from tfseg.data.voc.voc_files import (
    CLASSES,
    find_image,
    find_voc,
    has_maps,
    map_numbers,
    read_lists,
    read_names,
    read_split,
)
from tfseg.errors import DataError

__all__ = ["AUGMENTED", "FORMAT", "VocSegmentationDataset"]

AUGMENTED = "SegmentationClassAug"
"""The folder of the augmented set's maps."""


class VocSegmentationDataset(ClassMapImages):
    """Images with the class of every pixel; the label map "classes" has 255 where it is void.

    "train" (1,464 images), "val" (1,449) and "trainval" (2,913) are VOC's own lists and have
    VOC's own maps. "trainaug" is the augmented set's list, `trainaug.txt` (10,582); without
    it, what VOC's "train" and SBD's `train.txt` and `val.txt` name together, less VOC's "val".
    Its maps are looked for in `SegmentationClassAug/`, `SegmentationClass/`, then SBD's.

    Other class names come from `labelmap.txt` or `class_names.txt`, as for `VocDataset`. Pixels
    of a class that `classes` leaves out are background: `classes=("person",)` makes data for
    portraits of it.

    A fault raises unless `drop_invalid`: a missing image or map, a map of another size, a
    number that no class has.

    Args:
        root: The folder with `JPEGImages` and maps, or one above it: `VOCdevkit`.
        split: "trainaug", "train", "val", "trainval", or another list; or "all" maps of
            `SegmentationClass`.
        sbd: The folder of SBD with `cls/` and its lists, where it lies elsewhere:
            `benchmark_RELEASE/dataset`. Its `img/` serves for images that VOC lacks.
        classes: Names of the classes, in the order of their ids. None: all.
        synonyms: Class name to the VOC names that it is made of.
        drop_invalid: Leave unusable images out instead of raising.
        keep_empty: Whether images without any of the classes stay. False reads every map once.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.

    Raises:
        DataError: No such folder or split, or (unless `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "trainaug",
        *,
        sbd: str | os.PathLike | None = None,
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        keep_empty: bool = True,
    ):
        self._settings = dict(
            split=split, sbd=sbd, classes=classes, synonyms=synonyms, keep_empty=keep_empty
        )
        folder = find_voc(os.fspath(root), (CLASSES, AUGMENTED))
        home = folder if sbd is None else os.fspath(sbd)
        if not os.path.isdir(home):
            raise DataError(f"{home}: there is no such folder. Check sbd.")
        self._labels, self._colours = read_names(folder)
        scan = Scan(folder, order=tuple(dict.fromkeys(self._labels.values())))
        for name, source in _listed(folder, home, split):
            _add(scan, folder, home, name, source, split == "trainaug")
        super().__init__(
            scan,
            classes=classes,
            synonyms=synonyms,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )

    def _numbers(self, file: str) -> np.ndarray:
        if not file.endswith(".mat"):
            return map_numbers(file, self._colours, True)
        try:
            struct = read_mat(file, "GTcls")
        except DataError as error:
            raise MaskError("unreadable_mask", str(error).rstrip(".")) from error
        names = struct.dtype.names or ()
        numbers = struct.reshape(-1)[0]["Segmentation"] if "Segmentation" in names else struct
        numbers = np.asarray(numbers)
        if numbers.ndim != 2 or numbers.dtype.kind not in "iu" or not numbers.size:
            raise MaskError(
                "unreadable_mask",
                f"{file}: expected whole numbers (H, W) in GTcls.Segmentation, got "
                f"{numbers.dtype} {numbers.shape}",
            )
        return numbers


def _listed(folder: str, sbd: str, split: str) -> list[tuple[str, str]]:
    """Returns `(name, where it is listed)` of each image of a split."""
    if split != "trainaug" or read_lists(folder, split) is not None:
        return read_split(folder, split, CLASSES)
    lists = [os.path.join(sbd, f"{name}.txt") for name in ("trainaug", "train", "val")]
    own = next(([path] for path in lists[:1] if os.path.isfile(path)), lists[1:])
    missing = [path for path in own if not os.path.isfile(path)]
    if missing:
        raise DataError(
            f"{folder}: there is no split 'trainaug': looked for ImageSets/Segmentation/"
            f"trainaug.txt and for SBD's {', '.join(lists[1:])}. Add the list, or name the folder "
            "of SBD with sbd=."
        )
    found = {} if len(own) == 1 else dict(read_lists(folder, "train") or ())
    for path in own:
        with open(path, encoding="utf-8-sig", errors="replace") as file:
            found.update((line.strip(), path) for line in file if line.strip())
    for name, _ in read_lists(folder, "val") or () if len(own) > 1 else ():
        found.pop(name, None)
    return sorted(found.items())


def _add(scan: Scan, folder: str, sbd: str, name: str, source: str, augmented: bool) -> None:
    """Adds an image with its map to the scan."""
    where = f"{source}, image {name!r}"
    path, looked = find_image(os.path.join(folder, "JPEGImages"), name)
    path = path or find_image(os.path.join(sbd, "img"), name)[0]
    if path is None:
        scan.missing_image(where, name, looked[:1])
        return
    maps = [os.path.join(folder, CLASSES, f"{name}.png")]
    if augmented:
        maps.insert(0, os.path.join(folder, AUGMENTED, f"{name}.png"))
        maps.append(os.path.join(sbd, "cls", f"{name}.mat"))
    file = find_file(maps)
    if file is None:
        scan.fault(
            "missing_mask",
            where,
            f"there is no {' or '.join(maps)}. Fetch it or take the image off the list, {DROP}",
            path,
        )
        return
    scan.add(ImageRecord(name, where, path, file))


FORMAT = Format(
    name="voc_semantic",
    marks="SegmentationClass/, there or in VOCdevkit/*/",
    reader=VocSegmentationDataset,
    claims=lambda path, split: (
        Claim.LAYOUT * (has_maps(path, CLASSES) or has_maps(path, AUGMENTED))
    ),
)
