"""Clothing Co-Parsing as a parsing set: CCIHP's attributes, sizes and colours, derived by rules.

The photographs and their hand-made tag maps are those of
`tfseg.data.published.clothing_co_parsing`. `derived/parts/0001.png` tells which of BodyPix' 24 body
parts each pixel is; a network made it, so it only tells apart what the tags do not (whose skin,
which shoe, where a dress ends), and moves no border that was drawn by hand.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from tfseg.data.masks.mask_files import read_ids
from tfseg.data.published.clothing_co_parsing import read_tags
from tfseg.data.published.garment_colors import garment_color, pixel_colors
from tfseg.data.published.portrait_crops import PortraitCropsDataset
from tfseg.data.reading.format import Format
from tfseg.data.reading.outlines import MaskError
from tfseg.errors import DataError
from tfseg.opencv import cv2
from tfseg.structures import Sample
from tfseg.structures.label_maps import IGNORED
from tfseg.structures.labels import (
    CCIHP_ATTRIBUTES,
    CCIHP_CHARACTERIZED,
    CCIHP_SIZES,
    LABEL_MAP_KINDS,
)

__all__ = ["FORMAT", "ClothingParsingDataset", "derived_attributes", "derived_maps"]

_MAPS = ("attributes", "sizes", "colors")
_NUMBER = {name: number for number, name in enumerate(CCIHP_ATTRIBUTES)}
_TAGS = {
    "hat": ("hat",),
    "hair": ("hair",),
    "glove": ("gloves",),
    "glasses": ("glasses", "sunglasses"),
    "upper_clothes": (
        *("blouse", "bodysuit", "bra", "cardigan", "hoodie", "jumper", "shirt", "sweater"),
        *("sweatshirt", "t-shirt", "top", "vest"),
    ),
    "coat": ("blazer", "cape", "coat", "jacket"),
    "socks": ("socks", "stockings", "tights"),
    "pants": ("jeans", "leggings", "pants", "shorts"),
    "scarf": ("scarf", "tie"),
    "skirt": ("skirt",),
}
# Where a tag is two garments by the part of the body: (on trunk and arms, on the legs).
_SPLIT = {
    "dress": ("upper_clothes", "skirt"),
    "romper": ("upper_clothes", "pants"),
    "suit": ("coat", "pants"),
}
_SHOES = (
    *("boots", "clogs", "flats", "heels", "loafers", "pumps", "sandals", "shoes", "sneakers"),
    "wedges",
)
# Too few and too different to fold: neither learnt from nor measured.
_IGNORED = ("intimate", "panties", "swimwear")
_SHORT = (
    *("shorts", "t-shirt", "bra", "vest", "socks", "clogs", "flats", "heels", "loafers"),
    *("pumps", "sandals", "sneakers", "wedges"),
)
_LONG = ("boots", "coat", "jeans", "leggings", "pants", "stockings", "tights")
# BodyPix' parts 1 to 24 by what skin on them is.
_FACE, _TORSO = (1, 2), (13, 14)
_LEFT_ARM, _RIGHT_ARM = (3, 4, 7, 8, 11), (5, 6, 9, 10, 12)
_LEFT_LEG, _RIGHT_LEG = (15, 16, 19, 20, 23), (17, 18, 21, 22, 24)
_LEFT_SHIN, _RIGHT_SHIN = (19, 20, 23), (21, 22, 24)
_SKIN_ON = {
    "face": _FACE,
    "torso_skin": _TORSO,
    "left_arm": _LEFT_ARM,
    "right_arm": _RIGHT_ARM,
    "left_leg": _LEFT_LEG,
    "right_leg": _RIGHT_LEG,
}


class ClothingParsingDataset(PortraitCropsDataset):
    """One person a photograph, with derived label maps "attributes", "sizes" and "colors".

    The mask of the person is everything that has a tag, bags and jewellery too, which have no
    attribute. How tags become attributes:

    1. Tags that are a garment of CCIHP take its number (cardigans are upper clothes, blazers coats,
       tights socks, ties scarves). Dresses, rompers and suits are two garments, on the trunk and
       arms and on the legs.
    2. Skin and shoes take the body part there, or where there is none, the nearest one: skin
       becomes face, torso skin, arm or leg, shoes left or right ones.
    3. What is worn in a few photographs and nothing of these ("intimate", "panties", "swimwear") is
       255, ignored.

    Sizes are known where the tag says them: shorts are short, jeans long, boots long among shoes,
    pumps short; else they are ignored. Colours are those of
    `tfseg.data.published.garment_colors`, one for each garment. Patterns are in no map: nothing
    tells them.

    Photographs without any tag are left out, see `PortraitCropsDataset`.

    Args:
        root: The folder of Clothing Co-Parsing, with `derived/parts/`.
        split: "train", "val", "all", a text file of ids, or the ids themselves.
        crop: "full" for whole photographs; "portrait" or "bust" cut as `PortraitCropsDataset`.
        aspect: Width / height of the crops.
        classes: The name of the class.
        maps: The label maps that samples have.

    Attributes:
        class_names: `classes`.
        image_ids: Ids of the photos, in the order of the samples.

    Raises:
        DataError: As `PortraitCropsDataset`, or a map of body parts is missing or does not fit.
    """

    def __init__(
        self,
        root: str | os.PathLike,
        split: str | os.PathLike | Sequence[str] = "train",
        *,
        crop: str = "full",
        aspect: float = 3 / 4,
        classes: Sequence[str] | None = ("person",),
        maps: Sequence[str] = _MAPS,
    ):
        super().__init__(root, split, crop=crop, aspect=aspect, classes=classes)
        wrong = set(maps) - set(_MAPS)
        if isinstance(maps, str) or wrong:
            raise DataError(
                f"expected maps of attributes, sizes and colors, got {maps!r}. Patterns are not "
                "known in this dataset."
            )
        self.maps = tuple(maps)
        self._packed: dict[int, bytes] = {}
        self.label_map_kinds = {name: LABEL_MAP_KINDS[name] for name in self.maps}
        self._tags = read_tags(os.path.join(self._photos.root, "label_list.mat"))
        for identity in self.image_ids:
            if not os.path.isfile(self._parts_file(identity)):
                raise DataError(
                    f"{self._parts_file(identity)}: there is no such map of body parts. Put "
                    "derived/parts/ beside photos/."
                )

    def _parts_file(self, identity: str) -> str:
        return os.path.join(self._photos.root, "derived", "parts", f"{identity}.png")

    def __repr__(self) -> str:
        return f"ClothingParsingDataset({self._photos.root!r}: {len(self)} images, {self.crop})"

    def image_path(self, index: int) -> str:
        """Returns the file of a photo."""
        return self._photos.image_path(self._places[index])

    def __getitem__(self, index: int) -> Sample:
        place = self._places[index]
        image, tags = self._photos.read(place)
        maps = self._maps(place, image, tags)
        y1, x1, y2, x2 = self._box(tags)
        person = tags[y1:y2, x1:x2] > 0
        return Sample(
            image=image[y1:y2, x1:x2].copy(),
            image_id=self._photos.image_ids[place],
            class_ids=np.ones(int(person.any()), np.int32),
            masks=person[None][: int(person.any())],
            label_maps={name: maps[name][y1:y2, x1:x2].copy() for name in self.maps},
            path=self.image_path(index),
            label_map_kinds=self.label_map_kinds,
        )

    def _maps(self, place: int, image: np.ndarray, tags: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the derived maps of a photograph. Deriving them takes five times as long as
        reading it, so they are kept, packed: 30 kB a photograph."""
        shape = (len(_MAPS), *tags.shape)
        if place in self._packed:
            packed = np.frombuffer(zlib.decompress(self._packed[place]), np.uint8).reshape(shape)
            return dict(zip(_MAPS, packed.astype(np.int32)))
        file = self._parts_file(self._photos.image_ids[place])
        try:
            parts = read_ids(file)[0]
        except MaskError as error:
            raise DataError(f"{error}. Fetch it again.") from error
        if parts.shape != tags.shape or parts.max(initial=0) > 24:
            raise DataError(
                f"{file}: expected body parts 0 to 24 and {tags.shape} pixels (height, width), got "
                f"0 to {parts.max(initial=0)} and {parts.shape}. Put the right file there."
            )
        maps = derived_maps(image, tags, parts, self._tags)
        together = np.stack([maps[name] for name in _MAPS]).astype(np.uint8)
        self._packed[place] = zlib.compress(together.tobytes(), 1)
        return maps


