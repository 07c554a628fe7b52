"""The network: its size, what each input does, whom it learns from."""

from __future__ import annotations

import functools

import keras
import numpy as np
import pytest
from keras import ops
from posed_people import placed

from tfseg.errors import ConfigError
from tfseg.models.pose2seg.config import Pose2SegConfig
from tfseg.models.pose2seg.head import segmentation_head
from tfseg.models.pose2seg.losses import mask_loss
from tfseg.models.pose2seg.network import build, layer_group

SMALL = dict(variant="light", image_size=64, window_size=16, feature_width=8, people_per_batch=3)


@functools.cache
def small(**changes):
    keras.utils.set_random_seed(0)
    return build(Pose2SegConfig(**{**SMALL, **changes}))


def people(count=4, images=2):
    """Inputs of the small network: an image and people in its 16 x 16 feature map."""
    random = np.random.default_rng(1)
    poses = [placed(k % 2, scale=12.0, angle=k, shift=(2.0, 2.0)) for k in range(images * count)]
    return {
        "image": random.integers(0, 256, (images, 64, 64, 3)).astype(np.uint8),
        "align": random.normal(0, 0.1, (images, count, 2, 3)).astype(np.float32)
        + np.float32([[1, 0, 0], [0, 1, 0]]),
        "joints": np.stack(poses).reshape(images, count, 17, 3).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("settings", "total"),
    [
        (dict(variant="v1"), 22_455_426),
        (dict(variant="cvpr"), 42_972_354),
        (dict(variant="light"), 2_456_834),
    ],
)
def test_parameters_of_the_specification(settings, total):
    assert build(Pose2SegConfig(**settings)).count_params() == total


def test_parameters_of_the_head_without_a_skeleton():
    config = Pose2SegConfig(use_skeleton=False)
    assert config.skeleton_channels == 0 and Pose2SegConfig().skeleton_channels == 55
    assert Pose2SegConfig(variant="v1").skeleton_channels == 39
    assert segmentation_head((64, 64, 256)).count_params() == 15_376_898


@pytest.mark.both_backends
def test_one_answer_for_each_person_whoever_else_is_there(call_model):
    inputs, network = people(), small()
    logits = ops.convert_to_numpy(call_model(network, inputs)["logits"])
    assert logits.shape == (2, 4, 16, 16, 2) and np.isfinite(logits).all()
    alone = {**inputs, "align": inputs["align"][:, 2:3], "joints": inputs["joints"][:, 2:3]}
    ours = ops.convert_to_numpy(call_model(network, alone)["logits"])
    np.testing.assert_allclose(ours[:, 0], logits[:, 2], atol=1e-4)
    other = {**inputs, "joints": inputs["joints"].copy()}
    other["joints"][0, 1, :, :2] += 3
    changed = ops.convert_to_numpy(call_model(network, other)["logits"])
    differs = np.abs(changed - logits).max(axis=(2, 3, 4)) > 1e-4
    assert differs.tolist() == [[False, True, False, False], [False] * 4]


def test_without_a_skeleton_joints_are_not_asked_for(call_model):
    inputs, network = people(), small(use_skeleton=False)
    del inputs["joints"]
    assert network.head.input_shape[-1] == 8
    assert call_model(network, inputs)["logits"].shape == (2, 4, 16, 16, 2)
    with pytest.raises(ConfigError, match="'joints'"):
        small()(inputs)


def test_the_public_sampling_reads_up_to_a_cell_beside():
    cells = np.zeros((1, 16, 16, 8), np.float32)
    cells[0, :, :, 0] = np.arange(16)
    matrix = np.float32([[[0.5, 0, 4], [0, 0.5, 2]]])
    exact, public = (
        ops.convert_to_numpy(
            small(use_skeleton=False, sampling=kind).windows(cells, np.int32([0]), matrix)
        )[0, 4, :, 0]
        for kind in ("exact", "public")
    )
    # x = 2 (u - 4), and x = 2 (u - 4 * 15 / 16).
    np.testing.assert_allclose(exact[4:9], [0, 2, 4, 6, 8])
    np.testing.assert_allclose(public[4:9], [0.5, 2.5, 4.5, 6.5, 8.5])


