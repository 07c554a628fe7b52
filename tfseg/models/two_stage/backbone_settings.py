"""Settings from the image to the feature pyramid, for systems to inherit."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from tfseg.config.base import check_class_names, setting
from tfseg.config.system import SystemConfig
from tfseg.models.two_stage.backbone_choice import backbone_faults, default_pixels
from tfseg.nn.backbones.network_setting import NetworkSetting, as_setting

__all__ = ["BackboneSettings"]


@dataclasses.dataclass(frozen=True)
class BackboneSettings(SystemConfig):
    """Settings of the image, the backbone and the feature pyramid. Lengths are pixels of the
    network's input.

    A setting whose default is None here and for which the system has a value (`usual_values`) takes
    that value when the config is made. A config that changes by `replace` what those values depend
    on takes over the new ones wherever it had the old ones.

    Attributes:
        classes: Names of the classes, without the background; class id k is entry k - 1.
        backbone: "resnet50", "resnet101", or "mobilenet_v2" for training on a CPU;
            "keras_cv:<preset, class or folder>" and "keras_hub:<preset, class or folder>"; or a
            network of Keras with levels at strides 4, 8, 16 and 32, whose weights training starts
            from. See docs/backbones.md.
        backbone_width: Multiplies MobileNetV2's channels.
        backbone_options: Settings of the constructor of a backbone from another library.
        initial_weights: "imagenet" starts the backbone from Keras Applications' weights, "preset" a
            backbone of another library from the weights of that name; both are downloaded once. The
            path of a weight file gives what fits of it (docs/weights.md).
            None starts from random numbers. For images that are not RGB the first convolution
            is fitted: one channel takes the sum over the colours, channels beyond three start
            without effect.
        norm: Normalisation of the backbone: "frozen" statistics for pretrained weights, "batch" for
            batches of 8 and more from scratch, "group" for smaller ones, "none". Backbones of
            other libraries bring their norms, which can be "frozen" or "batch".
        head_norm: The same for the heads; None takes `norm`.
        norm_momentum: Share of the old statistics that "batch" keeps at each step.
        precision: "float32", or "mixed_bfloat16" / "mixed_float16" to compute in half precision
            where the hardware is faster at it.
        stride_on_3x3: Puts the stride of a ResNet's stage on its first 3x3 convolution, not on
            the 1x1 convolution before it.
        conv_bias: Whether a ResNet's convolutions have biases beside their norms.
        symmetric_padding: Pads a ResNet's strided 3x3 windows on both sides, not at the end alone.
        norm_epsilon: Added to the variance by the norms.
        dropout: Blocks of the ResNet that get dropout: ("identity",), ("identity", "conv"), None.
        dropout_rate: Share of activations set to 0.
        dropout_stages: Stages that get it.
        channels: Channels of the image: 3 is RGB, 1 grey, 4 and more RGB with others behind.
        pixel_mean: Subtracted per channel, from 0 to 255; None takes what the system, or the
            backbone's published weights, want, see `backbone_choice.default_pixels`.
            MobileNetV2 always gets pixels from -1 to 1.
        pixel_std: The result is divided by it; one number, or one for each channel.
        image_fit: "square" scales an image up at most and centres it in a square; "matterport"
            does too and predicts to the last digit of that code, see
            `tfseg.geometry.matterport`; "padded" scales it either way and adds rows below and
            columns on the right up to multiples of 32. Of these only "square" has a low-pass
            filter where images get smaller.
        image_size: The longer side of an image never exceeds it. In a square it is the side of
            the input, a multiple of 64.
        image_min_size: The shorter side is brought to it as far as `image_size` allows; None
            means the system's, or else `image_size`, so that the longer side always ends at
            exactly that.
        pyramid_channels: Width of the feature pyramid.
    """

    layer_groups: ClassVar[Mapping[str, str]] = {
        "heads": "feature pyramid, region proposals and all heads",
        "5+": "the heads and the backbone's last stage",
        "4+": "the heads and the backbone from its fourth stage on",
        "3+": "the heads and the backbone from its third stage on",
        "backbone": "all that is not heads",
        "all": "all layers",
    }

    classes: tuple[str, ...] = ()
    backbone: str | NetworkSetting = "resnet101"
    backbone_width: float = setting(1.0, above=0, at_most=4)
    backbone_options: Mapping[str, Any] | None = None
    initial_weights: str | None = None
    norm: Literal["frozen", "batch", "group", "none"] = "frozen"
    head_norm: Literal["frozen", "batch", "group", "none"] | None = None
    norm_momentum: float = setting(0.95, above=0, below=1)
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"] = "float32"
    stride_on_3x3: bool | None = None
    conv_bias: bool | None = None
    symmetric_padding: bool | None = None
    norm_epsilon: float | None = setting(None, at_least=0)
    dropout: tuple[Literal["identity", "conv"], ...] | None = None
    dropout_rate: float = setting(0.5, at_least=0, below=1)
    dropout_stages: tuple[int, ...] = setting((5, 4, 3, 2), at_least=2, at_most=5)
    channels: int = setting(3, at_least=1, at_most=1024)
    pixel_mean: tuple[float, ...] | None = None
    pixel_std: tuple[float, ...] | None = setting(None, above=0)
    image_fit: Literal["square", "matterport", "padded"] | None = None
    image_size: int | None = setting(None, at_least=64, at_most=16384)
    image_min_size: int | None = setting(None, at_least=1)
    pyramid_channels: int = setting(256, at_least=1, at_most=16384)

    def __post_init__(self):
        object.__setattr__(self, "backbone", as_setting(self.backbone))
        super().__post_init__()

    def usual_values(self) -> Mapping[str, Any]:
        """Returns the system's values of settings that are not given, by name: all whose default
        is None and that cannot be without a value. Pixel mean and deviation are those of RGB."""
        raise NotImplementedError

    leading_settings = ("backbone", "channels")
    """The settings that the values of others follow from."""

    def _check(self):
        for field, problem in backbone_faults(self):
            self._fail(field, problem)
        for name in self.setting_names():
            if getattr(self, name) is None:
                object.__setattr__(self, name, self.default_of(name))
        check_class_names(self.classes, type(self).__name__)
        if self.image_fit != "padded" and self.image_size % 64:
            self._fail("image_size", f"should be a multiple of 64; got {self.image_size}.")
        if self.image_min_size is not None and self.image_min_size > self.image_size:
            self._fail(
                "image_min_size",
                f"should not exceed image_size ({self.image_size}); got {self.image_min_size}.",
            )
        if len(self.pixel_mean) != self.channels:
            self._fail(
                "pixel_mean",
                f"needs one number per channel ({self.channels}); got {len(self.pixel_mean)}.",
            )
        if len(self.pixel_std) not in (1, self.channels):
            self._fail(
                "pixel_std",
                f"needs one number, or one per channel ({self.channels}); got "
                f"{len(self.pixel_std)}.",
            )

    def default_of(self, name: str):
        """Returns what a setting is if it is not given: for some of them the system's value."""
        usual = self.usual_values()
        if name in ("pixel_mean", "pixel_std"):
            pixels = self.backbone, self.channels, usual["pixel_mean"], usual["pixel_std"]
            return default_pixels(*pixels)[name == "pixel_std"]
        # It follows from `image_size` too, see `resolved_min_size`.
        if name in usual and name != "image_min_size":
            return usual[name]
        return super().default_of(name)

    def replace(self, **changes) -> BackboneSettings:
        """Returns a copy with some settings changed; another backbone or number of channels brings
        its own pixel mean and deviation."""
        leading = {name: getattr(self, name) for name in self.leading_settings}
        if any(changes.get(name, value) != value for name, value in leading.items()):
            following = {
                field.name: None
                for field in dataclasses.fields(self)
                if field.default is None
                and getattr(self, field.name) == self.default_of(field.name)
            }
            changes = {**following, **changes}
        return super().replace(**changes)

    @property
    def class_count(self) -> int:
        """The number of classes with the background, C."""
        return len(self.classes) + 1

    @property
    def resolved_head_norm(self) -> str:
        """The heads' normalisation."""
        return self.norm if self.head_norm is None else self.head_norm

    @property
    def resolved_min_size(self) -> int:
        """The side that the shorter side of an image is brought to."""
        if self.image_min_size is not None:
            return self.image_min_size
        return min(self.usual_values().get("image_min_size") or self.image_size, self.image_size)

    @property
    def canvas(self) -> tuple[int, int]:
        """`(S, S)`: a canvas that every image fits into, for training, serving and exports."""
        side = -(-self.image_size // 32) * 32
        return side, side
