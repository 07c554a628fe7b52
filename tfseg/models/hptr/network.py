"""The HPTR network: raw tensors out. One model for training, testing and serving.

Source: Loesch and Audigier, Describe me if you can! Characterized instance-level human parsing
(2021); Carion et al. (2020) for the transformer.
"""

from __future__ import annotations

import keras
import numpy as np
from keras import layers, ops

from tfseg.errors import ConfigError
from tfseg.models.hptr.config import MAP_STRIDE, HPTRConfig
from tfseg.models.hptr.heads import BranchHead, ImageHints, concat_levels, features_of_heads
from tfseg.models.hptr.losses import TERMS, loss_terms, term_weights
from tfseg.models.hptr.ranking import ranked
from tfseg.nn.backbones.imagenet import weighted_layers
from tfseg.nn.backbones.mobilenet_v2 import mobilenet_v2
from tfseg.nn.backbones.resnet import resnet
from tfseg.nn.detr.anchor_detector import AnchorDetector
from tfseg.nn.detr.denoising import BoxNoise
from tfseg.nn.detr.detector import Detector
from tfseg.nn.detr.mask_attention import MaskAttention
from tfseg.nn.detr.mask_head import MaskHead
from tfseg.nn.detr.mask_hints import HINTS, attention_hints, box_hints
from tfseg.nn.detr.proposal_detector import ProposalDetector
from tfseg.nn.layers.fpn import FeaturePyramid
from tfseg.nn.layers.resize_like import ResizeLike
from tfseg.nn.losses.set_loss import gather_queries
from tfseg.nn.ops.first_rows import on_first_rows
from tfseg.nn.targets.hungarian import match_queries

__all__ = ["HPTRNetwork", "build", "layer_group"]

_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # torchvision's, of RGB / 255
_DETECTORS = {"codes": Detector, "anchors": AnchorDetector, "proposals": ProposalDetector}
_CAFFE_MEAN = (123.68, 116.779, 103.939)  # with which Keras Applications' ResNets were trained


def build(config: HPTRConfig) -> HPTRNetwork:
    """Returns the network with its weights created."""
    network = HPTRNetwork(config)
    network.build_weights()
    return network


