"""All settings of Pose2Seg."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar, Literal

import numpy as np

from tfseg.config.base import check_class_names, setting
from tfseg.config.start import start_fault
from tfseg.config.system import SystemConfig
from tfseg.config.train import Stage, TrainConfig
from tfseg.errors import ConfigError
from tfseg.models.pose2seg.skeleton.features import LIMBS_CVPR, LIMBS_V1
from tfseg.models.pose2seg.skeleton.templates import VISIBLE_FROM, Templates, default_templates
from tfseg.structures.labels import COCO_KEYPOINTS

__all__ = ["FULL", "SLIM", "HeadPlan", "Pose2SegConfig"]


@dataclasses.dataclass(frozen=True)
class HeadPlan:
    """Sizes of a head.

    Attributes:
        kernel: Side of the first kernel.
        stem: Channels of the first convolution.
        units: Residual units at half the window's size.
        inner: Channels inside of these.
        outer: Channels between them.
        decoder_inner: Channels inside of the unit at full size.
        decoder_outer: Channels that it gives.
    """

    kernel: int = 7
    stem: int = 256
    units: int = 10
    inner: int = 256
    outer: int = 1024
    decoder_inner: int = 128
    decoder_outer: int = 512


FULL = HeadPlan()
SLIM = HeadPlan(kernel=5, stem=64, units=4, inner=64, outer=128, decoder_inner=32, decoder_outer=64)


def _train() -> TrainConfig:
    """Returns the public code's settings; the paper names none."""
    return TrainConfig(
        batch_size=4,
        stages=(Stage(epochs=25),),
        optimizer="adam",
        learning_rate=2e-4,
        schedule="milestones",
        milestones=(15, 20),
        warmup_steps=1000,
        warmup_from=1 / 3,
        clip_norm=None,
    )


