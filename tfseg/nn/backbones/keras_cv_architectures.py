"""Every architecture of keras_cv that gives levels at strides 4, 8, 16 and 32, as plain values.

keras_cv keeps these numbers on a server and asks for them even where no weights are wanted. Here
they are at hand, so that a network can be built without a network connection. Constants: the
papers of each family; the numbers of weights agree with those that keras_cv states for its presets
(`tests/nn/backbones/test_foreign.py`).
"""

from __future__ import annotations

__all__ = ["ALIASES", "ARCHITECTURES", "CLASSES", "PUBLISHED", "UNFIT"]

_EFFICIENTNET = dict(
    stackwise_kernel_sizes=(3, 3, 5, 3, 5, 5, 3),
    stackwise_num_repeats=(1, 2, 2, 3, 3, 4, 1),
    stackwise_input_filters=(32, 16, 24, 40, 80, 112, 192),
    stackwise_output_filters=(16, 24, 40, 80, 112, 192, 320),
    stackwise_expansion_ratios=(1, 6, 6, 6, 6, 6, 6),
    stackwise_strides=(1, 2, 2, 2, 1, 2, 1),
)
# Width and depth relative to B0: Tan and Le, EfficientNet (2019).
_SCALES = {
    "b0": (1.0, 1.0),
    "b1": (1.0, 1.1),
    "b2": (1.1, 1.2),
    "b3": (1.2, 1.4),
    "b4": (1.4, 1.8),
    "b5": (1.6, 2.2),
    "b6": (1.8, 2.6),
    "b7": (2.0, 3.1),
}


def _resnet(blocks: tuple[int, ...], block_type: str) -> dict:
    return dict(
        stackwise_filters=(64, 128, 256, 512),
        stackwise_blocks=blocks,
        stackwise_strides=(1, 2, 2, 2),
        block_type=block_type,
    )


def _efficientnet_v2(repeats, inputs, outputs, width=1.0, depth=1.0) -> dict:
    count = len(repeats)
    return dict(
        stackwise_kernel_sizes=(3,) * count,
        stackwise_num_repeats=repeats,
        stackwise_input_filters=inputs,
        stackwise_output_filters=outputs,
        stackwise_expansion_ratios=(1, 4, 4, 4, 6, 6, 6)[:count],
        stackwise_squeeze_and_excite_ratios=(0, 0, 0, 0.25, 0.25, 0.25, 0.25)[:count],
        stackwise_strides=(1, 2, 2, 2, 1, 2, 1)[:count],
        stackwise_conv_types=("fused",) * 3 + ("unfused",) * (count - 3),
        width_coefficient=width,
        depth_coefficient=depth,
    )


def _efficientnets() -> dict:
    found = {}
    for size, (width, depth) in _SCALES.items():
        scaled = dict(_EFFICIENTNET, width_coefficient=width, depth_coefficient=depth)
        squeeze = dict(scaled, stackwise_squeeze_and_excite_ratios=(0.25,) * 7)
        found[f"efficientnetv1_{size}"] = ("EfficientNetV1Backbone", squeeze)
        if size <= "b4":
            found[f"efficientnetlite_{size}"] = ("EfficientNetLiteBackbone", scaled)
        if size <= "b3":
            base = (1, 2, 2, 3, 5, 8), (32, 16, 32, 48, 96, 112), (16, 32, 48, 96, 112, 192)
            options = _efficientnet_v2(*base, width, depth)
            found[f"efficientnetv2_{size}"] = ("EfficientNetV2Backbone", options)
    sizes = {
        "s": ((2, 4, 4, 6, 9, 15), (24, 24, 48, 64, 128, 160), (24, 48, 64, 128, 160, 256)),
        "m": (
            (3, 5, 5, 7, 14, 18, 5),
            (24, 24, 48, 80, 160, 176, 304),
            (24, 48, 80, 160, 176, 304, 512),
        ),
        "l": (
            (4, 7, 7, 10, 19, 25, 7),
            (32, 32, 64, 96, 192, 224, 384),
            (32, 64, 96, 192, 224, 384, 640),
        ),
    }
    for size, stacks in sizes.items():
        found[f"efficientnetv2_{size}"] = ("EfficientNetV2Backbone", _efficientnet_v2(*stacks))
    return found


def _mobilenets() -> dict:
    small = dict(
        stackwise_expansion=(1, 72 / 16, 88 / 24, 4, 6, 6, 3, 3, 6, 6, 6),
        stackwise_filters=(16, 24, 24, 40, 40, 40, 48, 48, 96, 96, 96),
        stackwise_kernel_size=(3,) * 3 + (5,) * 8,
        stackwise_stride=(2, 2, 1, 2, 1, 1, 1, 1, 2, 1, 1),
        stackwise_se_ratio=(0.25, None, None) + (0.25,) * 8,
        stackwise_activation=("relu",) * 3 + ("hard_swish",) * 8,
    )
    large = dict(
        stackwise_expansion=(1, 4, 3, 3, 3, 3, 6, 2.5, 2.3, 2.3, 6, 6, 6, 6, 6),
        stackwise_filters=(16, 24, 24, 40, 40, 40, 80, 80, 80, 80, 112, 112, 160, 160, 160),
        stackwise_kernel_size=(3,) * 3 + (5,) * 3 + (3,) * 6 + (5,) * 3,
        stackwise_stride=(1, 2, 1, 2, 1, 1, 2, 1, 1, 1, 1, 1, 2, 1, 1),
        stackwise_se_ratio=(None,) * 3 + (0.25,) * 3 + (None,) * 4 + (0.25,) * 5,
        stackwise_activation=("relu",) * 6 + ("hard_swish",) * 9,
    )
    return {
        "mobilenet_v3_small": ("MobileNetV3Backbone", small),
        "mobilenet_v3_large": ("MobileNetV3Backbone", large),
    }


