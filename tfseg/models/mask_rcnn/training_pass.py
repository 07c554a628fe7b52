"""The forward pass of a training step, from the pyramid on: regions are sampled inside it."""

from __future__ import annotations

from keras import ops

from tfseg.models.two_stage import rules
from tfseg.nn.rcnn.roi_targets import roi_targets
from tfseg.nn.rcnn.rpn_targets import rpn_targets

__all__ = ["train_from"]


def train_from(network, levels, logits, deltas, inputs, training) -> dict:
    """Returns the raw tensors of training, see `MaskRCNNNetwork.call`.

    Args:
        network: The `MaskRCNNNetwork`.
        levels: P2, P3, ...
        logits: From the region proposal network, as the deltas.
        deltas: The regressions.
        inputs: With `gt_boxes` and the rest of the ground truth.
        training: See `MaskRCNNNetwork.call`.
    """
    config, shape = network.config, rules.image_shape(levels)
    class_ids = ops.cast(inputs["gt_class_ids"], "int32")
    boxes = ops.cast(inputs["gt_boxes"], "float32")
    anchor = rpn_targets(
        network.anchors_of(shape),
        boxes,
        class_ids,
        count=config.rpn_train_anchors,
        seed=network.rpn_seed,
        std=config.rpn_std,
    )
    proposals, valid = network.propose(
        logits,
        deltas,
        config.proposals_train,
        pre_nms=config.resolved_pre_nms_train,
        shape=shape,
        window=inputs.get("window"),
    )
    boxes = rules.to_units(config, boxes, shape)
    if config.add_truth_to_proposals:
        proposals = ops.concatenate([proposals, boxes], axis=1)
        valid = ops.concatenate([valid, class_ids > 0], axis=1)
    rois = roi_targets(
        proposals,
        valid,
        class_ids,
        boxes,
        inputs["gt_masks"],
        count=config.train_rois,
        fraction=config.roi_positive_fraction,
        mask_size=2 * config.mask_pool_size,
        fill=config.fill_rois,
        averaged=config.mask_targets == "averaged",
        seed=network.roi_seed,
    )
    return {
        "rpn_logits": logits,
        "rpn_deltas": deltas,
        "rpn_match": anchor.match,
        "rpn_targets": anchor.deltas,
        **network.heads(levels, rois, training),
    }