@dataclasses.dataclass(frozen=True)
class Pose2SegConfig(SystemConfig):
    """Settings of `Pose2Seg`. Lengths are pixels of its input unless something else is said.

    Attributes:
        classes: The name of the one class.
        variant: "v1" (the first paper: stacked hourglass, smallest error, reflection), "cvpr" (the
            public code: ResNet-50 with a pyramid, highest score, left and right exchanged) or
            "light" (as "cvpr" on MobileNetV2 with a slim head, for CPUs).
        image_size: Side of the square that an image is fitted into. The feature map is a quarter
            of it.
        window_size: Side of the window that a person is aligned to, in its own pixels; None takes
            an eighth of `image_size`.
        use_skeleton: Whether the head sees the person's skeleton beside the features.
        use_affine: Whether people are aligned; otherwise everyone sees the whole image.
        n_templates: Use the first ones alone; None uses all.
        templates: Rows of x, y and visibility of COCO's 17 joints, 51 numbers; None takes those
            shipped. See `tfseg.models.pose2seg.skeleton.templates`.
        visible_from: A template's joint counts from this mean visibility.
        limbs: Pairs of joints; None takes the variant's, 11 for "v1" and else 19.
        sampling: "exact" reads features where the matrices say. "public" is for the public weights,
            whose code shifts windows by up to a cell of the feature map: it measures places in
            shares of the map's side and reads them as shares of one cell less.
        feature_width: Channels of the feature map; None takes 256, or 64 for "light".
        hourglass_stacks: Of "v1".
        hourglass_depth: Of "v1", how often each stack halves its map.
        initial_weights: The path of a weight file to start from, as far as it fits: the public
            weights for "cvpr", a TFLite file or Keras Applications' for "light". "imagenet"
            downloads the latter once. None starts from random numbers.
        norm: Normalisation of the backbone: "batch" learns statistics, "frozen" keeps those of
            loaded weights, "group" is for small batches from scratch. None takes "batch", or
            "frozen" for "light".
        head_norm: The head's; None takes "batch", or "group" for "light".
        norm_momentum: Share of the old statistics kept at each step.
        people_per_image: Places for people of an image in training, M.
        people_per_batch: As many of a batch's people at most are learnt from, drawn by chance.
        soft_targets: Learn which share of each pixel of a window is the person's. False learns 0 or
            1, as published; a window's own pixels then show in a mask of the image's size.
        rotation: In training, windows are turned by up to as many degrees either way,
        scale_change: made larger or smaller by up to this share,
        shift: and moved by up to this share of their side, along both axes.
        joint_noise: In training, joints are moved by normal noise of this share of the person's
            longer side, for poses of an estimator are not exact.
        joint_dropout: In training, the chance of each joint to be taken for missing.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" where hardware is faster at it.
        train: Settings of `fit`.
    """

    layer_groups: ClassVar[Mapping[str, str]] = {
        "heads": "the pyramid and the head",
        "backbone": "the backbone",
        "frozen_norm": "all but the normalisations, which keep their statistics",
        "all": "all layers",
    }

    classes: tuple[str, ...] = setting(("person",), length=1)
    variant: Literal["v1", "cvpr", "light"] = "cvpr"
    image_size: int = setting(512, at_least=32, at_most=4096, multiple_of=32)
    window_size: int | None = setting(None, at_least=16, at_most=512, multiple_of=2)
    use_skeleton: bool = True
    use_affine: bool = True
    n_templates: int | None = setting(None, at_least=1)
    templates: tuple[tuple[float, ...], ...] | None = setting(None, min_length=1)
    visible_from: float = setting(VISIBLE_FROM, at_least=0, at_most=2)
    limbs: tuple[tuple[int, int], ...] | None = None
    sampling: Literal["exact", "public"] = "exact"
    feature_width: int | None = setting(None, at_least=8, at_most=1024, multiple_of=4)
    hourglass_stacks: int = setting(2, at_least=1, at_most=8)
    hourglass_depth: int = setting(4, at_least=1, at_most=5)
    initial_weights: str | None = None
    norm: Literal["batch", "frozen", "group"] | None = None
    head_norm: Literal["batch", "frozen", "group"] | None = None
    norm_momentum: float = setting(0.9, above=0, below=1)
    people_per_image: int = setting(20, at_least=1, at_most=1000)
    people_per_batch: int = setting(8, at_least=1, at_most=1000)
    soft_targets: bool = False
    rotation: float = setting(30.0, at_least=0, at_most=180)
    scale_change: float = setting(0.2, at_least=0, below=1)
    shift: float = setting(0.1, at_least=0, at_most=1)
    joint_noise: float = setting(0.0, at_least=0, at_most=1)
    joint_dropout: float = setting(0.0, at_least=0, below=1)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    train: TrainConfig = dataclasses.field(default_factory=_train)

    # What readers of published weights ask of every system.
    channels = 3
    backbone_width = 1.0

    def _check(self):
        check_class_names(self.classes, type(self).__name__)
        names = ("imagenet",) if self.variant == "light" else ()
        if fault := start_fault(self.initial_weights, names):
            self._fail("initial_weights", fault)
        step = 4 * 2**self.hourglass_depth
        if self.variant == "v1" and self.image_size % step:
            self._fail(
                "image_size",
                f"should be a multiple of {step} for hourglasses of depth {self.hourglass_depth}; "
                f"got {self.image_size}.",
            )
        for limb in self.limbs or ():
            if limb[0] == limb[1] or not all(0 <= k < len(COCO_KEYPOINTS) for k in limb):
                self._fail("limbs", f"expected pairs of different joints, 0 to 16; got {limb}.")
        if self.templates and any(len(row) != 3 * len(COCO_KEYPOINTS) for row in self.templates):
            lengths = sorted({len(row) for row in self.templates})
            self._fail("templates", f"expected rows of 51 numbers; got {lengths} numbers.")
        try:
            _ = self.pose_templates
        except ConfigError as error:
            self._fail("templates" if self.templates else "n_templates", str(error))

    @property
    def backbone(self) -> str:
        """Which backbone the variant has."""
        names = {"v1": "hourglass", "cvpr": "resnet50", "light": "mobilenet_v2"}
        return names[self.variant]

    @property
    def pose_templates(self) -> Templates:
        """The templates that people are aligned with."""
        if self.templates is None:
            found = default_templates(behind=self.variant != "v1")
        else:
            rows = np.array(self.templates, np.float64)
            found = Templates(rows.reshape(len(rows), -1, 3), self.visible_from)
        return found if self.n_templates is None else found.first(self.n_templates)

    @property
    def window(self) -> int:
        """Side of the aligned window in its pixels, a."""
        return self.window_size or self.image_size // 8

    @property
    def feature_size(self) -> int:
        """Side of the feature map in cells."""
        return self.image_size // 4

    @property
    def feature_channels(self) -> int:
        """Channels of the feature map."""
        return self.feature_width or (64 if self.variant == "light" else 256)

    @property
    def skeleton_limbs(self) -> tuple[tuple[int, int], ...]:
        """The limbs that are drawn."""
        if self.limbs is not None:
            return self.limbs
        return LIMBS_V1 if self.variant == "v1" else LIMBS_CVPR

    @property
    def skeleton_channels(self) -> int:
        """Channels of the skeleton, 0 without it: 39 of "v1", else 55."""
        joints = len(COCO_KEYPOINTS)
        return joints + 2 * len(self.skeleton_limbs) if self.use_skeleton else 0

    @property
    def skeleton_style(self) -> dict:
        """How skeletons are drawn, for `skeleton_features`: bells of 3 and limbs of 1 pixel in a
        window of 64, in proportion in others, but no thinner limbs; hidden joints negative in the
        public code's variants."""
        share = self.window / 64
        hidden = 1.0 if self.variant == "v1" else -1.0
        return dict(sigma=3 * share, width=max(1.0, share), hidden=hidden)

    @property
    def alignment(self) -> dict[str, str]:
        """The rule and the turning of `tfseg.models.pose2seg.skeleton.alignment.align`."""
        if self.variant == "v1":
            return dict(rule="error", turning="reflect")
        return dict(rule="score", turning="swap")

    @property
    def head_plan(self) -> HeadPlan:
        """Sizes of the head."""
        return SLIM if self.variant == "light" else FULL

    @property
    def resolved_norm(self) -> str:
        """The backbone's normalisation."""
        return self.norm or ("frozen" if self.variant == "light" else "batch")

    @property
    def resolved_head_norm(self) -> str:
        """The head's normalisation."""
        return self.head_norm or ("group" if self.variant == "light" else "batch")
