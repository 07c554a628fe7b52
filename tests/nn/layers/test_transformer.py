"""The transformer's layers against plain NumPy, and what must not depend on padding."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.nn.layers.transformer import (
    DecoderLayer,
    EncoderLayer,
    TransformerDecoder,
    TransformerEncoder,
)

RANDOM = np.random.default_rng(0)
SMALL = dict(channels=8, heads=2, hidden=12)
CELLS, POSITION = (RANDOM.normal(size=(2, 5, 8)).astype(np.float32) for _ in range(2))
CODES = RANDOM.normal(size=(3, 8)).astype(np.float32)
PADDING = np.array([[False, False, False, True, True], [False] * 5])


def numpy_of(value):
    return ops.convert_to_numpy(value)


def drawn(layer, *inputs):
    """Builds a layer and gives it weights that none of its parts starts with."""
    layer(*inputs)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(0, 0.5, weight.shape).astype(np.float32))
    return layer


def normalised(x, layer):
    gamma, beta = numpy_of(layer.gamma), numpy_of(layer.beta)
    gap = x - x.mean(-1, keepdims=True)
    return gap / np.sqrt((gap**2).mean(-1, keepdims=True) + 1e-5) * gamma + beta


def forward(x, layer):
    hidden = np.maximum(x @ numpy_of(layer.dense1.kernel) + numpy_of(layer.dense1.bias), 0)
    return hidden @ numpy_of(layer.dense2.kernel) + numpy_of(layer.dense2.bias)


def test_an_encoder_layer_adds_positions_to_queries_and_keys_alone():
    layer = drawn(EncoderLayer(**SMALL), CELLS, POSITION, PADDING)
    place = CELLS + POSITION
    seen = numpy_of(layer.self_attention(place, place, CELLS, PADDING))
    x = normalised(CELLS + seen, layer.norm1)
    expected = normalised(x + forward(x, layer), layer.norm2)
    ours = numpy_of(layer(CELLS, POSITION, PADDING))
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-4)


def test_a_decoder_layer_looks_at_queries_then_at_the_map():
    x = RANDOM.normal(size=(2, 3, 8)).astype(np.float32)
    inputs = (x, CODES[None], CELLS, POSITION, PADDING)
    layer = drawn(DecoderLayer(**SMALL), *inputs)
    place = x + CODES
    y = normalised(x + numpy_of(layer.self_attention(place, place, x)), layer.norm1)
    seen = numpy_of(layer.cross_attention(y + CODES, CELLS + POSITION, CELLS, PADDING))
    y = normalised(y + seen, layer.norm2)
    y = normalised(y + forward(y, layer), layer.norm3)
    ours, weights = layer(*inputs)
    np.testing.assert_allclose(numpy_of(ours), y, rtol=1e-4, atol=1e-4)
    assert weights.shape == (2, 2, 3, 5)
    assert not numpy_of(weights)[0, ..., 3:].any()


def test_the_stacks_normalise_every_decoder_layer_with_one_norm():
    encoder = drawn(TransformerEncoder(2, **SMALL), CELLS, POSITION, PADDING)
    x = CELLS
    for block in encoder.blocks:
        x = block(x, POSITION, PADDING)
    ours = encoder(CELLS, POSITION, PADDING)
    np.testing.assert_allclose(numpy_of(ours), numpy_of(x), atol=1e-5)
    inputs = (CODES, CELLS, POSITION, PADDING)
    decoder = drawn(TransformerDecoder(2, **SMALL), *inputs)
    x, expected = np.zeros((2, 3, 8), np.float32), []
    for block in decoder.blocks:
        x, last = block(x, CODES[None], CELLS, POSITION, PADDING)
        expected.append(normalised(numpy_of(x), decoder.norm))
    states, weights = decoder(*inputs)
    np.testing.assert_allclose(numpy_of(states), expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(numpy_of(weights), numpy_of(last), atol=1e-6)


def test_what_is_behind_padding_changes_nothing():
    encoder = drawn(TransformerEncoder(2, **SMALL), CELLS, POSITION, PADDING)
    changed, place = CELLS.copy(), POSITION.copy()
    changed[0, 3:], place[0, 3:] = 100, -50
    before = numpy_of(encoder(CELLS, POSITION, PADDING))
    after = numpy_of(encoder(changed, place, PADDING))
    np.testing.assert_allclose(before[0, :3], after[0, :3], atol=1e-6)
    np.testing.assert_allclose(before[1], after[1], atol=1e-6)
    decoder = drawn(TransformerDecoder(2, **SMALL), CODES, CELLS, POSITION, PADDING)
    before, _ = decoder(CODES, CELLS, POSITION, PADDING)
    after, _ = decoder(CODES, changed, place, PADDING)
    np.testing.assert_allclose(numpy_of(before), numpy_of(after), atol=1e-6)
    alone, _ = decoder(CODES, CELLS[:1, :3], POSITION[:1, :3])
    np.testing.assert_allclose(numpy_of(before)[:, :1], numpy_of(alone), atol=2e-5)


def test_the_published_numbers_of_weights():
    for kind, count in ((TransformerEncoder, 7_890_432), (TransformerDecoder, 9_473_024)):
        layer = kind()
        layer.build((None, None, 256))
        assert layer.count_params() == count


@pytest.mark.parametrize("kind", [TransformerEncoder, TransformerDecoder])
def test_a_stack_survives_its_config(kind):
    layer = kind(3, channels=16, heads=4, hidden=8, dropout=0.2, name="it", dtype="mixed_bfloat16")
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.get_config() == layer.get_config()
    for stack in (layer, copy):
        stack.build((None, None, 16))
    assert [w.path for w in copy.weights] == [w.path for w in layer.weights]
    assert [w.shape for w in copy.weights] == [w.shape for w in layer.weights]
    rates = {block.drop_hidden.rate for block in copy.blocks}
    assert rates == {block.self_attention.rate for block in copy.blocks} == {0.2}


def test_half_precision_keeps_its_type_and_most_of_the_values():
    exact = drawn(TransformerEncoder(2, **SMALL), CELLS, POSITION, PADDING)
    half = TransformerEncoder(2, **SMALL, dtype="mixed_bfloat16")
    half.build(CELLS.shape)
    for ours, theirs in zip(half.weights, exact.weights, strict=True):
        ours.assign(theirs)
    ours = half(CELLS, POSITION, PADDING)
    assert keras.backend.standardize_dtype(ours.dtype) == "bfloat16"
    ours = numpy_of(ops.cast(ours, "float32"))
    np.testing.assert_allclose(ours, numpy_of(exact(CELLS, POSITION, PADDING)), atol=0.15)
