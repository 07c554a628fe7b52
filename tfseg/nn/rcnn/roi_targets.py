"""What the heads of Mask R-CNN learn from sampled RoIs: regressions and masks."""

from __future__ import annotations

from typing import NamedTuple

from keras import ops

from tfseg.nn.ops.boxes import STD, box_deltas
from tfseg.nn.ops.roi_align import crop_and_resize
from tfseg.nn.rcnn.roi_sampling import RoISamples, sample_rois

__all__ = ["RoITargets", "delta_targets", "mask_targets", "roi_targets", "targets_of"]


class RoITargets(NamedTuple):
    """RoIs with their targets. The first `T+` places are for positives, the rest for negatives;
    a place that could not be filled is padding: a zero box of class 0.

    Attributes:
        rois: float32 `(B, T, 4)`, in the units of the proposals.
        valid: bool `(B, T)`, False for padding.
        class_ids: int32 `(B, T)`, 0 for negatives and padding.
        deltas: float32 `(B, T+, 4)`, divided by the standard deviations.
        masks: float32 `(B, T+, m, m)` of 0 and 1, or what lies between if they are averaged.
        positive: bool `(B, T+)`.
    """

    rois: object
    valid: object
    class_ids: object
    deltas: object
    masks: object
    positive: object


def roi_targets(
    proposals,
    valid,
    class_ids,
    boxes,
    masks,
    *,
    mask_size: int,
    averaged: bool = False,
    std=STD,
    **sampling,
) -> RoITargets:
    """Returns a fixed number of RoIs per image, positives first, with their targets.

    Args:
        proposals: float32 `(B, P, 4)`, normalised or in pixels.
        valid: bool `(B, P)`.
        class_ids: int32 `(B, G)`: above 0 an object, 0 padding, below 0 a crowd region.
        boxes: float32 `(B, G, 4)`, in the same units.
        masks: `(B, G, k, k)`, each object's mask within its box.
        mask_size: Rows and columns of the mask target, m.
        averaged: See `mask_targets`.
        std: Divisors of the deltas.
        sampling: `count`, `fraction`, `fill` and `seed` of `roi_sampling.sample_rois`.
    """
    samples = sample_rois(proposals, valid, class_ids, boxes, **sampling)
    return targets_of(samples, masks, mask_size=mask_size, averaged=averaged, std=std)


def targets_of(
    samples: RoISamples, masks, *, mask_size: int, averaged: bool = False, std=STD
) -> RoITargets:
    """Returns sampled RoIs with their targets; see `roi_targets` for the arguments."""
    return RoITargets(
        samples.rois,
        samples.valid,
        samples.class_ids,
        delta_targets(samples, std),
        mask_targets(samples, masks, mask_size, averaged),
        samples.positive,
    )


def delta_targets(samples: RoISamples, std=STD):
    """Returns the regression from each positive RoI to its object, float32 `(B, T+, 4)`, divided
    by the standard deviations; 0 for places without an object.

    Args:
        samples: Of `sample_rois`.
        std: Divisors.
    """
    deltas = box_deltas(_learners(samples), samples.truth, std)
    deltas = ops.where(samples.positive[..., None], deltas, ops.zeros_like(deltas))
    return ops.stop_gradient(deltas)


def mask_targets(samples: RoISamples, masks, size: int, averaged: bool = False):
    """Returns each positive RoI's part of its object's mask, float32 `(B, T+, m, m)`; 0 outside
    the object's box, and for places without an object.

    Args:
        samples: Of `sample_rois`; its RoIs may have been moved since.
        masks: `(B, G, k, k)`, each object's mask within its box.
        size: Rows and columns of the target, m.
        averaged: True averages four samples of the mask for each cell of the target. False takes
            one and rounds it, as Matterport does.
    """
    masks, truth = ops.cast(masks, "float32"), samples.truth
    own = ops.take_along_axis(masks, samples.owner[..., None, None], axis=1)
    extent = ops.maximum(truth[..., 2:] - truth[..., :2], 1e-7)
    origin = ops.concatenate([truth[..., :2], truth[..., :2]], axis=-1)
    extent = ops.concatenate([extent, extent], axis=-1)
    parts = (_learners(samples) - origin) / extent
    if averaged:
        targets = crop_and_resize(own, parts * masks.shape[-1], size, units="pixels", points=2)
    else:
        targets = ops.round(crop_and_resize(own, parts, size))
    targets = ops.where(samples.positive[..., None, None], targets, ops.zeros_like(targets))
    return ops.stop_gradient(targets)


def _learners(samples: RoISamples):
    """Returns the RoIs in the places for positives, `(B, T+, 4)`."""
    return samples.rois[:, : samples.positive.shape[1]]
