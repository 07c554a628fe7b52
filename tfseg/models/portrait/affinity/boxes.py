"""Which boxes take part: checked, of sufficient score, without doubles, inside the image."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.errors import DataError

__all__ = ["Boxes", "as_numbers", "check_boxes", "choose_boxes"]


@dataclasses.dataclass(frozen=True, eq=False)
class Boxes:
    """The boxes that take part, the best score first; of equal scores the one given first.

    Attributes:
        places: int64 `(K,)`, the position of each in what was given.
        corners: float64 `(K, 4)`, `(y1, x1, y2, x2)`, inside the image, none of them empty.
        rows: int64 `(K, 2)`: from and to which row of pixels each reaches, the end exclusive.
        columns: int64 `(K, 2)`, likewise.
    """

    places: np.ndarray
    corners: np.ndarray
    rows: np.ndarray
    columns: np.ndarray

    def __len__(self) -> int:
        return len(self.places)

    def any_intersect(self) -> bool:
        """Returns whether two boxes share an area; boxes that touch do not."""
        low = np.maximum(self.corners[:, None, :2], self.corners[None, :, :2])
        high = np.minimum(self.corners[:, None, 2:], self.corners[None, :, 2:])
        shared = (high > low).all(axis=2)
        np.fill_diagonal(shared, False)
        return bool(shared.any())


def as_numbers(values) -> np.ndarray:
    """Returns boxes, or their scores, as float64.

    Raises:
        DataError: If they are no numbers in rows of equal length.
    """
    try:
        return np.asarray(values, np.float64)
    except (TypeError, ValueError) as error:
        got = repr(values)
        raise DataError(
            "expected numbers, boxes (K, 4) as (y1, x1, y2, x2) in pixels and scores (K,), got "
            f"{got[:80]}{'...' * (len(got) > 80)}."
        ) from error


def check_boxes(boxes, scores=None) -> tuple[np.ndarray, np.ndarray]:
    """Returns boxes float64 `(K, 4)` and scores float64 `(K,)`; scores left out are 1.

    Raises:
        DataError: No numbers, another shape, a number that is not finite, an end before its start,
            or a score outside [0, 1].
    """
    boxes = as_numbers(boxes)
    boxes = boxes.reshape(0, 4) if boxes.size == 0 else boxes
    if boxes.ndim != 2 or boxes.shape[1] != 4:
        raise DataError(
            f"expected boxes (K, 4) as (y1, x1, y2, x2) in pixels, got the shape {boxes.shape}."
        )
    scores = np.ones(len(boxes)) if scores is None else as_numbers(scores).reshape(-1)
    if len(scores) != len(boxes):
        raise DataError(f"expected a score for each of {len(boxes)} boxes, got {len(scores)}.")
    for name, values in (("box", boxes), ("score", scores)):
        finite = np.isfinite(values)
        wrong = np.flatnonzero(~(finite.all(axis=1) if finite.ndim == 2 else finite))
        if wrong.size:
            raise DataError(
                f"{name} {wrong[0]} is {values[wrong[0]].tolist()}: expected finite numbers. "
                "Remove the box."
            )
    wrong = np.flatnonzero((boxes[:, 2:] < boxes[:, :2]).any(axis=1))
    if wrong.size:
        raise DataError(
            f"box {wrong[0]} is {boxes[wrong[0]].tolist()}: it ends before it starts. Expected "
            "(y1, x1, y2, x2), not (x, y, width, height)."
        )
    wrong = np.flatnonzero((scores < 0) | (scores > 1))
    if wrong.size:
        raise DataError(f"score {wrong[0]} is {scores[wrong[0]]}: expected 0 to 1.")
    return boxes, scores


def choose_boxes(
    boxes: np.ndarray,
    scores: np.ndarray,
    size: tuple[int, int],
    *,
    score_threshold: float = 0.5,
    nms_iou: float = 0.7,
) -> Boxes:
    """Returns the boxes that take part: score, then suppression of doubles, then clipping.

    Args:
        boxes: float64 `(K, 4)`, as `check_boxes` returns them.
        scores: float64 `(K,)`.
        size: `(H, W)` of the image; what lies outside of it is left out.
        score_threshold: The lowest score.
        nms_iou: A box that overlaps a better one by more is left out.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[scores[order] >= score_threshold]
    order = order[_without_doubles(boxes[order], nms_iou)]
    corners = np.clip(boxes[order], 0, np.array([*size, *size], np.float64))
    filled = (corners[:, 2:] > corners[:, :2]).all(axis=1)
    order, corners = order[filled], corners[filled]
    # A pixel belongs to a box that holds its centre.
    ends = np.ceil(corners - 0.5).astype(np.int64)
    return Boxes(order, corners, ends[:, 0::2], ends[:, 1::2])


def _without_doubles(boxes: np.ndarray, limit: float) -> np.ndarray:
    """Returns bool `(K,)`: which boxes, best first, no kept one before overlaps by more."""
    low = np.maximum(boxes[:, None, :2], boxes[None, :, :2])
    high = np.minimum(boxes[:, None, 2:], boxes[None, :, 2:])
    shared = np.clip(high - low, 0, None).prod(axis=2)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    union = areas[:, None] + areas[None] - shared
    double = shared > limit * np.where(union > 0, union, 1)
    kept = np.ones(len(boxes), bool)
    for place in range(len(boxes)):
        if kept[place]:
            kept[place + 1 :] &= ~double[place, place + 1 :]
    return kept
