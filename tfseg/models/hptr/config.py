"""All settings of HPTR. Defaults are the paper's, and DETR's where the paper refers to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Literal

from tfseg.config.base import check_class_names, setting
from tfseg.config.start import start_fault
from tfseg.config.system import SystemConfig
from tfseg.config.train import Stage, TrainConfig
from tfseg.structures.labels import (
    CCIHP_ATTRIBUTES,
    CCIHP_COLORS,
    CCIHP_PATTERNS,
    CCIHP_SIZES,
)

__all__ = ["TASKS", "HPTRConfig"]

MAP_STRIDE = 4
"""Pixels of the network's input a cell of all label maps and masks, in each direction."""
TASKS = ("attributes", "sizes", "patterns", "colors")
"""The label maps that HPTR can learn and predict, in the order of its losses."""


def _train() -> TrainConfig:
    return TrainConfig(
        batch_size=8,
        stages=(Stage(epochs=300, layers="detr"),),
        optimizer="adamw",
        learning_rate=1e-4,
        rate_factors={"backbone": 0.1},
        weight_decay=1e-4,
        schedule="milestones",
        milestones=(200,),
        clip_norm=0.1,
        clip_mode="global",
        monitor="miou",
    )


@dataclasses.dataclass(frozen=True)
class HPTRConfig(SystemConfig):
    """Settings of `HPTR`. Lengths are pixels of the network's input.

    Attributes:
        classes: Names of the objects with boxes and masks: people.
        attributes: Name of number k of the map "attributes" at position k - 1.
        sizes: The same of the map "sizes"; () leaves the task out, as for patterns and colors.
        patterns: The same of the map "patterns".
        colors: The same of the map "colors".
        backbone: "resnet50", "resnet101", or "mobilenet_v2" for CPUs.
        backbone_form: Of a ResNet: "torch", which DETR's weights belong to, or "keras", which those
            of Keras Applications do.
        backbone_width: Multiplies the channels of MobileNetV2.
        initial_weights: "imagenet" starts the backbone from Keras Applications' weights, which are
            downloaded once (not for the form "torch"); the path of a weight file, as far as it
            fits. None starts from random numbers.
        norm: The backbone's normalisation: "frozen" keeps the statistics of loaded weights,
            "batch" learns them, "group" is for small batches from scratch.
        pyramid_channels: Width of the feature pyramid.
        branch_width: Width of the convolutions on its levels and of the semantic heads.
        background_channel: Whether each map has a channel for its background. Without it a pixel
            has no class where no probability is above 0.5.
        fuse: How finer maps enter the mask branch: "concat", or "add" as in DETR.
        queries: The most people that an image can have.
        query_kind: What tells queries apart: "codes", learnt, as in the paper; "anchors", boxes
            that each decoder layer moves (DAB-DETR), which learn where people are in a fraction of
            the steps; or "proposals", such boxes that the encoder's map proposes for each image
            (Deformable DETR's two stages), which learn it fastest.
        denoising: How many times a training step also gives each person two more queries that
            begin beside it (DN-DETR); 0 without. Asks for queries that are boxes.
        memory_stride: Pixels a place of the map that the transformer looks at: 32, the backbone's
            last stage as in the paper; 16, the pyramid's P4, for images so small that a person is
            one or two places wide. That is the resolution of DETR-DC5 (Carion et al. 2020), which
            dilates the last stage instead.
        mask_hints: What tells the mask branch whose mask it makes: "attention", the weights with
            which the query looks at each place, as in the paper; "boxes", their logarithms, and
            where each place lies in the query's box, which tells people apart from the first
            hundreds of steps on (see `tfseg.nn.detr.mask_hints`).
        map_hints: What the label maps are made of: "features", those of the heads, as in the paper;
            "image", also two convolutions on the image itself, since the heads' normalisations take
            out how bright it is, and enlarged features where outlines are.
        transformer_channels: Width of the transformer.
        transformer_hidden: Width of its dense layers.
        encoder_layers: Its encoder layers.
        decoder_layers: Its decoder layers.
        dropout: Share of its activations set to 0 in training.
        unit_weights: Give all terms of loss and matching the weight 1, in place of DETR's 5 for box
            distances and 2 for their overlap.
        score_kind: What the score of a person in a prediction is: "class", the query's probability
            of a person, as in the paper; "masks", times the mean probability of its mask
            (MaskFormer); "maps", times the mean probability, within the mask, that it is none of
            the background in the map of attributes as well. Where queries have learnt from few
            photographs, these tell people from what is taken for people.
        mask_nms_threshold: People whose mask has an IoU above this with that of a surer one are
            left out; None keeps them, as in the paper, where queries have learnt in hundreds of
            epochs to leave a person to one of them.
        detection_min_confidence: People below this score are not returned.
        score_floor: The same in evaluation.
        image_size: The longer side of an image is brought to it.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" where hardware is faster at it.
        train: Settings of `fit`.
        learns_maps: The label maps that it learns from.
    """

    learns_maps: ClassVar[tuple[str, ...]] = TASKS
    layer_groups: ClassVar[Mapping[str, str]] = {
        "heads": "all that is not backbone",
        "maps": "the pyramid, its branches and the heads of label maps",
        "detr": "the heads and the backbone's convolutions from its third stage on, as DETR",
        "backbone": "the backbone",
        "all": "all layers",
    }

    classes: tuple[str, ...] = ("person",)
    attributes: tuple[str, ...] = CCIHP_ATTRIBUTES[1:]
    sizes: tuple[str, ...] = CCIHP_SIZES[1:]
    patterns: tuple[str, ...] = CCIHP_PATTERNS[1:]
    colors: tuple[str, ...] = CCIHP_COLORS[1:]
    backbone: Literal["resnet50", "resnet101", "mobilenet_v2"] = "resnet50"
    backbone_form: Literal["torch", "keras"] = "torch"
    backbone_width: float = setting(1.0, above=0, at_most=4)
    initial_weights: str | None = None
    norm: Literal["frozen", "batch", "group"] = "frozen"
    pyramid_channels: int = setting(256, at_least=1, at_most=4096)
    branch_width: int = setting(64, at_least=16, at_most=4096, multiple_of=16)
    background_channel: bool = True
    fuse: Literal["concat", "add"] = "concat"
    queries: int = setting(40, at_least=1, at_most=1000)
    query_kind: Literal["codes", "anchors", "proposals"] = "codes"
    denoising: int = setting(0, at_least=0, at_most=100)
    memory_stride: Literal[32, 16] = 32
    mask_hints: Literal["attention", "boxes"] = "attention"
    map_hints: Literal["features", "image"] = "features"
    transformer_channels: int = setting(256, at_least=128, at_most=4096, multiple_of=128)
    transformer_hidden: int = setting(2048, at_least=1, at_most=65536)
    encoder_layers: int = setting(6, at_least=1, at_most=100)
    decoder_layers: int = setting(6, at_least=1, at_most=100)
    dropout: float = setting(0.1, at_least=0, below=1)
    unit_weights: bool = False
    score_kind: Literal["class", "masks", "maps"] = "class"
    mask_nms_threshold: float | None = setting(None, above=0, at_most=1)
    detection_min_confidence: float = setting(0.5, at_least=0, at_most=1)
    score_floor: float = setting(0.05, at_least=0, at_most=1)
    image_size: int = setting(512, at_least=32, at_most=8192)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    train: TrainConfig = dataclasses.field(default_factory=_train)

    # What readers of published weights ask of every system.
    channels = 3

    def _check(self):
        check_class_names(self.classes, type(self).__name__)
        check_class_names(self.attributes, type(self).__name__, "attributes")
        for name in TASKS:
            names = getattr(self, name)
            if names:
                check_class_names(names, type(self).__name__, name)
            if len(names) > 254:
                self._fail(name, "at most 254: a class is one byte, and 255 is ignored.")
        if fault := start_fault(self.initial_weights, ("imagenet",)):
            self._fail("initial_weights", fault)
        if self.denoising and self.query_kind == "codes":
            self._fail(
                "denoising", "0, or query_kind 'anchors' or 'proposals': codes are no boxes."
            )
        resnet = self.backbone != "mobilenet_v2"
        if resnet and self.initial_weights == "imagenet" and self.backbone_form == "torch":
            self._fail(
                "initial_weights",
                "the ImageNet weights of Keras Applications belong to backbone_form='keras'; for "
                "'torch' give the path of torchvision's or DETR's file.",
            )

    @classmethod
    def light(cls, **changes) -> HPTRConfig:
        """Returns the variant for CPUs: MobileNetV2, width 128, 3 + 3 layers, 20 queries.

        Args:
            changes: Further settings; they outrank these.
        """
        own = dict(backbone="mobilenet_v2", pyramid_channels=128, branch_width=32, image_size=256)
        own.update(transformer_channels=128, transformer_hidden=512, queries=20)
        own.update(encoder_layers=3, decoder_layers=3)
        return cls.from_dict({**own, **changes})

    @property
    def tasks(self) -> tuple[str, ...]:
        """The label maps that this network learns and predicts."""
        return tuple(name for name in TASKS if getattr(self, name))

    def outputs_of(self, task: str) -> int:
        """Returns the number of channels of a task's map."""
        return len(getattr(self, task)) + self.background_channel

    @property
    def stride_on_3x3(self) -> bool:
        """Whether a ResNet's strides are on its 3x3 convolutions."""
        return self.backbone_form == "torch"

    @property
    def conv_bias(self) -> bool:
        """Whether a ResNet's convolutions have biases."""
        return self.backbone_form == "keras"

    @property
    def canvas(self) -> tuple[int, int]:
        """`(S, S)`: what every training image fits into."""
        side = -(-self.image_size // 32) * 32
        return side, side

    @property
    def inner_weights(self) -> dict[str, float]:
        """The weights of matching and of the losses of boxes."""
        if self.unit_weights:
            return {"class_weight": 1.0, "l1_weight": 1.0, "giou_weight": 1.0}
        return {"class_weight": 1.0, "l1_weight": 5.0, "giou_weight": 2.0}
