"""Normalisation by name: what it computes and which statistics move."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.norm import NORMS, FrozenBatchNormalization, norm

X = np.random.default_rng(0).normal(3, 2, (4, 5, 5, 8)).astype(np.float32)


def run(layer, training):
    return ops.convert_to_numpy(layer(X, training=training))


def set_statistics(layer):
    layer.build(X.shape)
    for weight, value in zip(layer.weights, (1.5, 0.5, 3.0, 4.0)):
        weight.assign(np.full(weight.shape, value, np.float32))


def test_frozen_uses_its_stored_statistics_while_training_and_keeps_them():
    layer = norm("frozen", "n")
    set_statistics(layer)
    expected = 1.5 * (X - 3.0) / np.sqrt(4.0 + 1e-3) + 0.5
    for training in (True, False):
        np.testing.assert_allclose(run(layer, training), expected, atol=1e-4)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.moving_mean), 3.0)
    np.testing.assert_array_equal(ops.convert_to_numpy(layer.moving_variance), 4.0)
    assert {w.name for w in layer.trainable_weights} == {"gamma", "beta"}


def test_batch_uses_the_batch_and_moves_its_statistics():
    layer = norm("batch", "n", momentum=0.9)
    set_statistics(layer)
    expected = 1.5 * (X - 3.0) / np.sqrt(4.0 + 1e-3) + 0.5
    np.testing.assert_allclose(run(layer, False), expected, atol=1e-4)
    mean, variance = X.mean((0, 1, 2)), X.var((0, 1, 2))
    expected = 1.5 * (X - mean) / np.sqrt(variance + 1e-3) + 0.5
    np.testing.assert_allclose(run(layer, True), expected, atol=1e-4)
    moved = ops.convert_to_numpy(layer.moving_mean)
    np.testing.assert_allclose(moved, 0.9 * 3.0 + 0.1 * mean, atol=1e-4)


@pytest.mark.parametrize(
    ("asked", "channels", "groups"),
    [
        *((16, 8, 8), (16, 64, 16), (16, 24, 12), (16, 7, 7), (16, 34, 2)),
        *((8, 264, 8), (8, 16, 8), (32, 256, 32)),  # groups of 33 channels among them
    ],
)
def test_group_takes_the_groups_asked_for_or_the_most_that_divide_the_channels(
    asked, channels, groups
):
    layer = norm("group", "n", groups=asked)
    x = np.random.default_rng(1).normal(1, 3, (2, 3, 3, channels)).astype(np.float32)
    ours = ops.convert_to_numpy(layer(x))
    assert layer.groups == groups
    parts = x.reshape(2, 9, groups, channels // groups)
    mean, variance = parts.mean((1, 3), keepdims=True), parts.var((1, 3), keepdims=True)
    expected = ((parts - mean) / np.sqrt(variance + 1e-3)).reshape(x.shape)
    np.testing.assert_allclose(ours, expected, atol=1e-4)


def test_none_is_no_layer_and_the_rest_is_an_error():
    assert norm("none", "n") is None
    assert set(NORMS) == {"frozen", "batch", "group", "none"}
    with pytest.raises(ConfigError, match="frozen, batch, group, none; got 'layer'"):
        norm("layer", "n")


@pytest.mark.parametrize("kind", ["frozen", "batch", "group"])
def test_a_layer_survives_its_config(kind):
    layer = norm(kind, "n", epsilon=1e-4, dtype="float32")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert type(copy) is type(layer)
    assert (copy.name, copy.epsilon) == ("n", 1e-4)
    if kind == "frozen":
        assert isinstance(copy, FrozenBatchNormalization)
