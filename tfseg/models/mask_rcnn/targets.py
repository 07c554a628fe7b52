"""From an annotated picture to the arrays of fixed shape that the network learns from."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tfseg.data.augment.geometry import SquareResize
from tfseg.data.augment.mini_masks import mini_masks
from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.structures import Sample

__all__ = ["encode"]


def encode(
    sample: Sample, config: MaskRCNNConfig, augment: Callable[[Sample], Sample] | None = None
) -> dict[str, np.ndarray]:
    """Returns one picture's training inputs.

    The picture is fitted into the square first and augmented there, so that the sizes of shifts
    and blurs mean the same for pictures of every resolution.

    Args:
        sample: The picture; class ids must not exceed the number of classes.
        config: Sizes and limits.
        augment: Moves the sample within the square, or None.

    Returns:
        `image` uint8 `(S, S, D)`; `gt_class_ids` int32 `(G,)`, 0 padding, below 0 a crowd region;
        `gt_boxes` float32 `(G, 4)` in pixels of the square; `gt_masks` uint8 `(G, k, k)`. Of
        more than `max_instances` objects the largest are kept.
    """
    plan = SquareResize(config.resolved_min_size, config.image_size).plan(sample.size)
    sample = plan.sample(sample)
    if augment is not None:
        sample = augment(sample)
    limit = config.max_instances
    if len(sample) > limit:
        areas = sample.masks.sum(axis=(1, 2))
        sample = sample.take(np.sort(np.argsort(-areas, kind="stable")[:limit]))
    count = len(sample)
    class_ids = np.zeros(limit, np.int32)
    class_ids[:count] = np.where(sample.is_crowd, -sample.class_ids, sample.class_ids)
    boxes = np.zeros((limit, 4), np.float32)
    boxes[:count] = sample.boxes
    masks = np.zeros((limit, config.mini_mask_size, config.mini_mask_size), np.uint8)
    masks[:count] = mini_masks(sample.masks, sample.boxes, config.mini_mask_size)
    return {
        "image": sample.image,
        "gt_class_ids": class_ids,
        "gt_boxes": boxes,
        "gt_masks": masks,
    }
