"""All settings of the portrait network."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Literal

from tfseg.config.base import check_class_names, setting
from tfseg.config.start import start_fault
from tfseg.config.system import SystemConfig
from tfseg.config.train import TrainConfig
from tfseg.models.portrait.affinity.config import AffinityConfig
from tfseg.models.portrait.graph import GraphOptions

__all__ = ["PortraitConfig"]


@dataclasses.dataclass(frozen=True)
class PortraitConfig(SystemConfig):
    """Settings of `PortraitSegmenter`. Lengths are pixels of the network's input.

    Attributes:
        classes: Names of the classes, without the background: ("person",), or VOC's twenty.
        preset: Where the decoder taps MobileNetV2: "paper" (strides 2 to 16, the published
            results), "light" (4 to 32: a third of the work, for phones and CPUs), "dilated" (as
            "light", its last stage at stride 16) or "nano" (4 to 16, the encoder without its last
            five blocks and a narrow decoder: a seventh of the work of "light").
        decoder: "layers" as published, or "aspp": the plain network it is compared with.
        cgca: Cross-granularity categorical attention.
        cgca_source: Attention from the deeper layer's map after its own CGCA ("enhanced") or
            before it ("raw").
        cgbe: Cross-granularity boundary enhancement.
        cgbe_resize: How a boundary map becomes smaller: "bilinear", or "max" for thin lines.
        merge: "sum" of the four layers' outputs, or "concat".
        backbone_width: Multiplies the encoder's channels (MobileNetV2's alpha). Public weights, and
            those of the other presets' encoders, have 1.
        decoder_width: Channels of the decoder's features; None: 256, with "nano" 32.
        edge_width: Channels of its boundary features; None: 64, with "nano" 16.
        initial_weights: "imagenet" starts the encoder from Keras Applications' MobileNetV2, which
            is downloaded once; the path of a weight file, as far as it fits (docs/weights.md). None
            starts from random numbers.
        norm: "batch" learns statistics, "frozen" keeps those of loaded weights: for batches below
            a dozen on trained weights.
        norm_momentum: Share of the old statistics kept at each step. From random weights 0.9 to
            0.97: with more, short trainings are tested with half initial statistics.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" where hardware is faster at it.
        image_size: `(height, width)` of the images that training sees.
        image_fit: "proportional" trains on images fitted into `image_size` with their
            proportions and padding, and predicts at a size of the same area and the image's
            proportions; "letterbox" pads in predicting too; "stretch" ignores proportions;
            "native" trains on crops and predicts at the image's own size.
        native_limit: Longest side that "native" predicts at.
        semantic_weight: Weight of the four auxiliary categorical losses.
        boundary_weight: Of the four boundary losses. Large values cost regions what they bring
            edges: watch both.
        teacher: A trained portrait model of the same classes whose answers `fit` learns from
            besides the labels: a name such as "portrait", or the folder of a saved model. It sees
            the same augmented images, and its answer also counts where labels are ignored. It is
            not part of this model and not saved with it; None trains without one.
        teacher_weight: Weight of the divergence from the teacher's probabilities.
        teacher_temperature: What both networks' logits are divided by in that loss. 1 compares the
            opacities as they are; more, the doubts of a teacher that is sure nearly everywhere.
        weight_decay: Half the factor of the sum of squared kernels, norms and biases excepted.
        foreground: The class that is cut out and split into instances; None means "person" where
            there is such a class, else the first.
        refine_edges: Predictions follow the photograph's edges, by the guided filter
            (`tfseg.models.portrait.edges`); files for phones leave that to the program around them.
        affinity: Settings of the step that splits people.
        train: Settings of `fit`.
        learns_maps: The label maps that it learns from.
    """

    learns_maps: ClassVar[tuple[str, ...]] = ("classes",)
    layer_groups: ClassVar[Mapping[str, str]] = {
        "heads": "the decoder",
        "backbone": "the encoder",
        "frozen_norm": "all but the normalisations, which keep their statistics",
        "all": "all layers",
    }

    classes: tuple[str, ...] = ("person",)
    preset: Literal["paper", "light", "dilated", "nano"] = "light"
    decoder: Literal["layers", "aspp"] = "layers"
    cgca: bool = True
    cgca_source: Literal["enhanced", "raw"] = "enhanced"
    cgbe: bool = True
    cgbe_resize: Literal["bilinear", "max"] = "bilinear"
    merge: Literal["sum", "concat"] = "sum"
    backbone_width: float = setting(1.0, above=0, at_most=4)
    decoder_width: int | None = setting(None, at_least=1, at_most=4096)
    edge_width: int | None = setting(None, at_least=1, at_most=4096)
    initial_weights: str | None = None
    norm: Literal["batch", "frozen"] = "batch"
    norm_momentum: float = setting(0.99, above=0, below=1)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    image_size: tuple[int, int] = setting((256, 256), length=2, at_least=32, at_most=16384)
    image_fit: Literal["proportional", "letterbox", "stretch", "native"] = "proportional"
    native_limit: int = setting(1024, at_least=32, at_most=32768)
    semantic_weight: float = setting(0.4, at_least=0)
    boundary_weight: float = setting(0.4, at_least=0)
    teacher: str | None = None
    teacher_weight: float = setting(1.0, at_least=0)
    teacher_temperature: float = setting(1.0, above=0)
    weight_decay: float = setting(0.0, at_least=0)
    foreground: str | None = None
    refine_edges: bool = False
    affinity: AffinityConfig = dataclasses.field(default_factory=AffinityConfig)
    train: TrainConfig = dataclasses.field(
        default_factory=lambda: TrainConfig(monitor="miou", batch_size=8)
    )

    # What readers of published weights ask of every system.
    backbone = "mobilenet_v2"
    channels = 3

    def _check(self):
        if fault := start_fault(self.initial_weights, ("imagenet",)):
            self._fail("initial_weights", fault)
        check_class_names(self.classes, type(self).__name__)
        if self.foreground is not None and self.foreground not in self.classes:
            known = ", ".join(self.classes)
            self._fail("foreground", f"{self.foreground!r} is none of the classes ({known}).")
        if len(self.classes) > 254:
            self._fail("classes", "at most 254: a pixel's class is one byte, and 255 is ignored.")

    @property
    def class_count(self) -> int:
        """N, the background included."""
        return len(self.classes) + 1

    @property
    def foreground_id(self) -> int:
        """The class id of `foreground`."""
        return self.classes.index(self.foreground_name) + 1

    @property
    def foreground_name(self) -> str:
        """The name of the class that `foreground` means."""
        if self.foreground is not None:
            return self.foreground
        return "person" if "person" in self.classes else self.classes[0]

    @property
    def graph(self) -> GraphOptions:
        """What the graph depends on."""
        return GraphOptions(
            classes=self.class_count,
            preset=self.preset,
            cgca=self.cgca,
            cgca_source=self.cgca_source,
            cgbe=self.cgbe,
            cgbe_resize=self.cgbe_resize,
            merge=self.merge,
            decoder=self.decoder,
            momentum=self.norm_momentum,
            frozen_norm=self.norm == "frozen",
            dtype=self.precision,
            backbone_width=self.backbone_width,
            decoder_width=self.decoder_width,
            edge_width=self.edge_width,
        )
