"""The five losses of Mask R-CNN and the weight decay, from raw tensors to scalars."""

from __future__ import annotations

import functools

import keras
from keras import ops

from tfseg.nn.losses.boxes import smooth_l1, squared_error
from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.nn.losses.masks import sigmoid_cross_entropy
from tfseg.nn.rcnn.rpn import objectness

__all__ = ["TERMS", "l2_penalty", "loss_terms"]

TERMS = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


def loss_terms(
    outputs: dict,
    rpn_bbox_loss: str = "smooth_l1",
    active_classes=None,
    count_padding: bool = True,
    box_loss: str = "mean",
) -> dict:
    """Returns the losses by name, float32 scalars; 0 where there is nothing to learn.

    Args:
        outputs: What the network returns in training.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error without the factor 1/2.
        active_classes: `(B, C)`; a RoI counts only if the class it is predicted as is active
            in its image's dataset. None: all are.
        count_padding: Whether padded RoIs count as background, as in Matterport's code.
        box_loss: "mean" or "per_sample", see `MaskRCNNConfig`.
    """
    match = outputs["rpn_match"]
    # Two logits and a softmax are one logit, their difference, and a sigmoid.
    rpn_class = sigmoid_cross_entropy(match > 0, objectness(outputs["rpn_logits"]))
    beta = 1.0 if box_loss == "mean" else 1 / 9
    regression = functools.partial(smooth_l1, beta=beta)
    rpn_regression = {"smooth_l1": regression, "l2": squared_error}[rpn_bbox_loss]
    rpn_boxes = rpn_regression(outputs["rpn_targets"], outputs["rpn_deltas"])
    labels, logits = outputs["class_ids"], outputs["class_logits"]
    positive = outputs["positive"]
    places = positive.shape[1]
    counted = ops.ones_like(labels, dtype="float32")
    if not count_padding:
        counted = ops.cast(outputs["valid"], "float32")
    if active_classes is not None:
        active = ops.cast(active_classes, "float32")
        counted = counted * ops.take_along_axis(active, ops.argmax(logits, axis=-1), axis=1)
    own = labels[:, :places, None, None]
    deltas = ops.take_along_axis(outputs["box_deltas"][:, :places], own, axis=2)[:, :, 0]
    boxes = regression(outputs["delta_targets"], deltas)
    masks = sigmoid_cross_entropy(outputs["mask_targets"], outputs["mask_logits"])
    sampled = ops.not_equal(match, 0)
    return {
        "rpn_class_loss": masked_mean(rpn_class, sampled),
        "rpn_bbox_loss": _box_term(rpn_boxes, match > 0, sampled, box_loss),
        "mrcnn_class_loss": masked_mean(softmax_cross_entropy(labels, logits), counted),
        "mrcnn_bbox_loss": _box_term(boxes, positive, outputs["valid"], box_loss),
        "mrcnn_mask_loss": masked_mean(masks, positive[..., None, None]),
    }


def _box_term(losses, positive, sampled, box_loss: str):
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
