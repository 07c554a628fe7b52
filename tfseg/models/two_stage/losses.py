"""Losses of region proposals and the weight decay, from raw tensors to scalars."""

from __future__ import annotations

import keras
from keras import ops

from tfseg.nn.losses.boxes import smooth_l1, squared_error
from tfseg.nn.losses.classification import masked_mean
from tfseg.nn.losses.masks import sigmoid_cross_entropy
from tfseg.nn.rcnn.rpn import objectness

__all__ = ["box_term", "l2_penalty", "rpn_terms"]


def rpn_terms(outputs: dict, rpn_bbox_loss: str = "smooth_l1", box_loss: str = "mean") -> dict:
    """Returns `rpn_class_loss` and `rpn_bbox_loss`, float32 scalars; 0 where there is nothing to
    learn.

    Args:
        outputs: `rpn_match`, `rpn_logits`, `rpn_targets`, `rpn_deltas` of a training pass.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error without the factor 1/2.
        box_loss: "mean", with smooth L1 turning linear at 1, or "per_sample" at 1/9, see
            `box_term`.
    """
    match = outputs["rpn_match"]
    # Two logits and a softmax are one logit, their difference, and a sigmoid.
    classes = sigmoid_cross_entropy(match > 0, objectness(outputs["rpn_logits"]))
    targets, deltas = outputs["rpn_targets"], outputs["rpn_deltas"]
    if rpn_bbox_loss == "l2":
        boxes = squared_error(targets, deltas)
    else:
        boxes = smooth_l1(targets, deltas, beta=1.0 if box_loss == "mean" else 1 / 9)
    sampled = ops.not_equal(match, 0)
    return {
        "rpn_class_loss": masked_mean(classes, sampled),
        "rpn_bbox_loss": box_term(boxes, match > 0, sampled, box_loss),
    }


def box_term(losses, positive, sampled, box_loss: str):
    """Returns a regression loss over positives, `(B, N, 4)`, as a scalar; "per_sample" divides
    the sum by the number of all `sampled`, so that images with few objects weigh less."""
    if box_loss == "mean":
        return masked_mean(losses, positive[..., None])
    total = ops.sum(ops.where(positive[..., None], losses, ops.zeros_like(losses)))
    return total / ops.maximum(ops.sum(ops.cast(sampled, "float32")), 1.0)


def l2_penalty(network: keras.Model, decay: float):
    """Returns `sum(decay * sum(w^2) / size(w))` over trainable weights but norm scales and shifts.

    Source: matterport/Mask_RCNN `compile`. Dividing by the size makes each tensor count alike.
    """
    total = ops.zeros((), "float32")
    if decay == 0:
        return total
    for weight in network.trainable_variables:
        if weight.name in ("gamma", "beta"):
            continue
        value = ops.cast(ops.convert_to_tensor(weight), "float32")
        total = total + decay * ops.mean(ops.square(value))
    return total
