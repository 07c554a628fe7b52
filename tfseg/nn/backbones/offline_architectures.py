"""The architectures of keras_cv that are built by name without a network connection, as plain
values: keras_cv keeps these numbers on a server. Constants: the papers of each family."""

from __future__ import annotations

__all__ = ["ARCHITECTURES", "PUBLISHED"]


def _resnet(kind: str, *blocks: int) -> tuple[str, dict]:
    shape = dict(stackwise_filters=(64, 128, 256, 512), stackwise_strides=(1, 2, 2, 2))
    return "ResNetBackbone", dict(shape, stackwise_blocks=blocks, block_type=kind)


def _mobilenet(**stacks) -> tuple[str, dict]:
    return "MobileNetV3Backbone", {f"stackwise_{name}": value for name, value in stacks.items()}


ARCHITECTURES = {
    "resnet18": _resnet("basic_block", 2, 2, 2, 2),
    "resnet50": _resnet("block", 3, 4, 6, 3),
    "resnet101": _resnet("block", 3, 4, 23, 3),
    "efficientnetv2_s": (
        "EfficientNetV2Backbone",
        dict(
            stackwise_kernel_sizes=(3,) * 6,
            stackwise_num_repeats=(2, 4, 4, 6, 9, 15),
            stackwise_input_filters=(24, 24, 48, 64, 128, 160),
            stackwise_output_filters=(24, 48, 64, 128, 160, 256),
            stackwise_expansion_ratios=(1, 4, 4, 4, 6, 6),
            stackwise_squeeze_and_excite_ratios=(0, 0, 0, 0.25, 0.25, 0.25),
            stackwise_strides=(1, 2, 2, 2, 1, 2),
            stackwise_conv_types=("fused",) * 3 + ("unfused",) * 3,
            width_coefficient=1.0,
            depth_coefficient=1.0,
        ),
    ),
    "mobilenet_v3_small": _mobilenet(
        expansion=(1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6),
        filters=(16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96),
        kernel_size=(3,) * 3 + (5,) * 8,
        stride=(2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1),
        se_ratio=(0.25, None, None) + (0.25,) * 8,
        activation=("relu",) * 3 + ("hard_swish",) * 8,
    ),
    "mobilenet_v3_large": _mobilenet(
        expansion=(1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6),
        filters=(16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160),
        kernel_size=(3,) * 3 + (5,) * 3 + (3,) * 6 + (5,) * 3,
        stride=(1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1),
        se_ratio=(None,) * 3 + (0.25,) * 3 + (None,) * 4 + (0.25,) * 5,
        activation=("relu",) * 6 + ("hard_swish",) * 9,
    ),
}
"""Preset name to (class name, constructor settings)."""

PUBLISHED = ("resnet50", "efficientnetv2_s", "mobilenet_v3_small", "mobilenet_v3_large")
"""Presets whose weights keras_cv publishes, under their name with `_imagenet` behind it."""
