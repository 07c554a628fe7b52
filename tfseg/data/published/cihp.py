"""People with all that they wear, pixel by pixel: CIHP, and what CCIHP (`ccihp`) has with it.

CIHP: K. Gong et al., "Instance-level Human Parsing via Part Grouping Network", ECCV 2018. CCIHP:
A. Loesch, R. Audigier, "Describe me if you can! Characterized instance-level human parsing", ICIP
2021: the same photographs with other classes, and three more maps. Layout of a folder:

| file | holds |
|---|---|
| `Training/Images/0000006.jpg`, `Validation/...` | the photograph |
| `Training/Category_ids/0000006.png` | the class of each pixel, 0 background, 1 to 19 |
| `Training/Human_ids/0000006.png` | the person of each pixel, from 1 |
| `Training/Instance_ids/0000006.png`, `.txt` | each part of a person; class and person by lines |
| `Training/Color_ids/`, `Size_ids/`, `Pattern_ids/` | CCIHP: what each pixel is like, 0 nothing |
| `Training/train_id.txt` | the names of the images; without it, all are read |

Numbers are read at the depth of the file: photographs of 13 people have parts beyond 255.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from tfseg.data.masks.class_maps import present
from tfseg.data.masks.mask_files import check_size, instances, read_ids, upright
from tfseg.data.published.parsing_files import (
    IMAGES,
    PEOPLE,
    chosen_folders,
    find_part,
    scan_parsing,
)
from tfseg.data.reading.format import Claim, Format
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.labels import one_class
from tfseg.data.reading.orientation import turned_problem
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.errors import DataError
from tfseg.structures.label_maps import IGNORED, LabelMapKind
from tfseg.structures.labels import CCIHP_ATTRIBUTES, LABEL_MAP_FLIPS

__all__ = ["CIHP_ATTRIBUTES", "COLORS", "FORMAT", "CihpDataset", "claims"]

COLORS = "Color_ids"
"""The folder by which CCIHP is told from CIHP."""

CIHP_ATTRIBUTES = (
    *("hat", "hair", "glove", "sunglasses", "upper_clothes", "dress", "coat", "socks", "pants"),
    *CCIHP_ATTRIBUTES[10:],
)
"""Names of CIHP's classes 1 to 19; 4 and 6 are others than CCIHP's."""


class CihpDataset(LabelledImages):
    """People as instances, and the label map "attributes"; the layout is at the top of this file.

    A fault raises unless `drop_invalid`: a missing or damaged map, one of another size than its
    image, a number that stands for nothing, a person who is listed and has no pixel.

    Args:
        root: The folder, or the one above it.
        split: "train", "val", or another folder in it.
        folders: Kind of file to its folder, where they are called otherwise: "images", "people",
            "parts", and the maps. None in the place of a folder does without that map.
        numbers: Map to what its numbers mean: the names of 1, 2, ... in their order, or a mapping
            of number to name, where files are numbered otherwise. Names are those of
            `label_map_kinds`.
        classes: The name of the class of persons.
        drop_invalid: Leave unusable images out instead of raising.
        keep_empty: Whether images without people stay.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`.
        label_map_kinds: Names of the numbers in the label maps of its samples, 255 where a map
            says nothing; left and right change places in mirrored images.

    Raises:
        DataError: No such folders (says which there are), or (unless `drop_invalid`) something is
            faulty.

    Example:
        >>> CihpDataset("instance-level_human_parsing", "val")  # doctest: +SKIP
    """

    usual_folders: Mapping[str, str] = MappingProxyType(
        {
            IMAGES: "Images",
            PEOPLE: "Human_ids",
            "parts": "Instance_ids",
            "attributes": "Category_ids",
        }
    )
    names: Mapping[str, tuple[str, ...]] = MappingProxyType({"attributes": CIHP_ATTRIBUTES})

    def __init__(
        self,
        root: str | os.PathLike,
        split: str = "train",
        *,
        folders: Mapping[str, str | None] | None = None,
        numbers: Mapping[str, Sequence[str] | Mapping[int, str]] | None = None,
        classes: Sequence[str] | None = ("person",),
        drop_invalid: bool = False,
        keep_empty: bool = True,
    ):
        classes = one_class(classes)
        self._settings = dict(
            split=split, folders=folders, numbers=numbers, classes=classes, keep_empty=keep_empty
        )
        places = chosen_folders(folders, self.usual_folders)
        self._numbers = {
            name: _numbers(name, (numbers or {}).get(name, names), names)
            for name, names in self.names.items()
            if name in places
        }
        unknown = set(numbers or {}) - set(self.names)
        if unknown:
            raise DataError(
                f"numbers: there is no map {sorted(unknown)[0]!r}; known: {', '.join(self.names)}."
            )
        root = os.fspath(root)
        part = find_part(root, split, places[IMAGES])
        super().__init__(
            scan_parsing(part, places, classes[0]),
            classes=classes,
            synonyms=None,
            drop_invalid=drop_invalid,
            keep_empty=keep_empty,
        )
        self.source = root
        self.label_map_kinds = {
            name: LabelMapKind(self.names[name], swaps=LABEL_MAP_FLIPS.get(name, ()))
            for name in self._numbers
        }

    def _fits(self, record: ImageRecord, size: tuple[int, int]) -> None:
        for file in record.content.maps.values():
            check_size(file, size, record.path)

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        scan, content = Scan(record.where), record.content
        file = content.maps[PEOPLE]
        try:
            people, turn = upright(read_ids(file)[0], file, size, record.path)
            for name in self._numbers:
                self._read_map(name, record, size)
        except MaskError as fault:
            scan.fault(fault.code, "", f"{fault}. Correct it, {DROP}", record.path)
            return [], scan.problems
        scan.problems += turned_problem(turn, record.path, record.where)
        label = self.class_names[0]
        drawn = [Drawn(number, label, runs) for number, _, runs in instances(people)]
        for number in sorted(set(content.listed or ()) - {one.id for one in drawn}):
            scan.fault(
                "empty_mask",
                f"{content.list_file}, person {number}",
                f"the person is listed, and no pixel of {file} has the number. Correct one of "
                f"them, {DROP}",
                record.path,
                number,
            )
        return drawn, scan.problems

    def _read_map(self, name: str, record: ImageRecord, size: tuple[int, int]) -> np.ndarray:
        """Returns a label map in our numbers, int32 `(H, W)`; raises MaskError."""
        file, table = record.content.maps[name], self._numbers[name]
        stored, _ = upright(read_ids(file)[0], file, size, record.path)
        found = present(stored)
        unknown = [number for number in found if number not in table]
        if unknown:
            pairs = [pair for pair in sorted(table.items()) if pair[0] not in (0, IGNORED)]
            known = ", ".join(f"{k} {self.names[name][v - 1]}" for k, v in pairs)
            raise MaskError(
                "unknown_label",
                f"{file}: expected 0, {IGNORED} for ignored, and {known}, got "
                f"{', '.join(map(str, unknown[:8]))}. If the files are numbered otherwise, say so "
                f"with numbers={{{name!r}: ...}}",
            )
        ours = np.zeros(max(found, default=0) + 1, np.int32)
        for number in found:
            ours[number] = table[number]
        return ours[stored]

    def _label_maps(self, record: ImageRecord, size: tuple[int, int]) -> dict[str, np.ndarray]:
        maps = {}
        for name in self._numbers:
            try:
                maps[name] = self._read_map(name, record, size)
            except MaskError:  # `_draw` has reported it; nothing is known here
                maps[name] = np.full(size, IGNORED, np.int32)
        return maps


def _numbers(name: str, given, names: tuple[str, ...]) -> dict[int, int]:
    """Returns our number of each number in files, 0 and 255 among them."""
    if isinstance(given, str) or not isinstance(given, (Mapping, Sequence)):
        raise DataError(
            f"numbers[{name!r}]: expected names in the order of their numbers, or a mapping of "
            f"number to name, got {given!r}."
        )
    pairs = given.items() if isinstance(given, Mapping) else enumerate(given, 1)
    table = {0: 0, IGNORED: IGNORED}
    for number, label in pairs:
        if label not in names or not str(number).isdigit() or int(number) in (0, IGNORED):
            raise DataError(
                f"numbers[{name!r}]: expected a number from 1 to 254 or above 255, and one of "
                f"{', '.join(names)}; got {number!r}: {label!r}."
            )
        table[int(number)] = names.index(label) + 1
    return table


def claims(path: str, split: str, with_colors: bool) -> int:
    """Returns how sure it is that a folder is of CIHP or, `with_colors`, of CCIHP."""
    if not os.path.isdir(path):
        return Claim.NONE
    usual = CihpDataset.usual_folders
    try:
        part = find_part(path, split, usual[IMAGES])
    except DataError:
        return Claim.NONE
    people = os.path.isdir(os.path.join(part, usual[PEOPLE]))
    has_colors = os.path.isdir(os.path.join(part, COLORS))
    return Claim.CERTAIN * (people and has_colors == with_colors)


FORMAT = Format(
    name="cihp",
    marks="Images/ and Human_ids/ in {split}/ (or Training/, Validation/)",
    reader=CihpDataset,
    claims=lambda path, split: claims(path, split, False),
)
