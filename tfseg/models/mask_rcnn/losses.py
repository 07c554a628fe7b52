"""The five losses of Mask R-CNN and the weight decay, from raw tensors to scalars."""

from __future__ import annotations

import keras
from keras import ops

from tfseg.nn.losses.boxes import smooth_l1, squared_error
from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.nn.losses.masks import sigmoid_cross_entropy

__all__ = ["TERMS", "l2_penalty", "loss_terms"]

TERMS = (
    "rpn_class_loss",
    "rpn_bbox_loss",
    "mrcnn_class_loss",
    "mrcnn_bbox_loss",
    "mrcnn_mask_loss",
)


def loss_terms(
    outputs: dict, rpn_bbox_loss: str = "smooth_l1", active_classes=None, count_padding: bool = True
) -> dict:
    """Returns the losses by name, float32 scalars; 0 where there is nothing to learn.

    Args:
        outputs: What the network returns in training.
        rpn_bbox_loss: "smooth_l1", or "l2" for the mean squared error without the factor 1/2.
        active_classes: `(B, C)`; a RoI counts only if the class it is predicted as is active
            in its picture's data set. None: all are.
        count_padding: Whether padded RoIs count as background, as in Matterport's code.
    """
    match = outputs["rpn_match"]
    rpn_class = softmax_cross_entropy(ops.cast(match > 0, "int32"), outputs["rpn_logits"])
    regression = {"smooth_l1": smooth_l1, "l2": squared_error}[rpn_bbox_loss]
    rpn_boxes = regression(outputs["rpn_targets"], outputs["rpn_deltas"])
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
    boxes = smooth_l1(outputs["delta_targets"], deltas)
    masks = sigmoid_cross_entropy(outputs["mask_targets"], outputs["mask_logits"])
    return {
        "rpn_class_loss": masked_mean(rpn_class, ops.not_equal(match, 0)),
        "rpn_bbox_loss": masked_mean(rpn_boxes, (match > 0)[..., None]),
        "mrcnn_class_loss": masked_mean(softmax_cross_entropy(labels, logits), counted),
        "mrcnn_bbox_loss": masked_mean(boxes, positive[..., None]),
        "mrcnn_mask_loss": masked_mean(masks, positive[..., None, None]),
    }


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
