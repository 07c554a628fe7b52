"""Group normalisation against float64, and in the place of Keras' own."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.layers.group_norm import GroupNorm

X = np.random.default_rng(0).normal(30, 2, (2, 3, 5, 12)).astype(np.float32)


@pytest.mark.parametrize(("groups", "mean"), [(4, 30), (12, 30), (1, 0), (3, 1000)])
def test_groups_of_neighbouring_channels_have_mean_0_and_variance_1(groups, mean):
    layer = GroupNorm(groups, epsilon=1e-5)
    layer.build(X.shape)
    gamma, beta = np.linspace(0.5, 2, 12), np.linspace(-1, 1, 12)
    layer.gamma.assign(gamma)
    layer.beta.assign(beta)
    x = X - 30 + np.float32(mean)
    parts = x.astype(np.float64).reshape(2, 15, groups, 12 // groups)
    centred = parts - parts.mean((1, 3), keepdims=True)
    variance = (centred**2).mean((1, 3), keepdims=True)
    expected = (centred / np.sqrt(variance + 1e-5)).reshape(x.shape) * gamma + beta
    ours = ops.convert_to_numpy(layer(x))
    np.testing.assert_allclose(ours, expected, atol=2e-4 if mean == 1000 else 2e-5)


def test_it_takes_the_weights_and_settings_of_keras_own():
    theirs = keras.layers.GroupNormalization(4, epsilon=1e-4, scale=False, name="n")
    ours = GroupNorm.from_config(theirs.get_config())
    for layer in (theirs, ours):
        layer.build(X.shape)
        layer.beta.assign(np.linspace(-1, 1, 12))
    assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
    expected = ops.convert_to_numpy(theirs(X))
    np.testing.assert_allclose(ops.convert_to_numpy(ours(X)), expected, atol=2e-4)
    copy = keras.layers.deserialize(keras.layers.serialize(ours))
    assert isinstance(copy, GroupNorm) and (copy.groups, copy.epsilon) == (4, 1e-4)


def test_half_precision_is_counted_in_float32():
    layer = GroupNorm(4, dtype="mixed_bfloat16")
    x = ops.cast(X, "bfloat16")
    ours = layer(x)
    assert keras.backend.standardize_dtype(ours.dtype) == "bfloat16"
    expected = ops.convert_to_numpy(GroupNorm(4)(ops.cast(x, "float32")))
    ours = ops.convert_to_numpy(ops.cast(ours, "float32"))
    np.testing.assert_allclose(ours, expected, atol=0.02)
