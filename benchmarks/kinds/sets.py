"""The kinds of photograph that portrait models are measured on, none of which was trained on.

A truth is uint8 `(H, W)`: 0 background, 1 person, 255 where nobody says what is there.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

IGNORED = 255
LEAST_PERSON = 0.05
"""Share of the image that a person has to take to count in COCO's photographs."""


@dataclasses.dataclass(frozen=True)
class Photograph:
    """One image with its truth.

    Attributes:
        name: Of the image in its set.
        image: uint8 `(H, W, 3)`, RGB.
        truth: uint8 `(H, W)`.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray


@dataclasses.dataclass(frozen=True)
class Kind:
    """A set of photographs of one kind, read one by one.

    Attributes:
        name: As in tables.
        rule: What counts in it, one sentence.
        count: How many there are.
        read: Position to photograph.
        boundary: Whether the truth knows where people end.
    """

    name: str
    rule: str
    count: int
    read: Callable[[int], Photograph]
    boundary: bool = True

    def first(self, limit: int | None) -> Kind:
        """Returns this kind with the first photographs alone."""
        return self if limit is None else dataclasses.replace(self, count=min(limit, self.count))


def clothing(data: Path, crop: str, name: str) -> Kind:
    """Clothing Co-Parsing's `val.txt`, whole or cut to a portrait."""
    from tfseg.data import PortraitCropsDataset

    dataset = PortraitCropsDataset(data / "clothing_co_parsing", "val", crop=crop)

    def read(index: int) -> Photograph:
        sample = dataset[index]
        return Photograph(
            sample.image_id, sample.image, sample.label_maps["classes"].astype(np.uint8)
        )

    rule = "everything with a tag is the person; passers-by have none and count as background"
    return Kind(name, rule, len(dataset), read)


def coco(data: Path) -> Kind:
    """COCO's photographs with somebody near by."""
    from tfseg.data import CocoDataset

    folder = data / "coco_person"
    dataset = CocoDataset(folder / "val.json", folder / "images", classes=("person",))
    near = [place for place, sample in enumerate(dataset) if large(sample).any()]

    def read(index: int) -> Photograph:
        sample = dataset[near[index]]
        return Photograph(str(sample.image_id), sample.image, coco_truth(sample))

    rule = (
        f"images with a person above {LEAST_PERSON:.0%} of the image; smaller persons and crowd "
        "regions are ignored"
    )
    return Kind("COCO people", rule, len(near), read)


def large(sample) -> np.ndarray:
    """Returns bool `(K,)`: which objects are single persons above `LEAST_PERSON` of the image."""
    areas = sample.masks.reshape(len(sample), -1).sum(axis=1)
    return ~sample.is_crowd & (areas > LEAST_PERSON * sample.size[0] * sample.size[1])


def coco_truth(sample) -> np.ndarray:
    """Returns the truth of one of COCO's images: where a large person and something ignored
    overlap, the person counts."""
    truth, people = np.zeros(sample.size, np.uint8), large(sample)
    truth[sample.masks[~people].any(axis=0)] = IGNORED
    truth[sample.masks[people].any(axis=0)] = 1
    return truth


def voc(data: Path) -> Kind:
    """PASCAL VOC's photographs with people."""
    folder = data / "voc_people"
    names = (folder / "val.txt").read_text().split()

    def read(index: int) -> Photograph:
        with Image.open(folder / "images" / f"{names[index]}.jpg") as file:
            image = np.array(file.convert("RGB"))
        with Image.open(folder / "masks" / f"{names[index]}.png") as file:
            return Photograph(names[index], image, np.array(file, np.uint8))

    rule = (
        "void, which lies along most outlines, is ignored, so there is no boundary F; who started "
        "from weights of PASCAL VOC has seen such images"
    )
    return Kind("VOC people", rule, len(names), read, boundary=False)


KINDS: dict[str, Callable[[Path], Kind]] = {
    "crops": lambda data: clothing(data, "portrait", "CCP portrait crops"),
    "whole": lambda data: clothing(data, "full", "CCP whole photographs"),
    "coco": coco,
    "voc": voc,
}


def open_kinds(words: Sequence[str], data: Path, limit: int | None) -> list[Kind]:
    """Returns the kinds of these words, each with its first `limit` photographs."""
    return [KINDS[word](data).first(limit) for word in words]
