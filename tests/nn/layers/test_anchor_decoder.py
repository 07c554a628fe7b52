"""Queries that are boxes: their codes, and attention that keeps content and place apart."""

from __future__ import annotations

import keras
import numpy as np
from keras import ops

from tfseg.nn.layers.anchor_decoder import (
    AnchorDecoder,
    ConditionalAttention,
    box_codes,
    inverse_sigmoid,
)
from tfseg.nn.layers.position_encoding import sine_position_encoding

RANDOM = np.random.default_rng(0)


def draw(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def test_the_code_of_a_centre_is_that_of_a_cell_at_the_same_place():
    cells = ops.convert_to_numpy(sine_position_encoding(np.zeros((1, 3, 4), bool), 8, 20.0))
    for row, column in ((0, 0), (1, 2), (2, 3)):
        place = np.float32([(row + 1) / 3, (column + 1) / 4])
        ours = ops.convert_to_numpy(box_codes(place, 8, 20.0))
        np.testing.assert_allclose(ours, cells[0, row, column], atol=1e-4)
    ends = ops.convert_to_numpy(inverse_sigmoid(np.float32([0, 0.25, 1])))
    np.testing.assert_allclose(ends, [-6.9068, -1.0986, 6.9068], atol=1e-3)


def test_attention_is_that_of_content_and_place_side_by_side():
    """As the sources have it: in each head, the two halves of a query next to each other."""
    layer = ConditionalAttention(8, heads=2)
    x, place, memory, position = draw(2, 3, 8), draw(2, 3, 8), draw(2, 5, 8), draw(2, 5, 8)
    padding = np.zeros((2, 5), bool)
    padding[1, 3:] = True
    out, weights = (ops.convert_to_numpy(v) for v in layer(x, place, memory, position, padding))

    def dense(name, values):
        each = getattr(layer, f"{name}_dense")
        kernel, bias = (ops.convert_to_numpy(w) for w in (each.kernel, each.bias))
        return (values @ kernel + bias).reshape(*values.shape[:2], 2, 4)

    queries = np.concatenate([dense("query", x), dense("query_place", place)], axis=-1)
    keys = np.concatenate([dense("key", memory), dense("key_place", position)], axis=-1)
    scores = np.einsum("bqhd,bmhd->bhqm", queries, keys) / np.sqrt(8)
    scores = np.where(padding[:, None, None], -np.inf, scores)
    wanted = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    np.testing.assert_allclose(weights, wanted, atol=1e-5)
    mixed = np.einsum("bhqm,bmhd->bqhd", wanted, dense("value", memory)).reshape(2, 3, 8)
    np.testing.assert_allclose(out, dense("out", mixed).reshape(2, 3, 8), atol=1e-5)


def test_each_layer_moves_the_boxes_of_the_one_before():
    layer = AnchorDecoder(3, channels=8, heads=2, hidden=12)
    anchors = np.float32([[0.3, 0.4, 0.2, 0.5], [0.8, 0.1, 0.5, 0.5]])
    step = np.float32([0.5, -0.2, 0.1, 0.3])
    states, boxes, weights = layer(
        anchors,
        draw(2, 6, 8),
        draw(2, 6, 8),
        moves=lambda state: ops.zeros_like(state[..., :4]) + step,
    )
    assert tuple(states.shape) == (3, 2, 2, 8) and tuple(weights.shape) == (2, 2, 2, 6)
    logits = np.log(anchors / (1 - anchors))
    for number in range(3):
        wanted = 1 / (1 + np.exp(-(logits + (number + 1) * step)))
        found = ops.convert_to_numpy(boxes[number])
        np.testing.assert_allclose(found, np.stack([wanted, wanted]), atol=1e-5)
    copy = keras.layers.deserialize(keras.layers.serialize(layer))
    assert copy.settings == layer.settings
