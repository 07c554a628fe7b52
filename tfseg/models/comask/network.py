"""The CoMask network: raw tensors out. One model for training, testing and serving.

Source: Chen et al., Accurate instance segmentation via collaborative learning (2022).
"""

from __future__ import annotations

import math

import keras
from keras import ops

from tfseg.models.comask.config import CoMaskConfig
from tfseg.models.comask.losses import TERMS, loss_terms
from tfseg.models.two_stage import rules
from tfseg.models.two_stage.losses import l2_penalty
from tfseg.models.two_stage.network import TwoStageNetwork, most, window_over_all
from tfseg.models.two_stage.training_pass import sample_regions
from tfseg.nn.layers.msfem import MultiScaleEnhancement
from tfseg.nn.ops.boxes import clip
from tfseg.nn.ops.first_rows import on_first_rows
from tfseg.nn.rcnn.collaborative import CollaborativeHead, collaborate
from tfseg.nn.rcnn.detections import thinned
from tfseg.nn.rcnn.heads import BoxHead, MaskHead
from tfseg.nn.rcnn.roi_sampling import jitter
from tfseg.nn.rcnn.roi_targets import mask_targets

__all__ = ["CoMaskNetwork", "build"]


def build(config: CoMaskConfig, backbone: keras.Model | None = None) -> CoMaskNetwork:
    """Returns the network with its weights created; arguments are those of `CoMaskNetwork`."""
    network = CoMaskNetwork(config, backbone)
    network.build_weights()
    return network