def derived_attributes(tags: np.ndarray, parts: np.ndarray, names: Sequence[str]) -> np.ndarray:
    """Returns CCIHP's attribute of each pixel by the rules of `ClothingParsingDataset`, int32
    `(H, W)`, 255 ignored.

    Args:
        tags: Tag of each pixel, int `(H, W)`.
        parts: BodyPix' part of each pixel, int `(H, W)`, 0 none.
        names: Name of each tag number.
    """
    table = np.zeros(256, np.int32)
    for attribute, members in _TAGS.items():
        table[_numbers(names, members)] = _NUMBER[attribute]
    table[_numbers(names, _IGNORED)] = IGNORED
    found = table[tags]
    skin = _is(tags, names, ("skin",))
    _by_part(found, skin, parts, {_NUMBER[name]: group for name, group in _SKIN_ON.items()})
    sides = {_NUMBER["left_shoe"]: _LEFT_SHIN, _NUMBER["right_shoe"]: _RIGHT_SHIN}
    _by_part(found, _is(tags, names, _SHOES), parts, sides)
    above, below = (*_TORSO, *_LEFT_ARM, *_RIGHT_ARM, *_FACE), (*_LEFT_LEG, *_RIGHT_LEG)
    for tag, (upper, lower) in _SPLIT.items():
        groups = {_NUMBER[upper]: above, _NUMBER[lower]: below}
        _by_part(found, _is(tags, names, (tag,)), parts, groups)
    return found


