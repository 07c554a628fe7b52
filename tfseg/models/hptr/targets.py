"""From an annotated image to the arrays of fixed shape that the network learns from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfseg.errors import DataError
from tfseg.geometry.padded import PaddedResize
from tfseg.models.hptr.config import HPTRConfig
from tfseg.opencv import cv2
from tfseg.structures import Sample
from tfseg.structures.label_maps import IGNORED

__all__ = ["checked_map", "encode", "outside_people", "padding_of", "resize_of", "to_shares"]


def resize_of(config: HPTRConfig, *, fixed: bool = False) -> PaddedResize:
    """Returns how images are fitted into the network's input: the longer side at `image_size`,
    black below and on the right; what gets smaller is filtered first, as in DETR.

    Args:
        config: The model's settings.
        fixed: For training: one canvas for all images.
    """
    side = config.image_size
    return PaddedResize(side, side, canvas=config.canvas if fixed else None, low_pass=True)


def padding_of(plan) -> np.ndarray:
    """Returns where the canvas of a plan shows nothing of the image, bool `(H, W)`."""
    padding = np.ones(plan.canvas, bool)
    padding[: plan.resized[0], : plan.resized[1]] = False
    return padding


def to_shares(boxes: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Returns boxes as `(cx, cy, w, h)` in shares of the image, float32 `(N, 4)`.

    Args:
        boxes: `(N, 4)`, `(y1, x1, y2, x2)` in pixels.
        size: `(H, W)` of the image.
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    y1, x1, y2, x2 = (boxes / (size[0], size[1], size[0], size[1])).T
    return np.stack([(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1], axis=1).astype(np.float32)


def encode(
    sample: Sample, config: HPTRConfig, augment: Callable[[Sample], Sample] | None = None
) -> dict[str, np.ndarray]:
    """Returns one image's training inputs, see `HPTRNetwork`, without the batch axis.

    The image is resized first and augmented then, and padded to a canvas that all images share. Of
    more people than there are queries the largest are kept; regions of crowds are no people. A map
    that the sample does not have is background outside of people, and does not count on them or
    beside them (see `outside_people`).

    Args:
        sample: The image, with ids of the config's classes.
        config: The model's settings.
        augment: Moves the sample, or None.

    Returns:
        `image` uint8 `(S, S, 3)`, `padding` bool `(S, S)`; `labels` int32 `(Q,)`, `gt_boxes`
        float32 `(Q, 4)`, `gt_masks` uint8 `(Q, S, S)`; and a uint8 `(S, S)` for each task.

    Raises:
        DataError: For a class id that the config does not know, naming the image.
    """
    sample.check_class_ids(config.classes)
    maps = {task: checked_map(sample, task, config) for task in config.tasks}
    given = {
        task: outside_people(sample) if labels is None else labels for task, labels in maps.items()
    }
    sample = sample.replace(keypoints=None, label_maps=given)
    if sample.is_crowd.any():
        sample = sample.take(~sample.is_crowd)
    plan = resize_of(config, fixed=True).plan(sample.size)
    sample = dataclasses.replace(plan, rectangle=plan.resized).sample(sample)
    if augment is not None:
        sample = augment(sample)
    # Boxes are of the image, masks and maps of the canvas.
    sample = _largest(sample.take(sample.masks.any(axis=(1, 2))), config.queries)
    plan = dataclasses.replace(plan, original=plan.resized, scale=1.0)
    count, places = len(sample), config.queries
    labels = np.full(places, -1, np.int32)
    labels[:count] = sample.class_ids - 1
    boxes = np.zeros((places, 4), np.float32)
    boxes[:count] = to_shares(sample.boxes, sample.size)
    masks = np.zeros((places, *plan.canvas), np.uint8)
    masks[:count] = plan.masks(sample.masks)
    found = {
        "image": plan.image(sample.image),
        "padding": padding_of(plan),
        "labels": labels,
        "gt_boxes": boxes,
        "gt_masks": masks,
    }
    for task in config.tasks:
        found[task] = plan.label_map(sample.label_maps[task], IGNORED).astype(np.uint8)
    return found


def outside_people(sample: Sample) -> np.ndarray:
    """Returns a map of what is known without one, uint8 `(H, W)`: that nobody wears anything where
    nobody is, 0; 255 within a hundredth of the longer side of people and crowds, whose outlines
    are drawn about so exactly."""
    if not len(sample):
        return np.zeros(sample.size, np.uint8)
    reach = max(1, round(0.01 * max(sample.size)))
    people = sample.masks.any(axis=0).astype(np.uint8)
    return cv2.dilate(people, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) * np.uint8(IGNORED)


def checked_map(sample: Sample, task: str, config: HPTRConfig) -> np.ndarray | None:
    """Returns the sample's map of a task, uint8 `(H, W)` with 255 for what does not count; None
    where it has none.

    Raises:
        DataError: For a class that the settings do not name.
    """
    labels = sample.label_maps.get(task)
    if labels is None:
        return None
    names = getattr(config, task)
    ignore = sample.label_map_kind(task).ignore
    ignored = np.zeros(labels.shape, bool) if ignore is None else labels == ignore
    wrong = labels[~ignored & ((labels < 0) | (labels > len(names)))]
    if wrong.size:
        raise DataError(
            f"{sample.where}: its label map {task!r} has a pixel of class {int(wrong[0])}; the "
            f"model's setting {task} names 1 to {len(names)}, 0 is the background. Name the class "
            "there, or let the dataset's label_map_kinds ignore it."
        )
    return np.where(ignored, IGNORED, labels).astype(np.uint8)


def _largest(sample: Sample, limit: int) -> Sample:
    """Returns the sample with its largest objects alone, in their order."""
    if len(sample) <= limit:
        return sample
    areas = sample.masks.sum(axis=(1, 2))
    return sample.take(np.sort(np.argsort(-areas, kind="stable")[:limit]))
