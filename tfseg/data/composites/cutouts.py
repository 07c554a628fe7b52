"""People cut out of annotated photographs, ready to be pasted elsewhere."""

from __future__ import annotations

import collections
import dataclasses
import threading
from collections.abc import Callable, Hashable, Mapping, Sequence

import numpy as np
from scipy import ndimage

from tfseg.data.dataset import Dataset
from tfseg.errors import DataError
from tfseg.opencv import cv2
from tfseg.structures.label_maps import LabelMapKind
from tfseg.structures.sample import Sample
from tfseg.structures.semantic import CLASS_MAP

__all__ = ["Cutout", "Cutouts", "Remembered", "Tones", "cut_out", "people_masks", "tones"]

_PERSON = "person"
# Heads of a standing person, and heads from the crown to the waist (a rule of drawing schools).
_HEADS, _WAIST = 7.5, 3.1
# Width of a standing person with arms a little apart, as a share of the height; where an image
# cuts a person off below, the width tells how much is missing.
_WIDTH = 0.33
# Of a person's height: so much of an outline along the image's frame counts as cut off by it.
_CUT = 0.06
# Someone less tall than this, in own widths, sits or is hidden from the waist down: no feet are
# shown, so the image has to end there as if the frame had cut.
_SLENDER = 1.7


@dataclasses.dataclass(frozen=True)
class Tones:
    """Brightness and colour of a scene: mean and spread of L, a, b as OpenCV counts them (0 to
    255 each)."""

    mean: tuple[float, float, float]
    spread: tuple[float, float, float]


@dataclasses.dataclass(frozen=True, eq=False)
class Cutout:
    """One person of one photograph.

    Attributes:
        image: uint8 `(h, w, 3)`. Beyond the outline the person's own colours go on, so that a
            soft edge carries nothing of the old surroundings.
        mask: uint8 `(h, w)`, 255 on the person.
        cut: Whether the photograph's frame cuts the person off: (top, left, bottom, right). Below,
            people less than 1.7 times as tall as wide count as cut off too: they sit, or something
            hides their legs.
        scene: The photograph without the person: the light it was taken in.
        own: The person.
        source: Position of the photograph in its dataset and of the person in the photograph.
        label_maps: name to int `(h, w)`: maps of the photograph. Beyond the outline the person's
            own numbers go on, so that a pixel of a resized edge has one.
        label_map_kinds: What these maps say, by name.
        joints: float32 `(17, 3)` of x, y in pixels of the cut-out and COCO's visibility; None where
            they were not asked for.
    """

    image: np.ndarray
    mask: np.ndarray
    cut: tuple[bool, bool, bool, bool]
    scene: Tones
    own: Tones
    source: tuple[int, int]
    label_maps: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    label_map_kinds: Mapping[str, LabelMapKind] = dataclasses.field(default_factory=dict)
    joints: np.ndarray | None = None

    @property
    def stature(self) -> float:
        """The height in pixels of the whole person, guessed where the frame cuts it off below."""
        height, width = self.mask.shape
        if not self.cut[2]:
            return float(height)
        return float(np.clip(width / _WIDTH, height, height * _HEADS / _WAIST))


