"""One annotated image: what every dataset returns and every augmentation moves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.structures.label_maps import LabelMapKind, checked_kinds
from tfseg.structures.labels import LABEL_MAP_KINDS

__all__ = ["Sample", "boxes_from_masks"]


def boxes_from_masks(masks: np.ndarray) -> np.ndarray:
    """Returns the tight box of each mask.

    Args:
        masks: bool `(N, H, W)`.

    Returns:
        float32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels, ends exclusive; zeros for an empty mask.
    """
    count, height, width = masks.shape
    boxes = np.zeros((count, 4), np.float32)
    if count == 0 or height == 0 or width == 0:
        return boxes
    rows, columns = masks.any(axis=2), masks.any(axis=1)
    boxes[:, 0], boxes[:, 2] = rows.argmax(axis=1), height - rows[:, ::-1].argmax(axis=1)
    boxes[:, 1], boxes[:, 3] = columns.argmax(axis=1), width - columns[:, ::-1].argmax(axis=1)
    boxes[~rows.any(axis=1)] = 0
    return boxes


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """An image with its annotations. `N` objects; every array may have `N == 0`.

    Attributes:
        image: uint8 `(H, W, 3)`, RGB; for models of other channels `(H, W, 1)` grey, or
            `(H, W, D)`, of which the first three are RGB where D is 4 or more.
        image_id: The image's id in its dataset.
        class_ids: int32 `(N,)`, counted from 1; `class_names[id - 1]` is the name.
        masks: bool `(N, H, W)`, the visible pixels of each object.
        boxes: float32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels, ends exclusive. Left out: taken
            from the masks.
        is_crowd: bool `(N,)`: a region of many objects that is neither found nor missed.
            Left out: all False.
        keypoints: float32 `(N, K, 3)` of `(x, y, visibility)` as in COCO: pixels, whole
            numbers at their centres, and 0 not labelled, 1 hidden, 2 visible. None: the dataset
            has none.
        label_maps: name to int `(H, W)`, 0 background, 255 ignored unless its kind says otherwise.
        label_map_kinds: name to `LabelMapKind`: names, ignored number, fill, and left and right
            of a map. What is left out is as in `LABEL_MAP_KINDS`, else `LabelMapKind()`.
        annotation_ids: int64 `(N,)`, ids in the source. Left out: 1, 2, ...
        path: The file that the image came from, or None.

    Raises:
        DataError: If an array has the wrong shape or dtype kind. Values are not checked here,
            that is the readers' and `tfseg doctor`'s work.
    """

    image: np.ndarray
    image_id: int | str = 0
    class_ids: np.ndarray | None = None
    masks: np.ndarray | None = None
    boxes: np.ndarray | None = None
    is_crowd: np.ndarray | None = None
    keypoints: np.ndarray | None = None
    label_maps: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    annotation_ids: np.ndarray | None = None
    path: str | None = None
    label_map_kinds: Mapping[str, LabelMapKind] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if hasattr(self.image, "getexif"):  # of Pillow: its palette and orientation would be lost
            raise DataError(
                f"{self.where}: expected an RGB image uint8 (H, W, 3), got an image of Pillow. "
                "Convert it with tfseg.data.read_image(image)."
            )
        image = np.asarray(self.image)
        if image.ndim != 3 or image.shape[2] < 1 or image.dtype != np.uint8:
            raise DataError(
                f"{self.where}: expected an RGB image uint8 (H, W, 3), or with other channels "
                f"(H, W, D), got {image.dtype} {image.shape}. tfseg.data.images.images.to_rgb and "
                "tfseg.data.images.channels.to_channels convert other layouts."
            )
        height, width = image.shape[:2]
        ids = self._whole_ids()
        count = len(ids)
        masks = self.masks if self.masks is not None else np.zeros((count, height, width), bool)
        masks = np.asarray(masks)
        self._require("masks", masks, (count, height, width))
        masks = masks if masks.dtype == bool else masks != 0
        boxes = boxes_from_masks(masks) if self.boxes is None else self.boxes
        boxes = np.asarray(boxes, np.float32)
        self._require("boxes", boxes, (count, 4))
        crowd = np.zeros(count, bool) if self.is_crowd is None else np.asarray(self.is_crowd, bool)
        self._require("is_crowd", crowd, (count,))
        known = np.arange(1, count + 1) if self.annotation_ids is None else self.annotation_ids
        known = np.asarray(known)
        self._require("annotation_ids", known, (count,))
        keypoints = self.keypoints
        if keypoints is not None:
            keypoints = np.asarray(keypoints, np.float32)
            points = keypoints.shape[1] if keypoints.ndim == 3 else "K"
            self._require("keypoints", keypoints, (count, points, 3))
        maps = {name: np.asarray(value) for name, value in self.label_maps.items()}
        for name, value in maps.items():
            self._require(f"label map {name!r}", value, (height, width))
        values = dict(image=image, class_ids=ids, masks=masks, boxes=boxes, is_crowd=crowd)
        values.update(annotation_ids=known, keypoints=keypoints, label_maps=maps)
        values.update(label_map_kinds=checked_kinds(self.label_map_kinds, self.where))
        for name, value in values.items():
            object.__setattr__(self, name, value)

    def _whole_ids(self) -> np.ndarray:
        """Returns the class ids as int32 `(N,)`; what a cast would change is refused."""
        given = np.zeros(0, np.int32) if self.class_ids is None else np.asarray(self.class_ids)
        shape = given.shape
        if given.size == 0:
            return np.zeros(0, np.int32)
        if (
            given.ndim > 2
            or (given.ndim == 2 and given.shape[1] != 1)
            or given.dtype.kind not in "iuf"
        ):
            raise DataError(
                f"{self.where}: expected class_ids as whole numbers (N,), got {given.dtype} "
                f"{shape}."
            )
        with np.errstate(invalid="ignore"):
            ids = given.astype(np.int32)
        if not np.array_equal(ids, given):
            wrong = given[ids != given].reshape(-1)[0]
            raise DataError(f"{self.where}: expected class_ids as whole numbers, got {wrong!s}.")
        return ids.reshape(-1)

    def check_class_ids(self, class_names: Sequence[str]) -> None:
        """Raises DataError unless every object has the id of one of these classes."""
        count = len(class_names)
        if len(self) == 0 or (self.class_ids.min() >= 1 and self.class_ids.max() <= count):
            return
        bad = int(self.class_ids[(self.class_ids < 1) | (self.class_ids > count)][0])
        crowd = " A crowd region has its class's id too, and is_crowd=True." if bad < 0 else ""
        raise DataError(
            f"{self.where}: class id {bad} lies outside 1 to {count} ({_some(class_names)}). Ids "
            f"count from 1; 0 is the background.{crowd}"
        )

    def _require(self, name: str, array: np.ndarray, shape: tuple[int, ...]):
        if array.shape != shape:
            raise DataError(
                f"{self.where}: {name} should have shape {shape} for {shape[0]} objects and an "
                f"image of {np.shape(self.image)}, got {array.shape}."
            )

    @property
    def where(self) -> str:
        """The image's name for messages."""
        return f"image {self.image_id!r}" + (f" ({self.path})" if self.path else "")

    @property
    def size(self) -> tuple[int, int]:
        """`(height, width)` of the image in pixels."""
        return self.image.shape[0], self.image.shape[1]

    def __len__(self) -> int:
        """The number of objects."""
        return len(self.class_ids)

    def label_map_kind(self, name: str) -> LabelMapKind:
        """Returns how a label map is to be read and moved: as declared, else the default."""
        return self.label_map_kinds.get(name) or LABEL_MAP_KINDS.get(name) or LabelMapKind()

    def with_kinds(self, kinds: Mapping[str, LabelMapKind]) -> Sample:
        """Returns the sample with what its dataset declares of label maps; its own word counts."""
        missing = {name: kind for name, kind in kinds.items() if name not in self.label_map_kinds}
        if not missing:
            return self
        return self.replace(label_map_kinds={**missing, **self.label_map_kinds})

    def replace(self, **changes) -> Sample:
        """Returns a copy with some fields changed."""
        return dataclasses.replace(self, **changes)

    def take(self, index: np.ndarray) -> Sample:
        """Returns the sample with only some objects: bool `(N,)` or integer positions."""
        index = np.asarray(index)
        index = np.flatnonzero(index) if index.dtype == bool else index.astype(np.int64)
        return self.replace(
            class_ids=self.class_ids[index],
            masks=self.masks[index],
            boxes=self.boxes[index],
            is_crowd=self.is_crowd[index],
            annotation_ids=self.annotation_ids[index],
            keypoints=None if self.keypoints is None else self.keypoints[index],
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