@keras.saving.register_keras_serializable("tfseg")
class CoMaskNetwork(TwoStageNetwork):
    """Backbone, feature pyramid with each level enhanced, region proposals, classes, and the head
    whose coarse masks weigh the boxes that cells vote for. Inputs are those of `TwoStageNetwork`.

    Args:
        config: All settings.
        backbone: See `TwoStageNetwork`.
    """

    def __init__(self, config: CoMaskConfig, backbone: keras.Model | None = None, **kwargs):
        super().__init__(config, "comask", backbone, **kwargs)
        dtype = config.precision
        self.enhance = [
            MultiScaleEnhancement(
                config.branches,
                config.branch_mode,
                config.attention_units,
                name=f"msfem_p{level}",
                dtype=dtype,
            )
            for level in range(2, 7)
        ]
        self.box_head = BoxHead(
            config.class_count,
            config.box_head_channels,
            config.pool_size,
            regress=False,
            norm_kind="none",
            name="box_head",
            dtype=dtype,
        )
        self.collab_head = CollaborativeHead(
            config.class_count,
            config.collab_channels,
            config.collab_convs,
            config.offset_activation,
            name="collab_head",
            dtype=dtype,
        )
        self.mask_head = None
        if config.fine_head == "mask_rcnn":
            self.mask_head = MaskHead(
                config.class_count,
                config.mask_head_channels,
                config.mask_head_convs,
                norm_kind="none",
                name="mask_head",
                dtype=dtype,
            )
        self.add_seeds()
        self.jitter_seed = keras.random.SeedGenerator(config.train.seed + 3)
        self.trackers = [keras.metrics.Mean(name=name) for name in (*TERMS, "l2_loss")]

    def build_weights(self):
        """Creates all weights; the shapes follow from the settings."""
        super().build_weights()
        config, channels = self.config, self.config.pyramid_channels
        for layer in self.enhance:
            layer.build((None, None, None, channels))
        self.box_head.build((None, 1, config.pool_size, config.pool_size, channels))
        for head in (self.collab_head, self.mask_head):
            if head is not None:
                head.build((None, 1, config.mask_pool_size, config.mask_pool_size, channels))
        self.built = True

    def pyramid(self, image, training=None):
        """Returns `[M2, ..., M6]`, the enhanced levels of an image with values 0 to 255."""
        levels = super().pyramid(image, training)
        return [layer(level) for layer, level in zip(self.enhance, levels, strict=True)]

    def call(self, inputs, training=None):
        """Returns the raw tensors of training, or detections and masks for testing.

        Training: `rpn_logits (B, A, 1)`, `rpn_deltas (B, A, 4)`, `rpn_match (B, A)`,
        `rpn_targets (B, A, 4)`, `class_logits (B, T, C)`, `class_ids (B, T)`, `valid (B, T)`, and
        of the T+ places for positives `positive`, `regions (B, T+, 4)` and `truth (B, T+, 4)` in
        the units of `config.box_units`, `offsets (B, T+, n, n, 4)`, `mask_logits` and
        `mask_targets` `(B, T+, m, m)`; with a mask head of its own `fine_logits` and
        `fine_targets`. Testing: see `predict_from`.
        """
        levels = self.pyramid(self.checked(inputs["image"], "gt_boxes" in inputs), training)
        logits, deltas = self.rpn(levels)
        if "gt_boxes" not in inputs:
            given = [inputs.get(name) for name in ("window", "min_score")]
            return self.predict_from(levels, logits, deltas, *given)
        return self._train_from(levels, logits, deltas, inputs, training)

    def _train_from(self, levels, logits, deltas, inputs, training) -> dict:
        config, shape = self.config, rules.image_shape(levels)
        outputs, samples = sample_regions(self, levels, logits, deltas, inputs)
        class_logits, _ = self.box_head(
            self.align(levels, samples.rois, config.pool_size), training=training
        )
        places = samples.positive.shape[1]
        window = inputs.get("window")
        window = window_over_all(logits, shape) if window is None else ops.cast(window, "float32")
        units = rules.to_units(config, window, shape)
        regions = samples.rois[:, :places]
        if training:
            amount = {"shift": config.jitter, "scale": config.jitter}
            regions = jitter(regions, units, self.jitter_seed, **amount)
        ids = samples.class_ids[:, :places]
        # One place at least, so that there is a gradient for every weight.
        needed = ops.maximum(most(samples.positive), 1)
        offsets, masks = self.votes(levels, regions, ids, needed)
        moved = samples._replace(rois=regions)
        size, masks_in = 2 * config.mask_pool_size, inputs["gt_masks"]
        outputs |= {
            "class_logits": class_logits,
            "class_ids": samples.class_ids,
            "valid": samples.valid,
            "positive": samples.positive,
            "regions": regions,
            "truth": samples.truth,
            "offsets": offsets,
            "mask_logits": masks,
            "mask_targets": mask_targets(moved, masks_in, size),
        }
        if self.mask_head is not None:
            found = collaborate(regions, offsets, masks, weighted=config.collaboration)
            found = ops.stop_gradient(clip(found, units[:, None]))
            refined = samples._replace(rois=found)
            outputs["fine_targets"] = mask_targets(refined, masks_in, size)
            outputs["fine_logits"] = self.fine_masks(levels, found, ids, needed, training)
        return outputs

    def votes(self, levels, boxes, class_ids, count):
        """Returns `(offsets, mask_logits)` of the collaborative head for boxes, float32
        `(B, N, n, n, 4)` and `(B, N, m, m)`; zeros behind the first ones.

        Args:
            levels: M2, M3, ...
            boxes: float32 `(B, N, 4)` in the units of `config.box_units`.
            class_ids: int32 `(B, N)`.
            count: int32 scalar, how many boxes of each image are wanted at most.
        """
        size = self.config.mask_pool_size
        cells, side = size // 2, 2 * size

        def compute(rows):
            features = self.align(levels, boxes[:, :rows], size)
            both = self.collab_head(features, class_ids[:, :rows])
            # One tensor, for one branch of the graph gives one.
            return ops.concatenate(
                [ops.reshape(x, (-1, rows, math.prod(x.shape[2:]))) for x in both], axis=-1
            )

        width = 4 * cells * cells + side * side
        flat = on_first_rows(count, (ops.shape(boxes)[0], boxes.shape[1], width), compute)
        offsets, masks = flat[..., : 4 * cells * cells], flat[..., 4 * cells * cells :]
        rows = boxes.shape[1]
        return (
            ops.reshape(offsets, (-1, rows, cells, cells, 4)),
            ops.reshape(masks, (-1, rows, side, side)),
        )

    def fine_masks(self, levels, boxes, class_ids, count, training=None):
        """Returns the mask logits in averaged boxes, float32 `(B, N, m, m)`; see `votes`."""
        if self.mask_head is None:
            return self.votes(levels, boxes, class_ids, count)[1]
        return self.mask_logits(levels, boxes, class_ids, count, training)

    def predict_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns detections and masks.

        Args:
            levels: M2, M3, ...
            logits: From the region proposal network, as the deltas.
            deltas: The regressions.
            window: float32 `(B, 4)` in pixels, where the image lies; None means everywhere.
            min_score: float32 `(B,)`, detections that score less are not looked at; None takes
                all from `config.score_floor`.

        Returns:
            `detections`: float32 `(B, D, 6)` of y1, x1, y2, x2 in pixels of the input, class,
            score; best first, zero rows as padding. `masks`: float32 `(B, D, m, m)`, the
            probability of the detected class within the box. `coarse_detections` and
            `coarse_masks`: the same before collaboration, the regions and the masks in them.
        """
        steps = self.steps_from(levels, logits, deltas, window, min_score)
        return {
            name: steps[name]
            for name in ("detections", "masks", "coarse_detections", "coarse_masks")
        }

    def steps_from(self, levels, logits, deltas, window=None, min_score=None) -> dict:
        """Returns what `predict_from` does, and what it comes from on the way: `proposals`
        float32 `(B, P, 4)` in the units of `config.box_units`, `valid` bool `(B, P)`,
        `probabilities` float32 `(B, P, C)`, and of the detections before the second NMS, in the
        order of `coarse_detections`, `offsets` float32 `(B, D, n, n, 4)` and `averaged` float32
        `(B, D, 4)` in pixels."""
        config, shape = self.config, rules.image_shape(levels)
        window = window_over_all(logits, shape) if window is None else ops.cast(window, "float32")
        proposals, valid = self.propose(
            logits, deltas, config.proposals_test, shape=shape, window=window
        )
        class_logits, _ = self.box_head(
            self.align(levels, proposals, config.pool_size), training=False
        )
        probabilities = ops.softmax(class_logits)
        still = ops.zeros((*ops.shape(probabilities), 4), "float32")
        regions, class_ids, scores = rules.detections(
            config, proposals, valid, probabilities, still, shape, window, min_score
        )
        found = class_ids > 0
        offsets, coarse = self.votes(levels, regions, class_ids, most(found))
        units = rules.to_units(config, window, shape)
        averaged = collaborate(regions, offsets, coarse, weighted=config.collaboration)
        averaged = ops.where(found[..., None], clip(averaged, units[:, None]), 0.0)
        first = self._rows(regions, class_ids, scores, shape)
        boxes = averaged
        if config.refined_nms_threshold is not None:
            ranked = ops.where(found, scores, -ops.ones_like(scores))
            boxes, class_ids, scores = thinned(
                averaged, class_ids, ranked, config.refined_nms_threshold, config.max_detections
            )
        masks = self.fine_masks(levels, boxes, class_ids, most(class_ids > 0), training=False)
        return {
            "detections": self._rows(boxes, class_ids, scores, shape),
            "masks": _probabilities(masks, class_ids > 0),
            "coarse_detections": first,
            "coarse_masks": _probabilities(coarse, found),
            "proposals": proposals,
            "valid": valid,
            "probabilities": probabilities,
            "offsets": offsets,
            "averaged": rules.to_pixels(config, averaged, shape),
        }

    def _rows(self, boxes, class_ids, scores, shape):
        """Returns the rows of `detections`, zeros where there is no class."""
        found = (class_ids > 0)[..., None]
        pixels = rules.to_pixels(self.config, boxes, shape)
        columns = [pixels, ops.cast(class_ids, "float32")[..., None], scores[..., None]]
        return ops.where(found, ops.concatenate(columns, axis=-1), 0.0)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the weighted sum of the losses and the weight decay; the terms, without their
        weights, are metrics."""
        config, terms = self.config, loss_terms(y_pred)
        decay = l2_penalty(self, config.weight_decay)
        for tracker, name in zip(self.trackers, TERMS):
            tracker.update_state(terms[name])
        self.trackers[-1].update_state(decay)
        weights = {
            "class_loss": config.class_loss_weight,
            "box_loss": config.box_loss_weight,
            "mask_loss": config.mask_loss_weight,
        }
        return sum(weights.get(name, 1.0) * terms[name] for name in TERMS) + decay

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(CoMaskConfig.from_dict(config["config"]))


def _probabilities(logits, found):
    return ops.where(found[..., None, None], ops.sigmoid(logits), 0.0)
