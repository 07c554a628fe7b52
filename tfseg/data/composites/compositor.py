"""Photographs of several people, put together from people cut out of others, with exact truth.

Each person is scaled as one camera would see them (`composite_layout`), takes on part of the
light of the new place, and is pasted with a soft edge over a place without people (`backdrops`).
"""

from __future__ import annotations

import operator
from collections.abc import Sequence

import numpy as np

from tfseg.data.composites.backdrops import DrawnBackdrops, PhotoBackdrops
from tfseg.data.composites.composite_layout import Placement, arrange, choose_camera
from tfseg.data.composites.cutouts import Cutout, Cutouts, Tones, tones
from tfseg.data.composites.pasting import (
    Composition,
    Layer,
    flatten,
    flatten_joints,
    flatten_map,
    paste,
)
from tfseg.data.dataset import Dataset
from tfseg.data.synthetic.dice import Dice
from tfseg.errors import ConfigError, DataError
from tfseg.opencv import cv2
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.labels import COCO_KEYPOINTS
from tfseg.structures.sample import Sample
from tfseg.structures.semantic import CLASS_MAP

__all__ = ["CompositeDataset"]

_HIDDEN = 255  # in the map "instances": a person of whom too little is seen to be an object


class CompositeDataset:
    """Pictures of several people with exact masks; image k is a function of (seed, start + k).

    Each sample has

    - `masks`, `boxes`: the visible pixels of each person and their tight boxes, the farthest
      person first, so that a later one lies in front of an earlier one. A pixel belongs to the
      nearest person whose `alpha` is at least one half there.
    - `label_maps`, int32 `(H, W)`: "classes", 1 on people; "instances", the person of each pixel,
      counted from 1 in the order of the masks, which is the order in depth: a larger number lies in
      front. `annotation_ids` are these numbers. People of whom fewer than 1/1024 of the image's
      pixels are seen (at least 1) are no objects: they are 255 in "instances", and 1 in "classes".
      With `people_maps` also maps of the people's dataset, 0 in the places between people.

    - `keypoints`, with `keypoints=True`: the joints that people bring along from their dataset. One
      under another person is hidden (1), one outside the image missing (0).

    What the images do not teach: people hold nothing together and do not touch one another, and
    passers-by whom a dataset does not label stay in its backgrounds.

    Args:
        people: Where people are cut out: a dataset with masks of persons, or a class map of them,
            or the map "tags" of Clothing Co-Parsing.
        backgrounds: "from_people", the same photographs with people painted over; "drawn", places
            of `tfseg.data.synthetic`; or a dataset, whose people are painted over.
        length: Number of images.
        people_per_picture: `(fewest, most)`, both included, or one number. An image has fewer
            where no usable cut-outs are found in a dozen tries each.
        size: `(H, W)` in pixels, or the side of a square. None: 512 x 384, a portrait's shape.
        seed: Images of different seeds have nothing in common.
        start: Number of the first image.
        overlap: `(least, most)` share of each person but the nearest that others hide, 0 to 1, as
            near as places allow.
        feather: Width of the soft edge in pixels; 0 leaves what resizing makes of a hard one.
        match: How much of the new place's light people take on, 0 to 1.
        grain: Largest strength of common noise, in grey values.
        people_maps: Names of label maps of the people's dataset that composites have as well. In a
            mirrored person what the map calls left and right changes places.
        keypoints: Whether composites have keypoints; the people's dataset must have them.
        memory_limit: Bytes of cut-outs that are kept; backgrounds take half of it besides.

    Raises:
        ConfigError: An argument is out of range.
        DataError: The people's dataset is empty, or says nothing of where people are.
    """

    class_names = ("person",)

    def __init__(
        self,
        people: Dataset,
        backgrounds: str | Dataset = "from_people",
        *,
        length: int,
        people_per_picture: int | tuple[int, int] = (1, 5),
        size: int | tuple[int, int] | None = None,
        seed: int = 0,
        start: int = 0,
        overlap: tuple[float, float] = (0.0, 0.5),
        feather: float = 1.5,
        match: float = 0.5,
        grain: float = 3.0,
        people_maps: Sequence[str] = (),
        keypoints: bool = False,
        memory_limit: int = 1 << 28,
    ):
        self.length = _whole("length", length, 0)
        self.seed, self.start = _whole("seed", seed, 0), _whole("start", start, 0)
        self.people_per_picture = _pair("people_per_picture", people_per_picture, 0)
        if self.people_per_picture[0] > self.people_per_picture[1]:
            raise ConfigError(
                f"people_per_picture: expected (fewest, most), got {people_per_picture!r}."
            )
        self.size = _pair("size", (512, 384) if size is None else size, 1)
        self.overlap = tuple(float(share) for share in overlap)
        if len(self.overlap) != 2 or not 0 <= self.overlap[0] <= self.overlap[1] <= 1:
            raise ConfigError(
                f"overlap: expected (least, most), two shares from 0 to 1, got {overlap!r}."
            )
        self.feather = _number("feather", feather, 50)
        self.match, self.grain = _number("match", match, 1), _number("grain", grain, 100)
        if self.people_per_picture[1] and len(people) == 0:
            raise DataError(
                "the dataset of people is empty: there is nobody to paste. Check its path and "
                "split, or ask for people_per_picture=0."
            )
        least = min(64, max(8, self.size[0] // 4))
        self.people_maps = _map_names(people_maps)
        self.keypoints = bool(keypoints)
        self.keypoint_names = COCO_KEYPOINTS if self.keypoints else ()
        self._cutouts = Cutouts(
            people,
            least_height=least,
            memory_limit=memory_limit,
            label_maps=self.people_maps,
            keypoints=self.keypoints,
        )
        declared = getattr(people, "label_map_kinds", {})
        self.label_map_kinds = {CLASS_MAP: LabelMapKind(self.class_names)}
        self.label_map_kinds |= {n: declared[n] for n in self.people_maps if n in declared}
        self._backdrops = _backdrops(people, backgrounds, self.size, memory_limit // 2)

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return (
            f"CompositeDataset({self.length} images of {self.size}, people "
            f"{self.people_per_picture}, overlap {self.overlap}, seed {self.seed})"
        )

    def __getitem__(self, index: int) -> Sample:
        composition = self.composition(index)
        image, instances = flatten(composition)
        least = max(1, instances.size // 1024)
        seen = np.bincount(instances.ravel(), minlength=len(composition.layers) + 1)
        names = np.zeros(len(seen), np.int32)
        count = 0
        for number in range(1, len(seen)):
            if seen[number] >= least:
                count += 1
                # 255 is taken.
                names[number] = count + (count >= _HIDDEN)
            elif seen[number]:
                names[number] = _HIDDEN
        numbers = names[instances]
        kinds = dict(self.label_map_kinds)
        for layer in composition.layers:
            kinds.update(layer.label_map_kinds)
        objects = (names > 0) & (names != _HIDDEN)
        ids = names[objects]
        joints = None
        if self.keypoints:
            joints = flatten_joints(composition, instances)[objects[1:]]
        return Sample(
            image=image,
            image_id=self.start + self._position(index),
            class_ids=np.ones(len(ids), np.int32),
            masks=numbers[None] == ids[:, None, None],
            label_maps={
                CLASS_MAP: (instances > 0).astype(np.int32),
                "instances": numbers,
                **{n: flatten_map(composition, instances, n) for n in self.people_maps},
            },
            label_map_kinds=kinds,
            annotation_ids=ids.astype(np.int64),
            keypoints=joints,
        )

    def composition(self, index: int) -> Composition:
        """Returns the layers of an image."""
        dice = Dice(self.seed, self.start + self._position(index))
        count = dice.whole(*self.people_per_picture)
        camera = choose_camera(dice, self.size, count)
        who = self._choose(dice, count, camera.standing)
        if camera.standing and any(cutout.cut[2] for cutout in who):
            camera = choose_camera(dice, self.size, count, standing=False)
        backdrop = self._backdrop(dice, camera.standing)
        place = tones(backdrop)
        light = dice.between(0.25, 0.5)
        placed = arrange(dice, self.size, camera, who, self.overlap)
        layers = (self._paste(p, place, light * camera.standing) for p in reversed(placed))
        layers = tuple(layer for layer in layers if layer is not None)
        return Composition(backdrop, layers, self._grain(dice))

    def _position(self, index: int) -> int:
        position = operator.index(index)
        position += self.length if position < 0 else 0
        if not 0 <= position < self.length:
            raise IndexError(f"position {index} of a dataset of {self.length} images")
        return position

    def _choose(self, dice: Dice, count: int, standing: bool) -> list[Cutout]:
        """Returns different people; whole figures where feet are in sight, if there are any."""
        chosen: dict[tuple[int, int], Cutout] = {}
        for _ in range(count):
            spare = None
            for _ in range(12):
                found = self._cutouts(dice.whole(0, len(self._cutouts) - 1))
                cutout = dice.one(found) if found else None
                if cutout is None or cutout.source in chosen:
                    continue
                spare = spare or cutout
                if not (standing and cutout.cut[2]):
                    spare = cutout
                    break
            if spare is not None:
                chosen[spare.source] = spare
        return list(chosen.values())

    def _backdrop(self, dice: Dice, standing: bool) -> np.ndarray:
        backdrop = self._backdrops(dice, self.size, standing)
        # People are in focus, what lies far behind them is less so.
        blur = dice.between(0, 0.004 if standing else 0.011) * max(self.size)
        return cv2.GaussianBlur(backdrop, (0, 0), blur) if blur > 0.4 else backdrop

    def _grain(self, dice: Dice) -> np.ndarray:
        strength, key = dice.between(0, self.grain), dice.whole(0, 2**31)
        rows, columns = self.size
        octets = np.frombuffer(Dice(key).octets(2 * rows * columns), np.uint8)
        # Two even octets: a triangular distribution of variance 2 * 256**2 / 12.
        noise = octets.reshape(2, rows, columns, 1).astype(np.float32).sum(axis=0) - 255
        return noise * np.float32(strength / 104.5)

    def _paste(self, placement: Placement, place: Tones, shadow: float) -> Layer | None:
        return paste(
            placement, self.size, place, feather=self.feather, match=self.match, shadow=shadow
        )


def _backdrops(people: Dataset, backgrounds, size: tuple[int, int], memory_limit: int):
    if isinstance(backgrounds, str) and backgrounds not in ("from_people", "drawn"):
        raise ConfigError(
            f'backgrounds: expected "from_people", "drawn" or a dataset, got {backgrounds!r}.'
        )
    chosen = people if isinstance(backgrounds, str) else backgrounds
    if (isinstance(backgrounds, str) and backgrounds == "drawn") or len(chosen) == 0:
        return DrawnBackdrops()
    return PhotoBackdrops(chosen, max(256, 2 * max(size)), memory_limit)


def _map_names(names: Sequence[str]) -> tuple[str, ...]:
    own = {CLASS_MAP, "instances"}
    if isinstance(names, str) or own & set(names):
        raise ConfigError(
            f"people_maps: expected names of label maps of the people's dataset, such as "
            f"('tags',), other than {', '.join(sorted(own))}, which composites make; got {names!r}."
        )
    return tuple(names)


def _whole(name: str, value, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not least <= number < 2**63:
        raise ConfigError(f"{name}: expected an integer from {least}, got {value!r}.")
    return number


def _pair(name: str, value, least: int) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ConfigError(f"{name}: expected one or two integers, got {value!r}.")
        return _whole(name, value[0], least), _whole(name, value[1], least)
    return _whole(name, value, least), _whole(name, value, least)


def _number(name: str, value, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= most:
        raise ConfigError(f"{name}: expected a number from 0 to {most}, got {value!r}.")
    return float(value)
