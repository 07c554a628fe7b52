"""The forward pass of a training step, from the pyramid on: regions are sampled inside it."""

from __future__ import annotations

from tfseg.models.two_stage.training_pass import sample_regions
from tfseg.nn.rcnn.roi_targets import targets_of

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
    config = network.config
    outputs, samples = sample_regions(network, levels, logits, deltas, inputs)
    rois = targets_of(
        samples,
        inputs["gt_masks"],
        mask_size=2 * config.mask_pool_size,
        averaged=config.mask_targets == "averaged",
    )
    return {**outputs, **network.heads(levels, rois, training)}
