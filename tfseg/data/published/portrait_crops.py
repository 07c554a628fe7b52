"""Portraits cut out of street photographs: head to waist, with the person's mask.

The photographs and their tag maps are those of `tfseg.data.published.clothing_co_parsing`.
"""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Sequence

import numpy as np

from tfseg.data.published.clothing_co_parsing import ClothingCoParsingDataset, read_tags
from tfseg.data.reading.format import Format
from tfseg.data.reading.labels import one_class
from tfseg.errors import DataError
from tfseg.structures import Sample
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.semantic import CLASS_MAP

__all__ = ["CROPS", "FORMAT", "PortraitCropsDataset", "portrait_box"]

_LOG = logging.getLogger(__name__)

CROPS = {"portrait": (0.4, 3.1), "bust": (0.35, 1.95), "full": None}
"""Heads above the top of the head and below it that each crop shows; None is the whole photo."""

_HEAD_TAGS = ("hair", "hat", "glasses", "sunglasses", "earrings")
# A standing person measures about seven and a half heads (a rule of drawing schools).
_HEADS = 7.5
# Head tags that begin deeper than this many heads are things carried, such as a hat in the hand.
_DEEPEST = 2.0


class PortraitCropsDataset:
    """Portraits of one person each from the Clothing Co-Parsing dataset.

    Everything that has a tag is the person, also a bag held in front. Where to cut:

    1. The person's box is that of all tagged pixels; a head is its height / 7.5, because the
       photos show people from head to shoes.
    2. Hair, hat, glasses, sunglasses and earrings show the head: the middle is the median column
       of these pixels over one head's height from their first row on; the top is the first
       row in which the person has pixels in these columns (a hood). Without such pixels, or
       where they begin more than 2 heads below the box's top (a hat in the hand), the person's
       own pixels from the box's top on take their place.
    3. "portrait" shows 0.4 heads above the top and 3.1 below it, which is head to waist; "bust"
       0.35 and 1.95, head to chest. The width is the height x `aspect`, around the middle.
    4. A crop that leaves the photo is moved inside, and made smaller first if it does not fit.

    "full" gives the photos as they are, most of them whole figures.

    What the labels cannot teach: passers-by have no tags and count as background. Photos whose
    map has no tag at all would teach that a person is background; they are left out with a
    line in the log (of the 834, one: 0536, in train). To know them, every map is read once,
    1.5 ms each.

    Args:
        root: The folder of Clothing Co-Parsing.
        split: "train", "val", "all", a text file of ids, or the ids themselves.
        crop: "portrait", "bust" or "full".
        aspect: Width / height of the crops.
        classes: The name of the class.

    Attributes:
        class_names: `classes`.
        image_ids: Ids of the photos, in the order of the samples.

    Raises:
        DataError: As `ClothingCoParsingDataset`, or an unknown crop or aspect.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str | os.PathLike | Sequence[str] = "train",
        *,
        crop: str = "portrait",
        aspect: float = 3 / 4,
        classes: Sequence[str] | None = ("person",),
    ):
        self.class_names = one_class(classes)
        self.label_map_kinds = {CLASS_MAP: LabelMapKind(self.class_names)}
        if crop not in CROPS:
            raise DataError(f"expected crop as one of {', '.join(CROPS)}, got {crop!r}.")
        if isinstance(aspect, bool) or not isinstance(aspect, (int, float)) or not aspect > 0:
            raise DataError(f"expected aspect as width / height, such as 0.75, got {aspect!r}.")
        self.crop, self.aspect = crop, float(aspect)
        root = os.fspath(root)
        if not os.path.isdir(root):
            raise DataError(f"{root}: there is no such folder. Check the path.")
        tags = read_tags(os.path.join(root, "label_list.mat"))
        self._photos = ClothingCoParsingDataset(root, split, classes=tags[1:2])
        self._is_head = np.isin(np.arange(256), [tags.index(t) for t in _HEAD_TAGS if t in tags])
        self._places = self._labelled()
        self.image_ids = tuple(self._photos.image_ids[place] for place in self._places)

    def _labelled(self) -> list[int]:
        """Returns the positions of the photos whose map has a tag."""
        places, empty = [], []
        for place, identity in enumerate(self._photos.image_ids):
            bare = not self._photos.tag_map(place).any()
            (empty if bare else places).append(identity if bare else place)
        if empty:
            _warn(self._photos.root, ", ".join(empty))
        if not places:
            raise DataError(f"{self._photos.root}: no map of the split has a tag. Check the files.")
        return places

    def __len__(self) -> int:
        return len(self._places)

    def __repr__(self) -> str:
        return f"PortraitCropsDataset({self._photos.root!r}: {len(self)} images, {self.crop})"

    def box(self, index: int) -> tuple[int, int, int, int]:
        """Returns where the photo is cut, `(y1, x1, y2, x2)` in pixels, ends exclusive."""
        return self._box(self._photos.tag_map(self._places[index]))

    def _box(self, tags: np.ndarray) -> tuple[int, int, int, int]:
        if CROPS[self.crop] is None:
            return 0, 0, *tags.shape
        above, below = CROPS[self.crop]
        return portrait_box(tags > 0, self._is_head[tags], above, below, self.aspect)

    def __getitem__(self, index: int) -> Sample:
        place = self._places[index]
        image, tags = self._photos.read(place)
        y1, x1, y2, x2 = self._box(tags)
        person = tags[y1:y2, x1:x2] > 0
        return Sample(
            image=image[y1:y2, x1:x2].copy(),
            image_id=self._photos.image_ids[place],
            class_ids=np.ones(int(person.any()), np.int32),
            masks=person[None][: int(person.any())],
            label_maps={CLASS_MAP: person.astype(np.int32)},
            path=self._photos.image_path(place),
            label_map_kinds=self.label_map_kinds,
        )


@functools.cache
def _warn(root: str, names: str) -> None:
    # Once for a folder: a training set may have several parts of it.
    _LOG.warning("%s: left out, without any tag in their maps: %s", root, names)


def portrait_box(
    person: np.ndarray, head: np.ndarray, above: float, below: float, aspect: float
) -> tuple[int, int, int, int]:
    """Returns the crop of a portrait, `(y1, x1, y2, x2)` in pixels, ends exclusive.

    The rule is that of `PortraitCropsDataset`. An image without a person gives the largest crop
    of this aspect in the middle.

    Args:
        person: bool `(H, W)`.
        head: bool `(H, W)`, what shows where the head is; may be all False.
        above: Heads to show above the top of the head.
        below: Heads to show below it.
        aspect: Width / height.
    """
    height, width = person.shape
    rows = np.flatnonzero(person.any(axis=1))
    if not rows.size:
        return _inside(0.0, width / 2, float(height), aspect, (height, width))
    unit = (rows[-1] + 1 - rows[0]) / _HEADS
    top, shown = int(rows[0]), person
    head_rows = np.flatnonzero(head.any(axis=1))
    if head_rows.size and head_rows[0] - rows[0] <= _DEEPEST * unit:
        top, shown = int(head_rows[0]), head
    columns = np.nonzero(shown[top : top + max(round(unit), 1)])[1]
    middle = float(np.median(columns)) + 0.5
    left, right = np.percentile(columns, (10, 90)).astype(int)
    top = int(person[:, left : right + 1].any(axis=1).argmax())
    return _inside(top - above * unit, middle, (above + below) * unit, aspect, (height, width))


def _inside(
    top: float, middle: float, tall: float, aspect: float, size: tuple[int, int]
) -> tuple[int, int, int, int]:
    """Returns a box of whole pixels within an image of `(H, W)`, moved and shrunk to fit."""
    height, width = size
    tall = min(tall, height, width / aspect)
    rows = min(max(round(tall), 1), height)
    columns = min(max(round(tall * aspect), 1), width)
    y1 = min(max(round(top), 0), height - rows)
    x1 = min(max(round(middle - columns / 2), 0), width - columns)
    return y1, x1, y1 + rows, x1 + columns


FORMAT = Format(
    name="portrait_crops",
    marks="label_list.mat, of which portraits are cut",
    reader=PortraitCropsDataset,
)
