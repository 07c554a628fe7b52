"""CoMask's multi-scale module and its channel attention: sizes, parameters, numbers by hand."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.layers.channel_attention import ChannelAttention
from tfseg.nn.layers.msfem import MultiScaleEnhancement, fitting_groups


def test_channel_attention_by_hand():
    attention = ChannelAttention(1)
    attention.build((None, 2, 2, 2))
    values = [[1.0], [-0.5]], [0.0], [[0.4, -0.8]], [0.0, 0.0]
    attention.set_weights([np.array(value) for value in values])
    x = np.zeros((1, 2, 2, 2), np.float32)
    x[0, :, :, 0], x[0, 1, 1, 1] = [[1, 2], [3, 4]], 8
    y = ops.convert_to_numpy(attention(x))[0]
    np.testing.assert_allclose(y[..., 0], [[0.645656, 1.291313], [1.936969, 2.582625]], atol=1e-5)
    np.testing.assert_allclose(y[..., 1], [[0, 0], [0, 1.851802]], atol=1e-5)


@pytest.mark.parametrize(
    ("branches", "mode", "parameters"),
    [
        (4, "separate", 4_403_216),
        (4, "cascade", 2_632_208),
        (2, "separate", 1_320_464),
        (1, "separate", 664_592),
    ],
)
def test_parameters_of_the_specification(branches, mode, parameters):
    layer = MultiScaleEnhancement(branches, mode)
    layer.build((None, 13, 21, 256))
    assert layer.count_params() == parameters


@pytest.mark.parametrize("mode", ["separate", "cascade"])
def test_sizes_of_the_branches(mode):
    layer = MultiScaleEnhancement(4, mode)
    sizes = [m.shape[1:3] for m in layer_scales(layer, 13, 21)]
    assert sizes == [(13, 21), (7, 11), (4, 6), (2, 3)]
    assert layer(np.zeros((2, 13, 21, 16), np.float32)).shape == (2, 13, 21, 16)
    assert [m.shape[1:3] for m in layer_scales(layer, 1, 1)] == [(1, 1)] * 4
    assert np.isfinite(layer(np.ones((1, 1, 1, 16), np.float32))).all()


def layer_scales(layer, height, width):
    x = np.random.default_rng(0).normal(size=(1, height, width, 16)).astype(np.float32)
    if not layer.built:
        layer.build(x.shape)
    return layer.scales(ops.convert_to_tensor(x))


def test_a_mirrored_map_gives_the_mirrored_answer():
    """With kernels that look the same from both sides: no step shifts a map, at odd sizes."""
    layer = MultiScaleEnhancement(4)
    x = np.random.default_rng(1).normal(size=(1, 17, 9, 8)).astype(np.float32)
    layer.build(x.shape)
    layer.set_weights([w + w[:, ::-1] if w.ndim == 4 else w for w in layer.get_weights()])
    straight = ops.convert_to_numpy(layer(x))
    mirrored = ops.convert_to_numpy(layer(np.ascontiguousarray(x[:, :, ::-1])))
    np.testing.assert_allclose(mirrored[:, :, ::-1], straight, atol=1e-4)


def test_groups_and_settings():
    assert [fitting_groups(n) for n in (256, 64, 8, 12)] == [32, 8, 1, 1]
    layer = MultiScaleEnhancement(2, "cascade", 4, name="m")
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(layer))
    assert again.get_config() == layer.get_config()
    assert (again.branches, again.mode, again.attention.units) == (2, "cascade", 4)
