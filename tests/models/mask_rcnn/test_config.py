"""Settings: the defaults of the specification, and contradictions that are refused."""

from __future__ import annotations

import dataclasses
import inspect

import pytest

from tfseg.errors import ConfigError
from tfseg.models.mask_rcnn import MaskRCNNConfig


def test_defaults_of_the_specification():
    config = MaskRCNNConfig(classes=("suit", "dress", "jeans"))
    expected = dict(
        backbone="resnet101",
        image_size=1024,
        anchor_scales=(32, 64, 128, 256, 512),
        anchor_ratios=(0.5, 1, 2),
        anchor_stride=1,
        rpn_nms_threshold=0.7,
        rpn_train_anchors=256,
        pre_nms_limit=6000,
        proposals_train=2000,
        proposals_test=1000,
        train_rois=200,
        roi_positive_fraction=0.33,
        pool_size=7,
        mask_pool_size=14,
        mini_mask_size=56,
        max_instances=100,
        max_detections=100,
        detection_min_confidence=0.7,
        detection_nms_threshold=0.3,
        pyramid_channels=256,
        box_head_channels=1024,
        weight_decay=1e-4,
        norm="frozen",
        rpn_bbox_loss="smooth_l1",
        dropout=None,
        dropout_rate=0.5,
        dropout_stages=(5, 4, 3, 2),
        pixel_mean=(123.7, 116.8, 103.9),
    )
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.class_count == 4
    assert (config.train.learning_rate, config.train.momentum) == (0.001, 0.9)
    assert (config.train.clip_norm, config.train.clip_mode) == (5.0, "per_variable")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"classes": ()}, "classes"),
        ({"classes": ("a", "a")}, "classes"),
        ({"image_size": 100}, "image_size"),
        ({"image_size": 256, "image_min_size": 300}, "image_min_size"),
        ({"backbone": "resnet52"}, "resnet50"),
        ({"pixel_mean": (1.0,)}, "pixel_mean"),
        ({"backbone": "mobilenet_v2", "dropout": ("identity",)}, "dropout"),
        ({"dropout": ("skip",)}, "dropout"),
        ({"dropout_stages": (1,)}, "dropout_stages"),
        ({"anchor_scales": (8.0,)}, "anchor_scales"),
        ({"roi_positive_fraction": 1.0}, "roi_positive_fraction"),
        ({"initial_weights": "preset"}, "initial_weights: 'preset' is for backbones of keras_cv"),
        ({"backbone_options": {"depth": 1}}, "backbone_options"),
        ({"backbone": "keras_hub:"}, "names no backbone"),
        ({"backbone": {"classes": 3}}, "backbone: expected a name, a keras.Model"),
        ({"backbone": "keras_cv:resnet50", "norm": "group"}, "norm: .*'frozen' or 'batch'"),
        ({"backbone": "keras_cv:resnet50", "dropout": ("conv",)}, "dropout"),
        ({"backbone": "keras_cv:resnet50", "initial_weights": "imagenet"}, "'preset'"),
        (
            {"backbone": "keras_cv:resnet50", "initial_weights": "preset"},
            "nobody publishes.*keras_cv:resnet50_imagenet",
        ),
        ({"rpn_bbox_loss": "l1"}, "smooth_l1"),
        ({"score_floor": 0.8}, "score_floor"),
    ],
)
def test_contradictions_name_the_setting(changes, message):
    with pytest.raises(ConfigError, match=message):
        MaskRCNNConfig(**{"classes": ("a",), **changes})


def test_every_setting_survives_a_dict():
    config = MaskRCNNConfig(classes=("a", "b"), backbone="mobilenet_v2", image_min_size=64)
    assert MaskRCNNConfig.from_dict(config.to_dict()) == config


def test_a_typo_names_the_nearest_setting():
    with pytest.raises(ConfigError, match="anchor_scales"):
        MaskRCNNConfig.from_dict({"classes": ["a"], "anchor_scale": [8, 16, 32, 64, 128]})


def test_what_follows_from_other_settings_follows_their_changes():
    config = MaskRCNNConfig(classes=("a",), image_size=256)
    assert (config.resolved_min_size, config.resolved_head_norm) == (256, "frozen")
    config = config.replace(image_min_size=128, image_size=512, norm="group")
    assert (config.resolved_min_size, config.resolved_head_norm) == (128, "group")
    assert config.replace(head_norm="none").resolved_head_norm == "none"


def test_every_setting_is_explained():
    # Python 3.13 takes the indentation off by itself.
    text = "\n".join(inspect.cleandoc(owner.__doc__ or "") for owner in MaskRCNNConfig.__mro__)
    for field in dataclasses.fields(MaskRCNNConfig):
        assert text.count(f"\n    {field.name}: ") == 1, field.name


@pytest.mark.parametrize(
    ("settings", "mean", "std"),
    [
        ({}, (123.7, 116.8, 103.9), (1.0,)),
        ({"channels": 1}, (0.299 * 123.7 + 0.587 * 116.8 + 0.114 * 103.9,), (1.0,)),
        ({"channels": 4}, (123.7, 116.8, 103.9, 127.5), (1.0,)),
        ({"channels": 2}, (117.3925, 127.5), (1.0,)),
        (
            {"origin": "torchvision", "channels": 4},
            (123.675, 116.28, 103.53, 127.5),
            (58.395, 57.12, 57.375, 57.63),
        ),
        ({"backbone": "keras_cv:resnet18", "channels": 5}, (0.0,) * 5, (255.0,)),
        ({"backbone": "keras_hub:resnet_v2_50_imagenet", "channels": 1}, (127.5,), (127.5,)),
    ],
)
def test_pixels_follow_from_the_backbone_and_the_channels(settings, mean, std):
    config = MaskRCNNConfig(classes=("a",), **settings)
    assert config.pixel_mean == pytest.approx(mean)
    assert config.pixel_std == pytest.approx(std)
    other = MaskRCNNConfig(classes=("a",)).replace(**settings)
    assert (other.pixel_mean, other.pixel_std) == (config.pixel_mean, config.pixel_std)
    kept = MaskRCNNConfig(classes=("a",), pixel_std=(2.0,)).replace(channels=1)
    assert kept.pixel_std == (2.0,)
    assert MaskRCNNConfig.from_dict(config.to_dict()) == config
