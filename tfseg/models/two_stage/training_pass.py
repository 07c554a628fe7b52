"""The part of a training step that two-stage networks share: what the region proposals learn, and
the regions that the heads learn from, sampled inside the one forward pass."""

from __future__ import annotations

from keras import ops

from tfseg.models.two_stage import rules
from tfseg.nn.rcnn.roi_sampling import RoISamples, sample_rois
from tfseg.nn.rcnn.rpn_targets import rpn_targets

__all__ = ["sample_regions"]


def sample_regions(network, levels, logits, deltas, inputs) -> tuple[dict, RoISamples]:
    """Returns the tensors of the proposals' losses, and the sampled regions in the units of
    `config.box_units`.

    Args:
        network: A `TwoStageNetwork` with seeds.
        levels: P2, P3, ...
        logits: From the region proposal network, as the deltas.
        deltas: The regressions.
        inputs: With `gt_boxes` and the rest of the ground truth.
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
    samples = sample_rois(
        proposals,
        valid,
        class_ids,
        boxes,
        count=config.train_rois,
        fraction=config.roi_positive_fraction,
        fill=config.fill_rois,
        seed=network.roi_seed,
    )
    outputs = {
        "rpn_logits": logits,
        "rpn_deltas": deltas,
        "rpn_match": anchor.match,
        "rpn_targets": anchor.deltas,
    }
    return outputs, samples
