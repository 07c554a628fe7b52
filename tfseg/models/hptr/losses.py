"""The losses of HPTR: DETR's of people, and one of each map.

Source: Loesch and Audigier (2021), section 3.3; what it leaves open is DETR's mask loss with
classes in the place of instances.
"""

from __future__ import annotations

from collections.abc import Mapping

from keras import ops

from tfseg.models.hptr.config import TASKS, HPTRConfig
from tfseg.nn.detr.proposal_detector import place_boxes
from tfseg.nn.layers.resize_like import bilinear
from tfseg.nn.losses.centers import center_losses
from tfseg.nn.losses.overlap import dice, sigmoid_focal
from tfseg.nn.losses.set_loss import mask_losses, set_losses
from tfseg.structures.label_maps import IGNORED

__all__ = ["TERMS", "loss_terms", "map_loss", "term_weights"]

_TASK_TERMS = {f"{name}_loss": name for name in TASKS}
_INNER = ("class", "l1", "giou")
TERMS = (
    *(f"{name}_loss" for name in _INNER),
    *("focal_loss", "dice_loss", *_TASK_TERMS, "proposals_loss", "denoising_loss"),
)


def loss_terms(inputs: dict, outputs: dict, background: bool, inner: Mapping[str, float]) -> dict:
    """Returns the losses by the names of `TERMS`, float32 scalars without their weights; 0 where
    there is nothing to learn. Those of classes and boxes are sums over the decoder layers; those of
    proposals and of denoising are weighted sums of the same, the latter the mean over its groups.

    Args:
        inputs: What the network took in training.
        outputs: What it returned.
        background: Whether maps have a channel for their background.
        inner: See `HPTRConfig.inner_weights`.
    """
    labels = inputs["labels"]
    people = set_losses(
        outputs["logits"], outputs["boxes"], labels, inputs["gt_boxes"], outputs["matched"]
    )
    masks = mask_losses(outputs["masks"], inputs["gt_masks"], labels)
    terms = {f"{name}_loss": ops.sum(people[name]) for name in _INNER}
    terms.update({f"{name}_loss": masks[name] for name in ("focal", "dice")})
    for term, task in _TASK_TERMS.items():
        terms[term] = ops.zeros((), "float32")
        if task in outputs:
            terms[term] = map_loss(
                outputs[task], inputs[task], inputs["padding"], background=background
            )
    terms["proposals_loss"] = terms["denoising_loss"] = ops.zeros((), "float32")
    if "proposal_boxes" in outputs:
        terms["proposals_loss"] = _proposals(outputs, inputs, inner)
    if "denoised_boxes" in outputs:
        terms["denoising_loss"] = _denoising(outputs, labels, inputs["gt_boxes"], inner)
    return terms


def _proposals(outputs, inputs, inner):
    """Returns the loss of what places say of being somebody's centre."""
    padding = outputs["proposal_padding"]
    boxes, inside = place_boxes(padding)
    free = ops.cast(ops.logical_not(padding), "float32")
    size = [ops.sum(ops.max(free, axis=axis), axis=1) for axis in (1, 2)]  # columns, rows
    found = center_losses(
        *(outputs["proposal_logits"], outputs["proposal_boxes"], boxes[..., :2], inside),
        *(ops.stack(size, axis=-1), inputs["labels"], inputs["gt_boxes"]),
    )
    return _weighted(found, inner)


def _weighted(found, inner):
    return sum(inner[f"{name}_weight"] * ops.sum(found[name]) for name in _INNER)


def _denoising(outputs, labels, gt_boxes, inner):
    """Returns the loss of queries that begin beside people: the first of each is to find it, all
    others are to be nobody."""
    logits, boxes = outputs["denoised_logits"], outputs["denoised_boxes"]
    labels = ops.cast(labels, "int32")
    first = ops.where(labels >= 0, ops.arange(labels.shape[1], dtype="int32"), -1)
    first = ops.broadcast_to(first, (logits.shape[0], *ops.shape(labels)))
    found = set_losses(logits, boxes, labels, gt_boxes, first)
    groups = logits.shape[0] // outputs["logits"].shape[0]
    return _weighted(found, inner) / groups


def term_weights(config: HPTRConfig) -> dict:
    """Returns the weight of each term."""
    inner = config.inner_weights
    return {name: inner.get(name.replace("loss", "weight"), 1.0) for name in TERMS}


def map_loss(logits, labels, padding, *, background: bool = True):
    """Returns the focal and the dice loss of one map, float32 scalar, the mean over the images
    that have a pixel to learn from; 0 without any.

    The focal loss is the sum over channels of its mean over pixels, divided by the number of
    classes that are in the image; the dice loss is the mean over those classes.

    Args:
        logits: float32 `(B, h, w, K)`; brought to the size of the labels, bilinear.
        labels: int `(B, H, W)`, 0 for background, 255 for pixels that do not count.
        padding: bool `(B, H, W)`, pixels that do not count either.
        background: Whether channel 0 is the background; otherwise it is class 1.
    """
    count, size = logits.shape[-1], tuple(ops.shape(labels)[1:3])
    labels = ops.cast(labels, "int32")
    counted = ops.logical_and(labels != IGNORED, ops.logical_not(ops.cast(padding, "bool")))
    flat = (-1, 1, size[0] * size[1])
    weights = ops.cast(ops.reshape(counted, flat), "float32")
    classes = ops.arange(count, dtype="int32") + (0 if background else 1)
    targets = ops.cast(ops.reshape(labels, flat) == classes[:, None], "float32") * weights
    wide = _enlarged(ops.cast(logits, "float32"), size)
    wide = ops.transpose(ops.reshape(wide, (-1, size[0] * size[1], count)), (0, 2, 1))
    pixels = ops.sum(weights, axis=-1)  # (B, 1)
    present = ops.cast(ops.sum(targets, axis=-1) > 0, "float32")  # (B, K)
    classes_there = ops.maximum(ops.sum(present, axis=-1), 1.0)
    focal = ops.sum(sigmoid_focal(targets, wide) * weights, axis=-1) / ops.maximum(pixels, 1.0)
    overlap = dice(targets, ops.sigmoid(wide), weights) * present
    each = ops.sum(focal + overlap, axis=-1) / classes_there
    known = ops.cast(pixels[:, 0] > 0, "float32")
    return ops.sum(each * known) / ops.maximum(ops.sum(known), 1.0)


def _enlarged(logits, size):
    """Returns the logits at another size, bilinear with half-pixel centres."""
    if all(isinstance(side, int) for side in size):
        return ops.image.resize(logits, size, interpolation="bilinear", data_format="channels_last")
    return bilinear(bilinear(logits, size[0], 1), size[1], 2)
