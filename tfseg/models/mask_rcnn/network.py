"""The Mask R-CNN network: raw tensors out. One model for training, testing and serving.

Ground truth is an input: where the inputs hold it, the regions that the heads learn from are
sampled inside the one forward pass, and `compute_loss` sees their targets beside the outputs.
"""

from __future__ import annotations

import keras
from keras import ops

from tfseg.models.mask_rcnn.config import MaskRCNNConfig
from tfseg.models.mask_rcnn.losses import TERMS, loss_terms
from tfseg.models.mask_rcnn.training_pass import train_from
from tfseg.models.two_stage import rules
from tfseg.models.two_stage.groups import layer_group
from tfseg.models.two_stage.losses import l2_penalty
from tfseg.models.two_stage.network import TwoStageNetwork, most, window_over_all
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.nn.rcnn.heads import BoxHead, MaskHead

__all__ = ["MaskRCNNNetwork", "build", "layer_group", "weighted_layers"]


def build(config: MaskRCNNConfig, backbone: keras.Model | None = None) -> MaskRCNNNetwork:
    """Returns the network with its weights created; arguments are those of `MaskRCNNNetwork`."""
    network = MaskRCNNNetwork(config, backbone)
    network.build_weights()
    return network


@keras.saving.register_keras_serializable("tfseg")
class MaskRCNNNetwork(TwoStageNetwork):
    """Backbone, feature pyramid, region proposals, box head and mask head.

    Args:
        config: All settings.
        backbone: See `TwoStageNetwork`.

    Inputs are those of `TwoStageNetwork`, and

    - `active_classes` (training, optional): `(B, C)`, 0 for classes that the image's dataset
      does not label.
    """

    def __init__(self, config: MaskRCNNConfig, backbone: keras.Model | None = None, **kwargs):
        super().__init__(config, "mask_rcnn", backbone, **kwargs)
        dtype = config.precision
        head = dict(
            norm_kind=config.resolved_head_norm,
            momentum=config.norm_momentum,
            epsilon=config.norm_epsilon,
            dtype=dtype,
        )
        self.box_head = BoxHead(
            config.class_count, config.box_head_channels, config.pool_size, name="box_head", **head
        )
        self.mask_head = MaskHead(
            1 if config.class_agnostic_masks else config.class_count,
            config.mask_head_channels,
            config.mask_head_convs,
            name="mask_head",
            **head,
        )
        self.add_seeds()
        self.trackers = [keras.metrics.Mean(name=name) for name in (*TERMS, "l2_loss")]

    def build_weights(self):
        """Creates all weights; the shapes follow from the settings."""
        super().build_weights()
        config, channels = self.config, self.config.pyramid_channels
        self.box_head.build((None, 1, config.pool_size, config.pool_size, channels))
        self.mask_head.build((None, 1, config.mask_pool_size, config.mask_pool_size, channels))
        self.built = True

    def call(self, inputs, training=None):
        """Returns the raw tensors of training, or detections and masks for testing.

        Training: `rpn_logits (B, A, 2)`, `rpn_deltas (B, A, 4)`, `rpn_match (B, A)`,
        `rpn_targets (B, A, 4)`, `class_logits (B, T, C)`, `box_deltas (B, T, C, 4)`,
        `mask_logits (B, T+, m, m)` and the targets `rois, class_ids, delta_targets, mask_targets,
        positive, valid`. Testing: see `predict_from`.
        """
        levels = self.pyramid(self.checked(inputs["image"], "gt_boxes" in inputs), training)
        logits, deltas = self.rpn(levels)
        if "gt_boxes" not in inputs:
            given = [inputs.get(name) for name in ("window", "min_score")]
            return self.predict_from(levels, logits, deltas, *given)
        return train_from(self, levels, logits, deltas, inputs, training)

    def heads(self, levels, rois, training=None) -> dict:
        """Returns the outputs of both heads for sampled RoIs, with their targets."""
        places = rois.masks.shape[1]
        class_logits, box_deltas = self.box_head(
            self.align(levels, rois.rois, self.config.pool_size), training=training
        )
        # Nothing is learnt from the other places; plain batch statistics alone see them. One at
        # least, so that there is a gradient for every weight.
        needed = ops.maximum(most(rois.positive), 1)
        if training and self.config.resolved_head_norm == "batch":
            needed = places
        mask_logits = self.mask_logits(
            levels, rois.rois[:, :places], rois.class_ids[:, :places], needed, training
        )
        return {
            "class_logits": class_logits,
            "box_deltas": box_deltas,
            "mask_logits": mask_logits,
            "rois": rois.rois,
            "class_ids": rois.class_ids,
            "delta_targets": rois.deltas,
            "mask_targets": rois.masks,
            "positive": rois.positive,
            "valid": rois.valid,
        }

    def predict_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns detections and masks.

        Args:
            levels: P2, P3, ...
            logits: From the region proposal network, as the deltas.
            deltas: The regressions.
            window: float32 `(B, 4)` in pixels, where the image lies; None means everywhere.
            min_score: float32 `(B,)`, detections that score less are not looked at; None takes
                all from `config.score_floor`.

        Returns:
            `detections`: float32 `(B, D, 6)` of y1, x1, y2, x2 in pixels of the input, class,
            score; best first, zero rows as padding. `masks`: float32 `(B, D, m, m)`, the
            probability of the detected class within the box.
        """
        steps = self.steps_from(levels, logits, deltas, window, min_score)
        return {name: steps[name] for name in ("detections", "masks")}

    def steps_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns what `predict_from` does, and what it comes from on the way.

        Masks are computed for what was found, rounded up to one of a few numbers.

        Returns:
            As `predict_from`, and `proposals` float32 `(B, P, 4)` in the units of
            `config.box_units`, `valid` bool `(B, P)`, `probabilities` float32 `(B, P, C)`,
            `box_deltas` float32 `(B, P, C, 4)`.
        """
        config, shape = self.config, rules.image_shape(levels)
        window = window_over_all(logits, shape) if window is None else ops.cast(window, "float32")
        proposals, valid = self.propose(
            logits, deltas, config.proposals_test, shape=shape, window=window
        )
        class_logits, box_deltas = self.box_head(
            self.align(levels, proposals, config.pool_size), training=False
        )
        probabilities = ops.softmax(class_logits)
        boxes, class_ids, scores = rules.detections(
            config, proposals, valid, probabilities, box_deltas, shape, window, min_score
        )
        found = class_ids > 0
        mask_logits = self.mask_logits(levels, boxes, class_ids, most(found), training=False)
        pixels = rules.to_pixels(config, boxes, shape)
        pixels = ops.where(found[..., None], pixels, ops.zeros_like(pixels))
        columns = [pixels, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
        masks = ops.sigmoid(mask_logits)
        masks = ops.where(found[..., None, None], masks, ops.zeros_like(masks))
        return {
            "detections": ops.concatenate(columns, axis=-1),
            "masks": masks,
            "proposals": proposals,
            "valid": valid,
            "probabilities": probabilities,
            "box_deltas": box_deltas,
        }

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the sum of the five losses and the weight decay; each is also a metric."""
        terms = loss_terms(
            y_pred,
            self.config.rpn_bbox_loss,
            x.get("active_classes"),
            count_padding=not self.config.fill_rois,
            box_loss=self.config.box_loss,
        )
        values = [terms[name] for name in TERMS]
        values.append(l2_penalty(self, self.config.weight_decay))
        for tracker, value in zip(self.trackers, values, strict=True):
            tracker.update_state(value)
        return sum(values)

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(MaskRCNNConfig.from_dict(config["config"]))
