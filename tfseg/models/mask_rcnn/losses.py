"""The five losses of Mask R-CNN, from raw tensors to scalars."""

from __future__ import annotations

from keras import ops

from tfseg.models.two_stage.losses import box_term, l2_penalty, rpn_terms
from tfseg.nn.losses.boxes import smooth_l1
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
    beta = 1.0 if box_loss == "mean" else 1 / 9
    boxes = smooth_l1(outputs["delta_targets"], deltas, beta=beta)
    masks = sigmoid_cross_entropy(outputs["mask_targets"], outputs["mask_logits"])
    return {
        **rpn_terms(outputs, rpn_bbox_loss, box_loss),
        "mrcnn_class_loss": masked_mean(softmax_cross_entropy(labels, logits), counted),
        "mrcnn_bbox_loss": box_term(boxes, positive, outputs["valid"], box_loss),
        "mrcnn_mask_loss": masked_mean(masks, positive[..., None, None]),
    }