class Remembered:
    """The latest results of a function of an index, up to a number of bytes.

    Args:
        function: Makes a result and says how many bytes it takes.
        memory_limit: Bytes; what does not fit is made anew, with the same result.
    """

    def __init__(self, function: Callable[[Hashable], tuple[object, int]], memory_limit: int):
        self._function = function
        self.memory_limit = int(memory_limit)
        self.memory_used = 0
        self._kept: collections.OrderedDict = collections.OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, key: Hashable):
        """Returns the result for a key."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key][0]
        result, cost = self._function(key)
        with self._lock:
            if key not in self._kept and cost <= self.memory_limit:
                self._kept[key] = (result, cost)
                self.memory_used += cost
                while self.memory_used > self.memory_limit:
                    self.memory_used -= self._kept.popitem(last=False)[1][1]
        return result

    def __getstate__(self) -> dict:
        # A copy in another process starts empty: sending images costs more than reading them.
        return {**self.__dict__, "_kept": None, "_lock": None, "memory_used": 0}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)
        self._kept, self._lock = collections.OrderedDict(), threading.Lock()


class Cutouts:
    """The usable people of each image of a dataset: `cutouts(index) -> tuple[Cutout, ...]`.

    Usable is a person of at least `least_height` pixels whose head is in the image, who is not
    cut off on both sides, and who covers a fifth of the own box at least: what a table hides from
    the chest down is no person to set on a street.

    Args:
        dataset: Its samples have masks of persons, or a class map with them, or Clothing
            Co-Parsing's map "tags", in which everything that is not 0 is the person.
        least_height: In pixels.
        memory_limit: Bytes of cut-outs that are kept.
        label_maps: Names of the maps that are cut out too.
        keypoints: Whether people bring their joints along.
    """

    def __init__(
        self,
        dataset: Dataset,
        *,
        least_height: int = 64,
        memory_limit: int = 1 << 28,
        label_maps: Sequence[str] = (),
        keypoints: bool = False,
    ):
        self.dataset = dataset
        self.keypoints = bool(keypoints)
        self.label_maps = tuple(label_maps)
        self.least_height = int(least_height)
        self.class_names = tuple(dataset.class_names)
        self._remembered = Remembered(self._read, memory_limit)

    def __len__(self) -> int:
        return len(self.dataset)

    def __call__(self, index: int) -> tuple[Cutout, ...]:
        """Returns the usable people of one image, perhaps none."""
        return self._remembered(int(index))

    def _read(self, index: int) -> tuple[tuple[Cutout, ...], int]:
        sample = self.dataset[index]
        masks = people_masks(sample, self.class_names)
        if not len(masks):
            return (), 64
        scene = tones(sample.image, ~masks.any(axis=0))
        found = []
        for number, mask in enumerate(masks):
            cutout = cut_out(sample.image, mask, scene, (index, number))
            if cutout is not None and self._usable(cutout):
                cutout = self._with_maps(cutout, sample, mask)
                found.append(self._with_joints(cutout, sample, mask, number))
        arrays = [a for c in found for a in (c.image, c.mask, *c.label_maps.values())]
        return tuple(found), 64 + sum(array.nbytes for array in arrays)

    def _with_maps(self, cutout: Cutout, sample: Sample, mask: np.ndarray) -> Cutout:
        if not self.label_maps:
            return cutout
        missing = [name for name in self.label_maps if name not in sample.label_maps]
        if missing:
            known = ", ".join(sample.label_maps) or "none"
            raise DataError(
                f"{sample.where}: there is no label map {missing[0]!r}; there are: {known}. Read "
                "the people with it, or leave it out of people_maps."
            )
        sample = sample.with_kinds(getattr(self.dataset, "label_map_kinds", {}))
        x, y, w, h = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
        nearest = _nearest_inside(mask[y : y + h, x : x + w])
        return dataclasses.replace(
            cutout,
            label_maps={
                name: sample.label_maps[name][y : y + h, x : x + w][nearest]
                for name in self.label_maps
            },
            label_map_kinds={name: sample.label_map_kind(name) for name in self.label_maps},
        )

    def _with_joints(self, cutout: Cutout, sample: Sample, mask, number: int) -> Cutout:
        if not self.keypoints:
            return cutout
        people = _people(sample, self.class_names)
        if sample.keypoints is None or not people.any():
            raise DataError(
                f"{sample.where}: its people have no keypoints. Take a dataset that has them, such "
                "as person_keypoints_*.json of COCO, or leave keypoints=True out."
            )
        joints = sample.keypoints[people][number].copy()
        x, y, _, _ = cv2.boundingRect(np.ascontiguousarray(mask).view(np.uint8))
        joints[:, :2] -= (x, y)
        return dataclasses.replace(cutout, joints=np.where(joints[:, 2:] > 0, joints, 0))

    def _usable(self, cutout: Cutout) -> bool:
        top, left, _, right = cutout.cut
        height, width = cutout.mask.shape
        filled = np.count_nonzero(cutout.mask) / cutout.mask.size
        tall = height >= self.least_height and height >= 0.9 * width
        return tall and filled >= 0.2 and not top and not (left and right)


def people_masks(sample: Sample, class_names: tuple[str, ...]) -> np.ndarray:
    """Returns a mask for each person of a sample, bool `(N, H, W)`, crowds left out.

    Raises:
        DataError: The sample has nothing that could tell people; says what would.
    """
    person = class_names.index(_PERSON) + 1 if _PERSON in class_names else None
    people = _people(sample, class_names)
    if people.any():
        return sample.masks[people]
    if person is not None and CLASS_MAP in sample.label_maps:
        mask = np.asarray(sample.label_maps[CLASS_MAP]) == person
    elif "tags" in sample.label_maps:
        mask = np.asarray(sample.label_maps["tags"]) != 0
    elif person is not None:
        return np.zeros((0, *sample.size), bool)
    else:
        raise DataError(
            f"{sample.where}: nothing says where people are. Expected objects of the class "
            f"'person' (the classes are {class_names}), a label map 'classes' of such, or the "
            "label map 'tags' of Clothing Co-Parsing (label_maps=('tags',))."
        )
    return mask[None][: int(mask.any())]


def _people(sample: Sample, class_names: tuple[str, ...]) -> np.ndarray:
    """Returns which objects are single people, bool `(N,)`."""
    person = class_names.index(_PERSON) + 1 if _PERSON in class_names else 0
    return (sample.class_ids == person) & ~sample.is_crowd


def cut_out(
    image: np.ndarray, mask: np.ndarray, scene: Tones, source: tuple[int, int]
) -> Cutout | None:
    """Returns the person of a mask, or None if nothing is left of it.

    Args:
        image: uint8 `(H, W, 3)`.
        mask: bool `(H, W)`.
        scene: What is said of the surroundings.
        source: What is said of the origin.
    """
    height, width = mask.shape
    whole = np.ascontiguousarray(mask).view(np.uint8)
    x, y, w, h = cv2.boundingRect(whole)
    if w < 3 or h < 3:
        return None
    inside = np.ascontiguousarray(whole[y : y + h, x : x + w]) * np.uint8(255)
    limit = max(2.0, _CUT * h)
    rims = (inside[0], inside[:, 0], inside[-1], inside[:, -1])
    frame = (y == 0, x == 0, y + h == height, x + w == width)
    cut = tuple(
        bool(edge and np.count_nonzero(rim) > limit) for rim, edge in zip(rims, frame, strict=True)
    )
    cut = (*cut[:2], cut[2] or h < _SLENDER * w, cut[3])
    colours = _spread(image[y : y + h, x : x + w], inside)
    return Cutout(colours, inside, cut, scene, tones(colours, inside > 0), source)


def _nearest_inside(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns rows and columns of the pixel of a mask that is nearest to each pixel."""
    return tuple(ndimage.distance_transform_edt(~mask, return_distances=False, return_indices=True))