@keras.saving.register_keras_serializable("tfseg")
class HPTRNetwork(keras.Model):
    """Backbone, feature pyramid, a head for each map, DETR's transformer and masks.

    Args:
        config: All settings.

    Inputs are a dict of tensors with a batch axis:

    - `image`: uint8 or float `(B, H, W, 3)`, RGB, 0 to 255, sides multiples of 32;
    - `padding`: bool `(B, H, W)`, True where there is no image;
    - `min_score` (testing): float32 `(B,)`, the lowest score of a person who gets a mask;
      `detection_min_confidence` where not given;
    - `labels`, `gt_boxes`, `gt_masks` (training): int32 `(B, N)`, 0 to C - 1, -1 behind the last
      person; float32 `(B, N, 4)`, `(cx, cy, w, h)` as shares of the unpadded image; `(B, N, H, W)`
      of 0 and 1; N is at most `config.queries`;
    - for each of `config.tasks` (training): int `(B, H, W)`, 255 for what does not count.
    """

    open_axes = {"image": (0, 1, 2), "padding": (0, 1, 2), "min_score": (0,)}
    """See `runtime.compile_inference`: images of any number and size."""

    def __init__(self, config: HPTRConfig, **kwargs):
        super().__init__(name="hptr", dtype=config.precision, autocast=False, **kwargs)
        self.config, dtype = config, config.precision
        channels, width = config.transformer_channels, config.branch_width
        self.backbone = _backbone(config)
        self.fpn = FeaturePyramid(config.pyramid_channels, name="fpn", dtype=dtype)
        self.branches = [
            BranchHead(width, name=f"branch_p{level}", dtype=dtype) for level in (2, 3, 4, 5)
        ]
        self.resize = ResizeLike(name="resize", dtype=dtype)
        self.heads = {
            task: BranchHead(
                *(width, config.outputs_of(task), config.background_channel),
                name=f"{task}_head",
                dtype=dtype,
            )
            for task in config.tasks
        }
        self.image_hints = None
        if config.map_hints == "image":
            counts = {task: config.outputs_of(task) for task in config.tasks}
            self.image_hints = ImageHints(counts, name="image_hints", dtype=dtype)
        self.detector = _DETECTORS[config.query_kind](
            len(config.classes),
            config.queries,
            channels=channels,
            hidden=config.transformer_hidden,
            encoder_layers=config.encoder_layers,
            decoder_layers=config.decoder_layers,
            dropout=config.dropout,
            name="detector",
            dtype=dtype,
        )
        self.noise = BoxNoise(config.denoising, name="noise") if config.denoising else None
        self.mask_attention = MaskAttention(channels, name="mask_attention", dtype=dtype)
        self.mask_head = MaskHead(
            channels,
            heads=self.mask_attention.heads + (HINTS if config.mask_hints == "boxes" else 0),
            fuse=config.fuse,
            growth=config.memory_stride // MAP_STRIDE,
            name="mask_head",
            dtype=dtype,
        )
        self.trackers = [keras.metrics.Mean(name=name) for name in TERMS]

    def build_weights(self):
        """Creates all weights; the shapes follow from the settings."""
        config = self.config
        stages = {name: x.shape for name, x in self.backbone.output.items()}
        self.fpn.build(stages)
        for branch in self.branches:
            branch.build((None, None, None, config.pyramid_channels))
        for head in self.heads.values():
            head.build((None, None, None, 4 * config.branch_width))
        if self.image_hints is not None:
            features = dict.fromkeys(self.heads, (None, None, None, config.branch_width))
            self.image_hints.build(features, (None, None, None, config.channels))
        deepest = (None, None, None, config.pyramid_channels)
        self.detector.build(stages["C5"] if config.memory_stride == 32 else deepest)
        map_of = (None, None, None, config.transformer_channels)
        self.mask_attention.build(map_of)
        self.mask_head.build(None, map_of, [(None, None, None, config.branch_width)] * 3)
        self.built = True

    def build(self, input_shape=None):
        """Creates the weights; called by Keras."""
        if not self.built:
            self.build_weights()

    def preprocess(self, image, padding):
        """Returns the image as the backbone expects it, 0 on padding, in the dtype of
        computation."""
        config, image = self.config, ops.cast(image, "float32")
        if config.backbone == "mobilenet_v2":
            image = image / 127.5 - 1.0
        elif config.backbone_form == "keras":
            image = image - np.array(_CAFFE_MEAN, np.float32)
        else:
            image = image / 255.0 - np.array(_MEAN, np.float32)
            image = image / np.array(_DEVIATION, np.float32)
        image = ops.where(ops.cast(padding, "bool")[..., None], 0.0, image)
        return ops.cast(image, self.compute_dtype)

    def call(self, inputs, training=None):
        """Returns raw tensors. In both cases, for each of `config.tasks`, float32
        `(B, H / 4, W / 4, K)`, logits.

        Training: `logits (L, B, Q, C + 1)` and `boxes (L, B, Q, 4)` of all decoder layers,
        `matched` int32 `(L, B, N)`, and `masks` float32 `(B, N, H / 4, W / 4)`, the mask logits of
        the queries that the last layer matched with the people; with `denoising` and `training`
        also `denoised_logits` and `denoised_boxes`, see `AnchorDetector.from_boxes`; of proposals
        their logits and boxes, see `ProposalDetector`. Testing: see `predict_from`.
        """
        image, padding = self._checked(inputs["image"]), inputs["padding"]
        image = self.preprocess(image, padding)
        stages = self.backbone(image, training=training)
        pyramid = self.fpn(stages)[:4]
        levels = [branch(x) for branch, x in zip(self.branches, pyramid, strict=True)]
        joint = concat_levels(levels, self.resize)
        maps = self.maps(joint, image, training)
        found = self.detector(self.looked_at(stages, pyramid), padding, training=training)
        finer = [levels[2], levels[1], levels[0]]
        if "gt_boxes" not in inputs:
            people = self.predict_from(found, finer, inputs.get("min_score"))
            return {**maps, **ranked(people, maps, padding, self.config)}
        labels = ops.cast(inputs["labels"], "int32")
        matched = match_queries(
            *(found["logits"], found["boxes"], labels, inputs["gt_boxes"]),
            **self.config.inner_weights,
        )
        # One at least, so that there is a gradient for every weight.
        needed = ops.maximum(_most(labels >= 0), 1)
        masks = self.masks(found, finer, matched[-1], needed)
        own = ("logits", "boxes")
        people = {n: x for n, x in found.items() if n in own or n.startswith("proposal_")}
        if self.noise is not None and training:
            anchors = self.noise(labels, inputs["gt_boxes"])
            more = self.detector.from_boxes(found, anchors, self.noise.groups, training=training)
            people.update({f"denoised_{name}": value for name, value in more.items()})
        return {**maps, **people, "matched": matched, "masks": masks}

    def maps(self, joint, image, training=None) -> dict:
        """Returns the logits of each task, float32 `(B, H / 4, W / 4, K)`.

        Args:
            joint: See `concat_levels`.
            image, training: Of `preprocess` and of `call`.
        """
        features = features_of_heads(self.heads, joint, training)
        found = {task: self.heads[task].logits(x) for task, x in features.items()}
        if self.image_hints is None:
            return found
        more = self.image_hints(features, image)
        return {task: logits + more[task] for task, logits in found.items()}

    def looked_at(self, stages, pyramid):
        """Returns the map that the encoder takes: C5, or P4 with `memory_stride` 16."""
        return stages["C5"] if self.config.memory_stride == 32 else pyramid[2]

    def masks(self, found, finer, queries, count):
        """Returns mask logits of the first queries, float32 `(B, N, H / 4, W / 4)`; zeros behind
        them.

        Args:
            found: Of the detector.
            finer: Three levels of the pyramid, from the smallest to the largest.
            queries: int32 `(B, N)`, numbers of queries of the last decoder layer, all or some.
            count: int32 scalar, how many queries of each image are wanted at most.
        """
        memory, padding = found["memory"], found["padding"]
        states = gather_queries(found["states"][-1], queries)
        boxes = gather_queries(found["boxes"][-1], queries)

        def compute(rows):
            hints = self.mask_attention(states[:, :rows], memory, padding)
            if self.config.mask_hints == "boxes":
                inside = ops.cast(box_hints(boxes[:, :rows], padding), hints.dtype)
                hints = ops.concatenate([attention_hints(hints), inside], axis=-1)
            return self.mask_head(hints, memory, finer)

        batch, height, width = ops.shape(finer[-1])[:3]
        return on_first_rows(count, (batch, queries.shape[1], height, width), compute)

    def predict_from(self, found, finer, min_score=None) -> dict:
        """Returns what the last decoder layer found, best first: `scores` float32 `(B, Q)` and
        `class_ids` int32 `(B, Q)`, the probability of the likeliest class and its number from 1;
        `boxes` float32 `(B, Q, 4)`, `(cx, cy, w, h)` as shares of the unpadded image; `masks`
        float32 `(B, Q, H / 4, W / 4)`, logits, which only those who reach the lowest score have
        for sure.

        Args:
            found: Of the detector.
            finer: See `masks`.
            min_score: float32 `(B,)`, or None.
        """
        if min_score is None:
            min_score = ops.ones_like(found["boxes"][0, :, 0, 0])
            min_score = min_score * self.config.detection_min_confidence
        chances = ops.softmax(found["logits"][-1], axis=-1)[..., :-1]
        scores, order = ops.top_k(ops.max(chances, axis=-1), self.config.queries)
        order = ops.cast(order, "int32")
        ids = ops.take_along_axis(ops.cast(ops.argmax(chances, axis=-1), "int32"), order, axis=1)
        kept = scores >= ops.cast(min_score, "float32")[:, None]
        people = {
            "scores": scores,
            "class_ids": ids + 1,
            "boxes": gather_queries(found["boxes"][-1], order),
            "masks": self.masks(found, finer, order, _most(kept)),
        }
        return people

    def _checked(self, image):
        """Returns the image if all stages are twice as large as the next, as far as is known."""
        if any(side is not None and side % 32 for side in image.shape[1:3]):
            raise ConfigError(
                "the network expects images whose height and width are multiples of 32; got "
                f"{image.shape[1]} x {image.shape[2]}. `predict` and `fit` fit images to that."
            )
        return image

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the weighted sum of the losses; each is also a metric, before its weight."""
        config = self.config
        terms = loss_terms(x, y_pred, config.background_channel, config.inner_weights)
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        weights = term_weights(config)
        return sum(weights[name] * terms[name] for name in TERMS)

    def get_config(self):
        """Returns the settings."""
        return {"config": self.config.to_dict()}

    @classmethod
    def from_config(cls, config):
        """Builds the network from `get_config()`."""
        return build(HPTRConfig.from_dict(config["config"]))


def _most(some):
    """Returns how many of each image's rows, bool `(B, N)`, there are at most, int32 scalar."""
    return ops.max(ops.sum(ops.cast(some, "int32"), axis=1))


