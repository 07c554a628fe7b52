"""Masks at the image's own size out of the windows' logits."""

from __future__ import annotations

import numpy as np

from tfseg.geometry.affine import restore_crop
from tfseg.models.pose2seg.targets import Plan
from tfseg.structures import Prediction, rle
from tfseg.structures.attributes import Attribute

__all__ = ["decode", "probabilities", "template_names"]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Returns how likely each pixel is the person's, float32 `(...)` of logits `(..., 2)`."""
    difference = np.clip(logits[..., 0] - logits[..., 1], -80, 80).astype(np.float32)
    return 1 / (1 + np.exp(difference))


def template_names(planned: Plan) -> list[str]:
    """Returns what each person was aligned with: "template 0", "template 0 turned" (reflected, or
    left and right exchanged) or "whole image"."""
    found = planned.alignment
    return [
        "whole image" if k < 0 else f"template {k} turned" if turned else f"template {k}"
        for k, turned in zip(found.templates.tolist(), found.turned.tolist())
    ]


def decode(
    logits: np.ndarray,
    planned: Plan,
    keypoints: np.ndarray,
    scores: np.ndarray,
    *,
    threshold: float = 0.5,
    **fields,
) -> Prediction:
    """Returns one object for each pose, in the order of the poses. Masks may overlap; one that is
    empty has the box (0, 0, 0, 0).

    Args:
        logits: float32 `(N, a, a, 2)`.
        planned: How the windows were made.
        keypoints: float `(N, 17, 3)` in pixels of the image.
        scores: float `(N,)`, of the poses.
        threshold: A pixel is the person's where its probability is above it.
        fields: Further fields of the prediction, such as `class_names` and `path`.
    """
    rles, boxes = [], np.zeros((len(planned), 4), np.float32)
    for index, (chances, matrix) in enumerate(zip(probabilities(logits), planned.windows)):
        crop, top, left = restore_crop(chances, matrix, planned.size, threshold)
        rows, columns = np.flatnonzero(crop.any(axis=1)), np.flatnonzero(crop.any(axis=0))
        if len(rows):
            ends = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
            boxes[index] = np.array(ends) + (top, left, top, left)
            crop = crop[rows[0] : ends[2], columns[0] : ends[3]]
            rles.append(rle.encode_crop(crop, top + rows[0], left + columns[0], planned.size))
        else:
            rles.append(rle.encode(np.zeros(planned.size, bool)))
    names = template_names(planned)
    return Prediction(
        size=planned.size,
        boxes=boxes,
        class_ids=np.ones(len(planned), np.int32),
        scores=scores,
        rles=tuple(rles),
        keypoints=np.asarray(keypoints, np.float32),
        attributes=tuple((Attribute(name),) for name in names),
        order="given",
        **fields,
    )