def _spread(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image with the colours well inside a mask carried on beyond its outline."""
    reach = max(2, round(0.008 * mask.shape[0]))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach - 1, 2 * reach - 1))
    core = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=255)
    # Thin parts have no inside; their own colours are all there is.
    thin = cv2.subtract(mask, cv2.dilate(core, kernel))
    weight = cv2.max(core, thin).astype(np.float32) / 255
    side = (4 * reach + 1, 4 * reach + 1)
    amount = cv2.blur(weight, side)
    colours = cv2.blur(image.astype(np.float32) * weight[..., None], side)
    result = image.copy()
    near = (weight < 0.5) & (amount > 1e-4)
    result[near] = np.rint(colours[near] / amount[near][:, None]).astype(np.uint8)
    return result


def tones(image: np.ndarray, where: np.ndarray | None = None) -> Tones:
    """Returns brightness and colour of an image, or of a part of it; of all if it is too small.

    Args:
        image: uint8 `(H, W, 3)`.
        where: bool `(H, W)`.
    """
    step = max(1, max(image.shape[:2]) // 128)
    lab = cv2.cvtColor(np.ascontiguousarray(image[::step, ::step, :3]), cv2.COLOR_RGB2LAB)
    chosen = None if where is None else where[::step, ::step]
    pixels = lab.reshape(-1, 3) if chosen is None or chosen.sum() < 32 else lab[chosen]
    mean, spread = pixels.mean(axis=0), pixels.std(axis=0)
    return Tones(tuple(map(float, mean)), tuple(map(float, spread)))