def derived_maps(
    image: np.ndarray, tags: np.ndarray, parts: np.ndarray, names: Sequence[str]
) -> dict[str, np.ndarray]:
    """Returns "attributes", "sizes" and "colors" by the rules of `ClothingParsingDataset`, int32
    `(H, W)` each.

    Args:
        image: uint8 `(H, W, 3)`.
        tags: See `derived_attributes`.
        parts: See `derived_attributes`.
        names: See `derived_attributes`.
    """
    box = _box_of((tags > 0) | (parts > 0))  # what lies outside is background
    maps = {name: np.zeros(tags.shape, np.int32) for name in _MAPS}
    if tags[box].size:
        for name, inside in _derived(image[box], tags[box], parts[box], names).items():
            maps[name][box] = inside
    return maps


def _derived(image, tags, parts, names) -> dict[str, np.ndarray]:
    attributes = derived_attributes(tags, parts, names)
    sizes, colors = np.zeros_like(attributes), np.zeros_like(attributes)
    unknown = attributes == IGNORED
    has_traits = np.isin(attributes, CCIHP_CHARACTERIZED)
    sizes[has_traits | unknown] = IGNORED
    colors[unknown] = IGNORED
    for members, size in ((_SHORT, "short_small"), (_LONG, "long_large")):
        sizes[has_traits & _is(tags, names, members)] = CCIHP_SIZES.index(size)
    seen = pixel_colors(image)
    for attribute in CCIHP_CHARACTERIZED:
        mask = attributes == attribute
        if mask.any():
            colors[mask] = garment_color(seen, mask)
    return {"attributes": attributes, "sizes": sizes, "colors": colors}


def _by_part(found: np.ndarray, where: np.ndarray, parts: np.ndarray, groups: dict) -> None:
    """Writes into some pixels the number of the group whose body parts are nearest; 255 where the
    image has none of them."""
    if not where.any():
        return
    table = np.full(256, 0, np.int32)
    for number, members in groups.items():
        table[list(members)] = number
    numbers = table[parts]
    if not numbers.any():
        found[where] = IGNORED
        return
    box = _box_of(where | (numbers > 0))
    rows, columns = ndimage.distance_transform_edt(
        numbers[box] == 0, return_distances=False, return_indices=True
    )
    inside = where[box]
    found[box][inside] = numbers[box][rows[inside], columns[inside]]


def _box_of(mask: np.ndarray) -> tuple[slice, slice]:
    """Returns the rows and columns that hold all of a mask."""
    x, y, width, height = cv2.boundingRect(mask.view(np.uint8))
    return slice(y, y + height), slice(x, x + width)


def _numbers(names: Sequence[str], members: Sequence[str]) -> list[int]:
    return [number for number, name in enumerate(names) if name in members]


def _is(tags: np.ndarray, names: Sequence[str], members: Sequence[str]) -> np.ndarray:
    table = np.zeros(256, bool)
    table[_numbers(names, members)] = True
    return table[tags]


FORMAT = Format(
    name="clothing_parsing",
    marks="label_list.mat with derived/parts/, of which parsings are made",
    reader=ClothingParsingDataset,
)
