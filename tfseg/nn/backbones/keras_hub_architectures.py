"""Every architecture of keras_hub's presets that gives levels at strides 4, 8, 16 and 32, as plain
values.

keras_hub keeps these numbers on a server and asks for them even where no weights are wanted. Here
they are at hand, so that a network can be built without a network connection. Constants: those of
the `timm` models that keras_hub's presets were converted from, and the papers of each family;
the numbers of weights agree with those that keras_hub states for its presets
(`tests/nn/backbones/test_foreign.py`).
"""

from __future__ import annotations

import re

__all__ = ["ARCHITECTURES", "CLASSES", "SYMMETRIC", "UNFIT"]

_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
    152: (3, 8, 36, 3),
    200: (3, 12, 48, 3),
}
_RESNETS = (
    *("resnet_18", "resnet_50", "resnet_101", "resnet_152", "resnet_v2_50", "resnet_v2_101"),
    *("resnet_vd_18", "resnet_vd_34", "resnet_vd_50", "resnet_vd_50_ssld", "resnet_vd_50_ssld_v2"),
    *("resnet_vd_50_ssld_v2_fix", "resnet_vd_101", "resnet_vd_101_ssld", "resnet_vd_152"),
    "resnet_vd_200",
)


def _resnet(name: str) -> tuple[str, dict]:
    kind, layers = re.match(r"resnet_(v2_|vd_)?(\d+)", name).groups()
    deep_stem = kind == "vd_"
    block = "basic_block" if int(layers) < 50 else "bottleneck_block"
    return "ResNetBackbone", dict(
        input_conv_filters=(32, 32, 64) if deep_stem else (64,),
        input_conv_kernel_sizes=(3, 3, 3) if deep_stem else (7,),
        stackwise_num_filters=(64, 128, 256, 512),
        stackwise_num_blocks=_BLOCKS[int(layers)],
        stackwise_num_strides=(1, 2, 2, 2),
        block_type=f"{block}_vd" if deep_stem else block,
        use_pre_activation=kind == "v2_",
    )


_EFFICIENTNET = dict(
    stackwise_kernel_sizes=(3, 3, 5, 3, 5, 5, 3),
    stackwise_num_repeats=(1, 2, 2, 3, 3, 4, 1),
    stackwise_input_filters=(32, 16, 24, 40, 80, 112, 192),
    stackwise_output_filters=(16, 24, 40, 80, 112, 192, 320),
    stackwise_expansion_ratios=(1, 6, 6, 6, 6, 6, 6),
    stackwise_strides=(1, 2, 2, 2, 1, 2, 1),
    stackwise_block_types=("v1",) * 7,
    min_depth=None,
    include_stem_padding=True,
    use_depth_divisor_as_min_depth=True,
    cap_round_filter_decrease=True,
    stem_conv_padding="valid",
    batch_norm_momentum=0.9,
    batch_norm_epsilon=1e-5,
    dropout=0,
    projection_activation=None,
)
_EDGE = dict(
    stackwise_kernel_sizes=(3, 3, 3, 5, 5, 5),
    stackwise_num_repeats=(1, 2, 4, 5, 4, 2),
    stackwise_input_filters=(32, 24, 32, 48, 96, 144),
    stackwise_output_filters=(24, 32, 48, 96, 144, 192),
    stackwise_expansion_ratios=(4, 8, 8, 8, 8, 8),
    stackwise_strides=(1, 2, 2, 2, 1, 2),
    stackwise_squeeze_and_excite_ratios=(0,) * 6,
    stackwise_block_types=("fused",) * 3 + ("unfused",) * 3,
    stackwise_force_input_filters=(24, 0, 0, 0, 0, 0),
    stackwise_nores_option=(True,) + (False,) * 5,
    activation="relu",
)
_SECOND = dict(
    stackwise_kernel_sizes=(3,) * 6,
    stackwise_num_repeats=(2, 4, 4, 6, 9, 15),
    stackwise_input_filters=(24, 24, 48, 64, 128, 160),
    stackwise_expansion_ratios=(1, 4, 4, 4, 6, 6),
    stackwise_strides=(1, 2, 2, 2, 1, 2),
    stackwise_squeeze_and_excite_ratios=(0, 0, 0, 0.25, 0.25, 0.25),
    stackwise_force_input_filters=(0,) * 6,
    stackwise_nores_option=(False,) * 6,
    activation="silu",
)


