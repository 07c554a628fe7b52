"""Which proposals the heads learn from, whatever it is that they learn."""

from __future__ import annotations

from typing import NamedTuple

import keras
import numpy as np
from keras import ops

from tfseg.nn.ops.boxes import clip, iou_matrix
from tfseg.nn.ops.sampling import choose
from tfseg.nn.rcnn.rpn_targets import crowd_overlap
from tfseg.nn.targets.iou_matcher import match_proposals

__all__ = ["RoISamples", "jitter", "negative_count", "sample_rois"]


class RoISamples(NamedTuple):
    """RoIs with the objects that they hold. The first `T+` places are for positives, the rest for
    negatives; a place that could not be filled is padding: a zero box of class 0.

    Attributes:
        rois: float32 `(B, T, 4)`, in the units of the proposals.
        valid: bool `(B, T)`, False for padding.
        class_ids: int32 `(B, T)`, 0 for negatives and padding.
        positive: bool `(B, T+)`.
        owner: int32 `(B, T+)`, the row of the object that a positive holds; else of no meaning.
        truth: float32 `(B, T+, 4)`, that object's box.
    """

    rois: object
    valid: object
    class_ids: object
    positive: object
    owner: object
    truth: object


def negative_count(positives: int, fraction: float) -> int:
    """Returns how many negatives go with the positives: `int(p / fraction) - p`, as Matterport."""
    return int(positives / fraction) - positives


def sample_rois(
    proposals,
    valid,
    class_ids,
    boxes,
    *,
    count: int,
    fraction: float,
    fill: bool = False,
    seed=None,
) -> RoISamples:
    """Returns a fixed number of RoIs per image, positives first; no gradient flows through them.

    Source: Mask R-CNN section 3.1; matterport/Mask_RCNN `DetectionTargetLayer`.

    Args:
        proposals: float32 `(B, P, 4)`, normalised or in pixels.
        valid: bool `(B, P)`.
        class_ids: int32 `(B, G)`: above 0 an object, 0 padding, below 0 a crowd region.
        boxes: float32 `(B, G, 4)`, in the same units.
        count: RoIs per image, T.
        fraction: Share of positives; `T+ = int(count * fraction)`.
        fill: True takes negatives until all places are used. False keeps the share as
            Matterport does: an image with no positive RoI then teaches the heads nothing.
        seed: See `tfseg.nn.ops.sampling.choose`.
    """
    iou = iou_matrix(proposals, boxes)
    matches = match_proposals(iou, class_ids > 0, crowd_overlap(iou, class_ids), valid)
    places = int(count * fraction)
    positions, positive = choose(matches.positive, places, seed)
    found = ops.sum(ops.cast(positive, "int32"), axis=1)
    others, negative = choose(matches.negative, count - places, seed)
    if not fill:
        table = [negative_count(n, fraction) for n in range(places + 1)]
        allowed = ops.take(np.array(table, np.int32), found)
        rank = np.arange(count - places, dtype=np.int32)[None]
        negative = ops.logical_and(negative, rank < allowed[:, None])
    chosen = ops.concatenate([positive, negative], axis=1)
    rois = ops.concatenate([_rows(proposals, positions), _rows(proposals, others)], axis=1)
    rois = ops.where(chosen[..., None], rois, ops.zeros_like(rois))
    owner = ops.take_along_axis(matches.index, positions, axis=1)
    labels = ops.where(positive, ops.take_along_axis(class_ids, owner, axis=1), 0)
    labels = ops.pad(labels, [[0, 0], [0, count - places]])
    result = RoISamples(rois, chosen, labels, positive, owner, _rows(boxes, owner))
    return RoISamples(*[ops.stop_gradient(value) for value in result])


def _rows(values, positions):
    return ops.take_along_axis(values, positions[..., None], axis=1)


def jitter(boxes, window, seed, *, shift: float = 0.15, scale: float = 0.15):
    """Returns boxes moved and resized at random, so that a head meets in training the imperfect
    boxes that it will meet in testing.

    The centre moves by up to `shift` of each side, each side grows or shrinks by up to the share
    `scale`, both evenly distributed; then the box is cut to the window. A box of no extent, such as
    padding, stays where it is. Source: D2Det, whose numbers are the defaults.

    Args:
        boxes: float32 `(B, N, 4)`.
        window: float32 `(B, 4)`, in the same units: where the image lies.
        seed: An integer or a `keras.random.SeedGenerator`; None leaves the boxes as they are.
        shift: Largest move, in sides of the box.
        scale: Largest change of a side, as a share of it.
    """
    if seed is None:
        return boxes
    sizes = boxes[..., 2:] - boxes[..., :2]
    random = keras.random.uniform((*ops.shape(boxes)[:2], 4), -1.0, 1.0, seed=seed)
    centres = boxes[..., :2] + sizes / 2 + shift * random[..., :2] * sizes
    halves = sizes * (1.0 + scale * random[..., 2:]) / 2
    moved = ops.concatenate([centres - halves, centres + halves], axis=-1)
    moved = clip(moved, window[:, None])
    extended = ops.min(sizes, axis=-1, keepdims=True) > 0
    return ops.stop_gradient(ops.where(extended, moved, boxes))
