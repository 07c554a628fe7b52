"""What a model says about one image, in the image's own pixels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfseg.errors import DataError
from tfseg.structures import rle

__all__ = ["Prediction"]


@dataclasses.dataclass(frozen=True, eq=False)
class Prediction:
    """Objects found in one image, best score first. Indexing selects objects:
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
        keypoints: float32 `(N, K, 3)` or None.
        label_maps: name to int `(H, W)` for systems that label every pixel.
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

    def __len__(self) -> int:
        return len(self.scores)

    def __getitem__(self, index) -> Prediction:
        positions = np.arange(len(self))[index]
        positions = np.atleast_1d(positions)
        return dataclasses.replace(
            self,
            boxes=self.boxes[positions],
            class_ids=self.class_ids[positions],
            scores=self.scores[positions],
            rles=tuple(self.rles[i] for i in positions),
            keypoints=None if self.keypoints is None else self.keypoints[positions],
        )

    def __repr__(self) -> str:
        found = ", ".join(f"{n} {s:.2f}" for n, s in list(zip(self.names, self.scores))[:5])
        more = ", ..." if len(self) > 5 else ""
        return f"Prediction({len(self)} objects in {self.size[0]} x {self.size[1]}: {found}{more})"

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
        """Returns COCO result records: `image_id, category_id, bbox (x, y, w, h), score,
        segmentation`, and `keypoints` where there are some. Numbers are not rounded.

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
        return records