@pytest.mark.both_backends
def test_whom_it_learns_from(call_model):
    inputs, network = people(), small()
    masks = np.zeros((2, 4, 16, 16), np.uint8)
    masks[:] = np.arange(8).reshape(2, 4, 1, 1)  # so that one sees who was drawn
    valid = np.array([[True, False, False, True], [False, True, True, True]])
    drawn = call_model(network, {**inputs, "masks": masks, "valid": valid})
    assert drawn["logits"].shape == (3, 16, 16, 2)
    assert ops.convert_to_numpy(drawn["counted"]).tolist() == [True] * 3
    assert ops.convert_to_numpy(drawn["targets"])[:, 0, 0].tolist() == [0, 3, 5]
    # Fewer people than places are repeated, and nobody who is not there is looked at.
    valid[:] = False
    valid[1, 2:] = True
    drawn = call_model(network, {**inputs, "masks": masks, "valid": valid})
    assert ops.convert_to_numpy(drawn["counted"]).tolist() == [True, True, False]
    assert ops.convert_to_numpy(drawn["targets"])[:, 0, 0].tolist() == [6, 7, 6]


@pytest.mark.both_backends
def test_the_loss_against_numpy():
    random = np.random.default_rng(0)
    logits = random.normal(0, 2, (3, 4, 4, 2)).astype(np.float32)
    targets = random.integers(0, 2, (3, 4, 4)).astype(np.uint8)
    targets[0, :2] = 255
    counted = np.array([True, False, True])
    chances = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    known = (targets < 255) & counted[:, None, None]
    chosen = np.where(targets == 1, chances[..., 1], chances[..., 0])
    ours = float(mask_loss(logits, targets, counted))
    assert ours == pytest.approx(-np.log(chosen[known]).mean(), rel=1e-5)
    assert float(mask_loss(logits, targets, np.zeros(3, bool))) == 0
    shares = random.random((3, 4, 4)).astype(np.float32)
    expected = -(shares * np.log(chances[..., 1]) + (1 - shares) * np.log(chances[..., 0]))
    every = np.ones(3, bool)
    assert float(mask_loss(logits, shares, every)) == pytest.approx(expected.mean(), rel=1e-5)
    huge = np.float32([-3000, 3000]) * np.ones((3, 4, 4, 1), np.float32)
    assert float(mask_loss(huge, np.zeros((3, 4, 4)), every)) == pytest.approx(6000)


def test_half_precision_and_a_copy_from_its_settings(call_model):
    exact, half = small(), small(precision="mixed_bfloat16")
    half.set_weights(exact.get_weights())
    logits = [ops.convert_to_numpy(call_model(n, people())["logits"]) for n in (exact, half)]
    assert logits[1].dtype == np.float32
    assert np.abs(logits[1] - logits[0]).max() < 0.1 * np.abs(logits[0]).max()
    copy = type(exact).from_config(exact.get_config())
    assert [w.shape for w in copy.weights] == [w.shape for w in exact.weights]


def test_layers_of_the_training_stages():
    network = small()
    heads, every = layer_group(network, "heads"), layer_group(network, "all")
    assert "seg_logits" in heads and "fpn_p2" in heads and "Conv1" not in heads
    assert "fpn_p3" not in every  # its level is not looked at
    assert heads < every and "Conv1" in every
    assert "bn_Conv1" not in layer_group(network, "frozen_norm")
    with pytest.raises(ConfigError, match="heads, backbone, frozen_norm, all"):
        layer_group(network, "5+")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(variant="v1", image_size=96), "image_size: should be a multiple of 64"),
        (dict(limbs=((0, 0),)), "limbs: expected pairs of different joints"),
        (dict(limbs=((0, 17),)), "limbs: expected pairs of different joints"),
        (dict(templates=((0.5,) * 50,)), "templates: expected rows of 51 numbers"),
        (dict(templates=((0.5, 0.5, 0.0) * 17,)), "fewer than three joints"),
        (dict(n_templates=4), "n_templates: there are 3 templates; 4"),
        (dict(classes=("person", "dog")), "classes"),
    ],
)
def test_settings_that_cannot_be(settings, message):
    with pytest.raises(ConfigError, match=message):
        Pose2SegConfig(**settings)


def test_settings_of_the_variants():
    assert Pose2SegConfig(variant="v1").alignment == {"rule": "error", "turning": "reflect"}
    assert Pose2SegConfig().alignment == {"rule": "score", "turning": "swap"}
    assert Pose2SegConfig(image_size=256).window == 32
    assert Pose2SegConfig(image_size=256).skeleton_style["sigma"] == 1.5
    rows = tuple(map(tuple, Pose2SegConfig().pose_templates.joints.reshape(3, -1)))
    same = Pose2SegConfig(templates=rows).pose_templates
    np.testing.assert_array_equal(same.joints, Pose2SegConfig().pose_templates.joints)
    assert Pose2SegConfig.from_dict(Pose2SegConfig(templates=rows).to_dict()).templates == rows
