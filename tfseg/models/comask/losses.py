"""The losses of CoMask, from raw tensors to scalars."""

from __future__ import annotations

from keras import ops

from tfseg.models.two_stage.losses import rpn_terms
from tfseg.nn.losses.box_iou import iou_loss
from tfseg.nn.losses.classification import masked_mean, softmax_cross_entropy
from tfseg.nn.losses.masks import sigmoid_cross_entropy
from tfseg.nn.ops.box_votes import pooled, vote_boxes

__all__ = ["TERMS", "loss_terms"]

TERMS = ("rpn_class_loss", "rpn_bbox_loss", "class_loss", "box_loss", "mask_loss")


def loss_terms(outputs: dict) -> dict:
    """Returns the losses by name, float32 scalars without their weights; 0 where there is nothing
    to learn.

    The box loss is `-ln IoU` between the box that a cell votes for and the object's, over the cells
    of which the true mask covers more than half. Source of the terms: the paper gives none; these
    are D2Det's, which its head follows.

    Args:
        outputs: What the network returns in training.
    """
    positive, masks = outputs["positive"], outputs["mask_targets"]
    votes = vote_boxes(outputs["regions"], outputs["offsets"])
    inside = ops.logical_and(
        pooled(masks, votes.shape[-2]) > 0.5, ops.cast(positive, "bool")[..., None, None]
    )
    boxes = iou_loss(outputs["truth"][..., None, None, :], votes)
    classes = softmax_cross_entropy(outputs["class_ids"], outputs["class_logits"])
    terms = rpn_terms(outputs, box_loss="per_sample")
    terms["class_loss"] = masked_mean(classes, outputs["valid"])
    terms["box_loss"] = masked_mean(boxes, inside)
    mask = sigmoid_cross_entropy(masks, outputs["mask_logits"])
    terms["mask_loss"] = masked_mean(mask, positive[..., None, None])
    if "fine_logits" in outputs:
        fine = sigmoid_cross_entropy(outputs["fine_targets"], outputs["fine_logits"])
        terms["mask_loss"] += masked_mean(fine, positive[..., None, None])
    return terms
