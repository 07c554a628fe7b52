"""One convolution in place of a convolution and its normalisation: same numbers, same gradients."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

from tfseg.nn.layers.conv_norm import ConvNorm, conv_norm
from tfseg.nn.layers.norm import norm

LARGE_MAP, LARGE_KERNEL = (2, 12, 10, 3), (1, 3, 3, 24)


def pair(shape, kind="frozen", use_bias=True, strides=1, dtype=None):
    """A convolution and a normalisation with weights that differ from channel to channel."""
    random = np.random.default_rng(0)
    conv = layers.Conv2D(7, 3, strides, "same", name="c", use_bias=use_bias, dtype=dtype)
    conv.build(shape)
    normalise = norm(kind, "n", dtype=dtype)
    if normalise is not None:
        normalise.build(conv.compute_output_shape(shape))
    for layer in (conv, normalise) if normalise is not None else (conv,):
        for weight in layer.weights:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    return conv, normalise, random.normal(0, 1, shape).astype(np.float32)


@pytest.mark.parametrize("use_bias", [True, False])
@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("shape", [LARGE_MAP, LARGE_KERNEL])
@pytest.mark.parametrize("kind", ["frozen", "batch"])
def test_equals_the_two_layers_in_turn(kind, shape, strides, use_bias):
    conv, normalise, x = pair(shape, kind, use_bias, strides)
    expected = ops.convert_to_numpy(normalise(conv(x), training=False))
    ours = ops.convert_to_numpy(conv_norm(conv, normalise, x, training=False))
    np.testing.assert_allclose(ours, expected, atol=2e-6 * np.abs(expected).max())


def test_frozen_statistics_serve_in_training_too_and_a_batch_normalisation_moves_its_own():
    conv, normalise, x = pair(LARGE_MAP)
    np.testing.assert_array_equal(
        ops.convert_to_numpy(conv_norm(conv, normalise, x, training=True)),
        ops.convert_to_numpy(conv_norm(conv, normalise, x, training=False)),
    )
    conv, normalise, x = pair(LARGE_MAP, "batch")
    before = ops.convert_to_numpy(normalise.moving_mean)
    y = ops.convert_to_numpy(conv_norm(conv, normalise, x, training=True))
    beta, gamma = (ops.convert_to_numpy(w) for w in (normalise.beta, normalise.gamma))
    np.testing.assert_allclose(y.mean((0, 1, 2)), beta, atol=1e-4)
    np.testing.assert_allclose(y.std((0, 1, 2)), gamma, rtol=1e-2)
    assert np.abs(ops.convert_to_numpy(normalise.moving_mean) - before).max() > 1e-3


@pytest.mark.parametrize("kind", ["group", "none"])
def test_other_normalisations_run_as_layers(kind):
    conv, normalise, x = pair(LARGE_MAP, kind)
    expected = conv(x) if normalise is None else normalise(conv(x))
    ours = conv_norm(conv, normalise, x)
    np.testing.assert_array_equal(ops.convert_to_numpy(ours), ops.convert_to_numpy(expected))


@pytest.mark.parametrize("shape", [LARGE_MAP, LARGE_KERNEL])
def test_a_step_of_training_changes_every_weight_as_the_two_layers_do(shape):
    conv, normalise, x = pair(shape)
    target = np.random.default_rng(1).normal(0, 1, conv.compute_output_shape(shape))
    start = [w.copy() for w in conv.get_weights() + normalise.get_weights()]

    def after_a_step(model):
        conv.set_weights(start[:2])
        normalise.set_weights(start[2:])
        model.compile(keras.optimizers.SGD(0.1), "mse")
        model.train_on_batch(x, target)
        return conv.get_weights() + normalise.get_weights()

    image = keras.Input(shape[1:], batch_size=shape[0])
    unit = ConvNorm(conv, normalise, relu=False)
    expected = after_a_step(keras.Model(image, normalise(conv(image))))
    ours = after_a_step(keras.Model(image, unit(image)))
    for old, mine, theirs in zip(start[:4], ours, expected):
        assert np.abs(theirs - old).max() > 1e-6
        np.testing.assert_allclose(mine - old, theirs - old, atol=1e-5 * np.abs(theirs).max())


def test_half_precision_stays_near_single_precision():
    conv, normalise, x = pair(LARGE_MAP)
    expected = ops.convert_to_numpy(normalise(conv(x)))
    image = keras.Input(LARGE_MAP[1:])
    half_conv, half_norm, _ = pair(LARGE_MAP, dtype="mixed_bfloat16")
    unit = ConvNorm(half_conv, half_norm, relu=False, dtype="mixed_bfloat16")
    y = keras.Model(image, unit(image))(x)
    assert keras.backend.standardize_dtype(y.dtype) == "bfloat16"
    y = ops.convert_to_numpy(ops.cast(y, "float32"))
    np.testing.assert_allclose(y, expected, atol=0.02 * np.abs(expected).max())


def test_weights_keep_the_names_of_their_layers_and_the_layer_its_settings():
    conv, normalise, x = pair(LARGE_MAP)
    image = keras.Input(LARGE_MAP[1:])
    model = keras.Model(image, ConvNorm(conv, normalise, name="unit")(image), name="m")
    names = {"c/kernel", "c/bias", "n/gamma", "n/beta", "n/moving_mean", "n/moving_variance"}
    assert {w.path for w in model.weights} == names
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    y = ops.convert_to_numpy(model(x))
    np.testing.assert_array_equal(ops.convert_to_numpy(copy(x)), y)
    assert y.min() == 0.0
    assert copy.count_params() == model.count_params()


@pytest.mark.parametrize("kind", ["frozen", "batch", "group", "none"])
@pytest.mark.parametrize("places", [3, 400])
def test_a_kernel_over_its_whole_input_equals_the_convolution(kind, places):
    conv = layers.Conv2D(34, (4, 3), name="c")
    shape = (places, 4, 3, 6)
    conv.build(shape)
    normalise = norm(kind, "n")
    random = np.random.default_rng(0)
    if normalise is not None:
        normalise.build((None, 1, 1, 34))
    for layer in (conv, normalise) if normalise is not None else (conv,):
        for weight in layer.weights:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
    x = random.normal(0, 1, shape).astype(np.float32)
    kernel, bias = conv.get_weights()
    expected = np.einsum("nhwd,hwdo->no", x.astype(np.float64), kernel)[:, None, None] + bias
    if normalise is not None:
        expected = ops.convert_to_numpy(normalise(expected.astype(np.float32), training=False))
    ours = ops.convert_to_numpy(conv_norm(conv, normalise, x, training=False))
    assert ours.shape == (places, 1, 1, 34)
    np.testing.assert_allclose(ours, expected, atol=3e-6 * np.abs(expected).max())