def _simple() -> dict:
    """Returns the families whose sizes differ by a list or two."""
    found = {}
    resnets = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
    for layers, blocks in {**resnets, 152: (3, 8, 36, 3)}.items():
        options = _resnet(blocks, "basic_block" if layers < 50 else "block")
        found[f"resnet{layers}"] = ("ResNetBackbone", options)
        found[f"resnet{layers}_v2"] = ("ResNetV2Backbone", options)
    darknets = {
        "tiny": ((48, 96, 192, 384), (1, 3, 3, 1)),
        "s": ((64, 128, 256, 512), (1, 3, 3, 1)),
        "m": ((96, 192, 384, 768), (2, 6, 6, 2)),
        "l": ((128, 256, 512, 1024), (3, 9, 9, 3)),
        "xl": ((170, 340, 680, 1360), (4, 12, 12, 4)),
    }
    yolos = {
        "xs": ((32, 64, 128, 256), (1, 2, 2, 1)),
        "s": ((64, 128, 256, 512), (1, 2, 2, 1)),
        "m": ((96, 192, 384, 576), (2, 4, 4, 2)),
        "l": ((128, 256, 512, 512), (3, 6, 6, 3)),
        "xl": ((160, 320, 640, 640), (3, 6, 6, 3)),
    }
    for sizes, name, owner in (
        (darknets, "csp_darknet_{}", "CSPDarkNetBackbone"),
        (yolos, "yolo_v8_{}_backbone", "YOLOV8Backbone"),
    ):
        for size, (channels, depth) in sizes.items():
            options = dict(stackwise_channels=channels, stackwise_depth=depth)
            found[name.format(size)] = (owner, options)
    densenets = {121: (6, 12, 24, 16), 169: (6, 12, 32, 32), 201: (6, 12, 48, 32)}
    for layers, repeats in densenets.items():
        found[f"densenet{layers}"] = ("DenseNetBackbone", dict(stackwise_num_repeats=repeats))
    narrow, wide = (32, 64, 160, 256), (64, 128, 320, 512)
    mits = [(2, 2, 2, 2), (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 18, 3), (3, 8, 27, 3), (3, 6, 40, 3)]
    for size, depths in enumerate(mits):
        options = dict(depths=depths, embedding_dims=wide if size else narrow)
        found[f"mit_b{size}"] = ("MiTBackbone", options)
    return found


_BARE = {**_simple(), **_efficientnets(), **_mobilenets()}

# Presets whose weights keras_cv publishes, and the bare architecture that they fill.
PUBLISHED = {
    **{
        f"{name}_imagenet": name
        for name in (
            "resnet50",
            "resnet50_v2",
            "csp_darknet_tiny",
            "csp_darknet_l",
            "densenet121",
            "densenet169",
            "densenet201",
            "efficientnetv2_s",
            "efficientnetv2_b0",
            "efficientnetv2_b1",
            "efficientnetv2_b2",
            "mit_b0",
            "mobilenet_v3_small",
            "mobilenet_v3_large",
        )
    },
    **{f"yolo_v8_{s}_backbone_coco": f"yolo_v8_{s}_backbone" for s in ("xs", "s", "m", "l", "xl")},
}

ARCHITECTURES = {**_BARE, **{name: _BARE[bare] for name, bare in PUBLISHED.items()}}
"""Preset name to (class name, constructor settings)."""

CLASSES = {
    "ResNetBackbone": "resnet50",
    "ResNetV2Backbone": "resnet50_v2",
    "CSPDarkNetBackbone": "csp_darknet_l",
    "DenseNetBackbone": "densenet121",
    "EfficientNetV1Backbone": "efficientnetv1_b0",
    "EfficientNetV2Backbone": "efficientnetv2_s",
    "EfficientNetLiteBackbone": "efficientnetlite_b0",
    "MiTBackbone": "mit_b0",
    "MobileNetV3Backbone": "mobilenet_v3_large",
    "YOLOV8Backbone": "yolo_v8_s_backbone",
}
"""Class to the preset that it stands for where no settings are given."""

ALIASES = {
    **{f"ResNet{n}Backbone": f"resnet{n}" for n in (18, 34, 50, 101, 152)},
    **{f"ResNet{n}V2Backbone": f"resnet{n}_v2" for n in (18, 34, 50, 101, 152)},
    **{f"CSPDarkNet{s}Backbone": f"csp_darknet_{s.lower()}" for s in ("Tiny", "S", "M", "L", "XL")},
    **{f"DenseNet{n}Backbone": f"densenet{n}" for n in (121, 169, 201)},
    **{f"EfficientNetV1B{n}Backbone": f"efficientnetv1_b{n}" for n in range(8)},
    **{f"EfficientNetLiteB{n}Backbone": f"efficientnetlite_b{n}" for n in range(5)},
    **{f"EfficientNetV2B{n}Backbone": f"efficientnetv2_b{n}" for n in range(4)},
    **{f"EfficientNetV2{s}Backbone": f"efficientnetv2_{s.lower()}" for s in "SML"},
    **{f"MiTB{n}Backbone": f"mit_b{n}" for n in range(6)},
    **{f"MobileNetV3{s}Backbone": f"mobilenet_v3_{s.lower()}" for s in ("Small", "Large")},
}
"""Class of one size to its preset."""

UNFIT = {
    "VGG16Backbone": "it names no levels",
    "ViTDetBackbone": "its only level has stride 16, that of its patches",
    "VideoSwinBackbone": "it reads films, not images",
    "CenterPillarBackbone": "it reads points of a lidar, not images",
}
"""Class to the reason why it gives no feature pyramid."""
