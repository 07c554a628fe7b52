"""Drawn people as a dataset: every annotation, exact by construction."""

from __future__ import annotations

import difflib
import operator

import numpy as np

from tfseg.data.synthetic.dice import Dice
from tfseg.data.synthetic.outfit import GARMENTS
from tfseg.data.synthetic.scene import Scene, paint_scene
from tfseg.errors import ConfigError
from tfseg.structures.label_maps import IGNORED, LabelMapKind
from tfseg.structures.labels import LABEL_MAP_KINDS
from tfseg.structures.sample import Sample

__all__ = ["SyntheticPeople"]


class SyntheticPeople:
    """Drawn scenes with people; image k is a pure function of (seed, start + k, size).

    Each sample has

    - `masks`, `boxes`, `class_ids`: visible pixels of each person (`classes="person"`), in
      painting order, so that a later person lies in front of an earlier one; or of each piece of
      clothing, one instance per garment and person.
    - `keypoints` (persons only): float32 `(N, 17, 3)`, COCO order, `(x, y, visibility)` in pixels,
      whole numbers at the centres of pixels as in COCO. Visibility 2: the pixel at the point
      belongs to the part of the person's body that carries the point, or to clothing on it
      (glasses do not hide eyes; a shoulder or a hip also shows through on the trunk unless the
      body is turned so far that it lies on the far side). 1: another person, a thing (a carried
      bag too), hair, a face mask, a hat or another part of the own body covers it. 0, with
      x = y = 0: outside the image.
    - `label_maps`, int32 `(H, W)`: "attributes", "sizes", "patterns", "colors" in the numbers of
      `tfseg.structures.labels`, and "instances", the person of each pixel, counted from 1. The
      last three traits are 0 on bare skin. Bags are no part of a person there.

    People and garments of whom less than 1/4096 of the image can be seen (at least one pixel)
    have no mask; in the "instances" map such people are 255, ignored. Person numbers skip 255.
    With `classes="person"`, `annotation_ids` are the numbers in the "instances" map.

    Args:
        length: Number of images.
        size: Side of a square image in pixels, or `(height, width)`.
        seed: Images of different seeds have nothing in common.
        people: `(fewest, most)` per image, both included, or one number.
        classes: "person"; "clothing" for every garment in `GARMENTS`; or a tuple of garments, of
            which nine people in ten then wear one, each as often as the other.
        start: Number of the first image: use another range for unseen images.

    Raises:
        ConfigError: If an argument is out of range or a garment unknown.

    Example:
        >>> data = SyntheticPeople(8, size=128, classes=("suit", "dress", "jeans"))
        >>> data[0].image.shape
        (128, 128, 3)
    """

    label_map_kinds = {**LABEL_MAP_KINDS, "instances": LabelMapKind()}

    def __init__(
        self,
        length: int,
        *,
        size: int | tuple[int, int] = 256,
        seed: int = 0,
        people: int | tuple[int, int] = (0, 4),
        classes: str | tuple[str, ...] = "person",
        start: int = 0,
    ):
        self.length = _whole("length", length, 0, 2**63 - 1)
        self.size = _pair("size", size, 1, 16384)
        self.seed = _whole("seed", seed, 0, 2**63 - 1)
        self.start = _whole("start", start, 0, 2**63 - 1)
        self.people = _pair("people", people, 0, 2000)
        if self.people[0] > self.people[1]:
            raise ConfigError(
                f"people: expected (fewest, most) in rising order, got {people!r}. Swap them."
            )
        if isinstance(classes, (tuple, list)) and tuple(classes) == ("person",):
            classes = "person"  # what a model of persons calls its classes
        self.classes = classes
        self._garments = _garments(classes)
        self.class_names: tuple[str, ...] = self._garments or ("person",)
        # "clothing" leaves the choice of clothes alone; a selection asks for its garments.
        self._wanted = () if isinstance(classes, str) else self._garments

    def __len__(self) -> int:
        return self.length

    def __repr__(self) -> str:
        return (
            f"SyntheticPeople({self.length}, size={self.size}, seed={self.seed}, "
            f"people={self.people}, classes={self.classes!r}, start={self.start})"
        )

    def __getitem__(self, index: int) -> Sample:
        position = operator.index(index)
        if position < 0:
            position += self.length
        if not 0 <= position < self.length:
            raise IndexError(f"position {index} of a dataset of {self.length} images")
        number = self.start + position
        dice = Dice(self.seed, number)
        count = dice.whole(*self.people)
        scene = paint_scene(dice, self.size, count, self._wanted)
        return self._sample(number, scene)

    def _sample(self, number: int, scene: Scene) -> Sample:
        least = max(1, self.size[0] * self.size[1] // 4096)
        pixels = np.bincount(scene.numbers.ravel(), minlength=len(scene.table["person"]))
        seen = np.bincount(scene.table["person"], pixels, len(scene.points) + 1)
        names = np.zeros(len(seen), np.int32)
        listed = [k for k in range(1, len(seen)) if seen[k] >= least]
        for order, person in enumerate(listed, start=1):
            names[person] = order + (order >= IGNORED)
        for person in range(1, len(seen)):
            if 0 < seen[person] < least:
                names[person] = IGNORED
        instances = names[scene.table["person"]][scene.numbers]
        label_maps = {
            "attributes": scene.map("attribute"),
            "sizes": scene.map("size"),
            "patterns": scene.map("pattern"),
            "colors": scene.map("color"),
            "instances": instances,
        }
        common = dict(image=scene.image, image_id=number, label_maps=label_maps)
        common["label_map_kinds"] = self.label_map_kinds
        if self._garments:
            return Sample(**common, **self._clothing(scene, pixels, least))
        ids = names[listed].astype(np.int64)
        return Sample(
            **common,
            class_ids=np.ones(len(listed), np.int32),
            masks=instances[None] == ids[:, None, None].astype(np.int32),
            keypoints=_keypoints(scene, listed, self.size),
            annotation_ids=ids,
        )

    def _clothing(self, scene: Scene, pixels: np.ndarray, least: int) -> dict:
        # A bag hangs in front of its wearer but is no part of a person, so it is keyed apart.
        key = scene.table["wearer"] * 64 + scene.table["garment"]
        counts = np.bincount(key, pixels)
        found, ids = [], []
        for value in np.flatnonzero(counts >= least):
            garment = int(value) % 64
            if garment and GARMENTS[garment - 1] in self._garments:
                found.append(value)
                ids.append(self._garments.index(GARMENTS[garment - 1]) + 1)
        values = np.array(found, np.int32)[:, None, None]
        return dict(class_ids=np.array(ids, np.int32), masks=key[scene.numbers][None] == values)


def _keypoints(scene: Scene, listed: list[int], size: tuple[int, int]) -> np.ndarray:
    """Returns keypoints with visibility, float32 `(N, 17, 3)`."""
    keypoints = np.zeros((len(listed), 17, 3), np.float32)
    person, carries = scene.table["person"], scene.table["carries"]
    for row, number in enumerate(listed):
        for k, (x, y, carriers) in enumerate(scene.points[number - 1]):
            if 0 <= x < size[1] and 0 <= y < size[0]:
                part = scene.numbers[int(y), int(x)]
                visible = person[part] == number and carries[part] & carriers
                # The scene counts from the edge of the first pixel, COCO from its centre.
                place = np.clip((x - 0.5, y - 0.5), 0, (size[1] - 1, size[0] - 1))
                keypoints[row, k] = *place, 2 if visible else 1
    return keypoints


def _whole(name: str, value, low: int, high: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not low <= number <= high:
        raise ConfigError(
            f"{name}: expected an integer from {low} to {high}, got {value!r}. Change {name}."
        )
    return number


def _pair(name: str, value, low: int, high: int) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ConfigError(f"{name}: expected one or two integers, got {value!r}.")
        return _whole(name, value[0], low, high), _whole(name, value[1], low, high)
    number = _whole(name, value, low, high)
    return number, number


def _garments(classes) -> tuple[str, ...]:
    """Returns the selected garments, () for persons."""
    if classes == "person":
        return ()
    if classes == "clothing":
        return GARMENTS
    if isinstance(classes, str) or not isinstance(classes, (tuple, list)) or not classes:
        raise ConfigError(
            f'classes: expected "person", "clothing" or a tuple of garments, got {classes!r}. '
            f"Garments: {', '.join(GARMENTS)}."
        )
    for name in classes:
        if name not in GARMENTS:
            near = difflib.get_close_matches(str(name), GARMENTS, 3, 0.3)
            hint = f"did you mean {' or '.join(map(repr, near))}? " if near else ""
            raise ConfigError(
                f"classes: unknown garment {name!r}; {hint}Garments: {', '.join(GARMENTS)}."
            )
    if len(set(classes)) != len(classes):
        raise ConfigError(f"classes: each garment once, got {classes!r}. Remove the repetition.")
    return tuple(classes)
