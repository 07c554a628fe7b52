"""What a model says about one image, in the image's own pixels."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfseg import files
from tfseg.errors import DataError
from tfseg.structures import descriptions, prediction_json, rle
from tfseg.structures.attributes import Attribute

__all__ = ["ORDERS", "Prediction"]

ORDERS = ("score", "given")
"""What `Prediction.order` may say."""
_CLASSES, _INSTANCES = "classes", "instances"


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Objects found in one image. Indexing selects objects, with all that is known of each:
    `prediction[prediction.scores > 0.9]`.

    Attributes:
        size: `(H, W)` of the image.
        boxes: float32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels of the original image, ends
            exclusive.
        class_ids: int32 `(N,)`, counted from 1.
        scores: float32 `(N,)` in [0, 1].
        rles: N run-length masks (`tfseg.structures.rle`); `masks` decodes them. They keep a
            hundred masks of a large photograph in a few kilobytes.
        class_names: Name of class id k at position k - 1.
        image_id: The image's id.
        path: The image's file, or None.
        keypoints: float32 `(N, K, 3)` of `(x, y, visibility or score)`, or None.
        label_maps: name to int `(H, W)` for systems that label every pixel; 0 is the background.
        label_names: Label map to its class names: name of number k at position k - 1. Without an
            entry a map has none, but for "classes", whose names are `class_names`.
        attributes: For each object a tuple of `Attribute`, such as the clothes that a person
            wears; None from systems that know none.
        order: "score" if the system put the best objects first; "given" if row k answers the
            k-th box or pose that the caller gave. Whoever needs the best first asks
            `best_first()`.

    Raises:
        DataError: If there are not as many of each, or a part is none of what is said above.
    """

    size: tuple[int, int]
    boxes: np.ndarray
    class_ids: np.ndarray
    scores: np.ndarray
    rles: tuple[dict, ...] = ()
    class_names: tuple[str, ...] = ()
    image_id: int | str = 0
    path: str | None = None
    keypoints: np.ndarray | None = None
    label_maps: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    label_names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    attributes: tuple[tuple[Attribute, ...], ...] | None = None
    order: str = "score"

    def __post_init__(self):
        boxes = np.asarray(self.boxes, np.float32).reshape(-1, 4)
        ids = np.asarray(self.class_ids, np.int32).reshape(-1)
        scores = np.asarray(self.scores, np.float32).reshape(-1)
        if not len(boxes) == len(ids) == len(scores) == len(self.rles):
            raise DataError(
                f"a prediction needs as many boxes, classes, scores and masks; got {len(boxes)}, "
                f"{len(ids)}, {len(scores)} and {len(self.rles)}."
            )
        values = dict(boxes=boxes, class_ids=ids, scores=scores, rles=tuple(self.rles))
        values.update(size=(int(self.size[0]), int(self.size[1])))
        values.update(class_names=tuple(self.class_names))
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.order not in ORDERS:
            raise DataError(f"order: expected 'score' or 'given', got {self.order!r}.")
        object.__setattr__(self, "keypoints", self._checked_keypoints())
        object.__setattr__(self, "attributes", self._checked_attributes())
        object.__setattr__(self, "label_names", self._checked_label_names())

    def _checked_keypoints(self) -> np.ndarray | None:
        if self.keypoints is None:
            return None
        points = np.asarray(self.keypoints, np.float32)
        if points.ndim != 3 or points.shape[0] != len(self) or points.shape[2] != 3:
            raise DataError(
                f"keypoints: expected (N, K, 3) for {len(self)} objects, got {points.shape}."
            )
        return points

    def _checked_attributes(self) -> tuple[tuple[Attribute, ...], ...] | None:
        if self.attributes is None:
            return None
        found = tuple(tuple(ones) for ones in self.attributes)
        if len(found) != len(self):
            raise DataError(
                f"attributes: expected a tuple for each of {len(self)} objects, empty where "
                f"nothing is known, got {len(found)}."
            )
        for one in (one for ones in found for one in ones):
            if not isinstance(one, Attribute):
                raise DataError(
                    f"attributes: expected tfseg.structures.Attribute, got {type(one).__name__}."
                )
            if one.rle is not None and tuple(one.rle["size"]) != self.size:
                raise DataError(
                    f"attribute {one.name!r}: its mask is of {tuple(one.rle['size'])} pixels, the "
                    f"image of {self.size}."
                )
        return found

    def _checked_label_names(self) -> dict[str, tuple[str, ...]]:
        for name, labels in self.label_maps.items():
            array = np.asarray(labels)
            if array.shape != self.size or array.dtype.kind not in "iub":
                raise DataError(
                    f"label map {name!r}: expected whole numbers {self.size}, one for each pixel "
                    f"of the image, got {array.dtype} {array.shape}."
                )
        for name, names in self.label_names.items():
            if name not in self.label_maps:
                known = ", ".join(self.label_maps) or "no label maps"
                raise DataError(f"label_names: there is no label map {name!r}; there is {known}.")
            if isinstance(names, str) or not all(isinstance(one, str) for one in names):
                raise DataError(
                    f"label_names[{name!r}]: expected the names of the numbers from 1, got "
                    f"{names!r}."
                )
        return {name: tuple(names) for name, names in self.label_names.items()}

    @classmethod
    def from_masks(cls, masks: np.ndarray, **fields) -> Prediction:
        """Builds a prediction from bool masks `(N, H, W)` in place of run lengths."""
        masks = np.asarray(masks)
        fields.setdefault("size", masks.shape[1:])
        return cls(rles=tuple(rle.encode(mask) for mask in masks), **fields)

    @property
    def masks(self) -> np.ndarray:
        """bool `(N, H, W)`, decoded at each access."""
        return rle.decode_many(self.rles, self.size)

    @property
    def names(self) -> list[str]:
        """The class name of each object."""
        return [
            self.class_names[i - 1] if 0 < i <= len(self.class_names) else f"class {i}"
            for i in self.class_ids.tolist()
        ]

    def names_of(self, label_map: str) -> tuple[str, ...]:
        """Returns the class names of a label map, name of number k at position k - 1; () where
        nobody named them.

        Raises:
            DataError: If there is no such label map.
        """
        if label_map not in self.label_maps:
            known = ", ".join(self.label_maps) or "none"
            raise DataError(f"this prediction has no label map {label_map!r}; it has {known}.")
        default = self.class_names if label_map == _CLASSES else ()
        return self.label_names.get(label_map, default)

    def best_first(self) -> np.ndarray:
        """Returns the rows by falling score, int64 `(N,)`; equal scores keep their order.
        `prediction[prediction.best_first()]` sorts."""
        return np.argsort(-self.scores, kind="stable")

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index) -> Prediction:
        positions = np.arange(len(self))[index]
        positions = np.atleast_1d(positions)
        maps = self.label_maps
        if (owners := maps.get(_INSTANCES)) is not None:  # row k is number k + 1 there
            numbers = np.zeros(max(len(self), int(owners.max(initial=0))) + 1, owners.dtype)
            numbers[positions + 1] = np.arange(1, len(positions) + 1)
            maps = {**maps, _INSTANCES: numbers[owners]}
        return dataclasses.replace(
            self,
            label_maps=maps,
            boxes=self.boxes[positions],
            class_ids=self.class_ids[positions],
            scores=self.scores[positions],
            rles=tuple(self.rles[i] for i in positions),
            keypoints=None if self.keypoints is None else self.keypoints[positions],
            attributes=None
            if self.attributes is None
            else tuple(self.attributes[i] for i in positions),
        )

    def __repr__(self) -> str:
        found = ", ".join(f"{n} {s:.2f}" for n, s in list(zip(self.names, self.scores))[:5])
        more = ", ..." if len(self) > 5 else ""
        return f"Prediction({len(self)} objects in {self.size[0]} x {self.size[1]}: {found}{more})"

    def describe(self, **options) -> list[str]:
        """Returns a sentence for each object, in the order of the rows, such as "person 2: long
        dark coat, solid; blue trousers".

        Args:
            options: Of `tfseg.structures.descriptions.describe`.
        """
        return descriptions.describe(self, **options)

    def as_matterport(self) -> dict[str, np.ndarray]:
        """Returns the same under the names, types and axes of matterport/Mask_RCNN's results.

        The arrays are copies: a view for code written for that project, not a second truth.

        Returns:
            `rois` int32 `(N, 4)`, `(y1, x1, y2, x2)` in pixels, rounded to whole ones (halves to
            even, as there); `class_ids` int32 `(N,)`, 0 would be the background; `scores`
            float32 `(N,)`; `masks` bool `(H, W, N)`, one object per place of the last axis.
            Without objects: shapes `(0, 4)`, `(0,)`, `(0,)` and `(H, W, 0)`.
        """
        return {
            "rois": np.rint(self.boxes).astype(np.int32),
            "class_ids": self.class_ids.copy(),
            "scores": self.scores.copy(),
            "masks": np.ascontiguousarray(np.moveaxis(self.masks, 0, -1)),
        }

    def to_coco(self, category_ids: Sequence[int] | None = None) -> list[dict]:
        """Returns COCO result records, in the order of the rows: `image_id, category_id, bbox
        (x, y, w, h), score, segmentation`, where there are some `keypoints`, and `attributes` as in
        `to_dict`, which pycocotools passes over. Numbers are not rounded. COCO's results have no
        place for label maps.

        Args:
            category_ids: The annotation file's category id of class id k at position k - 1;
                None: the class ids themselves.
        """
        y1, x1, y2, x2 = self.boxes.astype(float).T.tolist() if len(self) else ((),) * 4
        records = [
            {
                "image_id": self.image_id,
                "category_id": int(k if category_ids is None else category_ids[k - 1]),
                "bbox": [x1[i], y1[i], x2[i] - x1[i], y2[i] - y1[i]],
                "score": float(self.scores[i]),
                "segmentation": self.rles[i],
            }
            for i, k in enumerate(self.class_ids.tolist())
        ]
        if self.keypoints is not None:
            for record, points in zip(records, self.keypoints, strict=True):
                record["keypoints"] = points.astype(float).reshape(-1).tolist()
        if self.attributes is not None:
            for record, ones in zip(records, self.attributes, strict=True):
                record["attributes"] = prediction_json.attribute_records(ones)
        return records

    def to_dict(self) -> dict:
        """Returns all of it as plain dicts and lists, which `from_dict` reads back to the last
        bit; see `tfseg.structures.prediction_json` for the form."""
        return prediction_json.to_dict(self)

    def to_json(self, path: str | os.PathLike | None = None) -> str:
        """Returns `to_dict()` as JSON text, and writes it to `path` if given."""
        text = json.dumps(self.to_dict())
        if path is not None:
            files.write_whole(path, f"{text}\n".encode())
        return text

    @classmethod
    def from_dict(cls, content: Mapping) -> Prediction:
        """Returns the prediction that `to_dict` described.

        Raises:
            DataError: If the content is something else, naming the part.
        """
        return cls(**prediction_json.fields_of(content))

    @classmethod
    def from_json(cls, source: str | os.PathLike) -> Prediction:
        """Returns the prediction that `to_json` wrote: of its text, or of a file's path.

        Raises:
            DataError: If the file cannot be read, the text is no JSON, or describes something
                else.
        """
        text, where = source, ""
        if isinstance(source, os.PathLike) or str(source).endswith(".json"):
            where = f"{os.fspath(source)}: "
            try:
                text = Path(source).read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise DataError(f"{where}cannot be read ({error}).") from None
        try:
            content = json.loads(text)
        except (TypeError, ValueError) as error:
            raise DataError(f"{where}expected the JSON text of a prediction: {error}.") from None
        return cls.from_dict(content)