def _backbone(config: HPTRConfig) -> keras.Model:
    common = dict(norm_kind=config.norm, dtype=config.precision)
    if config.backbone == "mobilenet_v2":
        return mobilenet_v2(width=config.backbone_width, epsilon=1e-3, **common)
    torch = config.backbone_form == "torch"
    return resnet(
        config.backbone,
        epsilon=1e-5 if torch else 1.001e-5,
        stride_on_3x3=torch,
        conv_bias=not torch,
        symmetric_padding=torch,
        **common,
    )


def layer_group(network: HPTRNetwork, group: str) -> set[str]:
    """Returns the names of the layers that a training stage changes.

    Args:
        network: The network.
        group: One of `HPTRConfig.layer_groups`.
    """
    maps = [network.fpn, *network.branches, *network.heads.values()]
    if network.image_hints is not None:
        maps.append(network.image_hints)
    people = (network.detector, network.mask_attention, network.mask_head)
    maps, people = ({part.name for part in parts} for parts in (maps, people))
    heads = maps | people
    # Whole parts by name: a head has a "conv1" inside, and so has a ResNet.
    backbone = {network.backbone.name}
    groups = {"all": heads | backbone, "heads": heads, "maps": maps, "backbone": backbone}
    norms = (layers.BatchNormalization, layers.GroupNormalization)
    # The stem and the stage of C2, in the names of ResNets and of MobileNetV2.
    early = ("conv1", "res2", "Conv1", "expanded_", "block_1_", "block_2_")
    groups["detr"] = heads | {
        name
        for name, layer in weighted_layers(network.backbone).items()
        if not isinstance(layer, norms) and not name.startswith(early)
    }
    if group not in groups:
        raise ConfigError(f"layers should be one of {', '.join(groups)}; got {group!r}.")
    return groups[group]
