"""The masks of queries: the joint softmax, and the head against its plain form."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import ops

from tfseg.errors import ConfigError
from tfseg.nn.detr.mask_attention import MaskAttention
from tfseg.nn.detr.mask_head import MaskHead

RANDOM = np.random.default_rng(0)


def drawn(*shape):
    return RANDOM.normal(size=shape).astype(np.float32)


def numpy_of(value):
    return ops.convert_to_numpy(value)


def randomised(layer, *inputs):
    layer(*inputs)
    for weight in layer.weights:
        weight.assign(RANDOM.normal(0, 0.2, weight.shape).astype(np.float32))
    return layer


def test_attention_of_a_query_sums_to_one_over_heads_and_valid_cells_together():
    states, memory = drawn(2, 3, 8), drawn(2, 2, 4, 8)
    padding = np.zeros((2, 2, 4), bool)
    padding[1, :, 2:] = True
    layer = randomised(MaskAttention(8, heads=4), states, memory, padding)
    ours = numpy_of(layer(states, memory, padding))
    assert ours.shape == (2, 3, 2, 4, 4)
    np.testing.assert_allclose(ours.sum((2, 3, 4)), 1, atol=1e-6)
    assert not ours[1, :, :, 2:].any()
    wq, bq = (numpy_of(weight) for weight in layer.query_dense.weights)
    wk, bk = (numpy_of(weight) for weight in layer.key_dense.weights)
    q, k = states @ wq + bq, memory @ wk + bk
    for image, query in np.ndindex(2, 3):
        scores = np.zeros((2, 4, 4))
        for row, column, head in np.ndindex(2, 4, 4):
            part = slice(2 * head, 2 * head + 2)
            product = q[image, query, part] @ k[image, row, column, part]
            scores[row, column, head] = product / 2**0.5
        expected = np.exp(scores) * ~padding[image][..., None]
        np.testing.assert_allclose(ours[image, query], expected / expected.sum(), atol=1e-5)


def test_the_published_numbers_of_weights():
    layer = MaskAttention()
    layer.build((None, None, 256))
    assert layer.count_params() == 131_584
    for fuse, finer, count in (
        ("concat", (64, 64, 64), 1_141_145),
        ("add", (1024, 512, 256), 1_202_073),
    ):
        head = MaskHead(fuse=fuse)
        shapes = [(None, None, None, width) for width in finer]
        head.build((None, 40, 16, 16, 8), (None, 16, 16, 256), shapes)
        assert head.count_params() == count


def plain(head, attention, memory, finer):
    """Returns the logits of the head with every channel repeated for every query."""
    count = attention.shape[1]
    own = attention.reshape(-1, *attention.shape[2:])
    x = np.concatenate([np.repeat(memory, count, 0), own], -1)
    for number, (conv, normalise) in enumerate(zip(head.convs, head.norms)):
        if number > 1:
            times = 1 if number == 2 and head.growth == 4 else 2
            x = np.repeat(np.repeat(numpy_of(x), times, 1), times, 2)
            fine = np.repeat(numpy_of(head.laterals[number - 2](finer[number - 2])), count, 0)
            x = np.concatenate([x, fine], -1) if head.fuse == "concat" else x + fine
        x = ops.relu(normalise(conv(x)))
    logits = numpy_of(head.score(x))
    return logits.reshape(len(memory), count, *logits.shape[1:3])


@pytest.mark.parametrize(("fuse", "growth"), [("add", 8), ("concat", 8), ("concat", 4)])
def test_the_head_is_its_plain_form(fuse, growth):
    attention, memory = drawn(2, 3, 2, 3, 8), drawn(2, 2, 3, 128)
    finer = [drawn(2, 2 * growth // n, 3 * growth // n, 5) for n in (4, 2, 1)]
    head = randomised(MaskHead(128, fuse=fuse, growth=growth), attention, memory, finer)
    ours = numpy_of(head(attention, memory, finer))
    assert ours.shape == (2, 3, 2 * growth, 3 * growth)
    assert head.compute_output_spec(attention, memory, finer).shape == ours.shape
    expected = plain(head, attention, memory, finer)
    np.testing.assert_allclose(ours, expected, atol=1e-4 * np.abs(expected).max())
    # Some of the queries have the masks that they have among all.
    some = numpy_of(head(attention[:, 1:2], memory, finer))
    np.testing.assert_allclose(some, ours[:, 1:2], atol=1e-4 * np.abs(expected).max())


def test_settings_survive_and_are_checked():
    head = MaskHead(128, heads=16, fuse="concat", growth=4)
    copy = keras.layers.deserialize(keras.layers.serialize(head))
    assert (copy.channels, copy.heads, copy.fuse, copy.growth) == (128, 16, "concat", 4)
    with pytest.raises(ConfigError, match="4 or 8; got 2"):
        MaskHead(growth=2)
    with pytest.raises(ConfigError, match="'add' or 'concat'; got 'sum'"):
        MaskHead(fuse="sum")
    with pytest.raises(ConfigError, match="multiple of 128 and heads one of 8; got 96 and 8"):
        MaskHead(96)
    attention = MaskAttention(16, heads=2)
    copy = keras.layers.deserialize(keras.layers.serialize(attention))
    assert (copy.channels, copy.heads) == (16, 2)
