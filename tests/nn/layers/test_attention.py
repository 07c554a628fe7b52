"""Attention in several heads against a loop over heads in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.nn.layers.attention import MultiHeadAttention

RANDOM = np.random.default_rng(0)
QUERY, KEY, VALUE = (RANDOM.normal(size=(2, n, 12)).astype(np.float32) for n in (3, 5, 5))
PADDING = np.array([[False, False, True, False, True], [False] * 5])


def numpy_of(values):
    return [ops.convert_to_numpy(value) for value in values]


@pytest.fixture(scope="module")
def layer():
    layer = MultiHeadAttention(12, heads=3, dropout=0.5)
    layer(QUERY, KEY, VALUE)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(size=weight.shape).astype(np.float32))
    return layer


def slow(layer, padding):
    """Returns the output and the weights, one query and one head after the other."""
    parts = (layer.query_dense, layer.key_dense, layer.value_dense, layer.out_dense)
    (wq, bq), (wk, bk), (wv, bv), (wo, bo) = (numpy_of(part.weights) for part in parts)
    q, k, v = QUERY @ wq + bq, KEY @ wk + bk, VALUE @ wv + bv
    weights, mixed = np.zeros((2, 3, 3, 5)), np.zeros((2, 3, 12))
    for b, head, i in np.ndindex(2, 3, 3):
        part = slice(4 * head, 4 * head + 4)
        chances = np.exp([q[b, i, part] @ k[b, j, part] / 2 for j in range(5)])
        chances[padding[b]] = 0
        weights[b, head, i] = chances / chances.sum()
        mixed[b, i, part] = weights[b, head, i] @ v[b, :, part]
    return mixed @ wo + bo, weights


def test_output_and_weights_against_a_loop(layer):
    out, weights = numpy_of(layer(QUERY, KEY, VALUE, PADDING, return_weights=True))
    expected, shares = slow(layer, PADDING)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(weights, shares, atol=1e-5)
    assert not weights[0][..., PADDING[0]].any()
    out = ops.convert_to_numpy(layer(QUERY, KEY, VALUE))
    np.testing.assert_allclose(out, slow(layer, PADDING & False)[0], rtol=1e-4, atol=1e-4)


def test_a_row_without_keys_is_finite(layer):
    out, weights = numpy_of(
        layer(QUERY, KEY, VALUE, np.ones((2, 5), bool), training=False, return_weights=True)
    )
    assert np.isfinite(out).all()
    np.testing.assert_allclose(weights, 0.2, atol=1e-6)


def test_dropout_acts_in_training_alone(layer):
    quiet = [ops.convert_to_numpy(layer(QUERY, KEY, VALUE, training=False)) for _ in range(2)]
    np.testing.assert_array_equal(*quiet)
    loud = [ops.convert_to_numpy(layer(QUERY, KEY, VALUE, training=True)) for _ in range(2)]
    assert np.abs(loud[0] - loud[1]).max() > 0.1


def test_initial_values_are_those_of_three_matrices_stacked():
    layer = MultiHeadAttention(64, heads=4)
    layer.build((None, None, 64))
    assert layer.count_params() == 4 * 64 * 65
    for part, bound in ((layer.value_dense, (6 / 256) ** 0.5), (layer.out_dense, (6 / 128) ** 0.5)):
        kernel = ops.convert_to_numpy(part.kernel)
        assert 0.95 * bound < np.abs(kernel).max() <= bound
        assert not ops.convert_to_numpy(part.bias).any()


def test_settings_survive_and_are_checked(layer):
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert (copy.channels, copy.heads, copy.rate) == (12, 3, 0.5)
    with pytest.raises(ConfigError, match="multiple of 5 heads; got 12"):
        MultiHeadAttention(12, heads=5)
