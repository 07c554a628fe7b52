"""From an annotated image to the arrays of fixed shape that the network learns from."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from tfseg.data.images.channels import to_channels
from tfseg.geometry.matterport import MatterportResize
from tfseg.geometry.mini_masks import mini_masks
from tfseg.geometry.padded import PaddedResize
from tfseg.geometry.resize import SquareResize
from tfseg.models.two_stage.region_settings import RegionSettings
from tfseg.structures import Sample

__all__ = ["encode", "resize_of"]


def resize_of(config: RegionSettings, *, fixed: bool = False) -> SquareResize | PaddedResize:
    """Returns how images are fitted into the network's input.

    Args:
        config: Its sizes and `image_fit`.
        fixed: For training: give every image the same canvas, also where each could have its
            own, and resize by OpenCV, which is faster, also where prediction does not. Where an
            origin's arithmetic has no low-pass filter, training has none either.
    """
    if config.image_fit != "padded":
        sides = config.resolved_min_size, config.image_size
        if config.image_fit == "square":
            return SquareResize(*sides)
        return SquareResize(*sides, low_pass=False) if fixed else MatterportResize(*sides)
    return PaddedResize(
        config.resolved_min_size,
        config.image_size,
        canvas=config.canvas if fixed else None,
        # The mean becomes 0 in front of the backbone: nothing is what the origin pads with.
        fill=config.pixel_mean,
    )


def encode(
    sample: Sample, config: RegionSettings, augment: Callable[[Sample], Sample] | None = None
) -> dict[str, np.ndarray]:
    """Returns one image's training inputs.

    The image is resized first and augmented then, so that the sizes of shifts and blurs mean
    the same for images of every resolution: within the square, or, with `image_fit="padded"`,
    before it is padded to a canvas that all images share.

    Args:
        sample: The image, with ids of the config's classes.
        config: Sizes and limits.
        augment: Moves the sample within the square, or None.

    Returns:
        `image` uint8 `(S, S, D)`; `gt_class_ids` int32 `(G,)`, 0 padding, below 0 a crowd region;
        `gt_boxes` float32 `(G, 4)` in pixels of the input; `gt_masks` uint8 `(G, k, k)`; with
        `image_fit="padded"` also `window` float32 `(4,)`. Of more than `max_instances` objects
        the largest are kept.

    Raises:
        DataError: For a class id that the config does not know, naming the image.
    """
    sample.check_class_ids(config.classes)
    if config.channels != 3 or sample.image.shape[2] != 3:
        image = to_channels(sample.image, config.channels, sample.where)
        sample = sample.replace(image=image)
    plan = resize_of(config, fixed=True).plan(sample.size)
    padded = config.image_fit == "padded"
    sample = (dataclasses.replace(plan, rectangle=plan.resized) if padded else plan).sample(sample)
    if augment is not None:
        sample = augment(sample)
    if padded:
        sample = dataclasses.replace(plan, original=plan.resized, scale=1.0).sample(sample)
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
    inputs = {
        "image": sample.image,
        "gt_class_ids": class_ids,
        "gt_boxes": boxes,
        "gt_masks": masks,
    }
    return {**inputs, "window": np.array(plan.window, np.float32)} if padded else inputs
