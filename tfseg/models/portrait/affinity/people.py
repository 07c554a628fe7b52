"""Persons as separate objects, in the form that a prediction is made of."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfseg.models.portrait.affinity.boxes import check_boxes
from tfseg.models.portrait.affinity.config import AffinityConfig
from tfseg.models.portrait.affinity.step import split
from tfseg.opencv import cv2
from tfseg.structures import rle

__all__ = ["Instances", "instances"]


@dataclasses.dataclass(frozen=True, eq=False)
class Instances:
    """N persons that have at least one pixel, best score first.

    Attributes:
        labels: int32 `(H, W)`, the map of `split`.
        indices: int64 `(N,)`, the position of each person's box in what was given.
        boxes: float32 `(N, 4)`, tight around the pixels, `(y1, x1, y2, x2)`, ends exclusive.
        scores: float32 `(N,)`, those of the boxes given.
        rles: N run-length masks, as `Prediction` holds them.
    """

    labels: np.ndarray
    indices: np.ndarray
    boxes: np.ndarray
    scores: np.ndarray
    rles: tuple[dict, ...]

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def masks(self) -> np.ndarray:
        """bool `(N, H, W)`, made at each access."""
        return self.labels[None] == (self.indices + 1)[:, None, None]


def instances(
    image: np.ndarray,
    mask: np.ndarray,
    boxes,
    scores=None,
    *,
    config: AffinityConfig | None = None,
) -> Instances:
    """Returns the persons of an image; the arguments are those of `split`. A box without any
    foreground gives no person."""
    labels = split(image, mask, boxes, scores, config=config)
    _, scores = check_boxes(boxes, scores)
    counts = np.bincount(labels.reshape(-1), minlength=len(scores) + 1)[1:]
    found = np.flatnonzero(counts)
    found = found[np.argsort(-scores[found], kind="stable")]
    tight, rles = np.zeros((len(found), 4), np.float32), []
    for row, index in zip(tight, found, strict=True):
        person = labels == index + 1
        x, y, width, height = cv2.boundingRect(person.view(np.uint8))
        row[:] = (y, x, y + height, x + width)
        rles.append(rle.encode(person))
    return Instances(labels, found, tight, scores[found].astype(np.float32), tuple(rles))