def _efficientnet(width, depth, **changes) -> tuple[str, dict]:
    count = len(changes.get("stackwise_strides", _EFFICIENTNET["stackwise_strides"]))
    scaled = dict(
        stackwise_width_coefficients=width if isinstance(width, tuple) else (width,) * count,
        stackwise_depth_coefficients=depth if isinstance(depth, tuple) else (depth,) * count,
        stackwise_squeeze_and_excite_ratios=(0.25,) * count,
    )
    return "EfficientNetBackbone", {**_EFFICIENTNET, **scaled, **changes}


def _efficientnet_v2(width, depth, last: int, first_block: str = "fused", **changes):
    return _efficientnet(
        width,
        depth,
        **_SECOND,
        stackwise_output_filters=(24, 48, 64, 128, 160, last),
        stackwise_block_types=(first_block,) + ("fused",) * 2 + ("unfused",) * 3,
        **changes,
    )


_EFFICIENTNETS = {
    "efficientnet_b0_ra_imagenet": _efficientnet(1.0, 1.0),
    "efficientnet_b0_ra4_e3600_r224_imagenet": _efficientnet(1.0, 1.0),
    "efficientnet_b1_ft_imagenet": _efficientnet(1.0, 1.1),
    "efficientnet_b1_ra4_e3600_r240_imagenet": _efficientnet(1.0, 1.1),
    "efficientnet_b2_ra_imagenet": _efficientnet(1.1, 1.2),
    "efficientnet_b3_ra2_imagenet": _efficientnet(1.2, 1.4),
    "efficientnet_b4_ra2_imagenet": _efficientnet(1.4, 1.8),
    "efficientnet_b5_sw_imagenet": _efficientnet(1.6, 2.2),
    "efficientnet_b5_sw_ft_imagenet": _efficientnet(1.6, 2.2),
    "efficientnet_el_ra_imagenet": _efficientnet(1.2, 1.4, **_EDGE),
    "efficientnet_em_ra2_imagenet": _efficientnet(1.0, 1.1, **_EDGE),
    "efficientnet_es_ra_imagenet": _efficientnet(1.0, 1.0, **_EDGE),
    "efficientnet2_rw_m_agc_imagenet": _efficientnet_v2(
        1.2, (1.2,) * 4 + (1.6,) * 2, 272, num_features=1792
    ),
    "efficientnet2_rw_s_ra2_imagenet": _efficientnet_v2(1.0, 1.0, 272, num_features=1792),
    "efficientnet2_rw_t_ra2_imagenet": _efficientnet_v2(0.8, 0.9, 256, first_block="cba"),
    "efficientnet_lite0_ra_imagenet": _efficientnet(
        1.0, 1.0, stackwise_squeeze_and_excite_ratios=(0,) * 7, activation="relu6"
    ),
}


def _darknet(**changes) -> tuple[str, dict]:
    return "CSPNetBackbone", dict(
        stem_filters=32,
        stem_kernel_size=3,
        stem_strides=1,
        stackwise_depth=(1, 2, 8, 8, 4),
        stackwise_strides=(2, 2, 2, 2, 2),
        stackwise_num_filters=(64, 128, 256, 512, 1024),
        block_type="dark_block",
        stem_padding="same",
        **changes,
    )


def _csp_resnet(**changes) -> tuple[str, dict]:
    return "CSPNetBackbone", dict(
        stem_filters=64,
        stem_kernel_size=7,
        stem_strides=4,
        stackwise_depth=(3, 3, 5, 2),
        stackwise_strides=(1, 2, 2, 2),
        block_type="bottleneck_block",
        stage_type="csp",
        stem_pooling="max",
        cross_linear=True,
        **changes,
    )


