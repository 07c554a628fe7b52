"""Images with YOLO's labels: a text an image, a line an object, `class x1 y1 x2 y2 ...`.

Coordinates are shares of the image's width and height, from 0 to 1 (docs.ultralytics.com, "Instance
Segmentation Datasets Overview"). A line of four numbers behind the class is a box instead, its
centre, width and height. `yolo_places` beside this file has the layouts of folders.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfseg.data.images.json_file import read_text
from tfseg.data.reading.format import Format
from tfseg.data.reading.labelled import LabelledImages
from tfseg.data.reading.outlines import MaskError
from tfseg.data.reading.problem import Problem
from tfseg.data.reading.scan import DROP, Drawn, ImageRecord, Scan
from tfseg.data.tools.yolo_places import YoloPlaces, names_of, read_yaml, yolo_claim
from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["FORMAT", "YoloDataset"]

_OVER = 0.02  # of a side: how far tools let an outline reach beyond its image


class YoloDataset(LabelledImages):
    """Images with objects from YOLO's labels of instance segmentation.

    A line with a box counts as the polygon of the box, and a warning says how many there are: a
    mask so made takes in the corners around its object. Outlines whose pieces are joined by lines
    to and fro keep their holes and gaps, because what they enclose twice is outside. An image
    without a label file has no objects and teaches what is background.

    A fault raises unless `drop_invalid`: a missing or damaged image, a line that is no box and no
    outline, coordinates that are no shares of a side, a class number that nothing names, one name
    for several class numbers that have objects, labels whose image is not there.

    Args:
        source: The folder, or its YAML file.
        split: "train", "val", or another part that the folder has.
        classes: Names of the classes, in the order of their ids. None: those that `data.yaml`,
            `classes.txt` or `obj.names` lists.
        synonyms: Class name to the labels that it is made of.
        drop_invalid: Leave unusable images out instead of raising, and those with a faulty
            line, whose object would be learnt as background.
        keep_empty: Whether images without objects stay.

    Attributes:
        class_names, image_ids, problems, dropped: As in `LabelledImages`. The image ids are paths
            relative to the folder, without ending.

    Raises:
        DataError: No such part, nothing names the classes, labels of poses, or (unless
            `drop_invalid`) something is faulty.
    """

    def __init__(
        self,
        source: str | os.PathLike,
        split: str = "train",
        *,
        classes: Sequence[str] | None = None,
        synonyms: Mapping[str, Sequence[str]] | None = None,
        drop_invalid: bool = False,
        keep_empty: bool = True,
    ):
        common = dict(classes=classes, synonyms=synonyms, keep_empty=keep_empty)
        self._settings = dict(split=split, **common)
        scan = Scan(os.fspath(source))
        if not os.path.exists(source):
            raise DataError(f"{source}: there is no such folder or file. Check the path.")
        folder, settings = read_yaml(Path(source))
        if "kpt_shape" in settings:
            raise DataError(
                f"{source}: these are YOLO's labels of poses (kpt_shape), boxes and keypoints "
                "without masks. Export the segmentation."
            )
        names = names_of(folder, settings)
        images = YoloPlaces(folder, settings, split)
        if not names:
            raise DataError(
                f"{source}: nothing names YOLO's class numbers. Expected names in data.yaml, or "
                "a name a line, the first for 0, in classes.txt."
            )
        scan.order = tuple(dict.fromkeys(names.values()))
        _Lines(scan, names).read(folder, images)
        super().__init__(scan, drop_invalid=drop_invalid, **common)

    def size_is_stated(self, index: int) -> bool:
        """Returns whether an image's annotations say its size; YOLO's never do."""
        return False

    def _outlines(self, record: ImageRecord) -> dict[int, list[np.ndarray] | None]:
        return {number: None for number, _, _ in record.content}

    def _draw(
        self, record: ImageRecord, size: tuple[int, int]
    ) -> tuple[list[Drawn], list[Problem]]:
        sides = np.array(size[::-1], np.float64)
        drawn = []
        for number, label, shares in record.content:
            outline = (shares.reshape(-1, 2) * sides).reshape(-1)
            drawn.append(Drawn(number, label, rle.from_polygons([outline], size)))
        return drawn, []


class _Lines:
    """Reads the label files; what is wrong goes to the scan."""

    def __init__(self, scan: Scan, names: Mapping[int, str]):
        self.scan, self.names = scan, names
        self.numbers: Counter[int] = Counter()  # lines of each class number
        self.boxes = self.lines = self.files = 0
        self.first_box = ""

    def read(self, folder: Path, places: YoloPlaces) -> None:
        """Takes the images of a part in, each with its objects."""
        homes, used = set(), set()
        for image in places.images():
            labels = next((one for one in places.labels(image) if one.is_file()), None)
            if labels is not None:
                homes.add(labels.parent)
                used.add(labels)
            self._image(folder, image, labels)
        if not self.files:
            self.scan.fault(
                "no_labels",
                self.scan.source,
                f"no image of the part {places.split!r} has labels, such as "
                f"{places.labels(places.images()[0])[0]}. Export them again.",
                severity="warning",
            )
        self._without_image(homes, used)
        self._named_twice()
        if self.boxes:
            what = "all" if self.boxes == self.lines else f"{self.boxes} of"
            self.scan.fault(
                "box_for_mask",
                self.first_box,
                f"{what} {self.lines} lines are boxes without outlines, such as this one: each is "
                "read as the polygon of its box, so its mask takes in the corners around the "
                "object. Export the segmentation where outlines matter.",
                severity="warning",
            )

    def _image(self, folder: Path, image: Path, labels: Path | None) -> None:
        name = os.path.relpath(image, folder)
        where = f"{labels or image}, image {name!r}"
        if not image.is_file():
            self.scan.missing_image(where, name, [str(image)])
            return
        objects = []
        if labels is not None:
            self.files += 1
            try:
                text = read_text(labels)
            except DataError as error:
                self.scan.lost_object("unreadable_annotation", where, "", str(error), name, 0)
                text = ""
            for number, line in enumerate(text.splitlines(), 1):
                if line.strip():
                    objects += self._object(where, str(image), number, line)
        for _, label, _ in objects:
            self.scan.counts[label] += 1
        found = tuple(label for _, label, _ in objects)
        identity = os.path.splitext(name)[0].replace(os.sep, "/")
        self.scan.add(ImageRecord(identity, where, str(image), objects, found))

    def _object(self, where: str, image: str, number: int, line: str) -> list[tuple]:
        """Returns `[(number, label, outline in shares)]`; nothing where the line is faulty."""
        self.lines += 1
        try:
            kind, shares, is_box = _parsed(line)
            if kind not in self.names:
                raise MaskError(
                    "unknown_label",
                    f"has the class number {kind}; named are {_listed(self.names)}",
                )
        except MaskError as fault:
            self.scan.shape_fault(fault, where, "line", image, number)
            return []
        if is_box:
            self.boxes += 1
            self.first_box = self.first_box or f"{where}, line {number}"
        self.numbers[kind] += 1
        return [(number, self.names[kind], shares)]

    def _named_twice(self) -> None:
        """Notes names of several class numbers, as COCO's reader does: a fault where more than one
        of them has objects, which a slip in the list of names would make one class."""
        for name in dict.fromkeys(self.names.values()):
            same = sorted(number for number, other in self.names.items() if other == name)
            if len(same) == 1:
                continue
            filled = [number for number in same if self.numbers[number]]
            message = (
                f"the class name {name!r} is used {len(same)} times, by the class numbers "
                f"{_joined(same)}"
            )
            if len(filled) < 2:
                message += ", of which at most one has objects. Name each class once."
                self.scan.fault("duplicate_category", self.scan.source, message, severity="warning")
                continue
            message += (
                f", and {_joined(filled)} have objects. Rename all but one, or pass "
                "drop_invalid=True to take them as one class."
            )
            self.scan.problems.append(
                Problem(
                    "error",
                    "duplicate_category",
                    self.scan.source,
                    message,
                    consequence="They are one class.",
                )
            )

    def _without_image(self, homes: set[Path], used: set[Path]) -> None:
        """Notes labels of images that are not there, where others were found."""
        for home in sorted(homes):
            for file in sorted(home.glob("*.txt")):
                if file not in used and file.name != "classes.txt" and _has_number(file):
                    message = (
                        f"there is no image of its name. Fetch it or remove the labels, {DROP}"
                    )
                    self.scan.fault("missing_image", str(file), message, file.stem)


def _has_number(file: Path) -> bool:
    """Returns whether a text begins with a number, as labels do."""
    with open(file, encoding="utf-8", errors="replace") as text:
        return text.read(1).isdigit()


def _parsed(line: str) -> tuple[int, np.ndarray, bool]:
    """Returns the class number of a line, its outline as shares of the sides, and whether that is
    a box; raises MaskError."""
    try:
        kind, *shares = (float(word) for word in line.split())
    except ValueError:
        raise MaskError("malformed", f"holds other things than numbers: {line[:60]!r}") from None
    if not np.isfinite([kind, *shares]).all():
        raise MaskError("not_finite", "has NaN or infinity")
    if kind != int(kind) or kind < 0:
        raise MaskError("malformed", f"begins with {kind:g}, which is no class number")
    if len(shares) < 4 or len(shares) % 2:
        raise MaskError(
            "malformed",
            f"has {len(shares)} numbers behind the class; expected 4 of a box, or an even number "
            "of at least 6 of an outline (predictions with scores are no labels)",
        )
    outline = np.array(shares)
    if len(shares) == 4:
        (x, y), (width, height) = outline.reshape(2, 2)
        if min(width, height) <= 0:
            raise MaskError("zero_box", f"is a box of the width {width:g} and height {height:g}")
        left, top, right, bottom = x - width / 2, y - height / 2, x + width / 2, y + height / 2
        outline = np.array([left, top, right, top, right, bottom, left, bottom])
    off = outline[np.abs(outline - 0.5).argmax()]
    if not -_OVER <= off <= 1 + _OVER:
        raise MaskError(
            "not_normalised",
            f"has the coordinate {off:g}; expected shares of the image's sides, from 0 to 1",
        )
    return int(kind), outline, len(shares) == 4


def _joined(numbers: Sequence[int]) -> str:
    return f"{', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _listed(names: Mapping[int, str]) -> str:
    shown = [f"{number} {name}" for number, name in sorted(names.items())[:12]]
    return ", ".join(shown) + (", ..." if len(names) > 12 else "")


FORMAT = Format(
    name="yolo",
    marks="data.yaml or classes.txt, and texts in labels/, {split}/labels/ or labels/{split}/",
    reader=YoloDataset,
    claims=lambda path, split: yolo_claim(path),
)