_CSPNETS = {
    "csp_darknet_53_ra_imagenet": _darknet(
        stage_type="csp",
        bottle_ratio=(0.5, 1.0),
        block_ratio=(1.0, 0.5),
        expand_ratio=(2.0, 1.0),
        down_growth=True,
    ),
    "darknet_53_imagenet": _darknet(
        stage_type="dark", bottle_ratio=(0.5,), block_ratio=(1.0,), expand_ratio=(1.0,)
    ),
    "csp_resnet_50_ra_imagenet": _csp_resnet(
        stackwise_num_filters=(128, 256, 512, 1024),
        bottle_ratio=(0.5,),
        block_ratio=(1.0,),
        expand_ratio=(2.0,),
    ),
    "csp_resnext_50_ra_imagenet": _csp_resnet(
        stackwise_num_filters=(256, 512, 1024, 2048),
        bottle_ratio=(1.0,),
        block_ratio=(0.5,),
        expand_ratio=(1.0,),
        groups=32,
    ),
}


def _mit(depths: tuple[int, ...], widths: tuple[int, ...]) -> tuple[str, dict]:
    return "MiTBackbone", dict(
        layerwise_depths=depths,
        num_layers=4,
        layerwise_num_heads=(1, 2, 5, 8),
        layerwise_sr_ratios=(8, 4, 2, 1),
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=(7, 3, 3, 3),
        layerwise_strides=(4, 2, 2, 2),
        hidden_dims=widths,
    )


_NARROW, _WIDE = (32, 64, 160, 256), (64, 128, 320, 512)
_MITS = {
    f"mit_b{size}_{data}": _mit(depths, _WIDE if size else _NARROW)
    for size, depths in enumerate(
        [(2, 2, 2, 2), (2, 2, 2, 2), (3, 4, 6, 3), (3, 4, 18, 3), (3, 8, 27, 3), (3, 6, 40, 3)]
    )
    for data in ("ade20k_640" if size == 5 else "ade20k_512", "cityscapes_1024")
}
_DENSENETS = {
    f"densenet_{layers}_imagenet": ("DenseNetBackbone", dict(stackwise_num_repeats=repeats))
    for layers, repeats in {
        121: (6, 12, 24, 16),
        169: (6, 12, 32, 32),
        201: (6, 12, 48, 32),
    }.items()
}

ARCHITECTURES = {
    **{f"{name}_imagenet": _resnet(name) for name in _RESNETS},
    **_DENSENETS,
    **_EFFICIENTNETS,
    **_CSPNETS,
    **_MITS,
}
"""Preset name to (class name, constructor settings). keras_hub publishes weights for each."""

CLASSES = {
    "ResNetBackbone": "resnet_50_imagenet",
    "DenseNetBackbone": "densenet_121_imagenet",
    "EfficientNetBackbone": "efficientnet_b0_ra_imagenet",
    "CSPNetBackbone": "csp_darknet_53_ra_imagenet",
    "MiTBackbone": "mit_b0_ade20k_512",
}
"""Class to the preset that it stands for where no settings are given."""

SYMMETRIC = (
    "resnet_v2_50_imagenet",
    "resnet_v2_101_imagenet",
    "efficientnet_b0_ra4_e3600_r224_imagenet",
    "efficientnet_b1_ra4_e3600_r240_imagenet",
)
"""Presets trained on pixels from -1 to 1, the others on pixels less ImageNet's mean, over its
deviation."""

UNFIT = {
    "DINOV2Backbone": "all its levels have stride 14, that of its patches",
    "DINOV3Backbone": "all its levels have stride 16, that of its patches",
    "RetinaNetBackbone": "its levels begin at stride 8 (P3); its inner ResNet fits by itself",
    "ViTDetBackbone": "its only output has stride 16, that of its patches",
}
"""Class to the reason why it gives no feature pyramid; all other classes name no levels."""
